/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/sched/slice_rows.h"

#include "common/utf8.h"

#include <errno.h>
#include <stdlib.h>

enum {
	COLUMNS_MAX = 16,
	PLACE_NONE = 0, /* in dictionaries that begin with null */
};

/* Words of the contract, by their numbers; in CBOR when they are needed. */
static const char *const end_words[] = {
#define SCHED_END(name, text, meaning) text,
#include "schemas/sched_ends.def"
#undef SCHED_END
};
static const char *const move_words[] = { "stayed", "placed", "balanced", "numa", "moved" };

/* --- life ------------------------------------------------------------------------------------- */

static bool allocate(struct jem_slice_rows *rows)
{
	const size_t max = JEM_SLICE_ROWS_MAX;

	rows->start = calloc(max, sizeof(*rows->start));
	rows->run = calloc(max, sizeof(*rows->run));
	rows->wait = calloc(max, sizeof(*rows->wait));
	rows->who = calloc(max, sizeof(*rows->who));
	rows->waker = calloc(max, sizeof(*rows->waker));
	rows->cpu = calloc(max, sizeof(*rows->cpu));
	rows->from = calloc(max, sizeof(*rows->from));
	rows->waker_cpu = calloc(max, sizeof(*rows->waker_cpu));
	rows->end = calloc(max, sizeof(*rows->end));
	rows->move = calloc(max, sizeof(*rows->move));
	rows->flags = calloc(max, sizeof(*rows->flags));
	rows->event = calloc(max, sizeof(*rows->event));
	rows->order = calloc(max, sizeof(*rows->order));
	rows->sorted = calloc(max, sizeof(*rows->sorted));
	return rows->start && rows->run && rows->wait && rows->who && rows->waker && rows->cpu &&
	       rows->from && rows->waker_cpu && rows->end && rows->move && rows->flags &&
	       rows->event && rows->order && rows->sorted;
}

static void forget(struct jem_slice_rows *rows)
{
	jem_buf_clear(&rows->tids);
	jem_buf_clear(&rows->pids);
	jem_buf_clear(&rows->comms);
	jem_buf_clear(&rows->wakers);
	jem_cbor_null(&rows->wakers);
	rows->who_count = 0;
	rows->waker_count = 1;
	rows->n = 0;
	rows->run_max = rows->wait_max = 0;
	rows->cpu_max = rows->from_max = 0;
	if (!++rows->batch)
		rows->batch = 1;
}

