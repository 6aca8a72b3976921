/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks and stacks of traced threads: what belongs to what, and when it was. */
#include "tests/unit/check.h"

#include "common/clock.h"
#include "daemon/sources/calls/pairing.h"
#include "daemon/sources/calls/ticks.h"

/* --- ticks ------------------------------------------------------------------------------------ */

CASE(interpolates_between_pairs_and_goes_on_beyond_them)
{
	struct jem_ticks ticks = { .count = 0 };

	jem_ticks_add(&ticks, (struct jem_ticks_pair){ 1000, 50000 });
	CHECK_EQ(jem_ticks_to_ns(&ticks, 777), 50000);
	CHECK_EQ(jem_ticks_rate(&ticks), 0);
	jem_ticks_add(&ticks, (struct jem_ticks_pair){ 2000, 50500 }); /* 0.5 ns a tick */
	jem_ticks_add(&ticks, (struct jem_ticks_pair){ 3000, 51500 }); /* 1 ns a tick */
	jem_ticks_add(&ticks, (struct jem_ticks_pair){ 2500, 99999 }); /* not later: left out */
	CHECK_EQ(ticks.count, 3);
	CHECK_EQ(jem_ticks_to_ns(&ticks, 1500), 50250);
	CHECK_EQ(jem_ticks_to_ns(&ticks, 2500), 51000);
	CHECK_EQ(jem_ticks_to_ns(&ticks, 3700), 52200);
	CHECK_EQ(jem_ticks_to_ns(&ticks, 800), 49900);
	CHECK_EQ(jem_ticks_to_ns(&ticks, 0), 49500);
	CHECK_NEAR(jem_ticks_rate(&ticks), 0.75, 1e-12);
}

CASE(keeps_the_first_pair_and_the_youngest)
{
	struct jem_ticks ticks = { .count = 0 };

	for (uint64_t i = 0; i < 100; i++)
		jem_ticks_add(&ticks, (struct jem_ticks_pair){ 10 + i * 10, 100 + i * 20 });
	CHECK_EQ(ticks.count, JEM_TICKS_PAIRS);
	CHECK_EQ(ticks.pairs[0].ticks, 10);
	CHECK_EQ(ticks.pairs[JEM_TICKS_PAIRS - 1].ticks, 1000);
	CHECK_NEAR(jem_ticks_rate(&ticks), 2, 1e-12);
	CHECK_EQ(jem_ticks_to_ns(&ticks, 995), 100 + 1970);
}

#if defined(__x86_64__)
/* What a reading of the clock takes at best: next to nothing, but some microseconds under valgrind. */
static uint64_t reading_ns(void)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 1000; i++) {
		uint64_t before = jem_now_ns();
		uint64_t cost = jem_now_ns() - before;

		least = cost < least ? cost : least;
	}
	return least;
}
#endif

CASE(tells_an_instant_within_a_microsecond_of_the_clock)
{
#if defined(__x86_64__)
	uint64_t slack_ns = 1000 + 2 * reading_ns();
	struct jem_ticks ticks;

	CHECK(jem_ticks_init(&ticks));
	for (int round = 0; round < 40; round++) {
		jem_ticks_take(&ticks, 1000000);
		for (int i = 0; i < 2000 && ticks.count > 1; i++) {
			uint64_t before = jem_now_ns();
			uint64_t reading = __builtin_ia32_rdtsc();
			uint64_t after = jem_now_ns();
			uint64_t told = jem_ticks_to_ns(&ticks, reading);

			CHECK_GE(told + slack_ns, before);
			CHECK_LE(told, after + slack_ns);
		}
		for (uint64_t until = jem_now_ns() + 1000000; jem_now_ns() < until;)
			continue;
	}
#else
	check_skip("no counter that we read on this machine");
#endif
}

/* --- pairing ---------------------------------------------------------------------------------- */

static struct jem_pairing_event at(uint32_t function, uint64_t frame, uint64_t mono_ns)
{
	return (struct jem_pairing_event){ .function = function,
					   .frame = frame,
					   .mono_ns = mono_ns };
}

