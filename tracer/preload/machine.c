/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/machine.h"

#include "tracer/preload/guard.h"
#include "tracer/preload/guard_load.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum {
	CELL_WORDS = sizeof(struct jem_ring_cell) / 8,
	ELEMENT_SHIFT_MAX = 31,
	OPCODES = 64, /* the labels; with JEM_PLAN_REGISTERS: every field of an op is below 64 */
};

/* What an op cannot have: op, a, b or c of 64 and more. One test for all four. */
#define OP_WRONG 0xc0c0c0c0u
/* Equal in two ops, of which one is not wrong: the same op on the same r[b], and neither is wrong. */
#define OP_LIKE 0xc0ffc0ffu

/* By the size of a load: the bytes of a word that it has; 0: there is no such load. */
static const uint64_t size_masks[OPCODES] = {
	[1] = UINT8_MAX,
	[2] = UINT16_MAX,
	[4] = UINT32_MAX,
	[8] = UINT64_MAX,
};

_Static_assert(offsetof(struct jem_ring_parts, caller_words) == 2 &&
		       offsetof(struct jem_ring_parts, caller_site) == 4 &&
		       offsetof(struct jem_ring_cell, status) == 2 &&
		       offsetof(struct jem_ring_cell, len) == 4 &&
		       offsetof(struct jem_ring_cell, address) == 16,
	       "words that are put together here");
_Static_assert((int)JEM_OP_COUNT <= (int)OPCODES && JEM_PLAN_REGISTERS == 64,
	       "one mask checks an op");

/* What an op leaves to be done. */
enum verdict {
	GO_ON,
	ENDED,
	FAULT, /* of the plan itself */
};

/* What the cells need too, in memory. */
struct run {
	const struct jem_machine *machine;
	struct jem_machine_frame *frame;
	bool has_failed; /* a read, since the last JUMP_FAILED */
	bool is_caller;
	uint64_t *part;  /* that is being written; NULL: it has no room */
	uint64_t *cells; /* behind the last one */
	uint64_t *end;   /* of the room */
	uint64_t parts;  /* struct jem_ring_parts, as a word */
};

/* What every op needs. Its address is given to inlined functions only: it stays in registers. */
struct hot {
	const struct jem_plan_op *ip;
	uint64_t *r;                     /* this part's registers */
	const struct jem_plan_op *limit; /* ops from ip on up to here may be run without a jump */
	uint64_t beyond;                 /* of the steps: beyond those */
	uint64_t *at;                    /* the next fixed word, and behind the last one */
	uint64_t *fixed_end;
	uint64_t mask; /* of the words emitted: could not be read */
	uint64_t stack_low, stack_span;
};

#define IS_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define INLINE               static inline __attribute__((always_inline))
#define OP                   INLINE enum verdict

/* --- parts -------------------------------------------------------------------------------------- */

INLINE bool open_part(struct run *run, struct hot *hot, uint64_t *at, uint32_t fixed_words)
{
	if (fixed_words > JEM_PLAN_FIXED_MAX || run->end - at < (ptrdiff_t)fixed_words + 1)
		return false;
	run->part = at;
	hot->mask = 0;
	hot->at = at + 1;
	hot->fixed_end = at + 1 + fixed_words;
	run->cells = hot->fixed_end;
	return true;
}

/* The words that the plan has not come to are there, as ones that could not be read. */
INLINE void close_part(struct run *run, struct hot *hot)
{
	for (; hot->at < hot->fixed_end; hot->at++) {
		*hot->at = 0;
		hot->mask |= 1ull << (hot->at - run->part - 1);
	}
	run->part[0] = hot->mask;
	run->parts |= (uint64_t)(run->cells - run->part) << (run->is_caller ? 16 : 0);
}

OP emit(struct run *run, struct hot *hot, uint64_t value, bool is_missing)
{
	if (hot->at == hot->fixed_end)
		return FAULT;
	*hot->at++ = value;
	if (is_missing)
		hot->mask |= 1ull << (hot->at - run->part - 2);
	return GO_ON;
}

/* --- memory ------------------------------------------------------------------------------------- */

static __attribute__((noinline)) bool read_guarded(const struct jem_machine_frame *frame,
						   uint64_t address, unsigned size, uint64_t *ret)
{
	*ret = 0;
	if (jem_guard_copy(ret, address, size, frame->ticks) == size)
		return true;
	*ret = 0;
	return false;
}

/*
 * Eight bytes are loaded whatever is wanted, where it is known that they are there: no branch on the
 * size that could be mispredicted.
 */
