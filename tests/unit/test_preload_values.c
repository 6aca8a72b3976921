/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"
#include "tests/unit/tracee.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM     "tests/unit/traced_gcc_O0"
#define ELEMENTS(a) (sizeof(a) / sizeof(*(a)))

/* Registers by their DWARF numbers. */
enum {
	RDX = 1,
	RCX = 2,
	RBP = 6,
	RSP = 7,
	HOOK = 16,
	CALLSITE = 17,
	FUNCTION = 18,
};

static const char *const names[] = { "third", "calls_third", "real", NULL };
static const uint32_t guards[] = { JEM_GUARD_FAULT, JEM_GUARD_READV, JEM_GUARD_VICTIM };
static struct view view, other;

/* At -O0 the third and fourth argument are in their registers yet, and rbp is the frame's. */
static const struct jem_plan_op of_third[] = {
	{ .op = JEM_OP_EMIT, .a = RDX },
	{ .op = JEM_OP_EMIT, .a = HOOK },
	{ .op = JEM_OP_EMIT, .a = CALLSITE },
	{ .op = JEM_OP_EMIT, .a = FUNCTION },
	{ .op = JEM_OP_EMIT_MEMORY, .b = RBP, .c = 8, .imm = 8 },
	{ .op = JEM_OP_CONST, .a = 20, .imm = 64 },
	{ .op = JEM_OP_EMIT_MEMORY, .b = 20, .c = 8 },
	{ .op = JEM_OP_CELL_STRING, .b = RCX, .imm = 5 << 16 | 32 },
	{ .op = JEM_OP_LEA, .a = JEM_PLAN_CALLER + RSP, .b = RBP, .imm = 16 },
	{ .op = JEM_OP_LOAD, .a = JEM_PLAN_CALLER + RBP, .b = RBP, .c = 8 },
	{ .op = JEM_OP_LOAD, .a = JEM_PLAN_CALLER + HOOK, .b = RBP, .c = 8, .imm = 8 },
	{ .op = JEM_OP_CALLER },
};
static const struct jem_plan_op of_caller[] = {
	{ .op = JEM_OP_EMIT, .a = HOOK },
	{ .op = JEM_OP_EMIT_MEMORY, .b = RBP, .c = 8, .imm = 8 },
	{ .op = JEM_OP_END },
};
static const struct jem_plan_op of_real[] = {
	{ .op = JEM_OP_EMIT_XMM, .a = 0, .c = 0 },
	{ .op = JEM_OP_END },
};

enum {
	CALLER_ID = 9000,
	THIRD_WORDS = 6,
	CALLER_WORDS = 2,
};

static void put_values(struct view *of, const struct tracee_site *from, struct jem_plan_site *site)
{
	if (from->is_exit)
		return;
	if (!strcmp(from->function, "third")) {
		site->plan = view_code(of, of_third, ELEMENTS(of_third));
		site->fixed_words = THIRD_WORDS;
		site->flags |= JEM_SITE_LIVE_REGS | JEM_SITE_POINTERS;
	} else if (!strcmp(from->function, "real")) {
		site->plan = view_code(of, of_real, ELEMENTS(of_real));
		site->fixed_words = 1;
		site->flags |= JEM_SITE_XMM;
	}
}

static void start(struct tracee *tracee, const char *name, const char *const *environment)
{
	const char *const words[] = { name, NULL };

	tracee_start(tracee, PROGRAM, words, environment);
	view_accept(&view, tracee);
}

static void finish(struct tracee *tracee)
{
	int status = tracee_end(tracee);

	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
	view_close(&view);
}

