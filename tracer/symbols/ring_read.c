/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/ring_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	RING_BYTES_MIN = 4096,
	RING_BYTES_MAX = 1 << 30,
	EDGES_MAX = 1 << 24,
	WORD = 8,
};

static bool is_power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

/* `count` elements of `size` bytes at `offset`, aligned, all inside. */
static bool lies_inside(uint64_t offset, uint64_t count, uint64_t size, uint64_t len)
{
	return offset % WORD == 0 && offset <= len && count <= (len - offset) / size;
}

static int check_header(const struct jem_ring_header *header, size_t len, struct jem_err *err)
{
	if (memcmp(header->magic, JEM_RING_MAGIC, sizeof(header->magic)))
		return jem_err_set(err, -EBADMSG, "not a file of rings");
	if (header->version != JEM_RING_VERSION)
		return jem_err_set(err, -EBADMSG, "rings of version %u, this program reads %u",
				   header->version, JEM_RING_VERSION);
	if (header->file_bytes > len)
		return jem_err_set(err, -EBADMSG, "cut: %zu bytes of %llu", len,
				   (unsigned long long)header->file_bytes);
	if (header->clock != JEM_RING_TSC && header->clock != JEM_RING_MONOTONIC)
		return jem_err_set(err, -EBADMSG, "an unknown clock");
	if (!is_power_of_two(header->ring_bytes) || header->ring_bytes < RING_BYTES_MIN ||
	    header->ring_bytes > RING_BYTES_MAX)
		return jem_err_set(err, -EBADMSG, "rings of %u bytes", header->ring_bytes);
	if (!is_power_of_two(header->edge_count) || header->edge_count > EDGES_MAX)
		return jem_err_set(err, -EBADMSG, "trees of %u nodes", header->edge_count);
	if (!header->thread_count || header->thread_count > JEM_RING_READ_THREADS_MAX)
		return jem_err_set(err, -EBADMSG, "%u threads", header->thread_count);
	if (header->module_max > JEM_RING_READ_MODULES_MAX)
		return jem_err_set(err, -EBADMSG, "%u modules", header->module_max);
	if (!lies_inside(header->modules_offset, header->module_max, sizeof(struct jem_ring_module),
			 len) ||
	    !lies_inside(header->threads_offset, header->thread_count,
			 sizeof(struct jem_ring_thread), len) ||
	    !lies_inside(header->rings_offset, header->thread_count, header->ring_bytes, len) ||
	    !lies_inside(header->edges_offset, header->thread_count,
			 sizeof(struct jem_ring_edge) * (uint64_t)header->edge_count, len))
		return jem_err_set(err, -EBADMSG, "a table beyond the end of the file");
	return 0;
}

static struct jem_ring_thread *thread_at(const struct jem_ring_read *reader, uint32_t thread)
{
	uint8_t *table = reader->bytes + reader->header.threads_offset;

	return (struct jem_ring_thread *)(void *)table + thread;
}

static const struct jem_ring_header *shared_header(const struct jem_ring_read *reader)
{
	return (const struct jem_ring_header *)(const void *)reader->bytes;
}

static uint64_t load(const uint64_t *shared)
{
	return __atomic_load_n(shared, __ATOMIC_RELAXED);
}

static uint32_t load32(const uint32_t *shared)
{
	return __atomic_load_n(shared, __ATOMIC_RELAXED);
}

static bool is_sound(const struct jem_ring_read *reader, uint64_t head, uint64_t tail)
{
	return head % WORD == 0 && tail % WORD == 0 && head - tail <= reader->header.ring_bytes;
}

int jem_ring_read_open(struct jem_ring_read *ret, void *bytes, size_t len, bool is_writable,
		       struct jem_err *err)
{
	struct jem_ring_read reader = { .bytes = bytes, .is_writable = is_writable };
	int status;

	if (len < sizeof(reader.header))
		return jem_err_set(err, -EBADMSG, "not a file of rings: %zu bytes", len);
	memcpy(&reader.header, bytes, sizeof(reader.header));
	status = check_header(&reader.header, len, err);
	if (status < 0)
		return status;
	reader.cursors = calloc(reader.header.thread_count, sizeof(*reader.cursors));
	reader.record = calloc(JEM_RECORD_WORDS_MAX, sizeof(*reader.record));
	if (!reader.cursors || !reader.record) {
		jem_ring_read_close(&reader);
		return jem_err_set(err, -ENOMEM, "no memory for %u threads",
				   reader.header.thread_count);
	}
	/* Where an earlier reader stopped. */
	for (uint32_t i = 0; i < reader.header.thread_count; i++)
		reader.cursors[i].tail = load(&thread_at(&reader, i)->tail);
	*ret = reader;
	return 0;
}

void jem_ring_read_close(struct jem_ring_read *reader)
{
	free(reader->cursors);
	free(reader->record);
	reader->cursors = NULL;
	reader->record = NULL;
}

static int mark_broken(struct jem_ring_cursor *cursor)
{
	cursor->is_broken = true;
	cursor->limit = cursor->tail;
	return -EBADMSG;
}

