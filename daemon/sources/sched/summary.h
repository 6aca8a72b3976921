/* SPDX-License-Identifier: Apache-2.0 */
/*
 * summary: what a second of scheduling comes to, of the node or of the job.
 *
 * Flow:      slices -> add -> take: one row of kind `sched`, event `summary`
 * Thread:    one
 * Bound:     two kilobytes each
 *
 * A slice counts in the second in which it is told, at its end or once a second while it goes on: over
 * the whole of a job nothing is left out or counted twice.
 */
#ifndef JEM_DAEMON_SOURCES_SCHED_SUMMARY_H
#define JEM_DAEMON_SOURCES_SCHED_SUMMARY_H

#include "common/sched/slice.h"
#include "daemon/sources/sched/item_rows.h"

#define JEM_LATENCY_SLOTS 512 /* eight in each power of two: an eighth too much at most */

struct jem_sched_summary {
	uint64_t run_ns, wait_ns, idle_wait_ns;
	uint64_t slices, wakeups;
	uint64_t latency_max_ns;
	uint64_t moves[5]; /* by enum jem_sched_move */
	uint32_t latency[JEM_LATENCY_SLOTS];
};

/* `idle_wait_ns`: of its wait, how long a core was idle. */
void jem_sched_summary_add(struct jem_sched_summary *summary, const struct jem_sched_slice *slice,
			   uint64_t idle_wait_ns);

/* What is not of one scope's slices; UINT64_MAX and negative numbers: not known at this level. */
struct jem_sched_second {
	const char *scope, *level;
	uint64_t from_ns, to_ns;
	uint64_t switches, events, lost, inferred, monitor_ns;
	unsigned cores;  /* of the node, that are online */
	double pressure; /* of PSI: part of the time in which some task waited for a core */
	bool has_runs;   /* how long tasks ran, and waited */
	bool has_slices;
	bool has_waits; /* after wake-ups too */
	bool has_moves;
	bool has_idle;
};

extern const char *const jem_summary_columns[];
extern const uint32_t jem_summary_column_count;

/* Writes the row and begins anew. */
void jem_sched_summary_take(struct jem_sched_summary *summary,
			    const struct jem_sched_second *second, struct jem_item_rows *ret);

/* The least time that at least `part` of the wake-ups took no longer than, by the histogram; 0: none. */
uint64_t jem_sched_summary_latency(const struct jem_sched_summary *summary, double part);

#endif
