/* SPDX-License-Identifier: Apache-2.0 */
/* What was spooled between the last save of the offsets and a kill is read again, and not published again. */
#include "tests/unit/check.h"
#include "tests/unit/log_bench.h"

#include <unistd.h>

enum {
	BODIES_MAX = 64
};

static struct log_bench bench;
static struct jem_buf bodies[BODIES_MAX];
static size_t body_count;
static bool is_lost; /* of what comes now nothing reaches the spool */
static char offsets[256];

static void on_body(void *arg, const char *body, size_t len)
{
	(void)arg;
	if (is_lost)
		return;
	CHECK(body_count < BODIES_MAX);
	jem_buf_init(&bodies[body_count], 0);
	jem_buf_add(&bodies[body_count++], body, len);
}

static void on_created(struct log_bench *of)
{
	for (size_t i = 0; i < body_count; i++)
		jem_log_source_note_spooled(of->source, bodies[i].data, bodies[i].len);
}

static void begin(void)
{
	snprintf(offsets, sizeof(offsets), "%s/offsets", check_folder());
	log_bench_open(&bench);
	log_bench_set(&bench, "files", "a.log");
	bench.options.offsets_path = offsets;
	bench.on_body = on_body;
	log_bench_start(&bench);
}

/* A kill: the file of offsets is as at the start, before anything was read. */
static void kill_and_start(void)
{
	char saved[300];

	snprintf(saved, sizeof(saved), "%s.start", offsets);
	log_bench_stop(&bench);
	CHECK_OK(rename(saved, offsets));
	bench.on_created = on_created;
	log_bench_start(&bench);
}

static void keep_offsets(void)
{
	char saved[300];
	char line[8192];
	size_t len;
	FILE *from = fopen(offsets, "re");
	FILE *to;

	snprintf(saved, sizeof(saved), "%s.start", offsets);
	to = fopen(saved, "we");
	CHECK(from && to);
	while ((len = fread(line, 1, sizeof(line), from)))
		CHECK_EQ(fwrite(line, 1, len, to), len);
	fclose(from);
	CHECK_OK(fclose(to));
}

static void finish(void)
{
	log_bench_close(&bench);
	for (size_t i = 0; i < body_count; i++)
		jem_buf_deinit(&bodies[i]);
}

static const struct log_bench_record *line(size_t i)
{
	return log_bench_get(&bench, JEM_KIND_log, i);
}

CASE(publishes_no_line_twice_after_a_kill)
{
	begin();
	keep_offsets();
	log_bench_write("a.log", "w", "one\ntwo\npassword=planted1\n\xff mended\n");
	log_bench_wait(&bench, log_bench_has_lines, 4, "four lines");
	kill_and_start();
	log_bench_write("a.log", "a", "five\n");
	log_bench_wait(&bench, log_bench_has_lines, 5, "the fifth line");
	log_bench_turn(&bench, 50);
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_log), 5);
	CHECK_STR(line(4)->text, "five");
	CHECK_EQ(jem_log_source_account(bench.source)->known, 4);
	finish();
}

CASE(publishes_again_what_had_not_reached_the_spool)
{
	begin();
	keep_offsets();
	log_bench_write("a.log", "w", "one\ntwo\n");
	log_bench_wait(&bench, log_bench_has_lines, 2, "two lines");
	is_lost = true;
	log_bench_write("a.log", "a", "three\n");
	log_bench_wait(&bench, log_bench_has_lines, 3, "the third line");
	kill_and_start();
	log_bench_wait(&bench, log_bench_has_lines, 4, "the third line again");
	CHECK_STR(line(3)->text, "three");
	finish();
}

/* The next daemon saves its offsets before it has read so far; if it is killed, too, the third one knows. */
CASE(knows_it_after_two_kills_in_a_row)
{
	begin();
	keep_offsets();
	log_bench_write("a.log", "w", "one\ntwo\n");
	log_bench_wait(&bench, log_bench_has_lines, 2, "two lines");
	kill_and_start();
	keep_offsets();
	is_lost = true;
	for (size_t i = 0; i < body_count; i++)
		jem_buf_deinit(&bodies[i]);
	body_count = 0; /* the spool has let it go */
	kill_and_start();
	log_bench_write("a.log", "a", "three\n");
	log_bench_wait(&bench, log_bench_has_lines, 3, "the third line");
	log_bench_turn(&bench, 50);
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_log), 3);
	finish();
}

/* An unfinished line leaves after a silence; what it has become since must not go with it. */
CASE(publishes_a_last_line_that_has_grown)
{
	begin();
	keep_offsets();
	log_bench_write("a.log", "w", "one\nunfinished");
	log_bench_wait(&bench, log_bench_has_lines, 2, "the unfinished line");
	is_lost = true;
	log_bench_write("a.log", "a", " but now\n");
	kill_and_start();
	log_bench_wait(&bench, log_bench_has_lines, 3, "the grown line");
	CHECK_STR(line(2)->text, "unfinished but now");
	CHECK_EQ(jem_log_source_account(bench.source)->known, 1);
	finish();
}

/* A long line comes in parts: it is there once the last of them is. */
static void check_long_line(bool is_whole)
{
	char *text = malloc(200001);
	size_t batches;

	CHECK(text != NULL);
	memset(text, 'x', 200000);
	text[199999] = '\n';
	text[200000] = '\0';
	begin();
	keep_offsets();
	log_bench_write("a.log", "w", text);
	log_bench_wait(&bench, log_bench_has_lines, 1, "the long line");
	batches = body_count;
	CHECK_GE(batches, 2);
	if (!is_whole)
		jem_buf_deinit(&bodies[--body_count]);
	is_lost = true;
	kill_and_start();
	log_bench_write("a.log", "a", "end\n");
	log_bench_wait(&bench, log_bench_has_lines, is_whole ? 2 : 3, "what is lacking");
	CHECK_EQ(jem_log_source_account(bench.source)->known, is_whole);
	finish();
	free(text);
}

CASE(knows_a_long_line_by_its_last_part)
{
	check_long_line(true);
}

CASE(publishes_a_long_line_again_of_which_a_part_is_lacking)
{
	check_long_line(false);
}

CASE(takes_any_bytes_for_a_batch)
{
	static const char *const wrong[] = { "", "{", "[]", "{\"head\":{},\"records\":[]}" };

	begin();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		jem_log_source_note_spooled(bench.source, wrong[i], strlen(wrong[i]));
	log_bench_write("a.log", "w", "one\n");
	log_bench_wait(&bench, log_bench_has_lines, 1, "a line");
	finish();
}

TESTS(T(publishes_no_line_twice_after_a_kill), T(publishes_again_what_had_not_reached_the_spool),
      T(knows_it_after_two_kills_in_a_row), T(publishes_a_last_line_that_has_grown),
      T(knows_a_long_line_by_its_last_part),
      T(publishes_a_long_line_again_of_which_a_part_is_lacking), T(takes_any_bytes_for_a_batch))
