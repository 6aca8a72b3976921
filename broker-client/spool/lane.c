/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/spool/spool_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	TIDY_BYTES =
		256 << 10, /* a segment that is needed no more goes at once when it is larger */
	LATE_PIECES = 4,   /* as much is read at a start, however fast it was written */
};

static void piece_name(const struct lane *lane, const struct piece *piece,
		       char ret[SPOOL_NAME_SIZE])
{
	snprintf(ret, SPOOL_NAME_SIZE, "%s-%016" PRIx64 ".seg", lane->name, piece->first_id);
}

static void acked_name(const struct lane *lane, char ret[SPOOL_NAME_SIZE])
{
	snprintf(ret, SPOOL_NAME_SIZE, "%s.ack", lane->name);
}

int lane_init(struct lane *lane, struct jem_spool *spool, const char *name)
{
	*lane = (struct lane){ .spool = spool, .name = name, .next_id = 1 };
	lane->writing.fd = lane->reading.fd = -1;
	lane->acked.base = 1;
	return 0;
}

void lane_deinit(struct lane *lane)
{
	jem_segment_close(&lane->writing);
	jem_segment_close(&lane->reading);
	free(lane->pieces);
}

static int add_piece(struct lane *lane, const struct piece *piece)
{
	if (lane->count == lane->cap) {
		size_t cap = lane->cap ? 2 * lane->cap : 16;
		struct piece *pieces = reallocarray(lane->pieces, cap, sizeof(*pieces));

		if (!pieces)
			return -ENOMEM;
		lane->pieces = pieces;
		lane->cap = cap;
	}
	lane->pieces[lane->count++] = *piece;
	return 0;
}

