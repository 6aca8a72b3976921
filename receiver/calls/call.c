/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/calls/call.h"

#include "common/cbor_json.h"

void jem_call_rows_begin(struct jem_call_rows *rows, const struct jem_columns *columns,
			 const struct jem_head *head)
{
	rows->columns = columns;
	rows->t0_us = head->t0_us;
	rows->mono_ns = head->mono_ns;
#define FIND(column) jem_columns_find(columns, column)
	rows->at = (struct jem_call_columns){
		.dt_ns = FIND("dt_ns"),
		.pid = FIND("pid"),
		.tid = FIND("tid"),
		.event = FIND("event"),
		.depth = FIND("depth"),
		.function = FIND("function"),
		.signature = FIND("signature"),
		.file = FIND("file"),
		.line = FIND("line"),
		.caller = FIND("caller"),
		.args = FIND("args"),
		.caller_locals = FIND("caller_locals"),
		.locals = FIND("locals"),
		.result = FIND("return"),
		.duration_ns = FIND("duration_ns"),
		.note = FIND("note"),
	};
#undef FIND
}

/* At the item of a row, of a dictionary or a list; false: the column has none. */
static bool at_item(const struct jem_call_rows *rows, const struct jem_column_view *view,
		    uint64_t row, struct jem_cbor_reader *ret)
{
	const uint32_t *offsets;

	if (!view || view->shape == JEM_COLUMN_ARRAY)
		return false;
	if (view->shape == JEM_COLUMN_DICT)
		row = jem_column_u64(view, row);
	offsets = rows->columns->offsets + view->items + row;
	*ret = (struct jem_cbor_reader){ (const uint8_t *)rows->columns->body, offsets[1],
					 offsets[0] };
	return true;
}

static bool get_item(const struct jem_call_rows *rows, const struct jem_column_view *view,
		     uint64_t row, struct jem_cbor_item *ret)
{
	struct jem_cbor_reader reader;

	if (!at_item(rows, view, row, &reader))
		return false;
	jem_cbor_next_known(&reader, ret);
	return true;
}

static struct jem_span span_of(const struct jem_cbor_item *item)
{
	if (item->type != JEM_CBOR_TEXT)
		return (struct jem_span){ NULL, 0 };
	return (struct jem_span){ (const char *)item->data, item->number };
}

static struct jem_span get_text(const struct jem_call_rows *rows,
				const struct jem_column_view *view, uint64_t row)
{
	struct jem_cbor_item item;

	return get_item(rows, view, row, &item) ? span_of(&item) : (struct jem_span){ NULL, 0 };
}

static bool get_u64(const struct jem_call_rows *rows, const struct jem_column_view *view,
		    uint64_t row, uint64_t *ret)
{
	struct jem_cbor_item item;

	if (view && view->shape == JEM_COLUMN_ARRAY) {
		*ret = jem_column_u64(view, row);
		return true;
	}
	if (!get_item(rows, view, row, &item) || item.type != JEM_CBOR_UNSIGNED)
		return false;
	*ret = item.number;
	return true;
}

static uint64_t number_of(const struct jem_call_rows *rows, const struct jem_column_view *view,
			  uint64_t row, uint64_t max)
{
	uint64_t number = 0;

	return get_u64(rows, view, row, &number) && number <= max ? number : 0;
}

static void read_caller(const struct jem_call_rows *rows, uint64_t row, struct jem_call *ret)
{
	struct jem_cbor_reader reader;
	struct jem_cbor_item item;
	uint64_t pairs;

	if (!at_item(rows, rows->at.caller, row, &reader))
		return;
	jem_cbor_next_known(&reader, &item);
	pairs = item.type == JEM_CBOR_MAP ? item.number : 0;
	for (; pairs > 0; pairs--) {
		struct jem_cbor_reader value;
		struct jem_span name;

		jem_cbor_next_known(&reader, &item);
		name = span_of(&item);
		value = reader;
		jem_cbor_next_known(&value, &item);
		jem_cbor_skip_known(&reader);
		if (name.len == 8 && !memcmp(name.at, "function", 8))
			ret->caller = span_of(&item);
		else if (name.len == 4 && !memcmp(name.at, "file", 4))
			ret->caller_file = span_of(&item);
		else if (name.len == 4 && !memcmp(name.at, "line", 4) &&
			 item.type == JEM_CBOR_UNSIGNED && item.number <= UINT32_MAX)
			ret->caller_line = (uint32_t)item.number;
	}
}

/* Before the values of a row, a list or a map; data NULL: it has none. */
static struct jem_cbor_reader get_values(const struct jem_call_rows *rows,
					 const struct jem_column_view *view, uint64_t row,
					 enum jem_cbor_type type)
{
	struct jem_cbor_reader reader;
	struct jem_cbor_reader ahead;
	struct jem_cbor_item item;

	if (!at_item(rows, view, row, &reader))
		return (struct jem_cbor_reader){ 0 };
	ahead = reader;
	jem_cbor_next_known(&ahead, &item);
	return item.type == type ? reader : (struct jem_cbor_reader){ 0 };
}

static bool is_exit(struct jem_span event)
{
	return event.len == 4 && !memcmp(event.at, "exit", 4);
}

