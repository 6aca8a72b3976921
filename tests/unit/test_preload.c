/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"
#include "tests/unit/tracee.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const all[] = { "outer", "middle", "leaf", NULL };
static const char *const programs[] = {
	"tests/unit/traced_gcc_O0",    "tests/unit/traced_gcc_O2",
	"tests/unit/traced_gcc_noplt", /* hooks are called by a pointer in memory */
#ifdef HAVE_CLANG
	"tests/unit/traced_clang_O0",  "tests/unit/traced_clang_O2",
#endif
};
static struct view view;

#define PROGRAM programs[0]

/* Starts a case and goes on to its first meeting, where all its sites are known. */
static void begin(struct tracee *tracee, const char *program, const char *name,
		  const char *const *environment)
{
	const char *const words[] = { name, NULL };

	tracee_start(tracee, program, words, environment);
	view_accept(&view, tracee);
	tracee_meet(tracee);
	view_read(&view);
}

static void finish(struct tracee *tracee)
{
	int status = tracee_end(tracee);

	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
	view_close(&view);
}

static void run_counts(const char *program)
{
	struct tracee tracee;

	begin(&tracee, program, "count", NULL);
	CHECK_EQ(view_count(&view, JEM_RECORD_UNKNOWN_ENTER, "leaf"), 2);
	view_plan(&view, all, JEM_PLAN_COMPLETE, 0, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_EQ(view_count(&view, JEM_RECORD_ENTER, "outer"), 1);
	CHECK_EQ(view_count(&view, JEM_RECORD_EXIT, "outer"), 1);
	CHECK_EQ(view_count(&view, JEM_RECORD_ENTER, "middle"), 100);
	CHECK_EQ(view_count(&view, JEM_RECORD_EXIT, "middle"), 100);
	CHECK_EQ(view_count(&view, JEM_RECORD_ENTER, "leaf"), 200);
	CHECK_EQ(view_count(&view, JEM_RECORD_EXIT, "leaf"), 200);
	CHECK_EQ(view_edge(&view, 3)->calls, 200);
	CHECK_EQ(view_edge(&view, 3)->returns, 200);
	CHECK_EQ(view_edge(&view, 3)->recorded, 200);
	CHECK_EQ(view_edge(&view, 1)->parent, JEM_EDGE_ROOT);
	CHECK_EQ(view_edge(&view, 2)->parent, view_edge(&view, 1) - view_edges(&view, 0) + 1);
	CHECK_GE(view_edge(&view, 1)->total, view_edge(&view, 2)->total);
	CHECK_EQ(view_edge(&view, 1)->total,
		 view_edge(&view, 1)->self + view_edge(&view, 2)->total);
	CHECK_EQ(view_edge(&view, 2)->total,
		 view_edge(&view, 2)->self + view_edge(&view, 3)->total);
	view_check_accounts(&view);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	tracee_go(&tracee);
	finish(&tracee);
}

CASE(counts_every_call)
{
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		fprintf(stderr, "# %s\n", programs[i]);
		run_counts(programs[i]);
	}
}

