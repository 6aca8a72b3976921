/* SPDX-License-Identifier: Apache-2.0 */
#include "common/batch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

void jem_batch_encode_json(const struct jem_head *head, const char *records, size_t len,
			   struct jem_buf *ret)
{
	struct jem_json json = jem_json_to(ret);

	jem_json_object_begin(&json);
	jem_json_key(&json, "head");
	jem_head_write_json(head, &json);
	jem_json_key(&json, "records");
	jem_json_array_begin(&json);
	jem_buf_add(ret, records, len);
	jem_json_array_end(&json);
	jem_json_object_end(&json);
}

void jem_batch_topic(const struct jem_head *head, char ret[JEM_TOPIC_MAX])
{
	jem_topic_format(&head->source.names, head->kind, ret);
}

void jem_batch_message_id(const struct jem_head *head, char ret[JEM_TOPIC_MAX])
{
	const struct jem_source_names *names = &head->source.names;

	snprintf(ret, JEM_TOPIC_MAX, "%s/%s/%s/%s/%" PRIu64, names->node, head->epoch, names->job,
		 jem_kinds[head->kind].name, head->seq);
}

/* Decoding */

static int bad(struct jem_err *err, const char *what)
{
	return jem_err_set(err, -EBADMSG, "%s", what);
}

/* The member names that mean something in every record, by their bits in a set. */
enum member {
	MEMBER_OTHER = 0,
	MEMBER_DT_NS = 1,
	MEMBER_PART = 2,
	MEMBER_PARTS = 4,
	MEMBER_JSON = 8,
	MEMBER_RESERVED = 16,
};

static enum member member_of_text(const char *s, size_t len)
{
	switch (len) {
	case 1:
		return *s == 't' || *s == 'i' ? MEMBER_RESERVED : MEMBER_OTHER;
	case 3:
		return memcmp(s, "seq", 3) ? MEMBER_OTHER : MEMBER_RESERVED;
	case 4:
		return !memcmp(s, "part", 4)   ? MEMBER_PART
		       : !memcmp(s, "json", 4) ? MEMBER_JSON
					       : MEMBER_OTHER;
	case 5:
		return !memcmp(s, "dt_ns", 5)   ? MEMBER_DT_NS
		       : !memcmp(s, "parts", 5) ? MEMBER_PARTS
		       : !memcmp(s, "epoch", 5) ? MEMBER_RESERVED
						: MEMBER_OTHER;
	default:
		return MEMBER_OTHER;
	}
}

/* This runs for every member of every record: only a name with escapes is copied. */
static enum member member_of(const struct jem_json_doc *doc, uint32_t name)
{
	const struct jem_json_token *token = &doc->tokens[name];
	char text[8];

	if (!token->escaped)
		return member_of_text(doc->text + token->start, token->end - token->start);
	if (jem_json_get_str(doc, name, text, sizeof(text)) < 0)
		return MEMBER_OTHER;
	return member_of_text(text, strlen(text));
}

static int check_part(const struct jem_json_doc *doc, uint32_t part, uint32_t parts, uint32_t json,
		      struct jem_err *err)
{
	uint64_t k;
	uint64_t n;

	if (!part || !parts || !json)
		return bad(err, "a part needs part, parts and json");
	if (jem_json_get_u64(doc, parts, &n) < 0 || n < 2 || n > JEM_PARTS_MAX)
		return jem_err_set(err, -EBADMSG, "parts is not an integer from 2 to %d",
				   JEM_PARTS_MAX);
	if (jem_json_get_u64(doc, part, &k) < 0 || k >= n)
		return bad(err, "part is not an integer from 0 to parts - 1");
	if (jem_json_type(doc, json) != JEM_JSON_STRING)
		return bad(err, "json of a part is not a string");
	return 0;
}

int jem_batch_check_record(const struct jem_json_doc *doc, uint32_t record, struct jem_err *err)
{
	uint32_t part = 0;
	uint32_t parts = 0;
	uint32_t json = 0;
	unsigned seen = 0;
	uint64_t dt_ns;

	if (jem_json_type(doc, record) != JEM_JSON_OBJECT)
		return bad(err, "not an object");
	for (uint32_t i = jem_json_first(doc, record); i < jem_json_end(doc, record);
	     i = jem_json_next(doc, i + 1)) {
		enum member member = member_of(doc, i);

		if (member == MEMBER_OTHER)
			continue;
		if (member == MEMBER_RESERVED)
			return bad(err, "t, epoch, seq and i are the receiver's to give");
		if (seen & member)
			return bad(err, "dt_ns, part, parts or json is given twice");
		seen |= member;
		if (member == MEMBER_PART)
			part = i + 1;
		else if (member == MEMBER_PARTS)
			parts = i + 1;
		else if (member == MEMBER_JSON)
			json = i + 1;
		else if (jem_json_get_u64(doc, i + 1, &dt_ns) < 0 || dt_ns > JEM_NUMBER_MAX)
			return bad(err, "dt_ns is not an integer from 0 to 2^53 - 1");
	}
	if (!(seen & MEMBER_DT_NS))
		return bad(err, "dt_ns is missing");
	return part || parts ? check_part(doc, part, parts, json, err) : 0;
}

