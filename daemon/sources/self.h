/* SPDX-License-Identifier: Apache-2.0 */
/*
 * self: what the daemon itself costs and what it lost, as metrics of scope `monitor`.
 *
 * Flow:      getrusage, /proc/self/statm, accounts of the stages -> metric record
 * Thread:    loop thread, every 10 s and once at the end
 * Ownership: owns its timer; batcher, outlets and ticks are borrowed and outlive it
 */
#ifndef JEM_DAEMON_SOURCES_SELF_H
#define JEM_DAEMON_SOURCES_SELF_H

#include "daemon/batcher.h"
#include "daemon/outlets.h"
#include "daemon/sources/calls/account.h"
#include "daemon/sources/metrics/metrics_source.h"

struct jem_self_source;

int jem_self_source_create(uv_loop_t *loop, struct jem_batcher *batcher,
			   struct jem_outlets *outlets, struct jem_self_source **ret);

/* What the ticks of the metrics source cost and how late they come is told from then on. */
void jem_self_source_add_ticks(struct jem_self_source *self, const struct jem_metrics_ticks *ticks);

/* What tracing of calls did, lost and cost is told from then on, once `read` has it (true). */
void jem_self_source_add_calls(struct jem_self_source *self,
			       bool (*read)(void *arg, struct jem_calls_account *ret), void *arg);

/* Publishes now: at the end, before the batcher's last batches. */
void jem_self_source_publish(struct jem_self_source *self);

/* Stops the timer; memory is freed in the loop's next pass. Takes NULL. */
void jem_self_source_destroy(struct jem_self_source *self);

#endif
