/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kills a receiver at random points of its processor time, again and again, while a sender sends
 * whatever is not settled, as a publisher does. In the end every record is in data/ and job.log
 * exactly once, and every sample has one row of metrics.csv, even where streams.json is removed after
 * the kill.
 */
#include "common/cleanup.h"
#include "receiver/lines.h"
#include "receiver/replay.h"
#include "tests/unit/check.h"
#include "tests/unit/lives.h"

#include <inttypes.h>
#include <unistd.h>

enum {
	BATCHES = 600,
	RECORDS = 40, /* of a full batch */
	TEXT = 700,   /* bytes of a line: 17 MB in all, so that segments are finished */
	PARTS_EVERY = 7,
};

static struct feeder feeder;
static int torn;
static bool is_sampling; /* samples are sent instead of lines */

static bool is_heartbeat(uint64_t seq)
{
	return seq % 11 == 10;
}

/* Whether batch `seq` ends with the first half of a split record, and the next begins with the rest. */
static bool is_split(uint64_t seq)
{
	return seq % PARTS_EVERY == 0 && seq + 1 < BATCHES && !is_heartbeat(seq) &&
	       !is_heartbeat(seq + 1);
}

static bool is_rest(uint64_t seq)
{
	return seq && is_split(seq - 1);
}

static uint64_t count_records(uint64_t seq)
{
	if (is_sampling)
		return RECORDS;
	return is_heartbeat(seq) ? 0 : RECORDS + is_split(seq) + is_rest(seq);
}

static void make_records(uint64_t seq, struct jem_buf *records)
{
	if (is_heartbeat(seq))
		return;
	if (is_rest(seq))
		jem_buf_printf(records,
			       "{\"dt_ns\":0,\"part\":1,\"parts\":2,\"json\":\"split %" PRIu64
			       ".\\\"}\"},",
			       seq - 1);
	for (int i = 0; i < RECORDS; i++) {
		jem_buf_printf(records,
			       "%s{\"dt_ns\":%d,\"file\":\"a\",\"offset\":1,\"text\":\"line "
			       "%" PRIu64 ".%d. ",
			       i ? "," : "", i * 1000, seq, i);
		for (int c = 0; c < TEXT; c++)
			jem_buf_add_char(records, (char)('a' + (c * c + i + (int)seq) % 26));
		jem_buf_add_str(records, "\"}");
	}
	if (is_split(seq))
		jem_buf_add_str(records, ",{\"dt_ns\":0,\"part\":0,\"parts\":2,\"json\":"
					 "\"{\\\"dt_ns\\\":0,\\\"text\\\":\\\"\"}");
}

/* A sample a second, each of a record of the node and one of the job. */
static void make_samples(uint64_t seq, struct jem_buf *records)
{
	for (int i = 0; i < RECORDS; i++)
		jem_buf_printf(records,
			       "%s{\"dt_ns\":%" PRIu64 ",\"scope\":\"%s\",\"values\":{\"%s\":%d}}",
			       i ? "," : "",
			       (seq * RECORDS / 2 + (uint64_t)i / 2) * 1000000000 +
				       (uint64_t)(i % 2) * 700000,
			       i % 2 ? "job" : "node", i % 2 ? "rss_bytes" : "load1", i);
}

static void send_batch(uint64_t seq)
{
	struct jem_buf records;
	struct jem_head head;
	uint64_t first = 0;

	for (uint64_t i = 0; i < seq; i++)
		first += count_records(i);
	head = feeder_head(is_sampling ? JEM_KIND_metric : JEM_KIND_log, seq, first,
			   count_records(seq));
	if (is_sampling)
		head.t0_us = 1700000000000000;
	head.is_final = seq == BATCHES - 1;
	jem_buf_init(&records, 0);
	if (is_sampling)
		make_samples(seq, &records);
	else
		make_records(seq, &records);
	feeder_send(&feeder, &head, jem_buf_cstr(&records));
	jem_buf_deinit(&records);
}

static uint32_t life_us(void)
{
	return 500 + lives_random(lives_random(4) ? 12000 : 60000);
}

static const struct lives_sender sender = { .feeder = &feeder,
					    .batches = BATCHES,
					    .send = send_batch,
					    .life_us = life_us,
					    .is_lossy = true };

/* Where streams.json says that data/log.jsonl ends, if its segment is still the current one. */
static long checkpoint_bytes(void)
{
	char *streams = feeder_read(&feeder, "streams.json");
	char *at = streams ? strstr(streams, "\"checkpoint\":{\"log\":[") : NULL;
	unsigned segment = 0;
	long bytes = 0;
	char name[64];
	char *finished;

	if (at)
		CHECK_EQ(sscanf(at, "\"checkpoint\":{\"log\":[%u,%ld", &segment, &bytes), 2);
	free(streams);
	for (int i = 0; segment && i < 2; i++) {
		snprintf(name, sizeof(name), "data/log.%04u.jsonl%s", segment, i ? ".zst" : "");
		finished = feeder_read(&feeder, name);
		if (finished)
			bytes = 0;
		free(finished);
	}
	return bytes;
}

/*
 * A kill within write(2) leaves a part of what was being written, which is seldom hit by chance: cuts
 * the file behind what is known to be written, anywhere.
 */
