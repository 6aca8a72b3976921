/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_file: an image on its way into a file.
 *
 * Ownership: borrows the tables; the file descriptor is the caller's
 */
#ifndef JEM_TRACER_SYMBOLS_IMAGE_FILE_H
#define JEM_TRACER_SYMBOLS_IMAGE_FILE_H

#include "tracer/symbols/image.h"

struct jem_image_part {
	const void *bytes;
	size_t count; /* elements */
};

struct jem_image_file {
	int fd;
	uint64_t used; /* bytes that stages took so far */
};

/* Bytes of an element of a section. */
size_t jem_image_element(enum jem_image_section section);

/*
 * Writes a stage: the parts, then the header, whose place and size fields are set here. 0 or -errno; the
 * stage before it then still stands.
 */
int jem_image_file_write(struct jem_image_file *file, struct jem_image_header *header,
			 const struct jem_image_part parts[JEM_IMAGE_SECTION_COUNT]);

#endif
