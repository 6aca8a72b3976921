/* SPDX-License-Identifier: Apache-2.0 */
/* What plans say of variables without a value, and which variables there are. */
#include "tests/unit/symbols.h"

static const char *const reasons[] = {
#define MISSING(name, word) word,
	JEM_MISSING_REASONS(MISSING)
#undef MISSING
};

struct slots {
	const struct jem_image_slot *list;
	uint32_t count;
};

/* Why a variable has no value, "" if it has one, "none" if it is not there at all. */
static const char *lack_of(const struct symbols_image *image, struct slots slots, const char *name)
{
	for (uint32_t i = 0; i < slots.count; i++)
		if (!slots.list[i].parent &&
		    !strcmp(symbols_string(image, slots.list[i].name), name))
			return reasons[slots.list[i].missing];
	return "none";
}

/* Whether what a variable points to is copied, too. */
static bool is_followed(const struct symbols_image *image, struct slots slots, const char *name)
{
	for (uint32_t i = 0; i < slots.count; i++)
		for (uint32_t j = 0; j < slots.count; j++)
			if (!slots.list[i].parent && slots.list[j].parent == i + 1 &&
			    !strcmp(symbols_string(image, slots.list[i].name), name))
				return true;
	return false;
}

/* The caller's variables at the first call in a function of the source. */
static struct slots at_call(const struct symbols_image *image, const char *function)
{
	uint32_t number = symbols_function(image, function);
	struct slots found = { .list = NULL };

	for (size_t i = 0; i < image->view.callsite_count; i++) {
		const struct jem_image_callsite *there = &image->view.callsites[i];

		if (there->function == number && !found.list)
			found = (struct slots){ image->view.slots + there->slot,
						there->slot_count };
	}
	if (!found.list)
		check_fail(__FILE__, __LINE__, "no call in %s", function);
	return found;
}

static struct slots at_site(const struct symbols_image *image, const char *function, bool is_exit)
{
	uint32_t number = symbols_function(image, function);

	for (size_t i = 0; i < image->view.site_count; i++) {
		const struct jem_image_site *there = &image->view.sites[i];

		if (there->function == number && !!(there->flags & JEM_SITE_EXIT) == is_exit)
			return (struct slots){ image->view.slots + there->slot, there->slot_count };
	}
	check_fail(__FILE__, __LINE__, "no site of %s", function);
}

static void look_at_locals(const char *compiler)
{
	struct symbols_image image;

	symbols_need(compiler);
	symbols_shell("%s -g -O0 -finstrument-functions '%s' -o traced", compiler,
		      symbols_source("locals.cc"));
	symbols_read_values(&image, "traced", jem_plan_compile);
	CHECK_EQ(image.view.header->flags, 0);
	CHECK_STR(lack_of(&image, at_call(&image, "from_call"), "fresh"), "uninitialised");
	CHECK_STR(lack_of(&image, at_call(&image, "from_call"), "n"), "");
	CHECK_STR(lack_of(&image, at_call(&image, "counted"), "i"), "");
	CHECK_STR(lack_of(&image, at_call(&image, "counted"), "sum"), "");
	CHECK_STR(lack_of(&image, at_call(&image, "by_address"), "target"), "uninitialised");
	symbols_free(&image);
}

CASE(tells_locals_without_a_value_on_the_line_of_a_call)
{
	struct symbols_image image;

	look_at_locals("g++");
	symbols_read_values(&image, "traced", jem_plan_compile);
	CHECK_STR(lack_of(&image, at_call(&image, "text"), "words"), "uninitialised");
	CHECK_STR(lack_of(&image, at_call(&image, "array"), "zeros"), "");
	symbols_free(&image);
}

CASE(tells_them_of_clang_too)
{
	look_at_locals("clang++");
}

