/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credit: how many messages a sender may send us, so that what waits here stays within a number
 * of bytes.
 *
 * AMQP credit counts messages (part 2, section 2.6.7): a thousand of them are 300 kB or 64 MB.
 * The grant follows the size of recent messages, quickly up and slowly down.
 */
#ifndef JEM_BROKER_CLIENT_WIRE_CREDIT_H
#define JEM_BROKER_CLIENT_WIRE_CREDIT_H

#include <stddef.h>
#include <stdint.h>

struct jem_credit {
	size_t budget_bytes;
	uint32_t max;
	size_t average_bytes; /* of recent messages */
};

/* Until messages tell otherwise they are taken for full batches. */
void jem_credit_init(struct jem_credit *credit, size_t budget_bytes, uint32_t max);

void jem_credit_note(struct jem_credit *credit, size_t message_bytes);

/*
 * The credit to add to `outstanding`, while `held` messages of `held_bytes` wait to be settled.
 * 0 while enough is outstanding, so that a grant is worth its frame; never stops for good: with
 * nothing held and nothing outstanding it is at least 1.
 */
uint32_t jem_credit_grant(const struct jem_credit *credit, int outstanding, size_t held,
			  size_t held_bytes);

#endif