int jem_slice_rows_create(struct jem_redactor *redactor, struct jem_slice_rows **ret)
{
	struct jem_slice_rows *rows = calloc(1, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	rows->redactor = redactor;
	jem_buf_init(&rows->tids, 0);
	jem_buf_init(&rows->pids, 0);
	jem_buf_init(&rows->comms, 0);
	jem_buf_init(&rows->wakers, 0);
	if (!allocate(rows)) {
		jem_slice_rows_destroy(rows);
		return -ENOMEM;
	}
	forget(rows);
	*ret = rows;
	return 0;
}

void jem_slice_rows_destroy(struct jem_slice_rows *rows)
{
	if (!rows)
		return;
	free(rows->start);
	free(rows->run);
	free(rows->wait);
	free(rows->who);
	free(rows->waker);
	free(rows->cpu);
	free(rows->from);
	free(rows->waker_cpu);
	free(rows->end);
	free(rows->move);
	free(rows->flags);
	free(rows->event);
	free(rows->order);
	free(rows->sorted);
	jem_buf_deinit(&rows->tids);
	jem_buf_deinit(&rows->pids);
	jem_buf_deinit(&rows->comms);
	jem_buf_deinit(&rows->wakers);
	free(rows);
}

/* --- rows ------------------------------------------------------------------------------------- */

void jem_sched_put_text(struct jem_redactor *redactor, const char *text, struct jem_buf *ret)
{
	size_t len = strlen(text);
	struct jem_buf fixed;

	text = jem_redact(redactor, text, &len);
	if (jem_utf8_prefix(text, len) == len) {
		jem_cbor_text(ret, text, len);
		return;
	}
	jem_buf_init(&fixed, 0);
	for (size_t at = 0; at < len; at++) {
		size_t good = jem_utf8_prefix(text + at, len - at);

		jem_buf_add(&fixed, text + at, good);
		at += good;
		if (at < len)
			jem_buf_add_str(&fixed, "\xef\xbf\xbd");
	}
	ret->failed |= fixed.failed;
	jem_cbor_text(ret, fixed.data, fixed.len);
	jem_buf_deinit(&fixed);
}

/* The task's index in the three dictionaries; a task with another name than before has another. */
static uint32_t who_index(struct jem_slice_rows *rows, const struct jem_sched_slice *slice,
			  const struct jem_slice_who *who)
{
	struct jem_slice_place *place = who->place;

	if (place->batch == rows->batch && place->comm == slice->comm)
		return place->index;
	*place = (struct jem_slice_place){ rows->batch, rows->who_count++, slice->comm };
	jem_cbor_i64(&rows->tids, who->tid);
	jem_cbor_i64(&rows->pids, who->pid);
	jem_sched_put_text(rows->redactor, who->comm, &rows->comms);
	return place->index;
}

static uint32_t waker_index(struct jem_slice_rows *rows, const struct jem_slice_who *who)
{
	struct jem_slice_place *place = who->waker_place;

	if (!who->waker_tid)
		return PLACE_NONE;
	if (place->batch == rows->batch)
		return place->index;
	*place = (struct jem_slice_place){ rows->batch, rows->waker_count++, 0 };
	jem_cbor_i64(&rows->wakers, who->waker_tid);
	return place->index;
}

static uint16_t cpu_place(struct jem_slice_rows *rows, uint16_t cpu)
{
	if (cpu == JEM_SCHED_NO_CPU)
		return PLACE_NONE;
	if (cpu > rows->from_max)
		rows->from_max = cpu;
	return (uint16_t)(cpu + 1);
}

void jem_slice_rows_add(struct jem_slice_rows *rows, const struct jem_sched_slice *slice,
			const struct jem_slice_who *who)
{
	uint32_t n = rows->n++;

	if (!n || slice->start_ns < rows->first_ns)
		rows->first_ns = slice->start_ns;
	if (!n || slice->start_ns > rows->last_ns)
		rows->last_ns = slice->start_ns;
	if (slice->run_ns > rows->run_max)
		rows->run_max = slice->run_ns;
	if (slice->wait_ns > rows->wait_max)
		rows->wait_max = slice->wait_ns;
	if (slice->cpu > rows->cpu_max)
		rows->cpu_max = slice->cpu;
	rows->start[n] = (uint64_t)slice->start_ns;
	rows->run[n] = slice->run_ns;
	rows->wait[n] = slice->wait_ns;
	rows->cpu[n] = slice->cpu;
	rows->from[n] = cpu_place(rows, slice->from_cpu);
	rows->waker_cpu[n] = cpu_place(rows, slice->waker_cpu);
	rows->end[n] = slice->end;
	rows->move[n] = slice->move;
	rows->flags[n] = slice->flags;
	rows->who[n] = who_index(rows, slice, who);
	rows->waker[n] = waker_index(rows, who);
}

/* --- order and grid ---------------------------------------------------------------------------- */

static uint64_t on_grid(uint64_t ns)
{
	return ns / JEM_SLICE_GRID_NS * JEM_SLICE_GRID_NS;
}

static void put_on_grid(struct jem_slice_rows *rows)
{
	for (uint32_t i = 0; i < rows->n; i++) {
		uint64_t start = on_grid(rows->start[i]);

		rows->wait[i] = rows->wait[i] > rows->start[i]
					? on_grid(rows->wait[i])
					: start - on_grid(rows->start[i] - rows->wait[i]);
		rows->run[i] = on_grid(rows->start[i] + rows->run[i]) - start;
		rows->start[i] = start;
	}
	rows->first_ns = (int64_t)on_grid((uint64_t)rows->first_ns);
	rows->run_max += JEM_SLICE_GRID_NS;
	rows->wait_max += JEM_SLICE_GRID_NS;
}

/* order: which row comes at each place, core by core, else as they came. */
static int find_order(struct jem_slice_rows *rows)
{
	uint32_t *places = calloc((size_t)rows->cpu_max + 2, sizeof(*places));

	if (!places)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows->n; i++)
		places[rows->cpu[i] + 1]++;
	for (uint32_t cpu = 0; cpu <= rows->cpu_max; cpu++)
		places[cpu + 1] += places[cpu];
	for (uint32_t i = 0; i < rows->n; i++)
		rows->order[places[rows->cpu[i]]++] = (uint16_t)i;
	free(places);
	return 0;
}

