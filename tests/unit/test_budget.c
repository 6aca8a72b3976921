/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bound on a job's folder under floods of every kind: it holds after every pass, and what went
 * is named in streams.json to the batch, also when the receiver is killed meanwhile.
 */
#include "common/cleanup.h"
#include "receiver/replay.h"
#include "receiver/streams_file.h"
#include "tests/unit/check.h"
#include "tests/unit/lives.h"

#include <dirent.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BATCHES = 1000,
	RECORDS = 20, /* of a batch */
	TEXT = 500,   /* bytes of a record: 10 MB in all, ten times the bound */
	BOUND = 1 << 20,
};

static struct feeder feeder;

static void make_records(enum jem_kind kind, uint64_t seq, struct jem_buf *buf)
{
	uint32_t random = (uint32_t)seq * 2654435761u + 1;

	for (int i = 0; i < RECORDS; i++) {
		jem_buf_printf(buf, "%s{\"dt_ns\":%d,", i ? "," : "", i * 1000);
		if (kind == JEM_KIND_metric)
			jem_buf_printf(buf,
				       "\"scope\":\"%s\",\"pid\":%d,\"values\":{\"rss_bytes\":%d},",
				       i % 4 ? "process" : "job", i, i);
		jem_buf_printf(buf, "\"%s\":\"r %" PRIu64 ".%d ",
			       kind == JEM_KIND_status ? "state" : "text", seq, i);
		for (int c = 0; c < TEXT; c++) { /* that zstd makes little of */
			random = random * 1664525 + 1013904223;
			jem_buf_add_char(buf, "0123456789abcdefghijklmnopqrstuv"[random >> 27]);
		}
		jem_buf_add_str(buf, "\"}");
	}
}

static void send_batch(enum jem_kind kind, uint64_t seq)
{
	struct jem_head head = feeder_head(kind, seq, seq * RECORDS, RECORDS);
	struct jem_buf records;

	jem_buf_init(&records, 0);
	make_records(kind, seq, &records);
	feeder_send(&feeder, &head, jem_buf_cstr(&records));
	jem_buf_deinit(&records);
}

static uint64_t folder_bytes(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	uint64_t bytes = 0;

	while (dir && (entry = readdir(dir))) {
		char name[900];
		struct stat st;

		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (entry->d_name[0] == '.' || lstat(name, &st) < 0)
			continue;
		bytes += S_ISDIR(st.st_mode) ? folder_bytes(name) : (uint64_t)st.st_size;
	}
	if (dir)
		closedir(dir);
	return bytes;
}

static void check_bound(void)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/site/user/job", feeder.out);
	CHECK_LE(folder_bytes(path), BOUND);
}

static void count_data(enum jem_kind kind, uint8_t *counts, uint64_t *records)
{
	auto_close int data = lives_open_folder(&feeder, "data");
	auto_replay struct jem_replay *replay = NULL;
	struct jem_replay_record record;

	CHECK_OK(jem_replay_open(data, 1u << kind, 0, &replay));
	while (jem_replay_next(replay, &record) > 0) {
		CHECK(record.at.seq < BATCHES && record.at.i < RECORDS);
		counts[record.at.seq * RECORDS + record.at.i]++;
		++*records;
	}
	CHECK_EQ(jem_replay_damaged(replay), 0);
}