static int check_records(const struct jem_json_doc *doc, const struct jem_head *head,
			 uint32_t records, struct jem_err *err)
{
	uint64_t n = 0;

	for (uint32_t i = jem_json_first(doc, records); i < jem_json_end(doc, records);
	     i = jem_json_next(doc, i), n++) {
		struct jem_err why;

		if (jem_batch_check_record(doc, i, &why) < 0)
			return jem_err_set(err, -EBADMSG, "record %" PRIu64 ": %s", n, why.text);
	}
	if (n != head->n)
		return jem_err_set(err, -EBADMSG,
				   "head.n is %" PRIu64 ", there are %" PRIu64 " records", head->n,
				   n);
	return 0;
}

static int find_halves(const struct jem_json_doc *doc, uint32_t *head, uint32_t *records,
		       struct jem_err *err)
{
	if (jem_json_type(doc, 0) != JEM_JSON_OBJECT)
		return bad(err, "batch: not an object");
	for (uint32_t i = jem_json_first(doc, 0); i < jem_json_end(doc, 0);
	     i = jem_json_next(doc, i + 1)) {
		uint32_t *half = jem_json_equals(doc, i, "head")      ? head
				 : jem_json_equals(doc, i, "records") ? records
								      : NULL;

		if (half && *half)
			return bad(err, "head or records: given twice");
		if (half)
			*half = i + 1;
	}
	if (!*head || !*records)
		return bad(err, *head ? "records: missing" : "head: missing");
	if (jem_json_type(doc, *records) != JEM_JSON_ARRAY)
		return bad(err, "records: not an array");
	return 0;
}

int jem_batch_decode_json(const char *body, size_t len, struct jem_json_doc *doc,
			  struct jem_head *head, uint32_t *records, struct jem_err *err)
{
	struct jem_head read;
	struct jem_err why;
	uint32_t head_at = 0;
	uint32_t records_at = 0;
	int ret;

	if (len > JEM_BATCH_MAX)
		return jem_err_set(err, -EBADMSG, "batch of %zu bytes, at most %u are read", len,
				   JEM_BATCH_MAX);
	ret = jem_json_read(doc, body, len, err);
	if (ret < 0)
		return ret == -ENOMEM ? ret : -EBADMSG;
	if (find_halves(doc, &head_at, &records_at, err) < 0)
		return -EBADMSG;
	if (jem_head_read_json(doc, head_at, &read, &why) < 0)
		return jem_err_set(err, -EBADMSG, "head%s%s", why.text[0] == '.' ? "" : ": ",
				   why.text);
	if (check_records(doc, &read, records_at, err) < 0)
		return -EBADMSG;
	*head = read;
	*records = records_at;
	return 0;
}

uint64_t jem_batch_record_dt(const struct jem_json_doc *doc, uint32_t record)
{
	uint64_t dt_ns = 0;

	for (uint32_t i = jem_json_first(doc, record); i < jem_json_end(doc, record);
	     i = jem_json_next(doc, i + 1)) {
		if (member_of(doc, i) != MEMBER_DT_NS)
			continue;
		jem_json_get_u64(doc, i + 1, &dt_ns);
		break;
	}
	return dt_ns;
}

bool jem_batch_record_part(const struct jem_json_doc *doc, uint32_t record,
			   struct jem_record_part *ret)
{
	uint64_t part = 0;
	uint64_t parts = 0;
	uint32_t json = 0;

	for (uint32_t i = jem_json_first(doc, record); i < jem_json_end(doc, record);
	     i = jem_json_next(doc, i + 1)) {
		enum member member = member_of(doc, i);

		if (member == MEMBER_PART)
			jem_json_get_u64(doc, i + 1, &part);
		else if (member == MEMBER_PARTS)
			jem_json_get_u64(doc, i + 1, &parts);
		else if (member == MEMBER_JSON)
			json = i + 1;
	}
	if (!parts)
		return false;
	*ret = (struct jem_record_part){ (uint32_t)part, (uint32_t)parts, json };
	return true;
}
