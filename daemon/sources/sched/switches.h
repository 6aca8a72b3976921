/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switches: the job's own context switches, which an ordinary user may have where
 * kernel.perf_event_paranoid is 2 or less.
 *
 * Inherited perf events (perf_event_open(2), attr.context_switch) write a record when a task of the job
 * gets a core and when it leaves it, with its state runnable or not, into one ring a core. They become
 * the same events that tracefs gives, with an idle core between two tasks of the job.
 *
 * Flow:      rings -> lanes by core -> merge -> feed
 * Thread:    opened on any, then the drain's
 * Ownership: owns descriptors, mappings, merge
 * Bound:     JEM_SWITCHES_CPUS cores, JEM_SWITCHES_EVENTS threads times cores; the rings' size
 * Invariant: records lost in a full ring are counted by the kernel and told by lost
 */
#ifndef JEM_DAEMON_SOURCES_SCHED_SWITCHES_H
#define JEM_DAEMON_SOURCES_SCHED_SWITCHES_H

#include "common/err.h"
#include "daemon/sources/sched/feed.h"

#define JEM_SWITCHES_CPUS   64
#define JEM_SWITCHES_EVENTS 512

struct jem_switches;

/* Watches the job's threads and all that they make. Negative errno with the reason. */
int jem_switches_open(pid_t job, struct jem_switches **ret, struct jem_err *err);
void jem_switches_close(struct jem_switches *switches);

/* Readable when a ring is half full. */
int jem_switches_fd(const struct jem_switches *switches);

/* Hands on all up to *safe_ns. 0 or -ENOMEM. */
int jem_switches_read(struct jem_switches *switches, struct jem_sched_feed *feed, int64_t *safe_ns);
uint64_t jem_switches_lost(struct jem_switches *switches);

#endif
