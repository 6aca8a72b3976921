/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pss: proportional set size, within a budget of stall and of processor time.
 *
 * Reading smaps or smaps_rollup locks the mappings of the process while the kernel walks its pages:
 * the process's own mmap and munmap wait 5 to 7 ms for each GiB of small pages. smaps_rollup holds
 * the lock for the whole process; smaps, read in pieces, for one mapping at a time. So:
 *
 *   - small processes are read by smaps_rollup (one system call), large ones by smaps in pieces;
 *   - where a piece would stall the process for more than `stall_ns` (told by its largest mapping,
 *     then learnt), the pages are counted in its page table instead (pss_scan.h). That is taken
 *     where it leaves no more than a twentieth open, which is told;
 *   - where more is shared than that, smaps is read so seldom that its stall takes at most a
 *     thousandth of the time;
 *   - all readings together take at most 1/4000 of the processors the job keeps busy;
 *   - who changed most since its last reading comes first, who did not change is not read.
 *
 * Between readings the value moves with RssAnon; its age is told.
 */
#ifndef JEM_DAEMON_METRICS_PSS_H
#define JEM_DAEMON_METRICS_PSS_H

#include "daemon/sources/metrics/procset.h"
#include "daemon/sources/metrics/pss_scan.h"

struct jem_pss {
	uint64_t stall_ns; /* allowed in every interval */
	int64_t credit_ns; /* processor time that may be spent; negative: owed */
	uint64_t last_ns;
	uint64_t readings; /* for tests and status */
	uint64_t spent_ns;
	uint64_t longest_stall_ns;
	struct jem_pss_scan scan;
	uint64_t begun_ns;
	uint64_t slice_ns;
	bool is_scanning; /* a page table, some ms a step until it is through */
};

void jem_pss_init(struct jem_pss *pss, uint64_t stall_ns);
void jem_pss_deinit(struct jem_pss *pss);

/* Reads those that are due. `cores`: processors the job keeps busy. */
void jem_pss_step(struct jem_pss *pss, struct jem_procset *set, double cores, uint64_t now_ns);

/* The value now: false when nothing is known of this process yet. */
bool jem_pss_value(const struct jem_procset *set, const struct jem_process *process,
		   uint64_t *bytes);

/* How far the value may be from the truth: all of it where the process was not read. */
uint64_t jem_pss_error(const struct jem_process *process);

/* Reads one process by smaps_rollup or smaps, in the way that suits its size: 0 or a negative errno. */
int jem_pss_read(const char *root, struct jem_process *process, uint64_t now_ns);

#endif
