/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pss_scan: PSS of a process with a mapping too large for smaps, counted from its page table.
 *
 * /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst) is read 2 MiB of memory at a time,
 * and the kernel locks the mappings no longer than for that: 0.1 ms, where smaps locks them for the
 * whole of a mapping. It tells of each page whether the process alone maps it, but not how many
 * others do. So it gives bounds: pages of its own, and at most half of each of the others.
 *
 * Thread:    loop thread; works in slices, so that it never holds up the loop
 * Ownership: owns its descriptors; nothing of the process
 */
#ifndef JEM_DAEMON_METRICS_PSS_SCAN_H
#define JEM_DAEMON_METRICS_PSS_SCAN_H

#include "daemon/sources/metrics/maps.h"

struct jem_pss_scan {
	pid_t pid;
	uint64_t start_ticks; /* with the pid it names the process; set by whoever opens it */
	struct jem_maps maps;
	int fd;           /* pagemap */
	uint64_t at, end; /* what is left of the mapping that is being read */
	uint64_t left_bytes;
	uint64_t own_bytes;    /* that no other process maps */
	uint64_t shared_bytes; /* of whole pages */
	uint64_t cost_ns;      /* of processor time */
	uint64_t longest_ns;   /* of one reading */
	uint64_t page_bytes;
};

/* `span_max`: address space worth reading; what is sparser gives -E2BIG. 0 or a negative errno. */
int jem_pss_scan_open(struct jem_pss_scan *scan, const char *root, pid_t pid, uint64_t span_max);
void jem_pss_scan_close(struct jem_pss_scan *scan);

/* Reads on for about `slice_ns` of processor time: 1 when all is read, 0 when not yet, or a negative errno. */
int jem_pss_scan_step(struct jem_pss_scan *scan, uint64_t slice_ns);

#endif
