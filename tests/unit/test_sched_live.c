/* SPDX-License-Identifier: Apache-2.0 */
/* The tracefs instance and its keeper on the real kernel: as root, gently. */
#include "daemon/sources/sched/instance.h"
#include "daemon/sources/sched/sched_live.h"

#include "tests/unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534u

static char root[64];

/* Where nobody has mounted it, it is for this case alone. */
static void mount_for_us(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return;
	(void)mount("nodev", "/sys/kernel/tracing", "tracefs", 0, NULL);
}

static void need_tracefs(void)
{
	struct jem_err err;

	if (jem_instance_can_open(root, &err) >= 0)
		return;
	mount_for_us();
	if (jem_instance_can_open(root, &err) < 0)
		check_skip("instances of tracefs are not to be had here");
}

static bool is_there(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/instances/%s", root, name);
	return !access(path, F_OK);
}

/* The keeper does it when the kernel lets it: 20 s are no measure, only an end. */
static void wait_gone(const char *name)
{
	for (int i = 0; i < 2000 && is_there(name); i++)
		poll(NULL, 0, 10);
	CHECK(!is_there(name));
}

/* Two processes that hand a byte to and fro: switches on whatever core they are. */
static void make_switches(int rounds)
{
	int to[2];
	int fro[2];
	char byte = 0;
	pid_t child;

	CHECK_OK(pipe(to));
	CHECK_OK(pipe(fro));
	child = fork();
	if (!child) {
		close(to[1]);
		while (read(to[0], &byte, 1) == 1 && write(fro[1], &byte, 1) == 1)
			;
		_exit(0);
	}
	for (int i = 0; i < rounds; i++) {
		CHECK_EQ(write(to[1], &byte, 1), 1);
		CHECK_EQ(read(fro[0], &byte, 1), 1);
	}
	close(to[1]);
	CHECK_EQ(waitpid(child, NULL, 0), child);
	close(to[0]);
	close(fro[0]);
	close(fro[1]);
}

