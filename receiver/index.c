/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/index.h"

#include "common/cleanup.h"
#include "common/json_writer.h"
#include "receiver/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	STATE_MAX = 64 << 10,
	BUCKETS = 4096, /* a power of two */
};

static const char state_name[] = "state.json";

struct line {
	struct line *next; /* of the bucket */
	struct jem_index_entry entry;
	char *text; /* owned; what the entry's texts point into */
};

struct jem_index {
	struct line *buckets[BUCKETS]; /* owned */
	size_t count;
	bool is_changed;
};

/* One table for writing, reading and copying. */
static const struct {
	const char *key;
	size_t offset;
} texts[] = {
	{ "href", offsetof(struct jem_index_entry, href) },
	{ "site", offsetof(struct jem_index_entry, site) },
	{ "user", offsetof(struct jem_index_entry, user) },
	{ "job", offsetof(struct jem_index_entry, job) },
	{ "node", offsetof(struct jem_index_entry, node) },
	{ "command", offsetof(struct jem_index_entry, command) },
};

static const struct {
	const char *key;
	size_t offset;
} reals[] = {
	{ "wall_s", offsetof(struct jem_index_entry, wall_s) },
	{ "cpu_s", offsetof(struct jem_index_entry, cpu_s) },
	{ "peak_rss_bytes", offsetof(struct jem_index_entry, peak_rss_bytes) },
	{ "memory_limit_bytes", offsetof(struct jem_index_entry, memory_limit_bytes) },
};

static const struct {
	const char *key;
	size_t offset;
} counts[] = {
	{ "start_ns", offsetof(struct jem_index_entry, start_ns) },
	{ "end_ns", offsetof(struct jem_index_entry, end_ns) },
	{ "last_ns", offsetof(struct jem_index_entry, last_ns) },
	{ "alerts", offsetof(struct jem_index_entry, alerts) },
	{ "lost_records", offsetof(struct jem_index_entry, lost_records) },
};

#define LENGTH(table) (sizeof(table) / sizeof(*(table)))

static const char **text_at(struct jem_index_entry *entry, size_t i)
{
	return (const char **)((char *)entry + texts[i].offset);
}

static const char *text_of(const struct jem_index_entry *entry, size_t i)
{
	const char *text = *(const char *const *)((const char *)entry + texts[i].offset);

	return text ? text : "";
}

int jem_index_save(const struct jem_index_entry *entry, int data)
{
	struct jem_buf buf;
	struct jem_json json;
	int status;

	jem_buf_init(&buf, STATE_MAX);
	json = jem_json_to(&buf);
	jem_json_object_begin(&json);
	for (size_t i = 0; i < LENGTH(texts); i++) {
		jem_json_key(&json, texts[i].key);
		jem_json_str(&json, text_of(entry, i));
	}
	for (size_t i = 0; i < LENGTH(reals); i++) {
		jem_json_key(&json, reals[i].key);
		jem_json_real(&json, *(const double *)((const char *)entry + reals[i].offset));
	}
	for (size_t i = 0; i < LENGTH(counts); i++) {
		jem_json_key(&json, counts[i].key);
		jem_json_u64(&json, *(const uint64_t *)((const char *)entry + counts[i].offset));
	}
	jem_json_key(&json, "state");
	jem_json_u64(&json, entry->state);
	jem_json_key(&json, "exit_code");
	jem_json_i64(&json, entry->exit_code);
	jem_json_key(&json, "signal");
	jem_json_i64(&json, entry->signal);
	jem_json_key(&json, "worst");
	jem_json_i64(&json, entry->worst);
	jem_json_key(&json, "monitor_ended");
	jem_json_bool(&json, entry->monitor_ended);
	jem_json_object_end(&json);
	jem_buf_add_char(&buf, '\n');
	status = buf.failed ? -ENOMEM : jem_folder_replace(data, state_name, buf.data, buf.len);
	jem_buf_deinit(&buf);
	return status;
}

static int64_t get_i64(const struct jem_json_doc *doc, const char *key, int64_t min, int64_t max,
		       int64_t otherwise)
{
	uint32_t token = jem_json_member(doc, 0, key);
	int64_t value;

	if (!token || jem_json_get_i64(doc, token, &value) < 0 || value < min || value > max)
		return otherwise;
	return value;
}

/* Each text with its NUL; the entry's pointers are set once the buffer moves no more. */
static int get_texts(const struct jem_json_doc *doc, struct jem_buf *text,
		     struct jem_index_entry *ret)
{
	size_t offsets[LENGTH(texts)];

	for (size_t i = 0; i < LENGTH(texts); i++) {
		uint32_t token = jem_json_member(doc, 0, texts[i].key);

		offsets[i] = text->len;
		if (token && jem_json_get_text(doc, token, text) < 0)
			return -EBADMSG;
		jem_buf_add_char(text, '\0');
	}
	if (text->failed)
		return -ENOMEM;
	for (size_t i = 0; i < LENGTH(texts); i++)
		*text_at(ret, i) = text->data + offsets[i];
	return 0;
}

static int parse(const struct jem_json_doc *doc, struct jem_buf *text, struct jem_index_entry *ret)
{
	uint32_t ended = jem_json_member(doc, 0, "monitor_ended");

	*ret = (struct jem_index_entry){
		.state = (enum jem_job_state)get_i64(doc, "state", 0, JEM_JOB_ENDED, 0),
		.exit_code = (int)get_i64(doc, "exit_code", -1, 255, -1),
		.signal = (int)get_i64(doc, "signal", -1, 64, -1),
		.worst = (enum jem_severity)get_i64(doc, "worst", -1, JEM_SEVERITY_CRITICAL, -1),
	};
	if (ended)
		jem_json_get_bool(doc, ended, &ret->monitor_ended);
	for (size_t i = 0; i < LENGTH(reals); i++) {
		double *real = (double *)((char *)ret + reals[i].offset);
		uint32_t token = jem_json_member(doc, 0, reals[i].key);

		*real = -1;
		if (token)
			jem_json_get_real(doc, token, real);
	}
	for (size_t i = 0; i < LENGTH(counts); i++) {
		uint32_t token = jem_json_member(doc, 0, counts[i].key);

		if (token)
			jem_json_get_u64(doc, token, (uint64_t *)((char *)ret + counts[i].offset));
	}
	return get_texts(doc, text, ret);
}

