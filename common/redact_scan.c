/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redact_scan.h"

#include <string.h>
#include <strings.h>

struct word {
	const char *text; /* in lower case */
	uint8_t len;
	uint8_t window; /* where the window of three bytes begins: its pairs are rare in prose */
};

#define WORD(text, window)                                                                         \
	{                                                                                          \
		text, sizeof(text) - 1, window                                                     \
	}

static const struct word words[JEM_REDACT_WORD_COUNT] = {
	[JEM_REDACT_PASS] = WORD("pass", 0),       [JEM_REDACT_SECRET] = WORD("secret", 1),
	[JEM_REDACT_TOKEN] = WORD("token", 1),     [JEM_REDACT_KEY] = WORD("key", 0),
	[JEM_REDACT_CRED] = WORD("cred", 0),       [JEM_REDACT_AUTH] = WORD("auth", 0),
	[JEM_REDACT_COOKIE] = WORD("cookie", 1),   [JEM_REDACT_PROXY] = WORD("proxy", 2),
	[JEM_REDACT_BEARER] = WORD("bearer", 0),   [JEM_REDACT_BASIC] = WORD("basic", 0),
	[JEM_REDACT_URL] = WORD("://", 0),         [JEM_REDACT_JWT] = WORD("eyj", 0),
	[JEM_REDACT_PEM] = WORD("-----begin ", 4),
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c;
}

static unsigned pair_of(char first, char second)
{
	return (unsigned)(unsigned char)first | (unsigned)(unsigned char)second << 8;
}

static void add_pair(struct jem_redact_scanner *scanner, char first, char second)
{
	const char firsts[] = { first, upper(first) };
	const char seconds[] = { second, upper(second) };

	for (int f = 0; f < 2; f++)
		for (int s = 0; s < 2; s++) {
			unsigned pair = pair_of(firsts[f], seconds[s]);

			scanner->pairs[pair / 64] |= 1ull << pair % 64;
		}
}

static unsigned hash_of(char first, char second)
{
	return ((unsigned)first * 7 + (unsigned)second) % 64;
}

void jem_redact_scanner_init(struct jem_redact_scanner *scanner)
{
	memset(scanner, 0, sizeof(*scanner));
	for (int i = 0; i < 2 * JEM_REDACT_WORD_COUNT; i++) {
		const struct word *word = &words[i / 2];
		unsigned before = word->window + (unsigned)i % 2;
		const char *pair = word->text + before;
		uint8_t *head = &scanner->heads[hash_of(pair[0], pair[1])];

		add_pair(scanner, pair[0], pair[1]);
		scanner->probes[i] = (struct jem_redact_probe){
			{ pair[0], pair[1] }, (uint8_t)(i / 2), (uint8_t)before, *head
		};
		*head = (uint8_t)(i + 1);
	}
}

static bool is_word_at(const struct word *word, const char *text, size_t len, size_t at)
{
	/* Most pairs stand alone: the first letter tells before a call does. */
	return word->len <= len - at && lower(text[at]) == word->text[0] &&
	       !strncasecmp(text + at, word->text, word->len);
}

/* The word with this pair in its window at `at`; none of it may lie before `from`. */
static bool word_around(const struct jem_redact_scanner *scanner, const char *text, size_t len,
			size_t from, size_t at, struct jem_redact_hit *ret)
{
	char first = lower(text[at]);
	char second = lower(text[at + 1]);

	for (unsigned i = scanner->heads[hash_of(first, second)]; i;
	     i = scanner->probes[i - 1].next) {
		const struct jem_redact_probe *probe = &scanner->probes[i - 1];
		const struct word *word = &words[probe->word];

		if (probe->pair[0] != first || probe->pair[1] != second ||
		    at < from + probe->before || !is_word_at(word, text, len, at - probe->before))
			continue;
		ret->word = (enum jem_redact_word)probe->word;
		ret->start = at - probe->before;
		ret->end = ret->start + word->len;
		return true;
	}
	return false;
}

bool jem_redact_scan(const struct jem_redact_scanner *scanner, const char *text, size_t len,
		     size_t from, struct jem_redact_hit *ret)
{
	for (size_t i = from; i + 1 < len; i += 2) {
		unsigned pair = pair_of(text[i], text[i + 1]);

		if (__builtin_expect(scanner->pairs[pair / 64] >> pair % 64 & 1, 0) &&
		    word_around(scanner, text, len, from, i, ret))
			return true;
	}
	return false;
}

size_t jem_redact_name_word(const char *text, size_t len)
{
	for (int w = 0; w < JEM_REDACT_NAME_WORDS; w++)
		if (is_word_at(&words[w], text, len, 0))
			return words[w].len;
	return 0;
}
