/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard library's strings, containers and smart pointers, by the shapes that types.h tells. Their
 * memory is the job's: whatever it holds, a walk ends after limits.items elements.
 */
#include "tracer/symbols/compile.h"

#define ROOM       64
#define LOOP_STEPS 2400u /* of JEM_PLAN_STEPS, for all loops of a plan */
#define MOVES_MORE 32u   /* in a tree, beyond those that the elements need */

static int add_slot(struct jem_compiler *c, const struct jem_object *object, unsigned role,
		    uint32_t type, uint32_t size)
{
	return jem_slot_add(c, &(struct jem_image_slot){ .type = type,
							 .role = (uint8_t)role,
							 .fixed = JEM_SLOT_IN_CELL,
							 .parent = (uint16_t)(object->slot + 1),
							 .offset = object->offset,
							 .size = size });
}

static bool read_reg(struct jem_compiler *c, const struct jem_object *object, uint32_t offset,
		     unsigned size, unsigned *ret)
{
	struct jem_term term;

	if (offset == JEM_SHAPE_NONE || !jem_object_read(c, object, offset, size, &term))
		return false;
	*ret = jem_code_reg(c, &term);
	return true;
}

static unsigned const_reg(struct jem_compiler *c, int64_t value)
{
	struct jem_term term = jem_term_const(value);

	return jem_code_reg(c, &term);
}

/* The object's own address in a register that stays; false for one in registers. */
static bool address_reg(struct jem_compiler *c, const struct jem_object *object, uint32_t offset,
			unsigned *ret)
{
	struct jem_term at = jem_term_plus(object->address, offset);

	if (object->place && object->place->kind != JEM_PLACE_MEMORY)
		return false;
	if (object->place)
		at = jem_term_plus(object->place->term, (int64_t)object->within + offset);
	*ret = jem_code_reg(c, &at);
	return true;
}

static uint32_t cell_bytes(const struct jem_compiler *c, uint32_t element)
{
	const struct jem_plan_limits *l = c->request->limits;
	uint64_t bytes = (uint64_t)l->items * element;

	if (l->object_bytes && bytes > l->object_bytes)
		bytes = l->object_bytes;
	return bytes > UINT16_MAX ? UINT16_MAX : (uint32_t)bytes;
}

static void compile_string(struct jem_compiler *c, const struct jem_object *object,
			   const struct jem_shape *shape)
{
	unsigned begin, count;
	uint32_t size = shape->element_size;

	if ((size != 1 && size != 2 && size != 4) ||
	    !read_reg(c, object, shape->begin, 8, &begin) ||
	    !read_reg(c, object, shape->size, 8, &count))
		return;
	int slot = add_slot(c, object, JEM_SLOT_STRING, shape->element, size);

	if (slot >= 0)
		jem_slot_cell(c, slot, JEM_OP_CELL_COUNT, (unsigned)__builtin_ctz(size), begin,
			      count, c->request->limits->string_bytes);
}

/* What stands in elements, each in a branch of its own: there may be fewer. */
static void compile_elements(struct jem_compiler *c, const struct jem_object *object, int slot,
			     const struct jem_shape *shape, unsigned begin, unsigned count)
{
	uint32_t most = cell_bytes(c, shape->element_size) / shape->element_size;

	jem_follow_branch(c, true);
	for (uint32_t i = 0; i < most && jem_code_room(c) >= ROOM; i++) {
		uint32_t mark = jem_code_mark(c), start = c->plan->op_count;
		unsigned is_there = jem_code_temp(c);
		struct jem_object element = {
			.address = jem_term_plus(jem_term_reg(begin),
						 (int64_t)i * shape->element_size),
			.slot = slot,
			.offset = i * shape->element_size,
			.type = shape->element,
			.depth = object->depth,
			.nesting = object->nesting + 1,
		};

		jem_code_op(c, JEM_OP_BELOW, is_there, const_reg(c, i), count, 0);
		uint32_t skip = jem_code_jump(c, JEM_OP_JUMP_ZERO, is_there);
		uint32_t nothing = c->plan->op_count;

		jem_follow_object(c, &element);
		bool is_empty = c->plan->op_count == nothing;

		if (is_empty)
			c->plan->op_count = start;
		else
			jem_code_land(c, skip);
		jem_code_release(c, mark);
		if (is_empty)
			break;
	}
	jem_follow_branch(c, false);
}

