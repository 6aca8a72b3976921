/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/calls/rows.h"

#include "common/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	TEXT_MAX = 4096,  /* of a name; C++ can make longer ones, which nobody reads */
	ROW_BYTES = 32,   /* usually, of the columns that are arrays and of durations */
	DURATION_MAX = 9, /* bytes */
	CBOR_NULL = 0xf6,
	COLUMNS_MAX = 18,
};

int jem_rows_create(struct jem_redactor *redactor, struct jem_rows **ret)
{
	struct jem_rows *rows = calloc(1, sizeof(*rows));
	bool is_whole;

	if (!rows)
		return -ENOMEM;
	rows->redactor = redactor;
	rows->mono_ns = calloc(JEM_ROWS_MAX, sizeof(*rows->mono_ns));
	rows->duration_ns = calloc(JEM_ROWS_MAX, sizeof(*rows->duration_ns));
	rows->pid = calloc(JEM_ROWS_MAX, sizeof(*rows->pid));
	rows->tid = calloc(JEM_ROWS_MAX, sizeof(*rows->tid));
	rows->depth = calloc(JEM_ROWS_MAX, sizeof(*rows->depth));
	rows->line = calloc(JEM_ROWS_MAX, sizeof(*rows->line));
	rows->event = calloc(JEM_ROWS_MAX, sizeof(*rows->event));
	is_whole = rows->mono_ns && rows->duration_ns && rows->pid && rows->tid && rows->depth &&
		   rows->line && rows->event;
	for (int i = 0; i < JEM_ROW_NAME_COUNT; i++) {
		rows->name[i] = calloc(JEM_ROWS_MAX, sizeof(*rows->name[i]));
		is_whole = is_whole && rows->name[i];
		jem_row_names_init(&rows->names[i]);
	}
	for (int i = 0; i < JEM_ROW_ITEM_COUNT; i++)
		jem_buf_init(&rows->items[i], 0);
	jem_buf_init(&rows->durations, 0);
	if (!is_whole) {
		jem_rows_destroy(rows);
		return -ENOMEM;
	}
	*ret = rows;
	return 0;
}

void jem_rows_destroy(struct jem_rows *rows)
{
	if (!rows)
		return;
	free(rows->mono_ns);
	free(rows->duration_ns);
	free(rows->pid);
	free(rows->tid);
	free(rows->depth);
	free(rows->line);
	free(rows->event);
	for (int i = 0; i < JEM_ROW_NAME_COUNT; i++) {
		free(rows->name[i]);
		jem_row_names_deinit(&rows->names[i]);
	}
	for (int i = 0; i < JEM_ROW_ITEM_COUNT; i++)
		jem_buf_deinit(&rows->items[i]);
	jem_buf_deinit(&rows->durations);
	free(rows);
}

/* --- texts ------------------------------------------------------------------------------------ */

/* Text of debug data: redacted, bounded, bytes that are no UTF-8 as U+FFFD. */
static void put_text(struct jem_rows *rows, struct jem_buf *ret, const char *text)
{
	size_t len = strnlen(text, TEXT_MAX);
	struct jem_buf fixed;

	text = jem_redact(rows->redactor, text, &len);
	if (jem_utf8_prefix(text, len) == len) {
		jem_cbor_text(ret, text, len);
		return;
	}
	jem_buf_init(&fixed, 0);
	for (size_t at = 0; at < len;) {
		size_t good = jem_utf8_prefix(text + at, len - at);

		jem_buf_add(&fixed, text + at, good);
		at += good;
		if (at < len) {
			jem_buf_add_str(&fixed, "\xef\xbf\xbd");
			at++;
		}
	}
	ret->failed |= fixed.failed;
	jem_cbor_text(ret, fixed.data, fixed.len);
	jem_buf_deinit(&fixed);
}

static void put_text_or_null(struct jem_rows *rows, struct jem_buf *ret, const char *text)
{
	if (*text)
		put_text(rows, ret, text);
	else
		jem_cbor_null(ret);
}

static uint64_t key_of(const void *place)
{
	return (uint64_t)(uintptr_t)place;
}

