/* SPDX-License-Identifier: Apache-2.0 */
#include "common/batch.h"
#include "tests/unit/check.h"

static struct jem_head example_head(void)
{
	struct jem_head head = {
		.kind = JEM_KIND_log,
		.schema = 1,
		.source = { .names = { "T2_XY", "jane", "job7", "wn1_site_org-0a1b2c" },
			    .true_node = "wn1.site.org" },
		.epoch = "0123456789abcdef",
		.boot_id = "c0ffee00-1234-5678-9abc-def012345678",
		.seq = 12,
		.first = 340,
		.n = 2,
		.t0_us = 1700000000123456,
		.mono_ns = 9223372036854775807u,
		.is_final = true,
	};

	head.dropped[JEM_CAUSE_queue_full] = 7;
	head.dropped[JEM_CAUSE_no_memory] = JEM_NUMBER_MAX;
	return head;
}

static const char records_text[] = "{\"dt_ns\":0,\"file\":\"a.log\",\"offset\":0,\"text\":\"x\"},"
				   "{\"text\":\"y\",\"dt_ns\":2500}";

static const char golden[] =
	"{\"head\":{\"v\":1,\"kind\":\"log\",\"schema\":1,\"src\":{\"site\":\"T2_XY\",\"user\":"
	"\"jane\","
	"\"job\":\"job7\",\"node\":\"wn1_site_org-0a1b2c\",\"names\":{\"node\":\"wn1.site.org\"}},"
	"\"epoch\":\"0123456789abcdef\",\"seq\":12,\"first\":340,\"n\":2,\"t0_us\":"
	"1700000000123456,"
	"\"mono_ns\":\"9223372036854775807\",\"boot_id\":\"c0ffee00-1234-5678-9abc-def012345678\","
	"\"dropped\":{\"queue_full\":7,\"no_memory\":9007199254740991},\"final\":true},\"records\":"
	"["
	"{\"dt_ns\":0,\"file\":\"a.log\",\"offset\":0,\"text\":\"x\"},{\"text\":\"y\",\"dt_ns\":"
	"2500}]}";

CASE(writes_the_golden_text)
{
	struct jem_head head = example_head();
	struct jem_buf body;

	jem_buf_init(&body, 0);
	jem_batch_encode_json(&head, records_text, strlen(records_text), &body);
	CHECK_STR(jem_buf_cstr(&body), golden);
	jem_buf_deinit(&body);
}

