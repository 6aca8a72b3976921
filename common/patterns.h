/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patterns: which functions are traced.
 *
 * A function is taken if one of the include patterns has it and none of the exclude patterns. A pattern is
 *
 *	PATTERN          a function by its qualified name: ns::Class::method, (anonymous namespace)::f
 *	file:PATTERN     all functions of a source file; matched on the whole path or its last components
 *	module:PATTERN   all functions of a program or library; on its path or last components
 *
 * In all of them * is any text, ? any character, [abc], [a-z] and [!a] one of a set, and \ takes the next
 * character as it is. A pattern without these matches a function's whole name or its last components
 * (`method`, `Class::method`). Template arguments may be left out (`sort` takes `sort<int>`). With a
 * parenthesis the parameters count too, spelled as in signatures: `f(int, const char *)`; operator() alone
 * has none. A comma elsewhere would separate two patterns: it is refused.
 *
 * Ownership: owns copies of all it was given
 * Bound:     JEM_PATTERNS_MAX patterns of JEM_PATTERN_BYTES; matching takes at most the product of the two
 *            lengths
 */
#ifndef JEM_COMMON_PATTERNS_H
#define JEM_COMMON_PATTERNS_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JEM_PATTERNS_MAX  256
#define JEM_PATTERN_BYTES 512

struct jem_patterns;

/* 0, or -EINVAL with the pattern that is bad and why, in one line; -ENOMEM. */
int jem_patterns_create(const char *const *include, size_t include_count,
			const char *const *exclude, size_t exclude_count, struct jem_patterns **ret,
			struct jem_err *err);
void jem_patterns_destroy(struct jem_patterns *patterns);

/* Is the pattern well-formed? 0 or -EINVAL with the reason. */
int jem_pattern_check(const char *pattern, struct jem_err *err);

struct jem_pattern_subject {
	const char *name;   /* qualified, without parameters */
	const char *call;   /* with them; may be NULL unless jem_patterns_need_parameters */
	const char *file;   /* may be NULL unless jem_patterns_need_files */
	const char *module; /* path */
};

bool jem_patterns_take(const struct jem_patterns *patterns,
		       const struct jem_pattern_subject *subject);

/*
 * Sets a mark, a bit by its place in the list, for each include pattern that has the function, excluded or
 * not: one that nothing has ever set names nothing.
 */
#define JEM_PATTERN_MARKS (JEM_PATTERNS_MAX / 8)
void jem_patterns_mark(const struct jem_patterns *patterns,
		       const struct jem_pattern_subject *subject, uint8_t marks[JEM_PATTERN_MARKS]);

/* What the patterns ask for, so that nobody looks up what no pattern needs. */
bool jem_patterns_need_files(const struct jem_patterns *patterns);
bool jem_patterns_need_parameters(const struct jem_patterns *patterns);

/* The matcher alone. */
bool jem_pattern_match(const char *pattern, const char *text);

#endif
