/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account: what went through a stage. Loss accounting is an invariant, not a log line.
 *
 * Invariant: in == out + sum(dropped) + held, asserted in tests and published as self-metrics.
 */
#ifndef JEM_COMMON_ACCOUNT_H
#define JEM_COMMON_ACCOUNT_H

#include "common/kind.h"

struct jem_account {
	uint64_t in;
	uint64_t out;
	uint64_t held;
	uint64_t dropped[JEM_CAUSE_COUNT];
};

static inline uint64_t jem_account_dropped(const struct jem_account *account)
{
	uint64_t sum = 0;

	for (int i = 0; i < JEM_CAUSE_COUNT; i++)
		sum += account->dropped[i];
	return sum;
}

static inline bool jem_account_is_balanced(const struct jem_account *account)
{
	return account->in == account->out + account->held + jem_account_dropped(account);
}

#endif
