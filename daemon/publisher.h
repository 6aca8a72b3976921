/* SPDX-License-Identifier: Apache-2.0 */
/*
 * publisher: finished batches to the broker, each with an outcome.
 *
 * Flow:      push -> queue -> client (credit) -> in flight -> outcome -> gone, or queued again
 * Thread:    loop thread
 * Ownership: owns every batch from push until its outcome, and the client
 * Bounds:    `queue_max` bytes queued and in flight; when full the oldest fire-hose batch goes
 *            first, then the oldest of the rest, counted as queue_full
 * Invariant: batches in == accepted + dropped (by cause) + queued + in flight
 *
 * The durable spool takes the place of the queue for human-rate kinds (issue of durable delivery);
 * its seam is push and the outcome.
 */
#ifndef JEM_DAEMON_PUBLISHER_H
#define JEM_DAEMON_PUBLISHER_H

#include "broker-client/client.h"
#include "common/batch.h"

struct jem_publisher;

struct jem_publisher_options {
	uv_loop_t *loop;
	const char *const *urls; /* copied */
	size_t url_count;        /* 0: nobody to publish to; batches are dropped as undelivered */
	const char *container_id;
	const char *credentials; /* path or NULL */
	uint64_t idle_timeout_ms;
	size_t in_flight_max;
	size_t queue_max; /* 0: 8 MiB */
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

bool jem_publisher_is_drained(const struct jem_publisher *publisher);

/* in: batches pushed, out: accepted, held: queued and in flight. */
const struct jem_account *jem_publisher_account(const struct jem_publisher *publisher);

/*
 * Ends: what is held counts as undelivered, the connection is closed in order within `timeout_ms`,
 * then everything is freed and on_closed is called once (at once where there is no broker).
 */
void jem_publisher_close(struct jem_publisher *publisher, uint64_t timeout_ms,
			 void (*on_closed)(void *arg));

#endif