/* The name of a function by its address, where it has no other. */
static void add_address(struct jem_rows *rows, uint64_t address)
{
	struct jem_row_names *names = rows->names;
	char text[24];
	bool is_new;

	/* An odd key is no pointer to a table's element: these are apart. */
	rows->name[JEM_ROW_FUNCTION][rows->n] =
		jem_row_names_index(&names[JEM_ROW_FUNCTION], address << 1 | 1, &is_new);
	if (is_new) {
		snprintf(text, sizeof(text), "0x%" PRIx64, address);
		jem_cbor_str(&names[JEM_ROW_FUNCTION].items, text);
	}
	for (int i = JEM_ROW_SIGNATURE; i <= JEM_ROW_FILE; i++) {
		rows->name[i][rows->n] = jem_row_names_index(&names[i], 0, &is_new);
		if (is_new)
			jem_cbor_null(&names[i].items);
	}
	rows->line[rows->n] = 0;
}

/* A dictionary's index for a string of an image; "" is null. */
static uint32_t string_index(struct jem_rows *rows, enum jem_row_name name,
			     const struct jem_image *image, uint32_t string)
{
	struct jem_row_names *names = &rows->names[name];
	const char *text = jem_image_string(image, string);
	bool is_new;
	uint32_t index = jem_row_names_index(names, *text ? key_of(text) : 0, &is_new);

	if (is_new)
		put_text_or_null(rows, &names->items, text);
	return index;
}

static void add_function(struct jem_rows *rows, const struct jem_image *image, uint32_t function)
{
	const struct jem_image_function *info = &image->functions[function];
	struct jem_row_names *names = &rows->names[JEM_ROW_FUNCTION];
	bool is_new;

	rows->name[JEM_ROW_FUNCTION][rows->n] =
		jem_row_names_index(names, key_of(info) << 1, &is_new);
	if (is_new)
		put_text(rows, &names->items, jem_image_string(image, info->name));
	rows->name[JEM_ROW_SIGNATURE][rows->n] =
		string_index(rows, JEM_ROW_SIGNATURE, image, info->signature);
	rows->name[JEM_ROW_FILE][rows->n] = string_index(rows, JEM_ROW_FILE, image, info->file);
	rows->line[rows->n] = info->line;
}

static void add_caller(struct jem_rows *rows, const struct jem_row *row)
{
	struct jem_row_names *names = &rows->names[JEM_ROW_CALLER];
	const struct jem_image *image = row->caller_image;
	const struct jem_image_function *info;
	const char *file;
	bool is_new;

	rows->name[JEM_ROW_CALLER][rows->n] =
		jem_row_names_index(names, image ? key_of(row->caller_key) : 0, &is_new);
	if (!is_new)
		return;
	if (!image) {
		jem_cbor_null(&names->items);
		return;
	}
	info = &image->functions[row->caller_function];
	file = jem_image_string(image, row->caller_file);
	jem_cbor_map(&names->items, *file ? 3 : 2);
	jem_cbor_str(&names->items, "function");
	put_text(rows, &names->items, jem_image_string(image, info->name));
	if (*file) {
		jem_cbor_str(&names->items, "file");
		put_text(rows, &names->items, file);
	}
	jem_cbor_str(&names->items, "line");
	jem_cbor_u64(&names->items, row->caller_line);
}

static void add_names(struct jem_rows *rows, const struct jem_row *row)
{
	struct jem_row_places *known = row->names;
	uint32_t n = rows->n;

	if (known && known->batch == rows->names[JEM_ROW_FUNCTION].batch) {
		rows->name[JEM_ROW_FUNCTION][n] = known->function;
		rows->name[JEM_ROW_SIGNATURE][n] = known->signature;
		rows->name[JEM_ROW_FILE][n] = known->file;
		rows->line[n] = known->line;
		return;
	}
	if (row->image)
		add_function(rows, row->image, row->function);
	else
		add_address(rows, row->address);
	if (known)
		*known = (struct jem_row_places){ .batch = rows->names[JEM_ROW_FUNCTION].batch,
						  .function = rows->name[JEM_ROW_FUNCTION][n],
						  .signature = rows->name[JEM_ROW_SIGNATURE][n],
						  .file = rows->name[JEM_ROW_FILE][n],
						  .line = rows->line[n] };
}

static void add_caller_name(struct jem_rows *rows, const struct jem_row *row)
{
	struct jem_row_places *known = row->caller_image ? row->caller_names : &rows->nobody;
	uint32_t batch = rows->names[JEM_ROW_CALLER].batch;

	if (known && known->batch == batch) {
		rows->name[JEM_ROW_CALLER][rows->n] = known->function;
		return;
	}
	add_caller(rows, row);
	if (known)
		*known = (struct jem_row_places){ .batch = batch,
						  .function = rows->name[JEM_ROW_CALLER][rows->n] };
}

