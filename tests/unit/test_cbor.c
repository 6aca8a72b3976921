/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cbor.h"
#include "common/cbor_json.h"
#include "tests/unit/check.h"

#include <math.h>

static size_t from_hex(const char *hex, uint8_t *ret, size_t size)
{
	size_t len = strlen(hex) / 2;

	CHECK_LE(len, size);
	for (size_t i = 0; i < len; i++) {
		unsigned byte;

		CHECK_EQ(sscanf(hex + 2 * i, "%2x", &byte), 1);
		ret[i] = (uint8_t)byte;
	}
	return len;
}

static void check_hex(struct jem_buf *buf, const char *wanted)
{
	char hex[256] = "";

	for (size_t i = 0; i < buf->len; i++)
		snprintf(hex + 2 * i, sizeof(hex) - 2 * i, "%02x", (uint8_t)buf->data[i]);
	CHECK_STR(hex, wanted);
	jem_buf_clear(buf);
}

/* RFC 8949 appendix A, as far as it is in the contract. */
CASE(writes_the_bytes_of_the_standard)
{
	static const struct {
		uint64_t value;
		const char *hex;
	} numbers[] = {
		{ 0, "00" },
		{ 23, "17" },
		{ 24, "1818" },
		{ 100, "1864" },
		{ 1000, "1903e8" },
		{ 1000000, "1a000f4240" },
		{ 1000000000000, "1b000000e8d4a51000" },
		{ UINT64_MAX, "1bffffffffffffffff" },
	};
	struct jem_buf buf;

	jem_buf_init(&buf, 0);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		jem_cbor_u64(&buf, numbers[i].value);
		check_hex(&buf, numbers[i].hex);
	}
	jem_cbor_i64(&buf, -1);
	check_hex(&buf, "20");
	jem_cbor_i64(&buf, -1000);
	check_hex(&buf, "3903e7");
	jem_cbor_i64(&buf, INT64_MIN);
	check_hex(&buf, "3b7fffffffffffffff");
	jem_cbor_i64(&buf, 10);
	check_hex(&buf, "0a");
	jem_cbor_real(&buf, 1.1);
	check_hex(&buf, "fb3ff199999999999a");
	jem_cbor_real(&buf, 100000.0);
	check_hex(&buf, "fa47c35000");
	jem_cbor_real(&buf, (double)INFINITY);
	check_hex(&buf, "fa7f800000");
	jem_cbor_bool(&buf, false);
	jem_cbor_bool(&buf, true);
	jem_cbor_null(&buf);
	check_hex(&buf, "f4f5f6");
	jem_cbor_str(&buf, "\xc3\xbc");
	check_hex(&buf, "62c3bc");
	jem_cbor_map(&buf, 2);
	jem_cbor_str(&buf, "a");
	jem_cbor_u64(&buf, 1);
	jem_cbor_str(&buf, "b");
	jem_cbor_array(&buf, 2);
	jem_cbor_u64(&buf, 2);
	jem_cbor_u64(&buf, 3);
	check_hex(&buf, "a26161016162820203");
	jem_buf_deinit(&buf);
}

/* RFC 8746 section 2: the tag, then a byte string of little-endian elements. */
CASE(writes_typed_arrays)
{
	static const uint16_t u16[] = { 1, 0x0203 };
	static const int32_t i32[] = { -2 };
	static const double f64[] = { 1.5 };
	struct jem_cbor_reader reader;
	enum jem_cbor_array type;
	const uint8_t *elements;
	struct jem_buf buf;
	size_t count;

	jem_buf_init(&buf, 0);
	jem_cbor_typed_array(&buf, JEM_CBOR_U16, u16, 2);
	check_hex(&buf, "d8454401000302");
	jem_cbor_typed_array(&buf, JEM_CBOR_I32, i32, 1);
	check_hex(&buf, "d84e44feffffff");
	jem_cbor_typed_array(&buf, JEM_CBOR_F64, f64, 1);
	reader = (struct jem_cbor_reader){ (uint8_t *)buf.data, buf.len, 0 };
	CHECK_OK(jem_cbor_next_typed_array(&reader, &type, &elements, &count, NULL));
	CHECK_EQ(type, JEM_CBOR_F64);
	CHECK_EQ(count, 1);
	CHECK(!memcmp(elements, f64, sizeof(f64)));
	check_hex(&buf, "d85648000000000000f83f");
	jem_buf_deinit(&buf);
}

