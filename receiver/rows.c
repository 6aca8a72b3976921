/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/rows.h"

#include "common/columns.h"
#include "receiver/data_line.h"
#include "receiver/frames.h"

#include <errno.h>

struct jem_rows {
	struct jem_frames *frames; /* owned */
	struct jem_columns columns;
	struct jem_head head;
	struct jem_data_writer writer;
	const struct jem_column_view *dt; /* borrowed from columns */
	uint64_t row;                     /* the next one of the batch */
	uint64_t damaged;
	struct jem_buf record;
	struct jem_buf line;
};

int jem_rows_open(int folder, const char *name, struct jem_rows **ret)
{
	struct jem_rows *rows = calloc(1, sizeof(*rows));
	int status;

	if (!rows)
		return -ENOMEM;
	jem_columns_init(&rows->columns);
	jem_buf_init(&rows->record, 0);
	jem_buf_init(&rows->line, 0);
	status = jem_frames_open(folder, name, 0, &rows->frames);
	if (status < 0) {
		jem_rows_close(rows);
		return status;
	}
	*ret = rows;
	return 0;
}

void jem_rows_close(struct jem_rows *rows)
{
	if (!rows)
		return;
	jem_frames_close(rows->frames);
	jem_columns_deinit(&rows->columns);
	jem_buf_deinit(&rows->record);
	jem_buf_deinit(&rows->line);
	free(rows);
}

/* The next batch with rows: 1; 0 at the end; negative errno. */
static int next_batch(struct jem_rows *rows)
{
	const char *body;
	size_t len;
	int status;

	rows->columns.n = 0;
	while ((status = jem_frames_next(rows->frames, &body, &len)) > 0) {
		status = jem_columns_decode(&rows->columns, body, len, &rows->head, NULL);
		if (status == -ENOMEM)
			return status;
		if (status < 0) {
			rows->damaged++;
			rows->columns.n = 0;
			continue;
		}
		if (!rows->columns.n)
			continue;
		jem_data_writer_init(&rows->writer, &rows->head);
		rows->dt = jem_columns_find(&rows->columns, "dt_ns");
		rows->row = 0;
		return 1;
	}
	return status;
}

int jem_rows_next(struct jem_rows *rows, const char **line, size_t *len)
{
	uint64_t row;

	if (rows->row >= rows->columns.n) {
		int status = next_batch(rows);

		if (status <= 0)
			return status;
	}
	row = rows->row++;
	jem_buf_clear(&rows->record);
	jem_buf_clear(&rows->line);
	jem_columns_row(&rows->columns, row, &rows->record);
	if (!rows->record.failed)
		jem_data_writer_add(&rows->writer, &rows->line, row, jem_column_u64(rows->dt, row),
				    rows->record.data, rows->record.len);
	if (rows->record.failed || rows->line.failed)
		return -ENOMEM;
	*line = rows->line.data;
	*len = rows->line.len - 1; /* less the newline */
	return 1;
}

uint64_t jem_rows_damaged(const struct jem_rows *rows)
{
	return rows->damaged + jem_frames_damaged(rows->frames);
}