CASE(reads_back_what_it_wrote)
{
	struct jem_head wrote = example_head();
	struct jem_head head;
	struct jem_err err = { "" };
	struct jem_json_doc doc;
	struct jem_record_part part;
	uint32_t records;
	uint32_t second;

	jem_json_doc_init(&doc);
	if (jem_batch_decode_json(golden, strlen(golden), &doc, &head, &records, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
	CHECK_EQ(head.kind, wrote.kind);
	CHECK_EQ(head.schema, 1);
	CHECK_STR(head.source.names.site, wrote.source.names.site);
	CHECK_STR(head.source.names.user, wrote.source.names.user);
	CHECK_STR(head.source.names.job, wrote.source.names.job);
	CHECK_STR(head.source.names.node, wrote.source.names.node);
	CHECK_STR(head.source.true_node, wrote.source.true_node);
	CHECK_STR(head.source.true_site, "");
	CHECK_STR(head.epoch, wrote.epoch);
	CHECK_STR(head.boot_id, wrote.boot_id);
	CHECK_EQ(head.seq, wrote.seq);
	CHECK_EQ(head.first, wrote.first);
	CHECK_EQ(head.n, wrote.n);
	CHECK_EQ(head.t0_us, wrote.t0_us);
	CHECK_EQ(head.mono_ns, wrote.mono_ns);
	CHECK(head.is_final);
	CHECK(!memcmp(head.dropped, wrote.dropped, sizeof(head.dropped)));
	second = jem_json_next(&doc, jem_json_first(&doc, records));
	CHECK_EQ(jem_batch_record_dt(&doc, second), 2500);
	CHECK(!jem_batch_record_part(&doc, second, &part));
	jem_json_doc_deinit(&doc);
}

CASE(names_topic_and_message)
{
	struct jem_head head = example_head();
	char text[JEM_TOPIC_MAX];

	jem_batch_topic(&head, text);
	CHECK_STR(text, "jem.T2_XY.jane.job7.wn1_site_org-0a1b2c.log");
	jem_batch_message_id(&head, text);
	CHECK_STR(text, "wn1_site_org-0a1b2c/0123456789abcdef/job7/log/12");
}

CASE(keeps_broken_true_names_readable)
{
	struct jem_head head = example_head();
	struct jem_head back;
	struct jem_json_doc doc;
	struct jem_buf body;
	uint32_t records;

	memset(head.source.true_job, 0xff, JEM_TRUE_NAME_SIZE - 1);
	memset(head.source.true_user, '\n', JEM_TRUE_NAME_SIZE - 1);
	memcpy(head.source.true_site, "caf\xc3\xa9\xc3", 7);
	jem_buf_init(&body, 0);
	jem_json_doc_init(&doc);
	jem_batch_encode_json(&head, records_text, strlen(records_text), &body);
	CHECK_OK(jem_batch_decode_json(body.data, body.len, &doc, &back, &records, NULL));
	CHECK_STR(back.source.true_job, "");
	CHECK_STR(back.source.true_user, head.source.true_user);
	CHECK_STR(back.source.true_site, "caf\xc3\xa9");
	jem_json_doc_deinit(&doc);
	jem_buf_deinit(&body);
}

/* Replaces the first `from` in the golden text by `to`; the result is the caller's. */
static char *golden_with(const char *from, const char *to)
{
	const char *at = strstr(golden, from);
	char *text = malloc(strlen(golden) + strlen(to) + 1);

	CHECK(at != NULL && text != NULL);
	memcpy(text, golden, (size_t)(at - golden));
	strcpy(text + (at - golden), to);
	strcat(text, at + strlen(from));
	return text;
}

static void check_refused(const char *from, const char *to, const char *reason)
{
	char *text = golden_with(from, to);
	struct jem_json_doc doc;
	struct jem_head head;
	struct jem_err err = { "" };
	uint32_t records;

	jem_json_doc_init(&doc);
	if (jem_batch_decode_json(text, strlen(text), &doc, &head, &records, &err) >= 0)
		check_fail(__FILE__, __LINE__, "took %s for %s", to, from);
	if (!strstr(err.text, reason))
		check_fail(__FILE__, __LINE__, "%s for %s: '%s', wanted '%s'", to, from, err.text,
			   reason);
	jem_json_doc_deinit(&doc);
	free(text);
}

CASE(refuses_each_fault_of_the_head)
{
	static const struct {
		const char *from, *to, *reason;
	} faults[] = {
		{ "\"v\":1", "\"v\":2", "head.v: not 1" },
		{ "\"v\":1,", "", "head.v: missing" },
		{ "\"v\":1", "\"v\":1,\"v\":1", "head.v: given twice" },
		{ "\"v\":1", "\"v\":1,\"\\u0076\":1", "head.v: given twice" },
		{ "\"kind\":\"log\"", "\"kind\":\"logs\"", "head.kind: no kind" },
		{ "\"kind\":\"log\"", "\"kind\":3", "head.kind: no kind" },
		{ "\"schema\":1", "\"schema\":0", "head.schema: not an integer" },
		{ "\"schema\":1", "\"schema\":2", "head.schema: 2, here log is read at version 1" },
		{ "\"schema\":1", "\"schema\":\"1\"", "head.schema: not an integer" },
		{ "\"site\":\"T2_XY\"", "\"site\":\"../x\"", "head.src.site: not a name" },
		{ "\"site\":\"T2_XY\"", "\"site\":\"\"", "head.src.site: not a name" },
		{ "\"site\":\"T2_XY\",", "", "head.src.site: missing" },
		{ "\"user\":\"jane\"", "\"user\":\"a\\u0000b\"", "head.src.user: not a name" },
		{ "\"job\":\"job7\"", "\"job\":\"a/b\"", "head.src.job: not a name" },
		{ "\"job\":\"job7\"", "\"job\":null", "head.src.job: not a name" },
		{ "{\"node\":\"wn1.site.org\"}", "[]", "head.src.names: not an object" },
		{ "{\"node\":\"wn1.site.org\"}", "{\"node\":\"\"}",
		  "head.src.names.node: not a text" },
		{ "0123456789abcdef", "0123456789ABCDEF", "head.epoch: not 16 hex" },
		{ "0123456789abcdef", "0123456789abcde", "head.epoch: not 16 hex" },
		{ "0123456789abcdef", "0123456789abcdef0", "head.epoch: not 16 hex" },
		{ "\"seq\":12", "\"seq\":-1", "head.seq: not an integer" },
		{ "\"seq\":12", "\"seq\":1.0", "head.seq: not an integer" },
		{ "\"seq\":12", "\"seq\":1e3", "head.seq: not an integer" },
		{ "\"seq\":12", "\"seq\":9007199254740992", "head.seq: not an integer" },
		{ "\"seq\":12", "\"seq\":99999999999999999999", "head.seq: not an integer" },
		{ "\"first\":340", "\"first\":9007199254740991", "head.first: with n beyond" },
		{ "\"n\":2", "\"n\":3", "head.n is 3, there are 2 records" },
		{ "\"n\":2", "\"n\":1", "head.n is 1, there are 2 records" },
		{ "\"n\":2,", "", "head.n: missing" },
		{ "\"t0_us\":1700000000123456", "\"t0_us\":\"0\"", "head.t0_us: not an integer" },
		{ "\"9223372036854775807\"", "9223372036854775807", "head.mono_ns: not a string" },
		{ "\"9223372036854775807\"", "\"9223372036854775808\"", "head.mono_ns: beyond" },
		{ "\"9223372036854775807\"", "\"99999999999999999999999\"",
		  "head.mono_ns: beyond" },
		{ "\"9223372036854775807\"", "\"01\"", "head.mono_ns: not a string" },
		{ "\"9223372036854775807\"", "\" 1\"", "head.mono_ns: not a string" },
		{ "\"9223372036854775807\"", "\"\"", "head.mono_ns: not a string" },
		{ "\"c0ffee00-", "\"zz-", "head.boot_id: not a boot id" },
		{ "\"queue_full\":7", "\"queue_full\":-7", "head.dropped: not an integer" },
		{ "\"queue_full\":7", "\"later_cause\":\"7\"", "head.dropped: not an integer" },
		{ "\"queue_full\":7", "\"queue_full\":7,\"queue_full\":8",
		  "head.dropped: queue_full given twice" },
		{ "{\"queue_full\":7,\"no_memory\":9007199254740991}", "[]",
		  "head.dropped: not an object" },
		{ "\"final\":true", "\"final\":1", "head.final: not true or false" },
		{ ",\"final\":true", "", "head.final: missing" },
		{ "{\"head\":", "{\"hat\":", "head: missing" },
		{ "\"records\":", "\"record\":", "records: missing" },
		{ "{\"head\":", "{\"head\":1,\"head\":", "given twice" },
		{ "{\"head\":", "{\"head\":[],\"x\":", "head: not an object" },
		{ "\"records\":[", "\"records\":{},\"x\":[", "records: not an array" },
	};

	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		check_refused(faults[i].from, faults[i].to, faults[i].reason);
}

CASE(refuses_each_fault_of_a_record)
{
	static const struct {
		const char *to, *reason;
	} faults[] = {
		{ "\"text\":\"y\",\"dt_ns\":2500,", "JSON" },
		{ "\"text\":\"y\"", "record 1: dt_ns is missing" },
		{ "\"dt_ns\":-1", "record 1: dt_ns is not an integer" },
		{ "\"dt_ns\":1.5", "record 1: dt_ns is not an integer" },
		{ "\"dt_ns\":\"1\"", "record 1: dt_ns is not an integer" },
		{ "\"dt_ns\":9007199254740992", "record 1: dt_ns is not an integer" },
		{ "\"dt_ns\":1,\"dt_ns\":2",
		  "record 1: dt_ns, part, parts or json is given twice" },
		{ "\"dt_ns\":1,\"t\":2", "record 1: t, epoch, seq and i" },
		{ "\"dt_ns\":1,\"\\u0074\":2", "record 1: t, epoch, seq and i" },
		{ "\"dt_ns\":1,\"epoch\":\"x\"", "record 1: t, epoch, seq and i" },
		{ "\"dt_ns\":1,\"seq\":0", "record 1: t, epoch, seq and i" },
		{ "\"dt_ns\":1,\"i\":0", "record 1: t, epoch, seq and i" },
		{ "\"dt_ns\":1,\"part\":0", "record 1: a part needs" },
		{ "\"dt_ns\":1,\"part\":0,\"parts\":2", "record 1: a part needs" },
		{ "\"dt_ns\":1,\"parts\":2,\"json\":\"\"", "record 1: a part needs" },
		{ "\"dt_ns\":1,\"part\":2,\"parts\":2,\"json\":\"\"", "record 1: part is not" },
		{ "\"dt_ns\":1,\"part\":0,\"parts\":1,\"json\":\"\"", "record 1: parts is not" },
		{ "\"dt_ns\":1,\"part\":0,\"parts\":1025,\"json\":\"\"", "record 1: parts is not" },
		{ "\"dt_ns\":1,\"part\":0,\"parts\":2,\"json\":{}", "record 1: json of a part" },
	};

	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		check_refused("\"text\":\"y\",\"dt_ns\":2500", faults[i].to, faults[i].reason);
	check_refused("{\"text\":\"y\",\"dt_ns\":2500}", "[]", "record 1: not an object");
}

CASE(refuses_a_body_over_the_bound)
{
	char *body = malloc(JEM_BATCH_MAX + 1);
	struct jem_json_doc doc;
	struct jem_head head;
	struct jem_err err = { "" };
	uint32_t records;

	CHECK(body != NULL);
	memset(body, ' ', JEM_BATCH_MAX + 1);
	memcpy(body, golden, strlen(golden));
	jem_json_doc_init(&doc);
	CHECK_OK(jem_batch_decode_json(body, JEM_BATCH_MAX, &doc, &head, &records, &err));
	CHECK(jem_batch_decode_json(body, JEM_BATCH_MAX + 1, &doc, &head, &records, &err) < 0);
	CHECK_CONTAINS(err.text, "batch of 1048577 bytes, at most 1048576 are read");
	jem_json_doc_deinit(&doc);
	free(body);
}

CASE(ignores_what_later_versions_add)
{
	char *text = golden_with("\"v\":1", "\"v\":1,\"later\":{\"x\":[null]}");
	struct jem_json_doc doc;
	struct jem_head head;
	uint32_t records;

	jem_json_doc_init(&doc);
	CHECK_OK(jem_batch_decode_json(text, strlen(text), &doc, &head, &records, NULL));
	CHECK_EQ(head.seq, 12);
	free(text);
	text = golden_with("\"queue_full\":7", "\"later_cause\":7");
	CHECK_OK(jem_batch_decode_json(text, strlen(text), &doc, &head, &records, NULL));
	CHECK_EQ(head.dropped[JEM_CAUSE_queue_full], 0);
	jem_json_doc_deinit(&doc);
	free(text);
}

CASE(leaves_the_outputs_alone_when_it_refuses)
{
	struct jem_head head = { .seq = 42 };
	struct jem_json_doc doc;
	uint32_t records = 43;

	jem_json_doc_init(&doc);
	CHECK(jem_batch_decode_json("{}", 2, &doc, &head, &records, NULL) < 0);
	CHECK_EQ(head.seq, 42);
	CHECK_EQ(records, 43);
	jem_json_doc_deinit(&doc);
}

CASE(knows_the_parts_of_a_split_record)
{
	char *text = golden_with("\"text\":\"y\",\"dt_ns\":2500",
				 "\"json\":\"{\\\"a\\\"\",\"dt_ns\":9,\"parts\":3,\"part\":1");
	struct jem_record_part part;
	struct jem_json_doc doc;
	struct jem_head head;
	struct jem_buf json;
	uint32_t records;
	uint32_t second;

	jem_json_doc_init(&doc);
	jem_buf_init(&json, 0);
	CHECK_OK(jem_batch_decode_json(text, strlen(text), &doc, &head, &records, NULL));
	second = jem_json_next(&doc, jem_json_first(&doc, records));
	CHECK_EQ(jem_batch_record_dt(&doc, second), 9);
	CHECK(jem_batch_record_part(&doc, second, &part));
	CHECK_EQ(part.part, 1);
	CHECK_EQ(part.parts, 3);
	CHECK_OK(jem_json_get_text(&doc, part.json, &json));
	CHECK_STR(jem_buf_cstr(&json), "{\"a\"");
	jem_buf_deinit(&json);
	jem_json_doc_deinit(&doc);
	free(text);
}

TESTS(T(writes_the_golden_text), T(reads_back_what_it_wrote), T(names_topic_and_message),
      T(keeps_broken_true_names_readable), T(refuses_each_fault_of_the_head),
      T(refuses_each_fault_of_a_record), T(refuses_a_body_over_the_bound),
      T(ignores_what_later_versions_add), T(leaves_the_outputs_alone_when_it_refuses),
      T(knows_the_parts_of_a_split_record))
