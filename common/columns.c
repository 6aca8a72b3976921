/* SPDX-License-Identifier: Apache-2.0 */
#include "common/columns.h"

#include "common/cbor_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* Encoding */

/* The head is written as JSON and turned over: one place knows its shape. */
static void encode_head(const struct jem_head *head, struct jem_buf *ret)
{
	struct jem_json_doc doc;
	struct jem_json json;
	struct jem_buf text;

	jem_buf_init(&text, 0);
	jem_json_doc_init(&doc);
	json = jem_json_to(&text);
	jem_head_write_json(head, &json);
	if (text.failed || jem_json_read(&doc, text.data, text.len, NULL) < 0)
		ret->failed = true;
	else
		jem_cbor_from_json(ret, &doc, 0);
	jem_json_doc_deinit(&doc);
	jem_buf_deinit(&text);
}

static void encode_column(const struct jem_column *column, uint64_t n, struct jem_buf *ret)
{
	switch (column->shape) {
	case JEM_COLUMN_ARRAY:
		jem_cbor_typed_array(ret, column->type, column->data, n);
		break;
	case JEM_COLUMN_DICT:
		jem_cbor_map(ret, 2);
		jem_cbor_str(ret, "dict");
		jem_cbor_array(ret, column->dict_count);
		jem_buf_add(ret, column->dict, column->dict_len);
		jem_cbor_str(ret, "idx");
		jem_cbor_typed_array(ret, column->type, column->data, n);
		break;
	case JEM_COLUMN_ITEMS:
		jem_cbor_array(ret, n);
		jem_buf_add(ret, column->data, column->len);
		break;
	}
}

void jem_columns_encode_map(const struct jem_column *columns, size_t count, uint64_t n,
			    struct jem_buf *ret)
{
	jem_cbor_map(ret, count);
	for (size_t i = 0; i < count; i++) {
		jem_cbor_str(ret, columns[i].name);
		encode_column(&columns[i], n, ret);
	}
}

static void encode_begin(const struct jem_head *head, struct jem_buf *ret)
{
	jem_cbor_map(ret, 2);
	jem_cbor_str(ret, "head");
	encode_head(head, ret);
	jem_cbor_str(ret, "cols");
}

void jem_columns_encode_body(const struct jem_head *head, const void *map, size_t len,
			     struct jem_buf *ret)
{
	encode_begin(head, ret);
	if (len)
		jem_buf_add(ret, map, len);
	else
		jem_cbor_map(ret, 0);
}

void jem_columns_encode(const struct jem_head *head, const struct jem_column *columns, size_t count,
			struct jem_buf *ret)
{
	encode_begin(head, ret);
	jem_columns_encode_map(columns, count, head->n, ret);
}

/* Decoding */

void jem_columns_init(struct jem_columns *columns)
{
	*columns = (struct jem_columns){ 0 };
	jem_json_doc_init(&columns->doc);
}

void jem_columns_deinit(struct jem_columns *columns)
{
	free(columns->offsets);
	jem_json_doc_deinit(&columns->doc);
	*columns = (struct jem_columns){ 0 };
}

static int bad(struct jem_err *err, const char *what)
{
	return jem_err_set(err, -EBADMSG, "%s", what);
}

static int add_offset(struct jem_columns *columns, size_t offset)
{
	if (columns->offset_count == columns->offset_cap) {
		uint32_t cap = columns->offset_cap ? columns->offset_cap * 2 : 1024;
		uint32_t *offsets = realloc(columns->offsets, cap * sizeof(*offsets));

		if (!offsets)
			return -ENOMEM;
		columns->offsets = offsets;
		columns->offset_cap = cap;
	}
	columns->offsets[columns->offset_count++] = (uint32_t)offset;
	return 0;
}

/* Bytes of an integer, a truth value or null, which most items are; 0: it is another item, or none. */
static size_t scalar_len(const struct jem_cbor_reader *reader)
{
	uint8_t first = reader->pos < reader->len ? reader->data[reader->pos] : 0xff;
	unsigned info = first & 0x1f; /* RFC 8949 section 3 */
	size_t len;

	if (first >= 0x40)
		return first >= 0xf4 && first <= 0xf6;
	if (info < 24)
		return 1;
	len = info < 28 ? 1 + ((size_t)1 << (info - 24)) : 0;
	return len <= reader->len - reader->pos ? len : 0;
}

/* A list of items of the JSON shape: remembers where each begins. */
static int read_items(struct jem_columns *columns, struct jem_cbor_reader *reader,
		      struct jem_column_view *view, struct jem_err *err)
{
	struct jem_cbor_item list;

