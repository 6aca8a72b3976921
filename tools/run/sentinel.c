/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/sentinel.h"

#include "tools/run/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	STATUS_MAX = 4096,
	WATCH_MS = 50,
	ANSWER_MS = 1000, /* on a crowded node the sentinel has to wait for a core */
	SENDER_MS = 50    /* for a sender that was preempted while it signals a group */
};

enum order_kind {
	TAKE_OFF, /* the pending signals of `mask`; is answered */
	WATCH,
	UNWATCH
};

struct order {
	enum order_kind kind;
	pid_t job;
	uint64_t mask;
};

/* The third field of /proc/PID/stat: its state, or 'X' when there is no such process. */
static char state_of(pid_t pid)
{
	char path[32];
	char text[512];
	ssize_t len;
	char *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (len <= 0)
		return 'X';
	text[len] = '\0';
	end = strrchr(text, ')');
	return end && end[1] == ' ' ? end[2] : 'X';
}

static bool is_stopped(pid_t pid)
{
	char state = state_of(pid);

	return state == 'T' || state == 't';
}

static void take_off(uint64_t mask)
{
	struct timespec now = { 0 };
	sigset_t set;

	sigemptyset(&set);
	for (int sig = 1; sig <= 64; sig++)
		if (mask >> (sig - 1) & 1)
			sigaddset(&set, sig);
	while (sigtimedwait(&set, NULL, &now) > 0 || errno == EINTR)
		continue;
}

static _Noreturn void keep_watch(int orders, pid_t launcher)
{
	pid_t watched = 0;

	for (;;) {
		struct pollfd wait = { .fd = orders, .events = POLLIN };
		struct order order;
		int n = poll(&wait, 1, watched ? WATCH_MS : -1);

		if (n == 0 && !is_stopped(watched) && is_stopped(launcher))
			kill(launcher, SIGCONT);
		if (n <= 0)
			continue;
		if (recv(orders, &order, sizeof(order), 0) != (ssize_t)sizeof(order))
			_exit(0);
		if (order.kind == TAKE_OFF) {
			take_off(order.mask);
			(void)send(orders, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		} else {
			watched = order.kind == WATCH ? order.job : 0;
		}
	}
}

void jem_sentinel_forget(struct jem_sentinel *sentinel)
{
	jem_fd_close(&sentinel->orders);
	jem_fd_close(&sentinel->status);
	sentinel->pid = 0;
}

int jem_sentinel_start(struct jem_sentinel *sentinel)
{
	pid_t launcher = getpid();
	char path[32];
	int ends[2];
	int rc;

	*sentinel = (struct jem_sentinel){ .orders = -1, .status = -1 };
	rc = jem_fd_socketpair(ends);
	if (rc < 0)
		return rc;
	sentinel->orders = ends[0];
	sentinel->pid = fork();
	if (sentinel->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != launcher)
			_exit(0);
		prctl(PR_SET_NAME, "jem-sentinel");
		jem_fd_close_others(&ends[1], 1);
		keep_watch(ends[1], launcher);
	}
	rc = -errno;
	close(ends[1]);
	if (sentinel->pid < 0) {
		jem_sentinel_forget(sentinel);
		return rc;
	}
	snprintf(path, sizeof(path), "/proc/%d/status", (int)sentinel->pid);
	sentinel->status = jem_fd_open(path, O_RDONLY);
	return 0;
}

