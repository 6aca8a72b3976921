/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/log/seen.h"

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/json_reader.h"
#include "common/json_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

enum {
	BUCKETS = 256,
	FILE_MAX = 1 << 20,
	VERSION = 1
};

struct jem_seen {
	struct jem_seen_file *buckets[BUCKETS]; /* owned */
	size_t count;
	struct jem_spooled spooled;
	uint64_t touches;
	uint64_t horizon_ns; /* wall clock: unknown files that are older than this are not new */
};

int jem_seen_create(struct jem_seen **ret)
{
	struct jem_seen *seen = calloc(1, sizeof(*seen));

	if (!seen)
		return -ENOMEM;
	*ret = seen;
	return 0;
}

static void forget_all(struct jem_seen *seen)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (seen->buckets[i]) {
			struct jem_seen_file *file = seen->buckets[i];

			seen->buckets[i] = file->next;
			free(file);
		}
	seen->count = 0;
}

void jem_seen_destroy(struct jem_seen *seen)
{
	if (!seen)
		return;
	forget_all(seen);
	jem_spooled_deinit(&seen->spooled);
	free(seen);
}

static struct jem_seen_file **bucket_of(struct jem_seen *seen, const struct jem_file_id *id)
{
	return &seen->buckets[(id->ino ^ id->dev ^ id->birth_ns >> 10) % BUCKETS];
}

struct jem_seen_file *jem_seen_find(struct jem_seen *seen, const struct jem_file_id *id)
{
	struct jem_seen_file *file = *bucket_of(seen, id);

	while (file && !jem_file_id_equals(&file->id, id))
		file = file->next;
	if (file)
		file->touched = ++seen->touches;
	return file;
}

static bool forget_oldest(struct jem_seen *seen)
{
	struct jem_seen_file **oldest = NULL;
	struct jem_seen_file *file;

	for (size_t i = 0; i < BUCKETS; i++)
		for (struct jem_seen_file **at = &seen->buckets[i]; *at; at = &(*at)->next)
			if (!(*at)->is_open && (!oldest || (*at)->touched < (*oldest)->touched))
				oldest = at;
	if (!oldest)
		return false;
	file = *oldest;
	*oldest = file->next;
	if (file->id.birth_ns >= seen->horizon_ns)
		seen->horizon_ns = file->id.birth_ns + 1;
	free(file);
	seen->count--;
	return true;
}

struct jem_seen_file *jem_seen_add(struct jem_seen *seen, const struct jem_file_id *id)
{
	struct jem_seen_file *file = jem_seen_find(seen, id);
	struct jem_seen_file **bucket;

	if (file)
		return file;
	if (seen->count >= JEM_SEEN_MAX && !forget_oldest(seen))
		return NULL;
	file = calloc(1, sizeof(*file));
	if (!file)
		return NULL;
	file->id = *id;
	file->touched = ++seen->touches;
	bucket = bucket_of(seen, id);
	file->next = *bucket;
	*bucket = file;
	seen->count++;
	return file;
}

bool jem_seen_is_new(const struct jem_seen *seen, const struct jem_file_info *info)
{
	return (info->id.birth_ns ? info->id.birth_ns : info->mtime_ns) >= seen->horizon_ns;
}

struct jem_spooled *jem_seen_spooled(struct jem_seen *seen)
{
	return &seen->spooled;
}

void jem_seen_each(const struct jem_seen *seen, jem_seen_fn fn, void *arg)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct jem_seen_file *file = seen->buckets[i]; file; file = file->next)
			fn(arg, file);
}

static void write_file(void *arg, const struct jem_seen_file *file)
{
	static const char hex[] = "0123456789abcdef";
	struct jem_json *json = arg;
	char guard[2 * JEM_TAIL_GUARD + 1] = "";

	for (uint32_t i = 0; i < file->position.guard_len; i++) {
		guard[2 * i] = hex[file->position.guard[i] >> 4];
		guard[2 * i + 1] = hex[file->position.guard[i] & 15];
	}
	jem_json_object_begin(json);
	jem_json_key(json, "dev");
	jem_json_u64(json, file->id.dev);
	jem_json_key(json, "ino");
	jem_json_u64(json, file->id.ino);
	jem_json_key(json, "birth_ns");
	jem_json_u64(json, file->id.birth_ns);
	jem_json_key(json, "offset");
	jem_json_u64(json, file->position.offset);
	jem_json_key(json, "cuts");
	jem_json_u64(json, file->position.cuts);
	jem_json_key(json, "guard");
	jem_json_text(json, guard, 2 * (size_t)file->position.guard_len);
	jem_json_key(json, "foreign");
	jem_json_bool(json, file->is_foreign);
	jem_json_object_end(json);
}

