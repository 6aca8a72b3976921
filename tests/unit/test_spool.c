/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/spool/acked.h"
#include "broker-client/spool/crc32c.h"
#include "broker-client/spool/spool.h"
#include "common/cleanup.h"
#include "tests/unit/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	LOST_MAX = 4096,
	DAMAGED_SPOOLS = 200, /* with JEM_TEST_LONG 1000 */
};

static struct {
	uint64_t ids[LOST_MAX];
	enum jem_cause causes[LOST_MAX];
	size_t count;
	size_t troubles;
	char trouble[256];
} seen;

static char folder[512];

static void on_lost(void *arg, const struct jem_frame *frame, enum jem_cause cause)
{
	(void)arg;
	CHECK(seen.count < LOST_MAX);
	seen.ids[seen.count] = frame->seq;
	seen.causes[seen.count++] = cause;
}

static void on_trouble(void *arg, const char *text)
{
	(void)arg;
	seen.troubles++;
	snprintf(seen.trouble, sizeof(seen.trouble), "%s", text);
}

static struct jem_spool_options options(void)
{
	snprintf(folder, sizeof(folder), "%s/spool", check_folder());
	return (struct jem_spool_options){ .dir = folder,
					   .on_lost = on_lost,
					   .on_trouble = on_trouble };
}

static struct jem_spool *open_spool(const struct jem_spool_options *options)
{
	struct jem_spool *spool = NULL;
	struct jem_err err = { "" };

