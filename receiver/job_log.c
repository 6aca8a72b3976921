/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/job_log.h"

#include "receiver/lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	SEGMENT_BYTES = 64 << 20,
	ENTRIES_MAX = 1 << 18,
};

void jem_job_log_init(struct jem_job_log *log, struct jem_packer *packer)
{
	*log = (struct jem_job_log){ .style.width = JEM_LOG_LINE,
				     .waiting_bytes = JEM_LOG_WAITING };
	jem_data_file_init(&log->file, "job", "log", packer);
	log->file.segment_bytes = SEGMENT_BYTES;
	jem_buf_init(&log->text, 0);
}

void jem_job_log_deinit(struct jem_job_log *log)
{
	jem_data_file_deinit(&log->file);
	jem_buf_deinit(&log->text);
	free(log->entries);
}

/* Room for one more entry; false: the line is left out. */
static bool make_room(struct jem_job_log *log)
{
	size_t cap = log->cap ? log->cap * 2 : 256;
	struct jem_log_entry *entries;

	if (log->count < log->cap)
		return true;
	entries = realloc(log->entries, cap * sizeof(*entries));
	if (!entries)
		return false;
	log->entries = entries;
	log->cap = cap;
	return true;
}

static void enter(struct jem_job_log *log, size_t start, enum jem_kind kind, uint64_t t_us,
		  uint64_t now_ms)
{
	jem_buf_add_char(&log->text, '\n');
	if (log->text.failed || !make_room(log)) {
		log->text.failed = false;
		log->text.len = start;
		log->left_out++;
		return;
	}
	log->entries[log->count++] = (struct jem_log_entry){
		.t_us = t_us,
		.arrived_ms = now_ms,
		.offset = (uint32_t)start,
		.len = (uint32_t)(log->text.len - start),
		.kind = kind,
	};
}

void jem_job_log_add(struct jem_job_log *log, enum jem_kind kind, uint64_t t_us, const char *node,
		     const struct jem_json_doc *doc, uint32_t record, uint64_t now_ms)
{
	size_t start = log->text.len;

	if (kind == JEM_KIND_metric || kind == JEM_KIND_profile)
		return;
	jem_record_write_text(&log->style, &log->text, kind, t_us, node, doc, record);
	enter(log, start, kind, t_us, now_ms);
}

void jem_job_log_note(struct jem_job_log *log, uint64_t t_us, uint64_t now_ms, const char *format,
		      ...)
{
	size_t start = log->text.len;
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	jem_text_stamp(&log->style, &log->text, t_us);
	jem_buf_add_str(&log->text, " -       ");
	jem_text_escape(&log->text, text, strlen(text));
	enter(log, start, JEM_KIND_COUNT, t_us, now_ms);
}

/* The time of a line that a record made, 0 for a note of the receiver's own and for others. */
static uint64_t line_time(const char *line, size_t len)
{
	struct tm utc = { 0 };
	char text[32];
	unsigned ms;
	char kind;

	snprintf(text, sizeof(text), "%.*s", len < 31 ? (int)len : 31, line);
	if (sscanf(text, "%d-%d-%d %d:%d:%d.%3u %c", &utc.tm_year, &utc.tm_mon, &utc.tm_mday,
		   &utc.tm_hour, &utc.tm_min, &utc.tm_sec, &ms, &kind) != 8 ||
	    kind == '-')
		return 0;
	utc.tm_year -= 1900;
	utc.tm_mon--;
	return (uint64_t)timegm(&utc) * 1000000 + ms * 1000 + 999;
}

int jem_job_log_find_end(struct jem_job_log *log, int folder)
{
	struct jem_data_file *file = &log->file;
	uint32_t segment = file->size || file->current == 1 ? file->current : file->current - 1;

	log->emitted_us = 0;
	for (; segment <= file->current; segment++) {
		auto_lines struct jem_lines *lines = NULL;
		const char *line;
		size_t len;
		char name[64];
		int status;

		jem_data_file_name(file, folder, segment, name);
		status = *name ? jem_lines_open(folder, name, 0, &lines) : 0;
		while (lines && (status = jem_lines_next(lines, &line, &len)) > 0) {
			uint64_t t_us = line_time(line, len);

			if (t_us > log->emitted_us)
				log->emitted_us = t_us;
		}
		if (status == 0 && lines && segment == file->current &&
		    jem_lines_offset(lines) < file->size)
			status = jem_data_file_cut(file, folder, jem_lines_offset(lines));
		if (status < 0)
			return status;
	}
	return 0;
}

