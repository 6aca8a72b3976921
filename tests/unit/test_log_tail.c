/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cleanup.h"
#include "daemon/sources/log/past.h"
#include "daemon/sources/log/seen.h"
#include "daemon/sources/log/tail.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum {
	LINE_MAX_HERE = 1000,
	LINES_MAX = 200
};

/* Copies of the lines that came, and of the last loss. */
struct seen_lines {
	struct {
		uint64_t offset;
		uint64_t full_len;
		size_t len;
		char text[LINE_MAX_HERE + 1];
	} lines[LINES_MAX];
	size_t count;
	unsigned losses;
	uint64_t from;
	uint64_t to;
};

static char path[200];
static char chunk[JEM_TAIL_GUARD + JEM_TAIL_CHUNK];
static struct seen_lines *got;

static void on_region(void *arg, const char *start, size_t len)
{
	(void)arg, (void)start, (void)len;
}

static void on_line(void *arg, const struct jem_line *line)
{
	CHECK(got->count < LINES_MAX);
	CHECK_LE(line->len, LINE_MAX_HERE);
	got->lines[got->count].offset = line->offset;
	got->lines[got->count].full_len = line->full_len;
	got->lines[got->count].len = line->len;
	memcpy(got->lines[got->count].text, line->text, line->len);
	got->lines[got->count++].text[line->len] = '\0';
}

static void skip_line(void *arg, const struct jem_line *line)
{
	(void)arg, (void)line;
}

static bool on_lost(void *arg, uint64_t from, uint64_t to)
{
	got->losses++;
	got->from = from;
	got->to = to;
	return false;
}

static const struct jem_tail_sink sink = { on_region, on_line, on_lost, NULL };

static void start(struct jem_tail *tail)
{
	snprintf(path, sizeof(path), "%s/a.log", check_folder());
	got = calloc(1, sizeof(*got));
	close(creat(path, 0600));
	CHECK_OK(jem_tail_open(tail, path, LINE_MAX_HERE));
}

static void finish(struct jem_tail *tail)
{
	jem_tail_close(tail);
	free(got);
}

static void append(const char *bytes, size_t len)
{
	auto_close int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	CHECK_EQ(write(fd, bytes, len), len);
}

static void append_text(const char *text)
{
	append(text, strlen(text));
}

static void read_all(struct jem_tail *tail)
{
	ssize_t n;

	do {
		n = jem_tail_read(tail, chunk, 1, &sink);
		CHECK_OK(n);
	} while (n > 0);
}

CASE(cuts_text_into_lines_with_their_offsets)
{
	struct jem_tail tail;

	start(&tail);
	append_text("one\n\ntwo\r\nthr");
	read_all(&tail);
	CHECK_EQ(got->count, 3);
	CHECK_STR(got->lines[0].text, "one");
	CHECK_STR(got->lines[1].text, "");
	CHECK_EQ(got->lines[1].offset, 4);
	CHECK_STR(got->lines[2].text, "two");
	append_text("ee\n");
	read_all(&tail);
	CHECK_EQ(got->count, 4);
	CHECK_STR(got->lines[3].text, "three");
	CHECK_EQ(got->lines[3].offset, 10);
	CHECK_EQ(tail.at.offset, 16);
	finish(&tail);
}

CASE(hands_an_unfinished_line_on_when_told)
{
	struct jem_tail tail;

	start(&tail);
	append_text("progress 10 %");
	read_all(&tail);
	CHECK_EQ(got->count, 0);
	jem_tail_end_line(&tail, &sink);
	jem_tail_end_line(&tail, &sink);
	CHECK_EQ(got->count, 1);
	CHECK_STR(got->lines[0].text, "progress 10 %");
	append_text("\nnext\n");
	read_all(&tail);
	CHECK_EQ(got->count, 2); /* the newline of the line that was handed on is none */
	CHECK_STR(got->lines[1].text, "next");
	CHECK_EQ(got->lines[1].offset, 14);
	finish(&tail);
}