static void tear(void)
{
	char *text = feeder_read(&feeder, "data/log.jsonl");
	long known = checkpoint_bytes();
	long size = text ? (long)strlen(text) : 0;
	char path[400];

	for (char *line = text; line && *line;) {
		char *end = strchr(line, '\n');
		const char *seq = strstr(line, "\"seq\":");

		if (!end || !seq)
			break;
		line = end + 1;
		if (lives_is_settled(strtoul(seq + 6, NULL, 10)) && line - text > known)
			known = line - text;
	}
	free(text);
	if (size <= known)
		return;
	snprintf(path, sizeof(path), "%s/site/user/job/data/log.jsonl", feeder.out);
	CHECK_OK(truncate(path, known + lives_random((uint32_t)(size - known + 1))));
	torn++;
}

/* "line 12.3" -> its place; "split 7" -> its place. */
static int place_of(const char *line)
{
	const char *at = strstr(line, "\"text\":\"line ");
	int seq;
	int i;

	if (at && sscanf(at + 8, "line %d.%d", &seq, &i) == 2)
		return seq * (RECORDS + 1) + i;
	at = strstr(line, "\"text\":\"split ");
	if (at && sscanf(at + 8, "split %d", &seq) == 1)
		return seq * (RECORDS + 1) + RECORDS;
	return -1;
}

static void check_counts(const uint8_t *counts, const char *where)
{
	for (int seq = 0; seq < BATCHES; seq++)
		for (int i = 0; i <= RECORDS; i++) {
			int wanted = i == RECORDS ? is_split((uint64_t)seq)
						  : !is_heartbeat((uint64_t)seq);

			if (counts[seq * (RECORDS + 1) + i] != wanted)
				check_fail(__FILE__, __LINE__, "%d.%d is %d times in %s, wanted %d",
					   seq, i, counts[seq * (RECORDS + 1) + i], where, wanted);
		}
}

static void check_data(void)
{
	static uint8_t counts[BATCHES * (RECORDS + 1)];
	auto_close int data = lives_open_folder(&feeder, "data");
	auto_replay struct jem_replay *replay = NULL;
	struct jem_replay_record record;

	CHECK_OK(jem_replay_open(data, JEM_KIND_MASK_ALL, 0, &replay));
	while (jem_replay_next(replay, &record) > 0) {
		int place = place_of(record.line);

		CHECK_GE(place, 0);
		counts[place]++;
	}
	CHECK_EQ(jem_replay_damaged(replay), 0);
	check_counts(counts, "data/");
}

static void check_job_log(void)
{
	static uint8_t counts[BATCHES * (RECORDS + 1)];
	char *text = feeder_read(&feeder, "job.log");
	char *rest = NULL;

	CHECK(text);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		int seq;
		int i;
		char *at = strstr(line, ": line ");

		if (at && sscanf(at, ": line %d.%d", &seq, &i) == 2)
			counts[seq * (RECORDS + 1) + i]++;
		else if ((at = strstr(line, ": split ")) && sscanf(at, ": split %d", &seq) == 1)
			counts[seq * (RECORDS + 1) + RECORDS]++;
		else
			check_fail(__FILE__, __LINE__, "what is this: %.200s", line);
	}
	check_counts(counts, "job.log");
	free(text);
}

CASE(writes_every_record_once_whenever_it_is_killed)
{
	char *streams;

	feeder_init(&feeder);
	lives_open(&sender);
	lives_kill(&sender, 40, tear);
	lives_finish(&sender);
	printf("# torn %d times\n", torn);
	check_data();
	check_job_log();
	streams = feeder_read(&feeder, "streams.json");
	CHECK_CONTAINS(streams, "\"missing\":[],\"records_missing\":0");
	free(streams);
	feeder_deinit(&feeder);
	lives_close();
}

static void remove_streams(void)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/site/user/job/streams.json", feeder.out);
	unlink(path);
}

static void check_rows(void)
{
	static uint8_t counts[BATCHES * RECORDS / 2];
	char *text = feeder_read(&feeder, "metrics.csv");
	char *rest = NULL;
	char *line = text ? strtok_r(text, "\n", &rest) : NULL;

	CHECK(line && !strncmp(line, "t,node,", 7));
	while ((line = strtok_r(NULL, "\n", &rest))) {
		char *end;
		long second = strtol(line, &end, 10) - 1700000000;

		CHECK(second >= 0 && second < BATCHES * RECORDS / 2);
		/* Only streams.json and the rows themselves tell the node of what is in data/. */
		CHECK(!strncmp(end, ".000000,node,", 13) || !strncmp(end, ".000000,,", 9));
		counts[second]++;
	}
	for (int i = 0; i < BATCHES * RECORDS / 2; i++)
		if (counts[i] != 1)
			check_fail(__FILE__, __LINE__, "sample %d has %d rows", i, counts[i]);
	free(text);
}

CASE(writes_every_row_once_without_streams_json)
{
	is_sampling = true;
	feeder_init(&feeder);
	lives_open(&sender);
	CHECK_GE(lives_kill(&sender, 40, remove_streams), 10);
	remove_streams();
	lives_finish(&sender);
	check_rows();
	feeder_deinit(&feeder);
	lives_close();
}

TESTS(T(writes_every_record_once_whenever_it_is_killed),
      T(writes_every_row_once_without_streams_json))
