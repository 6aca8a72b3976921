/* SPDX-License-Identifier: Apache-2.0 */
/* The small sources that need no more than a loop and a batcher. */
#include "daemon/sources/self.h"
#include "daemon/sources/wall_clock.h"
#include "tests/unit/bench.h"
#include "tests/unit/check.h"

CASE(tells_a_step_of_the_wall_clock_once)
{
	struct bench *bench = bench_open();
	struct jem_wall_clock_source *source;

	CHECK_OK(
		jem_wall_clock_source_create(&bench->loop, bench->batcher, &bench->clock, &source));
	jem_wall_clock_source_look(source, 500000);
	CHECK_EQ(bench->count, 0);
	jem_wall_clock_source_look(source, 3600000500000);
	CHECK_EQ(bench->count, 1);
	CHECK_CONTAINS(bench->batches[0]->body, "\"state\":\"clock\"");
	CHECK_CONTAINS(bench->batches[0]->body, "\"step_s\":3600");
	jem_wall_clock_source_look(source, 3600000600000);
	CHECK_EQ(bench->count, 1);
	jem_wall_clock_source_look(source, 0);
	CHECK_EQ(bench->count, 2);
	CHECK_CONTAINS(bench->batches[1]->body, "\"step_s\":-3600");
	jem_wall_clock_source_destroy(source);
	bench_close(bench);
}

static void on_lost(void *arg, const struct jem_head *head, enum jem_cause cause)
{
	CHECK_EQ(head->kind, JEM_KIND_metric);
	CHECK_EQ(cause, JEM_CAUSE_undelivered);
	(*(unsigned *)arg)++;
}

static void on_closed(void *arg)
{
	(void)arg;
}

CASE(publishes_its_own_cost_and_a_balanced_account)
{
	struct bench *bench = bench_open();
	unsigned lost = 0;
	struct jem_config *config;
	struct jem_outlets *outlets;
	struct jem_self_source *self;
	struct jem_outlets_options options = { .loop = &bench->loop,
					       .container_id = "test",
					       .job = "test",
					       .on_lost = on_lost,
					       .arg = &lost };

	CHECK_OK(jem_config_create(&config));
	options.config = config;
	CHECK_OK(jem_outlets_create(&options, &outlets, NULL));
	jem_batcher_drop(bench->batcher, JEM_KIND_log, JEM_CAUSE_truncated, 5);
	CHECK_OK(jem_self_source_create(&bench->loop, bench->batcher, outlets, &self));
	jem_self_source_publish(self);
	jem_batcher_flush_all(bench->batcher);
	CHECK_EQ(bench->count, 1);
	CHECK_CONTAINS(bench->batches[0]->body, "\"scope\":\"monitor\"");
	CHECK_CONTAINS(bench->batches[0]->body, "\"records_in\":5");
	CHECK_CONTAINS(bench->batches[0]->body, "\"records_dropped\":5");
	/* With nowhere to go the batch is lost, and the next record tells it. */
	jem_outlets_push(outlets, bench->batches[--bench->count]);
	CHECK_EQ(lost, 1);
	jem_self_source_publish(self);
	jem_batcher_flush_all(bench->batcher);
	CHECK_CONTAINS(bench->batches[0]->body, "\"batches_in\":1");
	CHECK_CONTAINS(bench->batches[0]->body, "\"batches_dropped\":1");
	jem_self_source_destroy(self);
	jem_outlets_close(outlets, 0, on_closed);
	jem_config_destroy(config);
	bench_close(bench);
}

TESTS(T(tells_a_step_of_the_wall_clock_once), T(publishes_its_own_cost_and_a_balanced_account))
