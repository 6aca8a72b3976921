/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/data_file.h"

#include "common/cleanup.h"
#include "receiver/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
	NAME_SIZE = 64,
	SEGMENT_BYTES = 8 << 20,
	PENDING_MAX = 64 << 20,
	SEGMENTS_MAX = 99999999,
};

void jem_data_file_init(struct jem_data_file *file, const char *stem, const char *ext,
			struct jem_packer *packer)
{
	*file = (struct jem_data_file){
		.stem = stem,
		.ext = ext,
		.segment_bytes = SEGMENT_BYTES,
		.packer = packer,
		.fd = -1,
		.oldest = 1,
		.current = 1,
		.packed = 1,
		.thinned = 1,
	};
	jem_buf_init(&file->pending, PENDING_MAX);
}

void jem_data_file_init_kind(struct jem_data_file *file, enum jem_kind kind,
			     struct jem_packer *packer)
{
	bool is_json = jem_kinds[kind].encoding == JEM_ENCODING_JSON;

	jem_data_file_init(file, jem_kinds[kind].name, is_json ? "jsonl" : "cbors.zst",
			   is_json ? packer : NULL);
}

void jem_data_file_deinit(struct jem_data_file *file)
{
	if (file->packer)
		jem_packer_forget(file->packer, file);
	jem_data_file_suspend(file);
	jem_buf_deinit(&file->pending);
}

void jem_data_file_suspend(struct jem_data_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	if (!file->pending.len) {
		jem_buf_deinit(&file->pending);
		jem_buf_init(&file->pending, PENDING_MAX);
	}
}

static void live_name(const struct jem_data_file *file, char ret[NAME_SIZE])
{
	snprintf(ret, NAME_SIZE, "%s.%s", file->stem, file->ext);
}

static void finished_name(const struct jem_data_file *file, uint32_t segment, bool is_packed,
			  char ret[NAME_SIZE])
{
	snprintf(ret, NAME_SIZE, "%s.%04u.%s%s", file->stem, segment, file->ext,
		 is_packed ? ".zst" : "");
}

