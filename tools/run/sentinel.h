/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sentinel: a child in the job's process group that tells for whom a signal was.
 *
 * A signal sent to the group reached the job already; one sent to the launcher alone must be
 * passed on. The kernel does not say which it was, but the sentinel, which blocks everything, has
 * the group's signal pending too: bit set in ShdPnd of its /proc/PID/status. The same holds for a
 * batch system that signals every process it finds. A pending signal is then taken off, so that
 * the next one is told apart again.
 *
 * Its second duty: while launcher and job are stopped together, it wakes the launcher when
 * somebody continues or kills the job alone.
 *
 * It dies with the launcher (PR_SET_PDEATHSIG).
 */
#ifndef JEM_TOOLS_RUN_SENTINEL_H
#define JEM_TOOLS_RUN_SENTINEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct jem_sentinel {
	pid_t pid;      /* 0: none, every signal is taken as sent to us alone */
	int orders;     /* owned */
	int unanswered; /* orders to take off that it has not confirmed */
	int status;     /* owned: its /proc/PID/status, -1 without /proc */
};

int jem_sentinel_start(struct jem_sentinel *sentinel);
void jem_sentinel_stop(struct jem_sentinel *sentinel);

/* It has died, and been waited for. */
void jem_sentinel_forget(struct jem_sentinel *sentinel);

/*
 * Which of the signals in `mask` (bit N - 1 for signal N), pending at the launcher and not read yet,
 * reached the group; they are taken off. Waits at most 3 ms for the group to get theirs.
 *
 * They are taken off before the launcher reads its own: another one to the group in between is
 * then one with the first at the launcher, and two at the job, as they should be.
 */
uint64_t jem_sentinel_reached(struct jem_sentinel *sentinel, uint64_t mask);

/*
 * Whether a signal that had not reached the sentinel gets there after all, because its sender was
 * preempted between two members of the group: looked at for as long as the sender runs, 50 ms at
 * most. It is taken off then.
 */
bool jem_sentinel_reaches_late(struct jem_sentinel *sentinel, int sig, pid_t sender);

/* Takes off what came to the group too late to be asked for. */
void jem_sentinel_sweep(struct jem_sentinel *sentinel);

/* The signals that reached the group and not process `pid`. */
uint64_t jem_sentinel_missed_by(struct jem_sentinel *sentinel, pid_t pid);

/* The launcher is about to stop with the job; and goes on. */
void jem_sentinel_watch(struct jem_sentinel *sentinel, pid_t job);
void jem_sentinel_unwatch(struct jem_sentinel *sentinel);

#endif
