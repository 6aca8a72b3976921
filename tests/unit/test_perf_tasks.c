/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/perf_tasks.h"

#include "tests/unit/check.h"

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	EVENTS_MAX = 8192
};

static struct jem_task_event events[EVENTS_MAX];
static size_t event_count;

static void on_event(void *arg, const struct jem_task_event *event)
{
	(void)arg;
	if (event_count < EVENTS_MAX)
		events[event_count++] = *event;
}

static struct jem_perf_tasks *open_tasks(pid_t tid)
{
	struct jem_perf_tasks *perf;
	int status = jem_perf_tasks_open(&tid, 1, &perf);

	event_count = 0;
	if (status == -EACCES || status == -EPERM || status == -ENOSYS || status == -E2BIG)
		check_skip("task records are not to be had here");
	CHECK_OK(status);
	return perf;
}

static const struct jem_task_event *find(enum jem_task_event_type type, pid_t pid)
{
	for (size_t i = 0; i < event_count; i++)
		if (events[i].type == type && events[i].pid == pid)
			return &events[i];
	return NULL;
}

CASE(tells_fork_name_and_exit_of_grandchildren)
{
	struct jem_perf_tasks *perf = open_tasks(getpid());
	pid_t grandchild;
	int fds[2];
	pid_t child;

	CHECK_OK(pipe(fds));
	child = fork();
	if (!child) {
		pid_t pid = fork();

		if (!pid) {
			prctl(PR_SET_NAME, "a b\nc)");
			pid = getpid();
			_exit(write(fds[1], &pid, sizeof(pid)) != sizeof(pid));
		}
		waitpid(pid, NULL, 0);
		_exit(0);
	}
	CHECK_EQ(read(fds[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	waitpid(child, NULL, 0);
	CHECK_EQ(jem_perf_tasks_drain(perf, on_event, NULL), 0);
	CHECK(find(JEM_TASK_FORK, child));
	CHECK_EQ(find(JEM_TASK_FORK, child)->ppid, getpid());
	CHECK(find(JEM_TASK_FORK, grandchild));
	CHECK_EQ(find(JEM_TASK_FORK, grandchild)->ppid, child);
	CHECK(find(JEM_TASK_COMM, grandchild));
	CHECK_STR(find(JEM_TASK_COMM, grandchild)->comm, "a b\nc)");
	CHECK(find(JEM_TASK_EXIT, grandchild));
	CHECK(find(JEM_TASK_EXIT, child));
	CHECK_LE(find(JEM_TASK_FORK, grandchild)->time_ns,
		 find(JEM_TASK_EXIT, grandchild)->time_ns);
	for (size_t i = 1; i < event_count; i++)
		CHECK_LE(events[i - 1].time_ns, events[i].time_ns);
	close(fds[0]);
	close(fds[1]);
	jem_perf_tasks_close(perf);
}

CASE(counts_the_time_of_all_of_them)
{
	struct jem_perf_tasks *perf = open_tasks(getpid());
	uint64_t before = jem_perf_tasks_cpu_ns(perf);

	for (int i = 0; i < 3; i++) {
		if (!fork()) {
			while (clock() < CLOCKS_PER_SEC / 10)
				continue;
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		continue;
	CHECK_NEAR((double)(jem_perf_tasks_cpu_ns(perf) - before) / 1e9, 0.3, 0.05);
	jem_perf_tasks_close(perf);
}

CASE(says_how_many_records_a_full_ring_lost)
{
	struct jem_perf_tasks *perf;
	cpu_set_t one;
	uint64_t lost;
	size_t forks = 0;

	/* One processor, one ring: the kernel tells of lost records with the next one in the same. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	CHECK_OK(sched_setaffinity(0, sizeof(one), &one));
	perf = open_tasks(getpid());
	for (int i = 0; i < 3000; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	lost = jem_perf_tasks_drain(perf, on_event, NULL);
	waitpid(fork() ?: (_exit(0), 0), NULL, 0);
	lost += jem_perf_tasks_drain(perf, on_event, NULL);
	for (size_t i = 0; i < event_count; i++)
		forks += events[i].type == JEM_TASK_FORK;
	CHECK_GE(lost, 1);
	CHECK_GE(forks + lost, 3000);
	jem_perf_tasks_close(perf);
}

CASE(a_thread_that_is_gone_cannot_be_watched)
{
	struct jem_perf_tasks *perf;
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	status = jem_perf_tasks_open(&pid, 1, &perf);
	CHECK_LE(status, -1);
	CHECK_LE(jem_perf_tasks_open(NULL, 0, &perf), -1);
}

TESTS(T(tells_fork_name_and_exit_of_grandchildren), T(counts_the_time_of_all_of_them),
      T(says_how_many_records_a_full_ring_lost), T(a_thread_that_is_gone_cannot_be_watched))
