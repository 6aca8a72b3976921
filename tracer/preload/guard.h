/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard: reads memory of the job that may not be there, without ever hurting the job.
 *
 * Flow:      address -> range test -> cache of bad pages -> back end
 * Back ends: fault   the load's own SIGSEGV or SIGBUS is redirected (4 ns, 1.3 us when bad);
 *            readv   process_vm_readv on ourselves (350 ns); also where `fault` must not be used: the
 *                    signals are blocked here, or the handler in place is not ours
 *            victim  a thread that may die copies for us, a watchdog starts it anew (section 4.4 of the paper)
 * Thread:    any of the job's, in a hook or a signal handler; no malloc, no errno, no lock but the victim's
 * Bound:     JEM_GUARD_COPY_MAX bytes a copy; a bad page is believed bad for JEM_GUARD_BAD_TICKS
 * Invariant: a read that fails leaves the job as if it had not been tried
 */
#ifndef JEM_TRACER_PRELOAD_GUARD_H
#define JEM_TRACER_PRELOAD_GUARD_H

#include "schemas/ring.h"

#include <stdbool.h>
#include <stddef.h>

#define JEM_GUARD_COPY_MAX  (8u * JEM_RECORD_WORDS_MAX)
#define JEM_GUARD_BAD_TICKS (1u << 20) /* 0.4 ms of a time-stamp counter, 1 ms of nanoseconds */

/*
 * Installs what the back end needs, once a process and again in a fork's child; cheap when done. To be
 * called before the first plan of a JEM_SITE_POINTERS site is run (any thread, and again whenever
 * the plan's header wants another one). Returns the back end in force, JEM_GUARD_READV if the
 * wanted one cannot be had. Until it has been called, reads outside the stack use process_vm_readv.
 */
enum jem_ring_guard jem_guard_start(enum jem_ring_guard wanted);

/* For good: the program forbids itself what a guard needs, be it the return from a handler. */
void jem_guard_stop(void);

/*
 * Copies up to `len` bytes at `from` to `to`; returns how many could be read, 0 if none: less than
 * `len` when what is behind the end of a page could not be. `ticks` is now, on the ring's clock.
 */
size_t jem_guard_copy(void *to, uint64_t from, size_t len, uint64_t ticks);

/*
 * The same up to and without a NUL, of which *is_whole tells if it was found within `len` bytes. What
 * is behind the NUL is not read: not over the end of its page.
 */
size_t jem_guard_copy_string(void *to, uint64_t from, size_t len, uint64_t ticks, bool *is_whole);

#endif
