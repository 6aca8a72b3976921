/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls_source: the calls of the job's C and C++ programs, as CALL and PROFILE records.
 *
 * Flow:      listener -> hello -> drain thread -> rows -> batcher
 *            drain thread -> module -> symbols (jem-symbols) -> image -> drain thread
 * Thread:    loop thread; the drain has one of its own, started with the first process
 * Ownership: owns listener, drain and symbols; the rest is borrowed and outlives it
 * Invariant: records that a process has written == rows + not selected + lost (by cause)
 */
#ifndef JEM_DAEMON_SOURCES_CALLS_CALLS_SOURCE_H
#define JEM_DAEMON_SOURCES_CALLS_CALLS_SOURCE_H

#include "common/config.h"
#include "common/dead_end.h"
#include "daemon/batcher.h"
#include "daemon/sources/calls/account.h"

struct jem_calls_source;

struct jem_calls_options {
	uv_loop_t *loop;
	struct jem_batcher *batcher;
	const struct jem_config *config;
	pid_t pid;           /* of the job, 0: none */
	bool is_launched;    /* the launcher preloads; else the job has to be started so */
	const char *address; /* where processes report (JEM_CALLS_SOCKET); NULL: nowhere */
	const char *symbols; /* path of jem-symbols; NULL: looked for */
};

/* Whether the configuration asks for it. */
bool jem_calls_source_is_wanted(const struct jem_config *config);

/* Listens from here on. Where it cannot, that is published. */
int jem_calls_source_create(const struct jem_calls_options *options, struct jem_calls_source **ret);

/* The launcher has found that the job cannot be traced. */
void jem_calls_source_dead_end(struct jem_calls_source *source, enum jem_dead_end why);

/* The file of the job's first program, by which silence is explained. */
void jem_calls_source_program(struct jem_calls_source *source, const char *path);

/*
 * The job has ended: what is left of it is read, symbols are waited for until `deadline_ns`. on_settled comes
 * once, maybe before this returns.
 */
void jem_calls_source_settle(struct jem_calls_source *source, uint64_t deadline_ns,
			     void (*on_settled)(void *arg), void *arg);

/*
 * Changes what is traced (`jem control`): assignments "calls.KEY=VALUE", a NUL after each; all or none.
 * 0, or a negative errno with the reason and the remedy.
 */
int jem_calls_source_control(struct jem_calls_source *source, const char *assignments, size_t len,
			     struct jem_err *err);

/* What was done and lost so far; false: nothing was traced yet. */
bool jem_calls_source_account(struct jem_calls_source *source, struct jem_calls_account *ret);

/* No more records; what is known is told first. Idempotent. */
void jem_calls_source_stop(struct jem_calls_source *source);

/* Memory is freed in the loop's next passes. Takes NULL. */
void jem_calls_source_destroy(struct jem_calls_source *source);

#endif
