/* SPDX-License-Identifier: Apache-2.0 */
/*
 * types_shape: what the standard libraries' classes are, told from their names and members.
 *
 * libstdc++ since its C++11 ABI: strings, views, sequences, sets and maps, smart pointers, optional, bitset.
 * libc++: what is a pair of pointers there too. A class whose members are not as expected stays a struct.
 */
#include "tracer/symbols/types_internal.h"

#include <dwarf.h>
#include <string.h>

enum {
	SEARCH_DEPTH_MAX = 12,
	POINTER_BYTES = 8,
	LIST_NODE_BASE = 16,
	TREE_NODE_BASE = 32,
	TREE_LEFTMOST = 16, /* in a node or header */
	CHAIN_NODE_BASE = 8,
	DEQUE_BLOCK = 512
};

/* A member somewhere in a class. */
struct place {
	uint32_t offset;
	uint32_t type;
};

struct shaper {
	struct jem_types *types;
	struct jem_image_type *type;
	struct jem_shape *shape;
	uint32_t id;
	Dwarf_Die die;
};

/* By name in a class, its bases and unnamed members; pointers to objects only, if so asked. */
static bool find_member(struct jem_types *types, uint32_t id, const char *name, bool is_pointer,
			struct place *ret, unsigned depth)
{
	const struct jem_image_type *type = jem_type_at(types, id);
	const struct jem_image_member *members = jem_types_members(types, id);

	if (depth > SEARCH_DEPTH_MAX)
		return false;
	for (uint32_t i = 0; i < type->member_count; i++) {
		const char *there = jem_strings_get(types->strings, members[i].name);
		const struct jem_image_type *part = jem_type_at(types, members[i].type);

		if (members[i].flags & (JEM_MEMBER_BIT_FIELD | JEM_MEMBER_VIRTUAL_BASE))
			continue;
		if (!(members[i].flags & JEM_MEMBER_BASE) && !strcmp(there, name) &&
		    (!is_pointer ||
		     (part->kind == JEM_TYPE_POINTER &&
		      jem_type_at(types, part->target)->kind != JEM_TYPE_FUNCTION))) {
			*ret = (struct place){ (uint32_t)members[i].offset, members[i].type };
			return true;
		}
		if ((members[i].flags & JEM_MEMBER_BASE || !there[0]) &&
		    find_member(types, members[i].type, name, is_pointer, ret, depth + 1)) {
			ret->offset += (uint32_t)members[i].offset;
			return true;
		}
	}
	return false;
}

/* `path` is names with dots between them. */
static bool find(const struct shaper *s, const char *path, struct place *ret)
{
	struct place at = { 0, s->id };

	while (*path) {
		size_t len = strcspn(path, ".");
		char name[64];
		struct place next;

		if (len >= sizeof(name))
			return false;
		memcpy(name, path, len);
		name[len] = '\0';
		if (!find_member(s->types, at.type, name, false, &next, 0))
			return false;
		at = (struct place){ at.offset + next.offset, next.type };
		path += len + (path[len] == '.');
	}
	*ret = at;
	return true;
}

static bool is_pointer(const struct shaper *s, struct place place)
{
	return jem_type_at(s->types, place.type)->kind == JEM_TYPE_POINTER;
}

/* Template argument `number` of a class: a type's id, or a value. */
static bool find_argument(Dwarf_Die *class, unsigned number, int tag, Dwarf_Die *ret)
{
	Dwarf_Die child;

	if (dwarf_child(class, &child) != 0)
		return false;
	do {
		int there = dwarf_tag(&child);

		if (there != DW_TAG_template_type_parameter &&
		    there != DW_TAG_template_value_parameter)
			continue;
		if (number--)
			continue;
		*ret = child;
		return there == tag;
	} while (jem_die_next(&child));
	return false;
}

static bool set_element(const struct shaper *s, uint32_t id)
{
	const struct jem_image_type *element = jem_type_at(s->types, id);

	if (!id || !element->size)
		return false;
	s->type->target = id;
	s->shape->element = id;
	s->shape->element_size = element->size;
	return true;
}

static bool set_element_argument(const struct shaper *s, Dwarf_Die *class, unsigned number)
{
	Dwarf_Die argument;

	return find_argument(class, number, DW_TAG_template_type_parameter, &argument) &&
	       set_element(s, jem_types_of(s->types, &argument));
}

static bool set_element_target(const struct shaper *s, struct place pointer)
{
	return is_pointer(s, pointer) &&
	       set_element(s, jem_type_at(s->types, pointer.type)->target);
}

