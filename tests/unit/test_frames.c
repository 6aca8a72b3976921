/* SPDX-License-Identifier: Apache-2.0 */
/* What the receiver makes of the fire-hose kinds: data/KIND.cbors.zst. */
#include "common/cleanup.h"
#include "common/columns.h"
#include "common/compress.h"
#include "receiver/frames.h"
#include "receiver/replay.h"
#include "receiver/streams_file.h"
#include "tests/unit/check.h"
#include "tests/unit/lives.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	ROWS_MAX = 3000,
	FLOOD = 300,
	BATCHES = 1000, /* of the crash test */
	ROWS = 100,     /* of each of them */
};

static struct feeder feeder;

/* Rows whose cpu is the number of the record; of calls also the thread, for calls.log. */
static void make_body(enum jem_kind kind, uint64_t seq, uint64_t first, uint64_t n,
		      struct jem_buf *ret)
{
	static uint32_t dt_ns[ROWS_MAX];
	static uint32_t cpu[ROWS_MAX];
	static uint64_t noise[ROWS_MAX];
	const struct jem_column columns[] = {
		{ .name = "dt_ns", .type = JEM_CBOR_U32, .data = dt_ns },
		{ .name = "cpu", .type = JEM_CBOR_U32, .data = cpu },
		{ .name = "noise", .type = JEM_CBOR_U64, .data = noise },
		{ .name = "tid", .type = JEM_CBOR_U32, .data = cpu },
	};
	struct jem_head head = feeder_head(kind, seq, first, n);

	CHECK(n <= ROWS_MAX);
	for (uint64_t i = 0; i < n; i++) {
		dt_ns[i] = (uint32_t)i * 1000;
		cpu[i] = (uint32_t)(first + i);
		noise[i] = (first + i + 1) * 0x9e3779b97f4a7c15u;
	}
	jem_columns_encode(&head, columns, kind == JEM_KIND_call ? 4 : 3, ret);
}

static uint64_t send_columns(enum jem_kind kind, uint64_t seq, uint64_t first, uint64_t n,
			     bool is_packed)
{
	struct jem_buf body;
	struct jem_buf frame;
	char topic[80];
	uint64_t ticket;

	jem_buf_init(&body, 0);
	jem_buf_init(&frame, 0);
	make_body(kind, seq, first, n, &body);
	CHECK_OK(jem_compress(body.data, body.len, &frame));
	snprintf(topic, sizeof(topic), "jem.site.user.job.node.%s", jem_kinds[kind].name);
	ticket = is_packed ? feeder_send_body(&feeder, topic, frame.data, frame.len)
			   : feeder_send_body(&feeder, topic, body.data, body.len);
	jem_buf_deinit(&body);
	jem_buf_deinit(&frame);
	return ticket;
}

static void begin(void)
{
	feeder_init(&feeder);
	feeder_open(&feeder);
}

/* How often each record is there; its line must say what its columns said. */
static void count_rows(enum jem_kind kind, uint8_t *counts, size_t size)
{
	auto_close int data = lives_open_folder(&feeder, "data");
	auto_replay struct jem_replay *replay = NULL;
	struct jem_replay_record record;

	memset(counts, 0, size);
	CHECK_OK(jem_replay_open(data, 1u << kind, 0, &replay));
	while (jem_replay_next(replay, &record) > 0) {
		const char *at = strstr(record.line, "\"cpu\":");
		uint64_t number = at ? strtoul(at + 6, NULL, 10) : UINT64_MAX;

		CHECK(number < size);
		counts[number]++;
	}
	CHECK_EQ(jem_replay_damaged(replay), 0);
}

static void check_once(enum jem_kind kind, size_t records)
{
	static uint8_t counts[BATCHES * ROWS];

	CHECK(records <= sizeof(counts));
	count_rows(kind, counts, sizeof(counts));
	for (size_t i = 0; i < sizeof(counts); i++)
		if (counts[i] != (i < records))
			check_fail(__FILE__, __LINE__, "record %zu is there %d times", i,
				   counts[i]);
}

static void check_file(const char *name, const char *part)
{
	char *text = feeder_read(&feeder, name);

	CHECK_CONTAINS(text, part);
	free(text);
}

