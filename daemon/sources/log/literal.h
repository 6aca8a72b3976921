/* SPDX-License-Identifier: Apache-2.0 */
/*
 * literal: plain strings one of which is in every text that a pattern matches.
 *
 * Searching a whole chunk for a few literals costs less than one look of PCRE2 at each line, and
 * most rules match almost nothing. The reader of patterns is conservative: what it does not know
 * for certain gives no literals, and such a rule is tried on every line.
 */
#ifndef JEM_DAEMON_SOURCES_LOG_LITERAL_H
#define JEM_DAEMON_SOURCES_LOG_LITERAL_H

#include <stddef.h>

#define JEM_LITERAL_MAX  8  /* alternatives */
#define JEM_LITERAL_SIZE 32 /* bytes of one; a longer one is cut, which is as true */
#define JEM_LITERAL_MIN  3  /* a shorter one is in too many lines to save anything */

struct jem_literals {
	size_t count; /* 0: nothing is known */
	struct {
		unsigned char len;
		char text[JEM_LITERAL_SIZE];
	} any_of[JEM_LITERAL_MAX];
};

void jem_literals_of(const char *pattern, struct jem_literals *ret);

#endif
