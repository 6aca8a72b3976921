/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_feed: what an event costs the live source from the merge on: machine, whose task it is, sums, rows,
 * columns, and packing as the loop does it.
 *
 * Two tasks a core hand each other the core as fast as they can, each switch with its waking and wake-up: the
 * storm of `stress-ng --switch`. CPU time of one core, the least of five rounds.
 */
#include "common/clock.h"
#include "common/compress.h"
#include "daemon/sources/sched/feed.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	ROUNDS = 5,
	EVENTS = 3000000,
	CORES = 2,
	STEP_NS = 700,
	RUN_MAX = 256, /* events that the merge gives at once */
};

static struct jem_buf packed;
static uint64_t rows_seen, bytes, pack_ns;

static uint64_t cpu_ns(void)
{
	return jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void must(int rc)
{
	if (rc < 0) {
		fprintf(stderr, "sched_feed: error %d\n", rc);
		exit(1);
	}
}

static void on_rows(void *arg, const struct jem_column_rows *rows)
{
	uint64_t began = cpu_ns();

	(void)arg;
	jem_buf_clear(&packed);
	must(jem_compress(rows->map, rows->len, &packed));
	bytes += packed.len;
	rows_seen += rows->n;
	free((void *)(uintptr_t)rows->map);
	pack_ns += cpu_ns() - began;
}

static void on_lost(void *arg, enum jem_cause cause, uint64_t n)
{
	(void)arg, (void)cause, (void)n;
	must(-1);
}

/* Three events a switch; times as uneven as real ones. */
static void make_events(struct jem_sched_event *events, uint32_t name)
{
	int64_t ns[CORES] = { 1000000, 1000300 };
	uint32_t random = 1;

	for (size_t i = 0; i < EVENTS; i++) {
		unsigned cpu = i / 3 % CORES;
		unsigned turn = i / 3 / CORES & 1;
		int32_t runs = (int32_t)(1000 + 2 * cpu + turn);
		int32_t other = (int32_t)(1000 + 2 * cpu + !turn);
		static const uint8_t types[] = { JEM_SCHED_WAKING, JEM_SCHED_WAKEUP,
						 JEM_SCHED_SWITCH };

		random = random * 1103515245u + 12345u;
		ns[cpu] += STEP_NS + (random >> 22);
		events[i] =
			(struct jem_sched_event){ .ns = ns[cpu],
						  .pid = runs,
						  .other = other,
						  .detail = types[i % 3] == JEM_SCHED_SWITCH ? 1
											     : cpu,
						  .comm = name,
						  .pid_comm = name,
						  .cpu = (uint16_t)cpu,
						  .type = types[i % 3] };
	}
}

static int by_time(const void *a, const void *b)
{
	const struct jem_sched_event *x = a, *y = b;

	return (x->ns > y->ns) - (x->ns < y->ns);
}

static double run(struct jem_redactor *redactor, struct jem_sched_event *events, double *pack)
{
	const struct jem_sched_feed_options options = { .redactor = redactor,
							.job = 1000,
							.is_node = true,
							.on_rows = on_rows,
							.on_lost = on_lost };
	struct jem_sched_feed *feed;
	uint64_t began;
	uint64_t spent;

	rows_seen = bytes = pack_ns = 0;
	must(jem_sched_feed_create(&options, &feed));
	must(jem_sched_feed_begin(feed, JEM_SCHED_LEVEL_TRACEFS, NULL, 1));
	make_events(events, jem_sched_names_add(jem_sched_feed_names(feed), "stress-ng-switch"));
	qsort(events, EVENTS, sizeof(*events), by_time);
	began = cpu_ns();
	for (size_t i = 0; i < EVENTS; i += RUN_MAX)
		must(jem_sched_feed_events(feed, events + i,
					   EVENTS - i < RUN_MAX ? EVENTS - i : RUN_MAX));
	jem_sched_feed_finish(feed, events[EVENTS - 1].ns + 1);
	spent = cpu_ns() - began - pack_ns;
	jem_sched_feed_destroy(feed);
	*pack = (double)pack_ns / EVENTS;
	return (double)spent / EVENTS;
}

int main(void)
{
	struct jem_sched_event *events = calloc(EVENTS, sizeof(*events));
	struct jem_redactor *redactor;
	double least = 1e9;
	double least_pack = 1e9;

	if (!events)
		return EXIT_FAILURE;
	must(jem_redactor_create(NULL, 0, &redactor, NULL));
	jem_buf_init(&packed, 0);
	for (int i = 0; i < ROUNDS; i++) {
		double pack;
		double feed = run(redactor, events, &pack);

		least = feed < least ? feed : least;
		least_pack = pack < least_pack ? pack : least_pack;
	}
	printf("| events to rows and columns, ns an event | %.1f |\n", least);
	printf("| packing, ns an event | %.1f |\n", least_pack);
	printf("| slices, packed bytes an event | %llu, %.2f |\n", (unsigned long long)rows_seen,
	       (double)bytes / EVENTS);
	jem_buf_deinit(&packed);
	jem_redactor_destroy(redactor);
	free(events);
	return EXIT_SUCCESS;
}