CASE(stores_batches_as_they_came_each_in_a_frame)
{
	auto_frames struct jem_frames *frames = NULL;
	auto_close int data = -1;
	struct jem_buf wanted;
	const char *body;
	size_t len;
	struct stat st;

	begin();
	send_columns(JEM_KIND_call, 0, 0, 10, false);
	CHECK_EQ(feeder_wait(&feeder, send_columns(JEM_KIND_call, 1, 10, 20, true)),
		 JEM_OUTCOME_ACCEPTED);
	feeder_close(&feeder);
	data = lives_open_folder(&feeder, "data");
	CHECK_OK(jem_frames_open(data, "call.cbors.zst", 0, &frames));
	jem_buf_init(&wanted, 0);
	for (uint64_t seq = 0; seq < 2; seq++) {
		jem_buf_clear(&wanted);
		make_body(JEM_KIND_call, seq, seq * 10, 10 + seq * 10, &wanted);
		CHECK_EQ(jem_frames_next(frames, &body, &len), 1);
		CHECK_EQ(len, wanted.len);
		CHECK(!memcmp(body, wanted.data, len));
	}
	CHECK_EQ(jem_frames_next(frames, &body, &len), 0);
	CHECK_OK(fstatat(data, "call.cbors.zst", &st, 0));
	CHECK_EQ(jem_frames_offset(frames), st.st_size);
	check_file("streams.json",
		   "\"kind\":\"call\",\"batches\":2,\"heartbeats\":0,\"records\":30");
	jem_buf_deinit(&wanted);
	feeder_deinit(&feeder);
}

CASE(reads_them_row_by_row_as_lines)
{
	auto_close int data = -1;
	auto_replay struct jem_replay *replay = NULL;
	struct jem_replay_record record;

	begin();
	send_columns(JEM_KIND_sched, 0, 0, 2, false);
	feeder_close(&feeder);
	data = lives_open_folder(&feeder, "data");
	CHECK_OK(jem_replay_open(data, JEM_KIND_MASK_ALL, 0, &replay));
	CHECK_EQ(jem_replay_next(replay, &record), 1);
	CHECK_EQ(jem_replay_next(replay, &record), 1);
	CHECK_EQ(record.kind, JEM_KIND_sched);
	CHECK_STR(record.line,
		  "{\"t\":1700000000.000001,\"epoch\":\"0123456789abcdef\",\"seq\":0,\"i\":1,"
		  "\"mono_s\":5.000001000,\"dt_ns\":1000,\"cpu\":1,\"noise\":4354685564936845354}");
	CHECK_EQ(jem_replay_next(replay, &record), 0);
	feeder_deinit(&feeder);
}

CASE(removes_duplicates_and_names_gaps)
{
	begin();
	send_columns(JEM_KIND_call, 0, 0, 10, false);
	send_columns(JEM_KIND_call, 0, 0, 10, true);
	send_columns(JEM_KIND_call, 3, 40, 10, false);
	feeder_pass(&feeder);
	send_columns(JEM_KIND_call, 3, 40, 10, false);
	feeder_close(&feeder);
	check_file("streams.json",
		   "\"records\":20,\"duplicates\":2,\"missing\":[[1,2]],\"records_missing\":30");
	feeder_deinit(&feeder);
}

CASE(settles_a_heartbeat_without_a_frame)
{
	begin();
	CHECK_EQ(feeder_wait(&feeder, send_columns(JEM_KIND_call, 0, 0, 0, false)),
		 JEM_OUTCOME_ACCEPTED);
	feeder_close(&feeder);
	check_file("streams.json",
		   "\"kind\":\"call\",\"batches\":1,\"heartbeats\":1,\"records\":0");
	CHECK(!feeder_read(&feeder, "data/call.cbors.zst"));
	feeder_deinit(&feeder);
}

static void check_refused(const char *body, size_t len)
{
	uint64_t ticket = feeder_send_body(&feeder, "jem.site.user.job.node.call", body, len);

	CHECK_EQ(feeder.outcomes[ticket], JEM_OUTCOME_REJECTED);
}

CASE(refuses_other_encodings_and_what_does_not_unpack)
{
	static char zeros[JEM_BATCH_MAX + 1];
	struct jem_head head = feeder_head(JEM_KIND_call, 0, 0, 1);
	struct jem_buf body;
	struct jem_buf frame;
	size_t len;

	begin();
	jem_buf_init(&body, 0);
	jem_buf_init(&frame, 0);
	jem_batch_encode_json(&head, "{\"dt_ns\":0,\"a\":1}", 17, &body);
	check_refused(body.data, body.len);
	jem_buf_clear(&body);
	make_body(JEM_KIND_log, 0, 0, 1, &body);
	CHECK_EQ(feeder.outcomes[feeder_send_body(&feeder, "jem.site.user.job.node.log", body.data,
						  body.len)],
		 JEM_OUTCOME_REJECTED);
	jem_buf_clear(&body);
	make_body(JEM_KIND_call, 0, 0, 50, &body);
	check_refused(body.data, body.len - 1);
	CHECK_OK(jem_compress(body.data, body.len, &frame));
	for (len = 4; len < frame.len; len++)
		check_refused(frame.data, len);
	CHECK_OK(jem_compress(body.data, body.len, &frame)); /* two frames */
	check_refused(frame.data, frame.len);
	jem_buf_clear(&frame);
	CHECK_OK(jem_compress(zeros, sizeof(zeros), &frame)); /* unpacks to too much */
	check_refused(frame.data, frame.len);
	CHECK_EQ(jem_receiver_stats(feeder.receiver).records, 0);
	jem_buf_deinit(&body);
	jem_buf_deinit(&frame);
	feeder_deinit(&feeder);
}

