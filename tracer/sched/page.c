/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/sched/page.h"

#include <string.h>

enum {
	STAMP_BYTES = 8,
	HEAD_BYTES = 4, /* of a record */
	TYPE_BITS = 5,
	DELTA_BITS = 27,
	PADDING = 29,
	EXTEND = 30,
	STAMP = 31,
};

#define COMMIT_MASK ((1u << 27) - 1)
#define MISSED      (1u << 31) /* events were lost before this page */
#define MISSED_HERE (1u << 30) /* how many stands behind the data */
#define STAMP_TOP   (UINT64_C(0x1f) << 59)

/* Where a page is read. */
struct cursor {
	const uint8_t *at, *end;
	uint64_t stamp;
};

static uint32_t load32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t load64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint32_t number(const uint8_t *data, struct jem_sched_field field)
{
	uint16_t half;

	if (field.size >= 4)
		return load32(data + field.offset);
	if (field.size == 1)
		return data[field.offset];
	memcpy(&half, data + field.offset, sizeof(half));
	return half;
}

static uint32_t name(struct jem_sched_decoder *decoder, const uint8_t *data, size_t len,
		     struct jem_sched_field field)
{
	char text[JEM_SCHED_COMM_BYTES] = { 0 };
	size_t offset = field.offset;
	size_t size = field.size;

	if (field.place == JEM_SCHED_FIXED && size == sizeof(text))
		return jem_sched_names_add(decoder->names, data + offset);
	if (field.place == JEM_SCHED_ABSENT)
		return JEM_SCHED_NONE;
	if (field.place != JEM_SCHED_FIXED) {
		uint32_t where = load32(data + offset);

		size = where >> 16;
		offset = (where & 0xffff) +
			 (field.place == JEM_SCHED_REL_LOC ? offset + field.size : 0);
	}
	if (offset > len || size > len - offset)
		return JEM_SCHED_NONE;
	memcpy(text, data + offset, size < sizeof(text) - 1 ? size : sizeof(text) - 1);
	return jem_sched_names_add(decoder->names, text);
}

/* The two names of a switch. The one that leaves is mostly the one that came. */
static void switch_names(struct jem_sched_decoder *decoder, const uint8_t *data, size_t len,
			 const struct jem_sched_layout *layout, struct jem_sched_event *event)
{
	bool is_plain = layout->comm.place == JEM_SCHED_FIXED &&
			layout->comm.size == JEM_SCHED_COMM_BYTES &&
			layout->pid_comm.place == JEM_SCHED_FIXED &&
			layout->pid_comm.size == JEM_SCHED_COMM_BYTES;

	if (is_plain && decoder->came.is_known &&
	    !memcmp(data + layout->pid_comm.offset, decoder->came.words, JEM_SCHED_COMM_BYTES))
		event->pid_comm = decoder->came.index;
	else
		event->pid_comm = name(decoder, data, len, layout->pid_comm);
	event->comm = name(decoder, data, len, layout->comm);
	decoder->came.is_known = is_plain;
	if (is_plain) {
		memcpy(decoder->came.words, data + layout->comm.offset, JEM_SCHED_COMM_BYTES);
		decoder->came.index = event->comm;
	}
}

static int64_t ns_of(struct jem_sched_decoder *decoder, uint64_t stamp)
{
	if (decoder->multiplier)
		stamp = (uint64_t)((unsigned __int128)stamp * decoder->multiplier >>
				   decoder->shift) +
			decoder->offset;
	if (stamp >=
	    INT64_MAX) /* no clock reaches it; INT64_MAX itself means that a lane has ended */
		return INT64_MAX - 1;
	return (int64_t)stamp;
}

static int64_t step(struct jem_sched_decoder *decoder, uint64_t stamp)
{
	int64_t ns = ns_of(decoder, stamp);

	if (ns < decoder->last_ns) {
		decoder->backward++;
		return decoder->last_ns;
	}
	return decoder->last_ns = ns;
}

static struct jem_sched_event *lost(struct jem_sched_decoder *decoder, uint64_t stamp,
				    uint64_t count, struct jem_sched_event *ret)
{
	decoder->lost += count;
	decoder->came.is_known = false;
	*ret = (struct jem_sched_event){
		.ns = step(decoder, stamp),
		.other = -1,
		.pid = -1,
		.detail = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count,
		.comm = JEM_SCHED_NONE,
		.pid_comm = JEM_SCHED_NONE,
		.cpu = decoder->cpu,
		.type = JEM_SCHED_LOST,
	};
	return ret + 1;
}

