/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/metrics_source.h"

#include "tests/unit/bench.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS 1000000ull

enum {
	SAMPLES_MAX = 100
};

struct watch {
	struct bench *bench;
	struct jem_metrics_settings settings;
	struct jem_metrics_source *source;
	uint64_t times[SAMPLES_MAX];
	struct jem_sample last;
	double node[JEM_METRIC_COUNT];
	double job[JEM_METRIC_COUNT];
	size_t count;
};

static struct watch watch;

static void on_sample(void *arg, const struct jem_sample *sample)
{
	(void)arg;
	if (watch.count < SAMPLES_MAX)
		watch.times[watch.count++] = sample->mono_ns;
	watch.last = *sample;
	memcpy(watch.node, sample->node, sizeof(watch.node));
	memcpy(watch.job, sample->job, sizeof(watch.job));
}

static void open_watch(pid_t job, pid_t launcher, uint64_t interval_ns)
{
	struct jem_metrics_options options = { .settings = &watch.settings,
					       .job = job,
					       .launcher = launcher,
					       .root = "",
					       .on_sample = on_sample };

	watch = (struct watch){ .bench = bench_open(),
				.settings = { .interval_ns = interval_ns,
					      .process_change = 0.05,
					      .process_every_ns = 60000 * MS,
					      .task_records = JEM_TASK_RECORDS_AUTO,
					      .reads_pss = true,
					      .pss_stall_ns = 2 * MS } };
	options.loop = &watch.bench->loop;
	options.batcher = watch.bench->batcher;
	CHECK_OK(jem_metrics_source_create(&options, &watch.source));
}

static void close_watch(void)
{
	jem_metrics_source_destroy(watch.source);
	bench_close(watch.bench);
}

static void run_until(size_t samples)
{
	while (watch.count < samples)
		uv_run(&watch.bench->loop, UV_RUN_ONCE);
}

static size_t count_text(const char *text)
{
	size_t count = 0;

	for (size_t i = 0; i < watch.bench->count; i++) {
		const struct jem_batch *batch = watch.bench->batches[i];
		const char *end = batch->body + batch->len;

		for (const char *at = batch->body;
		     (at = memmem(at, (size_t)(end - at), text, strlen(text))); at++)
			count++;
	}
	return count;
}

/* A child that waits until it is killed, or until we are gone. */
static pid_t start_job(void)
{
	int fds[2];
	pid_t pid;
	char byte;

	CHECK_OK(pipe(fds));
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "idle job");
		close(fds[0]);
		close(fds[1]); /* ready */
		for (;;)
			pause();
	}
	close(fds[1]);
	CHECK_EQ(read(fds[0], &byte, 1), 0);
	close(fds[0]);
	return pid;
}

