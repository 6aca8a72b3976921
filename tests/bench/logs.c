/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs: what following a log of 100,000 lines a second costs, with ten rules, and how long a line
 * that a rule matches takes into a batch.
 *
 * The writer is a process of its own, paced by the clock, one write(2) a millisecond and one more
 * for each marked line. CPU is ours by rusage: reading, splitting, rules, redactor, records, batches;
 * what a batch costs on the wire is in `wire`. Medians of ROUNDS.
 */
#include "common/clock.h"
#include "common/json_reader.h"
#include "daemon/sources/log/log_source.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	ROUNDS = 5,
	SECONDS = 4,
	MARK_EVERY_MS = 7,
	LATENCIES_MAX = 20000
};

static char folder[] = "/tmp/jem-bench-XXXXXX";
static char path[64];

static const char *const patterns[10] = {
	"No space left on device|Disk quota exceeded",
	"segmentation violation|Segmentation fault|SIGSEGV",
	"(?<what>std::bad_alloc|Cannot allocate memory)",
	"Error in <(?<where>[^>]+)>: (?<what>.*)",
	"^Traceback \\(most recent call last\\)",
	"event (?<event>\\d+) took (?<seconds>\\d+\\.\\d+) s",
	"\\bcorrupt(?:ed)?\\b.*file (?<file>\\S+)",
	"MARK (?<sent>\\d+)",
	"timeout after (?<seconds>\\d+)",
	"(?:lost|no) connection to (?<host>[\\w.-]+)",
};

struct bench {
	uv_loop_t loop;
	struct jem_config *config;
	struct jem_identity identity;
	struct jem_clock clock;
	struct jem_redactor *redactor;
	struct jem_batcher *batcher;
	struct jem_log_source *source;
	uint64_t batches;
	uint64_t bytes;
	double latencies[LATENCIES_MAX]; /* ms */
	size_t latency_count;
};

static void fail(const char *what)
{
	fprintf(stderr, "logs: %s\n", what);
	exit(1);
}

/* The text of every marked line says when it was written. */
static void take_marks(struct bench *bench, const char *body, size_t len, uint64_t now_ns)
{
	static const char mark[] = "\"sent\":\"";
	const char *end = body + len;

	for (const char *at = body;
	     (at = memmem(at, (size_t)(end - at), mark, sizeof(mark) - 1));) {
		at += sizeof(mark) - 1;
		if (bench->latency_count < LATENCIES_MAX)
			bench->latencies[bench->latency_count++] =
				(double)(now_ns - strtoull(at, NULL, 10)) / 1e6;
	}
}

static void on_batch(void *arg, struct jem_batch *batch)
{
	struct bench *bench = arg;

	bench->batches++;
	bench->bytes += batch->len;
	if (batch->head.kind == JEM_KIND_log)
		take_marks(bench, batch->body, batch->len, jem_now_ns());
	free(batch);
}

static void set(struct bench *bench, const char *key, const char *value)
{
	if (jem_config_set(bench->config, JEM_RANK_FILE, "bench", "log", key, value, NULL) < 0)
		fail(key);
}

static void open_bench(struct bench *bench, size_t rules, const char *prefix)
{
	struct jem_batcher_options options = {
		.loop = &bench->loop,
		.identity = &bench->identity,
		.clock = &bench->clock,
		.epoch = "0123456789abcdef",
		.boot_id = "00000000-0000-0000-0000-000000000000",
		.on_batch = on_batch,
		.arg = bench,
	};
	struct jem_log_options log_options = { .loop = &bench->loop };

	memset(bench, 0, sizeof(*bench));
	uv_loop_init(&bench->loop);
	strcpy(bench->identity.names.site, "site");
	strcpy(bench->identity.names.user, "user");
	strcpy(bench->identity.names.job, "job");
	strcpy(bench->identity.names.node, "node");
	jem_clock_init(&bench->clock);
	if (jem_redactor_create(NULL, 0, &bench->redactor, NULL) ||
	    jem_config_create(&bench->config))
		fail("no memory");
	options.redactor = bench->redactor;
	set(bench, "files", path);
	for (size_t i = 0; i < rules; i++) {
		char pattern[120];
		char name[8];

		snprintf(name, sizeof(name), "r%zu", i);
		snprintf(pattern, sizeof(pattern), "%s%s", prefix, patterns[i]);
		if (jem_config_set_rule(bench->config, "bench", name, "log", pattern, NULL) < 0)
			fail(patterns[i]);
	}
	if (jem_batcher_create(&options, &bench->batcher))
		fail("no batcher");
	log_options.batcher = bench->batcher;
	log_options.redactor = bench->redactor;
	log_options.config = bench->config;
	if (jem_log_source_create(&log_options, &bench->source))
		fail("no source");
	jem_log_source_start(bench->source);
}

static void close_bench(struct bench *bench)
{
	jem_log_source_destroy(bench->source);
	jem_batcher_destroy(bench->batcher);
	uv_run(&bench->loop, UV_RUN_DEFAULT);
	uv_loop_close(&bench->loop);
	jem_redactor_destroy(bench->redactor);
	jem_config_destroy(bench->config);
}

