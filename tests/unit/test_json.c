/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_reader.h"
#include "common/json_writer.h"
#include "tests/unit/check.h"

#include <math.h>

CASE(writes_any_bytes_as_well_formed_text)
{
	static const char bytes[] = "a\"\\\n\x01\x7f\xff\xc3\xa9\xed\xa0\x80";
	struct jem_buf buf;
	struct jem_json json;
	struct jem_json_doc doc;
	struct jem_err err;

	jem_buf_init(&buf, 0);
	json = jem_json_to(&buf);
	jem_json_object_begin(&json);
	jem_json_key(&json, "t");
	jem_json_text(&json, bytes, sizeof(bytes) - 1);
	jem_json_key(&json, "nan");
	jem_json_real(&json, NAN);
	jem_json_key(&json, "f");
	jem_json_fixed(&json, 1700000000000042u, 6);
	jem_json_key(&json, "i");
	jem_json_i64(&json, INT64_MIN);
	jem_json_object_end(&json);
	jem_json_doc_init(&doc);
	CHECK_OK(jem_json_read(&doc, buf.data, buf.len, &err));
	CHECK_CONTAINS(jem_buf_cstr(&buf), "\"f\":1700000000.000042");
	CHECK_CONTAINS(jem_buf_cstr(&buf), "\"nan\":null");
	CHECK_CONTAINS(jem_buf_cstr(&buf), "-9223372036854775808");
	CHECK_CONTAINS(jem_buf_cstr(&buf), "a\\\"\\\\\\n\\u0001\\u007f\xef\xbf\xbd\xc3\xa9");
	jem_json_doc_deinit(&doc);
	jem_buf_deinit(&buf);
}

CASE(finds_members_and_reads_values)
{
	static const char text[] = " {\"a\":{\"x\":[1,2,{}]},\"b\":-5,\"c\":1.5e2,\"\\u0064\":true,"
				   "\"s\":\"\\ud83d\\ude00\\n\"} ";
	struct jem_json_doc doc;
	uint32_t a;
	int64_t i;
	uint64_t u;
	double real;
	bool flag;
	char s[16];

	jem_json_doc_init(&doc);
	CHECK_OK(jem_json_read(&doc, text, sizeof(text) - 1, NULL));
	a = jem_json_member(&doc, 0, "a");
	CHECK_EQ(jem_json_type(&doc, jem_json_member(&doc, a, "x")), JEM_JSON_ARRAY);
	CHECK_OK(jem_json_get_i64(&doc, jem_json_member(&doc, 0, "b"), &i));
	CHECK_EQ(i, -5);
	CHECK(jem_json_get_u64(&doc, jem_json_member(&doc, 0, "b"), &u) < 0);
	CHECK_OK(jem_json_get_real(&doc, jem_json_member(&doc, 0, "c"), &real));
	CHECK_NEAR(real, 150, 0);
	CHECK_OK(jem_json_get_bool(&doc, jem_json_member(&doc, 0, "d"), &flag));
	CHECK(flag);
	CHECK_OK(jem_json_get_str(&doc, jem_json_member(&doc, 0, "s"), s, sizeof(s)));
	CHECK_STR(s, "\xf0\x9f\x98\x80\n");
	CHECK_EQ(jem_json_member(&doc, 0, "absent"), 0);
	jem_json_doc_deinit(&doc);
}

CASE(refuses_what_is_not_json)
{
	static const char *const bad[] = {
		"",      " ",       "{",         "[1,]",        "{\"a\":1,}", "{\"a\"}",
		"{a:1}", "01",      "-",         "1.",          "1e",         "+1",
		"nul",   "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\xff\"",   "\"a\nb\"",
		"1 2",   "[1 2]",   "\"abc",     "[[",          "tru",        "{\"a\":1 \"b\":2}",
	};
	struct jem_json_doc doc;
	char deep[1000];

	jem_json_doc_init(&doc);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (jem_json_read(&doc, bad[i], strlen(bad[i]), NULL) >= 0)
			check_fail(__FILE__, __LINE__, "took %s", bad[i]);
	memset(deep, '[', sizeof(deep));
	CHECK(jem_json_read(&doc, deep, sizeof(deep), NULL) < 0);
	jem_json_doc_deinit(&doc);
}

TESTS(T(writes_any_bytes_as_well_formed_text), T(finds_members_and_reads_values),
      T(refuses_what_is_not_json))
