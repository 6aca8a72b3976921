/* SPDX-License-Identifier: Apache-2.0 */
#include "common/patterns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	TEXT_MAX = 4096
};

enum kind {
	FUNCTION,
	SOURCE_FILE,
	MODULE
};

struct pattern {
	enum kind kind;
	bool is_plain;     /* no wildcard */
	size_t parameters; /* of functions: where they begin in `text`, behind a NUL; 0: none */
	bool has_template; /* names template arguments itself */
	char text[JEM_PATTERN_BYTES + 1];
};

struct jem_patterns {
	size_t include_count, count;
	struct pattern list[]; /* included ones first */
};

/* Behind the set at `at` (after its [), NULL if it does not end. A ] first in it belongs to it. */
static const char *behind_set(const char *at)
{
	if (*at == '!' || *at == '^')
		at++;
	if (*at == ']')
		at++;
	for (; *at && *at != ']'; at++)
		if (*at == '\\' && at[1])
			at++;
	return *at ? at + 1 : NULL;
}

static bool is_in_set(const char *at, unsigned char c)
{
	bool is_negative = *at == '!' || *at == '^';
	bool is_first = true, is_found = false;

	for (at += is_negative; *at && (is_first || *at != ']'); is_first = false) {
		unsigned char low = (unsigned char)(*at == '\\' && at[1] ? *++at : *at);
		unsigned char high = low;

		at++;
		if (at[0] == '-' && at[1] && at[1] != ']') {
			at++;
			high = (unsigned char)(*at == '\\' && at[1] ? *++at : *at);
			at++;
		}
		is_found |= low <= c && c <= high;
	}
	return is_found != is_negative;
}

/* One step: does the element at `p` take `c`? `next` is behind it. */
static bool takes(const char *p, char c, const char **next)
{
	const char *behind;

	switch (*p) {
	case '?':
		*next = p + 1;
		return true;
	case '[':
		behind = behind_set(p + 1);
		if (!behind)
			break;
		*next = behind;
		return is_in_set(p + 1, (unsigned char)c);
	case '\\':
		if (p[1])
			p++;
		break;
	}
	*next = p + 1;
	return *p == c;
}

