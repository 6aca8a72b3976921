/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_folder: the batches of kind sched in a job's folder -> a model of scheduling.
 *
 * Flow:      data/sched.cbors.zst, all segments -> columns -> tasks, slices, gaps -> model, sealed
 * Thread:    any one; 0.2 us a slice
 * Bound:     the slices that the caller allows: later ones are left out and counted
 * Invariant: whatever a batch says, the model is whole; what a column lacks or has in another shape is as if
 *            it had not been told
 *
 * Times are those of the node's CLOCK_MONOTONIC. Of several nodes, or of one that was started anew, one is
 * read: clocks of others do not fit in.
 */
#ifndef JEM_RECEIVER_SCHED_FOLDER_H
#define JEM_RECEIVER_SCHED_FOLDER_H

#include "common/batch.h"
#include "common/sched/model.h"

struct jem_sched_folder_options {
	uint64_t keep_bytes; /* only the last ones on disk, by whole segments; 0: all */
	uint64_t max_slices; /* 0: any number */
};

struct jem_sched_folder {
	char node[JEM_NAME_MAX + 1];
	char level[16];  /* as the last summary tells: tracefs, switches, sampling; "": none */
	uint32_t cores;  /* of the node; 0: not known */
	int64_t wall_ns; /* wall clock less CLOCK_MONOTONIC */
	uint64_t batches, slices;
	uint64_t left_out; /* slices beyond the bound */
	uint64_t foreign;  /* batches of other nodes and boots */
	uint64_t damaged;  /* batches, and places that are none */
};

/*
 * `data` is the folder data/; the model is empty and initialised. 0 (also where there is nothing), -EIO,
 * -ENOMEM. It is sealed in any case but -ENOMEM.
 */
int jem_sched_folder_read(int data, const struct jem_sched_folder_options *options,
			  struct jem_sched_model *model, struct jem_sched_folder *ret);

#endif