/* About 100 bytes, as a physics job writes; one in a thousand hits a rule. */
static size_t write_line(char *to, size_t n)
{
	static const char *const stages[] = { "ReadCalo", "FitTrack", "FillHist", "CutMuon" };

	if (n % 1000 == 500)
		return (size_t)sprintf(
			to, "Error in <TFile::ReadBuffer>: event %zu has bad bytes\n", n);
	return (size_t)sprintf(
		to,
		"2026-08-13 10:%02zu:%02zu INFO  %s: event %zu with %zu hits in sector "
		"%zu, chi2 %zu.%02zu, kept=%zu\n",
		n / 60 % 60, n % 60, stages[n % 4], n, n % 97, n % 12, n % 7, n % 100, n % 2);
}

static void write_all(int fd, const char *bytes, size_t len)
{
	if (write(fd, bytes, len) != (ssize_t)len)
		_exit(1);
}

static void write_paced(size_t lines_a_ms)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	uint64_t start = jem_now_ns();
	char *bytes = malloc(lines_a_ms * 200 + 200);
	size_t n = 0;

	for (unsigned ms = 0; ms < SECONDS * 1000; ms++) {
		struct timespec until;
		uint64_t due = start + ms * 1000000ull;
		size_t len = 0;

		until.tv_sec = (time_t)(due / 1000000000u);
		until.tv_nsec = (long)(due % 1000000000u);
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		for (size_t i = 0; i < lines_a_ms; i++)
			len += write_line(bytes + len, n++);
		write_all(fd, bytes, len);
		if (ms % MARK_EVERY_MS == 0) {
			len = (size_t)sprintf(bytes, "MARK %" PRIu64 "\n", jem_now_ns());
			write_all(fd, bytes, len);
		}
	}
	_exit(0);
}

static double cpu_s(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double at(double *values, size_t count, double part)
{
	qsort(values, count, sizeof(*values), compare);
	return count ? values[(size_t)((double)(count - 1) * part)] : 0;
}

struct round {
	double core_percent;
	double ns_a_line;
	double p50_ms;
	double p99_ms;
};

static void on_end(uv_timer_t *timer)
{
	pid_t *writer = timer->data;

	if (waitpid(*writer, NULL, WNOHANG) == *writer)
		uv_timer_stop(timer);
}

static struct round run(size_t lines_a_ms, size_t rules, const char *prefix)
{
	static struct bench bench;
	const struct jem_log_account *account;
	struct round round;
	uv_timer_t timer;
	double cpu;
	pid_t writer;

	close(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	open_bench(&bench, rules, prefix);
	writer = fork();
	if (!writer)
		write_paced(lines_a_ms);
	cpu = cpu_s();
	uv_timer_init(&bench.loop, &timer);
	timer.data = &writer;
	uv_timer_start(&timer, on_end, 50, 50);
	while (uv_is_active((uv_handle_t *)&timer))
		uv_run(&bench.loop, UV_RUN_ONCE);
	jem_log_source_flush(bench.source, UINT64_MAX);
	jem_batcher_flush_all(bench.batcher);
	cpu = cpu_s() - cpu;
	account = jem_log_source_account(bench.source);
	if (account->lines < lines_a_ms * SECONDS * 1000)
		fail("lines are missing");
	round.core_percent = cpu / SECONDS * 100;
	round.ns_a_line = cpu * 1e9 / (double)account->lines;
	round.p50_ms = at(bench.latencies, bench.latency_count, 0.5);
	round.p99_ms = at(bench.latencies, bench.latency_count, 0.99);
	uv_close((uv_handle_t *)&timer, NULL);
	close_bench(&bench);
	return round;
}

static void table_row(const char *name, size_t lines_a_ms, size_t rules, const char *prefix)
{
	double core[ROUNDS];
	double line[ROUNDS];
	double p50[ROUNDS];
	double p99[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		struct round round = run(lines_a_ms, rules, prefix);

		core[i] = round.core_percent;
		line[i] = round.ns_a_line;
		p50[i] = round.p50_ms;
		p99[i] = round.p99_ms;
	}
	printf("%-34s %7.1f %9.0f %9.2f %9.2f\n", name, at(core, ROUNDS, 0.5),
	       at(line, ROUNDS, 0.5), at(p50, ROUNDS, 0.5), at(p99, ROUNDS, 0.5));
	fflush(stdout);
}

int main(void)
{
	if (!mkdtemp(folder))
		fail("no folder");
	snprintf(path, sizeof(path), "%s/job.log", folder);
	printf("%-34s %7s %9s %9s %9s\n", "", "core %", "ns/line", "p50 ms", "p99 ms");
	table_row("100,000 lines/s, 10 rules", 100, 10, "");
	/* Caseless patterns have no literal to look for first. */
	table_row("100,000 lines/s, 10 caseless rules", 100, 10, "(?i)");
	table_row("100,000 lines/s, no rules", 100, 0, "");
	table_row("1,000 lines/s, 10 rules", 1, 10, "");
	unlink(path);
	rmdir(folder);
	return 0;
}