static void end_job(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

CASE(keeps_its_deadlines_whatever_a_tick_costs)
{
	uint64_t missed;

	open_watch(0, 0, 20 * MS);
	jem_metrics_source_start(watch.source);
	/* The sample at the start and the first tick may be slow: nothing is warm. */
	run_until(2);
	missed = jem_metrics_source_ticks(watch.source)->missed;
	for (size_t n = 3; n <= 27; n++) {
		run_until(n);
		usleep(5000); /* a slow tick does not move the next one */
	}
	/* 25 intervals of 20 ms, however busy the machine: late by less than two */
	missed = jem_metrics_source_ticks(watch.source)->missed - missed;
	CHECK_NEAR((double)(watch.times[26] - watch.times[1]) / 1e6, 500 + 20 * (double)missed, 40);
	close_watch();
}

CASE(counts_the_ticks_it_misses)
{
	open_watch(0, 0, 20 * MS);
	jem_metrics_source_start(watch.source);
	run_until(2);
	usleep(110000); /* five deadlines go by */
	run_until(4);
	CHECK_GE(jem_metrics_source_ticks(watch.source)->missed, 4);
	CHECK_GE(watch.times[2] - watch.times[1], 100 * MS);
	/* and the one after is on the grid again, not 20 ms after the late one */
	CHECK_LE(watch.times[3] - watch.times[2],
		 19 * MS + 20 * MS * (jem_metrics_source_ticks(watch.source)->missed - 4));
	close_watch();
}

CASE(watches_the_node_alone)
{
	open_watch(0, 0, 20 * MS);
	jem_metrics_source_start(watch.source);
	run_until(3);
	CHECK(!watch.last.has_job);
	CHECK(watch.node[JEM_METRIC_memory_total_bytes] > 1e6);
	CHECK(watch.node[JEM_METRIC_cpu_cores] >= 0);
	CHECK(!isnan(watch.node[JEM_METRIC_tmp_free_bytes]));
	CHECK_EQ(count_text("\"scope\":\"node\""), 3);
	CHECK_EQ(count_text("\"scope\":\"job\""), 0);
	CHECK_EQ(count_text("\"comm\""), 0);
	CHECK_EQ(count_text("\"core0_busy_s\""), 3);
	close_watch();
}

CASE(sends_one_batch_of_metrics_a_tick)
{
	pid_t job = start_job();

	open_watch(job, 0, 20 * MS);
	jem_metrics_source_start(watch.source);
	run_until(5);
	jem_metrics_source_stop(watch.source);
	CHECK_EQ(count_text("\"kind\":\"metric\""), 5);
	CHECK_EQ(count_text("\"scope\":\"job\""), 5);
	close_watch();
	end_job(job);
}

CASE(tells_a_process_again_only_when_something_moved)
{
	pid_t job = start_job();

	open_watch(job, 0, 20 * MS);
	jem_metrics_source_start(watch.source);
	run_until(10);
	CHECK(watch.last.has_job);
	CHECK_NEAR(watch.job[JEM_METRIC_processes], 1, 0);
	/* first, and once more when its PSS is known */
	CHECK_GE(count_text("\"comm\":\"idle job\""), 1);
	CHECK_LE(count_text("\"comm\":\"idle job\""), 3);
	close_watch();
	end_job(job);
}

CASE(ends_with_the_totals_of_the_job)
{
	struct jem_reaped reaped = { .user_us = 1234000,
				     .system_us = 56000,
				     .maxrss_kb = 400 << 10 };
	struct jem_job_totals totals;

	reaped.pid = start_job();
	open_watch(reaped.pid, getpid(), 20 * MS);
	jem_metrics_source_start(watch.source);
	CHECK(!watch.last.has_job); /* held: it is only a copy of its launcher */
	jem_metrics_source_on_exec(watch.source, jem_now_ns());
	run_until(3);
	CHECK(watch.last.has_job);
	end_job(reaped.pid);
	jem_metrics_source_on_exit(watch.source, &reaped);
	CHECK(watch.last.is_final);
	jem_metrics_source_totals(watch.source, &totals);
	CHECK_NEAR(totals.cpu_user_s + totals.cpu_system_s, 1.29, 1e-6);
	CHECK_NEAR(totals.peak_rss_bytes, 400 << 20, 0);
	CHECK_NEAR(totals.processes, 1, 0);
	CHECK(totals.limit_bytes > 0);
	CHECK_EQ(count_text("\"state\":\"X\""), 1);
	jem_metrics_source_on_exit(watch.source, &reaped); /* a second time changes nothing */
	CHECK_EQ(count_text("\"state\":\"X\""), 1);
	close_watch();
}

CASE(says_once_what_it_can_observe)
{
	pid_t job = start_job();

	open_watch(job, 0, 20 * MS);
	jem_metrics_source_start(watch.source);
	run_until(4);
	CHECK_EQ(count_text("\"what\":\"processes\""), 1);
	CHECK_EQ(count_text("\"what\":\"cpu time\""), 1);
	CHECK_EQ(count_text("\"what\":\"control group\""), 1);
	close_watch();
	end_job(job);
}

/* A child that makes 600 processes, one after the other, once its gate is closed. */
/* Makes 300 processes for each byte through the gate, and answers it. */
static pid_t start_storm(int *gate)
{
	int fds[2];
	pid_t pid;
	char byte;

	CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[1]);
		while (read(fds[0], &byte, 1) == 1) {
			for (int i = 0; i < 300; i++) {
				pid_t child = fork();

				if (!child)
					_exit(0);
				waitpid(child, NULL, 0);
			}
			(void)!write(fds[0], &byte, 1);
		}
		for (;;)
			pause();
	}
	close(fds[0]);
	*gate = fds[1];
	return pid;
}

CASE(a_storm_of_processes_is_counted_not_told_one_by_one)
{
	const struct jem_account *account;
	char byte;
	int gate;
	pid_t job = start_storm(&gate);

	open_watch(job, 0, 3600000 * MS);
	account = jem_batcher_account(watch.bench->batcher, JEM_KIND_metric);
	jem_metrics_source_start(watch.source);
	if (count_text("\"level\":\"task records\"") != 1) {
		end_job(job);
		check_skip("task records are not to be had here");
	}
	for (int i = 0; i < 2; i++) { /* a ring holds some 600 */
		CHECK_EQ(write(gate, "x", 1), 1);
		CHECK_EQ(read(gate, &byte, 1), 1);
		jem_metrics_source_sample(watch.source);
	}
	close(gate);
	CHECK_GE(account->dropped[JEM_CAUSE_rate_limited], 1);
	CHECK_EQ(count_text("\"state\":\"X\"") + account->dropped[JEM_CAUSE_rate_limited], 600);
	CHECK_NEAR(watch.job[JEM_METRIC_processes_seen], 601, 0);
	CHECK(jem_account_is_balanced(account));
	close_watch();
	end_job(job);
}

CASE(refuses_a_job_that_is_gone)
{
	struct jem_metrics_settings settings = { .interval_ns = MS };
	struct jem_metrics_options options = { .settings = &settings, .root = "" };
	struct jem_metrics_source *source;
	struct bench *bench = bench_open();

	options.loop = &bench->loop;
	options.batcher = bench->batcher;
	options.job = start_job();
	end_job(options.job);
	CHECK_EQ(jem_metrics_source_create(&options, &source), -ESRCH);
	bench_close(bench);
}

TESTS(T(keeps_its_deadlines_whatever_a_tick_costs), T(counts_the_ticks_it_misses),
      T(watches_the_node_alone), T(sends_one_batch_of_metrics_a_tick),
      T(tells_a_process_again_only_when_something_moved), T(ends_with_the_totals_of_the_job),
      T(says_once_what_it_can_observe), T(a_storm_of_processes_is_counted_not_told_one_by_one),
      T(refuses_a_job_that_is_gone))
