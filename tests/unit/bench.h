/* SPDX-License-Identifier: Apache-2.0 */
/* bench: a loop, a clock and a batcher that keeps its batches, for the tests of sources. */
#ifndef JEM_TESTS_UNIT_BENCH_H
#define JEM_TESTS_UNIT_BENCH_H

#include "daemon/batcher.h"

enum {
	BATCHES_MAX = 2000
};

struct bench {
	uv_loop_t loop;
	struct jem_identity identity;
	struct jem_clock clock;
	struct jem_redactor *redactor;
	struct jem_batcher *batcher;
	struct jem_batch *batches[BATCHES_MAX];
	size_t count;
};

struct bench *bench_open(void);

/* Ends what is left on the loop, and fails the case if a handle stays. */
void bench_close(struct bench *bench);

#endif
