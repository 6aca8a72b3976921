/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/batch_message.h"

#include "common/columns.h"
#include "common/compress.h"
#include "daemon/packing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static struct jem_slice slice(const char *text)
{
	return (struct jem_slice){ text, strlen(text) };
}

static struct jem_property text_property(const char *name, const char *value)
{
	return (struct jem_property){ .name = slice(name), .text = slice(value) };
}

static struct jem_property number_property(const char *name, uint64_t value)
{
	return (struct jem_property){ .name = slice(name), .number = (int64_t)value };
}

void jem_batch_message_make(const struct jem_batch *batch, struct jem_batch_message *ret)
{
	const struct jem_head *head = &batch->head;
	const struct jem_kind_info *kind = &jem_kinds[head->kind];
	struct jem_property properties[] = {
		text_property("kind", kind->name),
		text_property("site", head->source.names.site),
		text_property("user", head->source.names.user),
		text_property("job", head->source.names.job),
		text_property("node", head->source.names.node),
		text_property("epoch", head->epoch),
		number_property("seq", head->seq),
		number_property("first", head->first),
		number_property("n", head->n),
		number_property("schema", head->schema),
	};

	jem_batch_topic(head, ret->topic);
	jem_batch_message_id(head, ret->message_id);
	ret->message = (struct jem_message){
		.topic = slice(ret->topic),
		.message_id = slice(ret->message_id),
		.content_type = slice(kind->encoding == JEM_ENCODING_CBOR ? "application/cbor"
									  : "application/json"),
		.content_encoding =
			slice(jem_batch_is_packed(batch) ? JEM_CONTENT_ENCODING_ZSTD : ""),
		.creation_time_ms = (int64_t)(head->t0_us / 1000),
		.is_durable = kind->is_human,
		.property_count = sizeof(properties) / sizeof(*properties),
		.body = { batch->body, batch->len },
	};
	memcpy(ret->message.properties, properties, sizeof(properties));
}

static int read_json_head(const struct jem_batch *batch, struct jem_head *ret, struct jem_err *err)
{
	struct jem_json_doc doc;
	uint32_t records;
	int status;

	jem_json_doc_init(&doc);
	status = jem_batch_decode_json(batch->body, batch->len, &doc, ret, &records, err);
	jem_json_doc_deinit(&doc);
	return status;
}

static int read_cbor_head(const struct jem_batch *batch, struct jem_head *ret, struct jem_err *err)
{
	struct jem_columns columns;
	struct jem_buf plain;
	const char *body = batch->body;
	size_t len = batch->len;
	int status = 0;

	jem_buf_init(&plain, 0);
	jem_columns_init(&columns);
	if (jem_batch_is_packed(batch)) {
		status = jem_decompress(batch->body, batch->len, JEM_BATCH_MAX, &plain, err);
		body = plain.data;
		len = plain.len;
	}
	if (status >= 0)
		status = jem_columns_decode(&columns, body, len, ret, err);
	jem_columns_deinit(&columns);
	jem_buf_deinit(&plain);
	return status;
}

int jem_batch_of_body(enum jem_kind kind, const void *body, size_t len, struct jem_batch **ret,
		      struct jem_err *err)
{
	struct jem_batch *batch = calloc(1, sizeof(*batch) + len + 1);
	int status;

	if (!batch)
		return jem_err_set(err, -ENOMEM, "no memory for a batch");
	memcpy(batch->body, body, len);
	batch->len = len;
	status = jem_kinds[kind].encoding == JEM_ENCODING_CBOR
			 ? read_cbor_head(batch, &batch->head, err)
			 : read_json_head(batch, &batch->head, err);
	if (status >= 0 && batch->head.kind != kind)
		status = jem_err_set(err, -EBADMSG, "a batch of another kind");
	if (status < 0) {
		free(batch);
		return status;
	}
	*ret = batch;
	return 0;
}

void jem_head_of_frame(const struct jem_frame *frame, struct jem_head *ret)
{
	*ret = (struct jem_head){
		.kind = frame->kind, .seq = frame->seq, .first = frame->first, .n = frame->n
	};
	snprintf(ret->epoch, sizeof(ret->epoch), "%016" PRIx64, frame->epoch);
}
