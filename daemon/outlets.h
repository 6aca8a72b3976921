/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outlets: where batches go, each batch to all: the configured brokers (one fail-over list) and
 * the collector of `jem run`.
 *
 * Flow:      batch -> one publisher each, a copy for all but the last
 * Thread:    loop thread
 * Ownership: owns its publishers; configuration and loop are borrowed and outlive it
 * Invariant: the account is the sum of the publishers'
 */
#ifndef JEM_DAEMON_OUTLETS_H
#define JEM_DAEMON_OUTLETS_H

#include "common/config.h"
#include "daemon/publisher.h"

struct jem_outlets;

struct jem_outlets_options {
	uv_loop_t *loop;
	const struct jem_config *config;
	const char *container_id;
	const char *job;       /* its name, for the spool's */
	const char *collector; /* URL, or NULL */
	/* Records of `head` were lost for `cause` on the way to one outlet. */
	void (*on_lost)(void *arg, const struct jem_head *head, enum jem_cause cause);
	/* Nothing is queued or in flight any more, in any outlet. */
	void (*on_drained)(void *arg);
	void *arg;
};

/*
 * Without broker and collector batches go nowhere, counted as undelivered. A URL that cannot be used
 * is logged and left out.
 */
int jem_outlets_create(const struct jem_outlets_options *options, struct jem_outlets **ret,
		       struct jem_err *err);

/* Takes the batch, whatever happens. */
void jem_outlets_push(struct jem_outlets *outlets, struct jem_batch *batch);

bool jem_outlets_are_drained(const struct jem_outlets *outlets);

/* In batches, the sum over all outlets; valid until the next call. */
const struct jem_account *jem_outlets_account(struct jem_outlets *outlets);

/* By kind, the last batch that an earlier daemon spooled; epoch 0: none. */
/*
 * Batches of a kind that an earlier daemon spooled shortly before it ended, in their order. Of two spools the
 * one that is written last tells: what it has, the other has, too.
 */
void jem_outlets_each_late(struct jem_outlets *outlets, enum jem_kind kind, jem_spool_late_fn fn,
			   void *arg);
const struct jem_spool_last *jem_outlets_previous(const struct jem_outlets *outlets);

/* What is wrong with a spool, in one line; NULL: nothing. To be asked before jem_outlets_close. */
const char *jem_outlets_fault(const struct jem_outlets *outlets);

/* The folder where batches wait on disk; NULL: they wait in memory only. */
const char *jem_outlets_spool(const struct jem_outlets *outlets);

/* As jem_publisher_close; on_closed is called once, when the last is closed. */
void jem_outlets_close(struct jem_outlets *outlets, uint64_t timeout_ms,
		       void (*on_closed)(void *arg));

#endif