/* Only the last * is ever gone back to: an earlier one could not make a match that this one cannot. */
bool jem_pattern_match(const char *pattern, const char *text)
{
	const char *star = NULL, *mark = NULL, *next;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			mark = text;
		} else if (*pattern && takes(pattern, *text, &next)) {
			pattern = next;
			text++;
		} else if (star) {
			pattern = star;
			text = ++mark;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static bool has_word_before(const char *name, const char *at, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(at - name) >= len && !memcmp(at - len, word, len);
}

/* The brackets of operator[] are no set in a pattern without wildcards; else they need a backslash. */
static bool is_brackets(const char *text, const char *at)
{
	return at[0] == '[' && at[1] == ']' && has_word_before(text, at, "operator");
}

/* The name without template arguments. `operator<` has none, a lambda's name is in such brackets itself. */
static void strip_template(const char *name, char *out)
{
	size_t len = 0;
	unsigned depth = 0;

	for (const char *at = name; *at && len + 1 < TEXT_MAX; at++) {
		if (!depth && strchr("<>-", *at) && has_word_before(name, at, "operator")) {
			for (size_t run = strspn(at, "<>=-"); run && len + 1 < TEXT_MAX; run--)
				out[len++] = *at++;
			at--;
		} else if (*at == '<' && (depth || strncmp(at, "<lambda", 7))) {
			depth++;
		} else if (*at == '>' && depth) {
			depth--;
		} else if (!depth) {
			out[len++] = *at;
		}
	}
	out[len] = '\0';
}

static bool ends_with(const char *text, const char *end, const char *separator)
{
	size_t len = strlen(text), end_len = strlen(end), gap = strlen(separator);

	if (end_len == len)
		return !strcmp(text, end);
	return len > end_len + gap && !strcmp(text + len - end_len, end) &&
	       !memcmp(text + len - end_len - gap, separator, gap);
}

static bool matches_name(const struct pattern *pattern, const char *name)
{
	return pattern->is_plain ? ends_with(name, pattern->text, "::")
				 : jem_pattern_match(pattern->text, name);
}

static bool matches_path(const char *pattern, const char *path)
{
	if (jem_pattern_match(pattern, path))
		return true;
	if (pattern[0] == '/')
		return false;
	for (const char *at = strchr(path, '/'); at; at = strchr(at + 1, '/'))
		if (jem_pattern_match(pattern, at + 1))
			return true;
	return false;
}

/* The signature is the name and then the parameters. */
static bool matches_parameters(const struct pattern *pattern,
			       const struct jem_pattern_subject *subject)
{
	size_t len = strlen(subject->name);

	return subject->call && !strncmp(subject->call, subject->name, len) &&
	       jem_pattern_match(pattern->text + pattern->parameters, subject->call + len);
}

static bool matches(const struct pattern *pattern, const struct jem_pattern_subject *subject)
{
	const char *name = subject->name;
	char stripped[TEXT_MAX];

	switch (pattern->kind) {
	case SOURCE_FILE:
		return subject->file && matches_path(pattern->text, subject->file);
	case MODULE:
		return subject->module && matches_path(pattern->text, subject->module);
	default:
		break;
	}
	if (!name || (pattern->parameters && !matches_parameters(pattern, subject)))
		return false;
	if (matches_name(pattern, name))
		return true;
	if (pattern->has_template || !strchr(name, '<'))
		return false;
	strip_template(name, stripped);
	return matches_name(pattern, stripped);
}

bool jem_patterns_take(const struct jem_patterns *patterns,
		       const struct jem_pattern_subject *subject)
{
	bool is_taken = false;

	for (size_t i = 0; i < patterns->include_count && !is_taken; i++)
		is_taken = matches(&patterns->list[i], subject);
	for (size_t i = patterns->include_count; i < patterns->count && is_taken; i++)
		is_taken = !matches(&patterns->list[i], subject);
	return is_taken;
}

void jem_patterns_mark(const struct jem_patterns *patterns,
		       const struct jem_pattern_subject *subject, uint8_t marks[JEM_PATTERN_MARKS])
{
	for (size_t i = 0; i < patterns->include_count; i++)
		if (!(marks[i / 8] >> i % 8 & 1) && matches(&patterns->list[i], subject))
			marks[i / 8] |= (uint8_t)(1u << i % 8);
}

bool jem_patterns_need_files(const struct jem_patterns *patterns)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (patterns->list[i].kind == SOURCE_FILE)
			return true;
	return false;
}

bool jem_patterns_need_parameters(const struct jem_patterns *patterns)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (patterns->list[i].parameters)
			return true;
	return false;
}

/* The kind that a pattern names, and where it goes on; -EINVAL for a kind that there is not. */
static int read_kind(const char *text, enum kind *kind, const char **rest, struct jem_err *err)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz");

	*kind = FUNCTION;
	*rest = text;
	if (!len || text[len] != ':' || text[len + 1] == ':')
		return 0;
	if (len == 4 && !memcmp(text, "file", 4))
		*kind = SOURCE_FILE;
	else if (len == 6 && !memcmp(text, "module", 6))
		*kind = MODULE;
	else
		return jem_err_set(err, -EINVAL,
				   "'%.*s:' is no kind of pattern; file: and module: are",
				   (int)(len < 40 ? len : 40), text);
	*rest = text + len + 1;
	return 0;
}

static int check_text(const char *text, struct jem_err *err)
{
	if (!*text)
		return jem_err_set(err, -EINVAL, "an empty pattern");
	if (strnlen(text, JEM_PATTERN_BYTES) == JEM_PATTERN_BYTES)
		return jem_err_set(err, -EINVAL, "a pattern of more than %d bytes",
				   JEM_PATTERN_BYTES - 1);
	for (const char *at = text; *at; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return jem_err_set(err, -EINVAL, "a pattern with a control character");
		if (*at == '\\') {
			if (!*++at)
				return jem_err_set(err, -EINVAL, "'%.100s' ends in a backslash",
						   text);
		} else if (*at == '[' && !is_brackets(text, at)) {
			at = behind_set(at + 1);
			if (!at)
				return jem_err_set(err, -EINVAL, "'%.100s' has a [ without its ]",
						   text);
			at--;
		}
	}
	return 0;
}

