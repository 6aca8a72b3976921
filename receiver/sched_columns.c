/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/sched_columns.h"

#include <errno.h>
#include <stdlib.h>

static bool get_item(const struct jem_columns *columns, const struct jem_column_view *view,
		     uint64_t item, struct jem_cbor_item *ret)
{
	const uint32_t *offsets = columns->offsets + view->items + item;
	struct jem_cbor_reader reader = { (const uint8_t *)columns->body, offsets[1], offsets[0] };

	return jem_cbor_next(&reader, ret, NULL) == 0;
}

static int64_t number_of(const struct jem_cbor_item *item)
{
	switch (item->type) {
	case JEM_CBOR_UNSIGNED:
		return item->number <= INT64_MAX ? (int64_t)item->number : JEM_SCHED_NULL;
	case JEM_CBOR_NEGATIVE:
		return item->number < INT64_MAX ? -1 - (int64_t)item->number : JEM_SCHED_NULL;
	case JEM_CBOR_TRUE:
	case JEM_CBOR_FALSE:
		return item->type == JEM_CBOR_TRUE;
	case JEM_CBOR_REAL:
		return item->real >= 0 && item->real < 9e18 ? (int64_t)item->real : JEM_SCHED_NULL;
	default:
		return JEM_SCHED_NULL;
	}
}

static int read_dict(struct jem_sched_column *column, jem_sched_word_fn word, void *arg)
{
	size_t count = column->view->item_count;

	if (count > column->dict_cap) {
		int64_t *more = reallocarray(column->dict, count, sizeof(*more));

		if (!more)
			return -ENOMEM;
		column->dict = more;
		column->dict_cap = count;
	}
	for (size_t i = 0; i < count; i++) {
		struct jem_cbor_item item;

		column->dict[i] = JEM_SCHED_NULL;
		if (!get_item(column->columns, column->view, i, &item))
			continue;
		if (item.type != JEM_CBOR_TEXT) {
			column->dict[i] = number_of(&item);
		} else if (word) {
			column->dict[i] = word(arg, (const char *)item.data, item.number);
			if (column->dict[i] < 0)
				return (int)column->dict[i];
		}
	}
	return 0;
}

int jem_sched_column_begin(struct jem_sched_column *column, const struct jem_columns *columns,
			   const char *name, jem_sched_word_fn word, void *arg)
{
	column->columns = columns;
	column->view = jem_columns_find(columns, name);
	if (!column->view || column->view->shape != JEM_COLUMN_DICT)
		return 0;
	return read_dict(column, word, arg);
}

void jem_sched_column_deinit(struct jem_sched_column *column)
{
	free(column->dict);
	*column = (struct jem_sched_column){ 0 };
}

int64_t jem_sched_column_at(const struct jem_sched_column *column, uint64_t row)
{
	const struct jem_column_view *view = column->view;
	struct jem_cbor_item item;
	uint64_t number;

	if (!view)
		return JEM_SCHED_NULL;
	if (view->shape == JEM_COLUMN_DICT)
		return column->dict[jem_column_u64(view, row)];
	if (view->shape == JEM_COLUMN_ITEMS)
		return get_item(column->columns, view, row, &item) ? number_of(&item)
								   : JEM_SCHED_NULL;
	if (view->type >= JEM_CBOR_I8 && view->type <= JEM_CBOR_I64)
		return jem_column_i64(view, row);
	number = jem_column_u64(view, row);
	return number <= INT64_MAX ? (int64_t)number : JEM_SCHED_NULL;
}

void jem_sched_column_text(const struct jem_sched_column *column, uint64_t row, char *ret,
			   size_t size)
{
	const struct jem_column_view *view = column->view;
	struct jem_cbor_item item;
	size_t len = 0;

	if (view && view->shape == JEM_COLUMN_DICT)
		row = jem_column_u64(view, row);
	if (view && view->shape != JEM_COLUMN_ARRAY &&
	    get_item(column->columns, view, row, &item) && item.type == JEM_CBOR_TEXT) {
		len = item.number < size ? item.number : size - 1;
		memcpy(ret, item.data, len);
	}
	ret[len] = '\0';
}