int jem_index_load(int data, struct jem_buf *text, struct jem_index_entry *ret)
{
	auto_close int fd = jem_folder_open_file(data, state_name, O_RDONLY);
	auto_free char *bytes = malloc(STATE_MAX);
	struct jem_json_doc doc;
	ssize_t n;
	int status;

	if (fd < 0)
		return fd;
	n = bytes ? read(fd, bytes, STATE_MAX) : -1;
	if (n <= 0)
		return -EIO;
	jem_json_doc_init(&doc);
	status = jem_json_read(&doc, bytes, (size_t)n, NULL);
	if (status == 0)
		status = parse(&doc, text, ret);
	jem_json_doc_deinit(&doc);
	return status;
}

/* The lines */

static size_t bucket_of(const char *href)
{
	uint32_t hash = 2166136261u;

	for (; *href; href++)
		hash = (hash ^ (unsigned char)*href) * 16777619u;
	return (hash ^ hash >> 12) & (BUCKETS - 1);
}

static void line_free(struct line *line)
{
	free(line->text);
	free(line);
}

/* A copy of all texts in one piece. */
static int copy_entry(struct line *line, const struct jem_index_entry *entry)
{
	size_t size = 0;
	char *text;
	char *at;

	for (size_t i = 0; i < LENGTH(texts); i++)
		size += strlen(text_of(entry, i)) + 1;
	text = at = malloc(size);
	if (!text)
		return -ENOMEM;
	line->entry = *entry;
	for (size_t i = 0; i < LENGTH(texts); i++) {
		size_t len = strlen(text_of(entry, i)) + 1;

		memcpy(at, text_of(entry, i), len);
		*text_at(&line->entry, i) = at;
		at += len;
	}
	free(line->text);
	line->text = text;
	return 0;
}

static void drop_oldest(struct jem_index *index)
{
	struct line **oldest = NULL;
	struct line *line;

	for (size_t i = 0; i < BUCKETS; i++)
		for (struct line **at = &index->buckets[i]; *at; at = &(*at)->next)
			if (!oldest || (*at)->entry.last_ns < (*oldest)->entry.last_ns)
				oldest = at;
	if (!oldest)
		return;
	line = *oldest;
	*oldest = line->next;
	line_free(line);
	index->count--;
}

void jem_index_set(struct jem_index *index, const struct jem_index_entry *entry)
{
	struct line **at = &index->buckets[bucket_of(entry->href)];
	struct line *line;

	index->is_changed = true;
	for (line = *at; line; line = line->next)
		if (!strcmp(line->entry.href, entry->href)) {
			copy_entry(line, entry);
			return;
		}
	line = calloc(1, sizeof(*line));
	if (!line || copy_entry(line, entry) < 0) {
		free(line);
		return;
	}
	line->next = *at;
	*at = line;
	if (++index->count > JEM_INDEX_MAX)
		drop_oldest(index);
}

size_t jem_index_count(const struct jem_index *index)
{
	return index->count;
}

int jem_index_write(struct jem_index *index, const struct jem_page_options *options, int out)
{
	auto_free struct jem_index_entry *entries = NULL;
	size_t count = 0;
	int status;

	if (!index->is_changed)
		return 0;
	entries = calloc(index->count + 1, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct line *line = index->buckets[i]; line; line = line->next)
			entries[count++] = line->entry;
	status = jem_page_write_index(entries, count, options, out);
	index->is_changed = status < 0;
	return status < 0 ? status : 1;
}

/* Reading them back */

static void load_job(struct jem_index *index, int job, const char *href)
{
	auto_close int data = jem_folder_open(job, "data", false);
	struct jem_index_entry entry;
	struct jem_buf text;

	if (data < 0)
		return;
	jem_buf_init(&text, 4 * STATE_MAX);
	if (jem_index_load(data, &text, &entry) == 0) {
		entry.href = href; /* where it is, whatever it was called */
		jem_index_set(index, &entry);
	}
	jem_buf_deinit(&text);
}

static void load_folder(struct jem_index *index, int folder, const char *path, int depth)
{
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_closedir DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!dir && copy >= 0)
		close(copy);
	while (dir && (entry = readdir(dir))) {
		char inner_path[256];
		auto_close int inner = jem_folder_open(folder, entry->d_name, false);

		if (inner < 0)
			continue;
		snprintf(inner_path, sizeof(inner_path), "%.160s%.48s%s", path, entry->d_name,
			 depth > 1 ? "/" : "/index.html");
		if (depth > 1)
			load_folder(index, inner, inner_path, depth - 1);
		else
			load_job(index, inner, inner_path);
	}
}

int jem_index_create(int out, struct jem_index **ret)
{
	struct jem_index *index = calloc(1, sizeof(*index));

	if (!index)
		return -ENOMEM;
	load_folder(index, out, "", 3);
	*ret = index;
	return 0;
}

void jem_index_destroy(struct jem_index *index)
{
	if (!index)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (index->buckets[i]) {
			struct line *line = index->buckets[i];

			index->buckets[i] = line->next;
			line_free(line);
		}
	free(index);
}
