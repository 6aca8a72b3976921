/* SPDX-License-Identifier: Apache-2.0 */
/* utf8: strict UTF-8 (Unicode 15, table 3-7): no surrogates, no overlong forms, no NUL rule. */
#ifndef JEM_COMMON_UTF8_H
#define JEM_COMMON_UTF8_H

#include <stddef.h>

/* Bytes of the well-formed character at s, 0 if there is none within len. */
unsigned jem_utf8_char(const unsigned char *s, size_t len);

/* Length of the longest well-formed prefix of s. */
size_t jem_utf8_prefix(const char *s, size_t len);

/* The largest length at most `max` that does not cut a character of the well-formed text s. */
size_t jem_utf8_cut(const char *s, size_t len, size_t max);

#endif
