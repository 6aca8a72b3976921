/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message_codec: struct jem_message to and from AMQP 1.0 bytes (part 3, section 3.2).
 *
 * Written and read by hand: proton's own message and data objects cost a hundred times as much.
 * Decoding lends slices of the input and takes what other clients send: any width of the types,
 * symbolic descriptors, a data section or an amqp-value of binary or string as the body. Sections
 * and fields we do not use are stepped over. Hostile input is -EBADMSG.
 */
#ifndef JEM_BROKER_CLIENT_WIRE_MESSAGE_CODEC_H
#define JEM_BROKER_CLIENT_WIRE_MESSAGE_CODEC_H

#include "broker-client/message.h"
#include "common/buf.h"

/*
 * What a broker tells about this delivery, on this hop only, travels as delivery annotations
 * (section 3.2.2; those beginning with x-opt- may be ignored): our receivers find it among the
 * properties, without `x-opt-`. An application property beginning with `jem-` is not given on:
 * only the broker may say such things.
 */
#define JEM_ANNOTATION_DROPPED  "x-opt-jem-dropped"
#define JEM_ANNOTATION_RETAINED "x-opt-jem-retained"

/* Appends everything that stands before the bytes of the body. -EINVAL: too many properties. */
int jem_message_encode_head(const struct jem_message *message, struct jem_buf *ret);

int jem_message_decode(const char *bytes, size_t len, struct jem_message *ret);

/* What a broker has to know of a message that it passes on. */
struct jem_message_scan {
	size_t header_len;      /* the header section, at the start */
	size_t annotations_len; /* the delivery annotations after it */
	struct jem_slice to;    /* empty: none */
	struct jem_slice subject;
};

/* Steps over every section. -EBADMSG when one is damaged or there is no body. */
int jem_message_scan(const char *bytes, size_t len, struct jem_message_scan *ret);

/* Delivery annotations with a long each for those that are not 0; appends nothing if none is. */
void jem_message_encode_annotations(uint64_t dropped, bool is_retained, struct jem_buf *ret);

#endif
