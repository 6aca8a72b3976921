/* SPDX-License-Identifier: Apache-2.0 */
/* recording_internal: what the files of a recording share; nobody else includes it. */
#ifndef JEM_RECEIVER_RECORDING_INTERNAL_H
#define JEM_RECEIVER_RECORDING_INTERNAL_H

#include "receiver/recording.h"

/* Opens the folders again after a suspension, making them if need be: 0 or negative errno. */
int jem_recording_resume(struct jem_recording *recording);

/*
 * Takes up what an earlier receiver left in the folder (see streams_file.h): 0; -EPROTO when it is
 * another job's; other negative errno. The reason is set for all of them.
 */
int jem_recording_recover(struct jem_recording *recording, struct jem_err *err);

/*
 * Writes streams.json, with all that it tells of: 0 or negative errno. Only while every batch that
 * the streams have seen is written (jem_recording_is_settled).
 */
int jem_recording_save(struct jem_recording *recording, uint64_t now_ms);

/* Whether nothing waits for being written. */
bool jem_recording_is_settled(const struct jem_recording *recording);

/* Writes streams.json and settles the batches that waited for it: 0 or negative errno. */
int jem_recording_checkpoint(struct jem_recording *recording, uint64_t now_ms);

/* Notes where the data files end now, for the checkpoints of the next seconds. */
void jem_recording_note_history(struct jem_recording *recording, uint64_t now_ms);

/* Makes the model, from what is in the folder: 0, -ENOMEM. */
int jem_recording_make_model(struct jem_recording *recording);

/* Keeps the folder within its bound (budget.c). As jem_recording_save, and calls it. */
void jem_recording_keep_budget(struct jem_recording *recording, uint64_t now_ms);

/*
 * Tells a record to what is derived from it: job.log, metrics.csv, prmon's files, model. `stream` is
 * its own.
 */
void jem_recording_derive(struct jem_recording *recording, const struct jem_stream *stream,
			  uint64_t t_us, const struct jem_json_doc *doc, uint32_t record,
			  uint64_t now_ms);

/* The same of a batch of calls, from row `skip` on: calls.log. */
void jem_recording_derive_calls(struct jem_recording *recording, const struct jem_head *head,
				const struct jem_columns *columns, uint64_t skip);

/* Whether these rows of calls are to be derived later, from data/; all that come next then, too. (calls_behind.c) */
bool jem_recording_put_off(struct jem_recording *recording, uint64_t rows);

/* `len` pending bytes of calls have been written, or thrown away. */
void jem_recording_calls_written(struct jem_recording *recording, size_t len, bool is_written);

/* Where the calls begin in data/ that are not derived. */
struct jem_data_place jem_recording_calls_from(const struct jem_recording *recording);

/* Gives up its descriptor; all of it. */
void jem_recording_suspend_behind(struct jem_recording *recording);
void jem_recording_end_behind(struct jem_recording *recording);

/* The same for prmon's files alone. */
void jem_recording_derive_prmon(struct jem_recording *recording, enum jem_kind kind,
				const char *node, uint64_t t_us, const struct jem_json_doc *doc,
				uint32_t record);

/*
 * Where a status record tells how far the streams of an earlier epoch went (state `epoch`), what has not
 * come of their ends is missing from now on. `node` may be "". (epochs.c)
 */
void jem_recording_note_epoch(struct jem_recording *recording, const char *node,
			      const struct jem_json_doc *doc, uint32_t record);

#endif
