/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/tracee.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const all[] = { "outer", "middle", "leaf", NULL };
static struct view view, other;

#define PROGRAM "tests/unit/traced_gcc_O0"

static void begin(struct tracee *tracee, const char *name, const char *const *environment)
{
	const char *const words[] = { name, NULL };

	tracee_start(tracee, PROGRAM, words, environment);
	view_accept(&view, tracee);
	tracee_meet(tracee);
	view_read(&view);
	view_plan(&view, all, JEM_PLAN_COMPLETE, 0, 0);
}

static void ends_well(struct tracee *tracee)
{
	int status = tracee_end(tracee);

	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
}

/* Runs `count` to its end with no daemon's hand in it. */
static void runs_alone(const char *const *environment)
{
	const char *const words[] = { "count", NULL };
	struct tracee tracee;

	tracee_start(&tracee, PROGRAM, words, environment);
	for (int i = 0; i < 3; i++) {
		tracee_meet(&tracee);
		tracee_go(&tracee);
	}
	/* At most a connection that was given up before anything was sent. */
	while (tracee_has_hello(&tracee, 0)) {
		int fd = accept4(tracee.listener, NULL, NULL, SOCK_CLOEXEC);
		char byte;

		CHECK_OK(fd);
		CHECK_EQ(recv(fd, &byte, 1, 0), 0);
		close(fd);
	}
	ends_well(&tracee);
}

CASE(says_what_was_configured)
{
	static const char *const values[] = { "JEM_CALLS_VALUES=yes", "JEM_CALLS_MEMORY=4MiB",
					      NULL };
	struct tracee tracee;
	const char *at, *end;
	unsigned found = 0;

	begin(&tracee, "many", values);
	CHECK_EQ(view.hello.pid, tracee.pid);
	CHECK_EQ(view.hello.parent, 0);
	CHECK_EQ(view.hello.version, JEM_RING_VERSION);
	end = view.hello.config + view.hello.config_len;
	for (at = view.hello.config; at < end; at += strlen(at) + 1)
		found += !strcmp(at, "JEM_CALLS=*") || !strcmp(at, values[0]) ||
			 !strcmp(at, values[1]);
	CHECK_EQ(found, 3);
	CHECK_EQ(view_header(&view)->thread_count, (4 << 20) / ((512 << 10) + (128 << 10)));
	CHECK_LE(view_header(&view)->file_bytes, view.rings_bytes);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	tracee_go(&tracee);
	ends_well(&tracee);
	view_close(&view);
}

