/* SPDX-License-Identifier: Apache-2.0 */
/* Types of real programs: names as a person writes them, members, and the shapes of standard classes. */
#include "tests/unit/symbols.h"

#include "common/cleanup.h"

#include <dwarf.h>
#include <fcntl.h>

struct bench {
	struct jem_debug debug;
	struct jem_strings *strings;
	struct jem_types *types;
	Dwarf_Die everything; /* the struct of that name */
	int fd;
};

static bool find_struct(Dwarf *dwarf, const char *name, Dwarf_Die *ret)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;

	while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0) {
		if (dwarf_child(&die, ret) != 0)
			continue;
		do {
			const char *there = dwarf_diename(ret);

			if (dwarf_tag(ret) == DW_TAG_structure_type && there &&
			    !strcmp(there, name))
				return true;
		} while (dwarf_siblingof(ret, ret) == 0);
	}
	return false;
}

static void set_up(struct bench *bench, const char *compiler, const char *source, const char *name)
{
	struct jem_err err = { "" };

	symbols_shell("%s -g '%s' -o traced", compiler, source);
	bench->fd = open(symbols_path("traced"), O_RDONLY | O_CLOEXEC);
	if (jem_debug_open(&bench->debug, bench->fd, "traced", "", &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
	CHECK_EQ(bench->debug.flags, 0);
	CHECK_OK(jem_strings_create(&bench->strings));
	CHECK_OK(jem_types_create(bench->strings, &bench->types));
	CHECK(find_struct(bench->debug.dwarf, name, &bench->everything));
}

static void tear_down(struct bench *bench)
{
	jem_types_destroy(bench->types);
	jem_strings_destroy(bench->strings);
	jem_debug_close(&bench->debug);
	close(bench->fd);
}

/* The type of a member, by its name. */
static uint32_t member(struct bench *bench, const char *name)
{
	Dwarf_Die die;

	CHECK(dwarf_child(&bench->everything, &die) == 0);
	do {
		const char *there = dwarf_diename(&die);

		if (there && !strcmp(there, name))
			return jem_types_of(bench->types, &die);
	} while (dwarf_siblingof(&die, &die) == 0);
	check_fail(__FILE__, __LINE__, "no member %s", name);
}

static const char *text(struct bench *bench, uint32_t string)
{
	return jem_strings_get(bench->strings, string);
}

struct wanted {
	const char *member, *name;
	uint8_t kind, shape;
	uint32_t size, where, begin, end, count_at, value;
	const char *element;
};

#define NONE JEM_SHAPE_NONE

static const struct wanted classes[] = {
	{ "text", "std::string", JEM_TYPE_STRING, JEM_SHAPE_STRING, 32, 0, 0, NONE, 8, 0, "char" },
	{ "wide", "std::wstring", JEM_TYPE_STRING, JEM_SHAPE_STRING, 32, 0, 0, NONE, 8, 0,
	  "wchar_t" },
	{ "view", "std::string_view", JEM_TYPE_STRING_VIEW, JEM_SHAPE_STRING, 16, 8, 8, NONE, 0, 0,
	  "const char" },
	{ "vector", "std::vector<int, std::allocator<int> >", JEM_TYPE_VECTOR, JEM_SHAPE_RANGE, 24,
	  0, 0, 8, NONE, 0, "int" },
	{ "bits", "std::vector<bool, std::allocator<bool> >", JEM_TYPE_BIT_VECTOR,
	  JEM_SHAPE_BIT_RANGE, 40, 0, 0, 16, NONE, 0, NULL },
	{ "span", "std::span<int, 18446744073709551615>", JEM_TYPE_SPAN, JEM_SHAPE_COUNTED, 16, 0,
	  0, NONE, 8, 0, "int" },
	{ "fixed_span", "std::span<int, 3>", JEM_TYPE_SPAN, JEM_SHAPE_COUNTED, 8, 0, 0, NONE, NONE,
	  0, "int" },
	{ "deque", "std::deque<int, std::allocator<int> >", JEM_TYPE_LIST, JEM_SHAPE_DEQUE, 80,
	  NONE, 16, 48, NONE, 0, "int" },
	{ "list", "std::list<int, std::allocator<int> >", JEM_TYPE_LIST, JEM_SHAPE_LIST, 24, 16, 0,
	  NONE, 16, 16, "int" },
	{ "chain", "std::forward_list<double, std::allocator<double> >", JEM_TYPE_LIST,
	  JEM_SHAPE_CHAIN, 8, NONE, 0, NONE, NONE, 8, "double" },
	{ "set", "std::set<int, std::less<int>, std::allocator<int> >", JEM_TYPE_SET,
	  JEM_SHAPE_TREE, 48, 40, 24, NONE, 40, 32, "int" },
	{ "map", NULL, JEM_TYPE_MAP, JEM_SHAPE_TREE, 48, 40, 24, NONE, 40, 32,
	  "std::pair<int const, std::__cxx11::basic_string<char, std::char_traits<char>, "
	  "std::allocator<char> > >" },
	{ "multimap", NULL, JEM_TYPE_MAP, JEM_SHAPE_TREE, 48, 40, 24, NONE, 40, 32,
	  "std::pair<int const, long double>" },
	{ "hash_set", NULL, JEM_TYPE_SET, JEM_SHAPE_CHAIN, 56, 24, 16, NONE, 24, 8, "int" },
	{ "hash_map", NULL, JEM_TYPE_MAP, JEM_SHAPE_CHAIN, 56, 24, 16, NONE, 24, 8, NULL },
	{ "unique", "std::unique_ptr<int, std::default_delete<int> >", JEM_TYPE_SMART_POINTER,
	  JEM_SHAPE_POINTER, 8, 0, 0, NONE, NONE, 0, "int" },
	{ "unique_with", "std::unique_ptr<int, void (*)(int*)>", JEM_TYPE_SMART_POINTER,
	  JEM_SHAPE_POINTER, 16, 8, 8, NONE, NONE, 0, "int" },
	{ "shared", "std::shared_ptr<detector::Track>", JEM_TYPE_SMART_POINTER, JEM_SHAPE_POINTER,
	  16, 0, 0, NONE, NONE, 0, "detector::Track" },
	{ "weak", "std::weak_ptr<int>", JEM_TYPE_SMART_POINTER, JEM_SHAPE_POINTER, 16, 0, 0, NONE,
	  NONE, 0, "int" },
	{ "optional", "std::optional<int>", JEM_TYPE_OPTIONAL, JEM_SHAPE_OPTIONAL, 8, 4, NONE, NONE,
	  4, 0, "int" },
	{ "bitset", "std::bitset<12>", JEM_TYPE_BIT_VECTOR, JEM_SHAPE_BITS, 8, NONE, NONE, NONE,
	  NONE, 0, NULL },
};

static void check_class(struct bench *bench, const struct wanted *wanted)
{
	uint32_t id = member(bench, wanted->member);
	const struct jem_image_type *type = jem_types_get(bench->types, id);
	const struct jem_shape *shape = jem_types_shape(bench->types, id);

	printf("# %s: %s\n", wanted->member, text(bench, type->name));
	if (wanted->name)
		CHECK_STR(text(bench, type->name), wanted->name);
	CHECK_EQ(type->kind, wanted->kind);
	CHECK_EQ(type->size, wanted->size);
	CHECK_EQ(type->where, wanted->where);
	CHECK_EQ(shape->kind, wanted->shape);
	CHECK_EQ(shape->begin, wanted->begin);
	CHECK_EQ(shape->end, wanted->end);
	CHECK_EQ(shape->size, wanted->count_at);
	CHECK_EQ(shape->value, wanted->value);
	if (wanted->element) {
		const struct jem_image_type *element = jem_types_get(bench->types, shape->element);

		CHECK_EQ(type->target, shape->element);
		CHECK_STR(text(bench, element->name), wanted->element);
		CHECK_EQ(shape->element_size, element->size);
	}
}

CASE(knows_standard_classes_by_their_shape)
{
	struct bench bench;

	symbols_need("g++");
	set_up(&bench, "g++ -std=c++20", symbols_source("types.cc"), "Everything");
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
		check_class(&bench, &classes[i]);
	CHECK_EQ(jem_types_get(bench.types, member(&bench, "bitset"))->count, 12);
	CHECK_EQ(jem_types_get(bench.types, member(&bench, "fixed_span"))->count, 3);
	CHECK_EQ(jem_types_shape(bench.types, member(&bench, "set"))->header, 8);
	CHECK_EQ(jem_types_shape(bench.types, member(&bench, "deque"))->block, 512);
	tear_down(&bench);
}

CASE(knows_them_from_clang_too)
{
	struct bench bench;

	symbols_need("clang++");
	set_up(&bench, "clang++ -std=c++17 -fstandalone-debug", symbols_source("types.cc"),
	       "Everything");
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		struct wanted wanted = classes[i];

		if (strstr(wanted.member, "span"))
			continue;
		wanted.name = wanted.element = NULL; /* spelled with other blanks */
		check_class(&bench, &wanted);
	}
	tear_down(&bench);
}

CASE(spells_types_as_a_person_does)
{
	static const struct {
		const char *member, *name;
		uint8_t kind;
		uint32_t size;
	} wanted[] = {
		{ "function", "Fn", JEM_TYPE_POINTER, 8 },
		{ "array_pointer", "int (*)[3]", JEM_TYPE_POINTER, 8 },
		{ "grid", "int [2][3]", JEM_TYPE_ARRAY, 24 },
		{ "words", "const char *const *", JEM_TYPE_POINTER, 8 },
		{ "member", "int detector::Track::Inner::*", JEM_TYPE_MEMBER_POINTER, 8 },
		{ "method", "int (detector::Track::*)(int)", JEM_TYPE_MEMBER_POINTER, 16 },
		{ "array", "std::array<short int, 7>", JEM_TYPE_ARRAY, 14 },
		{ "pair", "std::pair<int, char>", JEM_TYPE_STRUCT, 8 },
	};
	struct bench bench;

	symbols_need("g++");
	set_up(&bench, "g++ -std=c++17", symbols_source("types.cc"), "Everything");
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		const struct jem_image_type *type =
			jem_types_get(bench.types, member(&bench, wanted[i].member));

		CHECK_STR(text(&bench, type->name), wanted[i].name);
		CHECK_EQ(type->kind, wanted[i].kind);
		CHECK_EQ(type->size, wanted[i].size);
	}
	tear_down(&bench);
}

