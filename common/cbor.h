/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cbor: CBOR (RFC 8949) with typed arrays (RFC 8746), as far as the contract uses it.
 *
 * The writer appends to a jem_buf, shortest form, definite lengths; NaN and infinities are kept.
 * The reader is strict and bounded: definite lengths only (what streams item by item belongs into
 * several batches), text is UTF-8, no item is longer than what is left of the body, nesting is
 * counted by the caller. Numbers may have any width, so that foreign encoders can be read.
 *
 * Invariant: the reader never looks beyond its bytes and allocates nothing.
 */
#ifndef JEM_COMMON_CBOR_H
#define JEM_COMMON_CBOR_H

#include "common/buf.h"
#include "common/err.h"

#include <stdint.h>

#define JEM_CBOR_DEPTH_MAX 64

/* Element types of a typed array, all little-endian: ARRAY(name, C type, tag of RFC 8746) */
#define JEM_CBOR_ARRAYS(ARRAY)                                                                     \
	ARRAY(U8, uint8_t, 64)                                                                     \
	ARRAY(U16, uint16_t, 69)                                                                   \
	ARRAY(U32, uint32_t, 70)                                                                   \
	ARRAY(U64, uint64_t, 71)                                                                   \
	ARRAY(I8, int8_t, 72)                                                                      \
	ARRAY(I16, int16_t, 77)                                                                    \
	ARRAY(I32, int32_t, 78)                                                                    \
	ARRAY(I64, int64_t, 79)                                                                    \
	ARRAY(F32, float, 85)                                                                      \
	ARRAY(F64, double, 86)

enum jem_cbor_array {
#define ARRAY(name, type, tag) JEM_CBOR_##name,
	JEM_CBOR_ARRAYS(ARRAY)
#undef ARRAY
	JEM_CBOR_ARRAY_COUNT
};

/* Bytes of one element. */
size_t jem_cbor_array_width(enum jem_cbor_array type);

void jem_cbor_u64(struct jem_buf *buf, uint64_t value);
void jem_cbor_i64(struct jem_buf *buf, int64_t value);
void jem_cbor_real(struct jem_buf *buf, double value);
void jem_cbor_bool(struct jem_buf *buf, bool value);
void jem_cbor_null(struct jem_buf *buf);
/* The text must be UTF-8. */
void jem_cbor_text(struct jem_buf *buf, const char *text, size_t len);
void jem_cbor_str(struct jem_buf *buf, const char *text);
/* `count` values, or pairs of a name and a value, follow. */
void jem_cbor_array(struct jem_buf *buf, uint64_t count);
void jem_cbor_map(struct jem_buf *buf, uint64_t count);
void jem_cbor_typed_array(struct jem_buf *buf, enum jem_cbor_array type, const void *elements,
			  size_t count);

enum jem_cbor_type {
	JEM_CBOR_UNSIGNED, /* number: the value */
	JEM_CBOR_NEGATIVE, /* number: -1 - the value */
	JEM_CBOR_BYTES,
	JEM_CBOR_TEXT,
	JEM_CBOR_LIST,
	JEM_CBOR_MAP, /* number: pairs */
	JEM_CBOR_TAG, /* number: the tag; its item follows */
	JEM_CBOR_FALSE,
	JEM_CBOR_TRUE,
	JEM_CBOR_NULL,
	JEM_CBOR_REAL,
};

struct jem_cbor_item {
	enum jem_cbor_type type;
	uint64_t number;     /* value, length or count, by type */
	double real;         /* of REAL */
	const uint8_t *data; /* of BYTES and TEXT; borrowed from the body */
};

struct jem_cbor_reader {
	const uint8_t *data; /* borrowed */
	size_t len;
	size_t pos;
};

/* The next item, its head only for lists, maps and tags. -EBADMSG with what and where. */
int jem_cbor_next(struct jem_cbor_reader *reader, struct jem_cbor_item *ret, struct jem_err *err);

/*
 * The same of bytes that were read before (jem_cbor_skip_json): the text is not checked again, and what is
 * no item after all is null.
 */
void jem_cbor_next_known(struct jem_cbor_reader *reader, struct jem_cbor_item *ret);
void jem_cbor_skip_known(struct jem_cbor_reader *reader);

/* A typed array: its type, the first byte of its elements (not aligned) and their number. */
int jem_cbor_next_typed_array(struct jem_cbor_reader *reader, enum jem_cbor_array *type,
			      const uint8_t **elements, size_t *count, struct jem_err *err);

/* Whether the next item is a tag (so, in this contract, a typed array). */
bool jem_cbor_is_at_tag(const struct jem_cbor_reader *reader);

#endif
