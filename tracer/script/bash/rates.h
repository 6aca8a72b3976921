/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rates: how often a place of a script may have a record of its own; what comes more often is counted.
 *
 * Bound:     a fixed table; a place that finds no room there takes the room of another one, whose counts are told
 * Invariant: every command and call is recorded, or in exactly one line `count`
 */
#ifndef JEM_TRACER_SCRIPT_BASH_RATES_H
#define JEM_TRACER_SCRIPT_BASH_RATES_H

#include <stdbool.h>
#include <stdint.h>

struct rate_place;

/* `limit`: records a second from one place, 0: any number. */
void rates_init(uint64_t limit);

/* NULL: this one may be recorded; else where to count it when it has ended. */
struct rate_place *rates_take(const char *file, int line, const char *function, bool is_call,
			      uint64_t now_ns);
void rates_count(struct rate_place *place, uint64_t duration_ns);

/* Tells what was counted: once a second, or all. */
void rates_tell(uint64_t now_ns, bool is_last);

/* In a child after a fork: the counts are the parent's. */
void rates_forked(void);

#endif
