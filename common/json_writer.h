/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_writer: JSON (RFC 8259) text straight into a jem_buf.
 *
 * Invariant: whatever bytes come in, the text is well-formed UTF-8 JSON: control characters are
 *            escaped, each byte that is not UTF-8 becomes U+FFFD, numbers that JSON cannot hold
 *            (NaN, infinities) become null. Nesting is the caller's to balance.
 */
#ifndef JEM_COMMON_JSON_WRITER_H
#define JEM_COMMON_JSON_WRITER_H

#include "common/buf.h"

#include <stdint.h>

struct jem_json {
	struct jem_buf *buf; /* borrowed, outlives us */
	bool need_comma;
};

static inline struct jem_json jem_json_to(struct jem_buf *buf)
{
	return (struct jem_json){ .buf = buf };
}

void jem_json_object_begin(struct jem_json *json);
void jem_json_object_end(struct jem_json *json);
void jem_json_array_begin(struct jem_json *json);
void jem_json_array_end(struct jem_json *json);

/* `name` needs no escaping: it is ours. Names that come from outside go to jem_json_key_text. */
void jem_json_key(struct jem_json *json, const char *name);
void jem_json_key_text(struct jem_json *json, const char *name, size_t len);

void jem_json_text(struct jem_json *json, const char *text, size_t len);
void jem_json_str(struct jem_json *json, const char *text);
void jem_json_u64(struct jem_json *json, uint64_t value);
void jem_json_i64(struct jem_json *json, int64_t value);
void jem_json_real(struct jem_json *json, double value);
/* `value` divided by 10^digits, all digits written: 1234567 with 6 is 1.234567. */
void jem_json_fixed(struct jem_json *json, uint64_t value, unsigned digits);
void jem_json_bool(struct jem_json *json, bool value);
void jem_json_null(struct jem_json *json);
/* Text that is JSON already. */
void jem_json_raw(struct jem_json *json, const char *text, size_t len);

/* Escaped text without the quotes, for text that is written in pieces. */
void jem_json_escape(struct jem_buf *buf, const char *text, size_t len);

#endif