static void compile_array(struct jem_compiler *c, const struct jem_object *object,
			  const struct jem_shape *shape)
{
	uint32_t size = shape->element_size;
	unsigned begin, count, end, element;

	if (!size || !read_reg(c, object, shape->begin, 8, &begin))
		return;
	element = const_reg(c, size);
	if (shape->kind == JEM_SHAPE_RANGE) {
		if (!read_reg(c, object, shape->end, 8, &end))
			return;
		count = jem_code_temp(c);
		jem_code_op(c, JEM_OP_SUB, count, end, begin, 0);
		jem_code_op(c, JEM_OP_DIV, count, count, element, 0);
	} else if (shape->size == JEM_SHAPE_NONE) {
		count = const_reg(c, jem_types_get(c->request->types, object->type)->count);
	} else if (!read_reg(c, object, shape->size, 8, &count)) {
		return;
	}
	int slot = add_slot(c, object, JEM_SLOT_ELEMENTS, shape->element, size);

	if (slot < 0)
		return;
	jem_slot_cell(c, slot, JEM_OP_CELL_ARRAY, element, begin, count, cell_bytes(c, size));
	compile_elements(c, object, slot, shape, begin, count);
}

/* vector<bool>: the words of bits, up to the one that the end is in. */
static void compile_bits(struct jem_compiler *c, const struct jem_object *object,
			 const struct jem_shape *shape)
{
	unsigned begin, end, bits, count = jem_code_temp(c);

	if (!read_reg(c, object, shape->begin, 8, &begin) ||
	    !read_reg(c, object, shape->end, 8, &end) ||
	    !read_reg(c, object, shape->end + 8, 4, &bits))
		return;
	jem_code_op(c, JEM_OP_SUB, count, end, begin, 0);
	jem_code_op(c, JEM_OP_LEA, bits, bits, 0, 7);
	jem_code_op(c, JEM_OP_SHR, bits, bits, const_reg(c, 3), 0);
	jem_code_op(c, JEM_OP_ADD, count, count, bits, 0);
	int slot = add_slot(c, object, JEM_SLOT_ELEMENTS, shape->element, 1);

	if (slot >= 0)
		jem_slot_cell(c, slot, JEM_OP_CELL_COUNT, 0, begin, count, cell_bytes(c, 8));
}

/* --- loops over nodes --------------------------------------------------------------------------- */

struct loop {
	int slot;
	unsigned left, current, test; /* registers: elements that may still come, node, scratch */
	uint32_t limit;               /* op: CONST of `left` */
	uint32_t head;
	uint32_t exits[4];
	unsigned exit_count;
	unsigned outer_steps;
	bool is_counted; /* the object knows how many there are */
	bool has_end;
	unsigned end; /* register, if so: `current` at the end; else that is 0 */
};

static void exit_if(struct jem_compiler *c, struct loop *l, unsigned op, unsigned reg)
{
	l->exits[l->exit_count++] = jem_code_jump(c, op, reg);
}

static void begin_loop(struct jem_compiler *c, struct loop *l)
{
	l->limit = c->plan->op_count;
	l->left = jem_code_temp(c);
	jem_code_op(c, JEM_OP_CONST, l->left, 0, 0, 0);
	l->outer_steps = c->loop_steps;
	c->loop_steps = 0;
	l->head = c->plan->op_count;
	exit_if(c, l, JEM_OP_JUMP_ZERO, l->left);
}