CASE(seals_what_it_shares)
{
	struct tracee tracee;

	begin(&tracee, "many", NULL);
	CHECK_EQ(fcntl(view.rings_fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	CHECK_EQ(fcntl(view.plan_fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	CHECK(ftruncate(view.rings_fd, 0) < 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	tracee_go(&tracee);
	ends_well(&tracee);
	view_close(&view);
}

CASE(tells_modules_with_build_ids)
{
	struct tracee tracee;
	const struct jem_ring_module *module;

	begin(&tracee, "many", NULL);
	module = view_modules(&view);
	CHECK_GE(view_header(&view)->modules_seen, 2);
	CHECK_EQ(module->state, JEM_MODULE_OPEN);
	CHECK_EQ(module->number, 1);
	CHECK(module->path[0] == '/');
	CHECK_CONTAINS(module->path, "traced_gcc_O0");
	CHECK_EQ(module->build_id_len, 20);
	CHECK(view.sites[0].pc > module->start && view.sites[0].pc <= module->end);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	tracee_go(&tracee);
	ends_well(&tracee);
	view_close(&view);
}

CASE(is_off_without_being_asked)
{
	static const char *const off[] = { "JEM_CALLS_OFF=1", NULL };
	static const char *const nowhere[] = { "JEM_CALLS_SOCKET", "JEM_CALLS", NULL };

	runs_alone(off);
	runs_alone(nowhere);
}

CASE(runs_on_without_a_daemon)
{
	static const char *const absent[] = { "JEM_CALLS_SOCKET=/nonexistent/calls", NULL };
	static const char *const overlong[] = {
		"JEM_CALLS_SOCKET=/a/path/that/is/longer/than/a/unix/socket/may/be/"
		"xxxxxxxxxxxxxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		NULL
	};

	runs_alone(absent);
	runs_alone(overlong);
}

/* valgrind keeps the limit of descriptors to itself, and has to live within that of memory. */
static bool is_emulated(const struct rlimit *descriptors)
{
	FILE *file = fopen("/proc/self/limits", "re");
	unsigned long soft = 0;
	char line[200];

	CHECK(file);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "Max open files %lu", &soft);
	fclose(file);
	return soft != descriptors->rlim_cur;
}

CASE(respects_limits_of_the_process)
{
	static const struct {
		int resource;
		rlim_t most;
	} limits[] = {
		{ RLIMIT_FSIZE, 1 << 20 },
		{ RLIMIT_NOFILE, 100 },
#ifndef __SANITIZE_ADDRESS__ /* its shadow memory takes terabytes: we could not even fork */
		{ RLIMIT_AS, 16 << 20 },
#endif
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct rlimit old, limit;

		CHECK_OK(getrlimit((__rlimit_resource_t)limits[i].resource, &old));
		limit = old;
		limit.rlim_cur = limits[i].most;
		CHECK_OK(setrlimit((__rlimit_resource_t)limits[i].resource, &limit));
		if (limits[i].resource == RLIMIT_NOFILE && is_emulated(&limit))
			break;
		runs_alone(NULL);
		CHECK_OK(setrlimit((__rlimit_resource_t)limits[i].resource, &old));
	}
}

CASE(gives_each_thread_a_slot_and_takes_it_back)
{
	static const char *const two[] = { "JEM_CALLS_MEMORY=1310720", NULL };
	struct tracee tracee;

	begin(&tracee, "threads", two);
	CHECK_EQ(view_header(&view)->thread_count, 2);
	tracee_go(&tracee);
	for (int i = 0; i < 20; i++) {
		struct jem_ring_thread *slot = view_thread(&view, 1);

		tracee_meet(&tracee);
		view_read(&view);
		CHECK_EQ(view_count(&view, JEM_RECORD_EXIT, "leaf"), 20);
		CHECK_EQ(slot->state, JEM_THREAD_ENDED);
		CHECK_EQ(slot->depth, 0);
		CHECK(slot->tid != view_thread(&view, 0)->tid);
		__atomic_store_n(&slot->state, JEM_THREAD_FREE, __ATOMIC_RELEASE);
		tracee_go(&tracee);
	}
	ends_well(&tracee);
	CHECK_EQ(view_header(&view)->calls_unslotted, 0);
	CHECK_EQ(view_calls(&view, 2), 200);
	view_check_accounts(&view);
	view_close(&view);
}

CASE(counts_calls_of_threads_without_a_slot)
{
	static const char *const two[] = { "JEM_CALLS_MEMORY=1310720", NULL };
	struct tracee tracee;

	begin(&tracee, "threads", two);
	CHECK_EQ(view_header(&view)->thread_count, 2);
	tracee_go(&tracee);
	for (int i = 0; i < 20; i++) {
		tracee_meet(&tracee);
		tracee_go(&tracee);
	}
	ends_well(&tracee);
	CHECK_EQ(view_header(&view)->calls_unslotted, 19 * 2 * (1 + 10 + 20));
	view_close(&view);
}

CASE(begins_anew_in_a_forked_child)
{
	struct tracee tracee;

	begin(&tracee, "forks", NULL);
	tracee_go(&tracee);
	for (int i = 0; i < 2; i++) {
		view_accept(&other, &tracee);
		CHECK_EQ(other.hello.parent, tracee.pid);
		CHECK(other.hello.pid != (uint32_t)tracee.pid);
		/* The parent waits for it, so it is at its end when the next one says hello. */
		if (!i) {
			static struct view second;

			view_accept(&second, &tracee);
			CHECK_EQ(second.hello.parent, tracee.pid);
			view_close(&second);
			i++;
		}
	}
	tracee_meet(&tracee);
	view_read(&view);
	view_read(&other);
	CHECK_EQ(view_count(&other, JEM_RECORD_UNKNOWN_ENTER, "middle"), 7);
	CHECK_EQ(view_count(&other, JEM_RECORD_UNKNOWN_EXIT, "leaf"), 14);
	CHECK_EQ(view_count(&view, JEM_RECORD_ENTER, "middle"), 6);
	CHECK_EQ(view_count(&view, JEM_RECORD_EXIT, "outer"), 2);
	CHECK_EQ(view_calls(&view, 2), 6);
	view_check_accounts(&view);
	view_check_accounts(&other);
	tracee_go(&tracee);
	ends_well(&tracee);
	view_close(&view);
	view_close(&other);
}

CASE(goes_on_after_vfork)
{
	struct tracee tracee;

	begin(&tracee, "vforks", NULL);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_EQ(view_count(&view, JEM_RECORD_EXIT, "middle"), 10);
	CHECK_EQ(view_count(&view, JEM_RECORD_ENTER, "leaf"), 30);
	CHECK_EQ(view_thread(&view, 0)->depth, 0);
	view_check_accounts(&view);
	CHECK(!tracee_has_hello(&tracee, 0));
	tracee_go(&tracee);
	ends_well(&tracee);
	view_close(&view);
}

CASE(says_hello_again_after_exec)
{
	struct tracee tracee;

	begin(&tracee, "execs", NULL);
	tracee_go(&tracee);
	view_accept(&other, &tracee);
	CHECK_EQ(other.hello.pid, tracee.pid);
	CHECK_EQ(other.hello.parent, 0);
	for (int i = 0; i < 3; i++) {
		tracee_meet(&tracee);
		tracee_go(&tracee);
	}
	ends_well(&tracee);
	view_read(&other);
	CHECK_EQ(view_count(&other, JEM_RECORD_UNKNOWN_ENTER, "outer"), 3);
	view_check_accounts(&other);
	view_close(&view);
	view_close(&other);
}

CASE(needs_no_descriptor_afterwards)
{
	struct tracee tracee;

	begin(&tracee, "closes", NULL);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_EQ(view_count(&view, JEM_RECORD_EXIT, "leaf"), 200);
	tracee_go(&tracee);
	ends_well(&tracee);
	view_close(&view);
}

CASE(keeps_its_account_when_killed_anywhere)
{
	int rounds = getenv("JEM_TEST_LONG") ? 200 : 20;

	for (int i = 0; i < rounds; i++) {
		struct tracee tracee;
		const struct jem_ring_thread *slot;
		uint64_t told, wanted = 1000 + (uint64_t)i * 977;
		int status;

		begin(&tracee, "runs", NULL);
		slot = view_thread(&view, 0);
		tracee_go(&tracee);
		while (__atomic_load_n(&slot->seen, __ATOMIC_RELAXED) < wanted)
			;
		kill(tracee.pid, SIGKILL);
		status = tracee_end(&tracee);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		view_read(&view);
		told = slot->written + slot->dropped + slot->limited;
		/* The call under way: its record may be there already, but not yet counted. */
		CHECK(slot->seen == told || slot->seen == told + 1);
		CHECK(view.read_count == slot->written ||
		      (view.read_count == slot->written + 1 && slot->seen == told + 1));
		view_close(&view);
	}
}

CASE(makes_no_system_call_under_seccomp)
{
	struct tracee tracee;

	begin(&tracee, "strict", NULL);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	/* Something that would need one: patching, and a plan that changes. */
	view_plan(&view, NULL, JEM_PLAN_COMPLETE | JEM_PLAN_PATCH, 0, 0);
	tracee_go(&tracee);
	ends_well(&tracee);
	CHECK_EQ(view_header(&view)->patched, 0);
	view_close(&view);
}

static void check_child_without_clock(struct tracee *tracee)
{
	view_accept(&other, tracee);
	CHECK_EQ(view_header(&other)->clock, JEM_RING_MONOTONIC);
	CHECK(view_header(&other)->start_mono_ns >= view_header(&view)->start_mono_ns);
	tracee_meet(tracee);
	tracee_go(tracee);
	view_read(&other);
	CHECK_EQ(view_count(&other, JEM_RECORD_UNKNOWN_ENTER, "middle"), 7);
	for (unsigned i = 1; i < other.record_count; i++)
		CHECK(other.records[i].ticks > other.records[i - 1].ticks);
	view_check_accounts(&other);
	view_close(&other);
}

/* Where the counter faults, calls go on to be counted and recorded: all at the last instant. */
static void check_counts_without_clock(const char *name, unsigned count)
{
	struct tracee tracee;
	uint64_t last = 0;

	begin(&tracee, name, NULL);
	tracee_go(&tracee);
	if (!strcmp(name, "strict")) {
		tracee_meet(&tracee);
		tracee_go(&tracee);
	}
	if (!strcmp(name, "forbids_clock"))
		check_child_without_clock(&tracee);
	ends_well(&tracee);
	view_read(&view);
	CHECK_EQ(view_count(&view, JEM_RECORD_ENTER, "middle"), count);
	CHECK_EQ(view_count(&view, JEM_RECORD_EXIT, "leaf"), 2 * count);
	CHECK_EQ(view_calls(&view, 2), count);
	for (unsigned i = 0; i < view.record_count; i++) {
		CHECK(!last || view.records[i].ticks == last);
		last = view.records[i].ticks;
	}
	CHECK(last >= view_header(&view)->start_ticks);
	view_check_accounts(&view);
	view_close(&view);
}

CASE(reads_no_clock_where_it_is_forbidden)
{
	check_counts_without_clock("forbids_clock", 100);
	check_counts_without_clock("strict", 1000);
}

CASE(survives_scribbling_over_the_rings)
{
	struct tracee tracee;

	begin(&tracee, "scribbles", NULL);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	tracee_go(&tracee);
	ends_well(&tracee);
	view_close(&view);
}

CASE(follows_modules_that_come_and_go)
{
	const struct jem_ring_module *modules;
	unsigned open = 0, closed = 0, entered = 0;
	struct tracee tracee;

	begin(&tracee, "plugs", NULL);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	modules = view_modules(&view);
	for (unsigned i = 0; i < view_header(&view)->modules_seen; i++) {
		if (!strstr(modules[i].path, "traced_plug.so"))
			continue;
		open += modules[i].state == JEM_MODULE_OPEN;
		closed += modules[i].state == JEM_MODULE_CLOSED;
		CHECK(modules[i].close_ticks > modules[i].open_ticks);
	}
	CHECK_EQ(closed, 20);
	CHECK_EQ(open, 0);
	/* The plan says that it is complete, but not of these. */
	for (unsigned i = 0; i < view.record_count; i++)
		entered += view.records[i].kind == JEM_RECORD_UNKNOWN_ENTER;
	CHECK_EQ(entered, 2 * 20);
	CHECK_EQ(view_header(&view)->modules_lost, 0);
	view_check_accounts(&view);
	tracee_go(&tracee);
	ends_well(&tracee);
	view_close(&view);
}

CASE(pauses_and_goes_on)
{
	struct tracee tracee;

	begin(&tracee, "count", NULL);
	view_plan(&view, all, JEM_PLAN_COMPLETE | JEM_PLAN_OFF, 0, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_EQ(view.record_count, 0);
	view_plan(&view, all, JEM_PLAN_COMPLETE, 0, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_EQ(view_count(&view, JEM_RECORD_EXIT, "leaf"), 200);
	view_check_accounts(&view);
	tracee_go(&tracee);
	ends_well(&tracee);
	view_close(&view);
}

CASE(records_into_a_file)
{
	char variable[200], path[160];
	const char *const environment[] = { "JEM_CALLS_SOCKET", variable, NULL };
	struct jem_ring_header header;
	struct stat status;
	int fd;

	uint64_t before_mono_ns = jem_now_ns(), before_wall_ns = jem_wall_ns();

	snprintf(variable, sizeof(variable), "JEM_CALLS_FILE=%s/calls.%%p", check_folder());
	runs_alone(environment);
	snprintf(path, sizeof(path), "for f in %s/calls.*; do mv $f %s/one; done", check_folder(),
		 check_folder());
	CHECK_EQ(system(path), 0);
	snprintf(path, sizeof(path), "%s/one", check_folder());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_OK(fd);
	CHECK_OK(fstat(fd, &status));
	CHECK_EQ(read(fd, &header, sizeof(header)), sizeof(header));
	CHECK(!memcmp(header.magic, JEM_RING_MAGIC, 8));
	CHECK_EQ(header.file_bytes, status.st_size);
	CHECK_GE(status.st_blocks * 512, status.st_size);
	/* Readable wherever the file goes: no counter whose rate nobody knows there. */
	CHECK_EQ(header.clock, JEM_RING_MONOTONIC);
	CHECK_GE(header.start_mono_ns, before_mono_ns);
	CHECK_GE(header.start_ticks, before_wall_ns);
	CHECK_LE(header.start_ticks, jem_wall_ns());
	struct jem_ring_thread slot;

	CHECK_EQ(pread(fd, &slot, sizeof(slot), (off_t)header.threads_offset), sizeof(slot));
	CHECK_EQ(slot.written + slot.limited, 2 * (1 + 1 + 2) + 2 * 2 * 301);
	close(fd);
}

TESTS(T(says_what_was_configured), T(seals_what_it_shares), T(tells_modules_with_build_ids),
      T(is_off_without_being_asked), T(runs_on_without_a_daemon), T(respects_limits_of_the_process),
      T(gives_each_thread_a_slot_and_takes_it_back), T(counts_calls_of_threads_without_a_slot),
      T(begins_anew_in_a_forked_child), T(goes_on_after_vfork), T(says_hello_again_after_exec),
      T(needs_no_descriptor_afterwards), T(keeps_its_account_when_killed_anywhere),
      T(makes_no_system_call_under_seccomp), T(reads_no_clock_where_it_is_forbidden),
      T(survives_scribbling_over_the_rings), T(follows_modules_that_come_and_go),
      T(pauses_and_goes_on), T(records_into_a_file))