uint64_t jem_ring_read_begin(struct jem_ring_read *reader, uint32_t thread)
{
	struct jem_ring_cursor *cursor = &reader->cursors[thread];
	/* Pairs with the release of head after a record was written. */
	uint64_t head = __atomic_load_n(&thread_at(reader, thread)->head, __ATOMIC_ACQUIRE);

	if (cursor->is_broken)
		return 0;
	if (!is_sound(reader, head, cursor->tail)) {
		mark_broken(cursor);
		return 0;
	}
	cursor->limit = head;
	return head - cursor->tail;
}

/* Words before the values, 0: no such kind. */
static unsigned fixed_part(unsigned kind)
{
	switch (kind) {
	case JEM_RECORD_ENTER:
		return JEM_RECORD_ENTER_WORDS;
	case JEM_RECORD_EXIT:
	case JEM_RECORD_JUMP:
		return JEM_RECORD_EXIT_WORDS;
	case JEM_RECORD_UNKNOWN_ENTER:
	case JEM_RECORD_UNKNOWN_EXIT:
		return JEM_RECORD_UNKNOWN_WORDS;
	default:
		return 0;
	}
}

/* Takes the reader's own copy apart. False: not a record. */
static bool parse(const uint64_t *words, unsigned count, struct jem_ring_entry *ret)
{
	struct jem_ring_parts parts = { 0 };
	unsigned at;

	memcpy(&ret->record, words, WORD);
	at = fixed_part(ret->record.kind);
	if (!at || at > count)
		return false;
	ret->record.ticks = words[1];
	ret->record.frame = words[2];
	ret->record.callsite = at > JEM_RECORD_EXIT_WORDS ? words[3] : 0;
	ret->record.site_pc = at > JEM_RECORD_ENTER_WORDS ? words[4] : 0;
	if (ret->record.flags & JEM_RECORD_VALUES) {
		if (at == count)
			return false;
		memcpy(&parts, &words[at++], sizeof(parts));
		if ((unsigned)parts.site_words + parts.caller_words > count - at)
			return false;
	}
	ret->site_words = parts.site_words;
	ret->caller_words = parts.caller_words;
	ret->caller_site = parts.caller_site;
	ret->site = parts.site_words ? words + at : NULL;
	ret->caller = parts.caller_words ? words + at + parts.site_words : NULL;
	return true;
}

static const uint64_t *ring_at(const struct jem_ring_read *reader, uint32_t thread)
{
	const uint8_t *rings = reader->bytes + reader->header.rings_offset;

	return (const uint64_t *)(const void *)(rings +
						(uint64_t)thread * reader->header.ring_bytes);
}

int jem_ring_read_next(struct jem_ring_read *reader, uint32_t thread, struct jem_ring_entry *ret)
{
	struct jem_ring_cursor *cursor = &reader->cursors[thread];
	const uint64_t *ring = ring_at(reader, thread);

	while (cursor->tail != cursor->limit) {
		uint64_t at = cursor->tail & (reader->header.ring_bytes - 1);
		uint64_t left = cursor->limit - cursor->tail;
		uint64_t to_end = reader->header.ring_bytes - at;
		struct jem_ring_record first;

		/* The process may change the words at any time: this one is looked at once. */
		reader->record[0] = load(ring + at / WORD);
		memcpy(&first, reader->record, WORD);
		if (first.kind == JEM_RECORD_SKIP) {
			if (to_end > left)
				return mark_broken(cursor);
			cursor->tail += to_end;
			continue;
		}
		if (!first.words || first.words > JEM_RECORD_WORDS_MAX ||
		    first.words * (uint64_t)WORD > left || first.words * (uint64_t)WORD > to_end)
			return mark_broken(cursor);
		memcpy(reader->record + 1, ring + at / WORD + 1,
		       (first.words - 1u) * sizeof(*ring));
		if (!parse(reader->record, first.words, ret))
			return mark_broken(cursor);
		cursor->tail += first.words * (uint64_t)WORD;
		cursor->records += first.kind != JEM_RECORD_JUMP;
		return 1;
	}
	return 0;
}

void jem_ring_read_release(struct jem_ring_read *reader, uint32_t thread)
{
	struct jem_ring_cursor *cursor = &reader->cursors[thread];

	/* Pairs with the acquire of tail before a record is written over what was read. */
	if (reader->is_writable && !cursor->is_broken)
		__atomic_store_n(&thread_at(reader, thread)->tail, cursor->tail, __ATOMIC_RELEASE);
}

void jem_ring_read_thread_account(const struct jem_ring_read *reader, uint32_t thread,
				  struct jem_ring_account *ret)
{
	const struct jem_ring_thread *shared = thread_at(reader, thread);
	const struct jem_ring_cursor *cursor = &reader->cursors[thread];

	*ret = (struct jem_ring_account){
		.seen = load(&shared->seen),
		.written = load(&shared->written),
		.dropped = load(&shared->dropped),
		.limited = load(&shared->limited),
		.unwound = load(&shared->unwound),
		.edges_lost = load(&shared->edges_lost),
		.records = cursor->records,
		.broken = cursor->is_broken,
	};
	if (cursor->is_broken && ret->written > ret->records)
		ret->lost = ret->written - ret->records;
}

