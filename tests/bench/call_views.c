/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call records a second from a message in memory to the files of a job: unpacking, checking,
 * data/call.cbors.zst, and then calls.log and the model of the page, which are put off where records come as
 * fast as here; compression of finished segments runs in the pool meanwhile. With three arguments and a
 * return value, and without values.
 *
 *	tests/bench/call_views
 */
#include "common/clock.h"
#include "common/compress.h"
#include "receiver/receiver.h"
#include "tests/unit/call_batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BATCHES = 400,
	ROWS = 2000, /* about 64 KiB without values */
	WINDOW = 16, /* batches sent before the loop passes */
};

struct bench {
	uv_loop_t loop;
	struct jem_receiver *receiver;
	struct jem_buf bodies[BATCHES];
	uint64_t settled;
	uint64_t bytes;
};

static void on_settle(void *arg, uint64_t ticket, enum jem_outcome outcome)
{
	struct bench *bench = arg;

	(void)ticket;
	if (outcome != JEM_OUTCOME_ACCEPTED) {
		fprintf(stderr, "a batch was not accepted\n");
		exit(EXIT_FAILURE);
	}
	bench->settled++;
}

/* Calls of a few levels: every second record is an exit. */
static void put_record(struct jem_buf *buf, uint64_t row, uint64_t seed, bool has_values)
{
	static const unsigned depths[] = { 1, 2, 3, 3, 3, 3, 2, 2, 2, 1 };
	bool is_exit =
		row % 10 == 3 || row % 10 == 5 || row % 10 == 6 || row % 10 == 8 || row % 10 == 9;
	unsigned depth = depths[row % 10];

	jem_buf_printf(buf,
		       "%s{\"dt_ns\":%" PRIu64 ",\"pid\":4711,\"tid\":%" PRIu64 ",\"event\":\"%s\","
		       "\"depth\":%u,\"function\":\"analysis::Stage%u::process%" PRIu64 "\","
		       "\"file\":\"/home/user/analysis/stage%u.cc\",\"line\":%" PRIu64,
		       row ? "," : "[", row * 900, 4711 + row / 500, is_exit ? "exit" : "enter",
		       depth, depth, row / 10 % 20, depth, 10 + row / 10 % 20);
	if (is_exit)
		jem_buf_printf(buf, ",\"duration_ns\":%" PRIu64, 300 + seed * row % 100000);
	if (has_values && is_exit)
		jem_buf_printf(buf, ",\"return\":{\"type\":\"double\",\"value\":%.3f}",
			       (double)(seed * row % 1000000) / 997);
	else if (has_values)
		jem_buf_printf(buf,
			       ",\"args\":[{\"name\":\"this\",\"type\":\"Stage *\",\"value\":{"
			       "\"address\":\"0x%" PRIx64 "\"}},{\"name\":\"n\",\"type\":\"int\","
			       "\"value\":%" PRIu64 "},{\"name\":\"name\",\"type\":\"std::string\","
			       "\"value\":\"track %" PRIu64 "\"}]",
			       0x55e0c8a00000 + seed % 4096 * 64, seed * row % 5000, row);
	jem_buf_add_char(buf, '}');
}

static void make_bodies(struct bench *bench, bool has_values)
{
	for (uint64_t seq = 0; seq < BATCHES; seq++) {
		struct jem_head head = {
			.kind = JEM_KIND_call,
			.schema = 1,
			.source.names = { "site", "user", "job", "node" },
			.epoch = "0123456789abcdef",
			.boot_id = "00000000-0000-0000-0000-000000000000",
			.seq = seq,
			.first = seq * ROWS,
			.t0_us = 1700000000000000 + seq * 1800,
			.mono_ns = 5000000000 + seq * 1800000,
		};
		struct jem_buf records;
		struct jem_buf body;

		jem_buf_init(&records, 0);
		jem_buf_init(&body, 0);
		for (uint64_t row = 0; row < ROWS; row++)
			put_record(&records, row, seq * 7919 + 1, has_values);
		jem_buf_add_char(&records, ']');
		call_batch_encode(&head, jem_buf_cstr(&records), &body);
		jem_buf_init(&bench->bodies[seq], 0);
		if (jem_compress(body.data, body.len, &bench->bodies[seq]) < 0)
			exit(EXIT_FAILURE);
		bench->bytes += body.len;
		jem_buf_deinit(&records);
		jem_buf_deinit(&body);
	}
}

