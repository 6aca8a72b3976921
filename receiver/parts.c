/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/parts.h"

#include "common/cleanup.h"
#include "receiver/data_line.h"
#include "receiver/lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	RECORD_MAX = 8 << 20 /* daemon/batcher.h makes no larger one */
};

void jem_parts_init(struct jem_parts *parts)
{
	*parts = (struct jem_parts){ 0 };
	jem_data_file_init(&parts->file, "parts", "jsonl", NULL);
	parts->file.segment_bytes = 0;
	parts->max_bytes = JEM_PARTS_BYTES;
	jem_json_doc_init(&parts->doc);
}

void jem_parts_deinit(struct jem_parts *parts)
{
	jem_data_file_deinit(&parts->file);
	jem_json_doc_deinit(&parts->doc);
	free(parts->at);
}

static void forget_set(struct jem_parts *parts, size_t set)
{
	size_t kept = 0;

	for (size_t i = 0; i < parts->count; i++) {
		struct jem_part_at at = parts->at[i];

		if (at.set == set)
			continue;
		at.set -= at.set > set;
		parts->at[kept++] = at;
	}
	parts->count = kept;
	parts->set_count--;
	memmove(&parts->sets[set], &parts->sets[set + 1],
		(parts->set_count - set) * sizeof(*parts->sets));
}

static void give_up(struct jem_parts *parts, size_t set)
{
	parts->given_up += !parts->sets[set].is_done;
	forget_set(parts, set);
}

/* Makes room: the oldest record that is done, else the one waited for longest. */
static void give_up_one(struct jem_parts *parts)
{
	size_t set = 0;

	while (set < parts->set_count && !parts->sets[set].is_done)
		set++;
	give_up(parts, set < parts->set_count ? set : 0);
}

/* The set that a part belongs to, made if need be. */
static size_t find_set(struct jem_parts *parts, const char *epoch, enum jem_kind kind,
		       uint64_t base, uint32_t part_count)
{
	size_t i = 0;

	while (i < parts->set_count) {
		struct jem_part_set *set = &parts->sets[i];

		if (set->base == base && set->kind == kind && set->parts == part_count &&
		    !strcmp(set->epoch, epoch))
			return i;
		i++;
	}
	if (parts->set_count == JEM_PART_SETS) {
		give_up_one(parts);
		i--;
	}
	parts->sets[i] = (struct jem_part_set){ .kind = kind, .base = base, .parts = part_count };
	memcpy(parts->sets[i].epoch, epoch, JEM_EPOCH_SIZE);
	parts->set_count++;
	return i;
}

static bool has_part(const struct jem_parts *parts, size_t set, uint32_t part)
{
	for (size_t i = parts->count; i-- > 0;)
		if (parts->at[i].set == set && parts->at[i].part == part)
			return true;
	return false;
}

static int grow(struct jem_parts *parts)
{
	size_t cap = parts->cap ? parts->cap * 2 : 64;
	struct jem_part_at *at;

	if (parts->count < parts->cap)
		return 0;
	at = realloc(parts->at, cap * sizeof(*at));
	if (!at)
		return -ENOMEM;
	parts->at = at;
	parts->cap = cap;
	return 0;
}

/* Enters a part that stands at `offset` into the index. */
static int enter(struct jem_parts *parts, size_t set, uint32_t part, uint64_t offset, size_t len,
		 uint64_t seq, uint64_t i)
{
	int status = grow(parts);

	if (status < 0)
		return status;
	parts->at[parts->count++] = (struct jem_part_at){
		.set = (uint16_t)set, .part = part, .offset = offset, .len = (uint32_t)len
	};
	parts->sets[set].have++;
	parts->sets[set].seq = seq;
	parts->sets[set].i = i;
	return 0;
}

/* The file shrinks only when it is emptied: over its bound, all that is waited for is given up. */
static void keep_bounds(struct jem_parts *parts)
{
	bool is_file_full = parts->file.size + parts->file.pending.len > parts->max_bytes;

	while (parts->set_count && (is_file_full || parts->count >= JEM_PARTS_KEPT))
		give_up_one(parts);
}