/* The first call of third is from a call site that gets a plan, too. */
static void plan_values(struct view *of, uint32_t guard)
{
	for (unsigned i = 0; i < of->record_count && !of->callsite.key; i++) {
		if (of->records[i].kind == JEM_RECORD_UNKNOWN_ENTER &&
		    !strcmp(view_function(of, of->records[i].site_pc), "third"))
			of->callsite.key = of->records[i].callsite;
	}
	CHECK(of->callsite.key);
	of->callsite.site = CALLER_ID;
	of->callsite.flags = JEM_SITE_CALLSITE;
	of->callsite.plan = view_code(of, of_caller, ELEMENTS(of_caller));
	of->callsite.fixed_words = CALLER_WORDS;
	of->adjust = put_values;
	of->guard = guard;
	view_plan(of, names, JEM_PLAN_COMPLETE | JEM_PLAN_VALUES, 0, 0);
}

static const struct jem_ring_record *record_of(struct view *of, const char *function, unsigned nth,
					       const uint64_t **values, unsigned *count)
{
	for (unsigned i = 0; i < of->record_count; i++) {
		const struct jem_ring_record *record = &of->records[i];

		if (record->kind != JEM_RECORD_ENTER ||
		    strcmp(of->sites[record->site - 1].function, function) != 0 || nth--)
			continue;
		*count = view_values(of, i, values);
		return record;
	}
	check_fail(__FILE__, __LINE__, "no record of %s", function);
}

static void check_first_call(struct view *of)
{
	const struct jem_ring_record *record, *caller;
	struct jem_ring_parts parts;
	struct jem_ring_cell cell;
	const uint64_t *words, *unused;
	unsigned count;

	caller = record_of(of, "calls_third", 0, &unused, &count);
	CHECK_EQ(count, 0);
	record = record_of(of, "third", 0, &words, &count);
	CHECK_GE(count, 1);
	memcpy(&parts, words, sizeof(parts));
	CHECK_EQ(count, 1 + parts.site_words + parts.caller_words);
	CHECK_EQ(parts.site_words, 1 + THIRD_WORDS + 3 + 2);
	CHECK_EQ(parts.caller_words, 1 + CALLER_WORDS);
	CHECK_EQ(parts.caller_site, CALLER_ID);
	CHECK_EQ(words[1], 1 << 5); /* what could not be read */
	CHECK_EQ(words[2], 102);
	CHECK_EQ(words[3], of->sites[record->site - 1].pc);
	CHECK_EQ(words[4], record->callsite);
	CHECK(words[5] < words[3] && words[3] - words[5] < 200);
	CHECK_EQ(words[6], record->callsite);
	CHECK_EQ(words[7], 0);
	memcpy(&cell, words + 8, sizeof(cell));
	CHECK_EQ(cell.slot, 5);
	CHECK_EQ(cell.status, JEM_CELL_OK);
	CHECK_EQ(cell.len, 9);
	CHECK(!memcmp(words + 11, "some text", 9));
	/* The caller's part. */
	CHECK_EQ(words[13], 0);
	CHECK_EQ(words[14], of->callsite.key);
	CHECK_EQ(words[15], caller->callsite);
}

static void check_second_call(struct view *of)
{
	struct jem_ring_parts parts;
	const uint64_t *words;
	unsigned count;

	record_of(of, "third", 1, &words, &count);
	memcpy(&parts, words, sizeof(parts));
	/* Another call site, of which nothing is known. */
	CHECK_EQ(parts.caller_words, 0);
	CHECK_EQ(parts.caller_site, 0);
	CHECK_EQ(words[2], 100);
}

CASE(copies_what_the_plan_says)
{
	for (unsigned i = 0; i < ELEMENTS(guards); i++) {
		struct tracee tracee;
		const uint64_t *words;
		unsigned count;
		double x;

		start(&tracee, "values", NULL);
		tracee_meet(&tracee);
		view_read(&view);
		plan_values(&view, guards[i]);
		tracee_go(&tracee);
		tracee_meet(&tracee);
		view_read(&view);
		check_first_call(&view);
		check_second_call(&view);
		record_of(&view, "real", 0, &words, &count);
		CHECK_EQ(count, 3);
		memcpy(&x, words + 2, sizeof(x));
		CHECK(x == 2.5);
		CHECK_EQ(view_header(&view)->guard, guards[i]);
		CHECK_EQ(view_header(&view)->plan_faults, 0);
		view_check_accounts(&view);
		tracee_go(&tracee);
		finish(&tracee);
	}
}