/* A comma that no name has: the one of operator,() and those in brackets are another thing. */
static const char *find_comma(const char *text)
{
	unsigned depth = 0;

	for (const char *at = text; *at; at++) {
		if (*at == '\\' && at[1])
			at++;
		else if (strchr("(<[", *at))
			depth++;
		else if (strchr(")>]", *at))
			depth -= depth > 0;
		else if (*at == ',' && !depth && !has_word_before(text, at, "operator"))
			return at;
	}
	return NULL;
}

/* What would name nothing for ever, though each part of it may name something. */
static int check_comma(const char *text, struct jem_err *err)
{
	const char *comma = find_comma(text);

	if (!comma)
		return 0;
	return jem_err_set(
		err, -EINVAL,
		"'%.100s' is two patterns or more; give each by itself: --calls or --set "
		"again, another line of the file",
		text);
}

/* No wildcard but the brackets of operator[]. */
static bool is_plain(const char *text)
{
	for (const char *at = strpbrk(text, "*?[\\"); at; at = strpbrk(at + 1, "*?[\\"))
		if (!is_brackets(text, at))
			return false;
	return true;
}

/* A parenthesis that is not the one of operator() begins parameters; NULL: there are none. */
static char *find_parameters(char *text)
{
	static const char anonymous[] = "(anonymous ";

	for (char *at = strchr(text, '('); at; at = strchr(at + 1, '(')) {
		if (has_word_before(text, at, "operator") && at[1] == ')')
			at++;
		else if (at > text && strncmp(at, anonymous, sizeof(anonymous) - 1))
			return at;
	}
	return NULL;
}

/* Names and parameters are matched apart: a * among parameters is a pointer's, and any text as well. */
static void split_parameters(struct pattern *pattern)
{
	char *at = find_parameters(pattern->text);

	if (!at)
		return;
	memmove(at + 1, at, strlen(at) + 1);
	*at = '\0';
	pattern->parameters = (size_t)(at - pattern->text) + 1;
}

static int read_pattern(struct pattern *pattern, const char *text, struct jem_err *err)
{
	const char *rest = text;
	int rc;

	rc = check_text(text, err);
	if (!rc)
		rc = read_kind(text, &pattern->kind, &rest, err);
	if (!rc && !*rest)
		rc = jem_err_set(err, -EINVAL, "'%.40s' names nothing", text);
	if (rc < 0)
		return rc;
	if (pattern->kind == FUNCTION) {
		rc = check_comma(rest, err);
		if (rc < 0)
			return rc;
	}
	strcpy(pattern->text, rest);
	pattern->parameters = 0;
	if (pattern->kind == FUNCTION)
		split_parameters(pattern);
	pattern->is_plain = is_plain(pattern->text);
	pattern->has_template = strchr(pattern->text, '<') != NULL;
	return 0;
}

int jem_pattern_check(const char *pattern, struct jem_err *err)
{
	struct pattern scratch;

	return read_pattern(&scratch, pattern, err);
}

int jem_patterns_create(const char *const *include, size_t include_count,
			const char *const *exclude, size_t exclude_count, struct jem_patterns **ret,
			struct jem_err *err)
{
	size_t count = include_count + exclude_count;
	struct jem_patterns *patterns;
	int rc = 0;

	if (include_count > JEM_PATTERNS_MAX || exclude_count > JEM_PATTERNS_MAX)
		return jem_err_set(err, -EINVAL, "more than %d patterns", JEM_PATTERNS_MAX);
	patterns = calloc(1, sizeof(*patterns) + count * sizeof(patterns->list[0]));
	if (!patterns)
		return jem_err_set(err, -ENOMEM, "out of memory");
	patterns->include_count = include_count;
	patterns->count = count;
	for (size_t i = 0; i < count && !rc; i++)
		rc = read_pattern(&patterns->list[i],
				  i < include_count ? include[i] : exclude[i - include_count], err);
	if (rc < 0) {
		jem_patterns_destroy(patterns);
		return rc;
	}
	*ret = patterns;
	return 0;
}

void jem_patterns_destroy(struct jem_patterns *patterns)
{
	free(patterns);
}
