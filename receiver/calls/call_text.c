/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/calls/call_text.h"

#include "common/utf8.h"
#include "receiver/calls/value_text.h"
#include "receiver/record_text.h"

#include <inttypes.h>

static void put_span(struct jem_buf *buf, struct jem_span span, size_t max)
{
	size_t len = span.len > max ? jem_utf8_cut(span.at, span.len, max) : span.len;

	jem_text_escape(buf, span.at, len);
	if (len < span.len)
		jem_buf_add(buf, "...", 3);
}

static void put_file(struct jem_buf *buf, struct jem_span file, uint32_t line)
{
	const char *slash = file.len ? memrchr(file.at, '/', file.len) : NULL;

	if (slash && slash + 1 < file.at + file.len)
		file = (struct jem_span){ slash + 1, (size_t)(file.at + file.len - slash - 1) };
	put_span(buf, file, JEM_CALL_NAME);
	if (line) {
		jem_buf_add_char(buf, ':');
		jem_text_number(buf, line);
	}
}

void jem_call_write_place(struct jem_buf *buf, const struct jem_call *call)
{
	static const char spaces[] = "                                        "
				     "                                        ";
	unsigned levels = call->depth < JEM_CALL_INDENT ? call->depth : JEM_CALL_INDENT;

	_Static_assert(sizeof(spaces) > 2 * JEM_CALL_INDENT, "room for the deepest");
	jem_text_number(buf, (uint64_t)call->pid);
	jem_buf_add_char(buf, '/');
	jem_text_number(buf, (uint64_t)call->tid);
	jem_buf_add(buf, "  ", 2);
	jem_buf_add(buf, spaces, 2 * levels);
	if (call->depth > JEM_CALL_INDENT) {
		jem_buf_add_char(buf, '(');
		jem_text_number(buf, call->depth);
		jem_buf_add(buf, ") ", 2);
	}
}

static void put_name(struct jem_buf *buf, const struct jem_call *call)
{
	if (call->function.len)
		put_span(buf, call->function, JEM_CALL_NAME);
	else
		jem_buf_add_char(buf, '?');
}

void jem_call_write_function(struct jem_buf *buf, const struct jem_call *call)
{
	put_name(buf, call);
	if (call->is_exit)
		return;
	jem_buf_add_char(buf, '(');
	if (call->args.data)
		jem_value_text_list(buf, call->args, JEM_CALL_VALUES);
	jem_buf_add_char(buf, ')');
	if (call->file.len) {
		jem_buf_add(buf, "  ", 2);
		put_file(buf, call->file, call->line);
	}
	if (call->caller_file.len) {
		jem_buf_add_str(buf, call->file.len ? ", from " : "  from ");
		put_file(buf, call->caller_file, call->caller_line);
	}
}

/* Three digits that matter. */
void jem_call_write_duration(struct jem_buf *buf, uint64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *unit;
	} units[] = { { 1000000000, " s" }, { 1000000, " ms" }, { 1000, " us" }, { 1, " ns" } };
	size_t i = 0;
	uint64_t whole;
	uint64_t thousandths;
	uint64_t digits;

	while (ns < units[i].ns && i < 3)
		i++;
	whole = ns / units[i].ns;
	thousandths = ns % units[i].ns * 1000 / units[i].ns;
	jem_text_number(buf, whole);
	if (units[i].ns > 1 && whole < 100) {
		jem_buf_add_char(buf, '.');
		digits = whole < 10 ? thousandths / 10 : thousandths / 100;
		if (whole < 10 && digits < 10)
			jem_buf_add_char(buf, '0');
		jem_text_number(buf, digits);
	}
	jem_buf_add_str(buf, units[i].unit);
}

void jem_call_write_result(struct jem_buf *buf, const struct jem_call *call)
{
	struct jem_cbor_reader value;
	size_t before;

	if (call->has_duration) {
		jem_buf_add(buf, "  ", 2);
		jem_call_write_duration(buf, call->duration_ns);
	}
	if (call->result.data && jem_value_member(call->result, "value", &value)) {
		jem_buf_add(buf, "  return ", 9);
		jem_value_text_write(buf, value, JEM_CALL_VALUES);
	}
	if (!call->locals.data)
		return;
	before = buf->len;
	jem_buf_add(buf, "  [", 3);
	jem_value_text_list(buf, call->locals, JEM_CALL_VALUES);
	if (buf->len > before + 3)
		jem_buf_add_char(buf, ']');
	else if (!buf->failed)
		buf->len = before; /* there are none */
}

void jem_call_cut(struct jem_buf *buf, size_t start)
{
	static const char mark[] = "...";

	if (buf->failed || buf->len - start <= JEM_CALL_TEXT)
		return;
	buf->len = start + jem_utf8_cut(buf->data + start, buf->len - start,
					JEM_CALL_TEXT - sizeof(mark) + 1);
	jem_buf_add(buf, mark, sizeof(mark) - 1);
}

void jem_call_write(struct jem_buf *buf, const struct jem_call *call)
{
	size_t start = buf->len;

	jem_call_write_place(buf, call);
	if (call->is_exit)
		jem_buf_add(buf, "<- ", 3);
	jem_call_write_function(buf, call);
	if (call->is_exit)
		jem_call_write_result(buf, call);
	if (call->note.len) {
		jem_buf_add(buf, "  (", 3);
		put_span(buf, call->note, JEM_CALL_NAME);
		jem_buf_add_char(buf, ')');
	}
	jem_call_cut(buf, start);
}
