/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/log/past.h"

#include "common/cleanup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What rotations put between or behind: .1, -20260813, .2026-08-13T10:00:00, .old, ~ */
static bool is_past_mark(const char *mark, size_t len)
{
	static const char *const ends[] = { "old", "bak", "prev", "save" };

	if (len == 1)
		return *mark == '~';
	if (len < 2 || !strchr(".-_", *mark))
		return false;
	mark++;
	len--;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (len == strlen(ends[i]) && !memcmp(mark, ends[i], len))
			return true;
	if (*mark < '0' || *mark > '9')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!strchr("0123456789TZ:._+-", mark[i]))
			return false;
	return true;
}

bool jem_past_is_name(const char *base, const char *name)
{
	const char *dot = strrchr(base, '.');
	size_t base_len = strlen(base);
	size_t len = strlen(name);
	size_t stem_len;
	size_t end_len;

	if (len <= base_len)
		return false;
	if (!strncmp(name, base, base_len) && is_past_mark(name + base_len, len - base_len))
		return true;
	if (!dot || dot == base)
		return false;
	stem_len = (size_t)(dot - base);
	end_len = base_len - stem_len;
	return !strncmp(name, base, stem_len) && !strcmp(name + len - end_len, dot) &&
	       is_past_mark(name + stem_len, len - base_len);
}

/* `folder/name`, or `name` in the working folder. */
static char *join(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	int folder_len = slash ? (int)(slash - path) + 1 : 0;
	char *joined;

	return asprintf(&joined, "%.*s%s", folder_len, path, name) < 0 ? NULL : joined;
}

static void add(struct jem_past *past, char *path, const struct jem_file_info *info)
{
	struct jem_past_file *files;

	if (past->count % 16 == 0) {
		files = reallocarray(past->files, past->count + 16, sizeof(*files));
		if (!files) {
			free(path);
			return;
		}
		past->files = files;
	}
	past->files[past->count++] = (struct jem_past_file){ path, *info };
}

static bool is_unread(struct jem_seen *seen, const struct jem_file_info *info, bool notes_foreign)
{
	struct jem_seen_file *known = jem_seen_find(seen, &info->id);

	if (known)
		return !known->is_open && !known->is_foreign && known->position.offset < info->size;
	if (!notes_foreign)
		return jem_seen_is_new(seen, info);
	known = jem_seen_add(seen, &info->id);
	if (known)
		known->is_foreign = true;
	return false;
}

static int compare(const void *a, const void *b)
{
	const struct jem_file_info *x = &((const struct jem_past_file *)a)->info;
	const struct jem_file_info *y = &((const struct jem_past_file *)b)->info;
	uint64_t p = x->id.birth_ns;
	uint64_t q = y->id.birth_ns;

	if (p == q) {
		p = x->mtime_ns;
		q = y->mtime_ns;
	}
	return p < q ? -1 : p > q;
}

void jem_past_collect(struct jem_seen *seen, const char *path, const struct jem_file_id *except,
		      bool notes_foreign, struct jem_past *ret)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	auto_free char *folder = join(path, ".");
	auto_closedir DIR *dir = folder ? opendir(folder) : NULL;
	struct dirent *entry;

	for (int i = 0; dir && (entry = readdir(dir)) && i < JEM_PAST_ENTRIES; i++) {
		struct jem_file_info info;
		char *joined;

		if (!jem_past_is_name(base, entry->d_name) || ret->count >= JEM_PAST_MAX)
			continue;
		joined = join(path, entry->d_name);
		if (joined && !jem_file_info(AT_FDCWD, joined, &info) && info.is_regular &&
		    !(except && jem_file_id_equals(&info.id, except)) &&
		    is_unread(seen, &info, notes_foreign))
			add(ret, jem_take(joined), &info);
		free(joined);
	}
	if (ret->count)
		qsort(ret->files, ret->count, sizeof(*ret->files), compare);
}

static bool has_guard(const char *path, const struct jem_tail_position *position)
{
	char bytes[JEM_TAIL_GUARD];
	auto_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return fd >= 0 &&
	       pread(fd, bytes, position->guard_len,
		     (off_t)(position->offset - position->guard_len)) == position->guard_len &&
	       !memcmp(bytes, position->guard, position->guard_len);
}

/* A copy was never ours: it is unknown, or was seen to be made under its name. */
static bool may_be_copy(struct jem_seen *seen, const char *path,
			const struct jem_tail_position *position, struct jem_file_info *info)
{
	const struct jem_seen_file *known;

	if (jem_file_info(AT_FDCWD, path, info) || !info->is_regular ||
	    info->size <= position->offset)
		return false;
	known = jem_seen_find(seen, &info->id);
	return (!known || (known->is_foreign && !known->is_open)) && has_guard(path, position);
}

bool jem_past_find_copy(struct jem_seen *seen, const char *path,
			const struct jem_tail_position *position, struct jem_past_file *ret)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	auto_free char *folder = join(path, ".");
	auto_closedir DIR *dir = folder && position->guard_len ? opendir(folder) : NULL;
	struct dirent *entry;

	*ret = (struct jem_past_file){ 0 };
	for (int i = 0; dir && (entry = readdir(dir)) && i < JEM_PAST_ENTRIES; i++) {
		auto_free char *joined = NULL;
		struct jem_past_file one;

		if (!jem_past_is_name(base, entry->d_name))
			continue;
		joined = join(path, entry->d_name);
		if (!joined || !may_be_copy(seen, joined, position, &one.info))
			continue;
		one.path = joined;
		if (ret->path && compare(&one, ret) < 0)
			continue;
		free(ret->path);
		ret->path = jem_take(joined);
		ret->info = one.info;
	}
	return ret->path != NULL;
}

void jem_past_free(struct jem_past *past)
{
	for (size_t i = 0; i < past->count; i++)
		free(past->files[i].path);
	free(past->files);
	*past = (struct jem_past){ 0 };
}

void jem_past_note_foreign(struct jem_seen *seen, const char *path, const char *name)
{
	auto_free char *joined = join(path, name);
	struct jem_seen_file *file;
	struct jem_file_info info;

	if (!joined || jem_file_info(AT_FDCWD, joined, &info) || jem_seen_find(seen, &info.id))
		return;
	file = jem_seen_add(seen, &info.id);
	if (file)
		file->is_foreign = true;
}