void jem_call_rows_at(const struct jem_call_rows *rows, uint64_t row, struct jem_call *ret)
{
	const struct jem_call_columns *at = &rows->at;
	uint64_t dt_ns = at->dt_ns ? jem_column_u64(at->dt_ns, row) : 0;

	*ret = (struct jem_call){
		.t_us = rows->t0_us + dt_ns / 1000,
		.mono_ns = rows->mono_ns + dt_ns,
		.pid = (int64_t)number_of(rows, at->pid, row, INT32_MAX),
		.tid = (int64_t)number_of(rows, at->tid, row, INT32_MAX),
		.depth = (uint32_t)number_of(rows, at->depth, row, UINT32_MAX),
		.is_exit = is_exit(get_text(rows, at->event, row)),
		.function = get_text(rows, at->function, row),
		.signature = get_text(rows, at->signature, row),
		.file = get_text(rows, at->file, row),
		.line = (uint32_t)number_of(rows, at->line, row, UINT32_MAX),
		.note = get_text(rows, at->note, row),
	};
	ret->has_duration = get_u64(rows, at->duration_ns, row, &ret->duration_ns);
	read_caller(rows, row, ret);
	ret->args = get_values(rows, at->args, row, JEM_CBOR_LIST);
	ret->caller_locals = get_values(rows, at->caller_locals, row, JEM_CBOR_LIST);
	ret->locals = get_values(rows, at->locals, row, JEM_CBOR_LIST);
	ret->result = get_values(rows, at->result, row, JEM_CBOR_MAP);
}

/* JSON */

static struct jem_span json_text(const struct jem_json_doc *doc, uint32_t token,
				 struct jem_buf *scratch)
{
	const struct jem_json_token *t = &doc->tokens[token];
	size_t from = scratch->len;

	if (!token || t->type != JEM_JSON_STRING)
		return (struct jem_span){ NULL, 0 };
	if (!t->escaped)
		return (struct jem_span){ doc->text + t->start, t->end - t->start };
	if (jem_json_get_text(doc, token, scratch) < 0 || scratch->failed || scratch->len == from)
		return (struct jem_span){ NULL, 0 };
	return (struct jem_span){ scratch->data + from, scratch->len - from };
}

static uint64_t json_number(const struct jem_json_doc *doc, uint32_t object, const char *name,
			    uint64_t max)
{
	uint32_t token = jem_json_member(doc, object, name);
	uint64_t number;

	if (!token || jem_json_get_u64(doc, token, &number) < 0 || number > max)
		return 0;
	return number;
}

/* A member as CBOR in `scratch`, which has the room. */
static struct jem_cbor_reader json_values(const struct jem_json_doc *doc, uint32_t record,
					  const char *name, enum jem_json_type type,
					  struct jem_buf *scratch)
{
	uint32_t token = jem_json_member(doc, record, name);
	size_t from = scratch->len;

	if (!token || jem_json_type(doc, token) != type)
		return (struct jem_cbor_reader){ 0 };
	jem_cbor_from_json(scratch, doc, token);
	return (struct jem_cbor_reader){ (const uint8_t *)scratch->data, scratch->len, from };
}

bool jem_call_read_json(const struct jem_json_doc *doc, uint32_t record, struct jem_buf *scratch,
			struct jem_call *ret)
{
	const struct jem_json_token *whole = &doc->tokens[record];
	uint32_t caller = jem_json_member(doc, record, "caller");
	uint32_t duration = jem_json_member(doc, record, "duration_ns");

	/* Room for all at once: what was given out must not move. CBOR takes 9 bytes for 0.1 at worst. */
	jem_buf_clear(scratch);
	if (jem_buf_reserve(scratch, 4 * (whole->end - whole->start) + 16) < 0)
		return false;
#define TEXT(object, name) json_text(doc, jem_json_member(doc, object, name), scratch)
	*ret = (struct jem_call){
		.pid = (int64_t)json_number(doc, record, "pid", INT32_MAX),
		.tid = (int64_t)json_number(doc, record, "tid", INT32_MAX),
		.depth = (uint32_t)json_number(doc, record, "depth", UINT32_MAX),
		.is_exit = is_exit(TEXT(record, "event")),
		.function = TEXT(record, "function"),
		.signature = TEXT(record, "signature"),
		.file = TEXT(record, "file"),
		.line = (uint32_t)json_number(doc, record, "line", UINT32_MAX),
		.note = TEXT(record, "note"),
	};
	if (caller && jem_json_type(doc, caller) == JEM_JSON_OBJECT) {
		ret->caller = TEXT(caller, "function");
		ret->caller_file = TEXT(caller, "file");
		ret->caller_line = (uint32_t)json_number(doc, caller, "line", UINT32_MAX);
	}
#undef TEXT
	ret->has_duration = duration && jem_json_get_u64(doc, duration, &ret->duration_ns) == 0;
	ret->args = json_values(doc, record, "args", JEM_JSON_ARRAY, scratch);
	ret->caller_locals = json_values(doc, record, "caller_locals", JEM_JSON_ARRAY, scratch);
	ret->locals = json_values(doc, record, "locals", JEM_JSON_ARRAY, scratch);
	ret->result = json_values(doc, record, "return", JEM_JSON_OBJECT, scratch);
	return !scratch->failed;
}
