/* SPDX-License-Identifier: Apache-2.0 */
/* redact_text: texts, ranges and classes of characters (inside the redactor only). ASCII alone. */
#ifndef JEM_COMMON_REDACT_TEXT_H
#define JEM_COMMON_REDACT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define JEM_REDACT_BLANKS_MAX 64 /* between a name, its separator and its value */

struct jem_redact_text {
	const char *s; /* borrowed */
	size_t len;
};

struct jem_redact_range {
	size_t start;
	size_t end;
};

static inline bool jem_redact_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool jem_redact_is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static inline bool jem_redact_is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static inline bool jem_redact_is_letter(char c)
{
	return jem_redact_is_lower(c) || jem_redact_is_upper(c);
}

static inline bool jem_redact_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Control characters end whatever is not quoted: line ends, and the NUL of argument lists. */
static inline bool jem_redact_is_space(char c)
{
	return (unsigned char)c <= ' ' || c == 0x7f;
}

static inline bool jem_redact_is_quote(char c)
{
	return c == '"' || c == '\'' || c == '`';
}

static inline size_t jem_redact_skip_blanks(struct jem_redact_text t, size_t i)
{
	size_t limit = i + JEM_REDACT_BLANKS_MAX < t.len ? i + JEM_REDACT_BLANKS_MAX : t.len;

	while (i < limit && jem_redact_is_blank(t.s[i]))
		i++;
	return i;
}

#endif