static int write_whole(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static int replace_file(const char *path, const struct jem_buf *text)
{
	char beside[PATH_MAX];
	auto_close int fd = -1;
	int r;

	if (snprintf(beside, sizeof(beside), "%s.new", path) >= (int)sizeof(beside))
		return -ENAMETOOLONG;
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_whole(fd, text->data, text->len);
	if (!r && rename(beside, path))
		r = -errno;
	if (r)
		unlink(beside);
	return r;
}

int jem_seen_save(const struct jem_seen *seen, const char *path, uint64_t horizon_ns)
{
	struct jem_buf text;
	struct jem_json json;
	int r;

	jem_buf_init(&text, FILE_MAX);
	json = jem_json_to(&text);
	jem_json_object_begin(&json);
	jem_json_key(&json, "v");
	jem_json_u64(&json, VERSION);
	jem_json_key(&json, "horizon_ns");
	jem_json_u64(&json, horizon_ns > seen->horizon_ns ? horizon_ns : seen->horizon_ns);
	jem_json_key(&json, "files");
	jem_json_array_begin(&json);
	jem_seen_each(seen, write_file, &json);
	jem_json_array_end(&json);
	jem_json_key(&json, "spooled");
	jem_spooled_write(&seen->spooled, &json);
	jem_json_object_end(&json);
	jem_buf_add_char(&text, '\n');
	r = text.failed ? -ENOMEM : replace_file(path, &text);
	jem_buf_deinit(&text);
	return r;
}

static int read_hex(const char *text, struct jem_tail_position *ret)
{
	size_t len = strlen(text);

	if (len % 2 || len > 2 * JEM_TAIL_GUARD)
		return -EINVAL;
	for (size_t i = 0; i < len; i += 2) {
		unsigned byte;

		if (sscanf(text + i, "%2x", &byte) != 1)
			return -EINVAL;
		ret->guard[i / 2] = (unsigned char)byte;
	}
	ret->guard_len = (uint32_t)(len / 2);
	return ret->guard_len > ret->offset ? -EINVAL : 0;
}

static int read_entry(struct jem_seen *seen, const struct jem_json_doc *doc, uint32_t object)
{
	char guard[2 * JEM_TAIL_GUARD + 1];
	struct jem_tail_position position = { 0 };
	struct jem_seen_file *file;
	struct jem_file_id id;
	bool is_foreign;
	uint64_t cuts;

	if (jem_json_type(doc, object) != JEM_JSON_OBJECT ||
	    jem_json_get_u64(doc, jem_json_member(doc, object, "dev"), &id.dev) ||
	    jem_json_get_u64(doc, jem_json_member(doc, object, "ino"), &id.ino) ||
	    jem_json_get_u64(doc, jem_json_member(doc, object, "birth_ns"), &id.birth_ns) ||
	    jem_json_get_u64(doc, jem_json_member(doc, object, "offset"), &position.offset) ||
	    jem_json_get_u64(doc, jem_json_member(doc, object, "cuts"), &cuts) ||
	    jem_json_get_bool(doc, jem_json_member(doc, object, "foreign"), &is_foreign) ||
	    jem_json_get_str(doc, jem_json_member(doc, object, "guard"), guard, sizeof(guard)) ||
	    position.offset > INT64_MAX || read_hex(guard, &position))
		return -EBADMSG;
	position.cuts = (uint32_t)cuts;
	file = jem_seen_add(seen, &id);
	if (!file)
		return -ENOMEM;
	file->position = position;
	file->is_foreign = is_foreign;
	return 0;
}

static int read_entries(struct jem_seen *seen, const struct jem_json_doc *doc)
{
	uint32_t files = jem_json_member(doc, 0, "files");
	uint64_t version;
	int r = 0;

	if (jem_json_get_u64(doc, jem_json_member(doc, 0, "v"), &version) || version != VERSION ||
	    jem_json_get_u64(doc, jem_json_member(doc, 0, "horizon_ns"), &seen->horizon_ns) ||
	    !files || jem_json_type(doc, files) != JEM_JSON_ARRAY)
		return -EBADMSG;
	for (uint32_t i = jem_json_first(doc, files); i < jem_json_end(doc, files) && !r;
	     i = jem_json_next(doc, i))
		r = read_entry(seen, doc, i);
	return r ? r : jem_spooled_load(&seen->spooled, doc, jem_json_member(doc, 0, "spooled"));
}

static int read_text(const char *path, struct jem_buf *ret)
{
	auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = 0;
	char *room;

	if (fd < 0)
		return -errno;
	while ((room = jem_buf_extend(ret, 4096))) {
		n = read(fd, room, 4096);
		ret->len -= 4096 - (n > 0 ? (size_t)n : 0);
		if (n <= 0)
			break;
	}
	if (n < 0)
		return -errno;
	return room ? 0 : -E2BIG;
}

int jem_seen_load(struct jem_seen *seen, const char *path, struct jem_err *err)
{
	struct jem_json_doc doc;
	struct jem_buf text;
	int r;

	jem_buf_init(&text, FILE_MAX);
	jem_json_doc_init(&doc);
	r = read_text(path, &text);
	if (r && r != -ENOENT)
		jem_err_set(err, r, "%s: %s", path, strerror(-r));
	if (!r)
		r = jem_json_read(&doc, text.data, text.len, err);
	if (!r && read_entries(seen, &doc))
		r = jem_err_set(err, -EBADMSG, "%s: not a file of offsets", path);
	if (r) {
		forget_all(seen);
		seen->horizon_ns = 0;
	}
	jem_json_doc_deinit(&doc);
	jem_buf_deinit(&text);
	return r == 0 || r == -ENOENT ? r : -EBADMSG;
}
