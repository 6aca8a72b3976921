/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/stream.h"
#include "tests/unit/check.h"

static struct jem_stream stream;

static struct jem_head head_of(uint64_t seq, uint64_t first, uint64_t n)
{
	return (struct jem_head){ .kind = JEM_KIND_log, .seq = seq, .first = first, .n = n };
}

static bool see(uint64_t seq, uint64_t first, uint64_t n)
{
	struct jem_head head = head_of(seq, first, n);
	uint64_t skip;

	return jem_stream_see(&stream, &head, false, &skip);
}

static void unsee(const struct jem_head *head, uint64_t skip)
{
	struct jem_batch_mark mark = { head->seq, head->first, head->n, skip };

	jem_stream_unsee(&stream, &mark);
}

static void begin(void)
{
	jem_stream_init(&stream, "node", "0123456789abcdef", JEM_KIND_log);
}

/* The promise of stream.h, from what is public. */
static void check_invariant(void)
{
	CHECK_EQ(stream.batches,
		 stream.next_seq - stream.join_seq - jem_ranges_length(&stream.missing));
}

CASE(takes_each_batch_once)
{
	begin();
	for (uint64_t seq = 0; seq < 100; seq++)
		CHECK(see(seq, seq * 10, 10));
	for (uint64_t seq = 0; seq < 100; seq++)
		CHECK(!see(seq, seq * 10, 10));
	CHECK_EQ(stream.batches, 100);
	CHECK_EQ(stream.duplicates, 100);
	CHECK_EQ(stream.received, 1000);
	CHECK_EQ(jem_ranges_length(&stream.missing), 0);
	CHECK_EQ(jem_stream_records_missing(&stream), 0);
	check_invariant();
	jem_stream_deinit(&stream);
}

CASE(names_what_is_missing_until_it_comes)
{
	begin();
	CHECK(see(0, 0, 5));
	CHECK(see(7, 50, 5));
	CHECK_EQ(stream.missing.count, 1);
	CHECK_EQ(stream.missing.at[0].first, 1);
	CHECK_EQ(stream.missing.at[0].last, 6);
	CHECK_EQ(jem_stream_records_missing(&stream), 45);
	CHECK(see(3, 20, 5));
	CHECK_EQ(stream.missing.count, 2);
	CHECK(see(6, 45, 5));
	CHECK(see(1, 5, 5));
	CHECK(see(2, 10, 10));
	CHECK_EQ(stream.missing.count, 1);
	CHECK_EQ(stream.missing.at[0].first, 4);
	CHECK_EQ(stream.missing.at[0].last, 5);
	CHECK_EQ(jem_stream_records_missing(&stream), 20);
	CHECK(!see(3, 20, 5));
	check_invariant();
	jem_stream_deinit(&stream);
}

CASE(expects_nothing_from_before_it_joined)
{
	struct jem_head head = head_of(500, 9000, 10);
	uint64_t skip;

	begin();
	CHECK(jem_stream_see(&stream, &head, true, &skip));
	CHECK_EQ(stream.join_seq, 500);
	CHECK_EQ(jem_ranges_length(&stream.missing), 0);
	CHECK_EQ(jem_stream_records_missing(&stream), 0);
	/* One that was overtaken on its way moves the beginning. */
	head = head_of(498, 8980, 10);
	CHECK(jem_stream_see(&stream, &head, true, &skip));
	CHECK_EQ(stream.join_seq, 498);
	CHECK_EQ(jem_ranges_length(&stream.missing), 1);
	CHECK_EQ(jem_stream_records_missing(&stream), 10);
	check_invariant();
	jem_stream_deinit(&stream);
}

CASE(takes_a_batch_back_that_could_not_be_written)
{
	struct jem_head first = head_of(0, 0, 3);
	struct jem_head middle = head_of(2, 6, 3);
	struct jem_head last = head_of(4, 12, 3);
	uint64_t skip;

	begin();
	CHECK(jem_stream_see(&stream, &first, false, &skip));
	unsee(&first, skip);
	CHECK_EQ(stream.next_seq, 0);
	CHECK_EQ(stream.batches, 0);
	CHECK(jem_stream_see(&stream, &first, false, &skip));
	CHECK(jem_stream_see(&stream, &middle, false, &skip));
	CHECK(jem_stream_see(&stream, &last, false, &skip));
	unsee(&middle, 0);
	CHECK_EQ(stream.missing.count, 1);
	CHECK_EQ(stream.missing.at[0].last, 3);
	unsee(&last, 0);
	check_invariant();
	CHECK(see(4, 12, 3));
	CHECK(see(2, 6, 3));
	CHECK_EQ(stream.received, 9);
	check_invariant();
	jem_stream_deinit(&stream);
}

CASE(goes_on_within_a_batch_that_a_crash_cut_short)
{
	struct jem_head head = head_of(1, 4, 4);
	uint64_t skip;

	begin();
	for (uint64_t i = 0; i < 4; i++)
		jem_stream_find(&stream, 0, i);
	jem_stream_find(&stream, 1, 0);
	jem_stream_find(&stream, 1, 1);
	CHECK_EQ(stream.batches, 2);
	CHECK(jem_stream_see(&stream, &head, false, &skip));
	CHECK_EQ(skip, 2);
	CHECK_EQ(stream.received, 8);
	CHECK(!jem_stream_see(&stream, &head, false, &skip));
	unsee(&head, 2);
	CHECK(jem_stream_see(&stream, &head, false, &skip));
	CHECK_EQ(skip, 2);
	check_invariant();
	jem_stream_deinit(&stream);
}

