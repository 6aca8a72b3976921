/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch: one message of a stream, and its head (DESIGN section 3).
 *
 * A stream is (node, epoch, job, kind). A batch is {"head":{...},"records":[...]} as JSON for
 * human-rate kinds, {"head":{...},"cols":{...}} as CBOR for fire-hose kinds, and describes itself.
 *
 * A record over JEM_RECORD_SPLIT bytes travels as several records {"dt_ns","part","parts","json"}:
 * the `json` texts of parts 0..parts-1, in order and adjacent in the stream, are the record.
 */
#ifndef JEM_COMMON_BATCH_H
#define JEM_COMMON_BATCH_H

#include "common/account.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/json_reader.h"
#include "common/json_writer.h"
#include "common/name.h"

#define JEM_RECORD_SPLIT   (48u << 10)
#define JEM_BATCH_TARGET   (64u << 10) /* a batch is sent when it reaches this size */
#define JEM_BATCH_MAX      (1u << 20)  /* a body over this is refused by every reader */
#define JEM_EPOCH_SIZE     17          /* 16 hex digits and the NUL */
#define JEM_BOOT_ID_SIZE   37
#define JEM_TRUE_NAME_SIZE 256

struct jem_identity {
	struct jem_source_names names;
	/* The names as their owners write them; "" where the name itself is true. */
	char true_site[JEM_TRUE_NAME_SIZE];
	char true_user[JEM_TRUE_NAME_SIZE];
	char true_job[JEM_TRUE_NAME_SIZE];
	char true_node[JEM_TRUE_NAME_SIZE];
};

struct jem_head {
	enum jem_kind kind;
	uint32_t schema;
	struct jem_identity source;
	char epoch[JEM_EPOCH_SIZE];
	char boot_id[JEM_BOOT_ID_SIZE];
	uint64_t seq;                      /* of the batch in its stream, from 0 without holes */
	uint64_t first;                    /* number of the first record */
	uint64_t n;                        /* records in the batch; 0: a heartbeat */
	uint64_t t0_us;                    /* wall clock, microseconds */
	uint64_t mono_ns;                  /* the same instant on CLOCK_MONOTONIC */
	uint64_t dropped[JEM_CAUSE_COUNT]; /* totals since the epoch */
	bool is_final;                     /* the last of its stream */
};

/* A finished batch on its way to the spool and the publisher. */
struct jem_batch {
	struct jem_head head;
	bool is_urgent;
	size_t len;
	char body[]; /* len bytes and a NUL */
};

/* The head alone. The reason of a refusal begins with the path of the field: ".src.job: ...". */
void jem_head_write_json(const struct jem_head *head, struct jem_json *json);
int jem_head_read_json(const struct jem_json_doc *doc, uint32_t token, struct jem_head *ret,
		       struct jem_err *err);

/* Writes a complete JSON body: the head around `records`, the comma-separated record texts. */
void jem_batch_encode_json(const struct jem_head *head, const char *records, size_t len,
			   struct jem_buf *ret);

void jem_batch_topic(const struct jem_head *head, char ret[JEM_TOPIC_MAX]);

/* `<node>/<epoch>/<job>/<kind>/<seq>`, at most JEM_TOPIC_MAX - 1 characters. */
void jem_batch_message_id(const struct jem_head *head, char ret[JEM_TOPIC_MAX]);

/*
 * Reads a JSON body strictly: every field of the head of its type and in range, names valid, `n`
 * the number of records, each record an object with a `dt_ns` and no reserved name (t, epoch, seq,
 * i), parts whole. Unknown fields are allowed, the same field twice is not. On success `doc` holds
 * the whole text and *records the token of the record array. -EBADMSG with the reason for anything
 * else, -ENOMEM.
 */
int jem_batch_decode_json(const char *body, size_t len, struct jem_json_doc *doc,
			  struct jem_head *head, uint32_t *records, struct jem_err *err);

/* Numbers stay below this, so that every JSON reader holds them exactly (RFC 8259 section 6). */
#define JEM_NUMBER_MAX ((1ull << 53) - 1)
/* More parts than a record of the largest size has. */
#define JEM_PARTS_MAX 1024

/*
 * Checks one record: what jem_batch_decode_json checks of each. For the text of a record that was
 * joined from its parts, whose time is the one of part 0.
 */
int jem_batch_check_record(const struct jem_json_doc *doc, uint32_t record, struct jem_err *err);

/* `dt_ns` of a checked record. */
uint64_t jem_batch_record_dt(const struct jem_json_doc *doc, uint32_t record);

struct jem_record_part {
	uint32_t part;
	uint32_t parts;
	uint32_t json; /* token of the text */
};

/* Whether a checked record is a part of a larger one. */
bool jem_batch_record_part(const struct jem_json_doc *doc, uint32_t record,
			   struct jem_record_part *ret);

#endif