/* Which virtual bases are to be built and by which table: the source has no such arguments. */
CASE(leaves_out_arguments_that_the_compiler_adds)
{
	struct symbols_image image;

	symbols_need("g++");
	symbols_shell("g++ -g -O0 -finstrument-functions '%s' -o traced",
		      symbols_source("locals.cc"));
	symbols_read_values(&image, "traced", jem_plan_compile);
	for (int is_exit = 0; is_exit < 2; is_exit++) {
		struct slots slots = at_site(&image, "Left::Left", is_exit);

		CHECK_STR(lack_of(&image, slots, "this"), "");
		CHECK_STR(lack_of(&image, slots, "l"), "");
		CHECK_STR(lack_of(&image, slots, "__in_chrg"), "none");
		CHECK_STR(lack_of(&image, slots, "__vtt_parm"), "none");
	}
	symbols_free(&image);
}

static const char in_registers[] =
	"int x; __attribute__((noinline)) void f(int a) { x = a; } "
	"__attribute__((noinline)) int g(int a, int b) { f(a + b); return a * b; } "
	"int main(int c, char **v) { (void)v; return g(c, c + 1); }";

/*
 * Builds with what `change`, a sed command on the assembly, makes of locations of one byte: those in one
 * register. `$1` stands for that byte.
 */
static void build_changed(int version, const char *change)
{
	symbols_need("gcc");
	symbols_shell("printf '%%s\\n' '%s' >regs.c && "
		      "gcc -g -gdwarf-%d -O2 -fno-inline -dA -finstrument-functions -S regs.c && "
		      "sed -E -i -z '%s' regs.s && gcc -g -O2 regs.s -o traced",
		      in_registers, version, change);
}

#define SIZE_OF_ONE_5                                                                              \
	"(\\.uleb128 )0x1(\\t# Location expression size[^\\n]*\\n\\t\\.byte\\t0x[0-9a-f]*)"
#define SIZE_OF_ONE_4                                                                              \
	"(\\.value\\t)0x1(\\t# Location expression size[^\\n]*\\n\\t\\.byte\\t0x[0-9a-f]*)"

/* Variables of a plan by whether they have a value, or lack it for this reason. */
static void count_lacks(const struct symbols_image *image, unsigned *there, unsigned counts[16])
{
	struct slots slots = { image->view.slots, (uint32_t)image->view.slot_count };

	*there = 0;
	memset(counts, 0, 16 * sizeof(*counts));
	for (uint32_t i = 0; i < slots.count; i++) {
		*there += !slots.list[i].missing;
		counts[slots.list[i].missing % 16]++;
	}
}

/* At entry the object is what lay in its memory before. */
CASE(follows_this_of_a_constructor_when_it_is_made)
{
	static const char *const compilers[] = { "g++", "clang++" };

	for (size_t i = 0; i < sizeof(compilers) / sizeof(*compilers); i++) {
		struct symbols_image image;

		symbols_need(compilers[i]);
		symbols_shell("%s -g -O0 -finstrument-functions '%s' -o traced", compilers[i],
			      symbols_source("locals.cc"));
		symbols_read_values(&image, "traced", jem_plan_compile);
		CHECK(!is_followed(&image, at_site(&image, "Left::Left", false), "this"));
		CHECK_STR(lack_of(&image, at_site(&image, "Left::Left", false), "this"), "");
		CHECK(is_followed(&image, at_site(&image, "Left::Left", true), "this"));
		CHECK(is_followed(&image, at_site(&image, "Left::sum", false), "this"));
		symbols_free(&image);
	}
}

CASE(takes_the_compilers_word_that_a_variable_is_uninitialised)
{
	static const char *const changes[] = { "s/" SIZE_OF_ONE_4 "/\\10x2\\2, 0xf0/g",
					       "s/" SIZE_OF_ONE_5 "/\\10x2\\2, 0xf0/g" };
	struct symbols_image image;
	unsigned there, counts[16];

	for (int version = 4; version <= 5; version++) {
		build_changed(version, "");
		symbols_read_values(&image, "traced", jem_plan_compile);
		count_lacks(&image, &there, counts);
		CHECK(there > 6);
		CHECK_EQ(counts[JEM_MISSING_UNINITIALISED], 0);
		symbols_free(&image);
		build_changed(version, changes[version - 4]);
		symbols_read_values(&image, "traced", jem_plan_compile);
		count_lacks(&image, &there, counts);
		CHECK(counts[JEM_MISSING_UNINITIALISED] > 2);
		CHECK_EQ(counts[JEM_MISSING_UNSUPPORTED], 0);
		CHECK_EQ(image.view.header->flags, 0);
		CHECK_STR(symbols_string(&image, image.view.header->note), "");
		symbols_free(&image);
	}
}

