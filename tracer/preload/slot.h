/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot: a thread's place in the rings, from its first hook call to its end.
 *
 * Flow:      first hook -> a free slot -> LIVE -> pthread's destructors (last round) -> ENDED; the daemon
 *            frees it when it is read
 * Thread:    the claiming one; its memory here (struct jem_thread) stays with the slot for the next thread
 * Bound:     JEM_THREADS_MAX, and as many as the rings have; beyond them calls are counted only
 * Invariant: a slot's counters, head and tree go on with the next thread in it, they never start anew
 */
#ifndef JEM_TRACER_PRELOAD_SLOT_H
#define JEM_TRACER_PRELOAD_SLOT_H

#include "tracer/preload/state.h"

/*
 * The rare cases of a hook's begin: the first of a thread, one within another. NULL: not to go on, counted.
 */
JEM_SELDOM struct jem_thread *jem_slot_begin(uint64_t sp);

/* Makes the key whose destructor ends slots; once a process and its children. */
void jem_slot_start(void);

#endif
