/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strings: the string section of an image being written; equal texts share one place.
 *
 * Bound: JEM_STRING_BYTES_MAX in all, JEM_STRING_MAX each (longer ones are cut); beyond it 0, "".
 */
#ifndef JEM_TRACER_SYMBOLS_STRINGS_H
#define JEM_TRACER_SYMBOLS_STRINGS_H

#include <stddef.h>
#include <stdint.h>

#define JEM_STRING_BYTES_MAX (64u << 20)
#define JEM_STRING_MAX       4096u

struct jem_strings;

int jem_strings_create(struct jem_strings **ret);
void jem_strings_destroy(struct jem_strings *strings);
uint32_t jem_strings_add(struct jem_strings *strings, const char *text); /* 0 without memory */

/* Valid until the next jem_strings_add. */
const char *jem_strings_get(const struct jem_strings *strings, uint32_t offset);
const char *jem_strings_bytes(const struct jem_strings *strings, size_t *len);

#endif
