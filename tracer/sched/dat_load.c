/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/sched/dat_load.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	BLOCKS = 4,
	BLOCK_PAGES = 16,
	CHUNK_PAGES_MAX = 16, /* trace-cmd packs ten together */
	EVENT_GROWTH = 8,     /* bytes of room for events a byte of page takes */
};

#define LOAD_MAX (UINT64_C(1) << 31)

/* Where a lane is read next. */
struct lane {
	uint64_t at, end; /* in the file; of chunks, the one that `page` is in */
	uint64_t chunks;  /* still to be read; compressed data only */
	uint64_t page;    /* place in the chunk */
	bool is_begun, has_ended;
	struct jem_sched_decoder decoder;
	struct jem_dat_block blocks[BLOCKS]; /* a ring */
	size_t caps[BLOCKS];
	unsigned first, count; /* those that are filled, the one that was taken included */
	bool is_taken;
};

struct jem_dat_load {
	struct jem_trace_dat *file;    /* borrowed */
	const uint32_t *skipped;       /* borrowed */
	struct jem_sched_names *names; /* borrowed; of who takes */
	struct jem_sched_names own;    /* of who decodes: the same, or some more */
	uint32_t name_count;           /* of own, that others may read. Guarded by lock */
	struct lane *lanes;            /* owned */
	size_t lane_count;
	size_t block_pages;
	uint8_t *scratch; /* owned; bytes of pages, SCRATCH of them */
	size_t scratch_size;
	uint8_t *packed; /* owned */
	size_t packed_size;
	uint64_t scratch_at; /* chunk that is in it */
	size_t scratch_len;
	/* Lanes with a free block, in the order in which they became so. Guarded by lock when threaded. */
	uint32_t *todo; /* owned; a ring */
	size_t todo_first, todo_count;
	bool is_stopping;
	int status;
	bool is_threaded;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
};

/* The lane cannot be read on: said, and counted as lost from there. */
static void end_lane(struct jem_dat_load *load, struct lane *lane, const char *why)
{
	struct jem_trace_dat *file = load->file;

	file->info.is_truncated = true;
	jem_dat_warn(file, "core %u: %s; read up to %" PRIu64 " of %" PRIu64, lane->decoder.cpu,
		     why, lane->at, lane->end);
	lane->has_ended = true;
}

static int room(void *buffer, size_t *size, size_t want)
{
	void *grown;

	if (want <= *size)
		return 0;
	grown = realloc(*(void **)buffer, want);
	if (!grown)
		return -ENOMEM;
	*(void **)buffer = grown;
	*size = want;
	return 0;
}

/* Plain pages: the next block's worth of them into scratch. */
static int read_plain(struct jem_dat_load *load, struct lane *lane, size_t page_bytes,
		      const uint8_t **ret, size_t *len)
{
	struct jem_err err = { "" };
	size_t want = page_bytes * load->block_pages;
	int status;

	if (want > lane->end - lane->at)
		want = lane->end - lane->at;
	status = room(&load->scratch, &load->scratch_size, want);
	if (status < 0)
		return status;
	load->scratch_at = 0;
	status = jem_dat_pread(&load->file->file, lane->at, load->scratch, want, &err);
	if (status < 0) {
		end_lane(load, lane, err.text);
		return 0;
	}
	lane->at += want;
	lane->has_ended = lane->at >= lane->end;
	*ret = load->scratch;
	*len = want;
	return 0;
}

/* The chunk at lane->at into scratch, unless it is there. sizes: packed, unpacked. */
static int load_chunk(struct jem_dat_load *load, struct lane *lane, size_t page_bytes,
		      uint32_t sizes[2])
{
	const struct jem_dat_file *file = &load->file->file;
	uint64_t left = lane->end - lane->at;
	struct jem_err err = { "" };
	int status = 0;

	if (left < 8 || jem_dat_pread(file, lane->at, sizes, 8, &err) < 0) {
		end_lane(load, lane, "its data are cut off");
		return 0;
	}
	if (sizes[0] > left - 8 || !sizes[1] || sizes[1] > page_bytes * CHUNK_PAGES_MAX) {
		end_lane(load, lane,
			 sizes[0] > left - 8 ? "a chunk is cut off" : "a chunk of impossible size");
		return 0;
	}
	if (load->scratch_at == lane->at)
		return 0;
	load->scratch_at = 0;
	status = room(&load->packed, &load->packed_size, sizes[0]);
	if (!status)
		status = room(&load->scratch, &load->scratch_size, sizes[1]);
	if (status < 0)
		return status;
	if (jem_dat_pread(file, lane->at + 8, load->packed, sizes[0], &err) < 0 ||
	    jem_dat_decompress(file->compression, load->packed, sizes[0], load->scratch, sizes[1]) <
		    0) {
		end_lane(load, lane, "a chunk does not unpack");
		return 0;
	}
	load->scratch_at = lane->at;
	load->scratch_len = sizes[1];
	return 0;
}