CASE(pairs_by_frame_and_in_order)
{
	struct tracee tracee;
	uint64_t frames[8], ticks = 0;
	unsigned depth = 0;

	begin(&tracee, PROGRAM, "count", NULL);
	view_plan(&view, all, JEM_PLAN_COMPLETE, 0, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	for (unsigned i = 0; i < view.record_count; i++) {
		const struct jem_ring_record *record = &view.records[i];

		CHECK(record->ticks >= ticks);
		ticks = record->ticks;
		if (record->kind == JEM_RECORD_ENTER) {
			CHECK(depth < 8);
			CHECK(!depth || record->frame < frames[depth - 1]);
			frames[depth++] = record->frame;
		} else {
			CHECK(depth > 0);
			CHECK(record->frame == frames[--depth]);
		}
	}
	CHECK_EQ(depth, 0);
	CHECK_EQ(view_thread(&view, 0)->depth, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	tracee_go(&tracee);
	finish(&tracee);
}

CASE(discards_what_is_excluded)
{
	static const char *const some[] = { "middle", NULL };
	struct tracee tracee;

	begin(&tracee, PROGRAM, "count", NULL);
	view_plan(&view, some, JEM_PLAN_COMPLETE, 0, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_EQ(view.record_count, 200);
	CHECK_EQ(view_count(&view, JEM_RECORD_ENTER, "middle"), 100);
	CHECK_EQ(view_header(&view)->patched, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	tracee_go(&tracee);
	finish(&tracee);
}

static void run_patches(const char *program)
{
	static const char *const some[] = { "middle", NULL };
	struct tracee tracee;

	begin(&tracee, program, "count", NULL);
	view_plan(&view, some, JEM_PLAN_COMPLETE | JEM_PLAN_PATCH, 0, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_EQ(view.record_count, 200);
	/* The enter hooks of outer and leaf, and those of their exits that are calls. */
	CHECK_GE(view_header(&view)->patched, 2);
	CHECK_EQ(view_header(&view)->unpatchable, 0);
	view_plan(&view, all, JEM_PLAN_COMPLETE | JEM_PLAN_PATCH, 0, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	/* The first hook call that is left, of middle, brings the others back: of outer only its exit. */
	CHECK_EQ(view_header(&view)->patched, 0);
	CHECK_EQ(view_count(&view, JEM_RECORD_ENTER, "middle"), 100);
	CHECK_EQ(view_count(&view, JEM_RECORD_ENTER, "leaf"), 200);
	CHECK_EQ(view_count(&view, JEM_RECORD_EXIT, "leaf"), 200);
	CHECK_EQ(view_count(&view, JEM_RECORD_ENTER, "outer"), 0);
	view_check_accounts(&view);
	tracee_go(&tracee);
	finish(&tracee);
}

CASE(patches_out_and_puts_back)
{
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		fprintf(stderr, "# %s\n", programs[i]);
		run_patches(programs[i]);
	}
}

CASE(keeps_what_functions_return)
{
	static const char *const names[] = { "real", "two", "six", "wide", NULL };

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		struct tracee tracee;

		begin(&tracee, programs[i], "returns", NULL);
		view_plan(&view, names, JEM_PLAN_COMPLETE, 0, 0);
		tracee_go(&tracee);
		tracee_meet(&tracee);
		view_read(&view);
		CHECK_EQ(view_count(&view, JEM_RECORD_EXIT, "wide"), 1);
		tracee_go(&tracee);
		finish(&tracee);
	}
}

CASE(limits_records_but_counts_calls)
{
	struct tracee tracee;

	begin(&tracee, PROGRAM, "many", NULL);
	view_plan(&view, all, JEM_PLAN_COMPLETE, 100, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_EQ(view_calls(&view, 3), 40000);
	CHECK_EQ(view_edge(&view, 3)->returns, 40000);
	CHECK_LE(view_count(&view, JEM_RECORD_ENTER, "leaf"), 4000);
	CHECK_GE(view_count(&view, JEM_RECORD_ENTER, "leaf"), 50);
	CHECK_EQ(view_count(&view, JEM_RECORD_ENTER, "leaf"),
		 view_count(&view, JEM_RECORD_EXIT, "leaf"));
	CHECK_EQ(view_edge(&view, 3)->recorded, view_count(&view, JEM_RECORD_ENTER, "leaf"));
	view_check_accounts(&view);
	tracee_go(&tracee);
	finish(&tracee);
}

CASE(limits_a_process)
{
	struct tracee tracee;

	begin(&tracee, PROGRAM, "many", NULL);
	view_plan(&view, all, JEM_PLAN_COMPLETE, 0, 1000);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_GE(view.record_count, 500);
	CHECK_LE(view.record_count, 40000);
	CHECK_EQ(view_calls(&view, 2), 20000);
	view_check_accounts(&view);
	tracee_go(&tracee);
	finish(&tracee);
}

CASE(drops_the_newest_when_full)
{
	static const char *const small[] = { "JEM_CALLS_RING_BYTES=65536", NULL };
	struct tracee tracee;

	begin(&tracee, PROGRAM, "many", small);
	view_plan(&view, all, JEM_PLAN_COMPLETE, 0, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_GE(view_thread(&view, 0)->dropped, 100000);
	CHECK_EQ(view_thread(&view, 0)->seen, 6 + 2 + 2 * 60001);
	CHECK_GE(view.record_count, 65536 / 32 - 8);
	CHECK_EQ(view_calls(&view, 3), 40000);
	view_check_accounts(&view);
	tracee_go(&tracee);
	finish(&tracee);
}

CASE(follows_recursion_as_far_as_it_goes)
{
	static const char *const names[] = { "deep", "leaf", "outer", "middle", NULL };
	struct tracee tracee;

	begin(&tracee, PROGRAM, "recursion", NULL);
	view_plan(&view, names, JEM_PLAN_COMPLETE, 0, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_EQ(view_calls(&view, 1), 6001);
	CHECK_EQ(view_count(&view, JEM_RECORD_ENTER, "deep"),
		 view_count(&view, JEM_RECORD_EXIT, "deep"));
	CHECK_GE(view_count(&view, JEM_RECORD_ENTER, "deep"), 4000);
	CHECK_GE(view_thread(&view, 0)->dropped, 2 * 1900);
	CHECK_EQ(view_thread(&view, 0)->depth, 0);
	view_check_accounts(&view);
	tracee_go(&tracee);
	finish(&tracee);
}

CASE(comes_back_from_jumps)
{
	static const char *const names[] = { "pass_on", "jumper", "leaf", "real", NULL };
	struct tracee tracee;

	begin(&tracee, PROGRAM, "jumps", NULL);
	view_plan(&view, names, JEM_PLAN_COMPLETE, 0, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_EQ(view_count(&view, JEM_RECORD_ENTER, "jumper"), 10);
	CHECK_EQ(view_count(&view, JEM_RECORD_EXIT, "jumper"), 0);
	CHECK_EQ(view_thread(&view, 0)->unwound, 20);
	CHECK_EQ(view_count(&view, JEM_RECORD_EXIT, "real"), 10);
	/* No call of real was taken for one from what had been left. */
	CHECK_EQ(view_edge(&view, 4)->parent, JEM_EDGE_ROOT);
	CHECK_EQ(view_edge(&view, 4)->calls, 10);
	view_check_accounts(&view);
	tracee_go(&tracee);
	finish(&tracee);
}

CASE(comes_back_from_jumps_before_a_big_frame)
{
	static const char *const names[] = { "pass_on", "jumper", "leaf", "roomy", NULL };
	struct tracee tracee;

	begin(&tracee, PROGRAM, "jumps_before_a_big_frame", NULL);
	view_plan(&view, names, JEM_PLAN_COMPLETE, 0, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_EQ(view_thread(&view, 0)->unwound, 20);
	CHECK_EQ(view_count(&view, JEM_RECORD_ENTER, "roomy"), 10);
	CHECK_EQ(view_count(&view, JEM_RECORD_EXIT, "roomy"), 10);
	CHECK_EQ(view_edge(&view, 1)->parent, JEM_EDGE_ROOT);
	CHECK_EQ(view_edge(&view, 1)->calls, 10);
	CHECK_EQ(view_edge(&view, 4)->parent, JEM_EDGE_ROOT);
	CHECK_EQ(view_edge(&view, 4)->calls, 10);
	CHECK_EQ(view_thread(&view, 0)->depth, 0);
	view_check_accounts(&view);
	tracee_go(&tracee);
	finish(&tracee);
}

/* The node that is called from `parent`; fails when there is not one. */
static struct jem_ring_edge *child_of(struct jem_ring_edge *edges, uint32_t parent)
{
	struct jem_ring_edge *found = NULL;

	for (unsigned i = 0; i < view_header(&view)->edge_count; i++) {
		if (edges[i].function != 1 || edges[i].parent != parent)
			continue;
		CHECK(!found);
		found = &edges[i];
	}
	if (!found)
		check_fail(__FILE__, __LINE__, "nothing is called from %u", parent);
	return found;
}

/* What is in one text bears one name here: told apart by the depth. */
static void run_inlined(const char *program)
{
	static const char *const some[] = { "holder", NULL };
	struct jem_ring_edge *edges, *own, *inlined, *inmost;
	struct tracee tracee;

	begin(&tracee, program, "inlined", NULL);
	view_plan(&view, some, JEM_PLAN_COMPLETE, 0, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	edges = view_edges(&view, 0);
	own = child_of(edges, JEM_EDGE_ROOT);
	inlined = child_of(edges, (uint32_t)(own - edges) + 1);
	inmost = child_of(edges, (uint32_t)(inlined - edges) + 1);
	CHECK_EQ(own->calls, 1);
	CHECK_EQ(own->returns, 1);
	CHECK_EQ(inlined->calls, 20);
	CHECK_EQ(inlined->returns, 20);
	CHECK_EQ(inmost->calls, 20);
	CHECK_EQ(inmost->returns, 20);
	CHECK_EQ(view_thread(&view, 0)->unwound, 0);
	CHECK_EQ(view_calls(&view, 1), 41);
	/* Now some are left by a jump: found out when they come again, or with their frame. */
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_EQ(own->calls, 2);
	CHECK_EQ(own->returns, 2);
	CHECK_EQ(view_calls(&view, 1), 82);
	CHECK_EQ(view_thread(&view, 0)->unwound, 10);
	CHECK_EQ(view_thread(&view, 0)->depth, 0);
	view_check_accounts(&view);
	tracee_go(&tracee);
	finish(&tracee);
}

CASE(tells_calls_in_one_frame_apart)
{
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		fprintf(stderr, "# %s\n", programs[i]);
		run_inlined(programs[i]);
	}
}

CASE(comes_back_from_exceptions)
{
	static const char *const names[] = { "catcher", "holder", "thrower", NULL };
	struct tracee tracee;

	tracee_start(&tracee, "tests/unit/traced_throw", NULL, NULL);
	view_accept(&view, &tracee);
	tracee_meet(&tracee);
	view_read(&view);
	view_plan(&view, names, JEM_PLAN_COMPLETE, 0, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_EQ(view_edge(&view, 1)->calls, 11);
	CHECK_EQ(view_edge(&view, 1)->returns, 11);
	CHECK_EQ(view_edge(&view, 2)->calls, 11);
	CHECK_EQ(view_edge(&view, 3)->calls, 11);
	CHECK_EQ(view_thread(&view, 0)->depth, 0);
	view_check_accounts(&view);
	tracee_go(&tracee);
	finish(&tracee);
}

CASE(keeps_handlers_on_their_stack_apart)
{
	static const char *const names[] = { "raiser", "on_signal", "leaf", NULL };
	struct tracee tracee;
	unsigned elsewhere = 0;

	begin(&tracee, PROGRAM, "signals", NULL);
	view_plan(&view, names, JEM_PLAN_COMPLETE, 0, 0);
	tracee_go(&tracee);
	tracee_meet(&tracee);
	view_read(&view);
	CHECK_EQ(view_edge(&view, 1)->returns, 10);
	CHECK_EQ(view_edge(&view, 2)->returns, 10);
	CHECK_EQ(view_edge(&view, 2)->parent, view_edge(&view, 1) - view_edges(&view, 0) + 1);
	CHECK_EQ(view_calls(&view, 3), 20);
	CHECK_EQ(view_thread(&view, 0)->unwound, 0);
	CHECK_EQ(view_count(&view, JEM_RECORD_EXIT, "raiser"), 10);
	for (unsigned i = 0; i < view.record_count; i++)
		elsewhere += !!(view.records[i].flags & JEM_RECORD_LIVE_SP);
	/* Only where the other stack lies above: below, it looks like deeper calls. */
	CHECK(elsewhere == 0 || elsewhere == 40);
	view_check_accounts(&view);
	tracee_go(&tracee);
	finish(&tracee);
}

TESTS(T(counts_every_call), T(pairs_by_frame_and_in_order), T(discards_what_is_excluded),
      T(patches_out_and_puts_back), T(keeps_what_functions_return),
      T(limits_records_but_counts_calls), T(limits_a_process), T(drops_the_newest_when_full),
      T(follows_recursion_as_far_as_it_goes), T(comes_back_from_jumps),
      T(comes_back_from_jumps_before_a_big_frame), T(tells_calls_in_one_frame_apart),
      T(comes_back_from_exceptions), T(keeps_handlers_on_their_stack_apart))