static const struct jem_image_member *find(struct bench *bench, uint32_t id, const char *name)
{
	const struct jem_image_type *type = jem_types_get(bench->types, id);
	const struct jem_image_member *members = jem_types_members(bench->types, id);

	for (uint32_t i = 0; i < type->member_count; i++)
		if (!strcmp(text(bench, members[i].name), name))
			return &members[i];
	check_fail(__FILE__, __LINE__, "no member %s", name);
}

static void check_track(struct bench *bench, uint32_t track)
{
	const struct jem_image_type *color;
	const struct jem_image_member *values;

	CHECK_EQ(jem_types_get(bench->types, track)->member_count, 7);

	CHECK_EQ(find(bench, track, "detector::Base")->flags, JEM_MEMBER_BASE);
	CHECK_EQ(find(bench, track, "detector::Base")->offset, 0);
	CHECK_EQ(find(bench, track, "name")->offset, 16);
	CHECK_EQ(find(bench, track, "hits")->offset, 48);
	CHECK_EQ(find(bench, track, "first")->bits, 3);
	CHECK_EQ(find(bench, track, "first")->offset, 84 * 8);
	CHECK_EQ(find(bench, track, "second")->bits, 5);
	CHECK_EQ(find(bench, track, "second")->offset, 84 * 8 + 3);
	CHECK_EQ(find(bench, track, "second")->flags, JEM_MEMBER_BIT_FIELD);
	color = jem_types_get(bench->types, find(bench, track, "color")->type);
	values = jem_types_members(bench->types, find(bench, track, "color")->type);
	CHECK_STR(text(bench, color->name), "detector::Color");
	CHECK_EQ(color->kind, JEM_TYPE_ENUM);
	CHECK_EQ(color->member_count, 3);
	CHECK_STR(text(bench, values[1].name), "Green");
	CHECK_EQ(values[1].value, 5);
	CHECK_EQ(values[2].value, -1);
}

