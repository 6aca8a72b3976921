/* SPDX-License-Identifier: Apache-2.0 */
#include "common/patterns.h"

#include "tests/unit/check.h"

#include <errno.h>

static bool takes(const char *include, const char *exclude,
		  const struct jem_pattern_subject *subject)
{
	struct jem_patterns *patterns = NULL;
	struct jem_err err = { "" };
	bool is_taken;

	if (jem_patterns_create(&include, 1, &exclude, exclude ? 1 : 0, &patterns, &err) < 0)
		check_fail(__FILE__, __LINE__, "\"%s\": %s", include, err.text);
	is_taken = jem_patterns_take(patterns, subject);
	jem_patterns_destroy(patterns);
	return is_taken;
}

static bool names(const char *pattern, const char *name)
{
	struct jem_pattern_subject subject = { .name = name };

	return takes(pattern, NULL, &subject);
}

CASE(a_plain_word_names_the_last_components)
{
	CHECK(names("update", "update"));
	CHECK(names("update", "ns::Class::update"));
	CHECK(names("Class::update", "ns::Class::update"));
	CHECK(!names("date", "ns::Class::update"));
	CHECK(!names("ns::Class", "ns::Class::update"));
	CHECK(!names("lass::update", "ns::Class::update"));
	CHECK(names("hidden", "ns::(anonymous namespace)::hidden"));
	CHECK(names("(anonymous namespace)::hidden", "ns::(anonymous namespace)::hidden"));
}

CASE(wildcards_match_the_whole_name)
{
	CHECK(names("*", "anything::at::all"));
	CHECK(names("ns::*", "ns::Class::update"));
	CHECK(!names("ns::*", "other::ns::f"));
	CHECK(names("*::up?ate", "ns::Class::update"));
	CHECK(names("[a-f]oo", "foo"));
	CHECK(!names("[!a-f]oo", "foo"));
	CHECK(!names("[]a]oo", "foo"));
	CHECK(names("f\\*", "f*"));
	CHECK(!names("f\\*", "fx"));
	CHECK(names("*a*b*c*", "xxaxxbxxc"));
	CHECK(!names("*a*b*c*d", "xxaxxbxxc"));
}

CASE(template_arguments_may_be_left_out)
{
	CHECK(names("sort", "sort<int>"));
	CHECK(names("Vec::push", "ns::Vec<std::map<int, X> >::push<A<B>>"));
	CHECK(names("Vec<int>::push", "Vec<int>::push"));
	CHECK(!names("Vec<int>::push", "Vec<long>::push"));
	CHECK(names("operator<", "ns::T::operator<"));
	CHECK(names("operator<<", "ns::operator<<"));
	CHECK(names("T::operator->", "ns::T<int>::operator->"));
	CHECK(names("main::<lambda>::operator()", "main::<lambda>::operator()"));
	CHECK(names("Matrix::operator[]", "la::Matrix<4>::operator[]"));
}

CASE(parameters_count_only_where_they_are_written)
{
	struct jem_pattern_subject subject = { .name = "ns::f",
					       .call = "ns::f(int, const char *)" };

	CHECK(takes("f", NULL, &subject));
	CHECK(takes("f(int, const char *)", NULL, &subject));
	CHECK(!takes("f(int)", NULL, &subject));
	CHECK(takes("*f(int*)", NULL, &subject));
	subject.name = "T::operator()";
	subject.call = "T::operator()(double)";
	CHECK(takes("operator()", NULL, &subject));
	CHECK(takes("operator()(double)", NULL, &subject));
	CHECK(!takes("operator()(int)", NULL, &subject));
}

CASE(files_and_modules_match_on_their_last_components)
{
	struct jem_pattern_subject subject = { .name = "f",
					       .file = "/home/a/src/track.cc",
					       .module = "/opt/lib/libfit.so.1" };

	CHECK(takes("file:track.cc", NULL, &subject));
	CHECK(takes("file:src/*.cc", NULL, &subject));
	CHECK(takes("file:/home/*", NULL, &subject));
	CHECK(!takes("file:/src/*", NULL, &subject));
	CHECK(!takes("file:rack.cc", NULL, &subject));
	CHECK(takes("module:libfit.so*", NULL, &subject));
	CHECK(takes("module:/opt/lib/libfit.so.1", NULL, &subject));
	CHECK(!takes("module:fit*", NULL, &subject));
	subject.file = NULL;
	CHECK(!takes("file:*", NULL, &subject));
}