CASE(an_instance_goes_when_it_is_closed)
{
	struct jem_instance *instance;
	struct jem_err err = { "" };
	char name[JEM_INSTANCE_NAME_SIZE];

	need_tracefs();
	if (jem_instance_open(1 << 20, &instance, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
	snprintf(name, sizeof(name), "%s", instance->name);
	CHECK(is_there(name));
	CHECK_GE(instance->cpu_count, 1);
	jem_instance_close(instance);
	wait_gone(name);
}

CASE(an_instance_goes_when_its_daemon_is_killed)
{
	char name[JEM_INSTANCE_NAME_SIZE] = "";
	int fds[2];
	pid_t child;

	need_tracefs();
	CHECK_OK(pipe(fds));
	child = fork();
	if (!child) {
		struct jem_instance *instance;

		if (jem_instance_open(1 << 20, &instance, NULL) < 0 ||
		    write(fds[1], instance->name, sizeof(instance->name)) < 0)
			_exit(1);
		pause();
	}
	CHECK_EQ(read(fds[0], name, sizeof(name)), sizeof(name));
	CHECK(is_there(name));
	kill(child, SIGKILL);
	CHECK_EQ(waitpid(child, NULL, 0), child);
	wait_gone(name);
	close(fds[0]);
	close(fds[1]);
}

CASE(what_dead_daemons_left_is_reaped_and_what_lives_is_not)
{
	struct jem_instance *instance;
	char path[256];
	pid_t child;

	need_tracefs();
	child = fork();
	if (!child)
		_exit(0);
	CHECK_EQ(waitpid(child, NULL, 0), child);
	snprintf(path, sizeof(path), "%s/instances/jem-%d-1-0", root, (int)child);
	CHECK_OK(mkdir(path, 0700));
	CHECK_OK(jem_instance_open(1 << 20, &instance, NULL)); /* reaps */
	CHECK(access(path, F_OK) < 0);
	jem_instance_reap(root);
	CHECK(is_there(instance->name));
	jem_instance_close(instance);
}

struct seen {
	uint64_t batches, rows, lost, late;
};

static void on_rows(void *arg, const struct jem_column_rows *rows)
{
	struct seen *seen = arg;

	seen->batches++;
	seen->rows += rows->n;
	free((void *)(uintptr_t)rows->map);
}

static void on_lost(void *arg, enum jem_cause cause, uint64_t n)
{
	struct seen *seen = arg;

	CHECK_EQ(cause, JEM_CAUSE_truncated);
	seen->lost += n;
}

static struct jem_sched_feed *make_feed(struct jem_redactor *redactor, struct seen *seen)
{
	const struct jem_sched_feed_options options = { .redactor = redactor,
							.job = getpid(),
							.is_node = true,
							.on_rows = on_rows,
							.on_lost = on_lost,
							.arg = seen };
	struct jem_sched_feed *feed;

	CHECK_OK(jem_sched_feed_create(&options, &feed));
	return feed;
}

/* Whole of a life: open as whoever we are, then go on as `uid`. */
static void observe(uint64_t buffer_bytes, unsigned uid, int rounds, int readings,
		    struct seen *seen)
{
	struct jem_redactor *redactor;
	struct jem_sched_feed *feed;
	struct jem_sched_live *live;
	struct jem_err err = { "" };
	int64_t safe_ns;

	CHECK_OK(jem_redactor_create(NULL, 0, &redactor, NULL));
	feed = make_feed(redactor, seen);
	if (jem_sched_live_open(buffer_bytes, jem_sched_feed_names(feed), &live, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
	if (uid) {
		CHECK_OK(setresgid(uid, uid, uid));
		CHECK_OK(setresuid(uid, uid, uid));
	}
	CHECK_OK(jem_sched_feed_begin(feed, JEM_SCHED_LEVEL_TRACEFS, jem_sched_live_states(live),
				      1));
	/* Pages are read in part, and their rest later. */
	for (int i = 0; i < readings; i++) {
		make_switches(rounds / readings);
		if (i < readings - 1)
			CHECK_OK(jem_sched_live_read(live, feed, &safe_ns));
	}
	jem_sched_live_stop(live);
	CHECK_OK(jem_sched_live_read(live, feed, &safe_ns));
	seen->late = jem_sched_live_late(live);
	jem_sched_feed_lost(feed, jem_sched_live_lost(live));
	jem_sched_feed_finish(feed, safe_ns);
	jem_sched_feed_destroy(feed);
	jem_sched_live_close(live);
	jem_redactor_destroy(redactor);
}

CASE(reading_goes_on_without_privilege)
{
	struct seen seen = { 0 };

	need_tracefs();
	if (getuid())
		check_skip("only root has a privilege to give up");
	observe(1 << 20, NOBODY, 200, 1, &seen);
	CHECK_GE(seen.rows, 100); /* of 200 rounds: some kernels miss switches */
	CHECK_EQ(seen.lost, 0);
}

CASE(events_that_a_small_buffer_cannot_hold_are_counted)
{
	struct seen seen = { 0 };

	need_tracefs();
	observe(16384, 0, 20000, 1, &seen);
	CHECK_GE(seen.lost, 1000);
	CHECK_GE(seen.rows, 1);
}

CASE(events_are_handed_on_in_order_however_pages_are_cut)
{
	struct seen seen = { 0 };

	need_tracefs();
	observe(4 << 20, 0, 10000, 500, &seen);
	CHECK_GE(seen.rows, 5000);
	CHECK_EQ(seen.lost, 0);
	CHECK_EQ(seen.late, 0);
}

TESTS(T(events_are_handed_on_in_order_however_pages_are_cut), T(an_instance_goes_when_it_is_closed),
      T(an_instance_goes_when_its_daemon_is_killed),
      T(what_dead_daemons_left_is_reaped_and_what_lives_is_not),
      T(reading_goes_on_without_privilege), T(events_that_a_small_buffer_cannot_hold_are_counted))
