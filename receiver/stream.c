/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/stream.h"

#include <stdlib.h>
#include <string.h>

/* Index of the first range that ends at `number` or above. */
static size_t find_range(const struct jem_ranges *ranges, uint64_t number)
{
	size_t low = 0;
	size_t high = ranges->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges->at[middle].last < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void erase_range(struct jem_ranges *ranges, size_t i)
{
	ranges->count--;
	memmove(&ranges->at[i], &ranges->at[i + 1], (ranges->count - i) * sizeof(*ranges->at));
}

static void give_up_oldest(struct jem_ranges *ranges)
{
	ranges->given_up += ranges->at[0].last - ranges->at[0].first + 1;
	erase_range(ranges, 0);
}

/* Opens a place at *i; without memory the oldest range gives way, or the new one is given up. */
static bool insert_range(struct jem_ranges *ranges, size_t *i, struct jem_range range)
{
	if (ranges->count == ranges->cap && ranges->cap < JEM_RANGES_MAX) {
		size_t cap = ranges->cap ? ranges->cap * 2 : 4;
		struct jem_range *at = realloc(ranges->at, cap * sizeof(*at));

		if (at) {
			ranges->at = at;
			ranges->cap = cap;
		}
	}
	if (ranges->count == ranges->cap) {
		if (!*i || !ranges->count) {
			ranges->given_up += range.last - range.first + 1;
			return false;
		}
		give_up_oldest(ranges);
		--*i;
	}
	memmove(&ranges->at[*i + 1], &ranges->at[*i], (ranges->count - *i) * sizeof(*ranges->at));
	ranges->at[*i] = range;
	ranges->count++;
	return true;
}

void jem_ranges_add(struct jem_ranges *ranges, uint64_t first, uint64_t last)
{
	size_t i = find_range(ranges, first ? first - 1 : 0);
	struct jem_range *at = ranges->at;

	/* Everything that touches [first, last] becomes one range. */
	if (i < ranges->count && (last == UINT64_MAX || at[i].first <= last + 1)) {
		if (first < at[i].first)
			at[i].first = first;
		if (last > at[i].last)
			at[i].last = last;
		while (i + 1 < ranges->count &&
		       (at[i].last == UINT64_MAX || at[i + 1].first <= at[i].last + 1)) {
			if (at[i + 1].last > at[i].last)
				at[i].last = at[i + 1].last;
			erase_range(ranges, i + 1);
		}
		return;
	}
	insert_range(ranges, &i, (struct jem_range){ first, last });
}

void jem_ranges_remove(struct jem_ranges *ranges, uint64_t number)
{
	size_t i = find_range(ranges, number);
	struct jem_range *range = &ranges->at[i];

	if (i == ranges->count || range->first > number)
		return;
	if (range->first == range->last) {
		erase_range(ranges, i);
	} else if (range->first == number) {
		range->first++;
	} else if (range->last == number) {
		range->last--;
	} else {
		struct jem_range above = { number + 1, range->last };

		range->last = number - 1;
		i++;
		insert_range(ranges, &i, above);
	}
}

bool jem_ranges_contain(const struct jem_ranges *ranges, uint64_t number)
{
	size_t i = find_range(ranges, number);

	return i < ranges->count && ranges->at[i].first <= number;
}

uint64_t jem_ranges_length(const struct jem_ranges *ranges)
{
	uint64_t length = ranges->given_up;

	for (size_t i = 0; i < ranges->count; i++)
		length += ranges->at[i].last - ranges->at[i].first + 1;
	return length;
}

void jem_ranges_deinit(struct jem_ranges *ranges)
{
	free(ranges->at);
	*ranges = (struct jem_ranges){ 0 };
}

void jem_stream_init(struct jem_stream *stream, const char *node, const char *epoch,
		     enum jem_kind kind)
{
	*stream = (struct jem_stream){ .kind = kind };
	strncpy(stream->node, node, sizeof(stream->node) - 1);
	strncpy(stream->epoch, epoch, sizeof(stream->epoch) - 1);
}

void jem_stream_deinit(struct jem_stream *stream)
{
	jem_ranges_deinit(&stream->missing);
	jem_ranges_deinit(&stream->evicted);
	jem_ranges_deinit(&stream->thinned);
	jem_ranges_deinit(&stream->doubtful);
}

bool jem_stream_has_seen(const struct jem_stream *stream, uint64_t seq)
{
	return seq < stream->next_seq && seq >= stream->join_seq &&
	       !jem_ranges_contain(&stream->missing, seq);
}

/* Moves the edges so that `seq` is within, and takes it off what is missing. */
static void mark_seen(struct jem_stream *stream, uint64_t seq)
{
	if (seq >= stream->next_seq) {
		if (seq > stream->next_seq)
			jem_ranges_add(&stream->missing, stream->next_seq, seq - 1);
		stream->next_seq = seq + 1;
	} else if (seq < stream->join_seq) {
		/* From the first batch on that came, none is expected to be lacking. */
		if (seq + 1 < stream->join_seq)
			jem_ranges_add(&stream->missing, seq + 1, stream->join_seq - 1);
		stream->join_seq = seq;
	} else {
		jem_ranges_remove(&stream->missing, seq);
	}
	stream->batches++;
}

static void note_head(struct jem_stream *stream, const struct jem_head *head)
{
	/* Totals never fall, so the largest is the latest, in whatever order batches come. */
	for (int i = 0; i < JEM_CAUSE_COUNT; i++)
		if (head->dropped[i] > stream->dropped[i])
			stream->dropped[i] = head->dropped[i];
	if (head->first + head->n > stream->next_record)
		stream->next_record = head->first + head->n;
	if (head->first < stream->join_record)
		stream->join_record = head->first;
	stream->is_final |= head->is_final;
}

static bool see_rest(struct jem_stream *stream, const struct jem_head *head, uint64_t *skip)
{
	uint64_t found = stream->resume_i < head->n ? stream->resume_i : head->n;

	stream->is_resuming = false;
	note_head(stream, head);
	if (found == head->n) {
		stream->duplicates++;
		return false;
	}
	stream->received += head->n - found;
	*skip = found;
	return true;
}

bool jem_stream_see(struct jem_stream *stream, const struct jem_head *head, bool is_live,
		    uint64_t *skip)
{
	*skip = 0;
	if (!stream->next_seq) {
		stream->join_seq = stream->next_seq = is_live ? head->seq : 0;
		stream->join_record = is_live ? head->first : 0;
	}
	if (jem_stream_has_seen(stream, head->seq)) {
		if (stream->is_resuming && head->seq == stream->resume_seq)
			return see_rest(stream, head, skip);
		if (jem_ranges_contain(&stream->doubtful, head->seq)) {
			jem_ranges_remove(&stream->doubtful, head->seq);
			note_head(stream, head);
			stream->received += head->n - 1;
			return true;
		}
		stream->duplicates++;
		return false;
	}
	mark_seen(stream, head->seq);
	note_head(stream, head);
	stream->received += head->n;
	stream->heartbeats += !head->n;
	return true;
}

void jem_stream_unsee(struct jem_stream *stream, const struct jem_batch_mark *mark)
{
	stream->received -= mark->n - mark->skip;
	if (mark->skip) {
		jem_stream_resume(stream, mark->seq, mark->skip - 1);
		return;
	}
	stream->batches--;
	stream->heartbeats -= !mark->n;
	if (!stream->batches && !stream->told_seq) {
		jem_ranges_deinit(&stream->missing);
		stream->join_seq = stream->next_seq = 0;
		stream->join_record = stream->next_record = 0;
	} else if (mark->seq + 1 == stream->next_seq && mark->seq >= stream->told_seq) {
		stream->next_seq--;
		if (stream->next_record == mark->first + mark->n)
			stream->next_record = mark->first;
	} else {
		jem_ranges_add(&stream->missing, mark->seq, mark->seq);
	}
}

void jem_stream_tell(struct jem_stream *stream, uint64_t seq)
{
	if (seq >= stream->told_seq)
		stream->told_seq = seq + 1;
	if (seq < stream->next_seq)
		return;
	jem_ranges_add(&stream->missing, stream->next_seq, seq);
	stream->next_seq = seq + 1;
}

void jem_stream_find(struct jem_stream *stream, uint64_t seq, uint64_t i)
{
	if (!stream->next_seq)
		stream->join_seq = 0;
	if (!jem_stream_has_seen(stream, seq))
		mark_seen(stream, seq);
	jem_ranges_remove(&stream->doubtful, seq);
	jem_stream_resume(stream, seq, i);
	stream->received++;
	stream->records++;
}

void jem_stream_find_batch(struct jem_stream *stream, const struct jem_head *head)
{
	if (!stream->next_seq)
		stream->join_seq = 0;
	if (jem_stream_has_seen(stream, head->seq))
		return;
	mark_seen(stream, head->seq);
	note_head(stream, head);
	stream->received += head->n;
	stream->records += head->n;
}

void jem_stream_find_part(struct jem_stream *stream, uint64_t seq)
{
	if (!stream->next_seq)
		stream->join_seq = 0;
	if (jem_stream_has_seen(stream, seq))
		return;
	mark_seen(stream, seq);
	jem_ranges_add(&stream->doubtful, seq, seq);
	stream->received++;
}

void jem_stream_resume(struct jem_stream *stream, uint64_t seq, uint64_t i)
{
	bool is_same = stream->is_resuming && stream->resume_seq == seq;

	stream->is_resuming = true;
	stream->resume_seq = seq;
	/* Joined records stand after the others of their batch. */
	if (!is_same || stream->resume_i < i + 1)
		stream->resume_i = i + 1;
}

uint64_t jem_stream_records_missing(const struct jem_stream *stream)
{
	uint64_t announced = stream->next_record - stream->join_record;

	return announced > stream->received ? announced - stream->received : 0;
}
