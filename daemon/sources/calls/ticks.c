/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/calls/ticks.h"

#include "common/clock.h"

#include <string.h>

enum {
	DOUBLINGS = 10,
	TRIES = 5 /* a reading that was interrupted is wider than another */
};

typedef unsigned __int128 wide;

#if defined(__x86_64__)
static uint64_t read_counter(void)
{
	return __builtin_ia32_rdtsc();
}
#define HAS_COUNTER true
#else
static uint64_t read_counter(void)
{
	return jem_now_ns();
}
#define HAS_COUNTER false
#endif

/* The tightest of a few: the clock is between two readings of the counter. */
static struct jem_ticks_pair read_pair(void)
{
	struct jem_ticks_pair best = { 0 };
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		uint64_t before = read_counter();
		uint64_t mono_ns = jem_now_ns();
		uint64_t width = read_counter() - before;

		if (width < least) {
			least = width;
			best = (struct jem_ticks_pair){ before + width / 2, mono_ns };
		}
	}
	return best;
}

bool jem_ticks_init(struct jem_ticks *ticks)
{
	memset(ticks, 0, sizeof(*ticks));
	jem_ticks_add(ticks, read_pair());
	return HAS_COUNTER;
}

void jem_ticks_take(struct jem_ticks *ticks, uint64_t apart_ns)
{
	if (jem_now_ns() - ticks->pairs[ticks->count - 1].mono_ns >= apart_ns)
		jem_ticks_add(ticks, read_pair());
}

void jem_ticks_keep(struct jem_ticks *ticks)
{
	jem_ticks_take(ticks, ticks->count < DOUBLINGS ? 1000000ull << ticks->count : 1000000000);
}

/* Divides once, so that conversions need not. */
static void note_rate(struct jem_ticks *ticks, unsigned from)
{
	const struct jem_ticks_pair *pair = &ticks->pairs[from];

	ticks->rates[from] =
		(uint64_t)(((wide)(pair[1].mono_ns - pair[0].mono_ns) << JEM_TICKS_RATE_BITS) /
			   (pair[1].ticks - pair[0].ticks));
}

void jem_ticks_add(struct jem_ticks *ticks, struct jem_ticks_pair pair)
{
	const struct jem_ticks_pair *last = &ticks->pairs[ticks->count - !!ticks->count];

	if (ticks->count && (pair.ticks <= last->ticks || pair.mono_ns <= last->mono_ns))
		return;
	if (ticks->count == JEM_TICKS_PAIRS) {
		/* The very first stays: the rate is over the longest time. */
		memmove(&ticks->pairs[1], &ticks->pairs[2],
			(JEM_TICKS_PAIRS - 2) * sizeof(*ticks->pairs));
		memmove(&ticks->rates[1], &ticks->rates[2],
			(JEM_TICKS_PAIRS - 2) * sizeof(*ticks->rates));
		ticks->count--;
		note_rate(ticks, 0);
	}
	ticks->pairs[ticks->count++] = pair;
	if (ticks->count > 1)
		note_rate(ticks, ticks->count - 2);
}

double jem_ticks_rate(const struct jem_ticks *ticks)
{
	const struct jem_ticks_pair *first = &ticks->pairs[0];
	const struct jem_ticks_pair *last = &ticks->pairs[ticks->count - 1];

	if (ticks->count < 2)
		return 0;
	return (double)(last->mono_ns - first->mono_ns) / (double)(last->ticks - first->ticks);
}

uint64_t jem_ticks_find(const struct jem_ticks *ticks, uint64_t reading)
{
	unsigned i = ticks->count - 1;
	const struct jem_ticks_pair *from;
	wide ns;

	if (ticks->count < 2)
		return ticks->pairs[0].mono_ns;
	/* From the end: what is converted is young. Beyond both ends the nearest two go on. */
	while (i > 1 && reading < ticks->pairs[i - 1].ticks)
		i--;
	from = &ticks->pairs[i - 1];
	if (reading < from->ticks) {
		ns = (wide)(from->ticks - reading) * ticks->rates[i - 1] >> JEM_TICKS_RATE_BITS;
		return ns < from->mono_ns ? from->mono_ns - (uint64_t)ns : 0;
	}
	ns = ((wide)(reading - from->ticks) * ticks->rates[i - 1] >> JEM_TICKS_RATE_BITS) +
	     from->mono_ns;
	return ns < UINT64_MAX ? (uint64_t)ns : UINT64_MAX;
}
