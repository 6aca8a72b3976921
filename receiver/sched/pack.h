/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack: the slices of a view as text for a page: columns of variable-length integers, deflated, base64.
 *
 * Layout (receiver/sched/sched_data.js reads it): numbers are LEB128, signed ones zigzag. First the
 * count of names of tasks ("faces": a task under one command name) and for each the differences of
 * tid, tid - pid, and parent + 1 and name as they are. Then for each core, in the order of the model,
 * its count of slices. Then six columns, each over all slices of all cores: start after the end of the
 * slice before, run, how it ended (a byte), face, wait, waker. Last, how many waited for another core than
 * they ran on, and for each of them its number among all slices and that core. Times are in units of `unit_ns`.
 *
 * Faces and wakers are ranks in a list of those last seen on the core, which makes most of them 0 or
 * 1: below RECENT a rank, from there on RECENT + the number itself.
 *
 * Bound: slices that are shorter than a unit keep a run of 0 and are still there.
 */
#ifndef JEM_RECEIVER_SCHED_PACK_H
#define JEM_RECEIVER_SCHED_PACK_H

#include "receiver/sched/view.h"

enum {
	JEM_PACK_RECENT = 24,
	JEM_PACK_SLICES_MAX = 8000000, /* of a page: browsers hold about 40 bytes for each */
};

/* How fine times are for a window: 1, 10, 100 or 1000 ns. */
unsigned jem_sched_unit_ns(const struct jem_sched_view *view);

/* How many slices a view has, or a few more. */
size_t jem_sched_pack_count(const struct jem_sched_view *view);

/* Appends the text: 0 or -ENOMEM. `ret_slices` is how many it holds. */
int jem_sched_pack(const struct jem_sched_view *view, struct jem_buf *out, size_t *ret_slices);

void jem_base64_add(struct jem_buf *out, const void *bytes, size_t len);

#endif