void jem_ring_read_account(const struct jem_ring_read *reader, struct jem_ring_account *ret)
{
	const struct jem_ring_header *shared = shared_header(reader);
	struct jem_ring_account sum = {
		.unslotted = load(&shared->calls_unslotted),
		.modules_lost = load32(&shared->modules_lost),
		.patched = load32(&shared->patched),
		.unpatchable = load32(&shared->unpatchable),
		.plan_faults = load32(&shared->plan_faults),
		.guard = load32(&shared->guard),
	};

	for (uint32_t i = 0; i < reader->header.thread_count; i++) {
		struct jem_ring_account one;

		jem_ring_read_thread_account(reader, i, &one);
		sum.seen += one.seen;
		sum.written += one.written;
		sum.dropped += one.dropped;
		sum.limited += one.limited;
		sum.unwound += one.unwound;
		sum.edges_lost += one.edges_lost;
		sum.records += one.records;
		sum.lost += one.lost;
		sum.broken += one.broken;
	}
	*ret = sum;
}

void jem_ring_read_slot(const struct jem_ring_read *reader, uint32_t thread,
			struct jem_ring_slot *ret)
{
	const struct jem_ring_thread *shared = thread_at(reader, thread);

	/* Pairs with the release of the state: what an ended thread wrote before it is seen. */
	ret->state = __atomic_load_n(&shared->state, __ATOMIC_ACQUIRE);
	ret->tid = load32(&shared->tid);
	ret->depth = load32(&shared->depth);
	if (ret->state > JEM_THREAD_ENDED)
		ret->state = JEM_THREAD_LIVE;
}

int jem_ring_read_free(struct jem_ring_read *reader, uint32_t thread)
{
	struct jem_ring_thread *shared = thread_at(reader, thread);

	uint32_t state = __atomic_load_n(&shared->state, __ATOMIC_ACQUIRE);

	if (!reader->is_writable)
		return -EROFS;
	if (reader->cursors[thread].is_broken)
		return -EPERM;
	if (__atomic_load_n(&shared->head, __ATOMIC_ACQUIRE) != reader->cursors[thread].tail)
		return -EBUSY;
	if (state == JEM_THREAD_FREE) /* it may have a new owner by now */
		return 0;
	jem_ring_read_release(reader, thread);
	/* A new owner takes the slot with an acquire, and so sees the tail. */
	__atomic_compare_exchange_n(&shared->state, &state, JEM_THREAD_FREE, false,
				    __ATOMIC_RELEASE, __ATOMIC_RELAXED);
	return 0;
}

bool jem_ring_read_edge(const struct jem_ring_read *reader, uint32_t thread, uint32_t index,
			struct jem_ring_edge *ret)
{
	const uint8_t *edges = reader->bytes + reader->header.edges_offset;
	uint64_t at = (uint64_t)thread * reader->header.edge_count + index;
	const struct jem_ring_edge *shared = (const struct jem_ring_edge *)(const void *)edges + at;
	struct jem_ring_edge edge = { .function = load32(&shared->function) };

	if (!edge.function)
		return false;
	edge.parent = load32(&shared->parent);
	if (edge.parent > reader->header.edge_count && edge.parent != JEM_EDGE_ELSEWHERE)
		return false;
	edge.returns = load(&shared->returns);
	edge.calls = load(&shared->calls);
	edge.total = load(&shared->total);
	edge.self = load(&shared->self);
	edge.min = load(&shared->min);
	edge.max = load(&shared->max);
	edge.recorded = load(&shared->recorded);
	*ret = edge;
	return true;
}

uint32_t jem_ring_read_module_count(const struct jem_ring_read *reader)
{
	uint32_t seen = __atomic_load_n(&shared_header(reader)->modules_seen, __ATOMIC_ACQUIRE);

	return seen < reader->header.module_max ? seen : reader->header.module_max;
}

int jem_ring_read_module(const struct jem_ring_read *reader, uint32_t index,
			 struct jem_ring_module *ret)
{
	const uint8_t *modules = reader->bytes + reader->header.modules_offset;
	const struct jem_ring_module *shared =
		(const struct jem_ring_module *)(const void *)modules + index;
	struct jem_ring_module module;
	uint32_t state;

	if (index >= reader->header.module_max)
		return -EBADMSG;
	/* Pairs with the release of the state after the other fields. */
	state = __atomic_load_n(&shared->state, __ATOMIC_ACQUIRE);
	if (state == JEM_MODULE_EMPTY || state > JEM_MODULE_CLOSED)
		return -EBADMSG;
	memcpy(&module, shared, sizeof(module));
	module.state = state;
	if (module.build_id_len > JEM_RING_BUILD_MAX || module.start > module.end ||
	    !memchr(module.path, '\0', sizeof(module.path)))
		return -EBADMSG;
	*ret = module;
	return (int)state;
}
