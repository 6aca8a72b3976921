/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_reader: strict JSON (RFC 8259) into an array of tokens that point into the text.
 *
 * Why not a tree library: the receiver splices the text of every record into its files. It needs
 * to know where a record stands and that it is well-formed, at 300,000 a second, and never builds
 * an object (doc/decisions/0002-json.md has the figures).
 *
 * Ownership: a document owns its token array and reuses it from text to text; the text is borrowed
 *            and must live as long as the tokens are looked at.
 * Invariant: the text is hostile. Depth, token count and size are bounded, UTF-8 is checked, and
 *            nothing after the value but white space is accepted.
 */
#ifndef JEM_COMMON_JSON_READER_H
#define JEM_COMMON_JSON_READER_H

#include "common/buf.h"
#include "common/err.h"

#include <stdint.h>

#define JEM_JSON_DEPTH_MAX  64
#define JEM_JSON_TOKENS_MAX (4u << 20)

enum jem_json_type {
	JEM_JSON_NULL,
	JEM_JSON_FALSE,
	JEM_JSON_TRUE,
	JEM_JSON_NUMBER,
	JEM_JSON_STRING,
	JEM_JSON_ARRAY,
	JEM_JSON_OBJECT,
};

/* A value. A member of an object is two tokens: its name (a string), then its value. */
struct jem_json_token {
	uint32_t start; /* first byte; a string's is after the quote */
	uint32_t end;   /* one past the last; a string's is the closing quote */
	uint32_t next;  /* index of the token after this value and all in it */
	uint8_t type;
	uint8_t escaped; /* a string with at least one backslash */
};

struct jem_json_doc {
	const char *text;              /* borrowed */
	struct jem_json_token *tokens; /* owned; token 0 is the whole value */
	uint32_t count;
	uint32_t cap;
};

void jem_json_doc_init(struct jem_json_doc *doc);
void jem_json_doc_deinit(struct jem_json_doc *doc);

/* Reads one value: 0, -EBADMSG with what and at which byte, -E2BIG over a bound, -ENOMEM. */
int jem_json_read(struct jem_json_doc *doc, const char *text, size_t len, struct jem_err *err);

/* Index of the value of a member, 0 if the object (or non-object) has none. First one wins. */
uint32_t jem_json_member(const struct jem_json_doc *doc, uint32_t object, const char *name);

/* The values below: 0, or -EINVAL when the token is of another type or out of range. */
int jem_json_get_u64(const struct jem_json_doc *doc, uint32_t token, uint64_t *ret);
int jem_json_get_i64(const struct jem_json_doc *doc, uint32_t token, int64_t *ret);
int jem_json_get_real(const struct jem_json_doc *doc, uint32_t token, double *ret);
int jem_json_get_bool(const struct jem_json_doc *doc, uint32_t token, bool *ret);
/* Appends the string with its escapes resolved. */
int jem_json_get_text(const struct jem_json_doc *doc, uint32_t token, struct jem_buf *ret);
/* The same into a fixed buffer; -ENOSPC if it does not fit, -EINVAL if it holds a NUL. */
int jem_json_get_str(const struct jem_json_doc *doc, uint32_t token, char *ret, size_t size);

bool jem_json_equals(const struct jem_json_doc *doc, uint32_t token, const char *text);

static inline enum jem_json_type jem_json_type(const struct jem_json_doc *doc, uint32_t token)
{
	return (enum jem_json_type)doc->tokens[token].type;
}

/* for (i = jem_json_first(doc, t); i < jem_json_end(doc, t); i = jem_json_next(doc, i)) */
static inline uint32_t jem_json_first(const struct jem_json_doc *doc, uint32_t token)
{
	return token + 1;
}

static inline uint32_t jem_json_end(const struct jem_json_doc *doc, uint32_t token)
{
	return doc->tokens[token].next;
}

static inline uint32_t jem_json_next(const struct jem_json_doc *doc, uint32_t token)
{
	return doc->tokens[token].next;
}

#endif
