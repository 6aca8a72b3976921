/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receiver: writes what brokers deliver into one folder per job (DESIGN section 7).
 *
 * Flow:      message -> decode -> recording of the job -> files -> settle
 * Thread:    loop thread; compression and removal of old segments run in libuv's pool
 * Ownership: owns its recordings; a message is borrowed for the call
 * Bounds:    JEM_RECORDINGS_OPEN recordings have descriptors, JEM_RECORDINGS_KEPT are in memory
 *            (the longest silent one is ended first, and opened again when it is heard of), and
 *            JEM_RECORDINGS_MAX folders are made: batches of further jobs are refused. What waits
 *            for being written is at most what came in one pass of the loop, or 1 MiB.
 * Invariant: a ticket is settled exactly once, and as accepted only when its batch is in the files:
 *            a SIGKILL at any moment costs no accepted record and doubles none.
 *            batches in == written + duplicates + invalid + released + held
 *
 * A batch that cannot be read, is of another job, or is not of this version is rejected. Where
 * writing fails nothing is accepted: tickets are released after a second, which keeps them waiting
 * at the sender, and one warning tells it.
 */
#ifndef JEM_RECEIVER_RECEIVER_H
#define JEM_RECEIVER_RECEIVER_H

#include "broker-client/message.h"
#include "common/config.h"
#include "common/name.h"

#include <uv.h>

enum {
	JEM_RECORDINGS_OPEN = 32,
	JEM_RECORDINGS_KEPT =
		2560, /* a site of 2,000 jobs must not open and end one with each batch */
	JEM_RECORDINGS_MAX = 100000,
};

struct jem_receiver;

typedef void (*jem_settle_fn)(void *arg, uint64_t ticket, enum jem_outcome outcome);

struct jem_receiver_options {
	uv_loop_t *loop;
	const struct jem_config *config; /* borrowed, outlives us: receiver.* and report.* */
	const char *out;                 /* made when it is missing */
	/* Borrowed for the call. The one job (site, user, job) whose folder `out` itself is;
	 * NULL: every job has out/<site>/<user>/<job>/. */
	const struct jem_source_names *job;
	/* A live subscription: what a stream carried before its first batch here is no loss. */
	bool is_live;
	jem_settle_fn on_settle;
	void *arg;
};

struct jem_receiver_stats {
	uint64_t batches;    /* that came in */
	uint64_t written;    /* batches in the files */
	uint64_t duplicates; /* batches known already */
	uint64_t invalid;    /* refused for good */
	uint64_t released;   /* given back, because they could not be written */
	uint64_t held;       /* not settled yet */
	uint64_t records;    /* in the files */
	uint64_t recordings; /* in memory */
	uint64_t behind;     /* of them, whose calls.log and page lack calls that are in data/ */
};

/* 0, or a negative errno with the reason: the folder cannot be made, or another receiver has it. */
int jem_receiver_create(const struct jem_receiver_options *options, struct jem_receiver **ret,
			struct jem_err *err);

/* Takes a message; `on_settle` is called for its ticket from the loop, or at once. */
void jem_receiver_accept(struct jem_receiver *receiver, const struct jem_message *message,
			 uint64_t ticket);

/* Writes and settles what came so far, without waiting for the end of the loop's pass. */
void jem_receiver_flush(struct jem_receiver *receiver);

/*
 * The last files of every recording: logs to their ends, graphs, pages, streams. Drawing stops at
 * `deadline_ns` (CLOCK_MONOTONIC, 0: none), writing does not. Returns how many recordings were left
 * undrawn. More may be accepted afterwards.
 */
size_t jem_receiver_finish(struct jem_receiver *receiver, uint64_t deadline_ns);

struct jem_receiver_stats jem_receiver_stats(const struct jem_receiver *receiver);

/* Writes what is held, without drawing, and frees; `on_closed` is called once, from the loop. */
void jem_receiver_close(struct jem_receiver *receiver, void (*on_closed)(void *arg), void *arg);

#endif
