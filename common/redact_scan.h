/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redact_scan: where in a text something may have to be hidden (inside the redactor only).
 *
 * Every word below holds a window of three bytes, so one of two pairs of bytes stands at an even
 * distance from any start. A bitmap of these pairs, 8 KiB, is asked for every second byte: 0.3 ns a
 * byte, where an automaton or a PCRE2 alternation costs 1 to 3.
 */
#ifndef JEM_COMMON_REDACT_SCAN_H
#define JEM_COMMON_REDACT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The words of names come first, in the order of the contract. */
enum jem_redact_word {
	JEM_REDACT_PASS,
	JEM_REDACT_SECRET,
	JEM_REDACT_TOKEN,
	JEM_REDACT_KEY,
	JEM_REDACT_CRED,
	JEM_REDACT_AUTH,
	JEM_REDACT_COOKIE,
	JEM_REDACT_PROXY,
	JEM_REDACT_BEARER,
	JEM_REDACT_BASIC,
	JEM_REDACT_URL,
	JEM_REDACT_JWT,
	JEM_REDACT_PEM,
	JEM_REDACT_WORD_COUNT,
	JEM_REDACT_NAME_WORDS = JEM_REDACT_BEARER,
};

/* A pair of some window, in lower case: the word and how far before the pair it begins. */
struct jem_redact_probe {
	char pair[2];
	uint8_t word;
	uint8_t before;
	uint8_t next; /* 1 + the index of the next probe of the same hash, 0: none */
};

struct jem_redact_scanner {
	uint64_t pairs[1024]; /* bit b0 + 256 * b1: the pair is in some window */
	uint8_t heads[64];    /* of a pair's hash: 1 + the index of its first probe */
	struct jem_redact_probe probes[2 * JEM_REDACT_WORD_COUNT];
};

void jem_redact_scanner_init(struct jem_redact_scanner *scanner);

struct jem_redact_hit {
	enum jem_redact_word word;
	size_t start;
	size_t end;
};

/* The first word at or after `from`, in any case. */
bool jem_redact_scan(const struct jem_redact_scanner *scanner, const char *text, size_t len,
		     size_t from, struct jem_redact_hit *ret);

/* Whether a word of names begins at text; its length, or 0. */
size_t jem_redact_name_word(const char *text, size_t len);

#endif
