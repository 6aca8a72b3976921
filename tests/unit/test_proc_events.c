/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/proc_events.h"

#include "tests/unit/check.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	EVENTS_MAX = 1 << 16
};

static struct jem_task_event events[EVENTS_MAX];
static size_t event_count;

static void on_event(void *arg, const struct jem_task_event *event)
{
	(void)arg;
	if (event_count < EVENTS_MAX)
		events[event_count++] = *event;
}

static const struct jem_task_event *find(enum jem_task_event_type type, pid_t pid)
{
	for (size_t i = 0; i < event_count; i++)
		if (events[i].type == type && events[i].pid == pid)
			return &events[i];
	return NULL;
}

/* Negative where the kernel says no, as in every container: that is a right answer, no skip. */
static int open_events(void)
{
	int fd = jem_proc_events_open();

	event_count = 0;
	if (fd == -EACCES || fd == -EPERM || fd == -ECONNREFUSED || fd == -EPROTONOSUPPORT)
		return fd;
	CHECK_GE(fd, 0);
	return fd;
}

static void *say_tid(void *arg)
{
	*(pid_t *)arg = gettid();
	return NULL;
}

CASE(tells_fork_name_and_end_of_processes_and_nothing_of_threads)
{
	int fd = open_events();
	pthread_t thread;
	pid_t pid, tid;

	if (fd < 0)
		return;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, "a b\nc)");
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	CHECK_OK(pthread_create(&thread, NULL, say_tid, &tid));
	CHECK_OK(pthread_join(thread, NULL));
	CHECK_EQ(jem_proc_events_drain(fd, on_event, NULL), 0);
	CHECK(find(JEM_TASK_FORK, pid));
	CHECK_EQ(find(JEM_TASK_FORK, pid)->ppid, getpid());
	CHECK(find(JEM_TASK_COMM, pid));
	CHECK_STR(find(JEM_TASK_COMM, pid)->comm, "a b\nc)");
	CHECK(find(JEM_TASK_EXIT, pid));
	CHECK_LE(find(JEM_TASK_FORK, pid)->time_ns, find(JEM_TASK_EXIT, pid)->time_ns);
	CHECK(!find(JEM_TASK_FORK, tid));
	CHECK(!find(JEM_TASK_EXIT, tid));
	jem_proc_events_close(fd);
}

CASE(says_when_the_socket_was_too_full)
{
	int fd = open_events();
	int few = 8192; /* some ten events */
	uint64_t lost;

	if (fd < 0)
		return;
	CHECK_OK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &few, sizeof(few)));
	for (int i = 0; i < 100; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	lost = jem_proc_events_drain(fd, on_event, NULL);
	CHECK_GE(lost, 1);
	jem_proc_events_close(fd);
}

/* nlmsghdr, cn_msg, and an event of what, cpu, timestamp_ns and data. */
static size_t make_message(char *message, uint32_t what, const uint32_t data[4])
{
	uint64_t time_ns = 77;

	memset(message, 0, 84);
	memcpy(message + 36, &what, sizeof(what));
	memcpy(message + 44, &time_ns, sizeof(time_ns));
	memcpy(message + 52, data, 16);
	return 84;
}

CASE(takes_only_whole_messages_of_processes)
{
	struct jem_task_event event;
	char message[84];
	size_t len = make_message(message, 1, (uint32_t[]){ 11, 10, 20, 20 });

	CHECK(jem_proc_events_parse(message, len, &event));
	CHECK_EQ(event.type, JEM_TASK_FORK);
	CHECK_EQ(event.pid, 20);
	CHECK_EQ(event.ppid, 10); /* the process, whichever thread it was */
	CHECK_EQ(event.time_ns, 77);
	CHECK(!jem_proc_events_parse(message, 75, &event));
	make_message(message, 1, (uint32_t[]){ 11, 10, 21, 20 });
	CHECK(!jem_proc_events_parse(message, len, &event)); /* a thread */
	make_message(message, 2, (uint32_t[]){ 20, 20, 0, 0 });
	CHECK(!jem_proc_events_parse(message, len, &event)); /* an exec */
	make_message(message, 0x80000000u, (uint32_t[]){ 20, 20, 0, 0 });
	CHECK(jem_proc_events_parse(message, len, &event));
	CHECK_EQ(event.type, JEM_TASK_EXIT);
	memset(message + 60, 'x', 16); /* a name without an end */
	memcpy(message + 36, &(uint32_t){ 0x200 }, 4);
	CHECK(jem_proc_events_parse(message, len, &event));
	CHECK_STR(event.comm, "xxxxxxxxxxxxxxx");
}

TESTS(T(tells_fork_name_and_end_of_processes_and_nothing_of_threads),
      T(says_when_the_socket_was_too_full), T(takes_only_whole_messages_of_processes))