/* The element at `current` + offset: a cell, and what it leads to. */
static void emit_node(struct jem_compiler *c, struct loop *l, const struct jem_object *object,
		      const struct jem_shape *shape, uint32_t offset)
{
	struct jem_term at = jem_term_plus(jem_term_reg(l->current), offset);
	uint32_t mark = jem_code_mark(c);
	unsigned reg = jem_code_reg(c, &at);
	struct jem_object element = { .address = jem_term_reg(reg),
				      .slot = l->slot,
				      .type = shape->element,
				      .depth = object->depth,
				      .nesting = object->nesting + 1 };

	jem_slot_cell(c, l->slot, JEM_OP_CELL, 0, reg, 0,
		      cell_bytes(c, shape->element_size) < shape->element_size
			      ? cell_bytes(c, shape->element_size)
			      : shape->element_size);
	jem_follow_branch(c, true);
	jem_follow_object(c, &element);
	jem_follow_branch(c, false);
	jem_code_release(c, mark);
}

/* A cell without bytes where elements are left, unless the object says how many there are. */
static void tell_more(struct jem_compiler *c, struct loop *l)
{
	uint32_t none;

	jem_code_land(c, l->exits[0]); /* of a walk that has had all it may */
	if (l->is_counted)
		return;
	if (l->has_end) {
		jem_code_op(c, JEM_OP_EQ, l->test, l->current, l->end, 0);
		none = jem_code_jump(c, JEM_OP_JUMP_NONZERO, l->test);
	} else {
		none = jem_code_jump(c, JEM_OP_JUMP_ZERO, l->current);
	}
	jem_slot_cell(c, l->slot, JEM_OP_CELL, 0, l->current, 0, 0);
	jem_code_land(c, none);
	c->loop_steps += 3;
}

/* `turns`: how often the body may run an element. */
static void end_loop(struct jem_compiler *c, struct loop *l, unsigned turns)
{
	unsigned items = c->request->limits->items;

	jem_code_op(c, JEM_OP_LEA, l->left, l->left, 0, -1);
	jem_code_jump_back(c, l->head);
	unsigned steps = turns * (c->plan->op_count - l->head) + c->loop_steps;
	unsigned room = l->outer_steps < LOOP_STEPS ? LOOP_STEPS - l->outer_steps : 0;

	if (items > room / steps)
		items = room / steps;
	c->plan->ops[l->limit].imm = (int32_t)items;
	c->loop_steps = l->outer_steps + items * steps;
	tell_more(c, l);
	for (unsigned i = 1; i < l->exit_count; i++)
		jem_code_land(c, l->exits[i]);
}

/* Lists (until the head comes again) and chains (until 0). */
static void compile_list(struct jem_compiler *c, const struct jem_object *object,
			 const struct jem_shape *shape, struct loop *l)
{
	unsigned head = 0;

	if ((shape->kind == JEM_SHAPE_LIST && !address_reg(c, object, shape->begin, &head)) ||
	    !read_reg(c, object, shape->begin, 8, &l->current))
		return;
	begin_loop(c, l);
	exit_if(c, l, JEM_OP_JUMP_ZERO, l->current);
	if (shape->kind == JEM_SHAPE_LIST) {
		jem_code_op(c, JEM_OP_EQ, l->test, l->current, head, 0);
		exit_if(c, l, JEM_OP_JUMP_NONZERO, l->test);
	}
	emit_node(c, l, object, shape, shape->value);
	jem_code_op(c, JEM_OP_LOAD, l->current, l->current, 8, shape->next);
	end_loop(c, l, 1);
}