static void check_to_json(const char *hex, const char *wanted)
{
	uint8_t bytes[256];
	struct jem_cbor_reader reader = { bytes, from_hex(hex, bytes, sizeof(bytes)), 0 };
	struct jem_cbor_reader skipped = reader;
	struct jem_err err = { "" };
	struct jem_json json;
	struct jem_buf buf;

	jem_buf_init(&buf, 0);
	json = jem_json_to(&buf);
	if (jem_cbor_to_json(&reader, &json, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s: %s", hex, err.text);
	CHECK_STR(jem_buf_cstr(&buf), wanted);
	CHECK_OK(jem_cbor_skip_json(&skipped, NULL));
	CHECK_EQ(skipped.pos, reader.pos);
	CHECK_EQ(reader.pos, reader.len);
	jem_buf_deinit(&buf);
}

CASE(reads_what_other_encoders_write)
{
	check_to_json("1800", "0"); /* a longer form than needed is no fault */
	check_to_json("1b0000000000000005", "5");
	check_to_json("1bffffffffffffffff", "18446744073709551615");
	check_to_json("3bffffffffffffffff", "-1.8446744073709552e+19");
	check_to_json("3b7fffffffffffffff", "-9223372036854775808");
	check_to_json("f93c00", "1");
	check_to_json("f90001", "5.9604644775390625e-08"); /* half precision, the smallest */
	check_to_json("f9c400", "-4");
	check_to_json("f97c00", "null"); /* infinity */
	check_to_json("fb7ff8000000000000", "null");
	check_to_json("fb3fb999999999999a", "0.1");
	check_to_json("fb400921fb54442d18", "3.141592653589793");
	check_to_json("a26161016162820203", "{\"a\":1,\"b\":[2,3]}");
	check_to_json("63220a01", "\"\\\"\\n\\u0001\"");
	check_to_json("80", "[]");
	check_to_json("a0", "{}");
}

CASE(refuses_what_is_not_in_the_contract)
{
	static const struct {
		const char *hex, *reason;
	} faults[] = {
		{ "", "an item beyond the end" },
		{ "18", "a number beyond the end" },
		{ "1b00", "a number beyond the end" },
		{ "1c", "a reserved initial byte" },
		{ "5f41004100ff", "an indefinite length" },
		{ "9fff", "an indefinite length" },
		{ "bfff", "an indefinite length" },
		{ "ff", "an indefinite length" },
		{ "6261", "a string beyond the end" },
		{ "7bffffffffffffffff61", "a string beyond the end" },
		{ "61ff", "text that is not UTF-8" },
		{ "62eda0", "text that is not UTF-8" },
		{ "4100", "a byte string" },
		{ "c000", "a tag" },
		{ "d84040", "a tag" },
		{ "f7", "a simple value" },
		{ "f0", "a simple value" },
		{ "f818", "a simple value" },
		{ "9a7fffffff00", "a list longer than the body" },
		{ "ba7fffffff00", "a map longer than the body" },
		{ "a10000", "a name that is not text" },
		{ "a2616100", "a map longer" },
		{ "a16161", "an item beyond the end" },
		{ "8200", "a list longer" },
		{ "828100", "an item beyond the end" },
	};
	uint8_t deep[JEM_CBOR_DEPTH_MAX + 8];
	struct jem_cbor_reader reader = { deep, sizeof(deep), 0 };

	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		uint8_t bytes[64];
		struct jem_cbor_reader r = { bytes, from_hex(faults[i].hex, bytes, 64), 0 };
		struct jem_err err = { "" };

		if (jem_cbor_skip_json(&r, &err) >= 0)
			check_fail(__FILE__, __LINE__, "took %s", faults[i].hex);
		CHECK_CONTAINS(err.text, faults[i].reason);
	}
	memset(deep, 0x81, sizeof(deep));
	CHECK(jem_cbor_skip_json(&reader, NULL) < 0);
}

CASE(turns_json_over_and_back)
{
	static const char text[] = "{\"a\":[1,-2,1.5,\"x\\\"\xc3\xa9\",true,false,null,{}],\"\\n\":"
				   "{\"n\":18446744073709551615},"
				   "\"r\":0.1}";
	struct jem_cbor_reader reader;
	struct jem_json_doc doc;
	struct jem_json json;
	struct jem_buf cbor;
	struct jem_buf back;

	jem_buf_init(&cbor, 0);
	jem_buf_init(&back, 0);
	jem_json_doc_init(&doc);
	CHECK_OK(jem_json_read(&doc, text, strlen(text), NULL));
	jem_cbor_from_json(&cbor, &doc, 0);
	reader = (struct jem_cbor_reader){ (uint8_t *)cbor.data, cbor.len, 0 };
	json = jem_json_to(&back);
	CHECK_OK(jem_cbor_to_json(&reader, &json, NULL));
	CHECK_STR(jem_buf_cstr(&back), text);
	jem_json_doc_deinit(&doc);
	jem_buf_deinit(&cbor);
	jem_buf_deinit(&back);
}

TESTS(T(writes_the_bytes_of_the_standard), T(writes_typed_arrays),
      T(reads_what_other_encoders_write), T(refuses_what_is_not_in_the_contract),
      T(turns_json_over_and_back))
