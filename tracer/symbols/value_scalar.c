/* SPDX-License-Identifier: Apache-2.0 */
/* value_scalar: numbers, enumerators and floating point. */
#include "tracer/symbols/value_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Integers up to here are exact in a double, which is all that many readers of JSON have. */
#define EXACT_MAX (1ull << 53)

uint64_t jem_value_widen(uint64_t value, unsigned bits, bool is_signed)
{
	if (!bits || bits >= 64)
		return value;
	value &= (1ull << bits) - 1;
	if (is_signed && value >> (bits - 1))
		value |= UINT64_MAX << bits;
	return value;
}

bool jem_value_type_is_signed(const struct jem_image *image, const struct jem_image_type *type)
{
	if (type->kind == JEM_TYPE_ENUM && type->target)
		type = &image->types[type->target];
	return type->kind == JEM_TYPE_SIGNED;
}

void jem_value_integer(struct jem_value_decoder *d, uint64_t value, bool is_signed)
{
	bool is_negative = is_signed && value >> 63;
	char text[32];

	if ((is_negative ? -value : value) > EXACT_MAX) {
		int len = is_negative
				  ? snprintf(text, sizeof(text), "%lld", (long long)value)
				  : snprintf(text, sizeof(text), "%llu", (unsigned long long)value);

		jem_cbor_text(d->buf, text, (size_t)len);
	} else if (is_negative) {
		jem_cbor_i64(d->buf, (int64_t)value);
	} else {
		jem_cbor_u64(d->buf, value);
	}
}

/* 16 bytes, in decimal. */
static void put_int128(struct jem_value_decoder *d, const uint8_t *data, bool is_signed)
{
	uint64_t high = jem_value_load(data + 8, 8);
	bool is_negative = is_signed && high >> 63;
	unsigned __int128 value = (unsigned __int128)high << 64 | jem_value_load(data, 8);
	char digits[48];
	size_t at = sizeof(digits);

	if (is_negative)
		value = -value;
	if (value <= EXACT_MAX)
		return jem_value_integer(d, is_negative ? -(uint64_t)value : (uint64_t)value, true);
	for (; value; value /= 10)
		digits[--at] = (char)('0' + (unsigned)(value % 10));
	if (is_negative)
		digits[--at] = '-';
	jem_cbor_text(d->buf, digits + at, sizeof(digits) - at);
}

static const struct jem_image_member *find_enumerator(const struct jem_value_decoder *d,
						      const struct jem_image_type *type,
						      uint64_t value, unsigned bits)
{
	const struct jem_image_member *members = d->image->members + type->members;
	uint64_t mask = bits < 64 ? (1ull << bits) - 1 : UINT64_MAX;

	for (uint32_t i = 0; i < type->member_count; i++)
		if (((uint64_t)members[i].value & mask) == (value & mask))
			return &members[i];
	return NULL;
}

/* A|B, where enumerators of one bit each make the whole value. False: they do not. */
static bool put_flags(struct jem_value_decoder *d, const struct jem_image_type *type,
		      uint64_t value)
{
	const struct jem_image_member *members = d->image->members + type->members;
	uint64_t left = value;

	jem_buf_clear(&d->text);
	for (uint32_t i = 0; i < type->member_count && left; i++) {
		uint64_t bit = (uint64_t)members[i].value;
		const char *name = jem_image_string(d->image, members[i].name);

		if (!bit || bit & (bit - 1) || !(left & bit))
			continue;
		if (d->text.len)
			jem_buf_add_char(&d->text, '|');
		jem_buf_add(&d->text, name, strnlen(name, JEM_VALUE_NAME_MAX));
		left &= ~bit;
	}
	if (left || !value || d->text.failed)
		return false;
	jem_value_text(d, (const uint8_t *)d->text.data, d->text.len, 1, false, UINT64_MAX);
	return true;
}

static void put_enum(struct jem_value_decoder *d, const struct jem_image_type *type, uint64_t value)
{
	bool is_signed = jem_value_type_is_signed(d->image, type);
	unsigned bits = type->size && type->size < 8 ? type->size * 8 : 64;
	const struct jem_image_member *found = find_enumerator(d, type, value, bits);

	if (found)
		jem_value_name(d, found->name);
	else if ((is_signed && value >> 63) || !put_flags(d, type, value))
		jem_value_integer(d, value, is_signed);
}

void jem_value_number(struct jem_value_decoder *d, const struct jem_image_type *type,
		      uint64_t value)
{
	switch (type->kind) {
	case JEM_TYPE_BOOL:
		if (value <= 1) /* another byte is no bool: what it is helps more than `true` */
			jem_cbor_bool(d->buf, value);
		else
			jem_value_integer(d, value, false);
		break;
	case JEM_TYPE_CHAR:
		if (jem_value_is_text(d, type))
			jem_value_character(d, value, type->size);
		else if (strstr(jem_image_string(d->image, type->name), "uint8_t"))
			jem_value_integer(d, value, false);
		else /* int8_t */
			jem_value_integer(d, (uint64_t)(int64_t)(int8_t)value, true);
		break;
	case JEM_TYPE_ENUM:
		put_enum(d, type, value);
		break;
	default:
		jem_value_integer(d, value, type->kind == JEM_TYPE_SIGNED);
	}
}

