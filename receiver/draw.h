/* SPDX-License-Identifier: Apache-2.0 */
/* draw: fills a model from a job's folder, and draws from it. */
#ifndef JEM_RECEIVER_DRAW_H
#define JEM_RECEIVER_DRAW_H

#include "receiver/model.h"
#include "receiver/page/job_sched.h"
#include "receiver/streams_file.h"

/*
 * Feeds all records of the folder data/, in order of time. `keep_bytes`: only the last ones of each
 * kind, on disk (0: all). 0 or negative errno.
 */
int jem_model_replay(struct jem_job_model *model, const struct jem_streams *streams, int data,
		     uint64_t keep_bytes);

/*
 * Scheduling as data/ has it, summed up for the page and graphs/; bounded (receiver/page/job_sched.h). 0 or
 * negative errno; what it returns, deinit frees.
 */
int jem_job_sched_load(struct jem_job_sched *sched, const struct jem_job_model *model, int data);

/* The account of the streams, for the page. */
void jem_model_note_streams(struct jem_job_model *model, const struct jem_streams *streams);

#endif
