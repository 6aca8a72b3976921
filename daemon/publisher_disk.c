/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/spool/acked.h"
#include "common/clock.h"
#include "common/log.h"
#include "daemon/batch_message.h"
#include "daemon/publisher_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	TICK_MS = 1000,
	SYNC_MS = 50,             /* how long batches wait for one fdatasync together */
	REFILL_BYTES = 256 << 10, /* read ahead of what is sent */
};

static enum jem_lane lane_of(enum jem_kind kind)
{
	return jem_spool_lane(kind);
}

/* The spool gives a batch up. One that is in memory, too, is not lost. */
static void on_spool_lost(void *arg, const struct jem_frame *frame, enum jem_cause cause)
{
	struct jem_publisher *publisher = arg;
	const struct lane *lane = &publisher->lanes[lane_of(frame->kind)];
	struct jem_head head;

	if (!lane->cursor || frame->id < lane->cursor)
		return;
	jem_head_of_frame(frame, &head);
	publisher->account.held--;
	publisher_lose(publisher, &head, cause);
}

static void on_spool_trouble(void *arg, const char *text)
{
	const struct jem_publisher *publisher = arg;

	log_warning("spool %s: %s", publisher->options.spool.dir, text);
}

static void on_tick(uv_timer_t *timer)
{
	struct jem_publisher *publisher = timer->data;

	jem_spool_tick(publisher->spool, jem_wall_ns() / 1000);
	publisher->is_paused = false;
	publisher_send(publisher);
}

/* --- durability against a power cut ---------------------------------------------------------------- */

struct sync {
	uv_work_t work;
	int fd;
};

static void do_sync(uv_work_t *work)
{
	const struct sync *sync = work->data;

	(void)fdatasync(sync->fd);
	close(sync->fd);
}

static void after_sync(uv_work_t *work, int status)
{
	struct sync *sync = work->data;

	if (status < 0) /* it never ran */
		close(sync->fd);
	free(sync);
}

static void on_sync_due(uv_timer_t *timer)
{
	struct jem_publisher *publisher = timer->data;
	struct sync *sync = malloc(sizeof(*sync));

	if (!sync)
		return;
	sync->work.data = sync;
	sync->fd = jem_spool_take_sync(publisher->spool);
	if (sync->fd < 0 ||
	    uv_queue_work(publisher->options.loop, &sync->work, do_sync, after_sync) < 0) {
		if (sync->fd >= 0)
			close(sync->fd);
		free(sync);
	}
}

/* --------------------------------------------------------------------------------------------------- */

int disk_open(struct jem_publisher *publisher)
{
	struct jem_spool_options options = publisher->options.spool;
	int status;

	options.on_lost = on_spool_lost;
	options.on_trouble = on_spool_trouble;
	options.arg = publisher;
	status = jem_spool_open(&options, &publisher->spool, &publisher->spool_fault);
	if (status < 0)
		return status;
	jem_buf_init(&publisher->body, 0);
	for (int i = 0; i < JEM_LANE_COUNT; i++) {
		uint64_t waiting =
			jem_spool_unacked(publisher->spool, (enum jem_lane)i, 0, UINT64_MAX);

		if (!waiting)
			continue;
		publisher->lanes[i].cursor = jem_spool_oldest(publisher->spool, (enum jem_lane)i);
		publisher->account.in += waiting;
		publisher->account.held += waiting;
	}
	uv_timer_init(publisher->options.loop, &publisher->tick);
	uv_timer_init(publisher->options.loop, &publisher->sync);
	publisher->tick.data = publisher->sync.data = publisher;
	publisher->open_handles = 2;
	uv_timer_start(&publisher->tick, on_tick, TICK_MS, TICK_MS);
	return 0;
}

uint64_t disk_put(struct jem_publisher *publisher, const struct jem_batch *batch)
{
	uint64_t id;

	if (!publisher->spool ||
	    jem_spool_append(publisher->spool, &batch->head, batch->body, batch->len, &id) < 0)
		return 0;
	if (publisher->options.spool.is_power && !uv_is_active((uv_handle_t *)&publisher->sync))
		uv_timer_start(&publisher->sync, on_sync_due, SYNC_MS, 0);
	return id;
}

/* Batches before number `to` that nobody can read, and that the spool could not name. */
static void lose_missing(struct jem_publisher *publisher, enum jem_lane lane, uint64_t to)
{
	uint64_t missing =
		jem_spool_give_up(publisher->spool, lane, publisher->lanes[lane].cursor, to);

	if (!missing)
		return;
	publisher->account.held -= missing;
	publisher->account.dropped[JEM_CAUSE_unreadable] += missing;
	log_warning("spool %s: %llu batches of the %s lane are lost by damage",
		    publisher->options.spool.dir, (unsigned long long)missing,
		    lane == JEM_LANE_HUMAN ? "human" : "fire-hose");
}

static void take_frame(struct jem_publisher *publisher, const struct jem_frame *frame)
{
	struct jem_batch *batch;
	struct jem_err err = { "" };
	struct jem_head head;

	publisher->account.held--;
	if (jem_batch_of_body(frame->kind, publisher->body.data, publisher->body.len, &batch,
			      &err) >= 0) {
		if (publisher_queue(publisher, batch, frame->id) >= 0)
			return;
		free(batch);
	} else {
		log_warning("spool %s: batch %llu: %s", publisher->options.spool.dir,
			    (unsigned long long)frame->id, err.text);
	}
	jem_spool_ack(publisher->spool, lane_of(frame->kind), frame->id);
	jem_head_of_frame(frame, &head);
	publisher_lose(publisher, &head, JEM_CAUSE_invalid);
}

bool disk_refill(struct jem_publisher *publisher, enum jem_lane which)
{
	struct lane *lane = &publisher->lanes[which];
	bool is_any = false;

	for (size_t read = 0; lane->cursor && read < REFILL_BYTES; read += publisher->body.len) {
		struct jem_frame frame;
		int status = jem_spool_next(publisher->spool, which, lane->cursor, &frame,
					    &publisher->body);

		uint64_t next = status > 0 ? frame.id : jem_spool_end(publisher->spool, which);

		/* So wide a gap is closed only when nothing before it is on its way. */
		if (next - lane->cursor > JEM_ACKED_WINDOW / 2 && publisher->in_flight_count)
			break;
		lose_missing(publisher, which, next);
		if (status <= 0) {
			lane->cursor = 0;
			break;
		}
		lane->cursor = frame.id + 1;
		if (lane->cursor >= jem_spool_end(publisher->spool, which))
			lane->cursor = 0;
		take_frame(publisher, &frame);
		is_any = true;
	}
	return is_any;
}

/* --------------------------------------------------------------------------------------------------- */

static void on_handle_closed(uv_handle_t *handle)
{
	struct jem_publisher *publisher = handle->data;

	if (--publisher->open_handles == 0)
		publisher->then(publisher);
}

void disk_close(struct jem_publisher *publisher, void (*then)(struct jem_publisher *publisher))
{
	jem_spool_close(publisher->spool);
	publisher->spool = NULL;
	jem_buf_deinit(&publisher->body);
	publisher->then = then;
	uv_close((uv_handle_t *)&publisher->tick, on_handle_closed);
	uv_close((uv_handle_t *)&publisher->sync, on_handle_closed);
}
