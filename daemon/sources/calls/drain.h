/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain: the thread that reads the rings of all traced processes.
 *
 * Flow:      loop -> processes, images, settings -> thread -> rows, losses, profile, wishes -> loop
 * Thread:    has one of its own; every function here is called on the loop thread, every event comes there
 * Ownership: owns the thread and all processes; images are borrowed and outlive it
 * Bound:     OUT_MAX bytes of rows that the loop has not taken: then the rings wait, and their processes count
 *            what finds no room; rows beyond twice that, at the end when none may wait, are dropped, `queue_full`.
 *            JEM_DRAIN_PROCESSES processes at a time; one beyond is refused
 * Period:    1 ms while records come, doubled up to 50 ms while none do
 * Priority:  the daemon's; of both threads that of a usual process while rings are more than an eighth full,
 *            where that is permitted: together they need less of a processor than the job does for records
 */
#ifndef JEM_DAEMON_SOURCES_CALLS_DRAIN_H
#define JEM_DAEMON_SOURCES_CALLS_DRAIN_H

#include "common/kind.h"
#include "daemon/batcher.h"
#include "daemon/sources/calls/account.h"
#include "daemon/sources/calls/hello.h"
#include "daemon/sources/calls/profile.h"
#include "daemon/sources/calls/symbols.h"
#include "daemon/sources/calls/ticks.h"

#include <uv.h>

#define JEM_DRAIN_PROCESSES 4096u

struct jem_drain;

struct jem_drain_events {
	void (*on_rows)(void *arg, const struct jem_column_rows *rows);
	void (*on_lost)(void *arg, enum jem_cause cause, uint64_t n);
	void (*on_profile)(void *arg, const struct jem_profile_rows *rows);
	/* Symbols are wanted: descriptor and reference are the callee's. */
	void (*on_module)(void *arg, const struct jem_symbols_request *request);
	/* A process is gone, and all it left has been told. */
	void (*on_gone)(void *arg, uint64_t token);
	void (*on_fault)(void *arg, const char *text);
	/* An include pattern takes nothing in any module of a process that runs this program. */
	void (*on_unmatched)(void *arg, const char *program, const char *pattern);
	void *arg;
};

/*
 * `redactor` becomes the thread's own: nobody else uses it, jem_drain_destroy frees it. `ticks` has its first
 * pair, from before the job began: the longer ago, the better is the rate. NULL: there is no counter.
 */
int jem_drain_create(uv_loop_t *loop, struct jem_redactor *redactor, const struct jem_ticks *ticks,
		     const struct jem_drain_events *events, struct jem_drain **ret);

/* A process; hello and reference are taken. Its token is the caller's. */
int jem_drain_add(struct jem_drain *drain, uint64_t token, const struct jem_hello_in *in,
		  struct jem_calls_settings *settings);
/* The process runs another program now, or has ended: what is left is read, then it is gone. */
void jem_drain_end(struct jem_drain *drain, uint64_t token);
void jem_drain_set(struct jem_drain *drain, uint64_t token, struct jem_calls_settings *settings);
void jem_drain_image(struct jem_drain *drain, uint64_t token, uint32_t module,
		     struct jem_calls_image *image);

/*
 * The job has ended: reads until nothing is left, then tells all profiles and on_finished. `give_up`: what
 * waits for symbols waits no more. May be called again.
 */
void jem_drain_finish(struct jem_drain *drain, bool give_up, void (*on_finished)(void *arg));

/* What was done and lost, up to a tenth of a second ago, or to the end. (drain_account.c) */
void jem_drain_account(struct jem_drain *drain, struct jem_calls_account *ret);

/* Ends the thread after a last look at everything; what it has to tell comes before this returns. */
void jem_drain_stop(struct jem_drain *drain);

/* Stops it without a word, if it runs. Memory is freed in the loop's next pass. Takes NULL. */
void jem_drain_destroy(struct jem_drain *drain);

#endif
