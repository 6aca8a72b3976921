/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/image_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

size_t jem_image_element(enum jem_image_section section)
{
	static const size_t sizes[] = {
		[JEM_IMAGE_STRINGS] = 1,
		[JEM_IMAGE_FUNCTIONS] = sizeof(struct jem_image_function),
		[JEM_IMAGE_SITES] = sizeof(struct jem_image_site),
		[JEM_IMAGE_CALLSITES] = sizeof(struct jem_image_callsite),
		[JEM_IMAGE_CODE] = sizeof(struct jem_plan_op),
		[JEM_IMAGE_SLOTS] = sizeof(struct jem_image_slot),
		[JEM_IMAGE_TYPES] = sizeof(struct jem_image_type),
		[JEM_IMAGE_MEMBERS] = sizeof(struct jem_image_member),
	};

	return sizes[section];
}

static int write_all(int fd, const void *bytes, size_t len, uint64_t offset)
{
	const char *at = bytes;

	while (len) {
		ssize_t done = pwrite(fd, at, len, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		at += done;
		len -= (size_t)done;
		offset += (uint64_t)done;
	}
	return 0;
}

static uint64_t aligned(uint64_t offset)
{
	return (offset + 7) & ~UINT64_C(7);
}

int jem_image_file_write(struct jem_image_file *file, struct jem_image_header *header,
			 const struct jem_image_part parts[JEM_IMAGE_SECTION_COUNT])
{
	uint64_t before = file->used;
	uint64_t offset = aligned(before ? before : sizeof(*header));
	int rc = 0;

	memcpy(header->magic, JEM_IMAGE_MAGIC, sizeof(header->magic));
	header->version = JEM_IMAGE_VERSION;
	for (int i = 0; i < JEM_IMAGE_SECTION_COUNT && !rc; i++) {
		size_t bytes = parts[i].count * jem_image_element(i);

		header->sections[i].offset = offset;
		header->sections[i].count = parts[i].count;
		rc = write_all(file->fd, parts[i].bytes, bytes, offset);
		offset = aligned(offset + bytes);
	}
	header->file_bytes = offset;
	/* the last section may end before a multiple of 8 */
	if (!rc && ftruncate(file->fd, (off_t)offset) < 0)
		rc = -errno;
	if (!rc)
		rc = write_all(file->fd, header, sizeof(*header), 0);
	if (rc < 0)
		return rc;
	/* Holes are a courtesy: not every file can have them. */
	if (before > sizeof(*header))
		(void)fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				sizeof(*header), (off_t)(before - sizeof(*header)));
	file->used = offset;
	return 0;
}
