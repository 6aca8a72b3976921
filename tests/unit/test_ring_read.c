/* SPDX-License-Identifier: Apache-2.0 */
/* Rings filled by hand, as the library in the job does, and as it never would. */
#include "tests/unit/check.h"
#include "tracer/symbols/ring_read.h"

#include <errno.h>
#include <pthread.h>

enum {
	RING = 4096,
	THREADS = 3,
	EDGES = 8,
	MODULES = 4
};

struct rings {
	uint8_t *bytes;
	size_t len;
	struct jem_ring_header *header;
	struct jem_ring_thread *threads;
	struct jem_ring_module *modules;
	struct jem_ring_edge *edges;
	struct jem_ring_read reader;
};

static void rings_make(struct rings *rings)
{
	uint64_t modules = sizeof(struct jem_ring_header);
	uint64_t threads = modules + MODULES * sizeof(struct jem_ring_module);
	uint64_t data = threads + THREADS * sizeof(struct jem_ring_thread);
	uint64_t edges = data + THREADS * RING;
	struct jem_ring_header header = {
		.version = JEM_RING_VERSION,
		.pid = 77,
		.clock = JEM_RING_MONOTONIC,
		.ring_bytes = RING,
		.edge_count = EDGES,
		.thread_count = THREADS,
		.module_max = MODULES,
		.modules_offset = modules,
		.threads_offset = threads,
		.rings_offset = data,
		.edges_offset = edges,
	};

	*rings = (struct rings){ .len = edges + THREADS * EDGES * sizeof(struct jem_ring_edge) };
	memcpy(header.magic, JEM_RING_MAGIC, sizeof(header.magic));
	header.file_bytes = rings->len;
	rings->bytes = calloc(1, rings->len);
	memcpy(rings->bytes, &header, sizeof(header));
	rings->header = (struct jem_ring_header *)(void *)rings->bytes;
	rings->modules = (struct jem_ring_module *)(void *)(rings->bytes + modules);
	rings->threads = (struct jem_ring_thread *)(void *)(rings->bytes + threads);
	rings->edges = (struct jem_ring_edge *)(void *)(rings->bytes + edges);
}