static void send_all(struct bench *bench)
{
	for (uint64_t seq = 0; seq < BATCHES; seq++) {
		const struct jem_buf *body = &bench->bodies[seq];
		struct jem_message message = { .body = { body->data, body->len } };

		jem_receiver_accept(bench->receiver, &message, seq);
		if (seq % WINDOW == WINDOW - 1)
			uv_run(&bench->loop, UV_RUN_NOWAIT);
	}
	jem_receiver_flush(bench->receiver);
}

static void run(struct bench *bench, const char *what, const char *files, const char *out)
{
	struct jem_receiver_options options = {
		.loop = &bench->loop, .out = out, .on_settle = on_settle, .arg = bench
	};
	const double records = (double)BATCHES * ROWS;
	struct jem_config *config = NULL;
	struct jem_err err = { "no memory" };
	uint64_t start;
	uint64_t cpu;
	double settled_s;
	double wall_s;
	double cpu_s;

	bench->settled = 0;
	uv_loop_init(&bench->loop);
	if (jem_config_create(&config) < 0 ||
	    (*files && jem_config_set(config, JEM_RANK_COMMAND_LINE, "bench", "receiver", "files",
				      files, &err) < 0)) {
		fprintf(stderr, "%s\n", err.text);
		exit(EXIT_FAILURE);
	}
	options.config = config;
	if (jem_receiver_create(&options, &bench->receiver, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(EXIT_FAILURE);
	}
	start = jem_now_ns();
	cpu = jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	send_all(bench);
	settled_s = (double)(jem_now_ns() - start) * 1e-9;
	while (jem_receiver_stats(bench->receiver).behind)
		uv_run(&bench->loop, UV_RUN_NOWAIT);
	wall_s = (double)(jem_now_ns() - start) * 1e-9;
	cpu_s = (double)(jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - cpu) * 1e-9;
	printf("%-22s %9.0f records/s, settled %9.0f/s, %5.2f us of CPU a record (loop thread), "
	       "%.0f bytes a record\n",
	       what, records / wall_s, records / settled_s, cpu_s * 1e6 / records,
	       (double)bench->bytes / records);
	if (bench->settled != BATCHES)
		fprintf(stderr, "%" PRIu64 " of %d batches settled\n", bench->settled, BATCHES);
	jem_receiver_close(bench->receiver, NULL, NULL);
	uv_run(&bench->loop, UV_RUN_DEFAULT);
	uv_loop_close(&bench->loop);
	jem_config_destroy(config);
}

int main(void)
{
	static const struct {
		const char *what;
		const char *files;
	} ways[] = { { "all files", "" }, { "data alone", "data" } };
	char folder[] = "/tmp/jem-bench-XXXXXX";
	char command[80];
	char what[64];
	char out[80];

	if (!mkdtemp(folder))
		return EXIT_FAILURE;
	for (int has_values = 0; has_values < 2; has_values++) {
		struct bench *bench = calloc(1, sizeof(*bench));

		if (!bench)
			return EXIT_FAILURE;
		make_bodies(bench, has_values);
		for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
			snprintf(out, sizeof(out), "%s/%d%zu", folder, has_values, i);
			snprintf(what, sizeof(what), "%s%s", ways[i].what,
				 has_values ? ", values" : "");
			run(bench, what, ways[i].files, out);
		}
		for (int i = 0; i < BATCHES; i++)
			jem_buf_deinit(&bench->bodies[i]);
		free(bench);
	}
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command) ? EXIT_FAILURE : EXIT_SUCCESS;
}
