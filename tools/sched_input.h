/* SPDX-License-Identifier: Apache-2.0 */
/* sched_input: a recording of scheduling, whatever it is kept in: a trace.dat file or a job's folder. */
#ifndef JEM_TOOLS_SCHED_INPUT_H
#define JEM_TOOLS_SCHED_INPUT_H

#include "common/err.h"
#include "common/sched/model.h"

struct jem_sched_input {
	const char *path; /* borrowed */
	char name[256];   /* of the file or folder, without what leads there */
	struct jem_sched_model model;
	unsigned version;  /* of trace.dat; 0: a folder */
	unsigned cpus;     /* of the machine */
	char warning[256]; /* what is wrong with it though it can be shown; "": nothing */
};

/* 0, or a negative errno with the reason, in which the path is; then it need not be deinitialised. */
int jem_sched_input_open(struct jem_sched_input *input, const char *path, struct jem_err *err);
/* Zeroed is fine, too. */
void jem_sched_input_deinit(struct jem_sched_input *input);

#endif