CASE(takes_json_in_a_frame_too)
{
	struct jem_head head = feeder_head(JEM_KIND_log, 0, 0, 1);
	struct jem_buf body;
	struct jem_buf frame;

	begin();
	jem_buf_init(&body, 0);
	jem_buf_init(&frame, 0);
	jem_batch_encode_json(&head, "{\"dt_ns\":0,\"text\":\"packed\"}", 27, &body);
	CHECK_OK(jem_compress(body.data, body.len, &frame));
	CHECK_EQ(feeder_wait(&feeder, feeder_send_body(&feeder, "jem.site.user.job.node.log",
						       frame.data, frame.len)),
		 JEM_OUTCOME_ACCEPTED);
	check_file("data/log.jsonl", "\"text\":\"packed\"}\n");
	jem_buf_deinit(&body);
	jem_buf_deinit(&frame);
	feeder_deinit(&feeder);
}

static void format_path(const char *name, char ret[400])
{
	snprintf(ret, 400, "%s/site/user/job/%s", feeder.out, name);
}

/* The account is made again from the frames, without streams.json, wherever the last one was cut. */
CASE(goes_on_behind_a_frame_that_was_cut_anywhere)
{
	char path[400];
	char streams[400];
	struct stat whole;
	struct stat st;

	begin();
	feeder_wait(&feeder, send_columns(JEM_KIND_call, 0, 0, 3, false));
	format_path("data/call.cbors.zst", path);
	format_path("streams.json", streams);
	CHECK_OK(stat(path, &whole));
	feeder_wait(&feeder, send_columns(JEM_KIND_call, 1, 3, 2, false));
	feeder_close(&feeder);
	CHECK_OK(stat(path, &st));
	for (off_t cut = st.st_size - 1; cut >= whole.st_size; cut -= 3) {
		CHECK_OK(truncate(path, cut));
		CHECK_OK(unlink(streams));
		feeder_open(&feeder);
		feeder_wait(&feeder, send_columns(JEM_KIND_call, 0, 0, 3, false));
		feeder_wait(&feeder, send_columns(JEM_KIND_call, 1, 3, 2, false));
		CHECK_EQ(jem_receiver_stats(feeder.receiver).duplicates, 1);
		CHECK_EQ(jem_receiver_stats(feeder.receiver).written, 1);
		feeder_close(&feeder);
		check_once(JEM_KIND_call, 5);
	}
	check_file("streams.json", "\"batches\":2,\"heartbeats\":0,\"records\":5,\"duplicates\":1");
	feeder_deinit(&feeder);
}