CASE(an_exclude_pattern_takes_out_again)
{
	struct jem_pattern_subject subject = { .name = "ns::f", .file = "/src/f.c" };

	CHECK(!takes("ns::*", "f", &subject));
	CHECK(!takes("ns::*", "file:f.c", &subject));
	CHECK(takes("ns::*", "g", &subject));
	CHECK(!takes("g", "h", &subject));
}

CASE(tells_what_patterns_need)
{
	const char *list[] = { "f", "file:*.c", "g(int)" };
	struct jem_patterns *patterns;

	CHECK_OK(jem_patterns_create(list, 1, NULL, 0, &patterns, NULL));
	CHECK(!jem_patterns_need_files(patterns) && !jem_patterns_need_parameters(patterns));
	jem_patterns_destroy(patterns);
	CHECK_OK(jem_patterns_create(list, 1, list + 1, 2, &patterns, NULL));
	CHECK(jem_patterns_need_files(patterns) && jem_patterns_need_parameters(patterns));
	jem_patterns_destroy(patterns);
}

CASE(says_what_is_wrong_in_one_line)
{
	static const struct {
		const char *pattern, *reason;
	} bad[] = {
		{ "", "an empty pattern" },           { "a[bc", "without its ]" },
		{ "trail\\", "ends in a backslash" }, { "files:x", "no kind of pattern" },
		{ "file:", "names nothing" },         { "a\nb", "control character" },
	};
	char longest[JEM_PATTERN_BYTES + 1];
	struct jem_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_EQ(jem_pattern_check(bad[i].pattern, &err), -EINVAL);
		CHECK_CONTAINS(err.text, bad[i].reason);
	}
	memset(longest, 'x', sizeof(longest));
	longest[JEM_PATTERN_BYTES] = '\0';
	CHECK_EQ(jem_pattern_check(longest, &err), -EINVAL);
	longest[JEM_PATTERN_BYTES - 1] = '\0';
	CHECK_OK(jem_pattern_check(longest, &err));
}

/* A backtracking matcher would take longer than the case may. */
CASE(refuses_two_patterns_in_one)
{
	static const char *const lists[] = { "a,b", "a, b", "ns::f(int),g", "f<int>,g<int>",
					     "Class::*,file:x.c" };
	static const char *const names_with_commas[] = {
		"f(int, const char *)",
		"std::map<int, char>::*",
		"operator,",
		"ns::operator,(A, B)",
		"f[,;]",
		"file:a,b.c",
	};
	struct jem_err err = { "" };

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		CHECK_EQ(jem_pattern_check(lists[i], &err), -EINVAL);
		CHECK_CONTAINS(err.text, "two patterns");
	}
	for (size_t i = 0; i < sizeof(names_with_commas) / sizeof(*names_with_commas); i++)
		CHECK_OK(jem_pattern_check(names_with_commas[i], &err));
	CHECK(names("ns::operator,(A, B)", "ns::operator,") == false);
	CHECK(names("operator,", "ns::operator,"));
}

CASE(marks_the_patterns_that_take_something)
{
	static const char *const include[] = { "f", "g", "ns::*", "file:x.c" };
	static const char *const exclude[] = { "f" };
	struct jem_pattern_subject f = { .name = "ns::f", .file = "/src/x.c" };
	struct jem_pattern_subject h = { .name = "h", .file = "/src/y.c" };
	uint8_t marks[JEM_PATTERN_MARKS] = { 0 };
	struct jem_patterns *patterns;
	struct jem_err err = { "" };

	CHECK_OK(jem_patterns_create(include, 4, exclude, 1, &patterns, &err));
	jem_patterns_mark(patterns, &h, marks);
	CHECK_EQ(marks[0], 0);
	jem_patterns_mark(patterns, &f, marks);
	CHECK_EQ(marks[0], 0xd);
	jem_patterns_destroy(patterns);
}

CASE(many_stars_do_not_blow_up)
{
	char text[2000], pattern[400];

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	for (size_t i = 0; i + 2 < sizeof(pattern); i += 2)
		memcpy(pattern + i, "*a", 2);
	strcpy(pattern + sizeof(pattern) - 2, "b");
	CHECK(!jem_pattern_match(pattern, text));
}

TESTS(T(a_plain_word_names_the_last_components), T(wildcards_match_the_whole_name),
      T(template_arguments_may_be_left_out), T(parameters_count_only_where_they_are_written),
      T(files_and_modules_match_on_their_last_components), T(an_exclude_pattern_takes_out_again),
      T(tells_what_patterns_need), T(says_what_is_wrong_in_one_line),
      T(refuses_two_patterns_in_one), T(marks_the_patterns_that_take_something),
      T(many_stars_do_not_blow_up))
