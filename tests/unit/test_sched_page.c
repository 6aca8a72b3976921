/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"
#include "tests/unit/page_maker.h"

#include <errno.h>

enum {
	MISSED = 1u << 31,
	MISSED_HERE = 1u << 30,
	PADDING = 29,
	EXTEND = 30,
	STAMP = 31
};

struct bench {
	struct jem_sched_format *format; /* large */
	struct jem_sched_names names;
	struct jem_sched_decoder decoder;
	struct jem_sched_event events[PAGE_BYTES];
	size_t count;
};

static void describe(struct bench *bench, const char *header, int long_size)
{
	struct jem_sched_describer *describer;
	struct jem_err err = { "" };

	memset(bench, 0, sizeof(*bench));
	bench->format = malloc(sizeof(*bench->format));
	CHECK_OK(jem_sched_describer_create(bench->format, long_size, &describer));
	CHECK_OK(jem_sched_describe_page(describer, header, strlen(header), &err));
	CHECK_EQ(jem_sched_describe_event(describer, "sched", format_switch, strlen(format_switch),
					  &err),
		 1);
	CHECK_EQ(jem_sched_describe_event(describer, "sched", format_migrate,
					  strlen(format_migrate), &err),
		 1);
	CHECK_EQ(jem_sched_describe_event(describer, "sched", format_swap, strlen(format_swap),
					  &err),
		 1);
	jem_sched_describer_destroy(describer);
	CHECK_OK(jem_sched_format_check(bench->format, &err));
	bench->decoder = (struct jem_sched_decoder){ .format = bench->format,
						     .names = &bench->names,
						     .cpu = 3 };
}

static void close_bench(struct bench *bench)
{
	jem_sched_names_deinit(&bench->names);
	free(bench->format);
}

static void decode(struct bench *bench, const struct page_maker *page)
{
	bench->count = jem_sched_page_decode(&bench->decoder, page->bytes, sizeof(page->bytes),
					     bench->events);
}

static const char *name(const struct bench *bench, uint32_t index)
{
	return index == JEM_SCHED_NONE ? NULL : bench->names.text[index];
}

CASE(takes_places_from_the_descriptions)
{
	struct bench bench;
	const struct jem_sched_layout *layout;

	describe(&bench, page_header_64, 8);
	CHECK_EQ(bench.format->page_bytes, 4096);
	CHECK_EQ(bench.format->commit_size, 8);
	CHECK_EQ(bench.format->common_end, 8);
	layout = &bench.format->layouts[bench.format->of_id[ID_SWITCH]];
	CHECK_EQ(layout->type, JEM_SCHED_SWITCH);
	CHECK_EQ(layout->other.offset, 56);
	CHECK_EQ(layout->detail.size, 8);
	CHECK_EQ(layout->need, 60);
	CHECK_STR(bench.format->states[0], "S");
	CHECK_STR(bench.format->states[1], "D");
	CHECK_STR(bench.format->states[2], "");
	CHECK_STR(bench.format->states[7], "I");
	CHECK(bench.format->states[8] == NULL);
	CHECK_EQ(bench.format->layouts[bench.format->of_id[ID_MIGRATE]].comm.place,
		 JEM_SCHED_DATA_LOC);
	CHECK_EQ(bench.format->of_id[ID_SWITCH + 1], 0);
	close_bench(&bench);
}

CASE(refuses_descriptions_that_cannot_be)
{
	static const char *const bad[] = {
		"name: sched_switch\n",
		"name: sched_switch\nID: 310\nformat:\n",
		"name: sched_switch\nID: 99999999\nformat:\n\tfield:int "
		"x;\toffset:0;\tsize:4;\tsigned:1;"
		"\n\nprint fmt: \"\"\n",
		"name: sched_switch\nID: 5\nformat:\n\tfield:unsigned short "
		"common_type;\toffset:0;\t"
		"size:2;\tsigned:0;\n\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n\t"
		"field:pid_t next_pid;\toffset:60000;\tsize:4;\tsigned:1;\n\nprint fmt: \"\"\n",
	};
	struct jem_sched_format *format = malloc(sizeof(*format));
	struct jem_sched_describer *describer;
	struct jem_err err;

	CHECK_OK(jem_sched_describer_create(format, 8, &describer));
	CHECK_EQ(jem_sched_describe_page(describer, "nothing", 7, &err), -EBADMSG);
	CHECK_EQ(jem_sched_describe_page(describer, page_header_64, 100, &err), -EBADMSG);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		err.text[0] = '\0';
		CHECK_EQ(jem_sched_describe_event(describer, "sched", bad[i], strlen(bad[i]), &err),
			 -EBADMSG);
		CHECK_CONTAINS(err.text, "sched_switch");
		jem_sched_describer_destroy(describer);
		CHECK_OK(jem_sched_describer_create(format, 8, &describer));
	}
	CHECK_EQ(jem_sched_describe_event(describer, "irq", format_switch, strlen(format_switch),
					  &err),
		 0);
	CHECK_EQ(jem_sched_format_check(format, &err), -EBADMSG);
	jem_sched_describer_destroy(describer);
	free(format);
}

