/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/wire/credit.h"

enum {
	AVERAGE_FIRST = 65536,
	AVERAGE_MIN = 256,
	DECAY = 64
};

void jem_credit_init(struct jem_credit *credit, size_t budget_bytes, uint32_t max)
{
	*credit = (struct jem_credit){ budget_bytes, max, AVERAGE_FIRST };
}

void jem_credit_note(struct jem_credit *credit, size_t message_bytes)
{
	if (message_bytes > credit->average_bytes)
		credit->average_bytes += (message_bytes - credit->average_bytes + 1) / 2;
	else
		credit->average_bytes -= (credit->average_bytes - message_bytes) / DECAY;
	if (credit->average_bytes < AVERAGE_MIN)
		credit->average_bytes = AVERAGE_MIN;
}

uint32_t jem_credit_grant(const struct jem_credit *credit, int outstanding, size_t held,
			  size_t held_bytes)
{
	size_t room = held_bytes < credit->budget_bytes ? credit->budget_bytes - held_bytes : 0;
	size_t target = room / credit->average_bytes;
	size_t out = outstanding > 0 ? (size_t)outstanding : 0;

	if (held >= credit->max)
		target = 0;
	else if (target > credit->max - held)
		target = credit->max - held;
	if (!target && !held)
		target = 1;
	return out >= target || out > target / 2 ? 0 : (uint32_t)(target - out);
}