	if (jem_spool_open(options, &spool, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
	return spool;
}

static uint64_t wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* A body that tells its number, of a length that differs. */
static size_t make_body(enum jem_kind kind, uint64_t seq, char ret[4096])
{
	size_t len = 40 + (size_t)(seq * 37 % 900);

	memset(ret, (int)('a' + seq % 26), len);
	return (size_t)snprintf(ret, 32, "%s %" PRIu64, jem_kinds[kind].name, seq) ? len : 0;
}

static uint64_t add(struct jem_spool *spool, enum jem_kind kind, uint64_t seq)
{
	struct jem_head head = {
		.kind = kind, .epoch = "00000000000000ab", .seq = seq, .first = 10 * seq, .n = 10
	};
	char body[4096];
	uint64_t id = 0;

	CHECK_OK(jem_spool_append(spool, &head, body, make_body(kind, seq, body), &id));
	return id;
}

/* Checks that the next batch from `from` on is of `kind` with `seq`; returns its number. */
static uint64_t expect(struct jem_spool *spool, uint64_t from, enum jem_kind kind, uint64_t seq)
{
	struct jem_frame frame;
	struct jem_buf body;
	char wanted[4096];
	size_t len = make_body(kind, seq, wanted);

	jem_buf_init(&body, 0);
	CHECK_EQ(jem_spool_next(spool, jem_spool_lane(kind), from, &frame, &body), 1);
	CHECK_EQ(frame.kind, kind);
	CHECK_EQ(frame.seq, seq);
	CHECK_EQ(frame.first, 10 * seq);
	CHECK_EQ(frame.n, 10);
	CHECK_EQ(frame.epoch, 0xab);
	CHECK_EQ(body.len, len);
	CHECK(!memcmp(body.data, wanted, len));
	jem_buf_deinit(&body);
	return frame.id;
}

static bool is_end(struct jem_spool *spool, enum jem_lane lane, uint64_t from)
{
	struct jem_frame frame;
	struct jem_buf body;
	int status;

	jem_buf_init(&body, 0);
	status = jem_spool_next(spool, lane, from, &frame, &body);
	jem_buf_deinit(&body);
	return status == 0;
}

CASE(crc32c_is_castagnolis)
{
	char bytes[5000];

	CHECK_EQ(jem_crc32c(0, "123456789", 9), 0xe3069283); /* the check value of RFC 3720's CRC */
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 2654435761u >> 13);
	for (size_t len = 0; len < sizeof(bytes); len += 97)
		CHECK_EQ(jem_crc32c(7, bytes + len % 8, len - len % 8),
			 jem_crc32c_table(7, bytes + len % 8, len - len % 8));
}

CASE(acked_keeps_what_is_beyond_the_base)
{
	struct jem_acked acked = { .base = 1 };
	struct jem_acked again = { 0 };
	int fd = open(check_folder(), O_RDONLY | O_DIRECTORY);

	CHECK(jem_acked_add(&acked, 3));
	CHECK(!jem_acked_add(&acked, 3));
	CHECK(!jem_acked_add(&acked, 1 + JEM_ACKED_WINDOW));
	CHECK(jem_acked_add(&acked, JEM_ACKED_WINDOW));
	CHECK_EQ(acked.base, 1);
	CHECK(jem_acked_add(&acked, 1));
	CHECK_EQ(acked.base, 2);
	CHECK_OK(jem_acked_save(&acked, fd, "ack", false));
	CHECK_OK(jem_acked_load(&again, fd, "ack"));
	CHECK(again.base == 2 && jem_acked_has(&again, 3) && !jem_acked_has(&again, 4));
	CHECK(jem_acked_has(&again, JEM_ACKED_WINDOW));
	CHECK(jem_acked_add(&acked, 2));
	CHECK_EQ(acked.base, 4);
	CHECK_OK(jem_acked_save(&acked, fd, "ack", false));
	CHECK_OK(jem_acked_load(&again, fd, "ack"));
	CHECK_EQ(again.base, 4);
	jem_acked_advance(&acked, JEM_ACKED_WINDOW);
	CHECK_EQ(acked.base, JEM_ACKED_WINDOW + 1);
	close(fd);
}

CASE(what_was_appended_comes_back_in_order)
{
	const struct jem_spool_options o = options();
	struct jem_spool *spool = open_spool(&o);
	uint64_t from = 0;

	for (uint64_t seq = 0; seq < 500; seq++)
		CHECK_EQ(add(spool, seq % 2 ? JEM_KIND_metric : JEM_KIND_log, seq), seq + 1);
	CHECK_EQ(add(spool, JEM_KIND_call, 7), 1);
	for (uint64_t seq = 0; seq < 500; seq++)
		from = 1 + expect(spool, from, seq % 2 ? JEM_KIND_metric : JEM_KIND_log, seq);
	CHECK(is_end(spool, JEM_LANE_HUMAN, from));
	expect(spool, 0, JEM_KIND_call, 7);
	CHECK_EQ(seen.troubles + seen.count, 0);
	jem_spool_close(spool);
}

CASE(the_next_process_goes_on_where_this_one_was)
{
	const struct jem_spool_options o = options();
	pid_t pid = fork();
	struct jem_spool *spool;
	int status;

	if (!pid) {
		spool = open_spool(&o);
		for (uint64_t seq = 0; seq < 100; seq++)
			add(spool, JEM_KIND_log, seq);
		for (uint64_t id = 1; id <= 40; id++)
			jem_spool_ack(spool, JEM_LANE_HUMAN, id);
		jem_spool_ack(spool, JEM_LANE_HUMAN, 43);
		jem_spool_tick(spool, 0);
		jem_spool_ack(spool, JEM_LANE_HUMAN, 41); /* not on record: comes again */
		_exit(0);                                 /* as if it were killed */
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	spool = open_spool(&o);
	CHECK_EQ(jem_spool_previous(spool)[JEM_KIND_log].epoch, 0xab);
	CHECK_EQ(jem_spool_previous(spool)[JEM_KIND_log].seq, 99);
	CHECK_EQ(jem_spool_previous(spool)[JEM_KIND_metric].epoch, 0);
	CHECK_EQ(expect(spool, 0, JEM_KIND_log, 40), 41);
	CHECK_EQ(expect(spool, 42, JEM_KIND_log, 41), 42);
	CHECK_EQ(expect(spool, 43, JEM_KIND_log, 43), 44);
	CHECK_EQ(add(spool, JEM_KIND_log, 100), 101);
	CHECK_EQ(expect(spool, 100, JEM_KIND_log, 99), 100);
	CHECK_EQ(expect(spool, 101, JEM_KIND_log, 100), 101);
	jem_spool_close(spool);
}

static size_t segments(const struct jem_spool *spool)
{
	return jem_spool_size(spool).segments;
}

CASE(segments_go_when_all_in_them_is_acked)
{
	struct jem_spool_options o = options();
	struct jem_spool *spool;
	struct stat stat_;

	o.segment_bytes = 8192;
	spool = open_spool(&o);
	for (uint64_t seq = 0; seq < 200; seq++)
		add(spool, JEM_KIND_status, seq);
	CHECK_GE(segments(spool), 10);
	for (uint64_t id = 200; id > 100; id--)
		jem_spool_ack(spool, JEM_LANE_HUMAN, id);
	jem_spool_tick(spool, 0);
	CHECK_GE(segments(spool), 10);
	for (uint64_t id = 1; id <= 100; id++)
		jem_spool_ack(spool, JEM_LANE_HUMAN, id);
	CHECK(jem_spool_is_empty(spool));
	jem_spool_tick(spool, 0);
	CHECK_LE(segments(spool), 1);
	add(spool, JEM_KIND_status, 200);
	expect(spool, 0, JEM_KIND_status, 200);
	jem_spool_ack(spool, JEM_LANE_HUMAN, 201);
	jem_spool_close(spool);
	CHECK_EQ(stat(folder, &stat_), -1); /* nothing left to send */
	CHECK_EQ(seen.count + seen.troubles, 0);
}

CASE(numbers_never_fall_behind_what_is_acked)
{
	const struct jem_spool_options o = options();
	struct jem_spool *spool = open_spool(&o);
	pid_t pid;

	for (uint64_t seq = 0; seq < 20; seq++)
		jem_spool_ack(spool, JEM_LANE_HUMAN, add(spool, JEM_KIND_log, seq));
	add(spool, JEM_KIND_call, 0); /* keeps the folder */
	jem_spool_close(spool);
	pid = fork();
	if (!pid) {
		spool = open_spool(&o);
		for (uint64_t seq = 20; seq < 50; seq++)
			add(spool, JEM_KIND_log, seq);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	spool = open_spool(&o);
	expect(spool, 0, JEM_KIND_log, 20);
	jem_spool_close(spool);
}

CASE(bounds_take_the_fire_hose_first)
{
	struct jem_spool_options o = options();
	struct jem_spool *spool;
	size_t hose = 0;

	o.segment_bytes = 8192;
	o.max_bytes = 100000;
	spool = open_spool(&o);
	for (uint64_t seq = 0; seq < 60; seq++)
		add(spool, JEM_KIND_log, seq);
	for (uint64_t seq = 0; seq < 500; seq++)
		add(spool, JEM_KIND_call, seq);
	CHECK_LE(jem_spool_size(spool).bytes, 100000);
	hose = seen.count;
	CHECK_GE(hose, 300);
	for (size_t i = 0; i < hose; i++) {
		CHECK_EQ(seen.ids[i], i); /* each once, oldest first */
		CHECK_EQ(seen.causes[i], JEM_CAUSE_evicted);
	}
	expect(spool, 0, JEM_KIND_log, 0);
	expect(spool, 0, JEM_KIND_call, hose);
	for (uint64_t seq = 60; seq < 300; seq++)
		add(spool, JEM_KIND_log, seq);
	CHECK_LE(jem_spool_size(spool).bytes, 100000);
	CHECK(is_end(spool, JEM_LANE_HOSE, 0));
	CHECK_EQ(seen.ids[499], 499);
	CHECK_EQ(seen.ids[500], 0); /* then what is left to give */
	jem_spool_close(spool);
}

CASE(what_was_last_is_known_when_all_has_gone)
{
	struct jem_spool_options o = options();
	struct jem_spool *spool = open_spool(&o);
	struct jem_spool *next;

	for (uint64_t seq = 0; seq < 1000; seq++)
		jem_spool_ack(spool, JEM_LANE_HUMAN, add(spool, JEM_KIND_log, seq));
	jem_spool_tick(spool, wall_us() + 60000000);
	CHECK_LE(jem_spool_size(spool).bytes, JEM_SEGMENT_HEADER_BYTES);
	o.is_read_only = true; /* as one that comes after a kill finds it */
	next = open_spool(&o);
	CHECK_EQ(jem_spool_previous(next)[JEM_KIND_log].epoch, 0xab);
	CHECK_EQ(jem_spool_previous(next)[JEM_KIND_log].seq, 999);
	CHECK_EQ(jem_spool_end(next, JEM_LANE_HUMAN), 1001);
	jem_spool_close(next);
	jem_spool_close(spool);
}

CASE(old_batches_leave)
{
	struct jem_spool_options o = options();
	struct jem_spool *spool;
	uint64_t now;

	o.max_age_us = 1000000;
	spool = open_spool(&o);
	for (uint64_t seq = 0; seq < 10; seq++)
		add(spool, JEM_KIND_log, seq);
	now = jem_spool_size(spool).oldest_us;
	jem_spool_tick(spool, now + 900000);
	CHECK_EQ(seen.count, 0);
	jem_spool_tick(spool, now + 1100000);
	CHECK_EQ(seen.count, 10);
	CHECK(is_end(spool, JEM_LANE_HUMAN, 0));
	CHECK_EQ(add(spool, JEM_KIND_log, 10), 11);
	jem_spool_close(spool);
}

CASE(two_processes_do_not_share_one)
{
	const struct jem_spool_options o = options();
	struct jem_spool *spool = open_spool(&o);
	struct jem_spool *other = NULL;
	struct jem_err err;

	CHECK_EQ(jem_spool_open(&o, &other, &err), -EWOULDBLOCK);
	CHECK_CONTAINS(err.text, "another process uses it");
	jem_spool_close(spool);
}

CASE(a_folder_of_others_is_refused)
{
	const struct jem_spool_options o = options();
	struct jem_spool *spool = NULL;
	struct jem_err err;

	CHECK_OK(mkdir(folder, 0700));
	CHECK_OK(chmod(folder, 0777));
	CHECK_EQ(jem_spool_open(&o, &spool, &err), -EPERM);
	CHECK_CONTAINS(err.text, "mode 0700");
}

/* --- damage --------------------------------------------------------------------------------------- */

static void patch(const char *name, off_t at, const void *bytes, size_t len)
{
	char path[1024];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY);
	CHECK_GE(fd, 0);
	CHECK_EQ(pwrite(fd, bytes, len, at), (ssize_t)len);
	close(fd);
}

CASE(a_damaged_body_is_lost_by_name)
{
	const struct jem_spool_options o = options();
	struct jem_spool *spool = open_spool(&o);

	for (uint64_t seq = 0; seq < 10; seq++)
		add(spool, JEM_KIND_log, seq);
	jem_spool_close(spool);
	patch("human-0000000000000001.seg", JEM_SEGMENT_HEADER_BYTES + JEM_FRAME_HEADER_BYTES + 20,
	      "x", 1);
	spool = open_spool(&o);
	expect(spool, 0, JEM_KIND_log, 1);
	CHECK_EQ(seen.count, 1);
	CHECK_EQ(seen.ids[0], 0);
	CHECK_EQ(seen.causes[0], JEM_CAUSE_unreadable);
	CHECK_EQ(jem_spool_oldest(spool, JEM_LANE_HUMAN), 2);
	jem_spool_close(spool);
}

/* What damage has taken keeps no segment for ever. */
CASE(numbers_that_are_given_up_hold_nothing_back)
{
	const struct jem_spool_options o = options();
	struct jem_spool *spool = open_spool(&o);
	struct stat stat_;

	for (uint64_t seq = 0; seq < 10; seq++)
		add(spool, JEM_KIND_log, seq);
	for (uint64_t id = 1; id <= 10; id++)
		if (id != 4 && id != 5)
			jem_spool_ack(spool, JEM_LANE_HUMAN, id);
	CHECK_EQ(jem_spool_unacked(spool, JEM_LANE_HUMAN, 0, UINT64_MAX), 2);
	CHECK_EQ(jem_spool_unacked(spool, JEM_LANE_HUMAN, 5, 9), 1);
	CHECK_EQ(jem_spool_give_up(spool, JEM_LANE_HUMAN, 2, UINT64_MAX), 2);
	CHECK_EQ(jem_spool_give_up(spool, JEM_LANE_HUMAN, 2, UINT64_MAX), 0);
	CHECK(jem_spool_is_empty(spool));
	jem_spool_close(spool);
	CHECK_EQ(stat(folder, &stat_), -1);
}

CASE(a_damaged_header_is_stepped_over_and_said)
{
	const struct jem_spool_options o = options();
	struct jem_spool *spool = open_spool(&o);

	for (uint64_t seq = 0; seq < 10; seq++)
		add(spool, JEM_KIND_log, seq);
	jem_spool_close(spool);
	patch("human-0000000000000001.seg", JEM_SEGMENT_HEADER_BYTES + 9, "\xff\xff", 2);
	patch("human-0000000000000001.seg", 3, "?", 1);
	spool = open_spool(&o);
	expect(spool, 0, JEM_KIND_log, 1);
	CHECK_GE(seen.troubles, 2);
	CHECK_EQ(seen.count, 0);
	CHECK_EQ(jem_spool_size(spool).damaged_bytes, jem_frame_bytes(40));
	jem_spool_close(spool);
}

static void copy_spool(const char *from, const char *to)
{
	auto_closedir DIR *dir = opendir(from);
	struct dirent *entry;

	CHECK(dir && mkdir(to, 0700) == 0);
	while ((entry = readdir(dir))) {
		char path[1024];
		char *bytes = malloc(1 << 20);
		int fd = openat(dirfd(dir), entry->d_name, O_RDONLY);
		ssize_t len = read(fd, bytes, 1 << 20);

		close(fd);
		if (len >= 0 && entry->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", to, entry->d_name);
			fd = open(path, O_WRONLY | O_CREAT, 0600);
			CHECK_EQ(write(fd, bytes, (size_t)len), len);
			close(fd);
		}
		free(bytes);
	}
}

static uint64_t random_state = 1;

static uint64_t any(uint64_t below)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (random_state >> 33) % below;
}

/* Flips bits, cuts tails or takes a segment away. */
static void damage(const char *dir)
{
	auto_closedir DIR *stream = opendir(dir);
	struct dirent *entry;

	while ((entry = readdir(stream))) {
		struct stat stat_;
		int fd;

		if (entry->d_name[0] == '.' || any(2))
			continue;
		fd = openat(dirfd(stream), entry->d_name, O_RDWR);
		fstat(fd, &stat_);
		if (any(8) == 0) {
			unlinkat(dirfd(stream), entry->d_name, 0);
		} else if (stat_.st_size && any(4) == 0) {
			CHECK_OK(ftruncate(fd, (off_t)any((uint64_t)stat_.st_size)));
		} else if (stat_.st_size) {
			for (uint64_t i = any(20); i; i--) {
				off_t at = (off_t)any((uint64_t)stat_.st_size);
				uint8_t byte = 0;

				CHECK_EQ(pread(fd, &byte, 1, at), 1);
				byte ^= (uint8_t)(1u << any(8));
				CHECK_EQ(pwrite(fd, &byte, 1, at), 1);
			}
		}
		close(fd);
	}
}

/* Everything that comes out is whole, in order and only once; the spool takes more. */
static void use_damaged(const struct jem_spool_options *o, size_t appended)
{
	struct jem_spool *spool = open_spool(o);
	struct jem_frame frame;
	struct jem_buf body;
	uint64_t from = 0;
	uint64_t last = 0;
	char wanted[4096];

	jem_buf_init(&body, 0);
	while (jem_spool_next(spool, JEM_LANE_HUMAN, from, &frame, &body) > 0) {
		CHECK(from == 0 || frame.seq > last);
		CHECK(frame.seq < appended);
		CHECK_EQ(body.len, make_body(JEM_KIND_log, frame.seq, wanted));
		CHECK(!memcmp(body.data, wanted, body.len));
		last = frame.seq;
		from = frame.id + 1;
	}
	jem_buf_deinit(&body);
	from = add(spool, JEM_KIND_log, appended + 1);
	expect(spool, from, JEM_KIND_log, appended + 1);
	jem_spool_close(spool);
}

CASE(no_damage_keeps_it_from_starting)
{
	struct jem_spool_options o = options();
	struct jem_spool *spool;
	char original[600];
	int rounds = getenv("JEM_TEST_LONG") ? 1000 : DAMAGED_SPOOLS;

	o.segment_bytes = 8192;
	spool = open_spool(&o);
	for (uint64_t seq = 0; seq < 100; seq++)
		add(spool, JEM_KIND_log, seq);
	for (uint64_t id = 1; id < 30; id++)
		jem_spool_ack(spool, JEM_LANE_HUMAN, id);
	jem_spool_close(spool);
	snprintf(original, sizeof(original), "%s", folder);
	for (int i = 0; i < rounds; i++) {
		char dir[700];

		snprintf(dir, sizeof(dir), "%s/damaged%d", check_folder(), i);
		random_state = (uint64_t)i + 1;
		copy_spool(original, dir);
		damage(dir);
		o.dir = dir;
		seen.count = 0;
		use_damaged(&o, 100);
	}
}

CASE(a_full_disk_is_said_once_and_tried_again)
{
	struct jem_spool_options o = options();
	struct jem_spool *spool = open_spool(&o);
	struct jem_head head = { .kind = JEM_KIND_log, .epoch = "00000000000000ab" };
	uint64_t id;

	add(spool, JEM_KIND_log, 0);
	/* No file may grow: what a full disk does, for this process alone. */
	if (!fork()) {
		const struct rlimit none = { 4096, 4096 };
		static char body[8192];

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &none);
		CHECK(jem_spool_append(spool, &head, body, sizeof(body), &id) < 0);
		CHECK_EQ(seen.troubles, 1);
		CHECK_EQ(jem_spool_append(spool, &head, body, 10, &id), -ENOSPC);
		CHECK_EQ(seen.troubles, 1);
		expect(spool, 0, JEM_KIND_log, 0);
		CHECK(is_end(spool, JEM_LANE_HUMAN, 2)); /* nothing half written */
		_exit(0);
	}
	{
		int status = 0;

		wait(&status);
		CHECK_EQ(status, 0);
	}
	jem_spool_close(spool);
}

TESTS(T(crc32c_is_castagnolis), T(acked_keeps_what_is_beyond_the_base),
      T(what_was_appended_comes_back_in_order), T(the_next_process_goes_on_where_this_one_was),
      T(segments_go_when_all_in_them_is_acked), T(numbers_never_fall_behind_what_is_acked),
      T(bounds_take_the_fire_hose_first), T(what_was_last_is_known_when_all_has_gone),
      T(old_batches_leave), T(two_processes_do_not_share_one), T(a_folder_of_others_is_refused),
      T(a_damaged_body_is_lost_by_name), T(a_damaged_header_is_stepped_over_and_said),
      T(numbers_that_are_given_up_hold_nothing_back), T(no_damage_keeps_it_from_starting),
      T(a_full_disk_is_said_once_and_tried_again))
