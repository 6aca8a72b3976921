/* SPDX-License-Identifier: Apache-2.0 */
/* config_value: the text of one setting against its line of the table. libc only. */
#ifndef JEM_COMMON_CONFIG_VALUE_H
#define JEM_COMMON_CONFIG_VALUE_H

#include "common/config.h"

/* Longest text of one value: a path or a pattern. */
#define JEM_VALUE_MAX 4095

/*
 * Checks `text` and gives its number: nanoseconds of SECONDS, bytes of BYTES, 0 or 1 of BOOL, the
 * index of the word of CHOICE, the number of COUNT, 0 of the rest. -EINVAL, -ERANGE; the reason
 * says what and how to mend it, not where.
 */
int jem_value_parse(const struct jem_option_info *info, const char *text, uint64_t *ret,
		    struct jem_err *err);

/* What may stand there, for help and messages: "0.05 to 3600 s", "64 KiB to 64 MiB"; "" if free. */
#define JEM_RANGE_MAX 80
const char *jem_value_range(const struct jem_option_info *info, char ret[JEM_RANGE_MAX]);

/* Whether `word` is one of `words`, separated by |; returns its index or -1. */
int jem_value_find_word(const char *words, const char *word);

/* A hostile text, made fit to be shown in a message: one line, bounded, without control characters. */
#define JEM_SHOWN_MAX 64
const char *jem_value_show(const char *text, char ret[JEM_SHOWN_MAX]);

/* Edit distance (insert, delete, replace, swap of neighbours); more than 64 characters: far away. */
unsigned jem_value_distance(const char *a, const char *b);

#endif