/* --- rows ------------------------------------------------------------------------------------- */

void jem_rows_add(struct jem_rows *rows, const struct jem_row *row)
{
	uint32_t n = rows->n;

	rows->mono_ns[n] = row->mono_ns;
	rows->duration_ns[n] = JEM_ROW_NO_DURATION;
	if (!n || row->mono_ns < rows->first_ns)
		rows->first_ns = row->mono_ns;
	if (!n || row->mono_ns > rows->last_ns)
		rows->last_ns = row->mono_ns;
	rows->pid[n] = row->pid;
	rows->tid[n] = row->tid;
	rows->depth[n] = row->depth;
	rows->event[n] = row->is_exit;
	add_names(rows, row);
	add_caller_name(rows, row);
	rows->n = n + 1;
}

void jem_rows_set_duration(struct jem_rows *rows, uint64_t ns)
{
	rows->duration_ns[rows->n - 1] = ns;
}

static void fill_nulls(struct jem_rows *rows, enum jem_row_item item, uint32_t up_to)
{
	for (; rows->item_rows[item] < up_to; rows->item_rows[item]++)
		jem_cbor_null(&rows->items[item]);
}

struct jem_buf *jem_rows_item(struct jem_rows *rows, enum jem_row_item item)
{
	fill_nulls(rows, item, rows->n - 1);
	rows->item_rows[item]++;
	rows->has_item[item]++;
	return &rows->items[item];
}

bool jem_rows_is_full(const struct jem_rows *rows)
{
	size_t bytes = (size_t)rows->n * ROW_BYTES;

	if (rows->n == JEM_ROWS_MAX)
		return true;
	for (int i = 0; i < JEM_ROW_NAME_COUNT; i++) {
		if (jem_row_names_is_full(&rows->names[i]))
			return true;
		bytes += rows->names[i].items.len;
	}
	for (int i = 0; i < JEM_ROW_ITEM_COUNT; i++)
		bytes += rows->items[i].len;
	return bytes >= JEM_BATCH_TARGET;
}

/* --- columns ---------------------------------------------------------------------------------- */

/* Indices as narrow as the greatest of them allows, in place: they only get shorter. */
static enum jem_cbor_array narrow(uint32_t *numbers, uint32_t n, uint32_t greatest)
{
	uint8_t *bytes = (uint8_t *)numbers;

	if (greatest > UINT16_MAX)
		return JEM_CBOR_U32;
	if (greatest <= UINT8_MAX) {
		for (uint32_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)numbers[i];
		return JEM_CBOR_U8;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint16_t number = (uint16_t)numbers[i];

		memcpy(bytes + 2 * i, &number, sizeof(number));
	}
	return JEM_CBOR_U16;
}

/* Times from the first one on: four bytes each where that is enough. */
static struct jem_column time_column(struct jem_rows *rows)
{
	bool is_short = rows->last_ns - rows->first_ns <= UINT32_MAX;
	uint8_t *bytes = (uint8_t *)rows->mono_ns;

	for (uint32_t i = 0; i < rows->n; i++) {
		uint64_t wide = rows->mono_ns[i] - rows->first_ns;
		uint32_t dt_ns = (uint32_t)wide;

		if (is_short)
			memcpy(bytes + 4 * i, &dt_ns, sizeof(dt_ns));
		else
			rows->mono_ns[i] = wide;
	}
	return (struct jem_column){ .name = "dt_ns",
				    .shape = JEM_COLUMN_ARRAY,
				    .type = is_short ? JEM_CBOR_U32 : JEM_CBOR_U64,
				    .data = rows->mono_ns };
}

static struct jem_column number_column(const char *name, const uint32_t *values)
{
	return (struct jem_column){
		.name = name, .shape = JEM_COLUMN_ARRAY, .type = JEM_CBOR_U32, .data = values
	};
}

static struct jem_column name_column(struct jem_rows *rows, enum jem_row_name name)
{
	static const char *const words[] = { "function", "signature", "file", "caller" };
	const struct jem_row_names *names = &rows->names[name];

	return (struct jem_column){ .name = words[name],
				    .shape = JEM_COLUMN_DICT,
				    .type = narrow(rows->name[name], rows->n, names->count - 1),
				    .data = rows->name[name],
				    .dict = names->items.data,
				    .dict_len = names->items.len,
				    .dict_count = names->count };
}