int jem_parts_add(struct jem_parts *parts, const struct jem_head *head, uint64_t i, uint64_t dt_ns,
		  const struct jem_record_part *part, const char *text, size_t len)
{
	uint64_t number = head->first + i;
	uint64_t base = number >= part->part ? number - part->part : 0;
	struct jem_data_writer writer;
	struct jem_buf record;
	size_t set;
	size_t start;
	int status;

	keep_bounds(parts);
	set = find_set(parts, head->epoch, head->kind, base, part->parts);
	if (has_part(parts, set, part->part))
		return 0;
	jem_buf_init(&record, 0);
	jem_buf_printf(&record, "{\"kind\":\"%s\",\"base\":%" PRIu64 ",\"at_ns\":%" PRIu64 ",",
		       jem_kinds[head->kind].name, base, head->mono_ns + dt_ns);
	jem_buf_add(&record, text + 1, len - 1);
	start = parts->file.pending.len;
	jem_data_writer_init(&writer, head);
	writer.has_mono = false;
	if (!record.failed)
		jem_data_writer_add(&writer, &parts->file.pending, i, dt_ns, record.data,
				    record.len);
	status = record.failed || parts->file.pending.failed ? -ENOMEM : 0;
	jem_buf_deinit(&record);
	if (status < 0)
		return status;
	return enter(parts, set, part->part, parts->file.size + start,
		     parts->file.pending.len - start - 1, head->seq, i);
}

/*
 * Nothing in a full file is waited for any more, once keep_bounds has been there: it begins anew.
 * Batches that only streams.json would know of are not settled before it does.
 */
static int empty_full_file(struct jem_parts *parts, int folder)
{
	uint64_t size = parts->file.size;
	int status;

	if (!size || size + parts->file.pending.len <= parts->max_bytes)
		return 0;
	for (size_t i = 0; i < parts->count; i++)
		if (parts->at[i].offset < size)
			return 0;
	status = jem_data_file_cut(&parts->file, folder, 0);
	for (size_t i = 0; status == 0 && i < parts->count; i++)
		parts->at[i].offset -= size;
	return status;
}

int jem_parts_write(struct jem_parts *parts, int folder)
{
	int status = empty_full_file(parts, folder);
	size_t kept = 0;

	if (status == 0)
		status = jem_data_file_write(&parts->file, folder);

	if (status == 0)
		return 0;
	for (size_t i = 0; i < parts->count; i++) {
		struct jem_part_at at = parts->at[i];

		if (at.offset >= parts->file.size)
			parts->sets[at.set].have--;
		else
			parts->at[kept++] = at;
	}
	parts->count = kept;
	for (size_t set = parts->set_count; set-- > 0;)
		if (!parts->sets[set].have)
			forget_set(parts, set);
	jem_buf_clear(&parts->file.pending);
	return status;
}

/* Reads a part's line back and appends its piece of the text; part 0 gives the time. */
static int read_part(struct jem_parts *parts, const struct jem_part_at *at, struct jem_buf *text,
		     struct jem_joined *ret)
{
	auto_free char *line = malloc(at->len + 1);
	struct jem_data_line prefix;
	uint32_t json;

	if (!line)
		return -ENOMEM;
	if (pread(parts->file.fd, line, at->len, (off_t)at->offset) != (ssize_t)at->len ||
	    jem_data_line_read(line, at->len, &prefix) < 0 ||
	    jem_json_read(&parts->doc, line, at->len, NULL) < 0)
		return -EBADMSG;
	if (!at->part) {
		ret->t_us = prefix.t_us;
		if (jem_json_get_u64(&parts->doc, jem_json_member(&parts->doc, 0, "at_ns"),
				     &ret->mono_ns) < 0)
			return -EBADMSG;
	}
	json = jem_json_member(&parts->doc, 0, "json");
	return json ? jem_json_get_text(&parts->doc, json, text) : -EBADMSG;
}

static const struct jem_part_at *find_part(const struct jem_parts *parts, size_t set, uint32_t part)
{
	for (size_t i = 0; i < parts->count; i++)
		if (parts->at[i].set == set && parts->at[i].part == part)
			return &parts->at[i];
	return NULL;
}

static int join_set(struct jem_parts *parts, size_t set, struct jem_buf *text,
		    struct jem_joined *ret)
{
	const struct jem_part_set *of = &parts->sets[set];

	*ret = (struct jem_joined){ .kind = of->kind, .seq = of->seq, .i = of->i };
	memcpy(ret->epoch, of->epoch, sizeof(ret->epoch));
	jem_buf_clear(text);
	for (uint32_t part = 0; part < of->parts; part++) {
		const struct jem_part_at *at = find_part(parts, set, part);
		int status = at ? read_part(parts, at, text, ret) : -EBADMSG;

		if (status == 0 && text->len > RECORD_MAX)
			status = -E2BIG;
		if (status < 0)
			return status;
	}
	return 0;
}