static struct jem_pairing_result enter(struct jem_pairing *pairing, struct jem_pairing_event event)
{
	struct jem_pairing_result result;

	jem_pairing_unwind(pairing, &event, &result);
	CHECK_OK(jem_pairing_push(pairing, &event));
	return result;
}

static struct jem_pairing_result leave(struct jem_pairing *pairing, struct jem_pairing_event event)
{
	struct jem_pairing_result result;

	jem_pairing_exit(pairing, &event, &result);
	return result;
}

CASE(pairs_nested_and_recursive_calls)
{
	struct jem_pairing pairing;

	jem_pairing_init(&pairing);
	CHECK_EQ(enter(&pairing, at(1, 1000, 10)).depth, 0);
	CHECK_EQ(enter(&pairing, at(2, 900, 20)).depth, 1);
	CHECK_EQ(enter(&pairing, at(2, 800, 30)).depth, 2);
	CHECK_EQ(leave(&pairing, at(2, 800, 40)).enter->mono_ns, 30);
	CHECK_EQ(leave(&pairing, at(2, 900, 50)).enter->mono_ns, 20);
	CHECK_EQ(leave(&pairing, at(1, 1000, 60)).depth, 0);
	CHECK_EQ(pairing.count, 0);
	CHECK_EQ(pairing.unwound, 0);
	CHECK(!leave(&pairing, at(1, 1000, 70)).enter); /* its enter was never seen */
	jem_pairing_deinit(&pairing);
}

CASE(heals_after_longjmp)
{
	struct jem_pairing pairing;
	struct jem_pairing_result result;

	jem_pairing_init(&pairing);
	enter(&pairing, at(1, 1000, 1));
	enter(&pairing, at(2, 900, 2));
	enter(&pairing, at(3, 800, 3));
	/* longjmp from 3 into 1, which calls 4: no other frame can be below its. */
	result = enter(&pairing, at(4, 900, 4));
	CHECK_EQ(result.unwound, 2);
	CHECK_EQ(result.depth, 1);
	CHECK_EQ(leave(&pairing, at(4, 900, 5)).enter->mono_ns, 4);
	/* ... and again, with the exit of 1 as the next that is seen */
	enter(&pairing, at(2, 900, 6));
	enter(&pairing, at(1, 800, 7)); /* recursive, and jumped over */
	result = leave(&pairing, at(1, 1000, 8));
	CHECK_EQ(result.enter->mono_ns, 1);
	CHECK_EQ(result.unwound, 2);
	CHECK_EQ(pairing.count, 0);
	CHECK_EQ(pairing.unwound, 4);
	jem_pairing_deinit(&pairing);
}

CASE(takes_away_what_a_jump_leaves)
{
	struct jem_pairing_event event;
	struct jem_pairing_result result;
	struct jem_pairing pairing;

	jem_pairing_init(&pairing);
	for (uint32_t i = 0; i < 4; i++) {
		event = at(i, 1000 - 100 * i, i);
		jem_pairing_unwind(&pairing, &event, &result);
		CHECK_OK(jem_pairing_push(&pairing, &event));
	}
	event = at(9, 50000, 9); /* a handler on another stack */
	event.is_elsewhere = true;
	jem_pairing_unwind(&pairing, &event, &result);
	CHECK_OK(jem_pairing_push(&pairing, &event));
	/* Within that stack nothing is left; back to the second call's frame all that it called is. */
	jem_pairing_jump(&pairing, 50000, true);
	CHECK_EQ(pairing.count, 5);
	jem_pairing_jump(&pairing, 890, false);
	CHECK_EQ(pairing.count, 2);
	/* What it calls now has a frame bigger than all of them. */
	event = at(5, 100, 10);
	jem_pairing_unwind(&pairing, &event, &result);
	CHECK_EQ(result.depth, 2);
	CHECK_EQ(result.unwound, 3);
	jem_pairing_unwind(&pairing, &event, &result);
	CHECK_EQ(result.unwound, 0);
	CHECK_EQ(pairing.unwound, 3);
	jem_pairing_deinit(&pairing);
}

