/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publisher: finished batches to the broker, each with an outcome.
 *
 * Flow:      push -> spool (human-rate kinds) -> queue -> client (credit, window) -> in flight -> outcome -> gone,
 *            or queued again; beyond the memory's part batches wait on disk only and are read back in order
 * Thread:    loop thread
 * Ownership: owns every batch from push until its outcome, the client and the spool
 * Bounds:    `queue_max` bytes in memory, of which human-rate kinds take a quarter where there is a spool. With a
 *            spool what does not fit waits there; without one the oldest fire-hose batch goes first, then the oldest
 *            of the rest, counted as queue_full
 * Invariant: batches in == accepted + dropped (by cause) + held (in memory or on disk); what an earlier daemon left
 *            in the spool counts as in and held from the start
 *
 * Batches that the broker refuses are kept as files in the spool and never sent again; those that it gives back
 * are tried five times, a second apart. An outcome that takes over a second halves the bytes in flight (down to
 * 64 KiB).
 */
#ifndef JEM_DAEMON_PUBLISHER_H
#define JEM_DAEMON_PUBLISHER_H

#include "broker-client/client.h"
#include "broker-client/spool/spool.h"
#include "common/batch.h"

struct jem_publisher;

struct jem_publisher_options {
	uv_loop_t *loop;
	const char *const *urls; /* copied */
	size_t url_count; /* 0: nobody to publish to; without a spool batches are undelivered */
	const char *container_id;
	struct jem_broker_access access;
	size_t queue_max;               /* 0: 8 MiB */
	struct jem_spool_options spool; /* `dir` NULL: none; borrowed while the publisher lives */
	/* A batch of `head` was lost for `cause`. */
	void (*on_lost)(void *arg, const struct jem_head *head, enum jem_cause cause);
	/* The connection's state changed, for people. */
	void (*on_state)(void *arg, bool is_connected, const char *text);
	/* Nothing is queued or in flight any more. */
	void (*on_drained)(void *arg);
	void *arg;
};

int jem_publisher_create(const struct jem_publisher_options *options, struct jem_publisher **ret,
			 struct jem_err *err);

/* Takes the batch, whatever happens. */
void jem_publisher_push(struct jem_publisher *publisher, struct jem_batch *batch);

/* Nothing is queued or in flight; or there is no broker to wait for. */
bool jem_publisher_is_drained(const struct jem_publisher *publisher);

/* in: batches pushed and found on disk, out: accepted, held: in memory and on disk. */
const struct jem_account *jem_publisher_account(const struct jem_publisher *publisher);

/* jem_spool_each_late of its spool, if it has one. */
void jem_publisher_each_late(struct jem_publisher *publisher, enum jem_kind kind,
			     jem_spool_late_fn fn, void *arg);

/* Why there is no spool although one was asked for, in one line; NULL: there is one, or none was. */
const char *jem_publisher_spool_fault(const struct jem_publisher *publisher);

/* NULL: there is none. */
const struct jem_spool *jem_publisher_spool(const struct jem_publisher *publisher);

/*
 * Ends: what is held stays in the spool, without one it counts as undelivered; the connection is
 * closed in order within `timeout_ms`, then everything is freed and on_closed is called once (at once
 * where there is neither broker nor spool).
 */
void jem_publisher_close(struct jem_publisher *publisher, uint64_t timeout_ms,
			 void (*on_closed)(void *arg));

#endif
