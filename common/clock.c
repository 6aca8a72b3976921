/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"

static int64_t measure_offset(void)
{
	uint64_t best_width = UINT64_MAX;
	int64_t offset = 0;

	for (int i = 0; i < 8; i++) {
		uint64_t before = jem_now_ns();
		uint64_t wall = jem_wall_ns();
		uint64_t after = jem_now_ns();

		if (after - before < best_width) {
			best_width = after - before;
			offset = (int64_t)(wall - (before + (after - before) / 2));
		}
	}
	return offset;
}

void jem_clock_init(struct jem_clock *clock)
{
	clock->offset_ns = measure_offset();
}

int64_t jem_clock_step_ns(const struct jem_clock *clock)
{
	return measure_offset() - clock->offset_ns;
}