CASE(decodes_a_switch_with_both_names)
{
	struct page_maker page;
	struct bench bench;
	uint8_t data[64];

	describe(&bench, page_header_64, 8);
	page_begin(&page, 1000, 8);
	page_record(&page, 0, data, data_switch(data, 100, "sh", 2, 101, "job"));
	page_record(&page, 500, data, data_switch(data, 101, "job", 0x100, 100, "sh"));
	page_end(&page, 0);
	decode(&bench, &page);
	CHECK_EQ(bench.count, 2);
	CHECK_EQ(bench.events[0].ns, 1000);
	CHECK_EQ(bench.events[0].type, JEM_SCHED_SWITCH);
	CHECK_EQ(bench.events[0].cpu, 3);
	CHECK_EQ(bench.events[0].pid, 100);
	CHECK_EQ(bench.events[0].other, 101);
	CHECK_EQ(bench.events[0].detail, 2);
	CHECK_STR(name(&bench, bench.events[0].pid_comm), "sh");
	CHECK_STR(name(&bench, bench.events[0].comm), "job");
	CHECK_EQ(bench.events[1].ns, 1500);
	CHECK_EQ(bench.events[1].detail, 0x100);
	CHECK_EQ(bench.events[1].pid_comm, bench.events[0].comm);
	CHECK_EQ(bench.events[1].comm, bench.events[0].pid_comm);
	CHECK_EQ(bench.names.count, 2);
	CHECK_EQ(bench.decoder.records, 2);
	close_bench(&bench);
}

CASE(gives_two_events_for_a_swap_of_tasks)
{
	int32_t words[6] = { ID_SWAP, 7, 100, 0, 101, 1 };
	struct page_maker page;
	struct bench bench;

	describe(&bench, page_header_64, 8);
	page_begin(&page, 1000, 8);
	page_record(&page, 5, words, 6);
	page_end(&page, 0);
	decode(&bench, &page);
	CHECK_EQ(bench.count, 2);
	for (size_t i = 0; i < 2; i++) {
		CHECK_EQ(bench.events[i].type, JEM_SCHED_MOVE_NUMA);
		CHECK_EQ(bench.events[i].pid, 7);
	}
	CHECK_EQ(bench.events[0].other, 100);
	CHECK_EQ(bench.events[0].detail, 0u << 16 | 1);
	CHECK_EQ(bench.events[1].other, 101);
	CHECK_EQ(bench.events[1].detail, 1u << 16 | 0);
	close_bench(&bench);
}

CASE(follows_texts_only_within_the_event)
{
	struct page_maker page;
	struct bench bench;
	uint8_t data[64];
	size_t words = data_migrate(data, 1, 100, "a name of 15 by", 2, 5);

	describe(&bench, page_header_64, 8);
	page_begin(&page, 1000, 8);
	page_record(&page, 0, data, words);
	data[10] = 0xff; /* a length over the end */
	page_record(&page, 0, data, words);
	data[10] = 1;
	data[9] = 0xff; /* an offset there */
	page_record(&page, 0, data, words);
	page_end(&page, 0);
	decode(&bench, &page);
	CHECK_EQ(bench.count, 3);
	CHECK_EQ(bench.events[0].detail, 2u << 16 | 5);
	CHECK_STR(name(&bench, bench.events[0].comm), "a name of 15 by");
	CHECK_EQ(bench.events[1].comm, JEM_SCHED_NONE);
	CHECK_EQ(bench.events[2].comm, JEM_SCHED_NONE);
	CHECK_EQ(bench.events[2].other, 100);
	close_bench(&bench);
}

CASE(adds_up_times)
{
	struct page_maker page;
	struct bench bench;
	uint8_t data[64];
	size_t words = data_switch(data, 100, "sh", 0, 101, "job");

	describe(&bench, page_header_64, 8);
	page_begin(&page, UINT64_C(1) << 60, 8);
	page_record(&page, 10, data, words);
	page_mark(&page, EXTEND, UINT64_C(1) << 40);
	page_record(&page, 1, data, words);
	page_mark(&page, STAMP, UINT64_C(1) << 50); /* 59 bits: the top ones stay */
	page_record(&page, 2, data, words);
	page_mark(&page, PADDING, UINT64_C(8) << 27 | 3); /* four bytes that were discarded */
	page.len += 4;
	page_record(&page, 4, data, words);
	page_end(&page, 0);
	decode(&bench, &page);
	CHECK_EQ(bench.count, 4);
	CHECK_EQ(bench.events[0].ns, (INT64_C(1) << 60) + 10);
	CHECK_EQ(bench.events[1].ns, (INT64_C(1) << 60) + 10 + (INT64_C(1) << 40) + 1);
	CHECK_EQ(bench.events[2].ns, (INT64_C(1) << 60) + (INT64_C(1) << 50) + 2);
	CHECK_EQ(bench.events[3].ns, (INT64_C(1) << 60) + (INT64_C(1) << 50) + 2 + 3 + 4);
	CHECK_EQ(bench.decoder.damaged, 0);
	CHECK_EQ(bench.decoder.backward, 0);
	close_bench(&bench);
}

