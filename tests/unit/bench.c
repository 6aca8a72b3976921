/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/bench.h"

#include "tests/unit/check.h"

static void on_batch(void *arg, struct jem_batch *batch)
{
	struct bench *bench = arg;

	CHECK(bench->count < BATCHES_MAX);
	bench->batches[bench->count++] = batch;
}

struct bench *bench_open(void)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct jem_batcher_options options = {
		.loop = &bench->loop,
		.identity = &bench->identity,
		.clock = &bench->clock,
		.epoch = "0123456789abcdef",
		.boot_id = "00000000-0000-0000-0000-000000000000",
		.on_batch = on_batch,
		.arg = bench,
	};

	uv_loop_init(&bench->loop);
	strcpy(bench->identity.names.site, "site");
	strcpy(bench->identity.names.user, "user");
	strcpy(bench->identity.names.job, "job");
	strcpy(bench->identity.names.node, "node");
	jem_clock_init(&bench->clock);
	CHECK_OK(jem_redactor_create(NULL, 0, &bench->redactor, NULL));
	options.redactor = bench->redactor;
	CHECK_OK(jem_batcher_create(&options, &bench->batcher));
	return bench;
}

void bench_close(struct bench *bench)
{
	jem_batcher_destroy(bench->batcher);
	uv_run(&bench->loop, UV_RUN_DEFAULT);
	CHECK_EQ(uv_loop_close(&bench->loop), 0);
	uv_library_shutdown(); /* its pipe for signals is a descriptor too */
	jem_redactor_destroy(bench->redactor);
	for (size_t i = 0; i < bench->count; i++)
		free(bench->batches[i]);
	free(bench);
}