static void compile_deque(struct jem_compiler *c, const struct jem_object *object,
			  const struct jem_shape *shape, struct loop *l)
{
	unsigned end, last, map;

	if (!read_reg(c, object, shape->begin, 8, &l->current) ||
	    !read_reg(c, object, shape->begin + 16, 8, &last) ||
	    !read_reg(c, object, shape->begin + 24, 8, &map) ||
	    !read_reg(c, object, shape->end, 8, &end))
		return;
	l->has_end = true;
	l->end = end;
	begin_loop(c, l);
	exit_if(c, l, JEM_OP_JUMP_ZERO, l->current);
	jem_code_op(c, JEM_OP_EQ, l->test, l->current, end, 0);
	exit_if(c, l, JEM_OP_JUMP_NONZERO, l->test);
	emit_node(c, l, object, shape, 0);
	jem_code_op(c, JEM_OP_LEA, l->current, l->current, 0, shape->element_size);
	jem_code_op(c, JEM_OP_EQ, l->test, l->current, last, 0);
	uint32_t same = jem_code_jump(c, JEM_OP_JUMP_ZERO, l->test);

	jem_code_op(c, JEM_OP_LEA, map, map, 0, 8);
	jem_code_op(c, JEM_OP_LOAD, l->current, map, 8, 0);
	jem_code_op(c, JEM_OP_LEA, last, l->current, 0, shape->block);
	jem_code_land(c, same);
	end_loop(c, l, 1);
}

/* Sets moves <- moves - 1 and leaves the walk when they are used up: a damaged tree may have cycles. */
static uint32_t count_move(struct jem_compiler *c, unsigned moves)
{
	jem_code_op(c, JEM_OP_LEA, moves, moves, 0, -1);
	return jem_code_jump(c, JEM_OP_JUMP_ZERO, moves);
}

/*
 * In order: the right child's leftmost one is next; without a right child the first ancestor of which the
 * node is in the left part. The header is the root's parent, and the end.
 */
static void next_in_tree(struct jem_compiler *c, struct loop *l, unsigned moves, unsigned header)
{
	unsigned up = jem_code_temp(c);
	uint32_t down, climb, out[2], done[3];

	jem_code_op(c, JEM_OP_LOAD, l->test, l->current, 8, 24);
	uint32_t no_right = jem_code_jump(c, JEM_OP_JUMP_ZERO, l->test);

	down = c->plan->op_count; /* test is a node: as far left as it goes */
	jem_code_op(c, JEM_OP_LEA, l->current, l->test, 0, 0);
	out[0] = count_move(c, moves);
	jem_code_op(c, JEM_OP_LOAD, l->test, l->current, 8, 16);
	jem_code_op(c, JEM_OP_JUMP_NONZERO, l->test, 0, 0,
		    (int64_t)down - (int64_t)c->plan->op_count - 1);
	done[0] = jem_code_jump(c, JEM_OP_JUMP, 0);
	jem_code_land(c, no_right);
	climb = c->plan->op_count;
	jem_code_op(c, JEM_OP_LOAD, up, l->current, 8, 8);
	jem_code_op(c, JEM_OP_LOAD, l->test, up, 8, 24);
	jem_code_op(c, JEM_OP_EQ, l->test, l->test, l->current, 0);
	jem_code_op(c, JEM_OP_LEA, l->current, up, 0, 0);
	out[1] = count_move(c, moves);
	/* the header's right child is the last node, which is no parenthood */
	jem_code_op(c, JEM_OP_EQ, up, up, header, 0);
	done[1] = jem_code_jump(c, JEM_OP_JUMP_NONZERO, up);
	jem_code_op(c, JEM_OP_JUMP_NONZERO, l->test, 0, 0,
		    (int64_t)climb - (int64_t)c->plan->op_count - 1);
	done[2] = jem_code_jump(c, JEM_OP_JUMP, 0);
	jem_code_land(c, out[0]);
	jem_code_land(c, out[1]);
	jem_code_op(c, JEM_OP_CONST, l->current, 0, 0, 0);
	for (unsigned i = 0; i < 3; i++)
		jem_code_land(c, done[i]);
}