/* Texts of entries that left stay in `text` until the next emission moves the others together. */
void jem_job_log_commit(struct jem_job_log *log, uint32_t failed_kinds)
{
	size_t kept = log->fresh;

	for (size_t i = log->fresh; failed_kinds && i < log->count; i++)
		if (!(failed_kinds & 1u << log->entries[i].kind))
			log->entries[kept++] = log->entries[i];
	if (failed_kinds)
		log->count = kept;
	log->fresh = log->count;
}

static int compare(const void *a, const void *b)
{
	const struct jem_log_entry *x = a;
	const struct jem_log_entry *y = b;

	if (x->t_us != y->t_us)
		return x->t_us < y->t_us ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void sort(struct jem_job_log *log)
{
	for (size_t i = 1; i < log->count; i++)
		if (compare(&log->entries[i - 1], &log->entries[i]) > 0) {
			qsort(log->entries, log->count, sizeof(*log->entries), compare);
			return;
		}
}

/* The latest time among the lines that have waited long enough; *earliest is that of all. */
static uint64_t due_time(const struct jem_job_log *log, uint64_t now_ms, bool is_all,
			 uint64_t *earliest)
{
	uint64_t due = log->emitted_us;

	*earliest = UINT64_MAX;
	for (size_t i = 0; i < log->count; i++) {
		const struct jem_log_entry *entry = &log->entries[i];
		bool is_due = is_all || entry->arrived_ms + JEM_LOG_WINDOW_MS <= now_ms;

		if (is_due && entry->t_us > due)
			due = entry->t_us;
		if (entry->t_us < *earliest)
			*earliest = entry->t_us;
	}
	return due;
}

/* Copies the texts of what still waits to a new front. */
static void compact(struct jem_job_log *log, size_t from)
{
	struct jem_buf text;

	log->count -= from;
	memmove(log->entries, log->entries + from, log->count * sizeof(*log->entries));
	log->fresh = log->count;
	if (!log->count) {
		if (log->text.cap > JEM_LOG_WAITING)
			jem_buf_deinit(&log->text);
		jem_buf_clear(&log->text);
		return;
	}
	jem_buf_init(&text, 0);
	for (size_t i = 0; i < log->count; i++) {
		struct jem_log_entry *entry = &log->entries[i];

		jem_buf_add(&text, log->text.data + entry->offset, entry->len);
		entry->offset = (uint32_t)(text.len - entry->len);
	}
	if (text.failed) { /* nothing is lost: the old text stays, holes and all */
		jem_buf_deinit(&text);
		return;
	}
	jem_buf_deinit(&log->text);
	log->text = text;
}

bool jem_job_log_is_crowded(const struct jem_job_log *log)
{
	return log->text.len > log->waiting_bytes || log->count > ENTRIES_MAX;
}

int jem_job_log_emit(struct jem_job_log *log, int folder, uint64_t now_ms, bool is_all)
{
	bool is_crowded = jem_job_log_is_crowded(log);
	struct jem_buf *out = &log->file.pending;
	uint64_t earliest;
	uint64_t due = due_time(log, now_ms, is_all, &earliest);
	size_t n = 0;
	int status;

	if (!log->count || (!is_crowded && earliest > due))
		return 0;
	sort(log);
	if (is_crowded && log->entries[log->count / 2].t_us > due)
		due = log->entries[log->count / 2].t_us;
	if (log->left_out)
		jem_buf_printf(out,
			       "(%" PRIu64 " lines are not here: there was no room for them)\n",
			       log->left_out);
	for (; n < log->count && log->entries[n].t_us <= due; n++)
		jem_buf_add(out, log->text.data + log->entries[n].offset, log->entries[n].len);
	status = jem_data_file_write(&log->file, folder);
	if (status < 0)
		log->left_out += n;
	else
		log->left_out = 0;
	jem_buf_clear(out);
	compact(log, n);
	log->emitted_us = due;
	return status;
}

uint64_t jem_job_log_oldest_ms(const struct jem_job_log *log)
{
	uint64_t oldest = UINT64_MAX;

	for (size_t i = 0; i < log->count; i++)
		if (log->entries[i].arrived_ms < oldest)
			oldest = log->entries[i].arrived_ms;
	return oldest;
}
