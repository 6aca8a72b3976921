/* SPDX-License-Identifier: Apache-2.0 */
/*
 * types: DWARF types into the image's table, each once.
 *
 * Standard strings, containers and smart pointers of libstdc++ (and libc++ where it is cheap) are known
 * by name and checked by shape: one whose members are not as expected stays a struct.
 */
#ifndef JEM_TRACER_SYMBOLS_TYPES_H
#define JEM_TRACER_SYMBOLS_TYPES_H

#include "tracer/symbols/image.h"

#include <elfutils/libdw.h>

struct jem_types;

/* The strings of the image being written; equal texts share one place. */
struct jem_strings;
int jem_strings_create(struct jem_strings **ret);
void jem_strings_destroy(struct jem_strings *strings);
uint32_t jem_strings_add(struct jem_strings *strings, const char *text); /* 0 without memory */

/* `strings` is borrowed and outlives it. */
int jem_types_create(struct jem_strings *strings, struct jem_types **ret);
void jem_types_destroy(struct jem_types *types);

/* The type of a variable, parameter, member or function (its DW_AT_type); 0: void or none. */
uint32_t jem_types_of(struct jem_types *types, Dwarf_Die *die);

/* Valid until the next jem_types_of; never NULL: id 0 is void. */
const struct jem_image_type *jem_types_get(const struct jem_types *types, uint32_t id);
const struct jem_image_member *jem_types_members(const struct jem_types *types, uint32_t id);
struct jem_strings *jem_types_strings(struct jem_types *types);

#endif