	if (jem_cbor_next(reader, &list, err) < 0)
		return -EBADMSG;
	if (list.type != JEM_CBOR_LIST)
		return bad(err, "not a list");
	view->items = columns->offset_count;
	view->item_count = (uint32_t)list.number;
	for (uint64_t i = 0; i <= list.number; i++) {
		size_t len;

		if (add_offset(columns, reader->pos) < 0)
			return -ENOMEM;
		if (i == list.number)
			break;
		len = scalar_len(reader);
		reader->pos += len;
		if (!len && jem_cbor_skip_json(reader, err) < 0)
			return -EBADMSG;
	}
	return 0;
}

static int read_array(struct jem_cbor_reader *reader, struct jem_column_view *view, uint64_t n,
		      struct jem_err *err)
{
	size_t count;

	if (jem_cbor_next_typed_array(reader, &view->type, &view->data, &count, err) < 0)
		return -EBADMSG;
	if (count != n)
		return jem_err_set(err, -EBADMSG, "%zu values, head.n is %" PRIu64, count, n);
	return 0;
}

static bool is_real(enum jem_cbor_array type)
{
	return type == JEM_CBOR_F32 || type == JEM_CBOR_F64;
}

static bool is_unsigned(enum jem_cbor_array type)
{
	return type == JEM_CBOR_U8 || type == JEM_CBOR_U16 || type == JEM_CBOR_U32 ||
	       type == JEM_CBOR_U64;
}

static int check_indices(const struct jem_column_view *view, uint64_t n, struct jem_err *err)
{
	uint64_t i = 0;

	if (!is_unsigned(view->type))
		return bad(err, "idx is not of unsigned integers");
	/* The usual width by itself, up to one that is beyond. */
	if (view->type == JEM_CBOR_U8)
		while (i < n && view->data[i] < view->item_count)
			i++;
	for (; i < n; i++)
		if (jem_column_u64(view, i) >= view->item_count)
			return jem_err_set(err, -EBADMSG,
					   "idx[%" PRIu64 "] is beyond a dictionary of %" PRIu32, i,
					   view->item_count);
	return 0;
}

/* Moves past the text `name`, or tells that there is another. */
static bool take_name(struct jem_cbor_reader *reader, const char *name)
{
	struct jem_cbor_reader ahead = *reader;
	struct jem_cbor_item item;

	if (jem_cbor_next(&ahead, &item, NULL) < 0 || item.type != JEM_CBOR_TEXT ||
	    item.number != strlen(name) || memcmp(item.data, name, item.number))
		return false;
	*reader = ahead;
	return true;
}

/* {"dict", "idx"} in either order: a map of text names has no order. */
static int read_dict(struct jem_columns *columns, struct jem_cbor_reader *reader,
		     struct jem_column_view *view, uint64_t n, struct jem_err *err)
{
	struct jem_cbor_item map;
	bool has_dict = false;
	bool has_idx = false;
	int ret;

	if (jem_cbor_next(reader, &map, err) < 0)
		return -EBADMSG;
	if (map.number != 2)
		return bad(err, "not a map of dict and idx");
	for (int i = 0; i < 2; i++) {
		if (!has_dict && take_name(reader, "dict")) {
			ret = read_items(columns, reader, view, err);
			has_dict = true;
		} else if (!has_idx && take_name(reader, "idx")) {
			ret = read_array(reader, view, n, err);
			has_idx = true;
		} else {
			return bad(err, "not a map of dict and idx");
		}
		if (ret < 0)
			return ret;
	}
	return check_indices(view, n, err);
}

static int read_column(struct jem_columns *columns, struct jem_cbor_reader *reader,
		       struct jem_column_view *view, uint64_t n, struct jem_err *err)
{
	struct jem_cbor_reader ahead = *reader;
	struct jem_cbor_item item;
	int ret;

	if (jem_cbor_next(&ahead, &item, err) < 0)
		return -EBADMSG;
	switch (item.type) {
	case JEM_CBOR_TAG:
		view->shape = JEM_COLUMN_ARRAY;
		return read_array(reader, view, n, err);
	case JEM_CBOR_MAP:
		view->shape = JEM_COLUMN_DICT;
		return read_dict(columns, reader, view, n, err);
	case JEM_CBOR_LIST:
		view->shape = JEM_COLUMN_ITEMS;
		ret = read_items(columns, reader, view, err);
		if (ret == 0 && view->item_count != n)
			return jem_err_set(err, -EBADMSG, "%" PRIu32 " values, head.n is %" PRIu64,
					   view->item_count, n);
		return ret;
	default:
		return bad(err, "neither typed array, dictionary nor list");
	}
}