INLINE bool read_memory(struct run *run, const struct hot *hot, uint64_t address, unsigned size,
			uint64_t *ret)
{
	if (IS_LIKELY(address - hot->stack_low < hot->stack_span && jem_guard_load(address, ret))) {
		*ret &= size_masks[size];
		return true;
	}
	if (read_guarded(run->frame, address, size, ret))
		return true;
	run->has_failed = true;
	return false;
}

/* --- cells -------------------------------------------------------------------------------------- */

/* The room for bytes of a cell, or -1 when not even its head fits. */
static inline ptrdiff_t cell_room(const struct run *run)
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
INLINE enum verdict end_cell(struct run *run, unsigned slot, enum jem_cell_status status,
			     uint32_t len)
{
	uint64_t *bytes = run->cells + CELL_WORDS;

	run->cells[0] = slot | (uint64_t)status << 16 | (uint64_t)len << 32;
	if (len % 8)
		bytes[len / 8] &= (1ull << (len % 8 * 8)) - 1;
	run->cells = bytes + (len + 7) / 8;
	return GO_ON;
}

static __attribute__((noinline)) enum verdict plain_cell(struct run *run, const uint64_t *r,
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
static __attribute__((noinline)) enum verdict element_cell(struct run *run, const uint64_t *r,
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

static __attribute__((noinline)) enum verdict string_cell(struct run *run, const uint64_t *r,
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

static __attribute__((noinline)) enum verdict value_cell(struct run *run, const uint64_t *r,
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

/* The daemon may write meanwhile: what has been checked must be what is run. */
INLINE uint64_t fetch(const struct jem_plan_op *op)
{
	return __atomic_load_n((const uint64_t *)(const void *)op, __ATOMIC_RELAXED);
}

/* --- ops ---------------------------------------------------------------------------------------- */

OP go_to(struct run *run, struct hot *hot, uint64_t target, uint64_t steps)
{
	const struct jem_machine *machine = run->machine;
	uint64_t straight = machine->code_count - target;

	if (target >= machine->code_count)
		return FAULT;
	if (straight > steps)
		straight = steps;
	hot->ip = machine->code + target;
	hot->limit = hot->ip + straight;
	hot->beyond = steps - straight;
	return GO_ON;
}

static inline uint64_t steps_left(const struct hot *hot)
{
	return (uint64_t)(hot->limit - hot->ip) + hot->beyond;
}

OP jump(struct run *run, struct hot *hot, int32_t distance)
{
	uint64_t at = (uint64_t)(hot->ip - run->machine->code);

	return go_to(run, hot, at + (uint64_t)(int64_t)distance, steps_left(hot));
}

OP op_END(struct run *run, struct hot *hot, struct jem_plan_op op)
{
	return ENDED;
}

OP op_EMIT(struct run *run, struct hot *hot, struct jem_plan_op op)
{
	return emit(run, hot, hot->r[op.a], false);
}

/*
 * Most of a plan are runs of EMIT_MEMORY on one register and of the thread's own stack. They are done
 * here, in registers that the loop of the machine cannot spare; one comparison tells that the next
 * op is such a one and well-formed. The ops done, at most `most`; the first op is one.
 */
static __attribute__((noinline)) uint64_t emit_stack(const struct jem_plan_op *ip, uint64_t most,
						     uint64_t base, uint64_t *at,
						     uint64_t stack_low, uint64_t stack_span)
{
	uint64_t word = fetch(ip);
	uint64_t like = (uint64_t)JEM_OP_EMIT_MEMORY | (word & 0x3f0000);
	uint64_t done = 0;

	if ((word ^ like) & OP_LIKE)
		return 0;

	do {
		uint64_t address = base + (uint64_t)((int64_t)word >> 32);
		uint64_t mask = size_masks[(uint32_t)word >> 24];
		uint64_t value;

		if (!mask || address - stack_low >= stack_span || !jem_guard_load(address, &value))
			break;
		at[done++] = value & mask;
		word = fetch(ip + done);
	} while (done < most && !((word ^ like) & OP_LIKE));
	return done;
}

OP op_EMIT_MEMORY(struct run *run, struct hot *hot, struct jem_plan_op op)
{
	uint64_t most = (uint64_t)(hot->fixed_end - hot->at);
	uint64_t value;
	uint64_t done;

	/* The op behind the last one is looked at: it must be there. */
	if (most > (uint64_t)(hot->limit - hot->ip))
		most = (uint64_t)(hot->limit - hot->ip);
	done = most ? emit_stack(hot->ip - 1, most, hot->r[op.b], hot->at, hot->stack_low,
				 hot->stack_span)
		    : 0;
	if (IS_LIKELY(done)) {
		hot->at += done;
		hot->ip += done - 1;
		return GO_ON;
	}
	if (!size_masks[op.c])
		return FAULT;
	if (read_memory(run, hot, hot->r[op.b] + (uint64_t)(int64_t)op.imm, op.c, &value))
		return emit(run, hot, value, false);
	return emit(run, hot, 0, true);
}

OP op_EMIT_XMM(struct run *run, struct hot *hot, struct jem_plan_op op)
{
	const uint64_t *xmm = run->frame->xmm;

	if (op.a >= 8 || op.c >= 2)
		return FAULT;
	return xmm ? emit(run, hot, xmm[2 * op.a + op.c], false) : emit(run, hot, 0, true);
}

OP op_EMIT_NONE(struct run *run, struct hot *hot, struct jem_plan_op op)
{
	return emit(run, hot, 0, true);
}

OP op_CONST(struct run *run, struct hot *hot, struct jem_plan_op op)
{
	hot->r[op.a] = (uint64_t)(int64_t)op.imm;
	return GO_ON;
}

/* Addresses of the module are absolute already: the daemon has added the bias. */
OP op_CONST64(struct run *run, struct hot *hot, struct jem_plan_op op)
{
	if (hot->ip == hot->limit)
		return FAULT;
	memcpy(&hot->r[op.a], hot->ip, sizeof(hot->r[op.a]));
	hot->ip++;
	return GO_ON;
}

OP op_LEA(struct run *run, struct hot *hot, struct jem_plan_op op)
{
	hot->r[op.a] = hot->r[op.b] + (uint64_t)(int64_t)op.imm;
	return GO_ON;
}

OP op_LOAD(struct run *run, struct hot *hot, struct jem_plan_op op)
{
	uint64_t value;

	if (!size_masks[op.c])
		return FAULT;
	read_memory(run, hot, hot->r[op.b] + (uint64_t)(int64_t)op.imm, op.c, &value);
	hot->r[op.a] = value;
	return GO_ON;
}

OP op_LOAD_SIGNED(struct run *run, struct hot *hot, struct jem_plan_op op)
{
	unsigned shift = 64 - 8 * op.c;

	if (op_LOAD(run, hot, op) != GO_ON)
		return FAULT;
	hot->r[op.a] = (uint64_t)((int64_t)(hot->r[op.a] << shift) >> shift);
	return GO_ON;
}

#define ARITHMETIC(name, expression)                                                               \
	OP op_##name(struct run *run, struct hot *hot, struct jem_plan_op op)                      \
	{                                                                                          \
		uint64_t x = hot->r[op.b];                                                         \
		uint64_t y = hot->r[op.c];                                                         \
                                                                                                   \
		(void)y;                                                                           \
		hot->r[op.a] = (uint64_t)(expression);                                             \
		return GO_ON;                                                                      \
	}

ARITHMETIC(ADD, x + y)
ARITHMETIC(SUB, x - y)
ARITHMETIC(MUL, x *y)
/* By -1 a negation: INT64_MIN / -1 traps. */
ARITHMETIC(DIV, !y ? 0 : y == UINT64_MAX ? -x : (uint64_t)((int64_t)x / (int64_t)y))
ARITHMETIC(MOD, !y ? 0 : x % y)
ARITHMETIC(AND, x &y)
ARITHMETIC(OR, x | y)
ARITHMETIC(XOR, x ^ y)
ARITHMETIC(SHL, y > 63 ? 0 : x << y)
ARITHMETIC(SHR, y > 63 ? 0 : x >> y)
ARITHMETIC(SAR, (int64_t)x >> (y > 63 ? 63 : y))
ARITHMETIC(NEG, -x)
ARITHMETIC(NOT, ~x)
ARITHMETIC(EQ, x == y)
ARITHMETIC(LT, (int64_t)x < (int64_t)y)
ARITHMETIC(BELOW, x < y)

#define JUMP_IF(name, condition)                                                                   \
	OP op_##name(struct run *run, struct hot *hot, struct jem_plan_op op)                      \
	{                                                                                          \
		return (condition) ? jump(run, hot, op.imm) : GO_ON;                               \
	}

JUMP_IF(JUMP, true)
JUMP_IF(JUMP_ZERO, !hot->r[op.a])
JUMP_IF(JUMP_NONZERO, hot->r[op.a])

OP op_JUMP_FAILED(struct run *run, struct hot *hot, struct jem_plan_op op)
{
	bool has_failed = run->has_failed;

	run->has_failed = false;
	return has_failed ? jump(run, hot, op.imm) : GO_ON;
}

#define CELL_BY(name, function)                                                                    \
	OP op_##name(struct run *run, struct hot *hot, struct jem_plan_op op)                      \
	{                                                                                          \
		return function(run, hot->r, op);                                                  \
	}

CELL_BY(CELL, plain_cell)
CELL_BY(CELL_STRING, string_cell)
CELL_BY(CELL_VALUE, value_cell)

OP op_CELL_COUNT(struct run *run, struct hot *hot, struct jem_plan_op op)
{
	if (op.a > ELEMENT_SHIFT_MAX)
		return FAULT;
	return element_cell(run, hot->r, op, 1ull << op.a);
}

OP op_CELL_ARRAY(struct run *run, struct hot *hot, struct jem_plan_op op)
{
	return element_cell(run, hot->r, op, hot->r[op.a]);
}

/* Steps go on to be counted: the two plans together have JEM_PLAN_STEPS. */
OP op_CALLER(struct run *run, struct hot *hot, struct jem_plan_op op)
{
	const struct jem_machine *machine = run->machine;
	const struct jem_plan_site *site;

	if (run->is_caller)
		return FAULT;
	site = machine->find_site(machine, hot->r[JEM_PLAN_CALLER + 16]);
	if (!site || !site->plan)
		return ENDED;
	close_part(run, hot);
	run->is_caller = true;
	run->parts |= (uint64_t)site->site << 32;
	if (!open_part(run, hot, run->cells, site->fixed_words)) {
		run->part = NULL;
		return site->fixed_words > JEM_PLAN_FIXED_MAX ? FAULT : ENDED;
	}
	hot->r += JEM_PLAN_CALLER;
	run->has_failed = false;
	return go_to(run, hot, site->plan, steps_left(hot));
}

/* --- the run ------------------------------------------------------------------------------------ */

INLINE bool start(struct run *run, struct hot *hot, const struct jem_plan_site *site, uint64_t *out,
		  unsigned out_words)
{
	const struct jem_machine_frame *frame = run->frame;
	uint64_t span = frame->stack_high - frame->stack_low;

	if (out_words > run->machine->record_bytes / 8)
		out_words = run->machine->record_bytes / 8;
	run->end = out + out_words;
	run->has_failed = false;
	run->is_caller = false;
	run->parts = 0;
	/* A load of 8 bytes must fit. */
	hot->stack_low = frame->stack_low;
	hot->stack_span = frame->stack_high > frame->stack_low && span >= 8 ? span - 7 : 0;
	hot->r = run->frame->r;
	return site->plan && out_words >= 2 && open_part(run, hot, out + 1, site->fixed_words);
}

static __attribute__((noinline)) void count_fault(const struct jem_machine *machine)
{
	__atomic_add_fetch(machine->faults, 1, __ATOMIC_RELAXED);
}

/*
 * Threaded code: an op goes to the next one itself. The code is memory that the daemon writes: each op
 * is fetched once.
 */
unsigned jem_machine_run(const struct jem_machine *machine, const struct jem_plan_site *site,
			 struct jem_machine_frame *frame, uint64_t *out, unsigned out_words)
{
	static const void *const labels[OPCODES] = {
#define PLAN_OP(name, meaning) &&run_##name,
		JEM_PLAN_OPS(PLAN_OP)
#undef PLAN_OP
			[JEM_OP_COUNT... OPCODES - 1] = &&fault,
	};
	struct run run;
	struct hot hot;
	enum verdict verdict;
	struct jem_plan_op op;
	uint64_t word;

#define NEXT                                                                                       \
	do {                                                                                       \
		if (hot.ip == hot.limit)                                                           \
			goto fault;                                                                \
		word = fetch(hot.ip);                                                              \
		if (word & OP_WRONG)                                                               \
			goto fault;                                                                \
		hot.ip++;                                                                          \
		memcpy(&op, &word, sizeof(op));                                                    \
		goto *labels[op.op];                                                               \
	} while (0)

	run.machine = machine;
	run.frame = frame;
	if (!start(&run, &hot, site, out, out_words))
		return 0;
	if (go_to(&run, &hot, site->plan, JEM_PLAN_STEPS) != GO_ON)
		goto fault;
	NEXT;
#define PLAN_OP(name, meaning)                                                                     \
	run_##name : verdict = op_##name(&run, &hot, op);                                          \
	if (verdict != GO_ON)                                                                      \
		goto ended;                                                                        \
	NEXT;
	JEM_PLAN_OPS(PLAN_OP)
#undef PLAN_OP
#undef NEXT
ended:
	if (verdict == FAULT)
	fault:
		count_fault(machine);
	if (run.part)
		close_part(&run, &hot);
	*out = run.parts;
	return (unsigned)(run.cells - out);
}