CASE(knows_a_batch_that_was_whole_before_the_crash)
{
	struct jem_head head = head_of(0, 0, 2);
	uint64_t skip;

	begin();
	jem_stream_find(&stream, 0, 0);
	jem_stream_find(&stream, 0, 1);
	CHECK(!jem_stream_see(&stream, &head, false, &skip));
	CHECK_EQ(stream.duplicates, 1);
	CHECK_EQ(stream.received, 2);
	jem_stream_deinit(&stream);
}

CASE(takes_a_batch_of_parts_again_when_a_crash_left_it_in_doubt)
{
	begin();
	jem_stream_find_part(&stream, 0);
	jem_stream_find_part(&stream, 1);
	jem_stream_find(&stream, 1, 3);
	CHECK_EQ(stream.batches, 2);
	CHECK_EQ(stream.doubtful.count, 1);
	CHECK(see(0, 0, 2)); /* its parts are known to the joiner, its lines are not there */
	CHECK(!see(0, 0, 2));
	CHECK_EQ(stream.batches, 2);
	check_invariant();
	jem_stream_deinit(&stream);
}

CASE(names_the_end_that_it_was_told_of)
{
	struct jem_head head = head_of(5, 50, 10);

	begin();
	for (uint64_t seq = 0; seq < 4; seq++)
		CHECK(see(seq, seq * 10, 10));
	jem_stream_tell(&stream, 2); /* of no news */
	CHECK_EQ(stream.missing.count, 0);
	jem_stream_tell(&stream, 6);
	jem_stream_tell(&stream, 6);
	CHECK_EQ(stream.missing.count, 1);
	CHECK_EQ(stream.missing.at[0].first, 4);
	CHECK_EQ(stream.missing.at[0].last, 6);
	check_invariant();
	CHECK(see(5, 50, 10)); /* late */
	CHECK_EQ(jem_ranges_length(&stream.missing), 2);
	unsee(&head, 0);
	CHECK_EQ(jem_ranges_length(&stream.missing), 3);
	CHECK(see(6, 60, 10));
	head = head_of(6, 60, 10);
	unsee(&head, 0); /* the highest: it stays told */
	CHECK_EQ(jem_ranges_length(&stream.missing), 3);
	CHECK_EQ(stream.next_seq, 7);
	check_invariant();
	jem_stream_deinit(&stream);
}

CASE(names_all_of_a_stream_that_never_came)
{
	struct jem_head head = head_of(1, 10, 10);

	begin();
	jem_stream_tell(&stream, 2);
	CHECK_EQ(jem_ranges_length(&stream.missing), 3);
	CHECK(see(1, 10, 10));
	unsee(&head, 0); /* nothing is left of it but what was told */
	CHECK_EQ(stream.batches, 0);
	CHECK_EQ(jem_ranges_length(&stream.missing), 3);
	check_invariant();
	jem_stream_deinit(&stream);
}

CASE(keeps_the_latest_totals_in_any_order)
{
	struct jem_head head = head_of(9, 9, 1);
	uint64_t skip;

	begin();
	head.dropped[JEM_CAUSE_evicted] = 7;
	jem_stream_tell(&stream, 12);
	CHECK(jem_stream_see(&stream, &head, false, &skip));
	CHECK_EQ(stream.dropped[JEM_CAUSE_evicted], 7);
	head = head_of(3, 3, 1);
	head.dropped[JEM_CAUSE_evicted] = 2;
	CHECK(jem_stream_see(&stream, &head, false, &skip));
	CHECK_EQ(stream.dropped[JEM_CAUSE_evicted], 7);
	jem_stream_deinit(&stream);
}

CASE(stays_bounded_when_every_second_batch_is_missing)
{
	begin();
	for (uint64_t seq = 0; seq < 10000; seq += 2)
		CHECK(see(seq, seq, 1));
	CHECK_EQ(stream.missing.count, JEM_RANGES_MAX);
	CHECK_EQ(jem_ranges_length(&stream.missing), 4999);
	CHECK_EQ(jem_stream_records_missing(&stream), 4999);
	CHECK(!see(1, 1, 1)); /* given up: better lost than doubled */
	CHECK(see(9997, 9997, 1));
	check_invariant();
	jem_stream_deinit(&stream);
}

/* Against a plain table of what was seen, in an order that a seed gives. */
CASE(agrees_with_a_table_in_random_order)
{
	enum {
		SEQS = 300
	};
	static bool table[SEQS];
	uint32_t random = 12345;
	uint64_t unique = 0;

	begin();
	for (int step = 0; step < 3000; step++) {
		uint64_t seq = (random = random * 1664525 + 1013904223) >> 8;

		seq %= SEQS;
		if (random >> 28 == 0 && table[seq]) {
			struct jem_head head = head_of(seq, seq, 1);

			unsee(&head, 0);
			table[seq] = false;
			unique--;
		}
		CHECK_EQ(see(seq, seq, 1), !table[seq]);
		unique += !table[seq];
		table[seq] = true;
		CHECK_EQ(stream.batches, unique);
		check_invariant();
	}
	jem_stream_deinit(&stream);
}

TESTS(T(takes_each_batch_once), T(names_what_is_missing_until_it_comes),
      T(expects_nothing_from_before_it_joined), T(takes_a_batch_back_that_could_not_be_written),
      T(goes_on_within_a_batch_that_a_crash_cut_short),
      T(knows_a_batch_that_was_whole_before_the_crash),
      T(takes_a_batch_of_parts_again_when_a_crash_left_it_in_doubt),
      T(names_the_end_that_it_was_told_of), T(names_all_of_a_stream_that_never_came),
      T(keeps_the_latest_totals_in_any_order), T(stays_bounded_when_every_second_batch_is_missing),
      T(agrees_with_a_table_in_random_order))