static void check_builds(const char *const builds[2])
{
	symbols_need("g++");
	for (size_t i = 0; i < 2; i++) {
		struct bench bench;
		uint32_t shared;

		printf("# %s\n", builds[i]);
		set_up(&bench, builds[i], symbols_source("types.cc"), "Everything");
		shared = member(&bench, "shared");
		check_track(&bench, jem_types_get(bench.types, shared)->target);
		tear_down(&bench);
	}
}

/* The same members whatever version of DWARF tells of them: bit-fields changed twice. */
CASE(reads_members_bases_and_bit_fields)
{
	static const char *const builds[2] = { "g++ -std=c++17 -gdwarf-5",
					       "g++ -std=c++17 -gdwarf-4" };

	check_builds(builds);
}

CASE(reads_members_of_old_and_shared_debug_data)
{
	static const char *const builds[2] = { "g++ -std=c++17 -gdwarf-3 -gstrict-dwarf",
					       "g++ -std=c++17 -gdwarf-4 -fdebug-types-section" };

	check_builds(builds);
}

CASE(leaves_what_nobody_asks_for_unread)
{
	struct jem_image_type *types;
	struct jem_image_member *members;
	struct bench bench;
	uint32_t id, target;

	symbols_need("gcc");
	symbols_shell(
		"printf '%%s\\n' 'struct far { int a; }; struct list { struct list *next; struct "
		"far *far; struct list *two[2]; } list; int main(void) { return 0; }' >l.c");
	set_up(&bench, "gcc", symbols_path("l.c"), "list");
	id = member(&bench, "far");
	CHECK_STR(text(&bench, jem_types_get(bench.types, id)->name), "struct far *");
	target = jem_types_get(bench.types, id)->target;
	types = calloc(jem_types_count(bench.types) + 8, sizeof(*types));
	members = calloc(jem_types_member_count(bench.types) + 64, sizeof(*members));
	jem_types_copy(bench.types, types, members);
	CHECK_STR(text(&bench, types[target].name), "struct far");
	CHECK_EQ(types[target].size, 4);
	CHECK_EQ(types[target].is_incomplete, 1);
	CHECK_EQ(jem_types_get(bench.types, target)->member_count, 1);
	jem_types_copy(bench.types, types, members);
	CHECK_EQ(types[target].is_incomplete, 0);
	/* a type that points to itself */
	id = member(&bench, "next");
	target = jem_types_get(bench.types, id)->target;
	CHECK_EQ(find(&bench, target, "next")->type, id);
	CHECK_EQ(jem_types_get(bench.types, find(&bench, target, "two")->type)->count, 2);
	free(types);
	free(members);
	tear_down(&bench);
}

