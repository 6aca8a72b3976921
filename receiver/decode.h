/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode: a message as the batch that it carries.
 *
 * The body tells what it is, since properties may be lost on the way: a JSON object, or a CBOR map
 * for the kinds of that encoding, and either of them plain or as one zstd frame.
 *
 * Ownership: owns what it decodes into; a batch lives until the next call, and as long as its message
 * Bounds:    JEM_BATCH_MAX bytes of a body, unpacked
 */
#ifndef JEM_RECEIVER_DECODE_H
#define JEM_RECEIVER_DECODE_H

#include "broker-client/message.h"
#include "common/columns.h"

struct jem_decoder {
	struct jem_json_doc doc;
	struct jem_columns columns;
	struct jem_buf unpacked;
};

struct jem_received {
	struct jem_head head;
	/* Of a JSON kind; NULL: it is columns. */
	const struct jem_json_doc *doc;
	const struct jem_columns *columns; /* of a CBOR kind, else NULL */
	uint32_t records;
	struct jem_slice body; /* unpacked */
	struct jem_slice
		frame; /* as it came in a frame that may be stored; len 0: it is to be made */
};

void jem_decoder_init(struct jem_decoder *decoder);
void jem_decoder_deinit(struct jem_decoder *decoder);

/* 0; -EBADMSG with the reason: what cannot be read, or a topic that contradicts it; -ENOMEM. */
int jem_decode(struct jem_decoder *decoder, const struct jem_message *message,
	       struct jem_received *ret, struct jem_err *err);

#endif
