/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/log/spooled.h"

#include "common/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	JOINED_MAX = 8 << 20, /* of a record that comes in parts */
};

void jem_spooled_deinit(struct jem_spooled *spooled)
{
	free(spooled->files);
	*spooled = (struct jem_spooled){ 0 };
}

const struct jem_spooled_file *jem_spooled_find(const struct jem_spooled *spooled, const char *id)
{
	for (size_t i = 0; i < spooled->count; i++)
		if (!strcmp(spooled->files[i].id, id))
			return &spooled->files[i];
	return NULL;
}

static void note(struct jem_spooled *spooled, const struct jem_spooled_file *file)
{
	struct jem_spooled_file *at =
		(struct jem_spooled_file *)jem_spooled_find(spooled, file->id);

	if (!spooled->files)
		spooled->files = calloc(JEM_SPOOLED_MAX, sizeof(*spooled->files));
	if (!spooled->files || (at && at->offset > file->offset))
		return;
	if (!at && spooled->count < JEM_SPOOLED_MAX)
		at = &spooled->files[spooled->count++];
	else if (!at)
		at = &spooled->files[spooled->next++ % JEM_SPOOLED_MAX];
	*at = *file;
}

/* --- batches --------------------------------------------------------------------------------------- */

struct jem_spooled_reader {
	struct jem_spooled *spooled; /* borrowed */
	struct jem_json_doc doc;
	struct jem_json_doc whole; /* of a record in parts */
	struct jem_buf joined;
	uint32_t parts; /* of it that have come */
};

int jem_spooled_reader_create(struct jem_spooled *spooled, struct jem_spooled_reader **ret)
{
	struct jem_spooled_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return -ENOMEM;
	reader->spooled = spooled;
	jem_json_doc_init(&reader->doc);
	jem_json_doc_init(&reader->whole);
	jem_buf_init(&reader->joined, JOINED_MAX);
	*ret = reader;
	return 0;
}

void jem_spooled_reader_destroy(struct jem_spooled_reader *reader)
{
	if (!reader)
		return;
	jem_json_doc_deinit(&reader->doc);
	jem_json_doc_deinit(&reader->whole);
	jem_buf_deinit(&reader->joined);
	free(reader);
}

static void note_record(struct jem_spooled *spooled, const struct jem_json_doc *doc,
			uint32_t record)
{
	uint32_t text = jem_json_member(doc, record, "text");
	uint32_t length = jem_json_member(doc, record, "length");
	struct jem_spooled_file file = { .full_len = 0 };

	if (!text || jem_json_type(doc, text) != JEM_JSON_STRING ||
	    jem_json_get_str(doc, jem_json_member(doc, record, "file_id"), file.id,
			     sizeof(file.id)) < 0 ||
	    jem_json_get_u64(doc, jem_json_member(doc, record, "offset"), &file.offset) < 0 ||
	    (length && jem_json_get_u64(doc, length, &file.full_len) < 0))
		return;
	file.text_len = doc->tokens[text].end - doc->tokens[text].start;
	note(spooled, &file);
}

/* A record is there once its last part is: until then its line has to be published again. */
static void take_part(struct jem_spooled_reader *reader, const struct jem_record_part *part)
{
	struct jem_buf *joined = &reader->joined;

	if (!part->part) {
		jem_buf_clear(joined);
		reader->parts = 0;
	}
	if (part->part != reader->parts)
		return;
	reader->parts++;
	if (jem_json_get_text(&reader->doc, part->json, joined) < 0 || joined->failed)
		reader->parts = 0;
	else if (reader->parts == part->parts &&
		 jem_json_read(&reader->whole, joined->data, joined->len, NULL) == 0)
		note_record(reader->spooled, &reader->whole, 0);
}

void jem_spooled_read(struct jem_spooled_reader *reader, const char *body, size_t len)
{
	const struct jem_json_doc *doc = &reader->doc;
	struct jem_record_part part;
	struct jem_head head;
	uint32_t records;

	if (jem_batch_decode_json(body, len, &reader->doc, &head, &records, NULL) < 0 ||
	    head.kind != JEM_KIND_log)
		return;
	for (uint32_t i = jem_json_first(doc, records); i < jem_json_end(doc, records);
	     i = jem_json_next(doc, i))
		if (jem_batch_record_part(doc, i, &part))
			take_part(reader, &part);
		else
			note_record(reader->spooled, doc, i);
}

/* --- lines ----------------------------------------------------------------------------------------- */

static bool is_same_text(const struct jem_spooled_file *file, const struct jem_line *line,
			 const char *text, size_t len)
{
	uint64_t full_len = line->full_len > line->len ? line->full_len : 0;
	struct jem_buf buf;
	struct jem_json json;
	bool is_same;

	jem_buf_init(&buf, 0);
	json = jem_json_to(&buf);
	jem_json_text(&json, text, len);
	is_same = !buf.failed && buf.len == file->text_len + 2 && full_len == file->full_len;
	jem_buf_deinit(&buf);
	return is_same;
}

bool jem_spooled_has(const struct jem_spooled_file *file, const struct jem_line *line,
		     const char *text, size_t len)
{
	if (line->offset == file->offset)
		return is_same_text(file, line, text, len);
	/* One that reaches into the last was finished after a silence, and has grown since. */
	return line->offset < file->offset && line->offset + line->full_len <= file->offset;
}

/* --- keeping --------------------------------------------------------------------------------------- */

void jem_spooled_write(const struct jem_spooled *spooled, struct jem_json *json)
{
	jem_json_array_begin(json);
	for (size_t i = 0; i < spooled->count; i++) {
		const struct jem_spooled_file *file = &spooled->files[i];

		jem_json_object_begin(json);
		jem_json_key(json, "id");
		jem_json_str(json, file->id);
		jem_json_key(json, "offset");
		jem_json_u64(json, file->offset);
		jem_json_key(json, "text_len");
		jem_json_u64(json, file->text_len);
		jem_json_key(json, "full_len");
		jem_json_u64(json, file->full_len);
		jem_json_object_end(json);
	}
	jem_json_array_end(json);
}

int jem_spooled_load(struct jem_spooled *spooled, const struct jem_json_doc *doc, uint32_t array)
{
	if (!array)
		return 0;
	if (jem_json_type(doc, array) != JEM_JSON_ARRAY)
		return -EBADMSG;
	for (uint32_t i = jem_json_first(doc, array); i < jem_json_end(doc, array);
	     i = jem_json_next(doc, i)) {
		struct jem_spooled_file file;

		if (jem_json_type(doc, i) != JEM_JSON_OBJECT ||
		    jem_json_get_str(doc, jem_json_member(doc, i, "id"), file.id, sizeof(file.id)) <
			    0 ||
		    jem_json_get_u64(doc, jem_json_member(doc, i, "offset"), &file.offset) < 0 ||
		    jem_json_get_u64(doc, jem_json_member(doc, i, "text_len"), &file.text_len) <
			    0 ||
		    jem_json_get_u64(doc, jem_json_member(doc, i, "full_len"), &file.full_len) < 0)
			return -EBADMSG;
		note(spooled, &file);
	}
	return 0;
}