/* A class of that name that is another one stays what it is. */
CASE(does_not_take_a_look_alike_for_a_container)
{
	struct bench bench;
	const struct jem_image_type *type;

	symbols_need("g++");
	symbols_shell(
		"printf '%%s\\n' 'namespace std { template <typename T> struct vector { int n; T "
		"*p; }; } struct Everything { std::vector<int> v; } e; int main() { return e.v.n; "
		"}' "
		">v.cc");
	set_up(&bench, "g++", symbols_path("v.cc"), "Everything");
	type = jem_types_get(bench.types, member(&bench, "v"));
	CHECK_EQ(type->kind, JEM_TYPE_STRUCT);
	CHECK_EQ(type->member_count, 2);
	CHECK_EQ(jem_types_shape(bench.types, member(&bench, "v"))->kind, JEM_SHAPE_PLAIN);
	tear_down(&bench);
}

static const char *signature_of(const struct symbols_image *image, const char *name)
{
	uint32_t id = symbols_function(image, name);

	if (!id)
		check_fail(__FILE__, __LINE__, "no function %s", name);
	return symbols_string(image, image->view.functions[id].signature);
}

CASE(spells_functions_as_a_person_does)
{
	static const char *const ours[] = { "file:types.cc", NULL };
	struct symbols_image image;

	symbols_need("g++");
	symbols_shell("g++ -std=c++17 -g -O1 -finstrument-functions '%s' -o traced",
		      symbols_source("types.cc"));
	symbols_read(&image, "traced", ours, NULL);
	CHECK_STR(signature_of(&image, "detector::(anonymous namespace)::hidden"),
		  "int detector::(anonymous namespace)::hidden(int)");
	CHECK_STR(signature_of(&image, "detector::Track::Track"),
		  "detector::Track::Track(const char *)");
	CHECK_STR(signature_of(&image, "detector::Track::~Track"), "detector::Track::~Track()");
	CHECK_STR(signature_of(&image, "detector::Track::area"),
		  "int detector::Track::area(int) const");
	CHECK_STR(signature_of(&image, "detector::Track::operator()"),
		  "double detector::Track::operator()(double)");
	CHECK_STR(signature_of(&image, "detector::Track::operator<"),
		  "bool detector::Track::operator<(const detector::Track &) const");
	CHECK_STR(signature_of(&image, "detector::Track::scale<double>"),
		  "double detector::Track::scale<double>(double)");
	CHECK_STR(signature_of(&image, "detector::sum<int, 3>"),
		  "int detector::sum<int, 3>(const int (&)[3])");
	CHECK_STR(signature_of(&image, "detector::Track::Inner::go"),
		  "int detector::Track::Inner::go(int)");
	CHECK_STR(signature_of(&image, "main::<lambda>::operator()"),
		  "int main::<lambda>::operator()(int) const");
	CHECK_STR(signature_of(&image, "main::Local::twice"), "int main::Local::twice()");
	CHECK_STR(signature_of(&image, "<lambda>::operator()"),
		  "int <lambda>::operator()(int) const");
	CHECK_STR(signature_of(&image, "pick"),
		  "int pick(Fn, const volatile char *const, int (&)[3])");
	CHECK_EQ(image.view.functions[symbols_function(&image, "detector::Track::area")].flags,
		 JEM_FUNCTION_INCLUDED | JEM_FUNCTION_METHOD);
	symbols_free(&image);
}

TESTS(T(knows_standard_classes_by_their_shape), T(knows_them_from_clang_too),
      T(spells_types_as_a_person_does), T(reads_members_bases_and_bit_fields),
      T(reads_members_of_old_and_shared_debug_data), T(leaves_what_nobody_asks_for_unread),
      T(does_not_take_a_look_alike_for_a_container), T(spells_functions_as_a_person_does))