/* Pages of the chunk that is read now. */
static int read_packed(struct jem_dat_load *load, struct lane *lane, size_t page_bytes,
		       const uint8_t **ret, size_t *len)
{
	uint32_t sizes[2];
	size_t want = page_bytes * load->block_pages;
	int status = load_chunk(load, lane, page_bytes, sizes);

	if (status < 0 || lane->has_ended)
		return status;
	if (want > load->scratch_len - lane->page)
		want = load->scratch_len - lane->page;
	*ret = load->scratch + lane->page;
	*len = want;
	lane->page += want;
	if (lane->page >= load->scratch_len) {
		lane->page = 0;
		lane->at += 8 + (uint64_t)sizes[0];
		lane->chunks--;
		lane->has_ended = !lane->chunks;
	}
	return 0;
}

/* How many chunks there are stands before them. */
static void begin(struct jem_dat_load *load, struct lane *lane, bool is_compressed)
{
	uint32_t chunks;
	struct jem_err err = { "" };

	lane->is_begun = true;
	if (!is_compressed)
		return;
	if (lane->end - lane->at < 4 ||
	    jem_dat_pread(&load->file->file, lane->at, &chunks, 4, &err) < 0) {
		end_lane(load, lane, "its data are cut off");
		return;
	}
	lane->at += 4;
	lane->end += 4; /* its size is that of the chunks alone; each is checked against the file */
	lane->chunks = chunks;
	lane->has_ended = !chunks;
}

/* Takes out what another buffer tells; how many are left. */
static size_t keep(const struct jem_dat_load *load, size_t buffer, struct jem_sched_event *events,
		   size_t count)
{
	uint32_t skipped = load->skipped ? load->skipped[buffer] : 0;
	size_t kept = 0;

	if (!skipped)
		return count;
	for (size_t i = 0; i < count; i++)
		if (!(skipped & 1u << events[i].type))
			events[kept++] = events[i];
	return kept;
}

/* Decodes a page to the end of a block. */
static int add_page(struct jem_dat_load *load, size_t index, unsigned slot, const uint8_t *page,
		    size_t len)
{
	struct lane *lane = &load->lanes[index];
	struct jem_dat_block *block = &lane->blocks[slot];
	size_t want = block->count + jem_sched_page_events(len);
	struct jem_sched_event *events;

	if (want > lane->caps[slot]) {
		/* A block is mostly as full as the one before: once it has grown it stays. */
		size_t cap = want + want / 2;

		events = realloc(block->events, cap * sizeof(*events));
		if (!events)
			return -ENOMEM;
		block->events = events;
		lane->caps[slot] = cap;
	}
	events = block->events + block->count;
	block->count += keep(load, load->file->lanes[index].buffer, events,
			     jem_sched_page_decode(&lane->decoder, page, len, events));
	return 0;
}

/* Decodes the lane's next pages into a block of it that is free. */
static int fill(struct jem_dat_load *load, size_t index, unsigned slot)
{
	const struct jem_dat_lane *place = &load->file->lanes[index];
	const struct jem_dat_buffer *buffer = &load->file->buffers[place->buffer];
	struct lane *lane = &load->lanes[index];
	const uint8_t *bytes = NULL;
	size_t left = 0;
	int status = 0;

	lane->blocks[slot].count = 0;
	if (!lane->is_begun)
		begin(load, lane, buffer->is_compressed);
	if (!lane->has_ended)
		status = (buffer->is_compressed ? read_packed : read_plain)(
			load, lane, buffer->page_bytes, &bytes, &left);
	while (!status && left > 0) {
		size_t len = left < buffer->page_bytes ? left : buffer->page_bytes;

		status = add_page(load, index, slot, bytes, len);
		bytes += len;
		left -= len;
	}
	lane->blocks[slot].until_ns = lane->decoder.last_ns;
	lane->blocks[slot].is_last = lane->has_ended;
	return status;
}

/* One block more of the lane that waits longest for one. Called with the lock, if there is one. */
static void step(struct jem_dat_load *load)
{
	size_t index = load->todo[load->todo_first];
	struct lane *lane = &load->lanes[index];
	unsigned slot = (lane->first + lane->count) % BLOCKS;
	int status;

	load->todo_first = (load->todo_first + 1) % (load->lane_count * BLOCKS);
	load->todo_count--;
	if (lane->has_ended && lane->is_begun)
		return; /* its last block is there already */
	if (load->is_threaded)
		pthread_mutex_unlock(&load->lock);
	status = fill(load, index, slot);
	if (load->is_threaded)
		pthread_mutex_lock(&load->lock);
	if (status < 0)
		load->status = status;
	load->name_count = load->own.count;
	lane->count++;
}

static void *work(void *arg)
{
	struct jem_dat_load *load = arg;

	pthread_mutex_lock(&load->lock);
	while (!load->is_stopping && !load->status) {
		if (load->todo_count) {
			step(load);
			pthread_cond_signal(&load->filled);
		} else {
			pthread_cond_wait(&load->emptied, &load->lock);
		}
	}
	pthread_mutex_unlock(&load->lock);
	return NULL;
}

