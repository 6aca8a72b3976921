/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/wire/backoff.h"

void jem_backoff_reset(struct jem_backoff *backoff)
{
	backoff->base_ms = JEM_BACKOFF_FIRST_MS;
}

void jem_backoff_init(struct jem_backoff *backoff, uint64_t seed)
{
	backoff->state = seed ? seed : 1;
	jem_backoff_reset(backoff);
}

/* xorshift64* (Vigna 2016): spread matters here, secrecy does not. */
static uint32_t next_random(struct jem_backoff *backoff)
{
	uint64_t x = backoff->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	backoff->state = x;
	return (uint32_t)(x * 2685821657736338717u >> 32);
}

uint64_t jem_backoff_next_ms(struct jem_backoff *backoff)
{
	uint32_t base = backoff->base_ms;

	backoff->base_ms = base > JEM_BACKOFF_LAST_MS / 2 ? JEM_BACKOFF_LAST_MS : base * 2;
	return base / 2 + next_random(backoff) % (base + 1);
}
