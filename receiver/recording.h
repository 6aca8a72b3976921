/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recording: one job's folder and all that goes into it (DESIGN section 7).
 *
 * Flow:      batch -> dedupe -> lines, parts, job.log, rows, model -> write -> checkpoint -> settle
 *            (columns are stored as they came; calls become lines of calls.log and the model's, at once or,
 *            when many come, from data/ as soon as there is time)
 * Thread:    loop thread
 * Ownership: owns its files, streams and model; `common` is borrowed and outlives it
 * Bounds:    JEM_STREAMS_MAX streams; the folder's size, see budget.c
 * Order:     1. data/KIND.jsonl, data/KIND.cbors.zst and data/parts.jsonl are written, 2. streams.json where it has to
 *            say more than the data do (new streams, batches without lines, every
 *            JEM_CHECKPOINT_MS), 3. the batches are settled. A crash between any two of these leaves
 *            batches that will come again and are known then.
 */
#ifndef JEM_RECEIVER_RECORDING_H
#define JEM_RECEIVER_RECORDING_H

#include "receiver/calls/calls_log.h"
#include "receiver/decode.h"
#include "receiver/index.h"
#include "receiver/job_log.h"
#include "receiver/job_prmon.h"
#include "receiver/metrics_csv.h"
#include "receiver/model.h"
#include "receiver/parts.h"
#include "receiver/receiver.h"
#include "receiver/streams_file.h"

enum {
	JEM_CHECKPOINT_MS = 5000,
	JEM_RETRY_MS = 1000,         /* after a failure to write */
	JEM_HISTORY = 16,            /* places of the last seconds */
	JEM_WRITE_BYTES = 512 << 10, /* of write_bytes at most */
};

/* What is written; receiver.files. */
enum {
	JEM_FILE_LOG = 1,
	JEM_FILE_DATA = 2,
	JEM_FILE_METRICS = 4,
	JEM_FILE_PRMON = 8,
	JEM_FILE_GRAPHS = 16,
	JEM_FILE_PAGE = 32,
	JEM_FILE_CALLS = 64, /* calls.log and profile.csv */
	JEM_FILE_ALL = 127,
};

/* What all recordings of a receiver share. */
struct jem_recording_common {
	int out;        /* borrowed */
	bool is_single; /* `out` is the job's folder */
	bool is_live;
	unsigned files;            /* JEM_FILE_... */
	uint64_t max_bytes;        /* report.max_bytes */
	size_t write_bytes;        /* written when so much is pending, without waiting */
	uint64_t redraw_ms;        /* report.redraw */
	struct jem_packer *packer; /* borrowed */
	struct jem_index *index;   /* borrowed; NULL: there is none */
	struct jem_receiver_stats stats;
	size_t open;          /* recordings with descriptors */
	size_t behind;        /* recordings that have to catch up with their calls */
	uint64_t folders;     /* of jobs under `out` */
	uint64_t folders_max; /* no more are made */
	/* Called for every ticket, never from within jem_recording_accept. */
	jem_settle_fn on_settle;
	void *arg;
};

/* A batch on its way into the files. */
struct jem_ticket {
	uint64_t ticket;
	struct jem_stream *stream; /* borrowed */
	struct jem_batch_mark mark;
	uint64_t lines; /* that it made in data/ */
	bool is_new;    /* else a duplicate: nothing to take back */
};

struct jem_tickets {
	struct jem_ticket *at; /* owned */
	size_t count;
	size_t cap;
};

struct jem_history {
	uint64_t ms;
	struct jem_data_place at[JEM_KIND_COUNT];
};

/*
 * Calls that are stored and settled, but not yet in calls.log and the model: from a place in data/ on. The
 * checkpoint tells that place, so that nothing is lacking, or there twice, after a crash.
 */
struct jem_calls_behind {
	bool is_behind;
	bool is_pending; /* the first of them waits to be written, `pending_at` bytes into what does */
	size_t pending_at;
	struct jem_data_place at;
	struct jem_frames *frames; /* owned; NULL: to be opened at that place */
	struct jem_columns columns;
	uint64_t direct_rows; /* taken without being put off, since the last write */
};