static uint32_t value_argument(const struct shaper *s, unsigned number)
{
	Dwarf_Die argument;
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!find_argument(&((struct shaper *)s)->die, number, DW_TAG_template_value_parameter,
			   &argument) ||
	    dwarf_formudata(dwarf_attr(&argument, DW_AT_const_value, &attribute), &value) < 0 ||
	    value > UINT32_MAX)
		return 0;
	return (uint32_t)value;
}

/* What a type's address is a multiple of; DWARF tells it of over-aligned ones only. */
static uint32_t alignment_of(struct jem_types *types, uint32_t id, unsigned depth)
{
	const struct jem_image_type *type = jem_types_get(types, id);
	const struct jem_image_member *members = jem_types_members(types, id);
	uint32_t best = 1;

	if (depth > SEARCH_DEPTH_MAX)
		return POINTER_BYTES;
	switch (type->kind) {
	case JEM_TYPE_ARRAY:
		return alignment_of(types, type->target, depth + 1);
	case JEM_TYPE_STRUCT:
	case JEM_TYPE_UNION:
		for (uint32_t i = 0; i < type->member_count; i++) {
			uint32_t part = alignment_of(types, members[i].type, depth + 1);

			best = part > best ? part : best;
		}
		return best;
	case JEM_TYPE_COMPLEX:
		return type->size / 2 ? type->size / 2 : 1;
	default:
		return type->size >= 16 && type->kind <= JEM_TYPE_FLOAT128 ? 16 : POINTER_BYTES;
	}
}

static uint32_t node_value(const struct shaper *s, uint32_t base)
{
	uint32_t alignment = alignment_of(s->types, s->shape->element, 0);

	return (base + alignment - 1) / alignment * alignment;
}

static bool shape_string(const struct shaper *s)
{
	struct place text, size;

	if (!find(s, "_M_dataplus._M_p", &text) || !find(s, "_M_string_length", &size) ||
	    !set_element_target(s, text))
		return false;
	s->type->kind = JEM_TYPE_STRING;
	s->type->where = text.offset;
	s->shape->kind = JEM_SHAPE_STRING;
	s->shape->begin = text.offset;
	s->shape->size = size.offset;
	return true;
}

static bool shape_view(const struct shaper *s)
{
	struct place text, size;

	if (!(find(s, "_M_str", &text) && find(s, "_M_len", &size)) &&
	    !(find(s, "__data_", &text) && find(s, "__size_", &size)))
		return false;
	if (!set_element_target(s, text))
		return false;
	s->type->kind = JEM_TYPE_STRING_VIEW;
	s->type->where = text.offset;
	s->shape->kind = JEM_SHAPE_STRING;
	s->shape->begin = text.offset;
	s->shape->size = size.offset;
	return true;
}

static bool shape_bit_vector(const struct shaper *s)
{
	struct place begin, end;

	if (!find(s, "_M_impl._M_start._M_p", &begin) || !find(s, "_M_impl._M_finish._M_p", &end) ||
	    end.offset != begin.offset + 16)
		return false;
	s->type->kind = JEM_TYPE_BIT_VECTOR;
	s->type->where = begin.offset;
	s->shape->kind = JEM_SHAPE_BIT_RANGE;
	s->shape->begin = begin.offset;
	s->shape->end = end.offset;
	return true;
}

static bool shape_vector(const struct shaper *s)
{
	struct place begin, end;

	if (!(find(s, "_M_impl._M_start", &begin) && find(s, "_M_impl._M_finish", &end)) &&
	    !(find(s, "__begin_", &begin) && find(s, "__end_", &end)))
		return false;
	if (!is_pointer(s, begin))
		return shape_bit_vector(s);
	if (end.offset != begin.offset + POINTER_BYTES || !set_element_target(s, begin))
		return false;
	s->type->kind = JEM_TYPE_VECTOR;
	s->type->where = begin.offset;
	s->shape->kind = JEM_SHAPE_RANGE;
	s->shape->begin = begin.offset;
	s->shape->end = end.offset;
	return true;
}

static bool shape_array(const struct shaper *s)
{
	struct place elements;
	const struct jem_image_type *array;

	if (!find(s, "_M_elems", &elements) && !find(s, "__elems_", &elements))
		return false;
	array = jem_type_at(s->types, elements.type);
	if (array->kind != JEM_TYPE_ARRAY || elements.offset)
		return false;
	s->type->kind = JEM_TYPE_ARRAY;
	s->type->target = array->target;
	s->type->count = array->count;
	return true;
}