static int read_column_name(const struct jem_columns *columns, struct jem_cbor_reader *reader,
			    char name[JEM_NAME_MAX + 1], struct jem_err *err)
{
	static const char *const reserved[] = { "t", "epoch", "seq", "i", "part", "parts", "json" };
	struct jem_cbor_item item;

	if (jem_cbor_next(reader, &item, err) < 0)
		return -EBADMSG;
	if (item.type != JEM_CBOR_TEXT || !jem_name_is_valid((const char *)item.data, item.number))
		return bad(err, "cols: a name that is not 1 to 48 of [A-Za-z0-9_-]");
	memcpy(name, item.data, item.number);
	name[item.number] = '\0';
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		if (!strcmp(name, reserved[i]))
			return jem_err_set(err, -EBADMSG, "cols.%s: the name is reserved", name);
	if (jem_columns_find(columns, name))
		return jem_err_set(err, -EBADMSG, "cols.%s: given twice", name);
	return 0;
}

static int check_time(const struct jem_columns *columns, struct jem_err *err)
{
	const struct jem_column_view *time = jem_columns_find(columns, "dt_ns");

	if (!time)
		return columns->n ? bad(err, "cols.dt_ns: missing") : 0;
	if (time->shape != JEM_COLUMN_ARRAY || !is_unsigned(time->type))
		return bad(err, "cols.dt_ns: not a typed array of unsigned integers");
	for (uint64_t i = 0; time->type == JEM_CBOR_U64 && i < columns->n; i++)
		if (jem_column_u64(time, i) > JEM_NUMBER_MAX)
			return bad(err, "cols.dt_ns: beyond 2^53 - 1");
	return 0;
}

static int read_columns(struct jem_columns *columns, struct jem_cbor_reader *reader,
			struct jem_err *err)
{
	struct jem_cbor_item map;

	if (jem_cbor_next(reader, &map, err) < 0)
		return -EBADMSG;
	if (map.type != JEM_CBOR_MAP || map.number > JEM_COLUMNS_MAX)
		return jem_err_set(err, -EBADMSG, "cols: not a map of at most %d columns",
				   JEM_COLUMNS_MAX);
	for (uint64_t i = 0; i < map.number; i++) {
		struct jem_column_view *view = &columns->views[columns->count];
		struct jem_err why = { "" };
		int ret;

		*view = (struct jem_column_view){ 0 };
		ret = read_column_name(columns, reader, view->name, err);
		if (ret < 0)
			return ret;
		ret = read_column(columns, reader, view, columns->n, &why);
		if (ret < 0)
			return jem_err_set(err, ret, "cols.%s: %s", view->name, why.text);
		columns->count++;
	}
	return check_time(columns, err);
}

static int read_head(struct jem_columns *columns, struct jem_cbor_reader *reader,
		     struct jem_buf *text, struct jem_head *ret, struct jem_err *err)
{
	struct jem_json json = jem_json_to(text);
	struct jem_err why = { "" };
	int status;

	if (jem_cbor_to_json(reader, &json, err) < 0)
		return -EBADMSG;
	if (text->failed)
		return -ENOMEM;
	status = jem_json_read(&columns->doc, text->data, text->len, err);
	if (status < 0)
		return status == -ENOMEM ? status : -EBADMSG;
	if (jem_head_read_json(&columns->doc, 0, ret, &why) < 0)
		return jem_err_set(err, -EBADMSG, "head%s%s", why.text[0] == '.' ? "" : ": ",
				   why.text);
	return 0;
}

/* The head comes first: the lengths of the columns are checked against it as they are read. */
static int read_body(struct jem_columns *columns, struct jem_cbor_reader *reader,
		     struct jem_buf *text, struct jem_head *head, struct jem_err *err)
{
	struct jem_cbor_item map;
	int ret;

	if (jem_cbor_next(reader, &map, err) < 0)
		return -EBADMSG;
	if (map.type != JEM_CBOR_MAP || map.number < 2)
		return bad(err, "batch: not a map of head and cols");
	if (!take_name(reader, "head"))
		return bad(err, "head: not the first in the batch");
	ret = read_head(columns, reader, text, head, err);
	if (ret < 0)
		return ret;
	columns->n = head->n;
	if (!take_name(reader, "cols"))
		return bad(err, "cols: not the second in the batch");
	ret = read_columns(columns, reader, err);
	for (uint64_t i = 2; ret == 0 && i < map.number; i++) {
		if (take_name(reader, "head") || take_name(reader, "cols"))
			return bad(err, "head or cols: given twice");
		ret = jem_cbor_skip_json(reader, err); /* a field of a later version: its name */
		if (ret == 0)
			ret = jem_cbor_skip_json(reader, err);
	}
	if (ret == 0 && reader->pos != reader->len)
		return bad(err, "batch: bytes behind the end");
	return ret;
}

