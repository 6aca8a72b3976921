/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_maker: images (tracer/symbols/image.h) written by hand, for the tests of what reads them.
 *
 * Index 0 of functions, types and slots is there from the start. Ids are given in the order of the
 * calls. image_make ends with an allocation of its exact size, so that a sanitizer sees one byte too far.
 */
#ifndef JEM_TESTS_UNIT_IMAGE_MAKER_H
#define JEM_TESTS_UNIT_IMAGE_MAKER_H

#include "common/buf.h"
#include "tracer/symbols/image.h"

struct image_maker {
	struct jem_buf sections[JEM_IMAGE_SECTION_COUNT];
	uint32_t note;
};

void image_maker_init(struct image_maker *maker);
void image_maker_deinit(struct image_maker *maker);

uint32_t image_string(struct image_maker *maker, const char *text);
uint32_t image_function(struct image_maker *maker, const char *name, uint32_t flags);

/* With the name put in. Members go to the type that was made last. */
uint32_t image_type(struct image_maker *maker, const char *name, struct jem_image_type type);
void image_member(struct image_maker *maker, const char *name, struct jem_image_member member);

/* A plan's slots and ops are those made since the site or call site before. */
uint32_t image_slot(struct image_maker *maker, const char *name, struct jem_image_slot slot);
void image_op(struct image_maker *maker, struct jem_plan_op op);
void image_word(struct image_maker *maker, uint64_t word);
void image_site(struct image_maker *maker, struct jem_image_site site);
void image_callsite(struct image_maker *maker, struct jem_image_callsite callsite);

/* The bytes of the image, to be freed; `ret` is opened over them unless NULL. */
uint8_t *image_make(struct image_maker *maker, size_t *len, struct jem_image *ret);

/* Common types: ids are the same in every image that has them. */
struct image_types {
	uint32_t int_, uint, ulong, char_, bool_, double_, charp;
};
struct image_types image_basic_types(struct image_maker *maker);

#endif
