/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/machine.h"

#include "tracer/preload/guard.h"
#include "tracer/preload/guard_load.h"
#include "tracer/preload/machine_internal.h"

#include <string.h>

enum {
	ELEMENT_SHIFT_MAX = 31,
	OPCODES = 64, /* the labels; with JEM_PLAN_REGISTERS: every field of an op is below 64 */
};

/* The bytes of the word behind UNWIND that say something. */
#define SAVED_MASK 0xffffffffffffull

/* What an op cannot have: op, a, b or c of 64 and more. One test for all four. */
#define OP_WRONG 0xc0c0c0c0u

/* By the size of a load: the bytes of a word that it has; 0: there is no such load. */
static const uint64_t size_masks[OPCODES] = {
	[1] = UINT8_MAX,
	[2] = UINT16_MAX,
	[4] = UINT32_MAX,
	[8] = UINT64_MAX,
};

_Static_assert(offsetof(struct jem_ring_parts, caller_words) == 2 &&
		       offsetof(struct jem_ring_parts, caller_site) == 4,
	       "words that are put together here");
_Static_assert((int)JEM_OP_COUNT <= (int)OPCODES && JEM_PLAN_REGISTERS == 64,
	       "one mask checks an op");

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

#define OP INLINE enum jem_verdict

/* --- parts -------------------------------------------------------------------------------------- */

INLINE bool open_part(struct jem_machine_state *run, struct hot *hot, uint64_t *at,
		      uint32_t fixed_words)
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
INLINE void close_part(struct jem_machine_state *run, struct hot *hot)
{
	for (; hot->at < hot->fixed_end; hot->at++) {
		*hot->at = 0;
		hot->mask |= 1ull << (hot->at - run->part - 1);
	}
	run->part[0] = hot->mask;
	run->parts |= (uint64_t)(run->cells - run->part) << (run->is_caller ? 16 : 0);
}

OP emit(struct jem_machine_state *run, struct hot *hot, uint64_t value, bool is_missing)
{
	if (hot->at == hot->fixed_end)
		return FAULT;
	*hot->at++ = value;
	if (is_missing)
		hot->mask |= 1ull << (hot->at - run->part - 2);
	return GO_ON;
}

/* --- memory ------------------------------------------------------------------------------------- */

INLINE uint64_t span_of(uint64_t low, uint64_t high)
{
	/* A load of 8 bytes must fit. */
	return high > low && high - low >= 8 ? high - low - 7 : 0;
}

/* What is asked when a read is not in the part of the stack that is known: is there more of it? Once. */
static void widen_stack(struct jem_machine_state *run)
{
	const struct jem_machine_frame *frame = run->frame;

	if (run->is_wide || !run->machine->stack_end || !run->stack_span)
		return;
	run->is_wide = true;
	run->stack_span = span_of(frame->stack_low, run->machine->stack_end(frame));
}

/* Into run->value, 0 if it is not there. The way of what is not simply on the stack. */
static __attribute__((noinline)) bool read_slowly(struct jem_machine_state *run, uint64_t address,
						  unsigned size)
{
	const struct jem_machine_frame *frame = run->frame;

	widen_stack(run);
	if (address - frame->stack_low < run->stack_span && jem_guard_load(address, &run->value)) {
		run->value &= size_masks[size];
		return true;
	}
	run->value = 0;
	if (jem_guard_copy(&run->value, address, size, frame->ticks) == size)
		return true;
	run->value = 0;
	run->has_failed = true;
	return false;
}

/*
 * Eight bytes are loaded whatever is wanted, where it is known that they are there: no branch on the
 * size that could be mispredicted.
 */
INLINE bool read_memory(struct jem_machine_state *run, struct hot *hot, uint64_t address,
			unsigned size, uint64_t *ret)
{
	bool is_read;

	if (IS_LIKELY(address - hot->stack_low < hot->stack_span && jem_guard_load(address, ret))) {
		*ret &= size_masks[size];
		return true;
	}
	is_read = read_slowly(run, address, size);
	hot->stack_span = run->stack_span;
	*ret = run->value;
	return is_read;
}

/* Word by word, as far as each is there: the words that are not, a bit each. */
static __attribute__((noinline)) uint64_t read_words(struct jem_machine_state *run,
						     uint64_t address, uint64_t *to, unsigned words)
{
	uint64_t missing = 0;

	for (unsigned i = 0; i < words; i++) {
		if (!read_slowly(run, address + 8ull * i, 8))
			missing |= 1ull << i;
		to[i] = run->value;
	}
	return missing;
}

