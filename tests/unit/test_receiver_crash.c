/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kills a receiver at random points of its processor time, again and again, while a sender sends
 * whatever is not settled, as a publisher does. In the end every record is in data/ and job.log
 * exactly once, and every sample has one row of metrics.csv, even where streams.json is removed after
 * the kill. The seed is printed; JEM_TEST_SEED gives it, JEM_TEST_LONG kills 300 times.
 */
#include "common/cleanup.h"
#include "receiver/lines.h"
#include "receiver/replay.h"
#include "tests/unit/check.h"
#include "tests/unit/feeder.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	BATCHES = 600,
	RECORDS = 40, /* of a full batch */
	TEXT = 700,   /* bytes of a line: 17 MB in all, so that segments are finished */
	PARTS_EVERY = 7,
};

/* What of the sender outlives the receiver. */
struct shared {
	uint8_t is_settled[BATCHES];
	uint32_t random;
};

static struct shared *shared;
static uint64_t batch_of[FEEDER_TICKETS];
static struct feeder feeder;
static int torn;
static bool is_sampling; /* samples are sent instead of lines */

static uint32_t random_below(uint32_t bound)
{
	shared->random = shared->random * 1664525 + 1013904223;
	return (shared->random >> 8) % bound;
}

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
	batch_of[feeder.next_ticket] = seq;
	feeder_send(&feeder, &head, jem_buf_cstr(&records));
	jem_buf_deinit(&records);
}

/* Outcomes reach the sender; what it does not learn before the kill it sends again. */
static bool note_outcomes(void)
{
	bool is_all = true;

	for (uint64_t ticket = 0; ticket < feeder.next_ticket; ticket++)
		if (feeder.settled[ticket])
			shared->is_settled[batch_of[ticket]] = 1;
	for (int seq = 0; seq < BATCHES; seq++)
		is_all &= shared->is_settled[seq];
	return is_all;
}

static void arm_kill(uint32_t micros)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	struct itimerspec when = { .it_value = { micros / 1000000,
						 (long)(micros % 1000000) * 1000 } };
	timer_t timer;

	CHECK_OK(timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer));
	CHECK_OK(timer_settime(timer, 0, &when, NULL));
}

/* One life of the receiver; sends what is not settled, in order, some of it twice. */
static void live(bool is_killed)
{
	/* As if the connection were lost before any outcome came back. */
	bool is_deaf = is_killed && !random_below(3);

	if (is_killed)
		arm_kill(500 + random_below(random_below(4) ? 12000 : 60000));
	feeder_open(&feeder);
	for (uint64_t seq = 0; seq < BATCHES; seq++) {
		if (shared->is_settled[seq])
			continue;
		send_batch(seq);
		if (!random_below(20))
			send_batch(seq);
		if (!random_below(3)) {
			feeder_pass(&feeder);
			if (!is_deaf)
				note_outcomes();
		}
	}
	do {
		uv_run(&feeder.loop, UV_RUN_ONCE);
	} while (!note_outcomes());
	feeder_close(&feeder);
}

static bool spawn_life(bool is_killed)
{
	int status;
	pid_t pid = fork();

	CHECK_OK(pid);
	if (!pid) {
		close(STDERR_FILENO); /* it tells how it goes on, every time */
		CHECK_EQ(open("/dev/null", O_WRONLY), STDERR_FILENO);
		live(is_killed);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
	return WIFEXITED(status);
}

static int open_data(void)
{
	char path[400];
	int fd;

	snprintf(path, sizeof(path), "%s/site/user/job/data", feeder.out);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_OK(fd);
	return fd;
}

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
		if (shared->is_settled[strtoul(seq + 6, NULL, 10)] && line - text > known)
			known = line - text;
	}
	free(text);
	if (size <= known)
		return;
	snprintf(path, sizeof(path), "%s/site/user/job/data/log.jsonl", feeder.out);
	CHECK_OK(truncate(path, known + random_below((uint32_t)(size - known + 1))));
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
	auto_close int data = open_data();
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
	const char *seed = getenv("JEM_TEST_SEED");
	int kills = getenv("JEM_TEST_LONG") ? 300 : 40;
	int killed = 0;
	char *streams;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	CHECK(shared != MAP_FAILED);
	feeder_init(&feeder);
	shared->random = seed ? (uint32_t)strtoul(seed, NULL, 10) : (uint32_t)time(NULL);
	printf("# JEM_TEST_SEED=%" PRIu32 "\n", shared->random);
	for (; killed < kills && !spawn_life(true); killed++)
		if (random_below(2))
			tear();
	while (!spawn_life(false))
		;
	printf("# killed %d times, torn %d times\n", killed, torn);
	fflush(stdout);
	check_data();
	check_job_log();
	streams = feeder_read(&feeder, "streams.json");
	CHECK_CONTAINS(streams, "\"missing\":[],\"records_missing\":0");
	free(streams);
	feeder_deinit(&feeder);
	munmap(shared, sizeof(*shared));
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
	const char *seed = getenv("JEM_TEST_SEED");
	int kills = getenv("JEM_TEST_LONG") ? 300 : 40;
	int killed = 0;

	is_sampling = true;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	CHECK(shared != MAP_FAILED);
	feeder_init(&feeder);
	shared->random = seed ? (uint32_t)strtoul(seed, NULL, 10) : (uint32_t)time(NULL);
	printf("# JEM_TEST_SEED=%" PRIu32 "\n", shared->random);
	for (; killed < kills && !spawn_life(true); killed++)
		if (random_below(2))
			remove_streams();
	remove_streams();
	while (!spawn_life(false))
		;
	printf("# killed %d times\n", killed);
	fflush(stdout);
	CHECK_GE(killed, 10);
	check_rows();
	feeder_deinit(&feeder);
	munmap(shared, sizeof(*shared));
}

TESTS(T(writes_every_record_once_whenever_it_is_killed),
      T(writes_every_row_once_without_streams_json))