CASE(cuts_a_long_line_and_tells_its_length)
{
	struct jem_tail tail;
	char *text = malloc(5000);

	start(&tail);
	memset(text, 'x', 5000);
	/* A three-byte character stands across the bound: it is left out whole. */
	memcpy(text + LINE_MAX_HERE - 1, "\xe2\x82\xac", 3);
	for (int i = 0; i < 5; i++) {
		append(text + i * 1000, 1000);
		read_all(&tail);
	}
	append_text("\nshort\n");
	read_all(&tail);
	CHECK_EQ(got->count, 2);
	CHECK_EQ(got->lines[0].full_len, 5000);
	CHECK_EQ(got->lines[0].len, LINE_MAX_HERE - 1);
	CHECK_STR(got->lines[1].text, "short");
	CHECK_EQ(got->lines[1].offset, 5001);
	CHECK_LE(tail.line.cap, 2 * JEM_TAIL_GUARD * 16);
	free(text);
	finish(&tail);
}

CASE(takes_a_line_that_only_fits_with_its_newline)
{
	struct jem_tail tail;
	char text[LINE_MAX_HERE + 1];

	start(&tail);
	memset(text, 'y', LINE_MAX_HERE);
	text[LINE_MAX_HERE] = '\n';
	append(text, sizeof(text));
	read_all(&tail);
	CHECK_EQ(got->lines[0].len, LINE_MAX_HERE);
	CHECK_EQ(got->lines[0].full_len, LINE_MAX_HERE);
	finish(&tail);
}

CASE(keeps_nul_bytes_and_broken_characters)
{
	struct jem_tail tail;
	static const char bytes[] = "a\0b\n\xff\xfe\xc3\n\0\n";

	start(&tail);
	append(bytes, sizeof(bytes) - 1);
	read_all(&tail);
	CHECK_EQ(got->count, 3);
	CHECK_EQ(got->lines[0].len, 3);
	CHECK(!memcmp(got->lines[0].text, "a\0b", 3));
	CHECK_EQ(got->lines[1].len, 3);
	CHECK_EQ(got->lines[2].len, 1);
	finish(&tail);
}

CASE(reports_a_cut_file_with_the_range_it_had_seen)
{
	struct jem_tail tail;
	size_t size = JEM_TAIL_CHUNK + 5000;
	char *text = malloc(size);
	struct jem_tail_sink quiet = { on_region, skip_line, on_lost, NULL };
	uint64_t read_up_to;

	start(&tail);
	memset(text, 'z', size);
	for (size_t i = 99; i < size; i += 100)
		text[i] = '\n';
	append(text, size);
	/* One chunk is read, the rest was only seen to be there. */
	CHECK_EQ(jem_tail_read(&tail, chunk, 1, &quiet), JEM_TAIL_CHUNK);
	read_up_to = tail.at.offset;
	CHECK_OK(truncate(path, 0));
	append_text("anew\n");
	read_all(&tail);
	CHECK_EQ(got->losses, 1);
	CHECK_EQ(got->from, read_up_to);
	CHECK_EQ(got->to, size);
	CHECK_STR(got->lines[got->count - 1].text, "anew");
	CHECK_EQ(got->lines[got->count - 1].offset, 0);
	CHECK_CONTAINS(tail.id_text, "+1");
	free(text);
	finish(&tail);
}

CASE(notices_a_cut_file_that_has_grown_again)
{
	struct jem_tail tail;

	start(&tail);
	append_text("first line\nsecond line\n");
	read_all(&tail);
	CHECK_OK(truncate(path, 0));
	append_text("FIRST LINE\nSECOND LINE\nthird, beyond the old end\n");
	read_all(&tail);
	CHECK_EQ(got->losses, 1);
	CHECK_EQ(got->from, 23);
	CHECK_EQ(got->to, 23);
	CHECK_EQ(got->count, 5);
	CHECK_STR(got->lines[2].text, "FIRST LINE");
	CHECK_STR(got->lines[4].text, "third, beyond the old end");
	finish(&tail);
}

