/* SPDX-License-Identifier: Apache-2.0 */
/* call_batch: batches of kind call from their rows as JSON, for tests. */
#ifndef JEM_TESTS_UNIT_CALL_BATCH_H
#define JEM_TESTS_UNIT_CALL_BATCH_H

#include "common/columns.h"

/*
 * Appends the body of a batch of these records, a JSON array of objects as schemas/call.schema.json
 * has them; sets head->n. Columns are of the types that the schema names. Ends the process on text
 * that is none.
 */
void call_batch_encode(struct jem_head *head, const char *records, struct jem_buf *ret);

#endif