/* A record is in data/ once, or not at all and its batch is named */
static void check_account(enum jem_kind kind, bool is_counted)
{
	static uint8_t counts[BATCHES * RECORDS];
	auto_close int folder = lives_open_folder(&feeder, ".");
	struct jem_streams streams = { 0 };
	struct jem_checkpoint checkpoint;
	struct jem_identity identity;
	const struct jem_stream *stream;
	struct jem_err err;
	uint64_t records = 0;

	memset(counts, 0, sizeof(counts));
	count_data(kind, counts, &records);
	CHECK_OK(jem_streams_load(&streams, &checkpoint, &identity, folder, &err));
	stream = jem_streams_find(&streams, "0123456789abcdef", kind);
	CHECK(stream);
	CHECK_EQ(stream->missing.count, 0);
	CHECK_EQ(stream->batches, BATCHES);
	CHECK(stream->evicted.count + stream->thinned.count > 0);
	for (uint64_t seq = 0; seq < BATCHES; seq++)
		for (uint64_t i = 0; i < RECORDS; i++) {
			bool is_process = kind == JEM_KIND_metric && i % 4;
			bool is_named = jem_ranges_contain(&stream->evicted, seq) ||
					(is_process && jem_ranges_contain(&stream->thinned, seq));

			if (counts[seq * RECORDS + i] != !is_named)
				check_fail(__FILE__, __LINE__,
					   "record %d.%d is %d times there and %s named", (int)seq,
					   (int)i, counts[seq * RECORDS + i],
					   is_named ? "is" : "is not");
		}
	if (is_counted)
		CHECK_EQ(records + stream->records_evicted + stream->records_thinned,
			 BATCHES * RECORDS);
	CHECK_EQ(counts[BATCHES * RECORDS - RECORDS], 1);
	jem_streams_deinit(&streams);
}

static void flood(enum jem_kind kind, const char *files)
{
	feeder_init(&feeder);
	feeder_set(&feeder, "report", "max_bytes", "1MiB");
	if (files)
		feeder_set(&feeder, "receiver", "files", files);
	feeder_open(&feeder);
	for (uint64_t seq = 0; seq < BATCHES; seq++) {
		send_batch(kind, seq);
		if (seq % 3 == 2) {
			feeder_pass(&feeder);
			check_bound();
		}
	}
	feeder_close(&feeder);
	check_bound();
	check_account(kind, true);
}

CASE(holds_under_a_flood_of_status_records)
{
	flood(JEM_KIND_status, NULL);
	feeder_deinit(&feeder);
}

CASE(holds_under_a_flood_of_alerts)
{
	flood(JEM_KIND_alert, NULL);
	feeder_deinit(&feeder);
}

CASE(holds_under_a_flood_of_log_lines)
{
	char *text;

	flood(JEM_KIND_log, NULL);
	text = feeder_read(&feeder, "job.log");
	CHECK_CONTAINS(text, "gap: the beginning of job.log was removed");
	free(text);
	feeder_deinit(&feeder);
}

CASE(holds_under_a_flood_of_samples)
{
	char *text;

	flood(JEM_KIND_metric, NULL);
	text = feeder_read(&feeder, "metrics.csv");
	CHECK_EQ(feeder_count(text, "t,node,"), 1);
	CHECK(!strncmp(text, "t,node,", 7));
	free(text);
	text = feeder_read(&feeder, "job.log");
	CHECK_CONTAINS(text, "gap: prmon.txt has its share of the folder's bound");
	free(text);
	feeder_deinit(&feeder);
}

CASE(holds_under_a_flood_of_script_lines)
{
	flood(JEM_KIND_script, "data");
	feeder_deinit(&feeder);
}

/* Two kinds at a time: what is asked for most stays as long as there is anything else. */
CASE(removes_script_lines_before_status)
{
	struct jem_streams streams = { 0 };
	struct jem_checkpoint checkpoint;
	struct jem_identity identity;
	struct jem_err err;
	int folder;

	feeder_init(&feeder);
	feeder_set(&feeder, "report", "max_bytes", "1MiB");
	feeder_set(&feeder, "receiver", "files", "data");
	feeder_open(&feeder);
	for (uint64_t seq = 0; seq < BATCHES; seq++) {
		if (seq < 20)
			send_batch(JEM_KIND_status, seq);
		send_batch(JEM_KIND_script, seq);
		feeder_pass(&feeder);
	}
	feeder_close(&feeder);
	folder = lives_open_folder(&feeder, ".");
	CHECK_OK(jem_streams_load(&streams, &checkpoint, &identity, folder, &err));
	close(folder);
	CHECK_EQ(jem_streams_find(&streams, "0123456789abcdef", JEM_KIND_status)->evicted.count, 0);
	check_account(JEM_KIND_script, true);
	jem_streams_deinit(&streams);
	feeder_deinit(&feeder);
}