CASE(skips_the_hole_of_a_writer_that_kept_its_place)
{
	struct jem_tail tail;
	auto_close int fd = -1;

	start(&tail);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK_EQ(write(fd, "before\n", 7), 7);
	CHECK_EQ(lseek(fd, 100000, SEEK_SET), 100000);
	CHECK_EQ(write(fd, "x\n", 2), 2);
	jem_tail_seek_end(&tail);
	tail.seen_size = 100002;
	jem_tail_seek_end(&tail);
	CHECK_OK(truncate(path, 0));
	CHECK_EQ(write(fd, "after\n", 6), 6); /* at 100002, zeros before it */
	read_all(&tail);
	CHECK_EQ(got->losses, 1);
	CHECK_EQ(got->count, 1);
	CHECK_STR(got->lines[0].text, "after");
	CHECK_EQ(got->lines[0].offset, 100002);
	finish(&tail);
}

CASE(goes_on_where_an_earlier_reader_stood)
{
	struct jem_tail tail;
	struct jem_tail_position position;

	start(&tail);
	append_text("one\ntwo\nunfini");
	read_all(&tail);
	position = tail.safe;
	jem_tail_close(&tail);
	CHECK_EQ(position.offset, 8);
	append_text("shed\n");
	CHECK_OK(jem_tail_open(&tail, path, LINE_MAX_HERE));
	jem_tail_seek(&tail, &position);
	read_all(&tail);
	CHECK_EQ(got->count, 3);
	CHECK_STR(got->lines[2].text, "unfinished");
	CHECK_EQ(got->losses, 0);
	finish(&tail);
}

CASE(never_opens_what_is_no_file)
{
	struct jem_tail tail;
	char fifo[220];

	snprintf(fifo, sizeof(fifo), "%s/fifo", check_folder());
	CHECK_OK(mkfifo(fifo, 0600));
	CHECK_EQ(jem_tail_open(&tail, fifo, 100), -EINVAL);
	CHECK_EQ(jem_tail_open(&tail, "/dev/null", 100), -EINVAL);
	CHECK_EQ(jem_tail_open(&tail, check_folder(), 100), -EINVAL);
	CHECK_EQ(jem_tail_open(&tail, "/nowhere/at/all", 100), -ENOENT);
}

CASE(knows_the_names_that_rotations_give)
{
	static const char *const past[] = { "job.log.1",        "job.log.12",
					    "job.log-20260813", "job.log.old",
					    "job.log~",         "job.1.log",
					    "job-20260813.log", "job.log.bak",
					    "job.log_2",        "job.log.2026-08-13T10:00:00Z" };
	static const char *const other[] = { "job.log",       "job.log.gz",  "job.log.1.gz",
					     "job.logs",      "job.log.txt", "other.log.1",
					     "job.lo",        "job.log.",    "job.cfg.1",
					     "job.result.log" };

	for (size_t i = 0; i < sizeof(past) / sizeof(*past); i++)
		if (!jem_past_is_name("job.log", past[i]))
			check_fail(__FILE__, __LINE__, "%s is a past name", past[i]);
	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
		if (jem_past_is_name("job.log", other[i]))
			check_fail(__FILE__, __LINE__, "%s is no past name", other[i]);
}

static struct jem_file_id id_of(unsigned i)
{
	return (struct jem_file_id){ .dev = 1, .ino = i, .birth_ns = 1000 + i };
}

