/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/watch_lines.h"

#include "receiver/data_line.h"

#include <errno.h>
#include <stdio.h>

static void put_text(struct jem_watch_lines *lines, const struct jem_live_record *record)
{
	const struct jem_source_names *names = &record->head->source.names;
	char where[2 * JEM_NAME_MAX + 4] = "";

	if (lines->is_many)
		snprintf(where, sizeof(where), "%s@%s", names->job, names->node);
	jem_record_write_text(&lines->style, &lines->text, record->head->kind, record->t_us, where,
			      record->doc, record->token);
	jem_buf_add_char(&lines->text, '\n');
}

/* A recorded record bears t, epoch, seq and i already; one from the wire gets them now. */
static void put_raw(struct jem_watch_lines *lines, const struct jem_live_record *record)
{
	const struct jem_json_token *token = &record->doc->tokens[record->token];
	const char *text = record->doc->text + token->start;
	size_t len = token->end - token->start;
	struct jem_head head = *record->head; /* a joined record is older than its last batch */
	int64_t dt_us = (int64_t)(record->t_us - head.t0_us);
	struct jem_data_writer writer;
	struct jem_data_line line;
	char topic[JEM_TOPIC_MAX];
	size_t start;

	jem_batch_topic(record->head, topic);
	jem_buf_printf(&lines->text, "{\"topic\":\"%s\"", topic);
	start = lines->text.len;
	if (jem_data_line_read(text, len, &line) == 0) {
		jem_buf_add(&lines->text, text, len);
		jem_buf_add_char(&lines->text, '\n');
	} else {
		head.t0_us = record->t_us;
		head.mono_ns += (uint64_t)(dt_us * 1000);
		jem_data_writer_init(&writer, &head);
		jem_data_writer_add(&writer, &lines->text, record->i, 0, text, len);
	}
	if (!lines->text.failed)
		lines->text.data[start] = ','; /* in the place of the line's own brace */
}

int jem_watch_print(struct jem_watch_lines *lines, const struct jem_live_record *record)
{
	if (!(lines->kinds & 1u << record->head->kind))
		return 0;
	jem_buf_clear(&lines->text);
	if (lines->is_raw)
		put_raw(lines, record);
	else
		put_text(lines, record);
	if (lines->text.failed)
		return -ENOMEM;
	return fwrite(lines->text.data, 1, lines->text.len, stdout) == lines->text.len ? 0 : -errno;
}