struct jem_recording {
	struct jem_recording_common *common; /* borrowed, outlives us */
	struct jem_identity identity;
	char node[JEM_NAME_MAX + 1]; /* the only one so far */
	bool has_nodes;              /* more than one: lines tell which */

	int folder; /* owned; -1: given up until the next write */
	int data;   /* owned, as folder */
	struct jem_streams streams;
	struct jem_data_file files[JEM_KIND_COUNT];
	struct jem_parts parts;
	struct jem_job_log log;
	struct jem_calls_log calls;
	struct jem_call_rows rows; /* of the batch of calls that is being taken */
	struct jem_calls_behind behind;
	struct jem_metrics_csv csv;
	struct jem_job_prmon prmon;  /* of the node `node` */
	struct jem_job_model *model; /* owned */

	struct jem_tickets written[JEM_KIND_COUNT]; /* settled once that kind is written */
	struct jem_tickets noted;                   /* once streams.json is written */
	uint64_t noted_ms;                          /* when the first of them came */
	struct jem_history history[JEM_HISTORY];
	size_t history_next;
	struct jem_data_place parts_from[JEM_KIND_COUNT]; /* as parts.jsonl was empty */

	bool is_changed; /* since streams.json was written */
	bool wants_checkpoint;
	uint64_t checkpoint_ms;
	uint64_t heard_ms;  /* last batch */
	uint64_t failed_ms; /* nothing is tried before a second after; 0: all is well */

	bool is_drawn_last;   /* with PDF and PNG, after the end */
	bool is_drawable;     /* something came since it was drawn */
	bool is_draw_failing; /* told once */
	uint64_t next_draw_ms;

	/* Of the bound on the folder; budget.c. */
	uint64_t next_look_ms;
	uint64_t bound_bytes;   /* by the last look */
	uint64_t streams_bytes; /* of streams.json, as it was written last */
	uint64_t other_bytes;   /* of files that are not among the ones above: drawings, pages */
	bool is_prmon_told;
	bool is_over_budget; /* even without what may be removed: told once */

	struct jem_recording *hash_next; /* of the receiver: by name */
	struct jem_recording *older;     /* of the receiver: by time last heard of */
	struct jem_recording *newer;
};

/*
 * Opens or makes the folder and goes on where it was left. 0; -EBUSY another receiver has it; other
 * negative errno with the reason. Nothing is held after a failure.
 */
int jem_recording_open(struct jem_recording_common *common, const struct jem_identity *identity,
		       struct jem_recording **ret, struct jem_err *err);

/*
 * Takes a decoded batch: 0, and its ticket will be settled; -EPROTO when it cannot belong here, and
 * the ticket is the caller's to reject; -ENOMEM, and it is the caller's to release.
 */
int jem_recording_accept(struct jem_recording *recording, const struct jem_received *received,
			 uint64_t ticket, uint64_t now_ms);

/* Bytes that wait to be written. */
size_t jem_recording_pending(const struct jem_recording *recording);

/* Writes and settles what waits. A failure releases it. */
int jem_recording_write(struct jem_recording *recording, uint64_t now_ms);

/*
 * Makes lines and views of calls that were put off, until the time has come (0: of all of them), after a write.
 * common->behind counts the recordings that have some. False: nothing can be done now. (calls_behind.c)
 */
bool jem_recording_catch_up(struct jem_recording *recording, uint64_t until_ns);

/* Once a second: job.log, streams.json, the bound on the folder. */
void jem_recording_tick(struct jem_recording *recording, uint64_t now_ms);

/*
 * Whether a drawing is due: report.redraw after the one before, later where drawing costs so much
 * that it would take more than 0.2 % of a core. `is_last`: with PNG and PDF, for good.
 */
bool jem_recording_is_draw_due(const struct jem_recording *recording, uint64_t now_ms);
void jem_recording_draw(struct jem_recording *recording, uint64_t now_ms, bool is_last);

/* Everything but drawings to the end: job.log without waiting, streams.json. */
void jem_recording_finish(struct jem_recording *recording, uint64_t now_ms);

/* Gives up the descriptors; everything pending has been written. */
void jem_recording_suspend(struct jem_recording *recording);

/* Frees. What was not written is released. Takes NULL. */
void jem_recording_close(struct jem_recording *recording);

#endif