/* The daemon may write meanwhile: what has been checked must be what is run. */
INLINE uint64_t fetch(const struct jem_plan_op *op)
{
	return __atomic_load_n((const uint64_t *)(const void *)op, __ATOMIC_RELAXED);
}

INLINE bool read_block(uint64_t address, uint64_t *to, unsigned words)
{
	for (; words >= 2; words -= 2, address += 16, to += 2) {
		if (!jem_guard_load_pair(to, address))
			return false;
	}
	return !words || jem_guard_load(address, to);
}

/* --- ops ---------------------------------------------------------------------------------------- */

OP go_to(struct jem_machine_state *run, struct hot *hot, uint64_t target, uint64_t steps)
{
	uint64_t straight = run->code_count - target;

	if (target >= run->code_count)
		return FAULT;
	if (straight > steps)
		straight = steps;
	hot->ip = run->code + target;
	hot->limit = hot->ip + straight;
	hot->beyond = steps - straight;
	return GO_ON;
}

static inline uint64_t steps_left(const struct hot *hot)
{
	return (uint64_t)(hot->limit - hot->ip) + hot->beyond;
}

OP jump(struct jem_machine_state *run, struct hot *hot, int32_t distance)
{
	uint64_t at = (uint64_t)(hot->ip - run->code);

	return go_to(run, hot, at + (uint64_t)(int64_t)distance, steps_left(hot));
}

OP op_END(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)
{
	return ENDED;
}

OP op_EMIT(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)
{
	return emit(run, hot, hot->r[op.a], false);
}

OP op_EMIT_MEMORY(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)
{
	uint64_t value;

	if (!size_masks[op.c])
		return FAULT;
	if (read_memory(run, hot, hot->r[op.b] + (uint64_t)(int64_t)op.imm, op.c, &value))
		return emit(run, hot, value, false);
	return emit(run, hot, 0, true);
}

/* Most of a plan: what lies side by side in a frame, with one look at where it is. */
OP op_EMIT_BLOCK(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)
{
	uint64_t address = hot->r[op.b] + (uint64_t)(int64_t)op.imm;
	uint64_t offset = address - hot->stack_low;
	uint64_t last = 8ull * op.a - 8; /* no words at all are too many */
	uint64_t *to = hot->at;
	uint64_t missing;

	if (last >= (uint64_t)((char *)hot->fixed_end - (char *)to))
		return FAULT;
	hot->at += op.a;
	if (IS_LIKELY(offset < hot->stack_span && last < hot->stack_span - offset &&
		      read_block(address, to, op.a)))
		return GO_ON;
	missing = read_words(run, address, to, op.a);
	hot->stack_span = run->stack_span;
	hot->mask |= missing << (to - run->part - 1);
	return GO_ON;
}

OP op_EMIT_XMM(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)
{
	const uint64_t *xmm = run->frame->xmm;

	if (op.a >= 8 || op.c >= 2)
		return FAULT;
	return xmm ? emit(run, hot, xmm[2 * op.a + op.c], false) : emit(run, hot, 0, true);
}

OP op_EMIT_NONE(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)
{
	return emit(run, hot, 0, true);
}

OP op_CONST(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)
{
	hot->r[op.a] = (uint64_t)(int64_t)op.imm;
	return GO_ON;
}

/* Addresses of the module are absolute already: the daemon has added the bias. */
OP op_CONST64(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)
{
	if (hot->ip == hot->limit)
		return FAULT;
	memcpy(&hot->r[op.a], hot->ip, sizeof(hot->r[op.a]));
	hot->ip++;
	return GO_ON;
}

OP op_LEA(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)
{
	hot->r[op.a] = hot->r[op.b] + (uint64_t)(int64_t)op.imm;
	return GO_ON;
}

OP op_LOAD(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)
{
	uint64_t value;

	if (!size_masks[op.c])
		return FAULT;
	read_memory(run, hot, hot->r[op.b] + (uint64_t)(int64_t)op.imm, op.c, &value);
	hot->r[op.a] = value;
	return GO_ON;
}

OP op_LOAD_SIGNED(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)
{
	unsigned shift = 64 - 8 * op.c;

	if (op_LOAD(run, hot, op) != GO_ON)
		return FAULT;
	hot->r[op.a] = (uint64_t)((int64_t)(hot->r[op.a] << shift) >> shift);
	return GO_ON;
}

