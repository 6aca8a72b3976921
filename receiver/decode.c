/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/decode.h"

#include "common/compress.h"
#include "receiver/frames.h"

#include <errno.h>
#include <string.h>

enum {
	CBOR_MAP = 5 /* major type, RFC 8949 section 3.1 */
};

void jem_decoder_init(struct jem_decoder *decoder)
{
	jem_json_doc_init(&decoder->doc);
	jem_columns_init(&decoder->columns);
	jem_buf_init(&decoder->unpacked, 0);
}

void jem_decoder_deinit(struct jem_decoder *decoder)
{
	jem_json_doc_deinit(&decoder->doc);
	jem_columns_deinit(&decoder->columns);
	jem_buf_deinit(&decoder->unpacked);
}

/* A topic that came through whole must tell the same names: a broker confines users by it. */
static bool is_topic_of(const struct jem_slice *topic, const struct jem_head *head)
{
	char wanted[JEM_TOPIC_MAX];
	struct jem_source_names names;
	enum jem_kind kind;

	if (jem_topic_parse(topic->data, topic->len, &names, &kind) < 0)
		return true;
	jem_topic_format(&head->source.names, head->kind, wanted);
	return strlen(wanted) == topic->len && !memcmp(wanted, topic->data, topic->len);
}

static int unpack(struct jem_decoder *decoder, const struct jem_slice *packed,
		  struct jem_received *ret, struct jem_err *err)
{
	int status;

	jem_buf_clear(&decoder->unpacked);
	status = jem_decompress(packed->data, packed->len, JEM_BATCH_MAX, &decoder->unpacked, err);
	if (status < 0)
		return status;
	ret->body = (struct jem_slice){ decoder->unpacked.data, decoder->unpacked.len };
	if (jem_frames_is_one(packed->data, packed->len))
		ret->frame = *packed;
	return 0;
}

static int decode_body(struct jem_decoder *decoder, struct jem_received *ret, struct jem_err *err)
{
	const struct jem_slice *body = &ret->body;
	enum jem_encoding encoding = JEM_ENCODING_JSON;
	int status;

	if (body->len && body->data[0] == '{') {
		ret->doc = &decoder->doc;
		status = jem_batch_decode_json(body->data, body->len, &decoder->doc, &ret->head,
					       &ret->records, err);
	} else if (body->len && (unsigned char)body->data[0] >> 5 == CBOR_MAP) {
		encoding = JEM_ENCODING_CBOR;
		ret->columns = &decoder->columns;
		status = jem_columns_decode(&decoder->columns, body->data, body->len, &ret->head,
					    err);
	} else {
		return jem_err_set(err, -EBADMSG, "a body that is no JSON object and no CBOR map");
	}
	if (status == 0 && jem_kinds[ret->head.kind].encoding != encoding)
		return jem_err_set(err, -EBADMSG, "a batch of kind %s in %s",
				   jem_kinds[ret->head.kind].name,
				   encoding == JEM_ENCODING_CBOR ? "CBOR" : "JSON");
	return status;
}

int jem_decode(struct jem_decoder *decoder, const struct jem_message *message,
	       struct jem_received *ret, struct jem_err *err)
{
	static const char magic[4] = "\x28\xb5\x2f\xfd"; /* of zstd, RFC 8878 section 3.1.1 */
	const struct jem_slice *body = &message->body;
	int status = 0;

	*ret = (struct jem_received){ .body = *body };
	if (body->len >= sizeof(magic) && !memcmp(body->data, magic, sizeof(magic)))
		status = unpack(decoder, body, ret, err);
	if (status == 0)
		status = decode_body(decoder, ret, err);
	if (status < 0)
		return status;
	if (message->topic.len && !is_topic_of(&message->topic, &ret->head))
		return jem_err_set(err, -EBADMSG, "the topic %.*s is not of its head",
				   message->topic.len < 160 ? (int)message->topic.len : 160,
				   message->topic.data);
	return 0;
}
