/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check: the ground of the unit tests. TAP on standard output, one process per case.
 *
 *	CASE(drops_oldest_when_full)
 *	{
 *		CHECK_EQ(jem_ring_count(&ring), 3);
 *	}
 *	TESTS(T(drops_oldest_when_full), T(keeps_the_order))
 *
 * A case runs in a child of its own: a crash is one failed case, not a lost file. It fails when a
 * check fails (both operands are printed), when it leaves a descriptor open, or after 60 s
 * (JEM_TEST_CASE_SECONDS).
 */
#ifndef JEM_TESTS_UNIT_CHECK_H
#define JEM_TESTS_UNIT_CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check_case {
	const char *name;
	void (*run)(void);
};

/* Runs every case, or only those named on the command line. */
int check_main(int argc, char **argv, const struct check_case *cases, size_t count);

/* Ends the case as failed, with the place and a reason. */
_Noreturn void check_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Ends the case as skipped, or as failed when JEM_TEST_REQUIRE_ALL is set. */
_Noreturn void check_skip(const char *reason);

/* A private folder of this case, removed with its content afterwards. */
const char *check_folder(void);

#define CASE(name) static void name(void)
#define T(name)                                                                                    \
	{                                                                                          \
#name, name                                                                        \
	}
#define TESTS(...)                                                                                 \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		static const struct check_case cases[] = { __VA_ARGS__ };                          \
                                                                                                   \
		return check_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));              \
	}

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			check_fail(__FILE__, __LINE__, "%s", #condition);                          \
	} while (0)

#define CHECK_COMPARE(a, op, b)                                                                    \
	do {                                                                                       \
		long long a_ = (long long)(a);                                                     \
		long long b_ = (long long)(b);                                                     \
                                                                                                   \
		if (!(a_ op b_))                                                                   \
			check_fail(__FILE__, __LINE__, "%s is %lld, wanted " #op " %s, %lld", #a,  \
				   a_, #b, b_);                                                    \
	} while (0)

#define CHECK_EQ(a, b) CHECK_COMPARE(a, ==, b)
#define CHECK_LE(a, b) CHECK_COMPARE(a, <=, b)
#define CHECK_GE(a, b) CHECK_COMPARE(a, >=, b)
#define CHECK_OK(a)    CHECK_COMPARE(a, >=, 0)

#define CHECK_NEAR(a, b, tolerance)                                                                \
	do {                                                                                       \
		double a_ = (a);                                                                   \
		double b_ = (b);                                                                   \
                                                                                                   \
		if (!(a_ - b_ <= (tolerance) && b_ - a_ <= (tolerance)))                           \
			check_fail(__FILE__, __LINE__, "%s is %.12g, wanted %.12g +- %g", #a, a_,  \
				   b_, (double)(tolerance));                                       \
	} while (0)

#define CHECK_STR(a, b)                                                                            \
	do {                                                                                       \
		const char *a_ = (a);                                                              \
		const char *b_ = (b);                                                              \
                                                                                                   \
		if (!a_ || !b_ || strcmp(a_, b_))                                                  \
			check_fail(__FILE__, __LINE__, "%s is \"%s\", wanted \"%s\"", #a,          \
				   a_ ? a_ : "(null)", b_ ? b_ : "(null)");                        \
	} while (0)

#define CHECK_CONTAINS(a, b)                                                                       \
	do {                                                                                       \
		const char *a_ = (a);                                                              \
		const char *b_ = (b);                                                              \
                                                                                                   \
		if (!a_ || !strstr(a_, b_))                                                        \
			check_fail(__FILE__, __LINE__, "%s is \"%s\", wanted \"%s\" in it", #a,    \
				   a_ ? a_ : "(null)", b_);                                        \
	} while (0)

#endif
