/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_probe [OPTION]... -- COMMAND [ARG]...
 *
 * The metrics source alone, with the least of a launcher around it: this process is parent and
 * sub-reaper of the job, a child of it runs the source on a loop and writes each batch as a line of
 * JSON on standard output. For tests and benchmarks of the source without launcher, broker and
 * receiver.
 *
 *   --interval SECONDS   1
 *   --no-perf            as where task records are not allowed
 *   --task-perf          task records by perf only
 *   --connector          task records by the proc connector only
 *   --no-pss
 *   --quiet              batches are encoded, not written
 *   --beside             watch the job as jemd --pid does: no launcher's help
 *   --cost               at the end "cost TICKS CPU_SECONDS RSS_ANON_KB" on standard error
 *   --truth              at the end "truth CPU_SECONDS", the sum of what wait4 told
 */
#include "common/cleanup.h"
#include "common/clock.h"
#include "daemon/sources/metrics/metrics_source.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct probe {
	struct jem_metrics_settings settings;
	bool is_quiet;
	bool is_beside;
	bool tells_cost;
	bool tells_truth;
	pid_t job;
	pid_t launcher;
	int link; /* the monitor's end */
	uv_loop_t loop;
	uv_poll_t poll;
	struct jem_batcher *batcher;
	struct jem_metrics_source *source;
};

static void on_batch(void *arg, struct jem_batch *batch)
{
	const struct probe *probe = arg;

	if (!probe->is_quiet) {
		fwrite(batch->body, batch->len, 1, stdout);
		putchar('\n');
		fflush(stdout);
	}
	free(batch);
}

