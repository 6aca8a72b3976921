/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"
#include "tests/unit/log_bench.h"

#include <unistd.h>

#define MOMENT_NS 900000000u

static struct log_bench bench;

static const struct log_bench_record *line(size_t i)
{
	return log_bench_get(&bench, JEM_KIND_log, i);
}

static void start(void)
{
	log_bench_open(&bench);
	log_bench_set(&bench, "poll", "0.05");
	log_bench_set(&bench, "files", "a.log");
	log_bench_write("a.log", "w", "");
	log_bench_start(&bench);
}

static void flush(void)
{
	jem_log_source_flush(bench.source, jem_now_ns() + 5000000000u);
	jem_batcher_flush_all(bench.batcher);
}

/* As many files as can be open at a time; the oldest is cut, and its copy wants room. */
CASE(closes_no_file_that_it_reads_to_make_room)
{
	char name[32];

	start();
	for (int i = 1; i < JEM_FOLLOW_OPEN_MAX; i++) {
		snprintf(name, sizeof(name), "a.log.%d", i);
		log_bench_write("a.log", "a", "line\n");
		log_bench_rename("a.log", name);
		log_bench_write("a.log", "w", "");
	}
	flush();
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_log), JEM_FOLLOW_OPEN_MAX - 1);
	log_bench_write("a.log.99", "w", "line\nunread\n");
	CHECK_OK(truncate(log_bench_path("a.log.1"), 0));
	log_bench_write("a.log.1", "a", "new\n");
	flush();
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_log), JEM_FOLLOW_OPEN_MAX + 1);
	CHECK_STR(line(JEM_FOLLOW_OPEN_MAX - 1)->text, "unread");
	CHECK_STR(line(JEM_FOLLOW_OPEN_MAX)->text, "new");
	log_bench_close(&bench);
}

CASE(reads_a_past_file_of_two_names_once)
{
	start();
	log_bench_rename("a.log", "a.log.3");
	log_bench_write("a.log", "w", "once\n");
	log_bench_rename("a.log", "a.log.1");
	CHECK_OK(link(log_bench_path("a.log.1"), log_bench_path("a.log.2")));
	log_bench_write("a.log", "w", "last\n");
	flush();
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_log), 2);
	CHECK_STR(line(0)->text, "once");
	CHECK_STR(line(1)->text, "last");
	log_bench_close(&bench);
}

CASE(reads_the_copy_of_a_file_cut_right_before_the_end)
{
	start();
	log_bench_write("a.log", "a", "line 1\n");
	log_bench_wait(&bench, log_bench_has_lines, 1, "a line");
	log_bench_write("a.log", "a", "line 2\n");
	log_bench_write("a.log.1", "w", "line 1\nline 2\n");
	CHECK_OK(truncate(log_bench_path("a.log"), 0));
	log_bench_write("a.log", "a", "line 3\n");
	flush();
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_log), 3);
	CHECK_STR(line(1)->text, "line 2");
	CHECK_STR(line(2)->text, "line 3");
	log_bench_close(&bench);
}

/* A file has its date a moment before it has its name, and we may look and end in between. */
CASE(reads_after_a_restart_what_was_dated_before_it_was_seen)
{
	char offsets[100];
	uint64_t before_ns;

	snprintf(offsets, sizeof(offsets), "%s/offsets", check_folder());
	log_bench_open(&bench);
	log_bench_set(&bench, "files", "a.log");
	bench.options.offsets_path = offsets;
	log_bench_write("a.log", "w", "");
	/* A second is what we allow for between the two; on a busy machine this once more takes longer. */
	do {
		log_bench_start(&bench);
		unlink(log_bench_path("unseen"));
		before_ns = jem_now_ns();
		log_bench_write("unseen", "w", "line\n");
		log_bench_turn(&bench, 20);
		log_bench_stop(&bench);
	} while (jem_now_ns() - before_ns > MOMENT_NS);
	log_bench_rename("unseen", "a.log.1");
	log_bench_start(&bench);
	flush();
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_log), 1);
	CHECK_STR(line(0)->text, "line");
	log_bench_close(&bench);
}

TESTS(T(closes_no_file_that_it_reads_to_make_room), T(reads_a_past_file_of_two_names_once),
      T(reads_the_copy_of_a_file_cut_right_before_the_end),
      T(reads_after_a_restart_what_was_dated_before_it_was_seen))