#define ARITHMETIC(name, expression)                                                               \
	OP op_##name(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)        \
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
	OP op_##name(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)        \
	{                                                                                          \
		return (condition) ? jump(run, hot, op.imm) : GO_ON;                               \
	}

JUMP_IF(JUMP, true)
JUMP_IF(JUMP_ZERO, !hot->r[op.a])
JUMP_IF(JUMP_NONZERO, hot->r[op.a])

OP op_JUMP_FAILED(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)
{
	bool has_failed = run->has_failed;

	run->has_failed = false;
	return has_failed ? jump(run, hot, op.imm) : GO_ON;
}

#define CELL_BY(name, function)                                                                    \
	OP op_##name(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)        \
	{                                                                                          \
		return function(run, hot->r, op);                                                  \
	}

CELL_BY(CELL, jem_machine_cell)
CELL_BY(CELL_STRING, jem_machine_cell_string)
CELL_BY(CELL_VALUE, jem_machine_cell_value)

OP op_CELL_COUNT(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)
{
	if (op.a > ELEMENT_SHIFT_MAX)
		return FAULT;
	return jem_machine_cell_elements(run, hot->r, op, 1ull << op.a);
}

OP op_CELL_ARRAY(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)
{
	return jem_machine_cell_elements(run, hot->r, op, hot->r[op.a]);
}

/* Steps go on to be counted: the two plans together have JEM_PLAN_STEPS. */
INLINE enum jem_verdict call_caller(struct jem_machine_state *run, struct hot *hot, uint64_t key)
{
	const struct jem_machine *machine = run->machine;
	const struct jem_plan_site *site;

	if (run->is_caller)
		return FAULT;
	site = machine->find_site(machine, key);
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

OP op_CALLER(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)
{
	return call_caller(run, hot, hot->r[JEM_PLAN_CALLER + 16]);
}

/* A saved register of the caller, eight bytes at `address`; 0: not there. */
INLINE uint64_t read_saved(struct jem_machine_state *run, struct hot *hot, uint64_t address)
{
	uint64_t value;

	read_memory(run, hot, address, 8, &value);
	return value;
}

/*
 * Nearly every plan of an enter ends so: the return address right below the CFA, and what has been pushed
 * below that. r[32] and up are the frame's own registers 3, 12 to 15 as they are, but for those in the mask.
 */
OP op_UNWIND(struct jem_machine_state *run, struct hot *hot, struct jem_plan_op op)
{
	static const uint8_t saved[] = JEM_PLAN_SAVED;
	uint64_t cfa = hot->r[op.b] + (uint64_t)(int64_t)op.imm;
	uint64_t *to = hot->r + JEM_PLAN_CALLER;
	uint64_t places;
	unsigned at;

	/* The caller has none: its registers would be beyond the file. */
	if (run->is_caller || hot->ip == hot->limit)
		return FAULT;
	places = fetch(hot->ip++);
	to[3] = hot->r[3];
	to[6] = hot->r[6];
	for (unsigned i = 12; i < 16; i++)
		to[i] = hot->r[i];
	to[7] = cfa;
	to[16] = read_saved(run, hot, cfa - 8);
	for (places &= SAVED_MASK; places; places &= ~(0xffull << at)) {
		at = (unsigned)__builtin_ctzll(places) & ~7u;
		to[saved[at / 8]] = read_saved(run, hot, cfa - 8 * (places >> at & 0xff));
	}
	return call_caller(run, hot, to[16]);
}

/* --- the run ------------------------------------------------------------------------------------ */

INLINE bool start(struct jem_machine_state *run, struct hot *hot, const struct jem_plan_site *site,
		  uint64_t *out, unsigned out_words)
{
	const struct jem_machine_frame *frame = run->frame;

	if (out_words > run->machine->record_bytes / 8)
		out_words = run->machine->record_bytes / 8;
	run->end = out + out_words;
	run->has_failed = false;
	run->is_caller = false;
	run->is_wide = false;
	run->parts = 0;
	run->code = run->machine->code;
	run->code_count = run->machine->code_count;
	hot->stack_low = frame->stack_low;
	hot->stack_span = run->stack_span = span_of(frame->stack_low, frame->stack_high);
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
	struct jem_machine_state run;
	struct hot hot;
	enum jem_verdict verdict;
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