void jem_data_file_name(const struct jem_data_file *file, int folder, uint32_t segment,
			char ret[NAME_SIZE])
{
	if (segment == file->current) {
		live_name(file, ret);
	} else {
		finished_name(file, segment, true, ret);
		if (faccessat(folder, ret, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			finished_name(file, segment, false, ret);
	}
	if (faccessat(folder, ret, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		ret[0] = '\0';
}

/* The number in STEM.NUMBER.EXT or STEM.NUMBER.EXT.zst, 0 for any other name. */
static uint32_t parse_name(const struct jem_data_file *file, const char *name, bool *is_packed)
{
	size_t stem_len = strlen(file->stem);
	size_t ext_len = strlen(file->ext);
	unsigned long number = 0;
	const char *at = name + stem_len + 1;

	if (strncmp(name, file->stem, stem_len) || name[stem_len] != '.')
		return 0;
	for (; *at >= '0' && *at <= '9' && number <= SEGMENTS_MAX; at++)
		number = number * 10 + (unsigned long)(*at - '0');
	if (*at != '.' || strncmp(at + 1, file->ext, ext_len) || number > SEGMENTS_MAX)
		return 0;
	at += 1 + ext_len;
	*is_packed = !strcmp(at, ".zst");
	return *at && !*is_packed ? 0 : (uint32_t)number;
}

static bool is_leftover(const struct jem_data_file *file, const char *name)
{
	size_t len = strlen(name);

	return len > 4 && !strcmp(name + len - 4, ".tmp") &&
	       !strncmp(name, file->stem, strlen(file->stem)) && name[strlen(file->stem)] == '.';
}

static uint64_t size_of(int folder, const char *name)
{
	struct stat st;

	return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : (uint64_t)st.st_size;
}

/* Both, plain and packed: the crash came between the rename of the new and the removal of the old. */
static bool is_doubled(const struct jem_data_file *file, int folder, uint32_t number)
{
	char packed[NAME_SIZE];

	finished_name(file, number, true, packed);
	return faccessat(folder, packed, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void note_segment(struct jem_data_file *file, int folder, const char *name, bool is_mended)
{
	bool is_packed = false;
	uint32_t number = parse_name(file, name, &is_packed);

	if (!number)
		return;
	if (!is_packed && is_doubled(file, folder, number)) {
		if (is_mended)
			unlinkat(folder, name, 0);
		return;
	}
	file->finished_bytes += size_of(folder, name);
	if (number >= file->current)
		file->current = number + 1;
	if (number < file->oldest)
		file->oldest = number;
	if (!is_packed && number < file->packed)
		file->packed = number;
}

static int scan(struct jem_data_file *file, int folder, bool is_mended)
{
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_closedir DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	char name[NAME_SIZE];
	struct dirent *entry;

	if (!dir) {
		int status = -errno;

		if (copy >= 0)
			close(copy);
		return status;
	}
	file->finished_bytes = 0;
	file->current = 1;
	file->oldest = file->packed = UINT32_MAX;
	while ((entry = readdir(dir))) {
		if (!is_leftover(file, entry->d_name))
			note_segment(file, folder, entry->d_name, is_mended);
		else if (is_mended)
			unlinkat(folder, entry->d_name, 0);
	}
	if (file->oldest > file->current)
		file->oldest = file->current;
	if (file->packed > file->current)
		file->packed = file->current;
	file->thinned = file->oldest;
	live_name(file, name);
	file->size = size_of(folder, name);
	return 0;
}

int jem_data_file_look(struct jem_data_file *file, int folder)
{
	return scan(file, folder, false);
}

int jem_data_file_scan(struct jem_data_file *file, int folder)
{
	return scan(file, folder, true);
}

int jem_data_file_open(struct jem_data_file *file, int folder)
{
	char name[NAME_SIZE];
	int fd;

	if (file->fd >= 0)
		return 0;
	live_name(file, name);
	fd = jem_folder_open_file(folder, name, O_RDWR | O_CREAT);
	if (fd < 0)
		return fd;
	file->fd = fd;
	return 0;
}

static void on_packed(void *arg, const struct jem_pack_result *result)
{
	struct jem_data_file *file = arg;

	file->is_working = false;
	if (result->status == 0)
		file->finished_bytes += result->bytes - file->working_bytes;
	file->packed++;
}

/* The folder may be closed by the time the work is done: the next write takes up the next one. */
static void pack_next(struct jem_data_file *file, int folder)
{
	char name[NAME_SIZE];

	if (file->is_working || !file->packer || file->packed >= file->current)
		return;
	if (file->packed < file->oldest)
		file->packed = file->oldest;
	finished_name(file, file->packed, false, name);
	if (faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		file->packed++;
		return;
	}
	file->working_bytes = size_of(folder, name);
	file->is_working = jem_packer_add(file->packer, folder, name, on_packed, file) == 0;
}

/* Closes the current segment under its number; the next write begins a new one. */
static int finish_segment(struct jem_data_file *file, int folder)
{
	char live[NAME_SIZE];
	char finished[NAME_SIZE];

	live_name(file, live);
	finished_name(file, file->current, false, finished);
	if (renameat(folder, live, folder, finished) < 0)
		return -errno;
	jem_data_file_suspend(file);
	file->finished_bytes += file->size;
	file->size = 0;
	file->current++;
	return 0;
}

int jem_data_file_write(struct jem_data_file *file, int folder)
{
	int status = 0;

	if (file->pending.failed)
		return -ENOMEM;
	if (!file->pending.len)
		return 0;
	if (file->segment_bytes && file->size &&
	    file->size + file->pending.len > file->segment_bytes)
		status = finish_segment(file, folder);
	if (status == 0)
		status = jem_data_file_open(file, folder);
	if (status == 0)
		status = jem_folder_write_at(file->fd, file->pending.data, file->pending.len,
					     file->size);
	if (status < 0)
		return status;
	file->size += file->pending.len;
	jem_buf_clear(&file->pending);
	pack_next(file, folder);
	return 0;
}

int jem_data_file_cut(struct jem_data_file *file, int folder, uint64_t bytes)
{
	int status = jem_data_file_open(file, folder);

	if (status < 0)
		return status;
	if (ftruncate(file->fd, (off_t)bytes) < 0)
		return -errno;
	file->size = bytes;
	return 0;
}

void jem_data_file_resume_at(struct jem_data_file *file, uint32_t segment)
{
	if (segment <= file->current || segment > SEGMENTS_MAX)
		return;
	if (file->oldest == file->current)
		file->oldest = file->packed = file->thinned = segment;
	file->current = segment;
}

int jem_data_file_finish(struct jem_data_file *file, int folder)
{
	return file->size ? finish_segment(file, folder) : 0;
}

void jem_data_file_recall(struct jem_data_file *file)
{
	if (!file->is_working)
		return;
	jem_packer_cancel(file->packer, file);
	file->is_working = false;
}

int jem_data_file_drop_oldest(struct jem_data_file *file, int folder)
{
	char name[NAME_SIZE];
	uint64_t bytes;

	if (file->oldest >= file->current)
		return -ENOENT;
	if (file->oldest >= file->packed)
		jem_data_file_recall(file);
	jem_data_file_name(file, folder, file->oldest, name);
	file->oldest++;
	if (file->packed < file->oldest)
		file->packed = file->oldest;
	if (!*name)
		return 0;
	bytes = size_of(folder, name);
	if (unlinkat(folder, name, 0) < 0)
		return -errno;
	file->finished_bytes -= bytes < file->finished_bytes ? bytes : file->finished_bytes;
	return 0;
}

int jem_data_file_thin_end(struct jem_data_file *file, int folder, const char *name)
{
	uint64_t before = size_of(folder, name);
	int status = jem_pack_replace(folder, name);

	if (status == 0)
		file->finished_bytes += size_of(folder, name) - before;
	return status;
}

struct jem_data_place jem_data_file_place(const struct jem_data_file *file)
{
	return (struct jem_data_place){ file->current, file->size };
}

uint64_t jem_data_file_segment_bytes(const struct jem_data_file *file, int folder, uint32_t segment)
{
	char name[NAME_SIZE];

	jem_data_file_name(file, folder, segment, name);
	return *name ? size_of(folder, name) : 0;
}

uint64_t jem_data_file_bytes(const struct jem_data_file *file)
{
	return file->finished_bytes + file->size;
}