static bool shape_span(const struct shaper *s)
{
	struct place begin, size;

	if (!find(s, "_M_ptr", &begin) || !set_element_target(s, begin))
		return false;
	s->shape->size = JEM_SHAPE_NONE;
	if (find(s, "_M_extent._M_extent_value", &size))
		s->shape->size = size.offset;
	else
		s->type->count = value_argument(s, 1);
	s->type->kind = JEM_TYPE_SPAN;
	s->type->where = begin.offset;
	s->shape->kind = JEM_SHAPE_COUNTED;
	s->shape->begin = begin.offset;
	return true;
}

static bool shape_deque(const struct shaper *s)
{
	struct place begin, end, block_end, map;
	uint32_t size;

	if (!find(s, "_M_impl._M_start._M_cur", &begin) ||
	    !find(s, "_M_impl._M_start._M_last", &block_end) ||
	    !find(s, "_M_impl._M_start._M_node", &map) ||
	    !find(s, "_M_impl._M_finish._M_cur", &end) || block_end.offset != begin.offset + 16 ||
	    map.offset != begin.offset + 24 || !set_element_target(s, begin))
		return false;
	size = s->shape->element_size;
	s->type->kind = JEM_TYPE_LIST;
	s->shape->kind = JEM_SHAPE_DEQUE;
	s->shape->begin = begin.offset;
	s->shape->end = end.offset;
	s->shape->block = size < DEQUE_BLOCK ? DEQUE_BLOCK / size * size : size;
	return true;
}

static void set_count(const struct shaper *s, const char *path)
{
	struct place size;

	if (find(s, path, &size))
		s->type->where = s->shape->size = size.offset;
}

static bool shape_list(const struct shaper *s)
{
	struct place next;

	if (!find(s, "_M_impl._M_node._M_next", &next) ||
	    !set_element_argument(s, (Dwarf_Die *)&s->die, 0))
		return false;
	s->type->kind = JEM_TYPE_LIST;
	s->shape->kind = JEM_SHAPE_LIST;
	s->shape->begin = next.offset;
	s->shape->next = 0;
	s->shape->value = node_value(s, LIST_NODE_BASE);
	set_count(s, "_M_impl._M_node._M_size");
	return true;
}

static bool shape_forward_list(const struct shaper *s)
{
	struct place next;

	if (!find(s, "_M_impl._M_head._M_next", &next) ||
	    !set_element_argument(s, (Dwarf_Die *)&s->die, 0))
		return false;
	s->type->kind = JEM_TYPE_LIST;
	s->shape->kind = JEM_SHAPE_CHAIN;
	s->shape->begin = next.offset;
	s->shape->next = 0;
	s->shape->value = node_value(s, CHAIN_NODE_BASE);
	return true;
}

/* Trees and hash tables hold values of their own second argument: keys, or pairs. */
static bool set_value_of(const struct shaper *s, struct place implementation)
{
	Dwarf_Die class = jem_type_more(s->types, implementation.type)->die;
	uint32_t base = jem_type_more(s->types, implementation.type)->base;

	if (base)
		class = jem_type_more(s->types, base)->die;
	return class.addr && set_element_argument(s, &class, 1);
}

static bool shape_tree(const struct shaper *s, enum jem_type_kind kind)
{
	struct place tree, header;

	if (!find(s, "_M_t", &tree) || !find(s, "_M_t._M_impl._M_header", &header) ||
	    !set_value_of(s, tree))
		return false;
	s->type->kind = kind;
	s->shape->kind = JEM_SHAPE_TREE;
	s->shape->header = header.offset;
	s->shape->begin = header.offset + TREE_LEFTMOST;
	s->shape->value = node_value(s, TREE_NODE_BASE);
	set_count(s, "_M_t._M_impl._M_node_count");
	return true;
}

static bool shape_hash(const struct shaper *s, enum jem_type_kind kind)
{
	struct place table, first;

	if (!find(s, "_M_h", &table) || !find(s, "_M_h._M_before_begin._M_nxt", &first) ||
	    !set_value_of(s, table))
		return false;
	s->type->kind = kind;
	s->shape->kind = JEM_SHAPE_CHAIN;
	s->shape->begin = first.offset;
	s->shape->next = 0;
	s->shape->value = node_value(s, CHAIN_NODE_BASE);
	set_count(s, "_M_h._M_element_count");
	return true;
}

