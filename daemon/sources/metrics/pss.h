/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pss: proportional set size, within a budget of stall and of processor time.
 *
 * Reading smaps or smaps_rollup locks the mappings of the process while the kernel walks its pages:
 * the process's own mmap and munmap wait 5 to 7 ms for each GiB of small pages. smaps_rollup holds
 * the lock for the whole process; smaps, read in pieces, for one mapping at a time. So:
 *
 *   - small processes are read by smaps_rollup (one system call), large ones by smaps in pieces;
 *   - a reading whose stall is over `stall_ns` (learnt from the last one, predicted from the largest
 *     mapping before the first) happens so seldom that it takes at most a thousandth of the time;
 *   - all readings together take at most 1/4000 of the processors the job keeps busy;
 *   - who changed most since its last reading comes first, who did not change is not read.
 *
 * Between readings the value moves with RssAnon; its age is told.
 */
#ifndef JEM_DAEMON_METRICS_PSS_H
#define JEM_DAEMON_METRICS_PSS_H

#include "daemon/sources/metrics/procset.h"

struct jem_pss {
	uint64_t stall_ns; /* allowed in every interval */
	int64_t credit_ns; /* processor time that may be spent; negative: owed */
	uint64_t last_ns;
	uint64_t readings; /* for tests and status */
	uint64_t spent_ns;
	uint64_t longest_stall_ns;
};

void jem_pss_init(struct jem_pss *pss, uint64_t stall_ns);

/* Reads those that are due. `cores`: processors the job keeps busy. */
void jem_pss_step(struct jem_pss *pss, struct jem_procset *set, double cores, uint64_t now_ns);

/* The value now: false when nothing is known of this process yet. */
bool jem_pss_value(const struct jem_procset *set, const struct jem_process *process,
		   uint64_t *bytes);

/* Reads one process, in the way that suits its size: 0 or a negative errno. */
int jem_pss_read(const char *root, struct jem_process *process, uint64_t now_ns);

#endif
