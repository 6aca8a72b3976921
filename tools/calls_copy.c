/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/calls_copy.h"

#include "common/cleanup.h"
#include "schemas/ring.h"
#include "tools/calls_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_MAX_NS (1ull << 62) /* in the year 2116 */

/* Reads up to `end`, or less: it may have been cut short since. */
static int read_range(int fd, char *bytes, off_t at, off_t end)
{
	while (at < end) {
		ssize_t got = pread(fd, bytes + at, (size_t)(end - at), at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			return 0;
		at += got;
	}
	return 0;
}

/* Rings of threads that never were have space on disk, but nothing in it. */
static int read_data(int fd, char *bytes, off_t len)
{
	off_t at = 0;
	int status = 0;

	while (status == 0 && at < len) {
		off_t data = lseek(fd, at, SEEK_DATA);
		off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);

		if (data < 0 && errno == ENXIO)
			return 0;
		if (data < 0 || hole < 0) {
			data = at;
			hole = len;
		}
		at = hole < len ? hole : len;
		status = read_range(fd, bytes, data, at);
	}
	return status;
}

static int check_header(const struct jem_ring_header *header, const char *path, struct jem_err *err)
{
	if (memcmp(header->magic, JEM_RING_MAGIC, sizeof(header->magic)) != 0)
		return jem_err_set(err, -EBADMSG, "%.200s was not written with JEM_CALLS_FILE",
				   path);
	if (header->version != JEM_RING_VERSION)
		return jem_err_set(err, -EBADMSG,
				   "%.200s is of version %u, not ours (%u); read it with jem of "
				   "the library that wrote it",
				   path, header->version, JEM_RING_VERSION);
	/* Times are told from there on; beyond is no time that a reader takes. */
	if (header->clock != JEM_RING_MONOTONIC || header->start_mono_ns > header->start_ticks ||
	    header->start_ticks > START_MAX_NS)
		return jem_err_set(err, -EBADMSG, "%.200s: its clock is not known here", path);
	return 0;
}

static bool overlaps(const struct jem_ring_module *a, const struct jem_ring_module *b)
{
	return a->start < b->end && b->start < a->end;
}

static bool is_same(const struct jem_ring_module *a, const struct jem_ring_module *b)
{
	return a->bias == b->bias && a->build_id_len == b->build_id_len &&
	       !memcmp(a->build_id, b->build_id, sizeof(a->build_id)) &&
	       !strncmp(a->path, b->path, sizeof(a->path));
}

/* Whether nothing else was ever at its addresses, and it is the first of those that are the same. */
static bool owns_addresses(const struct jem_ring_module *modules, uint32_t count, uint32_t which)
{
	const struct jem_ring_module *module = &modules[which];

	for (uint32_t i = 0; i < count; i++) {
		if (i == which || modules[i].state == JEM_MODULE_EMPTY ||
		    !overlaps(module, &modules[i]))
			continue;
		if (!is_same(module, &modules[i]) || i < which ||
		    modules[i].state == JEM_MODULE_OPEN)
			return false;
	}
	return true;
}

static void reopen_modules(char *bytes, size_t len, const struct jem_ring_header *header)
{
	uint64_t offset = header->modules_offset;
	struct jem_ring_module *modules;
	uint32_t count = header->modules_seen;

	if (count > header->module_max)
		count = header->module_max;
	if (offset % 8 || offset > len || count > (len - offset) / sizeof(*modules))
		return; /* ring_read says so */
	modules = (struct jem_ring_module *)(void *)(bytes + offset);
	for (uint32_t i = 0; i < count; i++)
		if (modules[i].state == JEM_MODULE_CLOSED && owns_addresses(modules, count, i))
			modules[i].state = JEM_MODULE_OPEN;
}

int jem_calls_copy_open(const char *path, void **ret, size_t *ret_bytes, struct jem_err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct jem_ring_header header;
	struct stat st;
	void *bytes;
	int status;

	if (fd < 0 || fstat(fd, &st) < 0)
		return jem_err_set(err, -errno, "%.200s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(header) ||
	    (uint64_t)st.st_size > JEM_CALLS_FILE_MAX)
		return jem_err_set(err, -EBADMSG, "%.200s was not written with JEM_CALLS_FILE",
				   path);
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (bytes == MAP_FAILED)
		return jem_err_set(err, -ENOMEM, "no memory for %.200s", path);
	/* Front to back: the heads come before the records, which are whole up to there. */
	status = read_data(fd, bytes, st.st_size);
	if (status < 0)
		jem_err_set(err, status, "%.200s: %s", path, strerror(-status));
	memcpy(&header, bytes, sizeof(header));
	if (status == 0)
		status = check_header(&header, path, err);
	if (status < 0) {
		munmap(bytes, (size_t)st.st_size);
		return status;
	}
	reopen_modules(bytes, (size_t)st.st_size, &header);
	*ret = bytes;
	*ret_bytes = (size_t)st.st_size;
	return 0;
}
