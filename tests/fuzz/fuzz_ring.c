/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_ring: any bytes as a file of rings. Everything it gives is read; reading always ends. */
#include "tracer/symbols/ring_read.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Touches every word, so that the sanitizer sees one that is not there. */
static uint64_t sum_words(const uint64_t *words, uint32_t count)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count; i++)
		sum += words[i];
	return sum;
}

static uint64_t read_thread(struct jem_ring_read *reader, uint32_t thread)
{
	struct jem_ring_entry entry;
	struct jem_ring_slot slot;
	struct jem_ring_edge edge;
	uint64_t waiting = jem_ring_read_begin(reader, thread);
	uint64_t records = 0;
	uint64_t sum = 0;

	while (jem_ring_read_next(reader, thread, &entry) == 1) {
		sum += sum_words(entry.site, entry.site_words) +
		       sum_words(entry.caller, entry.caller_words);
		if (++records * 8 > waiting)
			abort(); /* a record has a word at least */
	}
	if (jem_ring_read_next(reader, thread, &entry) != 0)
		abort();
	jem_ring_read_release(reader, thread);
	jem_ring_read_slot(reader, thread, &slot);
	for (uint32_t i = 0; i < reader->header.edge_count; i++)
		sum += jem_ring_read_edge(reader, thread, i, &edge);
	jem_ring_read_free(reader, thread);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = malloc(size ? size : 1); /* it is written to */
	struct jem_ring_account account;
	struct jem_ring_module module;
	struct jem_ring_read reader;
	struct jem_err err = { "" };
	volatile uint64_t sum = 0;

	if (!bytes)
		abort();
	memcpy(bytes, data, size);
	if (jem_ring_read_open(&reader, bytes, size, true, &err) == 0) {
		for (uint32_t i = 0; i < reader.header.thread_count; i++)
			sum += read_thread(&reader, i);
		for (uint32_t i = 0; i < jem_ring_read_module_count(&reader); i++)
			if (jem_ring_read_module(&reader, i, &module) > 0)
				sum += strlen(module.path);
		jem_ring_read_account(&reader, &account);
		if (account.broken > reader.header.thread_count)
			abort();
		jem_ring_read_close(&reader);
	} else if (!err.text[0]) {
		abort();
	}
	free(bytes);
	return 0;
}
