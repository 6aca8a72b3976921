/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dat_load: the data of a trace.dat file, lane by lane, as blocks of events.
 *
 * Flow:      file -> chunks -> pages -> decode, on a thread of its own, up to BLOCKS ahead of who takes them
 * Thread:    created, taken from and destroyed by one; without a second thread it works at the taking
 * Ownership: borrows the file, which nobody else touches meanwhile; names belong to who takes
 * Bound:     BLOCKS blocks a lane, and pages a block so that all together stay under LOAD_MAX
 */
#ifndef JEM_TRACER_SCHED_DAT_LOAD_H
#define JEM_TRACER_SCHED_DAT_LOAD_H

#include "tracer/sched/names.h"
#include "tracer/sched/page.h"
#include "tracer/sched/trace_dat_internal.h"

struct jem_dat_load;

struct jem_dat_block {
	struct jem_sched_event *events; /* owned by the load, up to the next take of that lane */
	size_t count;
	int64_t until_ns; /* no earlier event comes */
	bool is_last;
};

struct jem_dat_load_options {
	struct jem_trace_dat *file;
	struct jem_sched_names
		*names;          /* empty; taking a block adds those that its events speak of */
	const uint32_t *skipped; /* types of events by buffer, as bits; or NULL */
	bool is_threaded;
};

int jem_dat_load_create(const struct jem_dat_load_options *options, struct jem_dat_load **ret,
			struct jem_err *err);
/* Ends the thread and sums up into the file's info; the number of records in *records. */
void jem_dat_load_destroy(struct jem_dat_load *load, uint64_t *records);

/* The lane's next block. -ENOMEM. Not after its last. */
int jem_dat_load_take(struct jem_dat_load *load, size_t lane, struct jem_dat_block *ret);

#endif