CASE(believes_no_addresses_across_stacks)
{
	struct jem_pairing pairing;
	struct jem_pairing_event handler = at(7, 5000, 3);

	jem_pairing_init(&pairing);
	enter(&pairing, at(1, 1000, 1));
	enter(&pairing, at(2, 900, 2));
	/* A signal handler on a stack of its own, above both: nothing is gone. */
	handler.is_elsewhere = true;
	CHECK_EQ(enter(&pairing, handler).unwound, 0);
	CHECK_EQ(leave(&pairing, handler).enter->mono_ns, 3);
	CHECK_EQ(leave(&pairing, at(2, 900, 4)).enter->mono_ns, 2);
	CHECK_EQ(pairing.count, 1);
	jem_pairing_deinit(&pairing);
}

CASE(knows_inlined_functions_tail_exits_and_moving_stack_pointers)
{
	struct jem_pairing pairing;
	struct jem_pairing_event inlined = at(2, 1000, 2);
	struct jem_pairing_event tail = at(1, 1064, 5);

	jem_pairing_init(&pairing);
	inlined.is_inlined = true;
	tail.is_tail = true;
	enter(&pairing, at(1, 1000, 1));
	CHECK_EQ(enter(&pairing, inlined).depth, 1); /* in the same frame */
	CHECK_EQ(leave(&pairing, inlined).enter->mono_ns, 2);
	CHECK_EQ(leave(&pairing, tail).enter->mono_ns, 1); /* its frame is gone already */
	/* alloca between enter and exit; then arguments popped before the exit */
	enter(&pairing, at(3, 1000, 6));
	CHECK_EQ(leave(&pairing, at(3, 600, 7)).enter->mono_ns, 6);
	enter(&pairing, at(3, 1000, 8));
	CHECK_EQ(leave(&pairing, at(3, 1016, 9)).enter->mono_ns, 8);
	CHECK_EQ(pairing.unwound, 0);
	jem_pairing_deinit(&pairing);
}

CASE(ends_what_is_open_where_inlined_functions_share_their_end)
{
	struct jem_pairing pairing;
	struct jem_pairing_event shared = at(3, 960, 9);
	struct jem_pairing_event inner = at(2, 960, 4);
	struct jem_pairing_result result;

	shared.is_inlined = true;
	inner.is_inlined = true;
	jem_pairing_init(&pairing);
	enter(&pairing, at(3, 1000, 1)); /* further out: another frame of the same name */
	enter(&pairing, at(1, 960, 3));
	enter(&pairing, inner);
	result = leave(&pairing, shared);
	CHECK(result.enter);
	CHECK_EQ(result.enter->mono_ns, 4);
	CHECK_EQ(result.depth, 2);
	/* It is open in this frame: this is its own end, and the one within it was left by a jump. */
	inner.function = 3;
	enter(&pairing, inner);
	inner.function = 2;
	enter(&pairing, inner);
	result = leave(&pairing, shared);
	CHECK_EQ(result.enter->function, 3);
	CHECK_EQ(result.unwound, 1);
	CHECK_EQ(result.depth, 2);
	jem_pairing_deinit(&pairing);
}

CASE(keeps_values_at_entry_until_the_exit)
{
	const uint64_t outer[] = { 1, 2, 3 };
	const uint64_t inner[] = { 4, 5 };
	struct jem_pairing pairing;
	struct jem_pairing_event event;
	struct jem_pairing_result result;

	jem_pairing_init(&pairing);
	event = at(1, 1000, 1);
	event.values = outer;
	event.value_count = 3;
	enter(&pairing, event);
	event = at(2, 900, 2);
	event.values = inner;
	event.value_count = 2;
	enter(&pairing, event);
	CHECK_EQ(pairing.kept[jem_pairing_top(&pairing)->kept], 4);
	result = leave(&pairing, at(2, 900, 3));
	CHECK_EQ(result.enter->kept_count, 2);
	CHECK_EQ(result.values[1], 5);
	enter(&pairing, at(2, 900, 4)); /* without values */
	CHECK(!leave(&pairing, at(2, 900, 5)).values);
	result = leave(&pairing, at(1, 1000, 6));
	CHECK_EQ(result.values[2], 3);
	CHECK_EQ(pairing.kept_count, 0);
	jem_pairing_deinit(&pairing);
}