#define PUT_IN_ORDER(rows, column)                                                                 \
	do {                                                                                       \
		__typeof__((rows)->column) sorted_ = (void *)(rows)->sorted;                       \
                                                                                                   \
		for (uint32_t i_ = 0; i_ < (rows)->n; i_++)                                        \
			sorted_[i_] = (rows)->column[(rows)->order[i_]];                           \
		memcpy((rows)->column, sorted_, (rows)->n * sizeof(*sorted_));                     \
	} while (0)

static int put_in_order(struct jem_slice_rows *rows)
{
	int status = find_order(rows);

	if (status < 0)
		return status;
	PUT_IN_ORDER(rows, start);
	PUT_IN_ORDER(rows, run);
	PUT_IN_ORDER(rows, wait);
	PUT_IN_ORDER(rows, who);
	PUT_IN_ORDER(rows, waker);
	PUT_IN_ORDER(rows, from);
	PUT_IN_ORDER(rows, waker_cpu);
	PUT_IN_ORDER(rows, end);
	PUT_IN_ORDER(rows, move);
	PUT_IN_ORDER(rows, flags);
	PUT_IN_ORDER(rows, cpu);
	return 0;
}

/* --- columns ---------------------------------------------------------------------------------- */

/* As narrow as the greatest value allows, in place: they only get shorter. */
static struct jem_column wide_column(const char *name, uint64_t *values, uint32_t n, uint64_t max,
				     uint64_t base)
{
	bool is_short = max <= UINT32_MAX;
	uint8_t *bytes = (uint8_t *)values;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t wide = values[i] - base;
		uint32_t value = (uint32_t)wide;

		if (is_short)
			memcpy(bytes + 4 * (size_t)i, &value, sizeof(value));
		else
			values[i] = wide;
	}
	return (struct jem_column){ .name = name,
				    .shape = JEM_COLUMN_ARRAY,
				    .type = is_short ? JEM_CBOR_U32 : JEM_CBOR_U64,
				    .data = values };
}

static enum jem_cbor_array narrow_indices(uint32_t *indices, uint32_t n, uint32_t count)
{
	uint8_t *bytes = (uint8_t *)indices;
	bool is_byte = count <= UINT8_MAX + 1;

	for (uint32_t i = 0; i < n; i++) { /* rows are fewer than 65,536 */
		uint16_t index = (uint16_t)indices[i];

		if (is_byte)
			bytes[i] = (uint8_t)index;
		else
			memcpy(bytes + 2 * (size_t)i, &index, sizeof(index));
	}
	return is_byte ? JEM_CBOR_U8 : JEM_CBOR_U16;
}

static enum jem_cbor_array narrow_cpus(uint16_t *cpus, uint32_t n, uint32_t max)
{
	uint8_t *bytes = (uint8_t *)cpus;

	if (max > UINT8_MAX)
		return JEM_CBOR_U16;
	for (uint32_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)cpus[i];
	return JEM_CBOR_U8;
}

static struct jem_column dict_column(const char *name, enum jem_cbor_array type,
				     const void *indices, const struct jem_buf *items,
				     uint32_t count)
{
	return (struct jem_column){ .name = name,
				    .shape = JEM_COLUMN_DICT,
				    .type = type,
				    .data = indices,
				    .dict = items->data,
				    .dict_len = items->len,
				    .dict_count = count };
}

/* The dictionaries that are the same in every batch, but for their length. */
struct fixed {
	struct jem_buf event, ends, moves, cpus;
};

static void put_words(struct jem_buf *ret, const char *const *words, size_t count)
{
	jem_buf_init(ret, 0);
	for (size_t i = 0; i < count; i++)
		jem_cbor_str(ret, words[i]);
}

