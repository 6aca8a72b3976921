/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_columns: any bytes as a body of columns. Every row of what is taken is a JSON record. */
#include "common/columns.h"

#include <stdlib.h>

enum {
	ROWS_MAX = 64
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rows(const struct jem_columns *columns)
{
	uint64_t rows = columns->n < ROWS_MAX ? columns->n : ROWS_MAX;
	struct jem_json_doc doc;
	struct jem_buf text;

	jem_json_doc_init(&doc);
	jem_buf_init(&text, 0);
	for (uint64_t i = 0; i < rows; i++) {
		jem_buf_clear(&text);
		jem_columns_row(columns, i, &text);
		if (jem_json_read(&doc, text.data, text.len, NULL) < 0 ||
		    jem_batch_check_record(&doc, 0, NULL) < 0)
			abort();
	}
	jem_buf_deinit(&text);
	jem_json_doc_deinit(&doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jem_columns columns;
	struct jem_err err = { "" };
	struct jem_head head;

	jem_columns_init(&columns);
	if (jem_columns_decode(&columns, (const char *)data, size, &head, &err) == 0)
		check_rows(&columns);
	else if (!err.text[0])
		abort();
	jem_columns_deinit(&columns);
	return 0;
}
