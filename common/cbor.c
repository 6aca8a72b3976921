/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cbor.h"

#include "common/utf8.h"

#include <errno.h>
#include <math.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "typed arrays are written as they lie in memory, tagged little-endian");

/* Major types and additional information of an initial byte, RFC 8949 section 3. */
enum {
	MAJOR_UNSIGNED = 0,
	MAJOR_NEGATIVE = 1,
	MAJOR_BYTES = 2,
	MAJOR_TEXT = 3,
	MAJOR_ARRAY = 4,
	MAJOR_MAP = 5,
	MAJOR_TAG = 6,
	MAJOR_SIMPLE = 7,

	INFO_1_BYTE = 24,
	INFO_2_BYTES = 25,
	INFO_4_BYTES = 26,
	INFO_8_BYTES = 27,
	INFO_INDEFINITE = 31,

	SIMPLE_FALSE = 20,
	SIMPLE_TRUE = 21,
	SIMPLE_NULL = 22,
};

static const struct {
	uint8_t width;
	uint8_t tag;
} arrays[JEM_CBOR_ARRAY_COUNT] = {
#define ARRAY(name, type, tag) [JEM_CBOR_##name] = { sizeof(type), tag },
	JEM_CBOR_ARRAYS(ARRAY)
#undef ARRAY
};

size_t jem_cbor_array_width(enum jem_cbor_array type)
{
	return arrays[type].width;
}

/* Writer */

static inline void put_initial(struct jem_buf *buf, unsigned major, unsigned info, uint64_t value,
			       unsigned bytes)
{
	char out[9] = { (char)(major << 5 | info) };
	uint64_t big = bytes ? __builtin_bswap64(value << (64 - 8 * bytes)) : 0;

	memcpy(out + 1, &big, sizeof(big));
	/* Most items are such a head and nothing else: all of it at once where there is room. */
	if (buf->cap - buf->len >= sizeof(out) && !buf->failed) {
		memcpy(buf->data + buf->len, out, sizeof(out));
		buf->len += 1 + bytes;
		return;
	}
	jem_buf_add(buf, out, 1 + bytes);
}

static void put_head(struct jem_buf *buf, unsigned major, uint64_t value)
{
	if (value < INFO_1_BYTE)
		put_initial(buf, major, (unsigned)value, 0, 0);
	else if (value <= UINT8_MAX)
		put_initial(buf, major, INFO_1_BYTE, value, 1);
	else if (value <= UINT16_MAX)
		put_initial(buf, major, INFO_2_BYTES, value, 2);
	else if (value <= UINT32_MAX)
		put_initial(buf, major, INFO_4_BYTES, value, 4);
	else
		put_initial(buf, major, INFO_8_BYTES, value, 8);
}

void jem_cbor_u64(struct jem_buf *buf, uint64_t value)
{
	put_head(buf, MAJOR_UNSIGNED, value);
}

void jem_cbor_i64(struct jem_buf *buf, int64_t value)
{
	if (value < 0)
		put_head(buf, MAJOR_NEGATIVE, ~(uint64_t)value);
	else
		put_head(buf, MAJOR_UNSIGNED, (uint64_t)value);
}

void jem_cbor_real(struct jem_buf *buf, double value)
{
	float narrow = (float)value;
	uint64_t wide_bits;
	uint32_t narrow_bits;

	memcpy(&wide_bits, &value, sizeof(wide_bits));
	memcpy(&narrow_bits, &narrow, sizeof(narrow_bits));
	if ((double)narrow == value || isnan(value))
		put_initial(buf, MAJOR_SIMPLE, INFO_4_BYTES, narrow_bits, 4);
	else
		put_initial(buf, MAJOR_SIMPLE, INFO_8_BYTES, wide_bits, 8);
}

void jem_cbor_bool(struct jem_buf *buf, bool value)
{
	put_initial(buf, MAJOR_SIMPLE, value ? SIMPLE_TRUE : SIMPLE_FALSE, 0, 0);
}

void jem_cbor_null(struct jem_buf *buf)
{
	put_initial(buf, MAJOR_SIMPLE, SIMPLE_NULL, 0, 0);
}