int jem_parts_join(struct jem_parts *parts, int folder, struct jem_buf *text,
		   struct jem_joined *ret)
{
	for (size_t set = 0; set < parts->set_count;) {
		struct jem_part_set *of = &parts->sets[set];
		int status;

		if (of->is_joined || of->is_done || of->have < of->parts) {
			set++;
			continue;
		}
		status = jem_data_file_open(&parts->file, folder);
		if (status < 0)
			return 0;
		if (join_set(parts, set, text, ret) == 0) {
			of->is_joined = true;
			return 1;
		}
		give_up(parts, set);
	}
	return 0;
}

void jem_parts_commit(struct jem_parts *parts, enum jem_kind kind, bool is_written)
{
	for (size_t set = 0; set < parts->set_count; set++) {
		struct jem_part_set *of = &parts->sets[set];

		if (!of->is_joined || of->kind != kind)
			continue;
		of->is_joined = false;
		of->is_done = is_written;
	}
}

void jem_parts_trim(struct jem_parts *parts, int folder)
{
	if (!parts->file.size || parts->file.pending.len)
		return;
	for (size_t set = 0; set < parts->set_count; set++)
		if (!parts->sets[set].is_done)
			return;
	if (jem_data_file_cut(&parts->file, folder, 0) == 0)
		parts->count = parts->set_count = 0;
}

/* Enters the part on the line that was just read; false when it is none. */
static bool recover_line(struct jem_parts *parts, const char *line, size_t len, uint64_t offset,
			 struct jem_joined *ret)
{
	struct jem_json_doc *doc = &parts->doc;
	struct jem_data_line prefix;
	struct jem_record_part part;
	char kind[16];
	uint64_t base;
	size_t set;
	int found;

	if (jem_data_line_read(line, len, &prefix) < 0 || jem_json_read(doc, line, len, NULL) < 0 ||
	    jem_json_get_str(doc, jem_json_member(doc, 0, "kind"), kind, sizeof(kind)) < 0 ||
	    jem_json_get_u64(doc, jem_json_member(doc, 0, "base"), &base) < 0 ||
	    !jem_batch_record_part(doc, 0, &part))
		return false;
	found = jem_kind_find(kind, strlen(kind));
	if (found < 0 || part.parts > JEM_PARTS_MAX || part.part >= part.parts)
		return false;
	*ret = (struct jem_joined){ .kind = (enum jem_kind)found,
				    .seq = prefix.seq,
				    .i = prefix.i };
	memcpy(ret->epoch, prefix.epoch, sizeof(ret->epoch));
	if (parts->count >= JEM_PARTS_KEPT)
		return true;
	set = find_set(parts, prefix.epoch, ret->kind, base, part.parts);
	if (!has_part(parts, set, part.part))
		enter(parts, set, part.part, offset, len, prefix.seq, prefix.i);
	return true;
}

int jem_parts_recover(struct jem_parts *parts, int folder,
		      void (*on_part)(void *arg, enum jem_kind kind, const char *epoch,
				      uint64_t seq, uint64_t i),
		      void *arg)
{
	auto_lines struct jem_lines *lines = NULL;
	uint64_t offset = 0;
	uint64_t whole = 0;
	const char *line;
	size_t len;
	int status = jem_data_file_scan(&parts->file, folder);

	if (status < 0 || !parts->file.size)
		return status;
	status = jem_lines_open(folder, "parts.jsonl", 0, &lines);
	if (status < 0)
		return status;
	while ((status = jem_lines_next(lines, &line, &len)) > 0) {
		struct jem_joined at;

		if (recover_line(parts, line, len, offset, &at))
			on_part(arg, at.kind, at.epoch, at.seq, at.i);
		whole = offset = jem_lines_offset(lines);
	}
	if (status == 0 && whole < parts->file.size)
		status = jem_data_file_cut(&parts->file, folder, whole);
	return status;
}

bool jem_parts_note_line(struct jem_parts *parts, enum jem_kind kind, const char *epoch,
			 uint64_t seq, uint64_t i)
{
	for (size_t set = 0; set < parts->set_count; set++) {
		struct jem_part_set *of = &parts->sets[set];

		if (of->kind == kind && of->seq == seq && of->i == i && of->have == of->parts &&
		    !strcmp(of->epoch, epoch))
			return of->is_done = true;
	}
	return false;
}
