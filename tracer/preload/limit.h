/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit: how many records a second a function and the process may make.
 *
 * Windows of a quarter of a second, each with a quarter of the limit; the first has a whole second's, so
 * that a short program is recorded whole. Approximate on purpose: counters of functions are shared by
 * threads without a lock, threads take shares of the process's records. Beyond a limit nothing shared
 * is written.
 */
#ifndef JEM_TRACER_PRELOAD_LIMIT_H
#define JEM_TRACER_PRELOAD_LIMIT_H

#include "tracer/preload/state.h"

void jem_limit_start(void);

/* False: over a limit. Counts two records, of the enter and its exit. Function 0: an unknown one. */
JEM_SAVES bool jem_limit_allows(struct jem_thread *self, uint32_t function, uint64_t ticks);

#endif