CASE(stays_within_its_bounds_and_counts_the_depth_beyond)
{
	uint64_t values[64] = { 0 };
	struct jem_pairing pairing;
	struct jem_pairing_event event;
	const uint32_t deep = JEM_PAIRING_FRAMES + 500;

	jem_pairing_init(&pairing);
	for (uint32_t i = 0; i < deep; i++) {
		event = at(1, 1000000 - i, i);
		event.values = values;
		event.value_count = 64;
		CHECK_EQ(enter(&pairing, event).depth, i);
	}
	CHECK_EQ(pairing.count, JEM_PAIRING_FRAMES);
	CHECK_LE(pairing.kept_count, JEM_PAIRING_KEPT_WORDS);
	for (uint32_t i = deep; i-- > 0;) {
		struct jem_pairing_result result = leave(&pairing, at(1, 1000000 - i, i));

		CHECK_EQ(result.depth, i);
		CHECK_EQ(!!result.enter, i < JEM_PAIRING_FRAMES);
		if (result.enter)
			CHECK_EQ(result.enter->mono_ns, i);
	}
	jem_pairing_deinit(&pairing);
}

/* A program that calls, returns and jumps at random; the oracle knows every frame. */
CASE(agrees_with_a_program_that_jumps_at_random)
{
	struct frame {
		uint32_t function;
		uint64_t sp, id;
	} stack[200];
	struct jem_pairing pairing;
	unsigned depth = 0;
	uint64_t state = 88172645463325252u;
	uint64_t paired = 0;

	jem_pairing_init(&pairing);
	for (uint64_t id = 1; id < 200000; id++) {
		uint64_t sp = depth ? stack[depth - 1].sp : 1u << 20;
		struct jem_pairing_result result;

		state ^= state << 13, state ^= state >> 7, state ^= state << 17;
		if (depth > 3 && state % 50 == 0)
			depth -= 1 + (unsigned)(state >> 32) % 3; /* longjmp */
		sp = depth ? stack[depth - 1].sp : 1u << 20;
		if (depth < 199 && (state >> 8) % 5 < 2 + (depth < 5)) {
			uint32_t function = 1 + (uint32_t)(state >> 40) % 7;

			sp -= 32 + (state >> 20) % 64;
			result = enter(&pairing, at(function, sp, id));
			/* A frame that was jumped over may look alive until its caller returns. */
			CHECK_GE(result.depth, depth);
			stack[depth++] = (struct frame){ function, sp, id };
		} else if (depth) {
			const struct frame *top = &stack[--depth];

			result = leave(&pairing, at(top->function, top->sp, id));
			CHECK(result.enter);
			CHECK_EQ(result.enter->mono_ns, top->id);
			CHECK_GE(result.depth, depth);
			paired++;
			if (!depth)
				CHECK_EQ(pairing.count, 0);
		}
	}
	CHECK_GE(paired, 50000);
	CHECK_GE(pairing.unwound, 1000);
	jem_pairing_deinit(&pairing);
}

TESTS(T(interpolates_between_pairs_and_goes_on_beyond_them),
      T(keeps_the_first_pair_and_the_youngest),
      T(tells_an_instant_within_a_microsecond_of_the_clock), T(pairs_nested_and_recursive_calls),
      T(heals_after_longjmp), T(takes_away_what_a_jump_leaves),
      T(believes_no_addresses_across_stacks),
      T(knows_inlined_functions_tail_exits_and_moving_stack_pointers),
      T(ends_what_is_open_where_inlined_functions_share_their_end),
      T(keeps_values_at_entry_until_the_exit),
      T(stays_within_its_bounds_and_counts_the_depth_beyond),
      T(agrees_with_a_program_that_jumps_at_random))
