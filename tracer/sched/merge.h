/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge: events of many cores, each in order of time -> one sequence in the order (time, lane, sequence).
 *
 * A lane is one core's buffer. A file gives a lane its next page when the merge wants it; the live source
 * gives what it has read, and says by watermarks up to when lanes without events are known to have none.
 *
 * Flow:      page -> room, push -> next -> machine
 * Thread:    one
 * Ownership: owns the events that wait; next lends a run of them until the next call of room, push or next
 * Bound:     the caller's: what waits is `held`
 * Invariant: what next gives never goes back in time, but where a lane is given events older than its
 *            watermark: these come at once, counted as late; in == out + held
 */
#ifndef JEM_TRACER_SCHED_MERGE_H
#define JEM_TRACER_SCHED_MERGE_H

#include "tracer/sched/event.h"

#include <stddef.h>

struct jem_sched_merge;

/* Lanes are numbered from 0 in the order that settles equal times: by core. 0, -ENOMEM, -E2BIG. */
int jem_sched_merge_create(size_t lanes, struct jem_sched_merge **ret);
void jem_sched_merge_destroy(struct jem_sched_merge *merge);

/* Room for that many events at the end of a lane, or NULL; push tells how many were written. */
struct jem_sched_event *jem_sched_merge_room(struct jem_sched_merge *merge, size_t lane,
					     size_t events);
void jem_sched_merge_push(struct jem_sched_merge *merge, size_t lane, size_t events);

/* The lane gives nothing before `ns` any more. INT64_MAX: nothing at all, it has ended. */
void jem_sched_merge_watermark(struct jem_sched_merge *merge, size_t lane, int64_t ns);

/*
 * The next events in order, all of one lane. 0: the lane at *wants has to be given events or a later
 * watermark first; SIZE_MAX there: all lanes have ended.
 */
size_t jem_sched_merge_next(struct jem_sched_merge *merge, const struct jem_sched_event **ret,
			    size_t *wants);

/* Events that wait, and those that came late. */
size_t jem_sched_merge_held(const struct jem_sched_merge *merge);
uint64_t jem_sched_merge_late(const struct jem_sched_merge *merge);

#endif