CASE(lets_a_bad_location_cost_its_variable_only)
{
	struct symbols_image image;
	unsigned there, counts[16];

	build_changed(5, "s/" SIZE_OF_ONE_5 "/\\10x2\\2, 0xe7/g");
	symbols_read_values(&image, "traced", jem_plan_compile);
	count_lacks(&image, &there, counts);
	CHECK(counts[JEM_MISSING_UNSUPPORTED] > 2);
	CHECK(there > 0);
	CHECK_EQ(image.view.header->flags, 0);
	CHECK_CONTAINS(symbols_string(&image, image.view.header->note),
		       "locations of variables are not to be understood");
	symbols_free(&image);
}

/* Debug data has the whole in memory, where the function has stored one of its two registers. */
CASE(shows_no_argument_of_which_a_part_was_never_stored)
{
	static const char *const levels[] = { "-O0", "-O1", "-O2" };
	struct symbols_image image;

	symbols_need("g++");
	for (unsigned i = 0; i < 3; i++) {
		symbols_shell("g++ -g %s -finstrument-functions '%s' -o traced", levels[i],
			      symbols_source("locals.cc"));
		symbols_read_values(&image, "traced", jem_plan_compile);
		for (int is_exit = 0; is_exit < 2; is_exit++) {
			printf("# %s, %s\n", levels[i], is_exit ? "exit" : "enter");
			CHECK_STR(lack_of(&image, at_site(&image, "first_of", is_exit), "of"),
				  i ? "optimised out" : "");
			CHECK_STR(lack_of(&image, at_site(&image, "sum_of", is_exit), "of"), "");
		}
		symbols_free(&image);
	}
}

/* --- types of other units ----------------------------------------------------------------------- */

static const struct jem_image_type *type_named(const struct symbols_image *image, const char *name)
{
	for (size_t i = 1; i < image->view.type_count; i++)
		if (!strcmp(symbols_string(image, image->view.types[i].name), name))
			return &image->view.types[i];
	check_fail(__FILE__, __LINE__, "no type %s", name);
}

/* One of the name is known by it only; the unit that defines it has it whole. */
static bool stays_incomplete(const struct symbols_image *image, const char *name)
{
	for (size_t i = 1; i < image->view.type_count; i++)
		if (!strcmp(symbols_string(image, image->view.types[i].name), name) &&
		    image->view.types[i].is_incomplete && !image->view.types[i].size)
			return true;
	return false;
}

static const char *member_name(const struct symbols_image *image, const struct jem_image_type *type,
			       uint32_t number)
{
	CHECK(number < type->member_count);
	return symbols_string(image, image->view.members[type->members + number].name);
}

static void look_at_declared(const char *compiler, const char *flags)
{
	struct symbols_image image;
	const struct jem_image_type *type;

	symbols_need(compiler);
	symbols_shell("%s -g %s -O0 -finstrument-functions '%s' -o traced", compiler, flags,
		      symbols_source("declares.cc"));
	symbols_read_values(&image, "traced", jem_plan_compile);
	type = type_named(&image, "ns::Hidden");
	CHECK_EQ(type->is_incomplete, 0);
	CHECK_EQ(type->size, 40);
	CHECK_STR(member_name(&image, type, 1), "text");
	type = type_named(&image, "ns::Track");
	CHECK_EQ(type->size, 16);
	CHECK_STR(member_name(&image, type, 0), "length");
	CHECK_STR(member_name(&image, type_named(&image, "ns::Track::Part"), 0), "inner");
	CHECK_STR(member_name(&image, type_named(&image, "ns::Colour"), 1), "green");
	CHECK(stays_incomplete(&image, "Doubtful"));
	CHECK(stays_incomplete(&image, "Nowhere"));
	CHECK(!stays_incomplete(&image, "ns::Hidden"));
	symbols_free(&image);
}