CASE(passes_over_damage_up_to_the_next_frame)
{
	auto_frames struct jem_frames *frames = NULL;
	auto_close int data = -1;
	const char *body;
	char path[400];
	size_t len;
	int fd;

	begin();
	feeder_wait(&feeder, send_columns(JEM_KIND_call, 0, 0, 50, false));
	feeder_wait(&feeder, send_columns(JEM_KIND_call, 1, 50, 50, false));
	feeder_close(&feeder);
	format_path("data/call.cbors.zst", path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK_OK(fd);
	CHECK_EQ(pwrite(fd, "\0\0\0\0\0\0\0\0", 8, 0), 8);
	close(fd);
	data = lives_open_folder(&feeder, "data");
	CHECK_OK(jem_frames_open(data, "call.cbors.zst", 0, &frames));
	CHECK_EQ(jem_frames_next(frames, &body, &len), 1);
	CHECK(memmem(body, len, "seq\x01", 4));
	CHECK_EQ(jem_frames_next(frames, &body, &len), 0);
	CHECK_EQ(jem_frames_damaged(frames), 1);
	feeder_deinit(&feeder);
}

/* The oldest calls go first, and by whole batches. */
CASE(makes_room_of_calls_before_anything_else)
{
	auto_close int folder = -1;
	struct jem_streams streams = { 0 };
	struct jem_checkpoint checkpoint;
	struct jem_identity identity;
	const struct jem_stream *calls;
	static uint8_t counts[FLOOD * ROWS_MAX];
	struct jem_err err;
	uint64_t there = 0;

	feeder_init(&feeder);
	feeder_set(&feeder, "report", "max_bytes", "1MiB");
	feeder_open(&feeder);
	for (uint64_t seq = 0; seq < FLOOD; seq++) {
		send_columns(JEM_KIND_call, seq, seq * ROWS_MAX, ROWS_MAX, false);
		feeder_send_lines(&feeder, seq, seq, 1);
		feeder_pass(&feeder);
	}
	feeder_close(&feeder);
	folder = lives_open_folder(&feeder, ".");
	CHECK_OK(jem_streams_load(&streams, &checkpoint, &identity, folder, &err));
	calls = jem_streams_find(&streams, "0123456789abcdef", JEM_KIND_call);
	CHECK_EQ(jem_streams_find(&streams, "0123456789abcdef", JEM_KIND_log)->evicted.count, 0);
	CHECK_EQ(calls->evicted.count, 1);
	CHECK_EQ(calls->evicted.at[0].first, 0);
	count_rows(JEM_KIND_call, counts, sizeof(counts));
	for (size_t i = 0; i < sizeof(counts); i++) {
		CHECK_EQ(counts[i], i / ROWS_MAX > calls->evicted.at[0].last);
		there += counts[i];
	}
	CHECK(there > 0);
	CHECK_EQ(there + calls->records_evicted, FLOOD * ROWS_MAX);
	jem_streams_deinit(&streams);
	feeder_deinit(&feeder);
}

/* Killed at random points of its processor time, and its file cut where it was not settled. */

static void send_batch(uint64_t seq)
{
	send_columns(JEM_KIND_call, seq, seq * ROWS, ROWS, seq % 2);
}

static uint32_t life_us(void)
{
	return 300 + lives_random(3000);
}

/* Removes streams.json, and half a frame of what was not settled. */
static void damage(void)
{
	auto_close int data = -1;
	auto_frames struct jem_frames *frames = NULL;
	const char *body;
	size_t len;
	char path[400];
	uint64_t from = 0;
	uint64_t to = 0;

	format_path("streams.json", path);
	unlink(path);
	format_path("data/call.cbors.zst", path);
	if (access(path, F_OK) < 0)
		return;
	data = lives_open_folder(&feeder, "data");
	CHECK_OK(jem_frames_open(data, "call.cbors.zst", 0, &frames));
	while (jem_frames_next(frames, &body, &len) > 0) {
		struct jem_columns columns;
		struct jem_head head;

		jem_columns_init(&columns);
		CHECK_OK(jem_columns_decode(&columns, body, len, &head, NULL));
		jem_columns_deinit(&columns);
		to = jem_frames_offset(frames);
		if (lives_is_settled(head.seq))
			from = to;
	}
	if (to > from)
		CHECK_OK(truncate(path, (off_t)(from + lives_random((uint32_t)(to - from)))));
}

/* How often each record has a line of calls.log, which is made from data/. */
static void check_calls_log(void)
{
	static uint8_t counts[BATCHES * ROWS];
	char *text = feeder_read(&feeder, "calls.log");

	CHECK(text);
	for (char *line = text, *end; *line; line = end + 1) {
		const char *at;
		uint64_t number;

		end = strchr(line, '\n');
		CHECK(end);
		*end = '\0';
		at = strstr(line, " 0/");
		number = at ? strtoul(at + 3, NULL, 10) : UINT64_MAX;
		if (!at && strstr(line, " -- "))
			continue; /* batches came later than others */
		CHECK(number < sizeof(counts));
		counts[number]++;
	}
	for (size_t i = 0; i < sizeof(counts); i++)
		if (counts[i] != 1)
			check_fail(__FILE__, __LINE__, "call %zu is there %d times", i, counts[i]);
	free(text);
}

CASE(writes_every_record_once_whenever_it_is_killed)
{
	const struct lives_sender sender = { .feeder = &feeder,
					     .batches = BATCHES,
					     .send = send_batch,
					     .life_us = life_us,
					     .is_lossy = true };

	feeder_init(&feeder);
	lives_open(&sender);
	CHECK_GE(lives_kill(&sender, 40, damage), 10);
	lives_finish(&sender);
	check_once(JEM_KIND_call, BATCHES * ROWS);
	check_calls_log();
	check_file("streams.json", "\"missing\":[],\"records_missing\":0");
	feeder_deinit(&feeder);
	lives_close();
}

TESTS(T(stores_batches_as_they_came_each_in_a_frame), T(reads_them_row_by_row_as_lines),
      T(removes_duplicates_and_names_gaps), T(settles_a_heartbeat_without_a_frame),
      T(refuses_other_encodings_and_what_does_not_unpack), T(takes_json_in_a_frame_too),
      T(goes_on_behind_a_frame_that_was_cut_anywhere), T(passes_over_damage_up_to_the_next_frame),
      T(makes_room_of_calls_before_anything_else),
      T(writes_every_record_once_whenever_it_is_killed))