void jem_cbor_text(struct jem_buf *buf, const char *text, size_t len)
{
	put_head(buf, MAJOR_TEXT, len);
	jem_buf_add(buf, text, len);
}

void jem_cbor_str(struct jem_buf *buf, const char *text)
{
	jem_cbor_text(buf, text, strlen(text));
}

void jem_cbor_array(struct jem_buf *buf, uint64_t count)
{
	put_head(buf, MAJOR_ARRAY, count);
}

void jem_cbor_map(struct jem_buf *buf, uint64_t count)
{
	put_head(buf, MAJOR_MAP, count);
}

void jem_cbor_typed_array(struct jem_buf *buf, enum jem_cbor_array type, const void *elements,
			  size_t count)
{
	put_head(buf, MAJOR_TAG, arrays[type].tag);
	put_head(buf, MAJOR_BYTES, count * arrays[type].width);
	jem_buf_add(buf, elements, count * arrays[type].width);
}

/* Reader */

static int bad(const struct jem_cbor_reader *reader, struct jem_err *err, const char *what)
{
	return jem_err_set(err, -EBADMSG, "CBOR: %s at byte %zu", what, reader->pos);
}

/* RFC 8949 appendix D. */
static double half_to_real(uint64_t half)
{
	int exponent = (int)(half >> 10 & 0x1f);
	double mantissa = (double)(half & 0x3ff);
	double value;

	if (exponent == 0)
		value = ldexp(mantissa, -24);
	else if (exponent != 31)
		value = ldexp(mantissa + 1024, exponent - 25);
	else
		value = mantissa ? (double)NAN : (double)INFINITY;
	return half & 0x8000 ? -value : value;
}

static int take_simple(struct jem_cbor_reader *reader, unsigned info, struct jem_cbor_item *item,
		       struct jem_err *err)
{
	uint32_t bits = (uint32_t)item->number;
	float narrow;

	item->type = JEM_CBOR_REAL;
	switch (info) {
	case SIMPLE_FALSE:
		item->type = JEM_CBOR_FALSE;
		return 0;
	case SIMPLE_TRUE:
		item->type = JEM_CBOR_TRUE;
		return 0;
	case SIMPLE_NULL:
		item->type = JEM_CBOR_NULL;
		return 0;
	case INFO_2_BYTES:
		item->real = half_to_real(item->number);
		return 0;
	case INFO_4_BYTES:
		memcpy(&narrow, &bits, sizeof(narrow));
		item->real = (double)narrow;
		return 0;
	case INFO_8_BYTES:
		memcpy(&item->real, &item->number, sizeof(item->real));
		return 0;
	default:
		return bad(reader, err, "a simple value that is not in the contract");
	}
}

static int take_string(struct jem_cbor_reader *reader, struct jem_cbor_item *item, bool is_known,
		       struct jem_err *err)
{
	const char *text = (const char *)reader->data + reader->pos;

	if (item->number > reader->len - reader->pos)
		return bad(reader, err, "a string beyond the end");
	if (item->type == JEM_CBOR_TEXT && !is_known &&
	    jem_utf8_prefix(text, item->number) != item->number)
		return bad(reader, err, "text that is not UTF-8");
	item->data = reader->data + reader->pos;
	reader->pos += item->number;
	return 0;
}

/* The number in or after the initial byte. */
static int take_number(struct jem_cbor_reader *reader, unsigned info, uint64_t *ret,
		       struct jem_err *err)
{
	uint64_t value = 0;
	unsigned bytes;

	if (info < INFO_1_BYTE) {
		*ret = info;
		return 0;
	}
	if (info == INFO_INDEFINITE)
		return bad(reader, err, "an indefinite length");
	if (info > INFO_8_BYTES)
		return bad(reader, err, "a reserved initial byte");
	bytes = 1u << (info - INFO_1_BYTE);
	if (bytes > reader->len - reader->pos)
		return bad(reader, err, "a number beyond the end");
	for (unsigned i = 0; i < bytes; i++)
		value = value << 8 | reader->data[reader->pos++];
	*ret = value;
	return 0;
}