int lane_find(struct lane *lane, const char *name)
{
	size_t prefix = strlen(lane->name);
	struct piece piece = { 0 };
	struct stat stat;
	char again[SPOOL_NAME_SIZE];

	if (strncmp(name, lane->name, prefix) != 0 || name[prefix] != '-')
		return 0;
	piece.first_id = strtoull(name + prefix + 1, NULL, 16);
	piece_name(lane, &piece, again);
	if (strcmp(name, again) != 0 || !piece.first_id ||
	    fstatat(lane->spool->folder, name, &stat, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(stat.st_mode))
		return 0;
	piece.bytes = (uint64_t)stat.st_size;
	piece.created_us = (uint64_t)stat.st_mtim.tv_sec * 1000000;
	piece.written_us = piece.created_us + (uint64_t)stat.st_mtim.tv_nsec / 1000;
	return add_piece(lane, &piece);
}

static int by_first_id(const void *a, const void *b)
{
	const struct piece *one = a;
	const struct piece *other = b;

	return one->first_id < other->first_id ? -1 : one->first_id > other->first_id;
}

/* --- reading ------------------------------------------------------------------------------------ */

static void open_reading(struct lane *lane, struct piece *piece)
{
	char name[SPOOL_NAME_SIZE];
	int status;

	jem_segment_close(&lane->reading);
	lane->scan = (struct jem_segment_scan){ .offset = JEM_SEGMENT_HEADER_BYTES };
	lane->reading_first_id = piece->first_id;
	piece_name(lane, piece, name);
	status = jem_segment_open(lane->spool->folder, name, false, &lane->reading);
	if (status == -EBADMSG && !piece->told) {
		spool_trouble(lane->spool,
			      "%s: the header is damaged; its batches are read all the same", name);
		piece->told = 1;
	} else if (status < 0 && status != -EBADMSG) {
		spool_trouble(lane->spool, "%s: %s", name, strerror(-status));
	}
}

/* The next frame of the piece that is read whose number can be true. */
static int next_frame(struct lane *lane, struct piece *piece, struct jem_frame *ret)
{
	int status;

	if (lane->reading.fd < 0)
		return 0;
	do {
		char name[SPOOL_NAME_SIZE];
		uint64_t from = lane->scan.offset;

		status = jem_segment_next(&lane->reading, &lane->scan, ret);
		if (lane->scan.damaged && from >= piece->told) {
			piece_name(lane, piece, name);
			spool_trouble(lane->spool,
				      "%s: %" PRIu64 " bytes are damaged at offset %" PRIu64, name,
				      lane->scan.damaged,
				      (status > 0 ? lane->scan.at : lane->scan.offset) -
					      lane->scan.damaged);
			lane->spool->damaged += lane->scan.damaged;
			piece->told = lane->scan.offset;
		}
		if (status < 0)
			return 0; /* unreadable: as if it ended here */
	} while (status > 0 && (ret->id < piece->first_id || ret->id >= piece->end_id));
	return status;
}

/* The piece that holds number `id`, or the first after it. */
static struct piece *piece_of(struct lane *lane, uint64_t id)
{
	for (size_t i = 0; i < lane->count; i++)
		if (id < lane->pieces[i].end_id)
			return &lane->pieces[i];
	return NULL;
}

/* A batch whose body is damaged is told by name and left behind. */
static bool take_body(struct lane *lane, const struct jem_frame *frame, struct jem_buf *body)
{
	if (jem_segment_body(&lane->reading, lane->scan.at, frame, body) == 0)
		return true;
	jem_acked_add(&lane->acked, frame->id);
	if (lane->spool->options.on_lost)
		lane->spool->options.on_lost(lane->spool->options.arg, frame, JEM_CAUSE_unreadable);
	return false;
}

int lane_next(struct lane *lane, uint64_t from, struct jem_frame *ret, struct jem_buf *body)
{
	struct piece *piece;
	struct jem_frame frame;

	if (from < lane->acked.base)
		from = lane->acked.base;
	for (piece = piece_of(lane, from); piece; piece = piece_of(lane, from)) {
		if (lane->reading.fd < 0 || lane->reading_first_id != piece->first_id ||
		    lane->scan.next_id > from)
			open_reading(lane, piece);
		while (next_frame(lane, piece, &frame) > 0) {
			lane->scan.next_id = frame.id + 1;
			if (frame.id < from || jem_acked_has(&lane->acked, frame.id) ||
			    !take_body(lane, &frame, body))
				continue;
			*ret = frame;
			return 1;
		}
		if (piece->end_id >= lane->next_id)
			break;
		from = piece->end_id;
	}
	return 0;
}

/* --- start -------------------------------------------------------------------------------------- */

/* The last segment says where numbers go on, and with its header what was spooled last. */
static void read_last(struct lane *lane)
{
	struct piece *piece = &lane->pieces[lane->count - 1];
	struct jem_frame frame;

	piece->end_id = UINT64_MAX;
	lane->next_id = piece->first_id;
	open_reading(lane, piece);
	memcpy(lane->last, lane->reading.header.last, sizeof(lane->last));
	while (next_frame(lane, piece, &frame) > 0) {
		if (frame.id >= lane->next_id)
			lane->next_id = frame.id + 1;
		lane->last[frame.kind] =
			(struct jem_spool_last){ .epoch = frame.epoch, .seq = frame.seq };
	}
	piece->end_id = lane->next_id;
	jem_segment_close(&lane->reading);
}

int lane_recover(struct lane *lane)
{
	char name[SPOOL_NAME_SIZE];
	bool is_known;

	acked_name(lane, name);
	is_known = jem_acked_load(&lane->acked, lane->spool->folder, name) == 0;
	if (!lane->count) {
		/* Numbers go on: the file of what is acked must never be ahead of them. */
		lane->next_id = lane->acked.base;
		memset(lane->acked.bits, 0, sizeof(lane->acked.bits));
		return 0;
	}
	qsort(lane->pieces, lane->count, sizeof(*lane->pieces), by_first_id);
	for (size_t i = 0; i + 1 < lane->count; i++)
		lane->pieces[i].end_id = lane->pieces[i + 1].first_id;
	read_last(lane);
	if (!is_known || lane->acked.base > lane->next_id) {
		memset(lane->acked.bits, 0, sizeof(lane->acked.bits));
		lane->acked.base = lane->pieces[0].first_id;
	} else if (lane->pieces[0].first_id > lane->acked.base) {
		spool_trouble(lane->spool,
			      "%" PRIu64 " batches of lane %s are missing before %016" PRIx64,
			      lane->pieces[0].first_id - lane->acked.base, lane->name,
			      lane->pieces[0].first_id);
		jem_acked_advance(&lane->acked, lane->pieces[0].first_id);
	}
	return 0;
}

/* --- writing ------------------------------------------------------------------------------------ */

static int begin_segment(struct lane *lane, uint64_t now_us)
{
	struct jem_segment_header header = { .first_id = lane->next_id, .created_us = now_us };
	struct piece piece = { .first_id = lane->next_id,
			       .end_id = lane->next_id,
			       .bytes = JEM_SEGMENT_HEADER_BYTES,
			       .created_us = now_us };
	char name[SPOOL_NAME_SIZE];
	int status;

	memcpy(header.last, lane->last, sizeof(header.last));
	jem_segment_close(&lane->writing);
	piece_name(lane, &piece, name);
	status = jem_segment_create(lane->spool->folder, name, &header, &lane->writing);
	if (status == -EEXIST) {
		/* One of ours without a whole frame in it. */
		unlinkat(lane->spool->folder, name, 0);
		if (lane->count && lane->pieces[lane->count - 1].first_id == piece.first_id)
			lane->spool->bytes -= lane->pieces[--lane->count].bytes;
		status = jem_segment_create(lane->spool->folder, name, &header, &lane->writing);
	}
	if (status < 0)
		return status;
	status = add_piece(lane, &piece);
	if (status < 0) {
		jem_segment_close(&lane->writing);
		unlinkat(lane->spool->folder, name, 0);
		return status;
	}
	lane->spool->bytes += piece.bytes;
	return 0;
}

int lane_append(struct lane *lane, struct jem_frame *frame, const void *body, uint64_t now_us)
{
	uint64_t max = lane->spool->options.segment_bytes;
	struct piece *piece;
	int status;

	if (lane->writing.fd < 0 || lane->writing.end >= max) {
		status = begin_segment(lane, now_us);
		if (status < 0)
			return status;
	}
	frame->id = lane->next_id;
	status = jem_segment_append(&lane->writing, frame, body);
	if (status < 0)
		return status;
	piece = &lane->pieces[lane->count - 1];
	lane->spool->bytes += lane->writing.end - piece->bytes;
	piece->bytes = lane->writing.end;
	piece->end_id = ++lane->next_id;
	piece->written_us = now_us;
	lane->last[frame->kind] =
		(struct jem_spool_last){ .epoch = frame->epoch, .seq = frame->seq };
	return 0;
}

/* --- what was late -------------------------------------------------------------------------------- */

static void read_late(struct lane *lane, struct piece *piece, uint64_t from_us, enum jem_kind kind,
		      struct jem_buf *body, jem_spool_late_fn fn, void *arg)
{
	struct jem_frame frame;

	open_reading(lane, piece);
	while (next_frame(lane, piece, &frame) > 0) {
		if (frame.kind != kind || frame.time_us < from_us)
			continue;
		jem_buf_clear(body);
		if (jem_segment_body(&lane->reading, lane->scan.at, &frame, body) == 0)
			fn(arg, body->data, body->len);
	}
}

void lane_each_late(struct lane *lane, enum jem_kind kind, jem_spool_late_fn fn, void *arg)
{
	uint64_t last_us = 0;
	struct jem_buf body;

	jem_buf_init(&body, 0);
	for (size_t i = 0; i < lane->count; i++)
		if (lane->pieces[i].written_us > last_us)
			last_us = lane->pieces[i].written_us;
	for (size_t i = lane->count > LATE_PIECES ? lane->count - LATE_PIECES : 0; i < lane->count;
	     i++)
		if (lane->pieces[i].written_us + JEM_SPOOL_LATE_US >= last_us)
			read_late(lane, &lane->pieces[i], last_us - JEM_SPOOL_LATE_US, kind, &body,
				  fn, arg);
	jem_segment_close(&lane->reading);
	jem_buf_deinit(&body);
}

/* --- leaving ------------------------------------------------------------------------------------ */

static void remove_oldest(struct lane *lane)
{
	struct piece *piece = &lane->pieces[0];
	char name[SPOOL_NAME_SIZE];

	if (lane->reading_first_id == piece->first_id)
		jem_segment_close(&lane->reading);
	if (lane->count == 1)
		jem_segment_close(&lane->writing);
	piece_name(lane, piece, name);
	unlinkat(lane->spool->folder, name, 0);
	lane->spool->bytes -= piece->bytes;
	memmove(lane->pieces, lane->pieces + 1, --lane->count * sizeof(*piece));
}

bool lane_evict(struct lane *lane)
{
	struct jem_frame frame;
	char name[SPOOL_NAME_SIZE];
	uint64_t end_id;

	if (!lane->count)
		return false;
	end_id = lane->pieces[0].end_id;
	open_reading(lane, &lane->pieces[0]);
	while (next_frame(lane, &lane->pieces[0], &frame) > 0)
		if (!jem_acked_has(&lane->acked, frame.id) && lane->spool->options.on_lost)
			lane->spool->options.on_lost(lane->spool->options.arg, &frame,
						     JEM_CAUSE_evicted);
	jem_acked_advance(&lane->acked, end_id);
	acked_name(lane, name);
	jem_acked_save(&lane->acked, lane->spool->folder, name, lane->spool->options.is_power);
	remove_oldest(lane);
	return true;
}

/* A clock that was set back must not keep a segment for ever. */
static bool is_late(const struct piece *piece, uint64_t now_us)
{
	return piece->written_us <= now_us && now_us - piece->written_us < JEM_SPOOL_LATE_US;
}

void lane_tidy(struct lane *lane, uint64_t now_us, bool is_end)
{
	char name[SPOOL_NAME_SIZE];
	bool is_all = lane->acked.base >= lane->next_id;
	int status;

	acked_name(lane, name);
	status = jem_acked_save(&lane->acked, lane->spool->folder, name,
				lane->spool->options.is_power);
	/* A segment goes only after what is acked in it is on record. */
	if (status < 0)
		return;
	while (lane->count && lane->pieces[0].end_id <= lane->acked.base &&
	       (is_end || !is_late(&lane->pieces[0], now_us))) {
		bool is_last = lane->count == 1;

		/* One stays, for its header says what was spooled last; a fresh one is enough for that. */
		if (is_last && lane->writing.fd >= 0 && !is_end &&
		    (!is_all || lane->pieces[0].bytes < TIDY_BYTES ||
		     begin_segment(lane, now_us) < 0))
			break;
		remove_oldest(lane);
	}
	if (is_end && is_all && !lane->count)
		unlinkat(lane->spool->folder, name, 0);
}

uint64_t lane_bytes(const struct lane *lane)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < lane->count; i++)
		bytes += lane->pieces[i].bytes;
	return bytes;
}