void jem_value_scalar(struct jem_value_decoder *d, const struct jem_image_type *type,
		      const struct jem_value_at *at)
{
	bool is_signed = jem_value_type_is_signed(d->image, type);

	if (!type->size || type->size > 16)
		return jem_value_missing(d, JEM_MISSING_UNSUPPORTED);
	if (at->len < type->size)
		return jem_value_missing(d, JEM_MISSING_TRUNCATED);
	if (type->size > 8)
		return type->size == 16 ? put_int128(d, at->data, is_signed)
					: jem_value_missing(d, JEM_MISSING_UNSUPPORTED);
	jem_value_number(
		d, type,
		jem_value_widen(jem_value_load(at->data, type->size), type->size * 8, is_signed));
}

static void put_real(struct jem_value_decoder *d, double value)
{
	if (isnan(value))
		jem_cbor_str(d->buf, "nan");
	else if (isinf(value))
		jem_cbor_str(d->buf, value < 0 ? "-inf" : "inf");
	else
		jem_cbor_real(d->buf, value);
}

/*
 * x87 and binary128: (high * 2^64 + low) * 2^exponent. Of binary128 a long double may round once and the
 * double again, so that the last place may be off by one. Beyond the range of a double it is text.
 */
static void put_wide(struct jem_value_decoder *d, bool is_negative, uint64_t high, uint64_t low,
		     int exponent)
{
	long double value =
		ldexpl((long double)high, exponent + 64) + ldexpl((long double)low, exponent);
	double narrow = (double)value;
	char text[48];

	if (is_negative)
		value = -value;
	if (isinf(narrow) || (narrow == 0 && value != 0)) {
		snprintf(text, sizeof(text), "%.18Lg", value);
		return jem_cbor_str(d->buf, text);
	}
	put_real(d, is_negative ? -narrow : narrow);
}

/* x87 extended precision, Intel SDM volume 1, section 4.2: 64 bits with the integer bit, 15 of exponent. */
static void put_x87(struct jem_value_decoder *d, const uint8_t *data)
{
	uint64_t mantissa = jem_value_load(data, 8);
	unsigned top = (unsigned)jem_value_load(data + 8, 2);
	unsigned exponent = top & 0x7fff;

	if (exponent == 0x7fff)
		put_real(d, mantissa << 1 ? (double)NAN
			    : top >> 15   ? -(double)INFINITY
					  : (double)INFINITY);
	else
		put_wide(d, top >> 15, 0, mantissa, (int)(exponent ? exponent : 1) - 16383 - 63);
}

/* IEEE 754 binary128. */
static void put_float128(struct jem_value_decoder *d, const uint8_t *data)
{
	uint64_t low = jem_value_load(data, 8);
	uint64_t top = jem_value_load(data + 8, 8);
	uint64_t high = top & 0xffffffffffffull;
	unsigned exponent = (unsigned)(top >> 48 & 0x7fff);
	bool is_negative = top >> 63;

	if (exponent == 0x7fff)
		return put_real(d, high || low   ? (double)NAN
				   : is_negative ? -(double)INFINITY
						 : (double)INFINITY);
	if (exponent)
		high |= 1ull << 48;
	put_wide(d, is_negative, high, low, (int)(exponent ? exponent : 1) - 16383 - 112);
}

static void put_float(struct jem_value_decoder *d, uint32_t size, bool is_binary128,
		      const uint8_t *data)
{
	double wide;
	float narrow;

	switch (size) {
	case 4:
		memcpy(&narrow, data, sizeof(narrow));
		return put_real(d, (double)narrow);
	case 8:
		memcpy(&wide, data, sizeof(wide));
		return put_real(d, wide);
	case 10:
	case 12:
	case 16:
		return is_binary128 ? put_float128(d, data) : put_x87(d, data);
	default:
		jem_value_missing(d, JEM_MISSING_UNSUPPORTED);
	}
}

void jem_value_float(struct jem_value_decoder *d, const struct jem_image_type *type,
		     const struct jem_value_at *at)
{
	uint32_t half = type->size / 2;

	if (at->len < type->size)
		return jem_value_missing(d, JEM_MISSING_TRUNCATED);
	if (type->kind != JEM_TYPE_COMPLEX)
		return put_float(d, type->size, type->kind == JEM_TYPE_FLOAT128, at->data);
	jem_cbor_map(d->buf, 2);
	jem_cbor_str(d->buf, "real");
	put_float(d, half, false, at->data);
	jem_cbor_str(d->buf, "imag");
	put_float(d, half, false, at->data + half);
}
