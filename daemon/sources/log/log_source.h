/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_source: turns lines appended to files into LOG records, and rules into ALERT records.
 *
 * Flow:      watch/poll -> look (follow) -> read and split (tail) -> rules -> publish -> batcher
 * Thread:    loop thread; reads for JEM_LOG_PASS_NS at most, then lets the loop turn
 * Ownership: owns follows, watches, rules and handles; loop, batcher, redactor and configuration
 *            are borrowed and outlive it
 * Invariant: lines == records + filtered (jem_log_source_account); bytes that could not be read are
 *            told as ranges in `degraded` status records and counted as `truncated`
 *
 * Where inotify tells nothing, a file that was rotated while no daemon ran can be taken for one that
 * was there before, and its lines are not read.
 *
 * A file that is there at the start is followed from its end, one that comes later from its
 * beginning. With an offsets file an earlier daemon's place is taken up again.
 */
#ifndef JEM_DAEMON_SOURCES_LOG_LOG_SOURCE_H
#define JEM_DAEMON_SOURCES_LOG_LOG_SOURCE_H

#include "common/config.h"
#include "daemon/batcher.h"
#include "daemon/sources/log/publish.h"

#define JEM_LOG_PASS_NS 4000000u

struct jem_log_options {
	uv_loop_t *loop;
	struct jem_batcher *batcher;
	struct jem_redactor *redactor;
	struct jem_job *job; /* is told alerts and error lines; or NULL */
	const struct jem_config *config;
	const char *folder;       /* relative names are meant from here; NULL: our own */
	const char *exclude;      /* a folder of ours that patterns never enter, or NULL */
	const char *offsets_path; /* where to keep how far we have read, or NULL */
	bool polls_only;          /* do without inotify */
};

struct jem_log_source;

/* -ENOMEM only: what else fails is told as status records, and worked around. */
int jem_log_source_create(const struct jem_log_options *options, struct jem_log_source **ret);

/*
 * Before the start: a log batch that an earlier daemon spooled late, in the order of spooling. Its lines are not
 * published again, where how far files were read was saved before it.
 */
void jem_log_source_note_spooled(struct jem_log_source *source, const char *body, size_t len);

/* Opens files and begins to follow; says in a status record what it watches, and how. */
int jem_log_source_start(struct jem_log_source *source);

/* Follows one more file. */
int jem_log_source_add(struct jem_log_source *source, const char *path, bool from_start);

/*
 * Follows a standard stream (1 or 2) of a process if it is a regular file, opened anew, under the
 * name `stdout` or `stderr`; one file for both is followed once. Says in a status record what can
 * be observed. 0 when followed, -EINVAL when it is no file, -ESRCH ... `copy` is the file that
 * `jem run --tee` writes of the stream, followed in its place; NULL: none.
 */
int jem_log_source_add_stream(struct jem_log_source *source, pid_t pid, int stream,
			      const char *copy);

/*
 * Streams of a job that is not let go yet are held, so that what the launcher says into the same
 * file is not taken for the job's: hold them when they were added, release them with how far the file
 * of standard error reached when the job was let go (0: not known, or no file).
 */
void jem_log_source_hold_streams(struct jem_log_source *source);
void jem_log_source_release_streams(struct jem_log_source *source, uint64_t from);

/*
 * The job has ended: reads everything to the end now, unfinished lines too. At `deadline_ns` what
 * is left is told and counted as lost.
 */
void jem_log_source_flush(struct jem_log_source *source, uint64_t deadline_ns);

/* Stops following, keeps the place in the offsets file. Idempotent. */
void jem_log_source_stop(struct jem_log_source *source);

/* Stops; frees in the loop's next passes. NULL is fine. */
void jem_log_source_destroy(struct jem_log_source *source);

const struct jem_log_account *jem_log_source_account(const struct jem_log_source *source);

/* How far each file has been published. */
typedef void (*jem_log_offset_fn)(void *arg, const struct jem_file_id *id, uint64_t offset);
void jem_log_source_offsets(struct jem_log_source *source, jem_log_offset_fn fn, void *arg);

#endif