static struct jem_column item_column(struct jem_rows *rows, enum jem_row_item item)
{
	static const char *const words[] = { "args", "caller_locals", "locals", "return", "note" };

	fill_nulls(rows, item, rows->n);
	return (struct jem_column){ .name = words[item],
				    .shape = JEM_COLUMN_ITEMS,
				    .data = rows->items[item].data,
				    .len = rows->items[item].len };
}

/* CBOR of a duration or of its want, by hand: there is one in every row. */
static uint8_t *put_duration(uint8_t *at, uint64_t ns)
{
	unsigned bytes;

	if (ns < 24 || ns == JEM_ROW_NO_DURATION) {
		*at = ns < 24 ? (uint8_t)ns : CBOR_NULL;
		return at + 1;
	}
	bytes = ns <= UINT8_MAX ? 0 : ns <= UINT16_MAX ? 1 : ns <= UINT32_MAX ? 2 : 3;
	*at = (uint8_t)(24 + bytes);
	ns = __builtin_bswap64(ns << (64 - (8u << bytes)));
	memcpy(at + 1, &ns, sizeof(ns));
	return at + 1 + (1u << bytes);
}

static bool has_duration(const struct jem_rows *rows)
{
	for (uint32_t i = rows->n; i-- > 0;)
		if (rows->duration_ns[i] != JEM_ROW_NO_DURATION)
			return true;
	return false;
}

static struct jem_column duration_column(struct jem_rows *rows)
{
	uint8_t *start;
	uint8_t *at;

	jem_buf_clear(&rows->durations);
	if (jem_buf_reserve(&rows->durations, rows->n * (size_t)DURATION_MAX) < 0)
		return (struct jem_column){ 0 };
	start = at = (uint8_t *)rows->durations.data;
	for (uint32_t i = 0; i < rows->n; i++)
		at = put_duration(at, rows->duration_ns[i]);
	return (struct jem_column){ .name = "duration_ns",
				    .shape = JEM_COLUMN_ITEMS,
				    .data = start,
				    .len = (size_t)(at - start) };
}

/* "enter" and "exit" as CBOR text. */
static const char event_dict[] = "\x65"
				 "enter"
				 "\x64"
				 "exit";

static bool has_failed(const struct jem_rows *rows)
{
	bool failed = rows->durations.failed;

	for (int i = 0; i < JEM_ROW_NAME_COUNT; i++)
		failed |= rows->names[i].items.failed;
	for (int i = 0; i < JEM_ROW_ITEM_COUNT; i++)
		failed |= rows->items[i].failed;
	return failed;
}

static void forget(struct jem_rows *rows)
{
	for (int i = 0; i < JEM_ROW_NAME_COUNT; i++)
		jem_row_names_clear(&rows->names[i]);
	for (int i = 0; i < JEM_ROW_ITEM_COUNT; i++) {
		jem_buf_clear(&rows->items[i]);
		rows->item_rows[i] = 0;
		rows->has_item[i] = 0;
	}
	rows->n = 0;
}

int jem_rows_take(struct jem_rows *rows, uint64_t *base_ns, uint64_t *n, struct jem_buf *ret)
{
	struct jem_column columns[COLUMNS_MAX];
	size_t count = 0;
	bool failed;

	*base_ns = rows->first_ns;
	*n = rows->n;
	columns[count++] = time_column(rows);
	columns[count++] = number_column("pid", rows->pid);
	columns[count++] = number_column("tid", rows->tid);
	columns[count++] = (struct jem_column){ .name = "event",
						.shape = JEM_COLUMN_DICT,
						.type = JEM_CBOR_U8,
						.data = rows->event,
						.dict = event_dict,
						.dict_len = sizeof(event_dict) - 1,
						.dict_count = 2 };
	columns[count++] = number_column("depth", rows->depth);
	columns[count++] = number_column("line", rows->line);
	for (int i = 0; i < JEM_ROW_NAME_COUNT; i++)
		columns[count++] = name_column(rows, (enum jem_row_name)i);
	for (int i = 0; i < JEM_ROW_ITEM_COUNT; i++)
		if (rows->has_item[i]) /* a column of nulls only says nothing */
			columns[count++] = item_column(rows, (enum jem_row_item)i);
	if (has_duration(rows))
		columns[count++] = duration_column(rows);
	failed = has_failed(rows);
	if (!failed)
		jem_columns_encode_map(columns, count, rows->n, ret);
	forget(rows);
	return failed || ret->failed ? -ENOMEM : 0;
}