static void plan_and_check(struct view *of, struct tracee *tracee, uint32_t guard)
{
	tracee_meet(tracee);
	view_read(of);
	plan_values(of, guard);
	tracee_go(tracee);
	tracee_meet(tracee);
	view_read(of);
	check_first_call(of);
	CHECK_EQ(view_header(of)->guard, guard);
	view_check_accounts(of);
	tracee_go(tracee);
}

CASE(starts_its_guard_again_in_a_forked_child)
{
	for (unsigned i = 0; i < ELEMENTS(guards); i++) {
		struct tracee tracee;

		start(&tracee, "value_forks", NULL);
		plan_and_check(&view, &tracee, guards[i]);
		view_accept(&other, &tracee);
		CHECK_EQ(other.hello.parent, tracee.pid);
		CHECK_EQ(view_header(&other)->guard, JEM_GUARD_NONE);
		plan_and_check(&other, &tracee, guards[i]);
		finish(&tracee);
		view_close(&other);
	}
}

CASE(ends_a_plan_that_is_wrong)
{
	static const struct jem_plan_op wrong[] = { { .op = JEM_OP_EMIT, .a = RDX },
						    { .op = JEM_OP_JUMP, .imm = 1 << 20 } };
	struct tracee tracee;
	const uint64_t *words;
	unsigned count;

	start(&tracee, "values", NULL);
	tracee_meet(&tracee);
	view_read(&view);
	plan_values(&view, JEM_GUARD_FAULT);
	memcpy(view.ops, (struct jem_plan_op[1]){ { 0 } }, sizeof(*view.ops));
	for (unsigned i = 1; i < view.op_count; i++) {
		if (!memcmp(&view.ops[i], of_third, sizeof(of_third)))
			memcpy(&view.ops[i], wrong, sizeof(wrong));
	}
	view.adjust = NULL;
	view.callsite.key = 0;
	memcpy((uint8_t *)view.plan + view.plan->code_offset, view.ops, sizeof(view.ops));
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	record_of(&view, "third", 0, &words, &count);
	CHECK_EQ(count, 2 + THIRD_WORDS);
	CHECK_EQ(words[2], 102);
	CHECK_EQ(words[1], (1 << THIRD_WORDS) - 2);
	CHECK_EQ(view_header(&view)->plan_faults, 2);
	view_check_accounts(&view);
	tracee_go(&tracee);
	finish(&tracee);
}

/* Of the two enters and exits in the one frame, the inner ones. */
static void mark_inlined(struct view *of, const struct tracee_site *from,
			 struct jem_plan_site *site)
{
	struct tracee_site all[8];
	unsigned count = view_sites(of, "has_inlined", all, ELEMENTS(all));
	uint64_t first_enter = UINT64_MAX, last_exit = 0;

	if (strcmp(from->function, "has_inlined") != 0)
		return;
	for (unsigned i = 0; i < count; i++) {
		if (!all[i].is_exit && all[i].pc < first_enter)
			first_enter = all[i].pc;
		if (all[i].is_exit && !all[i].is_tail && all[i].pc > last_exit)
			last_exit = all[i].pc;
	}
	if (from->pc != first_enter && from->pc != last_exit && !from->is_tail) {
		site->flags |= JEM_SITE_INLINED;
		site->function = 3;
	}
}