void jem_sentinel_stop(struct jem_sentinel *sentinel)
{
	if (sentinel->pid > 0) {
		kill(sentinel->pid, SIGKILL);
		while (waitpid(sentinel->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	jem_sentinel_forget(sentinel);
}

/* proc(5): ShdPnd is the mask of signals pending for the process as a whole, in hexadecimal. */
static uint64_t read_pending(int status)
{
	char text[STATUS_MAX];
	ssize_t len = status < 0 ? -1 : pread(status, text, sizeof(text) - 1, 0);
	const char *line;

	if (len <= 0)
		return 0;
	text[len] = '\0';
	line = strstr(text, "\nShdPnd:");
	return line ? strtoull(line + 8, NULL, 16) : 0;
}

static bool order(struct jem_sentinel *sentinel, enum order_kind kind, pid_t job, uint64_t mask)
{
	struct order order = { .kind = kind, .job = job, .mask = mask };

	return sentinel->orders >= 0 &&
	       send(sentinel->orders, &order, sizeof(order), MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
}

/*
 * A signal that is still to be taken off would make the next one look as if it had reached the
 * group: it would be lost. So this waits, a second at most, for a sentinel that gets no core.
 */
static void wait_until_off(struct jem_sentinel *sentinel)
{
	struct pollfd wait = { .fd = sentinel->orders, .events = POLLIN };
	char answer;

	while (sentinel->unanswered > 0) {
		if (poll(&wait, 1, ANSWER_MS) != 1 ||
		    recv(sentinel->orders, &answer, 1, MSG_DONTWAIT) <= 0)
			return;
		sentinel->unanswered--;
	}
}

static void order_off(struct jem_sentinel *sentinel, uint64_t mask)
{
	if (order(sentinel, TAKE_OFF, 0, mask))
		sentinel->unanswered++;
	wait_until_off(sentinel);
}

uint64_t jem_sentinel_reached(struct jem_sentinel *sentinel, uint64_t mask)
{
	static const long waits_ns[] = { 0, 300000, 700000, 2000000 };
	const uint64_t cont = (uint64_t)1 << (SIGCONT - 1);
	uint64_t reached = 0;

	if (sentinel->pid <= 0 || !mask)
		return 0;
	wait_until_off(sentinel);
	for (unsigned i = 0; i < sizeof(waits_ns) / sizeof(*waits_ns) && reached != mask; i++) {
		struct timespec wait = { .tv_nsec = waits_ns[i] };

		if (i > 0)
			nanosleep(&wait, NULL);
		reached = read_pending(sentinel->status) & mask;
	}
	if (mask & ~reached & cont) {
		/* The group may have been stopped as a whole, and is continued one by one. */
		kill(sentinel->pid, SIGCONT);
		order_off(sentinel, reached | cont);
	} else if (reached) {
		order_off(sentinel, reached);
	}
	return reached;
}

/* A sender that runs may be inside kill(2), between two members of the group. */
static bool is_sending(pid_t sender)
{
	return sender > 0 && state_of(sender) == 'R';
}

bool jem_sentinel_reaches_late(struct jem_sentinel *sentinel, int sig, pid_t sender)
{
	const struct timespec wait = { .tv_nsec = 500000 };
	uint64_t bit = (uint64_t)1 << (sig - 1);

	for (int i = 0; i < 2 * SENDER_MS && sentinel->pid > 0; i++) {
		bool may_come = is_sending(sender); /* asked before looking: no gap between */

		if (read_pending(sentinel->status) & bit) {
			order_off(sentinel, bit);
			return true;
		}
		if (!may_come)
			return false;
		nanosleep(&wait, NULL);
	}
	return false;
}

void jem_sentinel_sweep(struct jem_sentinel *sentinel)
{
	uint64_t stale = sentinel->pid > 0 ? jem_sentinel_missed_by(sentinel, getpid()) : 0;

	if (stale)
		order_off(sentinel, stale);
}

uint64_t jem_sentinel_missed_by(struct jem_sentinel *sentinel, pid_t pid)
{
	uint64_t pending = sentinel->pid > 0 ? read_pending(sentinel->status) : 0;
	char path[32];
	int fd;

	if (!pending)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	pending &= ~read_pending(fd);
	if (fd >= 0)
		close(fd);
	return pending;
}

void jem_sentinel_watch(struct jem_sentinel *sentinel, pid_t job)
{
	(void)order(sentinel, WATCH, job, 0);
}

void jem_sentinel_unwatch(struct jem_sentinel *sentinel)
{
	(void)order(sentinel, UNWATCH, 0, 0);
}
