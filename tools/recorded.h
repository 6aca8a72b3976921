/* SPDX-License-Identifier: Apache-2.0 */
/* recorded: a recorded job's folder, opened for reading; what its tools share. */
#ifndef JEM_TOOLS_RECORDED_H
#define JEM_TOOLS_RECORDED_H

#include "receiver/model.h"
#include "receiver/streams_file.h"

struct jem_recorded {
	int folder; /* owned */
	int data;   /* owned */
	struct jem_streams streams;
	struct jem_checkpoint checkpoint;
	struct jem_identity identity; /* from streams.json; names "" without it */
	bool has_nodes;               /* more than one: lines tell which */
};

/* 0, or a negative errno with the reason: there is no such folder, or it is no job's. */
int jem_recorded_open(struct jem_recorded *recorded, const char *path, struct jem_err *err);
void jem_recorded_close(struct jem_recorded *recorded);

/* The node of a line of data/, "" where it is not known or there is but one. */
const char *jem_recorded_node(const struct jem_recorded *recorded, const char *epoch,
			      enum jem_kind kind);

/* A model of all that is recorded: 0, -EIO and the like. The caller destroys it. */
int jem_recorded_model(const struct jem_recorded *recorded, struct jem_job_model **ret);

#endif