/* What a profile of some size makes of the flame graph, in the page too. */
static void send_profile(void)
{
	struct jem_head head = feeder_head(JEM_KIND_profile, 0, 0, 400);
	struct jem_buf records;

	jem_buf_init(&records, 0);
	for (int i = 1; i <= 400; i++)
		jem_buf_printf(
			&records,
			"%s{\"dt_ns\":0,\"lang\":\"c\",\"function\":\"a_function_of_number_%d\","
			"\"file\":\"a.cc\",\"line\":3,\"node\":%d,\"parent\":%d,\"calls\":1,"
			"\"total_ns\":%d,\"self_ns\":500}",
			i > 1 ? "," : "", i, i, i % 20 == 1 ? 0 : i - 1, (20 - (i - 1) % 20) * 500);
	feeder_send(&feeder, &head, jem_buf_cstr(&records));
	jem_buf_deinit(&records);
}

/* All drawings come at once, to a folder that is full. */
CASE(holds_when_drawings_come_at_the_end)
{
	char *text;

	feeder_init(&feeder);
	feeder_set(&feeder, "report", "max_bytes", "1MiB");
	feeder_set(&feeder, "report", "redraw", "3600");
	feeder_open(&feeder);
	feeder_pass(&feeder);
	send_profile();
	for (uint64_t seq = 0; seq < BATCHES; seq++) {
		send_batch(JEM_KIND_metric, seq);
		if (seq % 3 == 2)
			feeder_pass(&feeder);
	}
	check_bound();
	CHECK_EQ(jem_receiver_finish(feeder.receiver, 0), 0);
	check_bound();
	text = feeder_read(&feeder, "index.html");
	CHECK_CONTAINS(text, "records came and were removed again");
	free(text);
	text = feeder_read(&feeder, "graphs/graphs.pdf");
	CHECK(text);
	free(text);
	feeder_close(&feeder);
	check_bound();
	check_account(JEM_KIND_metric, true);
	feeder_deinit(&feeder);
}

/* Parts of records that never become whole are given up, and that is told. */
CASE(holds_under_a_flood_of_parts)
{
	char *text;

	feeder_init(&feeder);
	feeder_set(&feeder, "report", "max_bytes", "1MiB");
	feeder_open(&feeder);
	for (uint64_t seq = 0; seq < BATCHES; seq++) {
		struct jem_head head = feeder_head(JEM_KIND_log, seq, seq * 2, 1);
		struct jem_buf records;

		jem_buf_init(&records, 0);
		jem_buf_add_str(&records, "{\"dt_ns\":0,\"part\":0,\"parts\":2,\"json\":\"");
		for (int c = 0; c < 8000; c++)
			jem_buf_add_char(&records, 'x');
		jem_buf_add_str(&records, "\"}");
		feeder_send(&feeder, &head, jem_buf_cstr(&records));
		jem_buf_deinit(&records);
		feeder_pass(&feeder);
		check_bound();
	}
	feeder_close(&feeder);
	check_bound();
	text = feeder_read(&feeder, "job.log");
	CHECK_CONTAINS(text, "records of which not all parts came");
	free(text);
	feeder_deinit(&feeder);
}

static void send_lines(uint64_t seq)
{
	send_batch(JEM_KIND_log, seq);
}

static uint32_t life_us(void)
{
	return 500 + lives_random(30000);
}

CASE(names_every_gap_whenever_it_is_killed)
{
	const struct lives_sender sender = {
		.feeder = &feeder, .batches = BATCHES, .send = send_lines, .life_us = life_us
	};

	feeder_init(&feeder);
	feeder_set(&feeder, "report", "max_bytes", "1MiB");
	lives_open(&sender);
	lives_kill(&sender, 30, NULL);
	lives_finish(&sender);
	check_bound();
	check_account(JEM_KIND_log, false);
	feeder_deinit(&feeder);
	lives_close();
}

TESTS(T(holds_under_a_flood_of_status_records), T(holds_under_a_flood_of_alerts),
      T(holds_under_a_flood_of_log_lines), T(holds_under_a_flood_of_samples),
      T(holds_under_a_flood_of_script_lines), T(removes_script_lines_before_status),
      T(holds_when_drawings_come_at_the_end), T(holds_under_a_flood_of_parts),
      T(names_every_gap_whenever_it_is_killed))