CASE(finds_what_is_declared_here_where_it_is_defined)
{
	char others[1024];

	snprintf(others, sizeof(others), "%s", symbols_source("defines.cc"));
	snprintf(others + strlen(others), sizeof(others) - strlen(others), " %s",
		 symbols_source("defines_other.cc"));
	look_at_declared("g++", others);
	look_at_declared("clang++ -fstandalone-debug", others);
}

/* --- one plan for many calls -------------------------------------------------------------------- */

static unsigned compiled;

static int compile_counted(const struct jem_plan_request *request, struct jem_plan *ret)
{
	compiled++;
	return jem_plan_compile(request, ret);
}

static int compile_each(const struct jem_plan_request *request, struct jem_plan *ret)
{
	int rc = compile_counted(request, ret);

	ret->reach.scope = NULL;
	return rc;
}

static void check_same_plan(const struct symbols_image *a, const struct symbols_image *b, size_t i)
{
	const struct jem_image_callsite *x = &a->view.callsites[i], *y = &b->view.callsites[i];

	CHECK_EQ(x->pc, y->pc);
	CHECK_EQ(x->code_count, y->code_count);
	CHECK_EQ(x->slot_count, y->slot_count);
	CHECK(!memcmp(a->view.code + x->code, b->view.code + y->code,
		      x->code_count * sizeof(*a->view.code)));
	for (uint32_t k = 0; k < x->slot_count; k++) {
		const struct jem_image_slot *s = &a->view.slots[x->slot + k];
		const struct jem_image_slot *t = &b->view.slots[y->slot + k];

		CHECK_STR(symbols_string(a, s->name), symbols_string(b, t->name));
		CHECK_EQ(s->missing, t->missing);
		CHECK_EQ(s->fixed, t->fixed);
		CHECK_EQ(s->size, t->size);
		CHECK_EQ(s->line, t->line);
	}
}

CASE(gives_calls_one_plan_only_where_it_is_the_right_one)
{
	static const char *const sources[] = { "locals.cc", "types.cc" };
	static const char *const flags[] = { "-O0", "-O0 -fomit-frame-pointer", "-O2" };

	symbols_need("g++");
	for (unsigned i = 0; i < 6; i++) {
		struct symbols_image shared, each;
		unsigned without;

		symbols_shell("g++ -std=c++20 -g %s -finstrument-functions '%s' -o traced",
			      flags[i / 2], symbols_source(sources[i % 2]));
		compiled = 0;
		symbols_read_values(&each, "traced", compile_each);
		without = compiled;
		compiled = 0;
		symbols_read_values(&shared, "traced", compile_counted);
		printf("# %s %s: %u plans instead of %u\n", sources[i % 2], flags[i / 2], compiled,
		       without);
		if (i / 2 < 2)
			CHECK(compiled < without);
		CHECK_EQ(shared.view.callsite_count, each.view.callsite_count);
		CHECK_EQ(shared.view.slot_count, each.view.slot_count);
		for (size_t k = 0; k < each.view.callsite_count; k++)
			check_same_plan(&shared, &each, k);
		symbols_free(&shared);
		symbols_free(&each);
	}
}

TESTS(T(tells_locals_without_a_value_on_the_line_of_a_call), T(tells_them_of_clang_too),
      T(leaves_out_arguments_that_the_compiler_adds),
      T(follows_this_of_a_constructor_when_it_is_made),
      T(takes_the_compilers_word_that_a_variable_is_uninitialised),
      T(lets_a_bad_location_cost_its_variable_only),
      T(shows_no_argument_of_which_a_part_was_never_stored),
      T(finds_what_is_declared_here_where_it_is_defined),
      T(gives_calls_one_plan_only_where_it_is_the_right_one))
