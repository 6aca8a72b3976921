/* SPDX-License-Identifier: Apache-2.0 */
/* The work of the packer, free of the loop. */
#include "receiver/packer.h"

#include "common/cleanup.h"
#include "receiver/folder.h"
#include "receiver/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zstd.h>

enum {
	LEVEL = 3, /* 250 MB/s and a tenth of the size; 9 halves the speed for 8 % less */
	CHUNK = 128 << 10,
};

/* A zstd file being written under a temporary name. */
struct packed {
	int folder; /* borrowed */
	char temporary[NAME_MAX + 1];
	int fd;          /* owned */
	uint64_t bytes;  /* written */
	ZSTD_CCtx *zstd; /* owned */
	char *out;       /* owned, CHUNK bytes */
};

static void packed_deinit(struct packed *packed)
{
	if (packed->fd >= 0)
		close(packed->fd);
	ZSTD_freeCCtx(packed->zstd);
	free(packed->out);
}

static bool is_packed(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && !strcmp(name + len - 4, ".zst");
}

/* The names that a segment has: with .zst, and while that is written. */
static void format_names(const char *name, char packed[NAME_MAX + 1], char temporary[NAME_MAX + 1])
{
	snprintf(packed, NAME_MAX + 1, "%.240s%s", name, is_packed(name) ? "" : ".zst");
	snprintf(temporary, NAME_MAX + 1, "%.250s.tmp", packed);
}

static int packed_init(struct packed *packed, int folder, const char *name)
{
	char target[NAME_MAX + 1];

	*packed = (struct packed){ .folder = folder, .fd = -1 };
	format_names(name, target, packed->temporary);
	packed->zstd = ZSTD_createCCtx();
	packed->out = malloc(CHUNK);
	if (!packed->zstd || !packed->out)
		return -ENOMEM;
	ZSTD_CCtx_setParameter(packed->zstd, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(packed->zstd, ZSTD_c_checksumFlag, 1);
	packed->fd = jem_folder_open_file(folder, packed->temporary, O_WRONLY | O_CREAT | O_TRUNC);
	return packed->fd < 0 ? packed->fd : 0;
}

static int packed_add(struct packed *packed, const char *text, size_t len, bool is_end)
{
	ZSTD_inBuffer in = { text, len, 0 };
	size_t left;

	do {
		ZSTD_outBuffer out = { packed->out, CHUNK, 0 };
		int status;

		left = ZSTD_compressStream2(packed->zstd, &out, &in,
					    is_end ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return -EIO;
		status = jem_folder_write_at(packed->fd, packed->out, out.pos, packed->bytes);
		if (status < 0)
			return status;
		packed->bytes += out.pos;
	} while (is_end ? left > 0 : in.pos < in.size);
	return 0;
}

/* Synced before the rename: after a power failure the old file or the new one is whole. */
static int packed_finish(struct packed *packed)
{
	int status = packed_add(packed, NULL, 0, true);

	if (status == 0 && fdatasync(packed->fd) < 0)
		status = -errno;
	return status;
}

static int copy_file(struct packed *packed, int from)
{
	auto_free char *text = malloc(CHUNK);
	ssize_t n;

	if (!text)
		return -ENOMEM;
	while ((n = read(from, text, CHUNK)) != 0) {
		int status = n < 0 ? -errno : packed_add(packed, text, (size_t)n, false);

		if (status < 0 && status != -EINTR)
			return status;
	}
	return 0;
}

static int compress(int folder, const char *name, struct jem_pack_result *ret)
{
	auto_close int from = jem_folder_open_file(folder, name, O_RDONLY);
	struct packed packed;
	int status;

	if (from < 0)
		return from;
	status = packed_init(&packed, folder, name);
	if (status == 0)
		status = copy_file(&packed, from);
	if (status == 0)
		status = packed_finish(&packed);
	ret->bytes = packed.bytes;
	packed_deinit(&packed);
	return status;
}

void jem_pack_compress(int folder, const char *name, struct jem_pack_result *ret)
{
	*ret = (struct jem_pack_result){ 0 };
	ret->status = compress(folder, name, ret);
}

int jem_pack_replace(int folder, const char *name)
{
	char packed[NAME_MAX + 1];
	char temporary[NAME_MAX + 1];

	format_names(name, packed, temporary);
	if (renameat(folder, temporary, folder, packed) < 0)
		return -errno;
	if (strcmp(name, packed))
		unlinkat(folder, name, 0);
	return 0;
}

void jem_pack_discard(int folder, const char *name)
{
	char packed[NAME_MAX + 1];
	char temporary[NAME_MAX + 1];

	format_names(name, packed, temporary);
	unlinkat(folder, temporary, 0);
}

/* Records of processes are told by their text: the writer of records adds no white space. */
bool jem_pack_is_of_process(const char *line, size_t len)
{
	static const char scope[] = "\"scope\":\"process\"";

	return memmem(line, len < 256 ? len : 256, scope, sizeof(scope) - 1);
}

static bool is_not_of_process(void *arg, const char *line, size_t len)
{
	(void)arg;
	return !jem_pack_is_of_process(line, len);
}

int64_t jem_pack_thin(int folder, const char *name)
{
	uint64_t kept;

	return jem_pack_filter(folder, name, is_not_of_process, NULL, &kept);
}

int64_t jem_pack_filter(int folder, const char *name, jem_pack_keep_fn keep, void *arg,
			uint64_t *kept)
{
	auto_lines struct jem_lines *lines = NULL;
	struct packed packed;
	const char *line;
	size_t len;
	int64_t left_out = 0;
	int more = 0;
	int status = jem_lines_open(folder, name, 0, &lines);

	*kept = 0;
	if (status < 0)
		return status;
	status = packed_init(&packed, folder, name);
	while (status == 0 && (more = jem_lines_next(lines, &line, &len)) > 0) {
		if (keep(arg, line, len)) {
			status = packed_add(&packed, line, len, false);
			if (status == 0)
				status = packed_add(&packed, "\n", 1, false);
			++*kept;
		} else {
			left_out++;
		}
	}
	if (more < 0)
		status = more;
	if (status == 0)
		status = packed_finish(&packed);
	packed_deinit(&packed);
	if (status < 0)
		jem_pack_discard(folder, name);
	return status < 0 ? status : left_out;
}