int jem_columns_decode(struct jem_columns *columns, const char *body, size_t len,
		       struct jem_head *head, struct jem_err *err)
{
	struct jem_cbor_reader reader = { (const uint8_t *)body, len, 0 };
	struct jem_head read;
	struct jem_buf text;
	int ret;

	if (len > JEM_BATCH_MAX)
		return jem_err_set(err, -EBADMSG, "batch of %zu bytes, at most %u are read", len,
				   JEM_BATCH_MAX);
	columns->body = body;
	columns->count = 0;
	columns->n = 0;
	columns->offset_count = 0;
	jem_buf_init(&text, 0);
	ret = read_body(columns, &reader, &text, &read, err);
	jem_buf_deinit(&text);
	if (ret < 0)
		return ret;
	*head = read;
	return 0;
}

/* Access */

const struct jem_column_view *jem_columns_find(const struct jem_columns *columns, const char *name)
{
	for (size_t i = 0; i < columns->count; i++)
		if (!strcmp(columns->views[i].name, name))
			return &columns->views[i];
	return NULL;
}

/* One value in the type that it has; the switch below is made from the table of types. */
union element {
#define ARRAY(name, type, tag) type name;
	JEM_CBOR_ARRAYS(ARRAY)
#undef ARRAY
};

static union element element_at(const struct jem_column_view *view, uint64_t row)
{
	size_t width = jem_cbor_array_width(view->type);
	union element element;

	memcpy(&element, view->data + row * width, width);
	return element;
}

/* The usual types by themselves: it is called for every row of many columns. */
uint64_t jem_column_u64(const struct jem_column_view *view, uint64_t row)
{
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	switch (view->type) {
	case JEM_CBOR_U8:
		return view->data[row];
	case JEM_CBOR_U16:
		memcpy(&u16, view->data + row * sizeof(u16), sizeof(u16));
		return u16;
	case JEM_CBOR_U32:
		memcpy(&u32, view->data + row * sizeof(u32), sizeof(u32));
		return u32;
	case JEM_CBOR_U64:
		memcpy(&u64, view->data + row * sizeof(u64), sizeof(u64));
		return u64;
	default:
		return (uint64_t)jem_column_i64(view, row);
	}
}

int64_t jem_column_i64(const struct jem_column_view *view, uint64_t row)
{
	union element element = element_at(view, row);

	if (is_real(view->type))
		return 0;
	switch (view->type) {
#define ARRAY(name, type, tag)                                                                     \
	case JEM_CBOR_##name:                                                                      \
		return (int64_t)element.name;
		JEM_CBOR_ARRAYS(ARRAY)
#undef ARRAY
	default:
		return 0;
	}
}

double jem_column_real(const struct jem_column_view *view, uint64_t row)
{
	union element element = element_at(view, row);

	switch (view->type) {
#define ARRAY(name, type, tag)                                                                     \
	case JEM_CBOR_##name:                                                                      \
		return (double)element.name;
		JEM_CBOR_ARRAYS(ARRAY)
#undef ARRAY
	default:
		return 0;
	}
}

static void put_item(const struct jem_columns *columns, const struct jem_column_view *view,
		     uint64_t item, struct jem_json *json)
{
	const uint32_t *offsets = columns->offsets + view->items + item;
	struct jem_cbor_reader reader = { (const uint8_t *)columns->body, offsets[1], offsets[0] };

	(void)jem_cbor_to_json(&reader, json, NULL); /* checked when the body was read */
}

static void put_element(const struct jem_column_view *view, uint64_t row, struct jem_json *json)
{
	if (is_unsigned(view->type))
		jem_json_u64(json, jem_column_u64(view, row));
	else if (is_real(view->type))
		jem_cbor_real_to_json(json, jem_column_real(view, row));
	else
		jem_json_i64(json, jem_column_i64(view, row));
}

void jem_columns_row(const struct jem_columns *columns, uint64_t row, struct jem_buf *ret)
{
	struct jem_json json = jem_json_to(ret);

	jem_json_object_begin(&json);
	for (size_t i = 0; i < columns->count; i++) {
		const struct jem_column_view *view = &columns->views[i];

		jem_json_key(&json, view->name);
		if (view->shape == JEM_COLUMN_ITEMS)
			put_item(columns, view, row, &json);
		else if (view->shape == JEM_COLUMN_DICT)
			put_item(columns, view, jem_column_u64(view, row), &json);
		else
			put_element(view, row, &json);
	}
	jem_json_object_end(&json);
}
