/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cbor_json: one data model in two encodings. A CBOR item of the JSON shape (maps with text names,
 * lists, text, numbers, booleans, null; no byte strings, no tags) becomes JSON text, and back.
 */
#ifndef JEM_COMMON_CBOR_JSON_H
#define JEM_COMMON_CBOR_JSON_H

#include "common/cbor.h"
#include "common/json_reader.h"
#include "common/json_writer.h"

/* Appends the next item as JSON. -EBADMSG with the reason; NaN and infinities become null. */
int jem_cbor_to_json(struct jem_cbor_reader *reader, struct jem_json *json, struct jem_err *err);

/* Moves past the next item, checked as jem_cbor_to_json does. */
int jem_cbor_skip_json(struct jem_cbor_reader *reader, struct jem_err *err);

/* Appends a JSON value as CBOR: integers where the text is one of 64 bits, else reals. */
void jem_cbor_from_json(struct jem_buf *buf, const struct jem_json_doc *doc, uint32_t token);

/* A number with as many digits as it takes to read back the same double. */
void jem_cbor_real_to_json(struct jem_json *json, double value);
/* The same as text that is not terminated: its length. NaN and infinities are null. */
#define JEM_REAL_TEXT 32
size_t jem_cbor_real_text(double value, char ret[JEM_REAL_TEXT]);

#endif
