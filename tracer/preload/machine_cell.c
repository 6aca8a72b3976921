/* SPDX-License-Identifier: Apache-2.0 */
/* The ops of the machine that write cells: values of any length, with a head that says what came of them. */
#include "tracer/preload/machine_internal.h"

#include "tracer/preload/guard.h"

enum {
	CELL_WORDS = sizeof(struct jem_ring_cell) / 8,
};

_Static_assert(offsetof(struct jem_ring_cell, status) == 2 &&
		       offsetof(struct jem_ring_cell, len) == 4 &&
		       offsetof(struct jem_ring_cell, address) == 16,
	       "words that are put together here");

/* The room for bytes of a cell, or -1 when not even its head fits. */
static inline ptrdiff_t cell_room(const struct jem_machine_state *run)
{
	return (run->end - run->cells - CELL_WORDS) * 8;
}

static inline unsigned op_slot(struct jem_plan_op op)
{
	return (uint32_t)op.imm >> 16;
}

static inline uint32_t op_length(struct jem_plan_op op)
{
	return (uint32_t)op.imm & 0xffff;
}

/*
 * Word by word: what has been stored in pieces is slow to be loaded as a whole. Bytes behind `len` in
 * its last word are the high ones, and are cut off.
 */
INLINE enum jem_verdict end_cell(struct jem_machine_state *run, unsigned slot,
				 enum jem_cell_status status, uint32_t len)
{
	uint64_t *bytes = run->cells + CELL_WORDS;

	run->cells[0] = slot | (uint64_t)status << 16 | (uint64_t)len << 32;
	if (len % 8)
		bytes[len / 8] &= (1ull << (len % 8 * 8)) - 1;
	run->cells = bytes + (len + 7) / 8;
	return GO_ON;
}

enum jem_verdict jem_machine_cell(struct jem_machine_state *run, const uint64_t *r,
				  struct jem_plan_op op)
{
	uint64_t *bytes = run->cells + CELL_WORDS;
	uint32_t len = op_length(op);
	uint32_t words = (len + 7) / 8;
	uint64_t address = r[op.b];
	size_t got = 0;

	if (run->end - bytes < 0)
		return ENDED;
	run->cells[1] = len;
	run->cells[2] = address;
	if (run->end - bytes < words)
		return end_cell(run, op_slot(op), JEM_CELL_BUDGET, 0);
	if (len) {
		bytes[words - 1] = 0; /* the padding */
		got = jem_guard_copy(bytes, address, len, run->frame->ticks);
	}
	if (IS_LIKELY(got == len))
		return end_cell(run, op_slot(op), JEM_CELL_OK, len);
	run->has_failed = true;
	return end_cell(run, op_slot(op), got ? JEM_CELL_TRUNCATED : JEM_CELL_UNREADABLE,
			(uint32_t)got);
}

/* Whole elements only: half of one says nothing. */
enum jem_verdict jem_machine_cell_elements(struct jem_machine_state *run, const uint64_t *r,
					   struct jem_plan_op op, uint64_t size)
{
	enum jem_cell_status status = JEM_CELL_OK;
	ptrdiff_t room = cell_room(run);
	uint64_t total = r[op.c];
	uint64_t count = 0;
	size_t got = 0;

	if (room < 0)
		return ENDED;
	run->cells[1] = total;
	run->cells[2] = r[op.b];
	if (size)
		count = op_length(op) / size < total ? op_length(op) / size : total;
	if (count && count > (uint64_t)room / size) {
		count = (uint64_t)room / size;
		if (!count)
			return end_cell(run, op_slot(op), JEM_CELL_BUDGET, 0);
	}
	if (count)
		got = jem_guard_copy(run->cells + CELL_WORDS, r[op.b], count * size,
				     run->frame->ticks);
	run->has_failed |= got < count * size;
	if (count && !got)
		status = JEM_CELL_UNREADABLE;
	else if (got < count * size || (size && count < total))
		status = JEM_CELL_TRUNCATED;
	return end_cell(run, op_slot(op), status, (uint32_t)got);
}

enum jem_verdict jem_machine_cell_string(struct jem_machine_state *run, const uint64_t *r,
					 struct jem_plan_op op)
{
	enum jem_cell_status status = JEM_CELL_OK;
	ptrdiff_t room = cell_room(run);
	size_t len = op_length(op);
	bool is_whole = false;
	size_t got;

	if (room < 0)
		return ENDED;
	run->cells[1] = 0;
	run->cells[2] = r[op.b];
	if (len > (size_t)room)
		len = (size_t)room;
	if (!len && op_length(op))
		return end_cell(run, op_slot(op), JEM_CELL_BUDGET, 0);
	got = jem_guard_copy_string(run->cells + CELL_WORDS, r[op.b], len, run->frame->ticks,
				    &is_whole);
	run->has_failed |= !is_whole && got < len;
	if (!is_whole)
		status = got || !len ? JEM_CELL_TRUNCATED : JEM_CELL_UNREADABLE;
	if (status != JEM_CELL_UNREADABLE)
		run->cells[1] = got + !is_whole; /* at least */
	return end_cell(run, op_slot(op), status, (uint32_t)got);
}

enum jem_verdict jem_machine_cell_value(struct jem_machine_state *run, const uint64_t *r,
					struct jem_plan_op op)
{
	ptrdiff_t room = cell_room(run);

	if (room < 0)
		return ENDED;
	run->cells[1] = 8;
	run->cells[2] = 0;
	if (room < 8)
		return end_cell(run, op_slot(op), JEM_CELL_BUDGET, 0);
	run->cells[CELL_WORDS] = r[op.b];
	return end_cell(run, op_slot(op), JEM_CELL_OK, 8);
}