/* One record of `len` bytes: none, one or two events. */
static struct jem_sched_event *decode(struct jem_sched_decoder *decoder, uint64_t stamp,
				      const uint8_t *data, size_t len, struct jem_sched_event *ret)
{
	const struct jem_sched_format *format = decoder->format;
	unsigned index;
	int64_t ns;

	decoder->records++;
	if (len < format->common_end) {
		decoder->damaged++;
		return ret;
	}
	index = format->of_id[number(data, format->id)];
	if (!index)
		return ret;
	ns = step(decoder, stamp);
	for (; index; index = format->layouts[index].also) {
		const struct jem_sched_layout *layout = &format->layouts[index];

		if (len < layout->need) {
			decoder->damaged++;
			return ret;
		}
		ret->ns = ns;
		ret->pid = (int32_t)number(data, layout->pid);
		ret->other = (int32_t)number(data, layout->other);
		ret->detail = layout->detail.place ? number(data, layout->detail) : 0;
		if (layout->detail_low.place)
			ret->detail =
				ret->detail << 16 | (number(data, layout->detail_low) & 0xffff);
		ret->cpu = decoder->cpu;
		ret->type = layout->type;
		if (layout->type == JEM_SCHED_SWITCH) {
			switch_names(decoder, data, len, layout, ret);
		} else {
			ret->comm = name(decoder, data, len, layout->comm);
			ret->pid_comm = name(decoder, data, len, layout->pid_comm);
		}
		ret++;
	}
	return ret;
}

/* An absolute time has 59 bits; the rest is that of the time before, or one more. */
static uint64_t absolute(uint64_t low, uint64_t before)
{
	uint64_t stamp = low | (before & STAMP_TOP);

	if ((before & STAMP_TOP) && stamp < before)
		stamp += UINT64_C(1) << 59;
	return stamp;
}

/*
 * The next record: its length with the head, 0 at the end of the page, -1 if it is damaged. *data is NULL
 * where it is none but a time or a hole.
 */
static ptrdiff_t next(struct cursor *cursor, const uint8_t **data, size_t *len)
{
	size_t left = (size_t)(cursor->end - cursor->at);
	uint32_t head;
	uint32_t type;
	uint64_t delta;
	size_t word;

	*data = NULL;
	if (left < HEAD_BYTES)
		return left ? -1 : 0;
	head = load32(cursor->at);
	type = head & ((1u << TYPE_BITS) - 1);
	delta = head >> TYPE_BITS;
	if (type == PADDING && !delta)
		return 0; /* the rest was never written */
	if (type > 0 && type < PADDING) {
		*len = type * 4;
		*data = cursor->at + HEAD_BYTES;
		cursor->stamp += delta;
		return *len <= left - HEAD_BYTES ? (ptrdiff_t)(HEAD_BYTES + *len) : -1;
	}
	if (left < HEAD_BYTES + 4)
		return -1;
	word = load32(cursor->at + HEAD_BYTES);
	if (type == EXTEND) {
		cursor->stamp += (uint64_t)word << DELTA_BITS | delta;
		return HEAD_BYTES + 4;
	}
	if (type == STAMP) {
		cursor->stamp = absolute((uint64_t)word << DELTA_BITS | delta, cursor->stamp);
		return HEAD_BYTES + 4;
	}
	cursor->stamp += delta;
	if (word < 4 || word > left - HEAD_BYTES)
		return -1;
	if (type == 0) {
		*len = word - 4;
		*data = cursor->at + HEAD_BYTES + 4;
	}
	word = (word + 3) & ~(size_t)3;
	return (ptrdiff_t)(word > left - HEAD_BYTES ? left : HEAD_BYTES + word);
}

size_t jem_sched_page_decode(struct jem_sched_decoder *decoder, const uint8_t *page, size_t len,
			     struct jem_sched_event *ret)
{
	size_t head = STAMP_BYTES + decoder->format->commit_size;
	struct jem_sched_event *event = ret;
	struct cursor cursor;
	const uint8_t *data;
	ptrdiff_t size = 0;
	size_t data_len = 0;
	uint32_t commit;
	size_t filled;

	if (len < head) {
		decoder->damaged++;
		return 0;
	}
	commit = load32(page + STAMP_BYTES);
	filled = commit & COMMIT_MASK;
	cursor = (struct cursor){ page + head, page + head + filled, load64(page) };
	if (filled > len - head)
		cursor.end = page + len;
	if (commit & MISSED) {
		uint64_t count = 0;

		if (commit & MISSED_HERE && len - head >= filled &&
		    len - head - filled >= decoder->format->commit_size)
			count = decoder->format->commit_size == 8 ? load64(cursor.end)
								  : load32(cursor.end);
		event = lost(decoder, cursor.stamp, count, event);
	}
	while (cursor.at < cursor.end && (size = next(&cursor, &data, &data_len)) > 0) {
		if (data)
			event = decode(decoder, cursor.stamp, data, data_len, event);
		cursor.at += size;
	}
	if (size < 0 || filled > len - head) {
		decoder->damaged++;
		event = lost(decoder, cursor.stamp, 0, event);
	}
	return (size_t)(event - ret);
}

int64_t jem_sched_page_time(const struct jem_sched_decoder *decoder, const uint8_t *page,
			    size_t len)
{
	struct jem_sched_decoder copy = *decoder;

	return len < STAMP_BYTES ? 0 : ns_of(&copy, load64(page));
}
