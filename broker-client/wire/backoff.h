/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backoff: how long to wait before the next attempt to connect.
 *
 * 0.2 s doubled up to 20 s, each drawn from half to one and a half of it (0.1 to 30 s in all), so
 * that a thousand nodes do not come back in step. It starts over only when the broker has taken or given a message: one
 * that accepts connections and then breaks them must not be asked in a hot loop.
 */
#ifndef JEM_BROKER_CLIENT_WIRE_BACKOFF_H
#define JEM_BROKER_CLIENT_WIRE_BACKOFF_H

#include <stdint.h>

#define JEM_BACKOFF_FIRST_MS 200u
#define JEM_BACKOFF_LAST_MS  20000u

struct jem_backoff {
	uint64_t state; /* of the random numbers; any seed but 0 */
	uint32_t base_ms;
};

void jem_backoff_init(struct jem_backoff *backoff, uint64_t seed);
uint64_t jem_backoff_next_ms(struct jem_backoff *backoff);
void jem_backoff_reset(struct jem_backoff *backoff);

#endif
