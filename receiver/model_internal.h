/* SPDX-License-Identifier: Apache-2.0 */
/* model_internal: what the files of the model share; nobody else includes it. */
#ifndef JEM_RECEIVER_MODEL_INTERNAL_H
#define JEM_RECEIVER_MODEL_INTERNAL_H

#include "receiver/model.h"

/* One record on its way into the model. */
struct jem_feed {
	struct jem_job_model *model;
	struct jem_model_node *node; /* NULL: beyond JEM_MODEL_NODES, or a kind without nodes */
	const struct jem_json_doc *doc;
	uint32_t record;
	uint64_t t_ns;
};

int jem_model_feed_status(const struct jem_feed *feed);
int jem_model_feed_metric(const struct jem_feed *feed);

/*
 * The text of a token as an owned string, cut to JEM_MODEL_TEXT_MAX bytes between characters; a NUL
 * in it becomes SUB (0x1a). NULL when the token is no string or there is no memory.
 */
char *jem_feed_text(const struct jem_feed *feed, uint32_t token);
/* The same for a member of the record. */
char *jem_feed_member_text(const struct jem_feed *feed, const char *name);
/* A number that is a member of the record, or `otherwise`. */
double jem_feed_number(const struct jem_feed *feed, uint32_t object, const char *name,
		       double otherwise);

/* Takes the texts over, also on failure; they may be NULL. */
int jem_model_add_mark(struct jem_job_model *model, uint64_t t_ns, enum jem_severity severity,
		       char *label, char *text);

void jem_model_node_destroy(struct jem_model_node *node);

#endif
