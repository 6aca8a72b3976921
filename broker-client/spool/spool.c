/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/spool/spool.h"

#include "broker-client/spool/spool_internal.h"

#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum {
	SEGMENT_DEFAULT = 8 << 20,
	RETRY_US = 10000000,
};

static const char *const lane_names[JEM_LANE_COUNT] = { "human", "hose" };

void spool_trouble(struct jem_spool *spool, const char *format, ...)
{
	char text[256];
	va_list args;

	if (!spool->options.on_trouble)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	spool->options.on_trouble(spool->options.arg, text);
}

static uint64_t wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

enum jem_lane jem_spool_lane(enum jem_kind kind)
{
	return jem_kinds[kind].is_human ? JEM_LANE_HUMAN : JEM_LANE_HOSE;
}

/* --- opening ------------------------------------------------------------------------------------- */

static int open_folder(struct jem_spool *spool, struct jem_err *err)
{
	struct stat stat;

	if (!spool->options.is_read_only && mkdir(spool->dir, 0700) < 0 && errno != EEXIST)
		return jem_err_set(err, -errno, "spool %s: cannot make the folder: %s", spool->dir,
				   strerror(errno));
	spool->folder = open(spool->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (spool->folder < 0 || fstat(spool->folder, &stat) < 0)
		return jem_err_set(err, -errno, "spool %s: %s", spool->dir, strerror(errno));
	if (spool->options.is_read_only)
		return 0;
	if (stat.st_uid != geteuid() || (stat.st_mode & 022))
		return jem_err_set(err, -EPERM,
				   "spool %s: others can write in it; make it ours, mode 0700",
				   spool->dir);
	spool->lock =
		openat(spool->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (spool->lock < 0)
		return jem_err_set(err, -errno, "spool %s: lock: %s", spool->dir, strerror(errno));
	if (flock(spool->lock, LOCK_EX | LOCK_NB) < 0)
		return jem_err_set(err, -EWOULDBLOCK, "spool %s: another process uses it",
				   spool->dir);
	return 0;
}

static int find_segments(struct jem_spool *spool)
{
	int folder = openat(spool->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_closedir DIR *dir = folder < 0 ? NULL : fdopendir(folder);
	struct dirent *entry;

	if (!dir) {
		int error = errno;

		if (folder >= 0)
			close(folder);
		return -error;
	}
	while ((entry = readdir(dir))) {
		spool->rejected += !strncmp(entry->d_name, "rejected-", strlen("rejected-"));
		for (int i = 0; i < JEM_LANE_COUNT; i++) {
			int status = lane_find(&spool->lanes[i], entry->d_name);

			if (status < 0)
				return status;
		}
	}
	return 0;
}

static int recover(struct jem_spool *spool)
{
	int status = find_segments(spool);

	for (int i = 0; i < JEM_LANE_COUNT && status >= 0; i++) {
		struct lane *lane = &spool->lanes[i];

		status = lane_recover(lane);
		spool->bytes += lane_bytes(lane);
		for (int kind = 0; kind < JEM_KIND_COUNT; kind++)
			if (jem_spool_lane((enum jem_kind)kind) == (enum jem_lane)i)
				spool->previous[kind] = lane->last[kind];
	}
	return status;
}

static void destroy(struct jem_spool *spool)
{
	for (int i = 0; i < JEM_LANE_COUNT; i++)
		lane_deinit(&spool->lanes[i]);
	if (spool->lock >= 0)
		close(spool->lock);
	if (spool->folder >= 0)
		close(spool->folder);
	free(spool->dir);
	free(spool);
}

int jem_spool_open(const struct jem_spool_options *options, struct jem_spool **ret,
		   struct jem_err *err)
{
	struct jem_spool *spool = calloc(1, sizeof(*spool));
	int status = -ENOMEM;

	if (!spool)
		return jem_err_set(err, -ENOMEM, "no memory for the spool");
	spool->options = *options;
	if (!spool->options.segment_bytes)
		spool->options.segment_bytes = SEGMENT_DEFAULT;
	spool->folder = spool->lock = -1;
	for (int i = 0; i < JEM_LANE_COUNT; i++)
		lane_init(&spool->lanes[i], spool, lane_names[i]);
	spool->dir = strdup(options->dir);
	if (!spool->dir)
		jem_err_set(err, status, "no memory for the spool");
	else if ((status = open_folder(spool, err)) >= 0 && (status = recover(spool)) < 0)
		jem_err_set(err, status, "spool %s: %s", spool->dir, strerror(-status));
	if (status < 0) {
		destroy(spool);
		return status;
	}
	*ret = spool;
	return 0;
}

void jem_spool_close(struct jem_spool *spool)
{
	if (!spool)
		return;
	if (!spool->options.is_read_only) {
		for (int i = 0; i < JEM_LANE_COUNT; i++)
			lane_tidy(&spool->lanes[i], wall_us(), true);
		if (jem_spool_is_empty(spool)) {
			unlinkat(spool->folder, "lock", 0);
			rmdir(spool->dir);
		}
	}
	destroy(spool);
}

/* --- bounds -------------------------------------------------------------------------------------- */

static bool is_disk_low(const struct jem_spool *spool)
{
	struct statvfs disk;

	if (spool->options.min_free <= 0 || fstatvfs(spool->folder, &disk) < 0)
		return false;
	return (double)disk.f_bavail < spool->options.min_free * (double)disk.f_blocks;
}

static bool evict_one(struct jem_spool *spool)
{
	return lane_evict(&spool->lanes[JEM_LANE_HOSE]) ||
	       lane_evict(&spool->lanes[JEM_LANE_HUMAN]);
}

/* `more` bytes are to be added. */
static void keep_bytes(struct jem_spool *spool, uint64_t more)
{
	uint64_t max = spool->options.max_bytes;

	while (max && spool->bytes + more > max && evict_one(spool))
		;
}

static void keep_age(struct jem_spool *spool, uint64_t now_us)
{
	uint64_t age = spool->options.max_age_us;

	for (int i = 0; age && i < JEM_LANE_COUNT; i++) {
		struct lane *lane = &spool->lanes[i];

		while (lane->count && lane->pieces[0].created_us + age < now_us && lane_evict(lane))
			;
	}
}

/* --- batches ------------------------------------------------------------------------------------- */

static int append(struct jem_spool *spool, struct jem_frame *frame, const void *body)
{
	struct lane *lane = &spool->lanes[jem_spool_lane(frame->kind)];
	int status;

	keep_bytes(spool, jem_frame_bytes(frame->len) + JEM_SEGMENT_HEADER_BYTES);
	status = lane_append(lane, frame, body, frame->time_us);
	/* What people read is worth more than the oldest of the fire hose. */
	while (status == -ENOSPC && lane_evict(&spool->lanes[JEM_LANE_HOSE]))
		status = lane_append(lane, frame, body, frame->time_us);
	return status;
}

int jem_spool_append(struct jem_spool *spool, const struct jem_head *head, const void *body,
		     size_t len, uint64_t *ret_id)
{
	struct jem_frame frame = {
		.epoch = strtoull(head->epoch, NULL, 16),
		.seq = head->seq,
		.first = head->first,
		.n = (uint32_t)head->n,
		.len = (uint32_t)len,
		.kind = head->kind,
		.time_us = wall_us(),
	};
	int status;

	if (len > JEM_BATCH_MAX)
		return -EMSGSIZE;
	if (frame.time_us < spool->retry_us && spool->retry_us - frame.time_us <= RETRY_US)
		return -ENOSPC;
	status = append(spool, &frame, body);
	if (status < 0) {
		if (!spool->retry_us)
			spool_trouble(spool, "cannot write: %s; batches stay in memory",
				      strerror(-status));
		spool->retry_us = frame.time_us + RETRY_US;
		return status;
	}
	if (spool->retry_us)
		spool_trouble(spool, "writing again");
	spool->retry_us = 0;
	spool->needs_sync = spool->options.is_power;
	*ret_id = frame.id;
	return 0;
}

int jem_spool_next(struct jem_spool *spool, enum jem_lane lane, uint64_t from,
		   struct jem_frame *ret, struct jem_buf *body)
{
	return lane_next(&spool->lanes[lane], from, ret, body);
}

void jem_spool_ack(struct jem_spool *spool, enum jem_lane lane, uint64_t id)
{
	if (id && id < spool->lanes[lane].next_id)
		jem_acked_add(&spool->lanes[lane].acked, id);
}

uint64_t jem_spool_end(const struct jem_spool *spool, enum jem_lane lane)
{
	return spool->lanes[lane].next_id;
}

uint64_t jem_spool_oldest(const struct jem_spool *spool, enum jem_lane lane)
{
	return spool->lanes[lane].acked.base;
}

uint64_t jem_spool_unacked(const struct jem_spool *spool, enum jem_lane lane, uint64_t from,
			   uint64_t to)
{
	const struct lane *l = &spool->lanes[lane];
	uint64_t unacked = 0;

	if (from < l->acked.base)
		from = l->acked.base;
	if (to > l->next_id)
		to = l->next_id;
	for (; from < to && from - l->acked.base < JEM_ACKED_WINDOW; from++)
		unacked += !jem_acked_has(&l->acked, from);
	return from < to ? unacked + to - from : unacked;
}

uint64_t jem_spool_give_up(struct jem_spool *spool, enum jem_lane lane, uint64_t from, uint64_t to)
{
	struct lane *l = &spool->lanes[lane];
	uint64_t given_up = 0;

	if (to > l->next_id)
		to = l->next_id;
	for (uint64_t id = from > l->acked.base ? from : l->acked.base; id < to; id++)
		given_up += jem_acked_add(&l->acked, id);
	return given_up;
}

const char *jem_spool_dir(const struct jem_spool *spool)
{
	return spool->dir;
}

int jem_spool_keep_rejected(struct jem_spool *spool, const struct jem_head *head, const void *body,
			    size_t len)
{
	char name[96];
	int status = 0;
	int fd;

	if (spool->rejected >= JEM_SPOOL_REJECTED_MAX)
		return -ENOSPC;
	snprintf(name, sizeof(name), "rejected-%s-%s-%" PRIu64, jem_kinds[head->kind].name,
		 head->epoch, head->seq);
	fd = openat(spool->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	if (write(fd, body, len) != (ssize_t)len)
		status = -ENOSPC;
	close(fd);
	if (status < 0)
		unlinkat(spool->folder, name, 0);
	else
		spool->rejected++;
	return status;
}

bool jem_spool_is_empty(const struct jem_spool *spool)
{
	for (int i = 0; i < JEM_LANE_COUNT; i++)
		if (spool->lanes[i].acked.base < spool->lanes[i].next_id)
			return false;
	return true;
}

void jem_spool_tick(struct jem_spool *spool, uint64_t now_us)
{
	keep_age(spool, now_us);
	while (is_disk_low(spool) && evict_one(spool))
		;
	for (int i = 0; i < JEM_LANE_COUNT; i++)
		lane_tidy(&spool->lanes[i], now_us, false);
}

const struct jem_spool_last *jem_spool_previous(const struct jem_spool *spool)
{
	return spool->previous;
}

void jem_spool_each_late(struct jem_spool *spool, enum jem_kind kind, jem_spool_late_fn fn,
			 void *arg)
{
	lane_each_late(&spool->lanes[jem_spool_lane(kind)], kind, fn, arg);
}

struct jem_spool_size jem_spool_size(const struct jem_spool *spool)
{
	struct jem_spool_size size = { .bytes = spool->bytes, .damaged_bytes = spool->damaged };

	for (int i = 0; i < JEM_LANE_COUNT; i++) {
		const struct lane *lane = &spool->lanes[i];

		size.segments += lane->count;
		if (lane->count && (!size.oldest_us || lane->pieces[0].created_us < size.oldest_us))
			size.oldest_us = lane->pieces[0].created_us;
	}
	return size;
}

int jem_spool_take_sync(struct jem_spool *spool)
{
	int fd = spool->lanes[JEM_LANE_HUMAN].writing.fd;

	if (!spool->needs_sync || fd < 0)
		return -1;
	spool->needs_sync = false;
	return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}