static void compile_tree(struct jem_compiler *c, const struct jem_object *object,
			 const struct jem_shape *shape, struct loop *l)
{
	unsigned header, moves = jem_code_temp(c);
	uint32_t limit = c->plan->op_count;

	jem_code_op(c, JEM_OP_CONST, moves, 0, 0, 0);
	if (!address_reg(c, object, shape->header, &header) ||
	    !read_reg(c, object, shape->begin, 8, &l->current))
		return;
	begin_loop(c, l);
	exit_if(c, l, JEM_OP_JUMP_ZERO, l->current);
	jem_code_op(c, JEM_OP_EQ, l->test, l->current, header, 0);
	exit_if(c, l, JEM_OP_JUMP_NONZERO, l->test);
	emit_node(c, l, object, shape, shape->value);
	next_in_tree(c, l, moves, header);
	end_loop(c, l, 2);
	/* a walk over n nodes goes along fewer than 2 n edges, and those to where it begins again */
	c->plan->ops[limit].imm = c->plan->ops[l->limit].imm * 2 + (int32_t)MOVES_MORE;
}

static void compile_nodes(struct jem_compiler *c, const struct jem_object *object,
			  const struct jem_shape *shape)
{
	struct loop loop = { .is_counted = shape->size != JEM_SHAPE_NONE ||
					   shape->kind == JEM_SHAPE_LIST ||
					   shape->kind == JEM_SHAPE_TREE };

	if (!shape->element_size || jem_code_room(c) < 2 * ROOM)
		return;
	loop.slot = add_slot(c, object, JEM_SLOT_NODE, shape->element, shape->element_size);
	if (loop.slot < 0)
		return;
	loop.test = jem_code_temp(c);
	if (shape->kind == JEM_SHAPE_TREE)
		compile_tree(c, object, shape, &loop);
	else if (shape->kind == JEM_SHAPE_DEQUE)
		compile_deque(c, object, shape, &loop);
	else
		compile_list(c, object, shape, &loop);
}

static void compile_optional(struct jem_compiler *c, const struct jem_object *object,
			     const struct jem_shape *shape)
{
	struct jem_object element = jem_object_part(object, 0, shape->element);
	unsigned flag;

	if (!read_reg(c, object, shape->size, 1, &flag))
		return;
	uint32_t begin = c->plan->op_count;
	uint32_t empty = jem_code_jump(c, JEM_OP_JUMP_ZERO, flag);

	jem_follow_branch(c, true);
	jem_follow_object(c, &element);
	jem_follow_branch(c, false);
	if (c->plan->op_count == begin + 1)
		c->plan->op_count = begin;
	else
		jem_code_land(c, empty);
}

void jem_container_compile(struct jem_compiler *c, const struct jem_object *object,
			   const struct jem_shape *shape)
{
	uint32_t mark = jem_code_mark(c);
	struct jem_object pointer;

	/* what a container holds is part of it, and no pointer more; but at depth 0 nothing is followed */
	if (object->depth > c->request->limits->depth || jem_code_room(c) < ROOM)
		return;
	switch (shape->kind) {
	case JEM_SHAPE_STRING:
		compile_string(c, object, shape);
		break;
	case JEM_SHAPE_RANGE:
	case JEM_SHAPE_COUNTED:
		compile_array(c, object, shape);
		break;
	case JEM_SHAPE_BIT_RANGE:
		compile_bits(c, object, shape);
		break;
	case JEM_SHAPE_LIST:
	case JEM_SHAPE_CHAIN:
	case JEM_SHAPE_TREE:
	case JEM_SHAPE_DEQUE:
		compile_nodes(c, object, shape);
		break;
	case JEM_SHAPE_OPTIONAL:
		compile_optional(c, object, shape);
		break;
	case JEM_SHAPE_POINTER:
		pointer = jem_object_part(object, shape->begin, shape->element);
		jem_follow_pointer(c, &pointer, shape->element, false);
		break;
	default:
		break;
	}
	jem_code_release(c, mark);
}