static bool shape_pointer(const struct shaper *s, const char *outer, const char *name)
{
	struct place at = { 0, s->id }, pointer;
	Dwarf_Die argument;

	if ((outer && !find(s, outer, &at)) ||
	    !find_member(s->types, at.type, name, true, &pointer, 0))
		return false;

	s->type->kind = JEM_TYPE_SMART_POINTER;
	s->type->where = at.offset + pointer.offset;
	s->type->target = jem_type_at(s->types, pointer.type)->target;
	/* the argument has the better name: not `element_type`; of T[] it is the array */
	if (find_argument((Dwarf_Die *)&s->die, 0, DW_TAG_template_type_parameter, &argument)) {
		uint32_t named = jem_types_of(s->types, &argument);

		if (named && jem_type_at(s->types, named)->kind != JEM_TYPE_ARRAY)
			s->type->target = named;
	}
	s->shape->kind = JEM_SHAPE_POINTER;
	s->shape->begin = s->type->where;
	s->shape->element = s->type->target;
	s->shape->element_size = jem_type_at(s->types, s->type->target)->size;
	return true;
}

static bool shape_optional(const struct shaper *s)
{
	struct place flag;

	if (!find(s, "_M_payload._M_engaged", &flag) ||
	    !set_element_argument(s, (Dwarf_Die *)&s->die, 0))
		return false;
	s->type->kind = JEM_TYPE_OPTIONAL;
	s->type->where = flag.offset;
	s->shape->kind = JEM_SHAPE_OPTIONAL;
	s->shape->size = flag.offset;
	return true;
}

static bool shape_bitset(const struct shaper *s)
{
	struct place words;

	if (!find(s, "_M_w", &words) || words.offset)
		return false;
	s->type->kind = JEM_TYPE_BIT_VECTOR;
	s->type->count = value_argument(s, 0);
	s->shape->kind = JEM_SHAPE_BITS;
	return s->type->count > 0;
}

static bool shape_set(const struct shaper *s)
{
	return shape_tree(s, JEM_TYPE_SET);
}

static bool shape_map(const struct shaper *s)
{
	return shape_tree(s, JEM_TYPE_MAP);
}

static bool shape_hash_set(const struct shaper *s)
{
	return shape_hash(s, JEM_TYPE_SET);
}

static bool shape_hash_map(const struct shaper *s)
{
	return shape_hash(s, JEM_TYPE_MAP);
}

static bool shape_unique(const struct shaper *s)
{
	return shape_pointer(s, "_M_t._M_t", "_M_head_impl");
}

static bool shape_shared(const struct shaper *s)
{
	return shape_pointer(s, NULL, "_M_ptr") || shape_pointer(s, NULL, "__ptr_");
}

static const struct {
	const char *name; /* behind std::, up to its template arguments */
	bool (*shape)(const struct shaper *s);
} known[] = {
	{ "basic_string<", shape_string },
	{ "basic_string_view<", shape_view },
	{ "vector<", shape_vector },
	{ "array<", shape_array },
	{ "span<", shape_span },
	{ "deque<", shape_deque },
	{ "list<", shape_list },
	{ "forward_list<", shape_forward_list },
	{ "set<", shape_set },
	{ "multiset<", shape_set },
	{ "map<", shape_map },
	{ "multimap<", shape_map },
	{ "unordered_set<", shape_hash_set },
	{ "unordered_multiset<", shape_hash_set },
	{ "unordered_map<", shape_hash_map },
	{ "unordered_multimap<", shape_hash_map },
	{ "unique_ptr<", shape_unique },
	{ "shared_ptr<", shape_shared },
	{ "weak_ptr<", shape_shared },
	{ "optional<", shape_optional },
	{ "bitset<", shape_bitset },
};

void jem_types_recognise(struct jem_types *types, uint32_t id)
{
	struct jem_image_type *type = jem_type_at(types, id);
	const struct jem_image_type before = *type;
	struct shaper shaper = { .types = types,
				 .type = type,
				 .shape = &jem_type_more(types, id)->shape,
				 .id = id,
				 .die = jem_type_more(types, id)->die };
	const char *name = jem_strings_get(types->strings, type->name);

	if (strncmp(name, "std::", 5))
		return;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strncmp(name + 5, known[i].name, strlen(known[i].name)))
			continue;
		*shaper.shape = (struct jem_shape){ .begin = JEM_SHAPE_NONE,
						    .end = JEM_SHAPE_NONE,
						    .size = JEM_SHAPE_NONE };
		if (known[i].shape(&shaper))
			return;
		*type = before;
		*shaper.shape = (struct jem_shape){ .kind = JEM_SHAPE_PLAIN };
		return;
	}
}