/* Signals stay with the caller's threads. */
static void start_thread(struct jem_dat_load *load)
{
	sigset_t all, before;

	pthread_mutex_init(&load->lock, NULL);
	pthread_cond_init(&load->filled, NULL);
	pthread_cond_init(&load->emptied, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	load->is_threaded = true; /* before it reads that */
	if (pthread_create(&load->thread, NULL, work, load))
		load->is_threaded = false;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void add_todo(struct jem_dat_load *load, size_t lane)
{
	size_t ring = load->lane_count * BLOCKS;

	load->todo[(load->todo_first + load->todo_count++) % ring] = (uint32_t)lane;
}

static int set_up(struct jem_dat_load *load, const struct jem_dat_load_options *options)
{
	struct jem_trace_dat *file = options->file;
	size_t page_bytes = 0;

	for (size_t i = 0; i < file->buffer_count; i++)
		if (file->buffers[i].page_bytes > page_bytes)
			page_bytes = file->buffers[i].page_bytes;
	load->block_pages = BLOCK_PAGES;
	while (load->block_pages > 1 &&
	       load->block_pages * page_bytes * EVENT_GROWTH * load->lane_count * (BLOCKS + 1) >
		       LOAD_MAX)
		load->block_pages /= 2;
	load->lanes = calloc(load->lane_count + 1, sizeof(*load->lanes));
	load->todo = calloc(load->lane_count * BLOCKS + 1, sizeof(*load->todo));
	if (!load->lanes || !load->todo)
		return -ENOMEM;
	for (size_t i = 0; i < load->lane_count; i++) {
		struct lane *lane = &load->lanes[i];

		lane->at = file->lanes[i].at;
		lane->end = lane->at + file->lanes[i].size;
		lane->decoder = (struct jem_sched_decoder){
			.format = &file->format,
			.names = &load->own,
			.cpu = file->lanes[i].cpu,
			.multiplier = file->multiplier,
			.shift = file->shift,
			.offset = file->offset,
		};
	}
	for (unsigned b = 0; b < BLOCKS; b++)
		for (size_t i = 0; i < load->lane_count; i++)
			add_todo(load, i);
	return 0;
}

int jem_dat_load_create(const struct jem_dat_load_options *options, struct jem_dat_load **ret,
			struct jem_err *err)
{
	struct jem_dat_load *load = calloc(1, sizeof(*load));
	int status;

	if (!load)
		return -ENOMEM;
	load->file = options->file;
	load->skipped = options->skipped;
	load->names = options->names;
	load->lane_count = options->file->lane_count;
	status = set_up(load, options);
	if (status < 0) {
		jem_dat_load_destroy(load, NULL);
		return jem_err_set(err, status, "out of memory");
	}
	if (options->is_threaded && load->lane_count)
		start_thread(load);
	*ret = load;
	return 0;
}

/* Texts stay where they are, so that the other thread may add more meanwhile. */
static int share_names(struct jem_dat_load *load)
{
	while (load->names->count < load->name_count)
		if (jem_sched_names_add(load->names, load->own.text[load->names->count]) ==
		    JEM_SCHED_NONE)
			return -ENOMEM;
	return 0;
}

int jem_dat_load_take(struct jem_dat_load *load, size_t index, struct jem_dat_block *ret)
{
	struct lane *lane = &load->lanes[index];
	int status;

	if (load->is_threaded)
		pthread_mutex_lock(&load->lock);
	if (lane->is_taken) { /* the block before is free now */
		lane->first = (lane->first + 1) % BLOCKS;
		lane->count--;
		add_todo(load, index);
		if (load->is_threaded)
			pthread_cond_signal(&load->emptied);
	}
	while (!lane->count && !load->status) {
		if (load->is_threaded)
			pthread_cond_wait(&load->filled, &load->lock);
		else
			step(load);
	}
	lane->is_taken = true;
	status = load->status ? load->status : share_names(load);
	if (!status)
		*ret = lane->blocks[lane->first];
	if (load->is_threaded)
		pthread_mutex_unlock(&load->lock);
	return status;
}

static void stop_thread(struct jem_dat_load *load)
{
	pthread_mutex_lock(&load->lock);
	load->is_stopping = true;
	pthread_cond_signal(&load->emptied);
	pthread_mutex_unlock(&load->lock);
	pthread_join(load->thread, NULL);
	pthread_mutex_destroy(&load->lock);
	pthread_cond_destroy(&load->filled);
	pthread_cond_destroy(&load->emptied);
}

void jem_dat_load_destroy(struct jem_dat_load *load, uint64_t *records)
{
	uint64_t sum = 0;

	if (!load)
		return;
	if (load->is_threaded)
		stop_thread(load);
	for (size_t i = 0; load->lanes && i < load->lane_count; i++) {
		sum += load->lanes[i].decoder.records;
		load->file->info.damaged += load->lanes[i].decoder.damaged;
		for (unsigned b = 0; b < BLOCKS; b++)
			free(load->lanes[i].blocks[b].events);
	}
	if (records)
		*records = sum;
	free(load->lanes);
	free(load->scratch);
	free(load->packed);
	free(load->todo);
	jem_sched_names_deinit(&load->own);
	free(load);
}
