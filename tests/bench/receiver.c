/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records a second from a message in memory to the files of a job: decoding, checking, duplicates,
 * data/, job.log, model and settling; compression runs in the pool meanwhile. The goal of DESIGN
 * section 8 is 300,000, the aim 500,000.
 *
 *	tests/bench/receiver [FOLDER]
 */
#include "receiver/receiver.h"
#include "common/batch.h"
#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	BATCHES = 6000,
	WINDOW = 64, /* batches sent before the loop passes, as from one connection */
};

struct bench {
	uv_loop_t loop;
	struct jem_receiver *receiver;
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

/* Lines as an analysis writes them, 64 KiB of records to a batch. */
static uint64_t make_records(struct jem_buf *records, uint64_t first)
{
	uint64_t n = 0;

	for (; records->len < JEM_BATCH_TARGET; n++)
		jem_buf_printf(records,
			       "%s{\"dt_ns\":%" PRIu64
			       ",\"file\":\"/data/job/analysis.log\",\"file_id\":\"8:1:1234567\","
			       "\"offset\":%" PRIu64 ",\"text\":\"INFO event %" PRIu64
			       ": 17 tracks, 3 jets, mass 91.1876 GeV, chi2 1.07\"}",
			       n ? "," : "", n * 3000, (first + n) * 72, first + n);
	return n;
}

static uint64_t send_batch(struct bench *bench, uint64_t seq, uint64_t first)
{
	struct jem_head head = {
		.kind = JEM_KIND_log,
		.schema = 1,
		.source.names = { "site", "user", "job", "node" },
		.epoch = "0123456789abcdef",
		.boot_id = "00000000-0000-0000-0000-000000000000",
		.seq = seq,
		.first = first,
		.t0_us = jem_wall_ns() / 1000,
		.mono_ns = jem_now_ns(),
	};
	struct jem_message message = { 0 };
	struct jem_buf records;
	struct jem_buf body;

	jem_buf_init(&records, 0);
	jem_buf_init(&body, 0);
	head.n = make_records(&records, first);
	jem_batch_encode_json(&head, records.data, records.len, &body);
	message.body = (struct jem_slice){ body.data, body.len };
	jem_receiver_accept(bench->receiver, &message, seq);
	bench->bytes += body.len;
	jem_buf_deinit(&records);
	jem_buf_deinit(&body);
	return head.n;
}

/* What making the messages costs by itself is taken off. */
static double cost_of_making(void)
{
	uint64_t start = jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t first = 0;

	for (int i = 0; i < 500; i++) {
		struct jem_buf records;
		struct jem_buf body;
		struct jem_head head = { .kind = JEM_KIND_log };

		jem_buf_init(&records, 0);
		jem_buf_init(&body, 0);
		first += make_records(&records, first);
		jem_batch_encode_json(&head, records.data, records.len, &body);
		jem_buf_deinit(&records);
		jem_buf_deinit(&body);
	}
	return (double)(jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - start) / 1e9 / (double)first;
}

static void run(const char *files, const char *out)
{
	struct bench bench = { 0 };
	struct jem_config *config = NULL;
	struct jem_receiver_options options = {
		.loop = &bench.loop, .out = out, .on_settle = on_settle, .arg = &bench
	};
	struct jem_err err = { "no memory" };
	double making = cost_of_making();
	uint64_t records = 0;
	uint64_t start;
	uint64_t cpu;
	double wall_s;
	double cpu_s;

	uv_loop_init(&bench.loop);
	if (jem_config_create(&config) < 0 ||
	    (*files && jem_config_set(config, JEM_RANK_COMMAND_LINE, "bench", "receiver", "files",
				      files, &err) < 0)) {
		fprintf(stderr, "%s\n", err.text);
		exit(EXIT_FAILURE);
	}
	options.config = config;
	if (jem_receiver_create(&options, &bench.receiver, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(EXIT_FAILURE);
	}
	start = jem_now_ns();
	cpu = jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	for (uint64_t seq = 0; seq < BATCHES; seq++) {
		records += send_batch(&bench, seq, records);
		if (seq % WINDOW == WINDOW - 1)
			uv_run(&bench.loop, UV_RUN_NOWAIT);
	}
	jem_receiver_flush(bench.receiver);
	wall_s = (double)(jem_now_ns() - start) * 1e-9 - making * (double)records;
	cpu_s = (double)(jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - cpu) * 1e-9 -
		making * (double)records;
	printf("%-10s %9.0f records/s %7.1f MB/s %6.2f us of CPU a record (loop thread)\n",
	       *files ? files : "all files", (double)records / wall_s,
	       (double)bench.bytes / wall_s / 1e6, cpu_s * 1e6 / (double)records);
	if (bench.settled != BATCHES)
		fprintf(stderr, "%" PRIu64 " of %d batches settled\n", bench.settled, BATCHES);
	jem_receiver_close(bench.receiver, NULL, NULL);
	uv_run(&bench.loop, UV_RUN_DEFAULT);
	uv_loop_close(&bench.loop);
	jem_config_destroy(config);
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/jem-bench-XXXXXX";
	const char *top = argc > 1 ? argv[1] : mkdtemp(folder);
	char command[300];
	char out[300];

	if (!top || strpbrk(top, "'\n"))
		return EXIT_FAILURE;
	snprintf(out, sizeof(out), "%s/all", top);
	run("", out);
	snprintf(out, sizeof(out), "%s/data", top);
	run("data", out);
	snprintf(command, sizeof(command), "rm -rf '%s/all' '%s/data'", top, top);
	if (system(command))
		return EXIT_FAILURE;
	if (argc < 2)
		rmdir(top);
	return EXIT_SUCCESS;
}
