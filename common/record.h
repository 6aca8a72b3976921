/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record: the one writer of records. Text reaches a record only through the redactor.
 *
 * A source asks the batcher for a record (daemon/batcher.h), adds fields, and hands it back.
 */
#ifndef JEM_COMMON_RECORD_H
#define JEM_COMMON_RECORD_H

#include "common/json_writer.h"
#include "common/redact.h"

struct jem_record {
	struct jem_json json;          /* the open object */
	struct jem_redactor *redactor; /* borrowed, outlives us */
};

/* Text from outside: redacted, made well-formed. Key names are ours. */
void jem_record_text(struct jem_record *record, const char *key, const char *text, size_t len);
void jem_record_str(struct jem_record *record, const char *key, const char *text);
/* The value of a variable or option: hidden whole when its name says it is a secret. */
void jem_record_named(struct jem_record *record, const char *name, const char *value);
/* A word of ours (states, units, file names of the contract): not redacted. */
void jem_record_word(struct jem_record *record, const char *key, const char *word);
void jem_record_u64(struct jem_record *record, const char *key, uint64_t value);
void jem_record_i64(struct jem_record *record, const char *key, int64_t value);
void jem_record_real(struct jem_record *record, const char *key, double value);
/* A time in seconds with nine decimals, from nanoseconds. */
void jem_record_seconds(struct jem_record *record, const char *key, uint64_t ns);
void jem_record_bool(struct jem_record *record, const char *key, bool value);
void jem_record_object_begin(struct jem_record *record, const char *key);
void jem_record_object_end(struct jem_record *record);
void jem_record_array_begin(struct jem_record *record, const char *key);
void jem_record_array_end(struct jem_record *record);

#endif