CASE(keeps_an_inlined_function_and_its_caller_apart)
{
	static const char *const included[] = { "has_inlined", "leaf", NULL };
	struct tracee tracee;

	start(&tracee, "inlines", NULL);
	tracee_meet(&tracee);
	view_read(&view);
	view.adjust = mark_inlined;
	view_plan(&view, included, JEM_PLAN_COMPLETE, 0, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_EQ(view_edge(&view, 1)->calls, 10);
	CHECK_EQ(view_edge(&view, 1)->returns, 10);
	CHECK_EQ(view_edge(&view, 3)->calls, 10);
	CHECK_EQ(view_edge(&view, 3)->returns, 10);
	CHECK_EQ(view_edge(&view, 3)->parent, view_edge(&view, 1) - view_edges(&view, 0) + 1);
	CHECK_EQ(view_edge(&view, 2)->parent, view_edge(&view, 1) - view_edges(&view, 0) + 1);
	CHECK_EQ(view_thread(&view, 0)->unwound, 0);
	CHECK_EQ(view_thread(&view, 0)->depth, 0);
	view_check_accounts(&view);
	tracee_go(&tracee);
	finish(&tracee);
}

CASE(waits_for_its_plan_if_asked_to)
{
	static const char *const long_wait[] = { "JEM_CALLS_WAIT=25s", NULL };
	static const char *const short_wait[] = { "JEM_CALLS_WAIT=0.01", NULL };
	struct tracee tracee;

	/* Complete and empty: nothing is included, so nothing is recorded, from the first call on. */
	start(&tracee, "count", long_wait);
	view_plan(&view, NULL, JEM_PLAN_COMPLETE, 0, 0);
	for (int i = 0; i < 3; i++) {
		tracee_meet(&tracee);
		view_read(&view);
		CHECK_EQ(view.record_count, 0);
		tracee_go(&tracee);
	}
	finish(&tracee);

	start(&tracee, "count", short_wait);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_EQ(view_count(&view, JEM_RECORD_UNKNOWN_ENTER, "leaf"), 2);
	for (int i = 0; i < 2; i++) {
		tracee_go(&tracee);
		tracee_meet(&tracee);
	}
	tracee_go(&tracee);
	finish(&tracee);
}

CASE(tries_again_while_no_daemon_answers)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char variable[160];
	const char *const words[] = { "runs", NULL };
	const char *const environment[] = { variable, NULL };
	struct tracee tracee;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/later", check_folder());
	snprintf(variable, sizeof(variable), "JEM_CALLS_SOCKET=%s", address.sun_path);
	tracee_start(&tracee, PROGRAM, words, environment);
	tracee_meet(&tracee);
	close(tracee.listener);
	tracee.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	CHECK_OK(bind(tracee.listener, (struct sockaddr *)&address, sizeof(address)));
	CHECK_OK(listen(tracee.listener, 4));
	tracee_go(&tracee);
	view_accept(&view, &tracee);
	while (!__atomic_load_n(&view_thread(&view, 0)->written, __ATOMIC_RELAXED))
		;
	kill(tracee.pid, SIGKILL);
	CHECK(WIFSIGNALED(tracee_end(&tracee)));
	view_close(&view);
}

CASE(records_nothing_on_a_full_disk)
{
	char variable[200], place[160];
	const char *const words[] = { "count", NULL };
	const char *const environment[] = { "JEM_CALLS_SOCKET", variable, NULL };
	struct tracee tracee;
	int status;

	snprintf(place, sizeof(place), "%s/small", check_folder());
	CHECK_OK(mkdir(place, 0700));
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
	    mount("small", place, "tmpfs", 0, "size=64k") < 0)
		check_skip("no file system may be mounted here");
	snprintf(variable, sizeof(variable), "JEM_CALLS_FILE=%s/calls.%%p", place);
	tracee_start(&tracee, PROGRAM, words, environment);
	for (int i = 0; i < 3; i++) {
		tracee_meet(&tracee);
		tracee_go(&tracee);
	}
	status = tracee_end(&tracee);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
	CHECK_OK(umount(place));
	/* With the file it would be busy or hold it; here it could be taken away, and nothing is left. */
	CHECK_OK(rmdir(place));
}

TESTS(T(copies_what_the_plan_says), T(starts_its_guard_again_in_a_forked_child),
      T(ends_a_plan_that_is_wrong), T(keeps_an_inlined_function_and_its_caller_apart),
      T(waits_for_its_plan_if_asked_to), T(tries_again_while_no_daemon_answers),
      T(records_nothing_on_a_full_disk))
