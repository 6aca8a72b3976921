/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_batch: any bytes as the body of a JSON batch. What is taken can be written again with the
 * same head, and every record has its time and, as a part, its text.
 */
#include "common/batch.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_records(const struct jem_json_doc *doc, uint32_t records)
{
	for (uint32_t i = jem_json_first(doc, records); i < jem_json_end(doc, records);
	     i = jem_json_next(doc, i)) {
		struct jem_record_part part;

		if (jem_batch_record_dt(doc, i) > JEM_NUMBER_MAX)
			abort();
		if (jem_batch_record_part(doc, i, &part) &&
		    (part.part >= part.parts || jem_json_type(doc, part.json) != JEM_JSON_STRING))
			abort();
	}
}

static void check_again(const struct jem_head *head, const char *records, size_t len)
{
	struct jem_json_doc doc;
	struct jem_head again;
	struct jem_err err;
	struct jem_buf body;
	uint32_t token;

	jem_buf_init(&body, 0);
	jem_json_doc_init(&doc);
	jem_batch_encode_json(head, records, len, &body);
	if (body.len <= JEM_BATCH_MAX) {
		if (jem_batch_decode_json(body.data, body.len, &doc, &again, &token, &err) < 0)
			abort();
		if (again.seq != head->seq || again.mono_ns != head->mono_ns ||
		    strcmp(again.source.true_job, head->source.true_job) != 0)
			abort();
	}
	jem_json_doc_deinit(&doc);
	jem_buf_deinit(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jem_json_doc doc;
	struct jem_head head;
	struct jem_err err = { "" };
	uint32_t records;

	jem_json_doc_init(&doc);
	if (jem_batch_decode_json((const char *)data, size, &doc, &head, &records, &err) < 0) {
		if (!err.text[0])
			abort();
	} else {
		const struct jem_json_token *token = &doc.tokens[records];

		check_records(&doc, records);
		check_again(&head, doc.text + token->start + 1, token->end - token->start - 2);
	}
	jem_json_doc_deinit(&doc);
	return 0;
}
