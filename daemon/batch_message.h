/* SPDX-License-Identifier: Apache-2.0 */
/* batch_message: a batch as the message that carries it, and as what a spool's frame holds. */
#ifndef JEM_DAEMON_BATCH_MESSAGE_H
#define JEM_DAEMON_BATCH_MESSAGE_H

#include "broker-client/message.h"
#include "broker-client/spool/segment.h"
#include "common/batch.h"

struct jem_batch_message {
	struct jem_message message; /* borrows from the batch and from what follows */
	char topic[JEM_TOPIC_MAX];
	char message_id[JEM_TOPIC_MAX];
};

/*
 * Properties repeat the head for brokers and filters; no receiver depends on them. `ret` and the batch stay
 * where they are while the message is used.
 */
void jem_batch_message_make(const struct jem_batch *batch, struct jem_batch_message *ret);

/* A batch from its body alone, which describes itself. -EBADMSG with the reason, -ENOMEM. */
int jem_batch_of_body(enum jem_kind kind, const void *body, size_t len, struct jem_batch **ret,
		      struct jem_err *err);

/* As much of a batch's head as a frame tells: kind, epoch, seq, first, n. */
void jem_head_of_frame(const struct jem_frame *frame, struct jem_head *ret);

#endif