CASE(carries_an_absolute_time_over_59_bits)
{
	struct page_maker page;
	struct bench bench;
	uint8_t data[64];
	size_t words = data_switch(data, 100, "sh", 0, 101, "job");

	describe(&bench, page_header_64, 8);
	page_begin(&page, (UINT64_C(1) << 60) - 5, 8);
	page_mark(&page, STAMP, 7);
	page_record(&page, 0, data, words);
	page_end(&page, 0);
	decode(&bench, &page);
	CHECK_EQ(bench.events[0].ns, (INT64_C(1) << 60) + 7);
	close_bench(&bench);
}

CASE(converts_a_clock_that_counts_cycles)
{
	struct page_maker page;
	struct bench bench;
	uint8_t data[64];

	describe(&bench, page_header_64, 8);
	bench.decoder.multiplier = 3u << 30; /* three quarters */
	bench.decoder.shift = 32;
	bench.decoder.offset = 1000;
	page_begin(&page, 4000000000000000000, 8);
	page_record(&page, 4, data, data_switch(data, 100, "sh", 0, 101, "job"));
	page_end(&page, 0);
	decode(&bench, &page);
	CHECK_EQ(bench.events[0].ns, 3000000000000000000 + 3 + 1000);
	CHECK_EQ(jem_sched_page_time(&bench.decoder, page.bytes, sizeof(page.bytes)),
		 3000000000000001000);
	close_bench(&bench);
}

CASE(tells_what_was_lost_before_a_page)
{
	struct page_maker page;
	struct bench bench;
	uint8_t data[64];
	uint64_t count = 4711;

	describe(&bench, page_header_64, 8);
	page_begin(&page, 1000, 8);
	page_record(&page, 0, data, data_switch(data, 100, "sh", 0, 101, "job"));
	memcpy(page.bytes + page.head + page.len, &count, sizeof(count));
	page_end(&page, MISSED | MISSED_HERE);
	decode(&bench, &page);
	CHECK_EQ(bench.count, 2);
	CHECK_EQ(bench.events[0].type, JEM_SCHED_LOST);
	CHECK_EQ(bench.events[0].detail, 4711);
	CHECK_EQ(bench.events[0].ns, 1000);
	CHECK_EQ(bench.events[0].cpu, 3);
	CHECK_EQ(bench.events[1].type, JEM_SCHED_SWITCH);
	CHECK_EQ(bench.decoder.lost, 4711);
	page_end(&page, MISSED);
	decode(&bench, &page);
	CHECK_EQ(bench.events[0].type, JEM_SCHED_LOST);
	CHECK_EQ(bench.events[0].detail, 0);
	close_bench(&bench);
}

CASE(reads_pages_of_32_bits)
{
	struct page_maker page;
	struct bench bench;
	uint8_t data[64];
	uint32_t count = 12;

	describe(&bench, page_header_32, 4);
	page_begin(&page, 1000, 4);
	page_record(&page, 7, data, data_switch(data, 100, "sh", 1, 101, "job"));
	memcpy(page.bytes + page.head + page.len, &count, sizeof(count));
	page_end(&page, MISSED | MISSED_HERE);
	decode(&bench, &page);
	CHECK_EQ(bench.count, 2);
	CHECK_EQ(bench.events[0].detail, 12);
	CHECK_EQ(bench.events[1].ns, 1007);
	CHECK_EQ(bench.events[1].other, 101);
	close_bench(&bench);
}

CASE(ends_a_page_where_it_is_damaged)
{
	struct page_maker page;
	struct bench bench;
	uint8_t data[128] = { 0 };
	size_t words = data_switch(data, 100, "sh", 0, 101, "job");

	describe(&bench, page_header_64, 8);
	page_begin(&page, 1000, 8);
	page_record(&page, 0, data, words);
	page_record(&page, 9, data, words);
	page.len -= 4; /* the last record now reaches over the end */
	page_end(&page, 0);
	decode(&bench, &page);
	CHECK_EQ(bench.count, 2);
	CHECK_EQ(bench.events[0].type, JEM_SCHED_SWITCH);
	CHECK_EQ(bench.events[1].type, JEM_SCHED_LOST);
	CHECK_EQ(bench.events[1].ns, 1009);
	CHECK_EQ(bench.events[1].detail, 0);
	CHECK_EQ(bench.decoder.damaged, 1);

	page_begin(&page, 2000, 8);
	page_record(&page, 0, data, 3); /* too short for a switch */
	page_record(&page, 1, data, words);
	page_end(&page, 0);
	decode(&bench, &page);
	CHECK_EQ(bench.count, 1);
	CHECK_EQ(bench.events[0].ns, 2001);
	CHECK_EQ(bench.decoder.damaged, 2);
	CHECK_EQ(bench.decoder.records, 3);
	close_bench(&bench);
}

