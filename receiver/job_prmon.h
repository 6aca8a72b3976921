/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_prmon: prmon.txt and prmon.json of a job's folder, as PanDA's pilot reads them.
 *
 * The format is that of common/prmon_format.h. A row is written for each sample of the job; network
 * is what its node told last. A sample without processes is the job's end: its totals are in
 * prmon.json, and no row, unless it is the only one. The files know one node: where a job has
 * several, only records of the first may be added.
 *
 * Flow:      record -> row -> commit -> prmon.txt; sums -> prmon.json, replaced as a whole
 * Recovery:  the checkpoint holds the sums and how much of prmon.txt they stand for; what is behind
 *            is cut off, and made again from the records that streams.json does not know of
 * Invariant: rows of prmon.txt == samples summed up, unless a write of prmon.txt failed or it is
 *            full; prmon.json has them all
 */
#ifndef JEM_RECEIVER_JOB_PRMON_H
#define JEM_RECEIVER_JOB_PRMON_H

#include "common/json_reader.h"
#include "common/json_writer.h"
#include "common/kind.h"
#include "common/prmon_format.h"
#include "receiver/data_file.h"

/* What the next start needs. */
struct jem_prmon_state {
	struct jem_prmon prmon;
	struct jem_prmon_hardware hardware;
	uint64_t text_bytes; /* of prmon.txt; in a checkpoint only */
};

struct jem_job_prmon {
	struct jem_data_file file;
	struct jem_prmon_state state;
	struct jem_prmon_state kept;   /* without the records that are not in data/ yet */
	size_t kept_len;               /* of the pending rows */
	double node[JEM_METRIC_COUNT]; /* told last; NAN: not yet */
	bool is_changed;               /* since prmon.json was written */
	uint64_t max_bytes;            /* prmon.txt takes no rows beyond; 0: any number */
	bool is_full;                  /* rows were left out for that */
};

void jem_job_prmon_init(struct jem_job_prmon *prmon);
void jem_job_prmon_deinit(struct jem_job_prmon *prmon);

/* Takes a metric record of scope node or job, and what a status record tells of the machine. */
void jem_job_prmon_add(struct jem_job_prmon *prmon, enum jem_kind kind, uint64_t t_us,
		       const struct jem_json_doc *doc, uint32_t record);

/* What was added since the last commit is in data/, or is not and is taken back. */
void jem_job_prmon_commit(struct jem_job_prmon *prmon, bool is_written);

/* Writes the rows of all that was added, which is in data/: 0, or negative errno (they are left
 * out). */
int jem_job_prmon_write(struct jem_job_prmon *prmon, int folder);

/* Replaces prmon.json if it would change: 0, or negative errno (the next call tries again). */
int jem_job_prmon_save(struct jem_job_prmon *prmon, int folder);

/* Goes on from a checkpoint, or begins anew from one of zeros: 0 or negative errno. */
int jem_job_prmon_recover(struct jem_job_prmon *prmon, const struct jem_prmon_state *from,
			  int folder);

struct jem_prmon_state jem_job_prmon_state(const struct jem_job_prmon *prmon);

/* A checkpoint as JSON object. What cannot be read leaves zeros. */
void jem_prmon_state_put(const struct jem_prmon_state *state, struct jem_json *json);
void jem_prmon_state_get(const struct jem_json_doc *doc, uint32_t object,
			 struct jem_prmon_state *ret);

#endif