static void rings_open(struct rings *rings)
{
	struct jem_err err = { "" };

	rings_make(rings);
	if (jem_ring_read_open(&rings->reader, rings->bytes, rings->len, true, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
}

static void rings_close(struct rings *rings)
{
	jem_ring_read_close(&rings->reader);
	free(rings->bytes);
}

static uint64_t *word_at(struct rings *rings, uint32_t thread, uint64_t at)
{
	uint8_t *ring = rings->bytes + rings->header->rings_offset + (uint64_t)thread * RING;

	return (uint64_t *)(void *)(ring + at % RING);
}

/* The first word of a record. */
static uint64_t first_word(uint32_t site, unsigned words, unsigned kind, unsigned flags)
{
	struct jem_ring_record record = { .site = site,
					  .words = (uint16_t)words,
					  .kind = (uint8_t)kind,
					  .flags = (uint8_t)flags };
	uint64_t word;

	memcpy(&word, &record, sizeof(word));
	return word;
}

/* False: no room, counted as the library counts it. */
static bool put(struct rings *rings, uint32_t thread, const uint64_t *words, unsigned count)
{
	struct jem_ring_thread *slot = &rings->threads[thread];
	uint64_t head = slot->head;
	uint64_t to_end = RING - head % RING;
	uint64_t skip = to_end < count * 8ull ? to_end : 0;
	uint64_t tail = __atomic_load_n(&slot->tail, __ATOMIC_ACQUIRE);

	slot->seen++;
	if (head + skip + count * 8ull - tail > RING) {
		slot->dropped++;
		return false;
	}
	if (skip)
		*word_at(rings, thread, head) = first_word(0, 0, JEM_RECORD_SKIP, 0);
	memcpy(word_at(rings, thread, head + skip), words, count * sizeof(*words));
	__atomic_store_n(&slot->head, head + skip + count * 8ull, __ATOMIC_RELEASE);
	slot->written++;
	return true;
}

static bool put_enter(struct rings *rings, uint32_t thread, uint32_t site, uint64_t ticks)
{
	uint64_t words[4] = { first_word(site, 4, JEM_RECORD_ENTER, 0), ticks, 0x7ff0, 0x400 };

	return put(rings, thread, words, 4);
}

CASE(reads_every_kind_of_record)
{
	struct jem_ring_entry entry;
	struct rings rings;
	uint64_t enter[4] = { first_word(5, 4, JEM_RECORD_ENTER, JEM_RECORD_GAP), 10, 0x70, 0x40 };
	uint64_t leave[3] = { first_word(6, 3, JEM_RECORD_EXIT, 0), 20, 0x70 };
	uint64_t unknown[5] = { first_word(0, 5, JEM_RECORD_UNKNOWN_ENTER, 0), 30, 0x70, 0x41,
				0x99 };

	rings_open(&rings);
	put(&rings, 1, enter, 4);
	put(&rings, 1, leave, 3);
	put(&rings, 1, unknown, 5);
	CHECK_EQ(jem_ring_read_begin(&rings.reader, 0), 0);
	CHECK_EQ(jem_ring_read_begin(&rings.reader, 1), 12 * 8);
	CHECK_EQ(jem_ring_read_next(&rings.reader, 1, &entry), 1);
	CHECK_EQ(entry.record.site, 5);
	CHECK_EQ(entry.record.kind, JEM_RECORD_ENTER);
	CHECK_EQ(entry.record.flags, JEM_RECORD_GAP);
	CHECK_EQ(entry.record.ticks, 10);
	CHECK_EQ(entry.record.frame, 0x70);
	CHECK_EQ(entry.record.callsite, 0x40);
	CHECK_EQ(entry.record.site_pc, 0);
	CHECK(!entry.site && !entry.caller);
	CHECK_EQ(jem_ring_read_next(&rings.reader, 1, &entry), 1);
	CHECK_EQ(entry.record.kind, JEM_RECORD_EXIT);
	CHECK_EQ(entry.record.ticks, 20);
	CHECK_EQ(entry.record.callsite, 0);
	CHECK_EQ(jem_ring_read_next(&rings.reader, 1, &entry), 1);
	CHECK_EQ(entry.record.site_pc, 0x99);
	CHECK_EQ(jem_ring_read_next(&rings.reader, 1, &entry), 0);
	CHECK_EQ(rings.threads[1].tail, 0);
	jem_ring_read_release(&rings.reader, 1);
	CHECK_EQ(rings.threads[1].tail, 12 * 8);
	rings_close(&rings);
}

CASE(takes_parts_apart)
{
	struct jem_ring_parts parts = { .site_words = 2, .caller_words = 3, .caller_site = 9 };
	uint64_t words[10] = { first_word(1, 10, JEM_RECORD_ENTER, JEM_RECORD_VALUES), 1, 2, 3 };
	struct jem_ring_entry entry;
	struct rings rings;

	memcpy(&words[4], &parts, sizeof(parts));
	for (unsigned i = 5; i < 10; i++)
		words[i] = 100 + i;
	rings_open(&rings);
	put(&rings, 0, words, 10);
	jem_ring_read_begin(&rings.reader, 0);
	CHECK_EQ(jem_ring_read_next(&rings.reader, 0, &entry), 1);
	CHECK_EQ(entry.site_words, 2);
	CHECK_EQ(entry.site[0], 105);
	CHECK_EQ(entry.caller_words, 3);
	CHECK_EQ(entry.caller[2], 109);
	CHECK_EQ(entry.caller_site, 9);
	/* What the process writes now changes nothing. */
	*word_at(&rings, 0, 5 * 8) = 0;
	CHECK_EQ(entry.site[0], 105);
	rings_close(&rings);
}

CASE(goes_round_without_losing_any)
{
	struct jem_ring_entry entry;
	struct jem_ring_account account;
	struct rings rings;
	uint64_t wrote = 0;
	uint64_t read = 0;

	rings_open(&rings);
	for (unsigned round = 0; round < 500; round++) {
		for (unsigned i = 0; i < 1 + round % 140; i++)
			wrote += put_enter(&rings, 2, 1, wrote);
		jem_ring_read_begin(&rings.reader, 2);
		while (jem_ring_read_next(&rings.reader, 2, &entry) == 1)
			CHECK_EQ(entry.record.ticks, read++);
		jem_ring_read_release(&rings.reader, 2);
	}
	CHECK_EQ(read, wrote);
	jem_ring_read_account(&rings.reader, &account);
	CHECK_EQ(account.records, account.written);
	CHECK_EQ(account.seen, account.written + account.dropped);
	CHECK_GE(account.dropped, 1);
	CHECK_EQ(account.lost, 0);
	rings_close(&rings);
}

/* Five words do not divide the ring: rounds end with gaps of several sizes. */
CASE(skips_to_the_end_of_the_ring)
{
	struct jem_ring_entry entry;
	struct rings rings;
	uint64_t words[5] = { first_word(1, 5, JEM_RECORD_UNKNOWN_EXIT, 0) };

	rings_open(&rings);
	for (unsigned i = 0; i < 2000; i++) {
		words[1] = i;
		CHECK(put(&rings, 0, words, 5));
		CHECK_GE(jem_ring_read_begin(&rings.reader, 0), 40);
		CHECK_EQ(jem_ring_read_next(&rings.reader, 0, &entry), 1);
		CHECK_EQ(entry.record.ticks, i);
		CHECK_EQ(jem_ring_read_next(&rings.reader, 0, &entry), 0);
		jem_ring_read_release(&rings.reader, 0);
	}
	rings_close(&rings);
}

/* One broken record: the ring is given up, what was written to it counts, others go on. */
static void check_broken(const uint64_t *words, unsigned count, uint64_t head)
{
	struct jem_ring_account account;
	struct jem_ring_entry entry;
	struct rings rings;
	int status;

	rings_open(&rings);
	put_enter(&rings, 0, 1, 1);
	put_enter(&rings, 1, 1, 1);
	memcpy(word_at(&rings, 0, 32), words, count * sizeof(*words));
	rings.threads[0].head = head;
	rings.threads[0].written = 4;
	jem_ring_read_begin(&rings.reader, 0);
	while ((status = jem_ring_read_next(&rings.reader, 0, &entry)) == 1)
		;
	jem_ring_read_account(&rings.reader, &account);
	CHECK(status == -EBADMSG || (status == 0 && account.broken == 1));
	CHECK_EQ(account.broken, 1);
	CHECK_EQ(account.lost + account.records, 4);
	CHECK_EQ(jem_ring_read_begin(&rings.reader, 0), 0);
	CHECK_EQ(jem_ring_read_next(&rings.reader, 0, &entry), 0);
	CHECK_EQ(jem_ring_read_free(&rings.reader, 0), -EPERM);
	CHECK_EQ(jem_ring_read_begin(&rings.reader, 1), 32);
	CHECK_EQ(jem_ring_read_next(&rings.reader, 1, &entry), 1);
	rings_close(&rings);
}

CASE(gives_up_a_broken_ring_and_counts_it)
{
	uint64_t no_words = first_word(1, 0, JEM_RECORD_ENTER, 0);
	uint64_t too_few = first_word(1, 3, JEM_RECORD_ENTER, 0);
	uint64_t too_many = first_word(1, JEM_RECORD_WORDS_MAX + 1, JEM_RECORD_ENTER, 0);
	uint64_t beyond_head = first_word(1, 20, JEM_RECORD_ENTER, 0);
	uint64_t no_kind = first_word(1, 4, 9, 0);
	uint64_t skip = first_word(0, 0, JEM_RECORD_SKIP, 0);
	uint64_t no_parts[] = { first_word(1, 4, JEM_RECORD_ENTER, JEM_RECORD_VALUES), 0, 0, 0 };
	struct jem_ring_parts parts = { .site_words = 2, .caller_words = 0xffff };
	uint64_t long_parts[8] = { first_word(1, 8, JEM_RECORD_ENTER, JEM_RECORD_VALUES) };

	memcpy(&long_parts[4], &parts, sizeof(parts));
	check_broken(&no_words, 1, 64);
	check_broken(&too_few, 1, 64);
	check_broken(&too_many, 1, 64);
	check_broken(&beyond_head, 1, 64);
	check_broken(&no_kind, 1, 64);
	check_broken(&skip, 1, 64); /* nothing up to the end, but the head is before it */
	check_broken(no_parts, 4, 64);
	check_broken(long_parts, 8, 96);
}

/* The whole ring is there, but a record would go on beyond its end. */
CASE(refuses_a_record_across_the_end)
{
	struct jem_ring_entry entry;
	struct rings rings;

	rings_open(&rings);
	rings.reader.cursors[0].tail = RING - 16;
	rings.threads[0].head = 2 * RING - 16;
	*word_at(&rings, 0, RING - 16) = first_word(1, 4, JEM_RECORD_ENTER, 0);
	CHECK_EQ(jem_ring_read_begin(&rings.reader, 0), RING);
	CHECK_EQ(jem_ring_read_next(&rings.reader, 0, &entry), -EBADMSG);
	rings_close(&rings);
}

CASE(refuses_a_head_that_cannot_be)
{
	static const uint64_t heads[] = { RING + 8, 4, UINT64_MAX - 7, 1ull << 63 };

	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		struct jem_ring_account account;
		struct rings rings;

		rings_open(&rings);
		rings.threads[0].head = heads[i];
		CHECK_EQ(jem_ring_read_begin(&rings.reader, 0), 0);
		jem_ring_read_thread_account(&rings.reader, 0, &account);
		CHECK_EQ(account.broken, 1);
		/* Also if it comes right again. */
		rings.threads[0].head = 0;
		put_enter(&rings, 0, 1, 1);
		CHECK_EQ(jem_ring_read_begin(&rings.reader, 0), 0);
		jem_ring_read_release(&rings.reader, 0);
		CHECK_EQ(rings.threads[0].tail, 0);
		rings_close(&rings);
	}
}

CASE(frees_slots_when_they_are_read_to_the_end)
{
	struct jem_ring_entry entry;
	struct jem_ring_slot slot;
	struct rings rings;

	rings_open(&rings);
	put_enter(&rings, 0, 1, 1);
	rings.threads[0].tid = 42;
	rings.threads[0].state = JEM_THREAD_ENDED;
	jem_ring_read_slot(&rings.reader, 0, &slot);
	CHECK_EQ(slot.tid, 42);
	CHECK_EQ(slot.state, JEM_THREAD_ENDED);
	CHECK_EQ(jem_ring_read_free(&rings.reader, 0), -EBUSY);
	jem_ring_read_begin(&rings.reader, 0);
	CHECK_EQ(jem_ring_read_next(&rings.reader, 0, &entry), 1);
	CHECK_EQ(jem_ring_read_free(&rings.reader, 0), 0);
	CHECK_EQ(rings.threads[0].state, JEM_THREAD_FREE);
	CHECK_EQ(rings.threads[0].tail, 32);
	rings.threads[0].state = 99;
	jem_ring_read_slot(&rings.reader, 0, &slot);
	CHECK_EQ(slot.state, JEM_THREAD_LIVE);
	rings_close(&rings);
}

CASE(writes_nothing_into_a_file_on_disk)
{
	struct jem_ring_entry entry;
	struct jem_ring_read reader;
	struct rings rings;
	struct jem_err err;

	rings_make(&rings);
	put_enter(&rings, 0, 1, 1);
	CHECK_EQ(jem_ring_read_open(&reader, rings.bytes, rings.len, false, &err), 0);
	jem_ring_read_begin(&reader, 0);
	CHECK_EQ(jem_ring_read_next(&reader, 0, &entry), 1);
	jem_ring_read_release(&reader, 0);
	CHECK_EQ(rings.threads[0].tail, 0);
	CHECK_EQ(jem_ring_read_free(&reader, 0), -EROFS);
	jem_ring_read_close(&reader);
	free(rings.bytes);
}

CASE(reads_nodes_and_modules)
{
	struct jem_ring_edge edge;
	struct jem_ring_module module;
	struct rings rings;

	rings_open(&rings);
	rings.edges[EDGES + 3] =
		(struct jem_ring_edge){ .function = 4, .parent = 2, .calls = 9, .returns = 8 };
	CHECK(!jem_ring_read_edge(&rings.reader, 0, 3, &edge));
	CHECK(jem_ring_read_edge(&rings.reader, 1, 3, &edge));
	CHECK_EQ(edge.calls, 9);
	rings.edges[EDGES + 3].parent = EDGES + 1;
	CHECK(!jem_ring_read_edge(&rings.reader, 1, 3, &edge));
	rings.edges[EDGES + 3].parent = JEM_EDGE_ELSEWHERE;
	CHECK(jem_ring_read_edge(&rings.reader, 1, 3, &edge));

	CHECK_EQ(jem_ring_read_module_count(&rings.reader), 0);
	rings.header->modules_seen = 1;
	CHECK_EQ(jem_ring_read_module(&rings.reader, 0, &module), -EBADMSG);
	strcpy(rings.modules[0].path, "/bin/a");
	rings.modules[0].bias = 0x555000;
	rings.modules[0].state = JEM_MODULE_OPEN;
	CHECK_EQ(jem_ring_read_module_count(&rings.reader), 1);
	CHECK_EQ(jem_ring_read_module(&rings.reader, 0, &module), JEM_MODULE_OPEN);
	CHECK_STR(module.path, "/bin/a");
	CHECK_EQ(module.bias, 0x555000);
	rings.modules[0].build_id_len = 33;
	CHECK_EQ(jem_ring_read_module(&rings.reader, 0, &module), -EBADMSG);
	rings.modules[0].build_id_len = 20;
	memset(rings.modules[0].path, 'x', sizeof(rings.modules[0].path));
	CHECK_EQ(jem_ring_read_module(&rings.reader, 0, &module), -EBADMSG);
	rings.header->modules_seen = UINT32_MAX;
	CHECK_EQ(jem_ring_read_module_count(&rings.reader), MODULES);
	CHECK_EQ(jem_ring_read_module(&rings.reader, MODULES, &module), -EBADMSG);
	rings_close(&rings);
}

static void check_refused(struct rings *rings, const char *part)
{
	struct jem_ring_read reader;
	struct jem_err err = { "" };

	CHECK_EQ(jem_ring_read_open(&reader, rings->bytes, rings->len, true, &err), -EBADMSG);
	CHECK_CONTAINS(err.text, part);
}

#define REFUSED(field, value, part)                                                                \
	do {                                                                                       \
		__typeof__(rings.header->field) was_ = rings.header->field;                        \
                                                                                                   \
		rings.header->field = (value);                                                     \
		check_refused(&rings, part);                                                       \
		rings.header->field = was_;                                                        \
	} while (0)

CASE(refuses_headers_that_do_not_fit_the_file)
{
	struct rings rings;
	struct jem_ring_read reader;
	struct jem_err err;

	rings_make(&rings);
	REFUSED(version, 2, "version 2");
	REFUSED(file_bytes, rings.len + 1, "cut");
	REFUSED(clock, 0, "clock");
	REFUSED(ring_bytes, 3000, "3000");
	REFUSED(ring_bytes, 0, "rings of 0");
	REFUSED(ring_bytes, RING * 2, "beyond the end");
	REFUSED(edge_count, 0, "0 nodes");
	REFUSED(edge_count, 6, "6 nodes");
	REFUSED(edge_count, 1u << 24, "beyond the end");
	REFUSED(thread_count, 0, "0 threads");
	REFUSED(thread_count, UINT32_MAX, "threads");
	REFUSED(module_max, UINT32_MAX, "modules");
	REFUSED(modules_offset, rings.len, "beyond the end");
	REFUSED(threads_offset, UINT64_MAX - 7, "beyond the end");
	REFUSED(threads_offset, 132, "beyond the end");
	REFUSED(rings_offset, rings.len - 8, "beyond the end");
	REFUSED(edges_offset, rings.len - 8, "beyond the end");
	rings.header->magic[0] = 'x';
	check_refused(&rings, "not a file of rings");
	CHECK_EQ(jem_ring_read_open(&reader, rings.bytes, 127, true, &err), -EBADMSG);
	free(rings.bytes);
}

enum {
	RACE_RECORDS = 200000
};

static void *write_many(void *user)
{
	struct rings *rings = user;

	for (uint64_t i = 0; i < RACE_RECORDS;)
		i += put_enter(rings, 0, 1, i);
	return NULL;
}

CASE(keeps_pace_with_a_writing_thread)
{
	struct jem_ring_entry entry;
	struct rings rings;
	pthread_t thread;
	uint64_t read = 0;

	rings_open(&rings);
	CHECK_EQ(pthread_create(&thread, NULL, write_many, &rings), 0);
	while (read < RACE_RECORDS) {
		jem_ring_read_begin(&rings.reader, 0);
		while (jem_ring_read_next(&rings.reader, 0, &entry) == 1)
			CHECK_EQ(entry.record.ticks, read++);
		jem_ring_read_release(&rings.reader, 0);
	}
	pthread_join(thread, NULL);
	rings_close(&rings);
}

TESTS(T(reads_every_kind_of_record), T(takes_parts_apart), T(goes_round_without_losing_any),
      T(skips_to_the_end_of_the_ring), T(gives_up_a_broken_ring_and_counts_it),
      T(refuses_a_record_across_the_end), T(refuses_a_head_that_cannot_be),
      T(frees_slots_when_they_are_read_to_the_end), T(writes_nothing_into_a_file_on_disk),
      T(reads_nodes_and_modules), T(refuses_headers_that_do_not_fit_the_file),
      T(keeps_pace_with_a_writing_thread))