CASE(says_so_when_a_commit_is_larger_than_the_page)
{
	struct page_maker page;
	struct bench bench;
	uint8_t data[64];

	describe(&bench, page_header_64, 8);
	page_begin(&page, 1000, 8);
	page_record(&page, 0, data, data_switch(data, 100, "sh", 0, 101, "job"));
	page.len = PAGE_BYTES;
	page_end(&page, 0);
	decode(&bench, &page);
	CHECK_EQ(bench.count, 2);
	CHECK_EQ(bench.events[1].type, JEM_SCHED_LOST);
	CHECK_EQ(bench.decoder.damaged, 1);
	CHECK_EQ(jem_sched_page_decode(&bench.decoder, page.bytes, 15, bench.events), 0);
	CHECK_EQ(bench.decoder.damaged, 2);
	close_bench(&bench);
}

CASE(never_goes_back_in_time)
{
	struct page_maker page;
	struct bench bench;
	uint8_t data[64];

	describe(&bench, page_header_64, 8);
	for (unsigned i = 0; i < 2; i++) {
		page_begin(&page, i ? 500 : 1000, 8);
		page_record(&page, 0, data, data_switch(data, 100, "sh", 0, 101, "job"));
		page_end(&page, 0);
		decode(&bench, &page);
	}
	CHECK_EQ(bench.events[0].ns, 1000);
	CHECK_EQ(bench.decoder.backward, 1);
	close_bench(&bench);
}

CASE(keeps_each_name_once)
{
	struct jem_sched_names names = { 0 };
	char text[JEM_SCHED_COMM_BYTES] = { 0 };

	for (uint32_t i = 0; i < 10000; i++) {
		snprintf(text, sizeof(text), "name %u", i);
		CHECK_EQ(jem_sched_names_add(&names, text), i);
	}
	for (uint32_t i = 0; i < 10000; i++) {
		memset(text, 'x', sizeof(text)); /* what stands behind the NUL is nothing */
		snprintf(text, sizeof(text), "name %u", i);
		CHECK_EQ(jem_sched_names_add(&names, text), i);
		CHECK_STR(names.text[i], text);
	}
	CHECK_EQ(names.count, 10000);
	memset(text, 'y', sizeof(text)); /* no end */
	CHECK_EQ(jem_sched_names_add(&names, text), 10000);
	CHECK_STR(names.text[10000], "yyyyyyyyyyyyyyy");
	memset(text, 0, sizeof(text));
	CHECK_EQ(jem_sched_names_add(&names, text), 10001);
	CHECK_STR(names.text[10001], "");
	jem_sched_names_deinit(&names);
}

CASE(refuses_names_beyond_its_bound)
{
	struct jem_sched_names names = { 0 };
	uint64_t words[2] = { 0, 0 };

	for (uint64_t i = 0; i < 1 << 20; i++) {
		/* six bits in each byte, none of them NUL */
		words[0] = 0x4040404040404040u | (i & 63) | (i >> 6 & 63) << 8 |
			   (i >> 12 & 63) << 16 | (i >> 18 & 63) << 24;
		CHECK_EQ(jem_sched_names_add(&names, words), i);
	}
	words[1] = 'x';
	CHECK_EQ(jem_sched_names_add(&names, words), JEM_SCHED_NONE);
	CHECK_EQ(names.refused, 1);
	CHECK_EQ(jem_sched_names_add(&names, names.text[5]), 5);
	jem_sched_names_deinit(&names);
}

TESTS(T(takes_places_from_the_descriptions), T(refuses_descriptions_that_cannot_be),
      T(decodes_a_switch_with_both_names), T(gives_two_events_for_a_swap_of_tasks),
      T(follows_texts_only_within_the_event), T(adds_up_times),
      T(carries_an_absolute_time_over_59_bits), T(converts_a_clock_that_counts_cycles),
      T(tells_what_was_lost_before_a_page), T(reads_pages_of_32_bits),
      T(ends_a_page_where_it_is_damaged), T(says_so_when_a_commit_is_larger_than_the_page),
      T(never_goes_back_in_time), T(keeps_each_name_once), T(refuses_names_beyond_its_bound))
