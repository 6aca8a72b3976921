/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ticks: the time-stamp counter as nanoseconds of CLOCK_MONOTONIC.
 *
 * Flow:      pairs of both clocks, read by ourselves, in the end once a second -> interpolation
 * Thread:    one; no state beyond the struct
 * Invariant: monotone; the error is that of a pair (tens of nanoseconds) as long as pairs are taken at
 *            least every few seconds: the kernel slews CLOCK_MONOTONIC by at most 500 ppm, and slowly
 *
 * The counter's rate is the machine's, not what a job tells us.
 */
#ifndef JEM_DAEMON_SOURCES_CALLS_TICKS_H
#define JEM_DAEMON_SOURCES_CALLS_TICKS_H

#include <stdbool.h>
#include <stdint.h>

#define JEM_TICKS_PAIRS     32u
#define JEM_TICKS_RATE_BITS 40u /* an hour between two pairs: 2 ns off */

struct jem_ticks_pair {
	uint64_t ticks;
	uint64_t mono_ns;
};

struct jem_ticks {
	struct jem_ticks_pair pairs[JEM_TICKS_PAIRS]; /* oldest first */
	uint64_t rates
		[JEM_TICKS_PAIRS]; /* ns of a tick from a pair to the next, << JEM_TICKS_RATE_BITS */
	unsigned count;
};

/* Takes the first pair. False: this machine has no counter that we could read. */
bool jem_ticks_init(struct jem_ticks *ticks);

/* Takes a pair, unless the last one is younger than `apart_ns`. */
void jem_ticks_take(struct jem_ticks *ticks, uint64_t apart_ns);

/* Takes one when it is time: soon after the first, then ever later, up to once a second. */
void jem_ticks_keep(struct jem_ticks *ticks);

/* Adds a pair that the caller has read; later than all before it, or it is left out. */
void jem_ticks_add(struct jem_ticks *ticks, struct jem_ticks_pair pair);

uint64_t jem_ticks_find(const struct jem_ticks *ticks, uint64_t reading);

/* The instant of a reading; before two pairs are there it is that of the first pair. */
static inline uint64_t jem_ticks_to_ns(const struct jem_ticks *ticks, uint64_t reading)
{
	const struct jem_ticks_pair *from;

	if (ticks->count < 2)
		return jem_ticks_find(ticks, reading);
	/* Nearly all are younger than the last pair but one, and not by minutes. */
	from = &ticks->pairs[ticks->count - 2];
	if (reading - from->ticks >= 1ull << JEM_TICKS_RATE_BITS)
		return jem_ticks_find(ticks, reading);
	return from->mono_ns + (uint64_t)((unsigned __int128)(reading - from->ticks) *
						  ticks->rates[ticks->count - 2] >>
					  JEM_TICKS_RATE_BITS);
}

/* Nanoseconds of a tick, over the longest time known; 0 before two pairs are there. */
double jem_ticks_rate(const struct jem_ticks *ticks);

#endif