static void fill_fixed(const struct jem_slice_rows *rows, struct fixed *ret)
{
	static const char *const event = "slice";

	put_words(&ret->event, &event, 1);
	put_words(&ret->ends, end_words, sizeof(end_words) / sizeof(*end_words));
	put_words(&ret->moves, move_words, sizeof(move_words) / sizeof(*move_words));
	jem_buf_init(&ret->cpus, 0);
	jem_cbor_null(&ret->cpus);
	for (uint32_t cpu = 0; cpu <= rows->from_max; cpu++)
		jem_cbor_u64(&ret->cpus, cpu);
}

static bool has_failed(const struct jem_slice_rows *rows, const struct fixed *fixed)
{
	return rows->tids.failed || rows->pids.failed || rows->comms.failed ||
	       rows->wakers.failed || fixed->event.failed || fixed->ends.failed ||
	       fixed->moves.failed || fixed->cpus.failed;
}

static void deinit_fixed(struct fixed *fixed)
{
	jem_buf_deinit(&fixed->event);
	jem_buf_deinit(&fixed->ends);
	jem_buf_deinit(&fixed->moves);
	jem_buf_deinit(&fixed->cpus);
}

static size_t make_columns(struct jem_slice_rows *rows, const struct fixed *fixed,
			   struct jem_column columns[COLUMNS_MAX])
{
	const uint32_t n = rows->n;
	const uint32_t places = rows->from_max + 2u;
	enum jem_cbor_array who = narrow_indices(rows->who, n, rows->who_count);
	enum jem_cbor_array waker = narrow_indices(rows->waker, n, rows->waker_count);
	enum jem_cbor_array cpu = narrow_cpus(rows->cpu, n, rows->cpu_max);
	enum jem_cbor_array from = narrow_cpus(rows->from, n, places - 1);
	size_t i = 0;

	(void)narrow_cpus(rows->waker_cpu, n, places - 1);
	columns[i++] =
		wide_column("dt_ns", rows->start, n, (uint64_t)(rows->last_ns - rows->first_ns),
			    (uint64_t)rows->first_ns);
	columns[i++] = dict_column("event", JEM_CBOR_U8, rows->event, &fixed->event, 1);
	columns[i++] = (struct jem_column){
		.name = "cpu", .shape = JEM_COLUMN_ARRAY, .type = cpu, .data = rows->cpu
	};
	columns[i++] = dict_column("tid", who, rows->who, &rows->tids, rows->who_count);
	columns[i++] = dict_column("pid", who, rows->who, &rows->pids, rows->who_count);
	columns[i++] = dict_column("comm", who, rows->who, &rows->comms, rows->who_count);
	columns[i++] = wide_column("run_ns", rows->run, n, rows->run_max, 0);
	columns[i++] = wide_column("wait_ns", rows->wait, n, rows->wait_max, 0);
	columns[i++] = dict_column("end", JEM_CBOR_U8, rows->end, &fixed->ends,
				   sizeof(end_words) / sizeof(*end_words));
	columns[i++] =
		dict_column("waker_tid", waker, rows->waker, &rows->wakers, rows->waker_count);
	columns[i++] = dict_column("waker_cpu", from, rows->waker_cpu, &fixed->cpus, places);
	columns[i++] = dict_column("from_cpu", from, rows->from, &fixed->cpus, places);
	columns[i++] = dict_column("move", JEM_CBOR_U8, rows->move, &fixed->moves,
				   sizeof(move_words) / sizeof(*move_words));
	columns[i++] = (struct jem_column){
		.name = "flags", .shape = JEM_COLUMN_ARRAY, .type = JEM_CBOR_U8, .data = rows->flags
	};
	return i;
}

int jem_slice_rows_take(struct jem_slice_rows *rows, uint64_t *base_ns, uint64_t *n,
			struct jem_buf *ret)
{
	struct jem_column columns[COLUMNS_MAX];
	struct fixed fixed;
	bool failed;
	size_t count;

	if (jem_slice_rows_is_full(rows))
		put_on_grid(rows);
	*base_ns = (uint64_t)rows->first_ns;
	*n = rows->n;
	fill_fixed(rows, &fixed);
	failed = put_in_order(rows) < 0 || has_failed(rows, &fixed);
	count = make_columns(rows, &fixed, columns);
	if (!failed)
		jem_columns_encode_map(columns, count, rows->n, ret);
	deinit_fixed(&fixed);
	forget(rows);
	return failed || ret->failed ? -ENOMEM : 0;
}
