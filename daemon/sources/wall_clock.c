/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/wall_clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	INTERVAL_MS = 10000,
	STEP_NS = 1000000
};

struct jem_wall_clock_source {
	struct jem_batcher *batcher;   /* borrowed, outlives us */
	const struct jem_clock *clock; /* borrowed, outlives us */
	int64_t seen_ns;               /* the distance at the last look */
	uv_timer_t timer;
};

static void on_due(uv_timer_t *timer)
{
	struct jem_wall_clock_source *source = timer->data;

	jem_wall_clock_source_look(source, jem_clock_step_ns(source->clock));
}

int jem_wall_clock_source_create(uv_loop_t *loop, struct jem_batcher *batcher,
				 const struct jem_clock *clock, struct jem_wall_clock_source **ret)
{
	struct jem_wall_clock_source *source = calloc(1, sizeof(*source));

	if (!source)
		return -ENOMEM;
	source->batcher = batcher;
	source->clock = clock;
	uv_timer_init(loop, &source->timer);
	source->timer.data = source;
	uv_timer_start(&source->timer, on_due, INTERVAL_MS, INTERVAL_MS);
	*ret = source;
	return 0;
}

void jem_wall_clock_source_look(struct jem_wall_clock_source *source, int64_t step_ns)
{
	int64_t moved = step_ns - source->seen_ns;
	struct jem_record *record;
	char text[96];

	source->seen_ns = step_ns;
	if (llabs(moved) <= STEP_NS)
		return;
	snprintf(text, sizeof(text), "the wall clock moved by %+.6f s; times here do not follow",
		 (double)moved * 1e-9);
	record = jem_batcher_begin(source->batcher, JEM_KIND_status, jem_now_ns());
	jem_record_word(record, "state", "clock");
	jem_record_word(record, "text", text);
	jem_record_real(record, "step_s", (double)moved * 1e-9);
	jem_record_real(record, "offset_s", (double)step_ns * 1e-9);
	jem_batcher_end(source->batcher, JEM_URGENT);
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void jem_wall_clock_source_destroy(struct jem_wall_clock_source *source)
{
	if (source)
		uv_close((uv_handle_t *)&source->timer, on_timer_closed);
}
