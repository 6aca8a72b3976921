/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard_backend: what the three back ends do for the guard.
 *
 * Each copies `len` bytes, which lie in one page, or tells that they cannot be read; nothing in between.
 */
#ifndef JEM_TRACER_PRELOAD_GUARD_BACKEND_H
#define JEM_TRACER_PRELOAD_GUARD_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Only while jem_signals_ready. */
bool jem_guard_fault_copy(void *to, uint64_t from, size_t len);

bool jem_guard_readv_copy(void *to, uint64_t from, size_t len);

/* The threads run on after this; again in a fork's child. False: they cannot be had. */
bool jem_guard_victim_start(void);

/* 1 copied, 0 unreadable, -1 the victim cannot serve now. Only while jem_signals_ready. */
int jem_guard_victim_copy(void *to, uint64_t from, size_t len);

/* The threads end, for good: the program is about to forbid itself what they live on. */
void jem_guard_victim_stop(void);

/* Of victims that died and were replaced. */
uint32_t jem_guard_victim_deaths(void);

#endif