CASE(remembers_positions_in_a_file)
{
	struct jem_file_id id = id_of(7);
	struct jem_seen *seen;
	struct jem_seen_file *file;
	struct jem_err err;

	snprintf(path, sizeof(path), "%s/offsets", check_folder());
	CHECK_OK(jem_seen_create(&seen));
	CHECK_EQ(jem_seen_load(seen, path, &err), -ENOENT);
	file = jem_seen_add(seen, &id);
	file->position.offset = 1ull << 40;
	file->position.cuts = 3;
	file->position.guard_len = 5;
	memcpy(file->position.guard, "\xff\0ab\n", 5);
	CHECK_OK(jem_seen_save(seen, path, 1));
	jem_seen_destroy(seen);

	CHECK_OK(jem_seen_create(&seen));
	CHECK_OK(jem_seen_load(seen, path, &err));
	file = jem_seen_find(seen, &id);
	CHECK(file != NULL);
	CHECK_EQ(file->position.offset, 1ll << 40);
	CHECK_EQ(file->position.cuts, 3);
	CHECK_EQ(file->position.guard_len, 5);
	CHECK(!memcmp(file->position.guard, "\xff\0ab\n", 5));
	jem_seen_destroy(seen);
}

CASE(takes_nothing_from_a_damaged_file_of_positions)
{
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"{\"v\":1}",
		"{\"v\":2,\"horizon_ns\":1,\"files\":[]}",
		"{\"v\":1,\"horizon_ns\":1,\"files\":{}}",
		"{\"v\":1,\"horizon_ns\":1,\"files\":[3]}",
		"{\"v\":1,\"horizon_ns\":1,\"files\":[{\"dev\":1,\"ino\":1,\"birth_ns\":1,"
		"\"offset\":2,\"cuts\":0,\"guard\":\"zz\",\"foreign\":false}]}",
		"{\"v\":1,\"horizon_ns\":1,\"files\":[{\"dev\":1,\"ino\":1,\"birth_ns\":1,"
		"\"offset\":1,\"cuts\":0,\"guard\":\"6162\",\"foreign\":false}]}",
	};
	struct jem_file_info info = { .id.birth_ns = 1 };
	struct jem_seen *seen;
	struct jem_err err;

	snprintf(path, sizeof(path), "%s/offsets", check_folder());
	CHECK_OK(jem_seen_create(&seen));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		FILE *file = fopen(path, "w");

		fputs(bad[i], file);
		fclose(file);
		if (jem_seen_load(seen, path, &err) != -EBADMSG)
			check_fail(__FILE__, __LINE__, "took %s", bad[i]);
		CHECK(jem_seen_is_new(seen, &info));
	}
	jem_seen_destroy(seen);
}

CASE(forgets_the_oldest_file_without_reading_it_again)
{
	struct jem_seen *seen;
	struct jem_file_id id;
	struct jem_file_info info = { 0 };

	CHECK_OK(jem_seen_create(&seen));
	for (unsigned i = 0; i < JEM_SEEN_MAX + 10; i++) {
		id = id_of(i);
		CHECK(jem_seen_add(seen, &id) != NULL);
		if (i == 0)
			jem_seen_find(seen, &id)->is_open = true;
	}
	id = id_of(0);
	CHECK(jem_seen_find(seen, &id) != NULL); /* open: stays */
	id = id_of(10);
	CHECK(!jem_seen_find(seen, &id));
	info.id = id;
	CHECK(!jem_seen_is_new(seen, &info));
	info.id = id_of(JEM_SEEN_MAX + 11);
	CHECK(jem_seen_is_new(seen, &info));
	jem_seen_destroy(seen);
}

TESTS(T(cuts_text_into_lines_with_their_offsets), T(hands_an_unfinished_line_on_when_told),
      T(cuts_a_long_line_and_tells_its_length), T(takes_a_line_that_only_fits_with_its_newline),
      T(keeps_nul_bytes_and_broken_characters), T(reports_a_cut_file_with_the_range_it_had_seen),
      T(notices_a_cut_file_that_has_grown_again), T(skips_the_hole_of_a_writer_that_kept_its_place),
      T(goes_on_where_an_earlier_reader_stood), T(never_opens_what_is_no_file),
      T(knows_the_names_that_rotations_give), T(remembers_positions_in_a_file),
      T(takes_nothing_from_a_damaged_file_of_positions),
      T(forgets_the_oldest_file_without_reading_it_again))