static void tell_cost(const struct probe *probe)
{
	const struct jem_metrics_ticks *ticks = jem_metrics_source_ticks(probe->source);
	auto_fclose FILE *status = fopen("/proc/self/status", "r");
	struct rusage usage;
	char line[256];
	long anon = 0;

	while (status && fgets(line, sizeof(line), status))
		(void)sscanf(line, "RssAnon: %ld", &anon);
	getrusage(RUSAGE_SELF, &usage);
	fprintf(stderr, "cost %llu %.6f %ld\n", (unsigned long long)ticks->taken,
		(double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
			(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
		anon);
}

static void finish(struct probe *probe, const struct jem_reaped *reaped)
{
	uv_poll_stop(&probe->poll);
	jem_metrics_source_on_exit(probe->source, reaped);
	if (probe->tells_cost)
		tell_cost(probe);
	jem_batcher_finish(probe->batcher);
	jem_metrics_source_destroy(probe->source);
	jem_batcher_destroy(probe->batcher);
	uv_close((uv_handle_t *)&probe->poll, NULL);
}

/* From the launcher: the time of the exec, then what it reaps. */
static void on_link(uv_poll_t *poll, int status, int events)
{
	struct probe *probe = poll->data;
	struct jem_reaped reaped;
	uint64_t exec_ns;
	char packet[sizeof(reaped)];
	ssize_t len = recv(probe->link, packet, sizeof(packet), 0);

	(void)status, (void)events;
	if (len == sizeof(exec_ns)) {
		memcpy(&exec_ns, packet, sizeof(exec_ns));
		jem_metrics_source_on_exec(probe->source, exec_ns);
	} else if (len == sizeof(reaped)) {
		memcpy(&reaped, packet, sizeof(reaped));
		if (reaped.pid == probe->job)
			finish(probe, probe->is_beside ? NULL : &reaped);
		else if (!probe->is_beside)
			jem_metrics_source_on_reap(probe->source, &reaped);
	} else {
		finish(probe, NULL);
	}
}

static int run_monitor(struct probe *probe)
{
	struct jem_identity identity = { .names = { "local", "tester", "probe", "node" } };
	struct jem_redactor *redactor;
	struct jem_clock clock;
	struct jem_err err;
	struct jem_batcher_options batching = { .loop = &probe->loop,
						.identity = &identity,
						.clock = &clock,
						.epoch = "0123456789abcdef",
						.boot_id = "00000000-0000-0000-0000-000000000000",
						.on_batch = on_batch,
						.arg = probe };
	struct jem_metrics_options options = { .loop = &probe->loop,
					       .settings = &probe->settings,
					       .job = probe->job,
					       .launcher = probe->is_beside ? 0 : probe->launcher,
					       .root = "" };

	jem_clock_init(&clock);
	uv_loop_init(&probe->loop);
	if (jem_redactor_create(NULL, 0, &redactor, &err) < 0)
		return 1;
	batching.redactor = redactor;
	if (jem_batcher_create(&batching, &probe->batcher) < 0)
		return 1;
	options.batcher = probe->batcher;
	if (jem_metrics_source_create(&options, &probe->source) < 0)
		return 1;
	uv_poll_init(&probe->loop, &probe->poll, probe->link);
	probe->poll.data = probe;
	uv_poll_start(&probe->poll, UV_READABLE, on_link);
	jem_metrics_source_start(probe->source);
	if (send(probe->link, "r", 1, 0) != 1) /* armed: release the job */
		return 1;
	uv_run(&probe->loop, UV_RUN_DEFAULT);
	jem_redactor_destroy(redactor);
	uv_loop_close(&probe->loop);
	return 0;
}

static pid_t start_job(char **argv, int *gate)
{
	int pipe_fds[2];
	pid_t pid;
	char byte;

	if (pipe(pipe_fds) < 0)
		return -1;
	pid = fork();
	if (!pid) {
		close(pipe_fds[1]);
		if (read(pipe_fds[0], &byte, 1) != 1)
			_exit(125);
		close(pipe_fds[0]);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(pipe_fds[0]);
	*gate = pipe_fds[1];
	return pid;
}

static struct jem_reaped reaped_of(pid_t pid, int status, const struct rusage *usage)
{
	return (struct jem_reaped){
		.pid = pid,
		.status = status,
		.user_us = (uint64_t)usage->ru_utime.tv_sec * 1000000 +
			   (uint64_t)usage->ru_utime.tv_usec,
		.system_us = (uint64_t)usage->ru_stime.tv_sec * 1000000 +
			     (uint64_t)usage->ru_stime.tv_usec,
		.maxrss_kb = (uint64_t)usage->ru_maxrss,
		.minor_faults = (uint64_t)usage->ru_minflt,
		.major_faults = (uint64_t)usage->ru_majflt,
		.in_blocks = (uint64_t)usage->ru_inblock,
		.out_blocks = (uint64_t)usage->ru_oublock,
		.voluntary_switches = (uint64_t)usage->ru_nvcsw,
		.involuntary_switches = (uint64_t)usage->ru_nivcsw,
		.mono_ns = jem_now_ns(),
	};
}

/* Reaps until the job has ended; returns its exit status. */
static int reap(const struct probe *probe, pid_t monitor, int link)
{
	uint64_t truth_us = 0;

	for (;;) {
		struct jem_reaped reaped;
		struct rusage usage;
		int status;
		pid_t pid = wait4(-1, &status, 0, &usage);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0 || pid == monitor)
			return 1;
		reaped = reaped_of(pid, status, &usage);
		truth_us += reaped.user_us + reaped.system_us;
		(void)send(link, &reaped, sizeof(reaped), MSG_NOSIGNAL);
		if (pid != probe->job)
			continue;
		if (probe->tells_truth)
			fprintf(stderr, "truth %.6f\n", (double)truth_us / 1e6);
		(void)waitpid(monitor, NULL, 0);
		return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

static int launch(struct probe *probe, char **argv)
{
	int links[2];
	uint64_t exec_ns;
	int gate = -1;
	pid_t monitor;
	char byte;

	probe->launcher = getpid();
	if (!probe->is_beside)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, links) < 0)
		return 125;
	probe->job = start_job(argv, &gate);
	monitor = fork();
	if (!monitor) {
		close(links[0]);
		close(gate);
		probe->link = links[1];
		exit(run_monitor(probe));
	}
	close(links[1]);
	if (recv(links[0], &byte, 1, 0) != 1)
		return 125;
	exec_ns = jem_now_ns();
	(void)send(links[0], &exec_ns, sizeof(exec_ns), MSG_NOSIGNAL);
	if (write(gate, "x", 1) != 1)
		return 125;
	close(gate);
	return reap(probe, monitor, links[0]);
}

int main(int argc, char **argv)
{
	struct probe probe = { .settings = { .interval_ns = 1000000000,
					     .process_change = 0.05,
					     .process_every_ns = 60000000000,
					     .task_records = JEM_TASK_RECORDS_AUTO,
					     .reads_pss = true,
					     .pss_stall_ns = 2000000 } };
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (!strcmp(argv[i], "--interval") && i + 1 < argc)
			probe.settings.interval_ns = (uint64_t)(atof(argv[++i]) * 1e9);
		else if (!strcmp(argv[i], "--no-perf"))
			probe.settings.task_records = JEM_TASK_RECORDS_OFF;
		else if (!strcmp(argv[i], "--task-perf"))
			probe.settings.task_records = JEM_TASK_RECORDS_PERF;
		else if (!strcmp(argv[i], "--connector"))
			probe.settings.task_records = JEM_TASK_RECORDS_CONNECTOR;
		else if (!strcmp(argv[i], "--no-pss"))
			probe.settings.reads_pss = false;
		else if (!strcmp(argv[i], "--quiet"))
			probe.is_quiet = true;
		else if (!strcmp(argv[i], "--beside"))
			probe.is_beside = true;
		else if (!strcmp(argv[i], "--cost"))
			probe.tells_cost = true;
		else if (!strcmp(argv[i], "--truth"))
			probe.tells_truth = true;
		else
			return 125;
	}
	return i + 1 < argc ? launch(&probe, argv + i + 1) : 125;
}
