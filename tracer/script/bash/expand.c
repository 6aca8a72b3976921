/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/script/bash/expand.h"

#include "tracer/script/bash/shell.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
	NAME_MAX_LEN = 64,
	VALUE_MAX = 256
};

struct out {
	char *text;
	size_t len, size;
};

static void put(struct out *out, const char *text, size_t len)
{
	size_t room = out->size - 1 - out->len;

	if (len > room)
		len = room;
	memcpy(out->text + out->len, text, len);
	out->len += len;
}

static void put_value(struct out *out, const char *value)
{
	size_t len = value ? strnlen(value, VALUE_MAX + 1) : 0;

	if (len > VALUE_MAX) {
		put(out, value, VALUE_MAX);
		put(out, "...", 3);
	} else if (len) {
		put(out, value, len);
	}
}

/* As the daemon's redactor has it: it sees the values without the names. */
static bool is_secret(const char *name)
{
	static const char *const words[] = { "pass", "secret", "token",  "key",
					     "cred", "auth",   "cookie", "proxy" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcasestr(name, words[i]))
			return true;
	return false;
}

/* False: its value is not to be had without calling code. */
static bool put_variable(struct out *out, const char *name)
{
	/* Not find_variable: it would draw a number for RANDOM. */
	SHELL_VAR *var = var_lookup(name, shell_variables);

	if (!var || var->attributes & ATT_INVISIBLE || !var->value)
		return true; /* nothing is what it expands to */
	if (var->dynamic_value || var->attributes & (ATT_ASSOC | ATT_NAMEREF))
		return false;
	if (is_secret(name))
		put(out, "***", 3);
	else if (var->attributes & ATT_ARRAY)
		put_value(out, array_reference(var->value, 0));
	else
		put_value(out, var->value);
	return true;
}

static void put_arguments(struct out *out)
{
	int count = number_of_args();

	for (int i = 1; i <= count && i <= 9; i++) {
		if (i > 1)
			put(out, " ", 1);
		put_value(out, dollar_vars[i]);
	}
	if (rest_of_args)
		put(out, " ...", 4);
}

static void put_number(struct out *out, int number)
{
	char digits[16];
	int n = snprintf(digits, sizeof(digits), "%d", number);

	put(out, digits, (size_t)n);
}

/* What follows a `$`: how many bytes of it were expanded; 0: none. */
static size_t expand_one(struct out *out, const char *s)
{
	bool is_braced = *s == '{';
	const char *name = s + is_braced;
	char copy[NAME_MAX_LEN];
	size_t len = 0;

	if (!is_braced && isdigit((unsigned char)*s)) {
		put_value(out, dollar_vars[*s - '0']);
		return 1;
	}
	if (!is_braced && (*s == '@' || *s == '*')) {
		put_arguments(out);
		return 1;
	}
	if (!is_braced && (*s == '#' || *s == '?')) {
		put_number(out, *s == '#' ? number_of_args() : last_command_exit_value);
		return 1;
	}
	if (!isalpha((unsigned char)*name) && *name != '_')
		return 0;
	while ((isalnum((unsigned char)name[len]) || name[len] == '_') && len < sizeof(copy) - 1)
		len++;
	if (is_braced && name[len] != '}')
		return 0;
	memcpy(copy, name, len);
	copy[len] = '\0';
	if (!put_variable(out, copy))
		return 0;
	return len + (is_braced ? 2 : 0);
}

/* Bytes up to the end of what stands in parentheses, from the `(`. */
static size_t parenthesis(const char *s)
{
	size_t i = 0;
	int depth = 0;

	for (; s[i]; i++) {
		if (s[i] == '\\' && s[i + 1])
			i++;
		else if (s[i] == '(')
			depth++;
		else if (s[i] == ')' && --depth == 0)
			return i + 1;
	}
	return i;
}

static size_t span(const char *s, char end)
{
	const char *close = strchr(s + 1, end);

	return close ? (size_t)(close - s) + 1 : strlen(s);
}

/* Bytes that stay as they are written, at `s`; 0: it is a plain character. */
static size_t verbatim(const char *s, bool is_quoted)
{
	if (*s == '\\' && s[1])
		return 2;
	if (*s == '\'' && !is_quoted)
		return span(s, '\'');
	if (*s == '$' && s[1] == '\'' && !is_quoted)
		return 1 + span(s + 1, '\'');
	if (*s == '`')
		return span(s, '`');
	if ((*s == '$' || *s == '<' || *s == '>') && s[1] == '(')
		return 1 + parenthesis(s + 1);
	return 0;
}

bool expand_text(const char *text, char *ret, size_t size)
{
	struct out out = { .text = ret, .size = size };
	bool is_expanded = false;
	bool is_quoted = false;
	const char *s = text;

	if (!strchr(text, '$'))
		return false;
	while (*s && out.len + 1 < size) {
		size_t n = verbatim(s, is_quoted);

		if (!n && *s == '$') {
			n = expand_one(&out, s + 1);
			if (n) {
				is_expanded = true;
				s += n + 1;
				continue;
			}
		}
		if (*s == '"')
			is_quoted = !is_quoted;
		if (!n)
			n = 1;
		put(&out, s, n);
		s += n;
	}
	ret[out.len] = '\0';
	return is_expanded;
}

static bool is_assignment(const char *word, size_t len)
{
	size_t i = 0;

	while (i < len && (isalnum((unsigned char)word[i]) || word[i] == '_'))
		i++;
	return i && i < len && (word[i] == '=' || word[i] == '[' || word[i] == '+');
}

static bool makes_process(const char *word, size_t len)
{
	char name[NAME_MAX_LEN];

	if (!len || !strncmp(word, "[[", 2) || !strncmp(word, "((", 2) ||
	    !strncmp(word, "for ", 4) || !strncmp(word, "case ", 5) || !strncmp(word, "select ", 7))
		return false;
	if (len >= sizeof(name))
		return true;
	memcpy(name, word, len);
	name[len] = '\0';
	return !find_shell_builtin(name) && !find_function(name);
}

unsigned expand_forks(const char *text)
{
	unsigned count = 0;
	bool is_quoted = false;
	bool has_word = false;
	const char *word = text;
	const char *s = text;

	for (;;) {
		size_t n = *s ? verbatim(s, is_quoted) : 0;

		count += n && (*s == '`' || (s[1] == '(' && s[2] != '('));
		if (*s == '"')
			is_quoted = !is_quoted;
		if (!*s || (!is_quoted && !n && isspace((unsigned char)*s))) {
			size_t len = (size_t)(s - word);

			if (len && !has_word && !is_assignment(word, len)) {
				has_word = true;
				count += makes_process(word, len);
			}
			word = s + 1;
		}
		if (!*s)
			return count;
		s += n ? n : 1;
	}
}