static inline int next(struct jem_cbor_reader *reader, bool is_known, struct jem_cbor_item *ret,
		       struct jem_err *err)
{
	static const enum jem_cbor_type types[] = {
		[MAJOR_UNSIGNED] = JEM_CBOR_UNSIGNED, [MAJOR_NEGATIVE] = JEM_CBOR_NEGATIVE,
		[MAJOR_BYTES] = JEM_CBOR_BYTES,       [MAJOR_TEXT] = JEM_CBOR_TEXT,
		[MAJOR_ARRAY] = JEM_CBOR_LIST,        [MAJOR_MAP] = JEM_CBOR_MAP,
		[MAJOR_TAG] = JEM_CBOR_TAG,           [MAJOR_SIMPLE] = JEM_CBOR_REAL,
	};
	struct jem_cbor_item item = { 0 };
	unsigned major;
	unsigned info;
	int status;

	if (reader->pos >= reader->len)
		return bad(reader, err, "an item beyond the end");
	major = reader->data[reader->pos] >> 5;
	info = reader->data[reader->pos++] & 0x1f;
	item.type = types[major];
	status = take_number(reader, info, &item.number, err);
	if (status < 0)
		return status;
	if (major == MAJOR_SIMPLE)
		status = take_simple(reader, info, &item, err);
	else if (major == MAJOR_BYTES || major == MAJOR_TEXT)
		status = take_string(reader, &item, is_known, err);
	/* Every element takes a byte at least: a count cannot make a caller allocate more. */
	else if (major == MAJOR_ARRAY && item.number > reader->len - reader->pos)
		status = bad(reader, err, "a list longer than the body");
	else if (major == MAJOR_MAP && item.number > (reader->len - reader->pos) / 2)
		status = bad(reader, err, "a map longer than the body");
	if (status < 0)
		return status;
	*ret = item;
	return 0;
}

int jem_cbor_next(struct jem_cbor_reader *reader, struct jem_cbor_item *ret, struct jem_err *err)
{
	return next(reader, false, ret, err);
}

void jem_cbor_next_known(struct jem_cbor_reader *reader, struct jem_cbor_item *ret)
{
	if (next(reader, true, ret, NULL) == 0)
		return;
	*ret = (struct jem_cbor_item){ .type = JEM_CBOR_NULL };
	reader->pos = reader->len;
}

void jem_cbor_skip_known(struct jem_cbor_reader *reader)
{
	uint64_t left = 1;

	for (; left && reader->pos < reader->len; left--) {
		struct jem_cbor_item item;

		jem_cbor_next_known(reader, &item);
		if (item.type == JEM_CBOR_LIST)
			left += item.number;
		else if (item.type == JEM_CBOR_MAP)
			left += 2 * item.number;
		else if (item.type == JEM_CBOR_TAG)
			left++;
	}
}

int jem_cbor_next_typed_array(struct jem_cbor_reader *reader, enum jem_cbor_array *type,
			      const uint8_t **elements, size_t *count, struct jem_err *err)
{
	struct jem_cbor_item item;
	int found = 0;

	if (jem_cbor_next(reader, &item, err) < 0)
		return -EBADMSG;
	while (found < JEM_CBOR_ARRAY_COUNT &&
	       (item.type != JEM_CBOR_TAG || arrays[found].tag != item.number))
		found++;
	if (found == JEM_CBOR_ARRAY_COUNT)
		return bad(reader, err, "not a typed array of the contract");
	if (jem_cbor_next(reader, &item, err) < 0)
		return -EBADMSG;
	if (item.type != JEM_CBOR_BYTES || item.number % arrays[found].width)
		return bad(reader, err, "a typed array of a wrong length");
	*type = (enum jem_cbor_array)found;
	*elements = item.data;
	*count = item.number / arrays[found].width;
	return 0;
}

bool jem_cbor_is_at_tag(const struct jem_cbor_reader *reader)
{
	return reader->pos < reader->len && reader->data[reader->pos] >> 5 == MAJOR_TAG;
}
