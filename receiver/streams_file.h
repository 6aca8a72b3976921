/* SPDX-License-Identifier: Apache-2.0 */
/*
 * streams_file: streams.json, what came of every stream of a job (DESIGN section 7), and the
 * checkpoint to go on from after a crash.
 *
 * The checkpoint says up to which place of each data file the account of the streams reaches. Lines
 * behind it are found again from the tails of data/; without the file, from all of data/.
 */
#ifndef JEM_RECEIVER_STREAMS_FILE_H
#define JEM_RECEIVER_STREAMS_FILE_H

#include "receiver/data_file.h"
#include "receiver/job_prmon.h"
#include "receiver/stream.h"

enum {
	JEM_STREAMS_MAX = 1024 /* of one job: 100 starts of its daemon with every kind */
};

struct jem_checkpoint {
	struct jem_data_place at[JEM_KIND_COUNT];   /* lines before are in the account */
	struct jem_data_place from[JEM_KIND_COUNT]; /* those before are in job.log, or calls.log */
	struct jem_data_place job_log;              /* job.log was written up to here */
	uint64_t job_log_us;                        /* and up to this time of records */
	struct jem_data_place metrics_csv;          /* as job_log */
	struct jem_data_place calls_log;            /* the same */
	uint32_t metric_thinned; /* segments below have no records of processes */
	struct jem_prmon_state prmon;
};

struct jem_streams {
	struct jem_stream **at; /* owned, each */
	size_t count;
	size_t cap;
};

void jem_streams_deinit(struct jem_streams *streams);

struct jem_stream *jem_streams_find(const struct jem_streams *streams, const char *epoch,
				    enum jem_kind kind);

/* A new stream: NULL beyond JEM_STREAMS_MAX or without memory. */
struct jem_stream *jem_streams_add(struct jem_streams *streams, const char *node, const char *epoch,
				   enum jem_kind kind);

/* Replaces streams.json: 0 or negative errno. `identity` names the job. */
int jem_streams_save(const struct jem_streams *streams, const struct jem_checkpoint *checkpoint,
		     const struct jem_identity *identity, int folder);

/*
 * Reads it back into empty `streams`: 0, -ENOENT, or -EBADMSG with the reason and nothing read.
 * Names of the job are the caller's to check against the folder.
 */
int jem_streams_load(struct jem_streams *streams, struct jem_checkpoint *checkpoint,
		     struct jem_identity *identity, int folder, struct jem_err *err);

#endif
