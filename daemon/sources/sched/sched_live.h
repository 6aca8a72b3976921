/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_live: pages of a tracefs instance as they fill, merged over the cores.
 *
 * Flow:      epoll on the raw buffers, a quarter full; or whenever it is asked for -> read(2) ->
 *            page -> merge -> feed
 * Thread:    the drain's
 * Ownership: owns instance, format, decoders, merge
 * Bound:     a buffer full of events of each core
 *
 * A core that was read to its end has told all that happened before the reading began: its events go
 * on without waiting for the core to switch again.
 */
#ifndef JEM_DAEMON_SOURCES_SCHED_SCHED_LIVE_H
#define JEM_DAEMON_SOURCES_SCHED_SCHED_LIVE_H

#include "common/err.h"
#include "daemon/sources/sched/feed.h"

struct jem_sched_live;

/* Events come from here on. Needs the privilege to make an instance; nothing after it does. */
int jem_sched_live_open(uint64_t buffer_bytes, struct jem_sched_names *names,
			struct jem_sched_live **ret, struct jem_err *err);
void jem_sched_live_close(struct jem_sched_live *live);

/* What the kernel calls the states of a task. */
const char *const *jem_sched_live_states(const struct jem_sched_live *live);

/* Readable when a buffer is filled to a quarter. */
int jem_sched_live_fd(const struct jem_sched_live *live);

/* Reads what there is and hands it on: all up to *safe_ns. 0 or a negative errno. */
int jem_sched_live_read(struct jem_sched_live *live, struct jem_sched_feed *feed, int64_t *safe_ns);

/* No more events are recorded; what there is can still be read. */
void jem_sched_live_stop(struct jem_sched_live *live);

/* Events that were lost since the last call. */
uint64_t jem_sched_live_lost(struct jem_sched_live *live);

/* Events that came after later ones of other cores had been handed on; none, or a core was not read to its end. */
uint64_t jem_sched_live_late(const struct jem_sched_live *live);

#endif
