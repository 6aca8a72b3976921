/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redact_value.h"

#include "common/redact_scan.h"

#include <string.h>
#include <strings.h>

typedef struct jem_redact_text text_t;

/* Names */

static bool is_name_char(char c)
{
	return jem_redact_is_letter(c) || jem_redact_is_digit(c) || c == '_' || c == '-' ||
	       c == '.';
}

/* Words of every day that hold a word of names and are no secret. Sorted by nothing: few. */
static const char *const everyday[] = {
	"passed",      "passes",    "passing",   "passive",    "passage",    "passenger",
	"passengers",  "bypass",    "bypassed",  "compass",    "encompass",  "surpass",
	"passthrough", "author",    "authors",   "authored",   "authority",  "authorities",
	"keyword",     "keywords",  "keyboard",  "monkey",     "turkey",     "keynote",
	"credit",      "credits",   "credible",  "incredible", "accredited", "sacred",
	"tokenize",    "tokenized", "tokenizer", "tokenizing", "secretary",
};

/* The word of letters around [start, end), bounded by a change from lower to upper case too. */
static bool is_everyday(const char *name, size_t len, size_t start, size_t end)
{
	while (start && jem_redact_is_letter(name[start - 1]) &&
	       !(jem_redact_is_upper(name[start]) && jem_redact_is_lower(name[start - 1])))
		start--;
	while (end < len && jem_redact_is_letter(name[end]) &&
	       !(jem_redact_is_upper(name[end]) && jem_redact_is_lower(name[end - 1])))
		end++;
	for (size_t i = 0; i < sizeof(everyday) / sizeof(*everyday); i++)
		if (strlen(everyday[i]) == end - start &&
		    !strncasecmp(name + start, everyday[i], end - start))
			return true;
	return false;
}

static bool is_secret(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		size_t n = jem_redact_name_word(name + i, len - i);

		if (n && !is_everyday(name, len, i, i + n))
			return true;
	}
	return false;
}

static bool ends_with(const char *name, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && !strncasecmp(name + len - n, end, n);
}

static bool has_part(const char *name, size_t len, const char *part)
{
	size_t n = strlen(part);

	for (size_t i = 0; i + n <= len; i++)
		if (!strncasecmp(name + i, part, n))
			return true;
	return false;
}

/* KeyError: 'pt' names what failed; nobody keeps a secret in a name like this. */
static bool is_exception(const char *name, size_t len)
{
	return ends_with(name, len, "error") || ends_with(name, len, "exception") ||
	       ends_with(name, len, "warning");
}

/* HTTP headers whose value is the rest of the line (RFC 9110 section 11.6, RFC 6265). */
static bool is_header(const char *name, size_t len)
{
	return ends_with(name, len, "authorization") || ends_with(name, len, "cookie");
}

/* Names whose values have blanks in them. */
static bool is_phrase(const char *name, size_t len)
{
	return has_part(name, len, "password") || has_part(name, len, "passwd") ||
	       has_part(name, len, "passphrase") || has_part(name, len, "secret");
}

static bool has_lower(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (jem_redact_is_lower(name[i]))
			return true;
	return false;
}

/* Values */

/* JSON may break the line between a name and its value. */
static size_t skip_space(text_t t, size_t i)
{
	size_t limit = i + JEM_REDACT_BLANKS_MAX < t.len ? i + JEM_REDACT_BLANKS_MAX : t.len;

	while (i < limit && t.s[i] && jem_redact_is_space(t.s[i]))
		i++;
	return i;
}

/* A quote with the backslashes of the text that it is quoted in: bytes, or 0. */
static size_t quote_at(text_t t, size_t i)
{
	size_t start = i;

	while (i < t.len && t.s[i] == '\\')
		i++;
	return i < t.len && jem_redact_is_quote(t.s[i]) ? i + 1 - start : 0;
}

/* The end of a quoted text (its closing quote) that opened at `open` with `n` bytes. */
static size_t quoted_end(text_t t, size_t open, size_t n)
{
	char quote = t.s[open + n - 1];
	size_t backslashes = 0;

	for (size_t i = open + n; i < t.len; i++) {
		if (t.s[i] == quote && (n == 1 ? backslashes % 2 == 0 : backslashes == n - 1))
			return i + 1 - n;
		backslashes = t.s[i] == '\\' ? backslashes + 1 : 0;
	}
	return t.len;
}

/* The end of a list or object, its bracket included. */
static size_t bracket_end(text_t t, size_t open)
{
	size_t depth = 0;

	for (size_t i = open; i < t.len; i++) {
		char c = t.s[i];

		if (jem_redact_is_quote(c)) {
			i = quoted_end(t, i, 1);
		} else if (c == '[' || c == '{') {
			depth++;
		} else if ((c == ']' || c == '}') && --depth == 0) {
			return i + 1;
		}
	}
	return t.len;
}

static bool ends_bare(char c)
{
	return jem_redact_is_space(c) || c == '&' || c == ';' || c == '<' || c == '>' || c == '|' ||
	       jem_redact_is_quote(c);
}

/*
 * Up to a blank or what cannot stand bare in a shell or URL. A quote ends it, since it closes what
 * is around more often than it opens more of the same word; closing punctuation stays outside.
 */
static size_t bare_end(text_t t, size_t i)
{
	size_t start = i;

	while (i < t.len && !ends_bare(t.s[i])) {
		size_t backslashes = i;

		while (i < t.len && t.s[i] == '\\')
			i++;
		if (i > backslashes && i < t.len && jem_redact_is_quote(t.s[i])) {
			i = backslashes;
			break;
		}
		i += i == backslashes;
	}
	while (i > start &&
	       (t.s[i - 1] == ',' || t.s[i - 1] == ')' || t.s[i - 1] == ']' || t.s[i - 1] == '}'))
		i--;
	return i;
}

/* A value without blanks, or quoted; where the word goes on behind its quote, all of it. */
static struct jem_redact_range word_at(text_t t, size_t i)
{
	size_t quote = quote_at(t, i);
	size_t close;
	size_t end;

	if (!quote)
		return (struct jem_redact_range){ i, bare_end(t, i) };
	close = quoted_end(t, i, quote);
	end = close + quote < t.len ? bare_end(t, close + quote) : 0;
	if (end > close + quote)
		return (struct jem_redact_range){ i, end };
	return (struct jem_redact_range){ i + quote, close };
}

static size_t line_end(text_t t, size_t i, char quote)
{
	while (i < t.len && t.s[i] != '\n' && t.s[i] != '\r' && t.s[i] &&
	       (!quote || t.s[i] != quote))
		i++;
	return i;
}

/* A phrase ends with the line, or where the next field seems to begin. */
static size_t phrase_end(text_t t, size_t i, char quote)
{
	size_t end = line_end(t, i, quote);

	for (; i + 1 < end; i++)
		if ((t.s[i] == ',' || t.s[i] == ';') && t.s[i + 1] == ' ')
			return i;
	return end;
}

/* The scheme of an Authorization value: the credentials are the word after it. */
static bool is_scheme(text_t t, size_t start, size_t end)
{
	static const char *const schemes[] = { "bearer", "basic", "digest", "negotiate", "token" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (strlen(schemes[i]) == end - start &&
		    !strncasecmp(t.s + start, schemes[i], end - start))
			return true;
	return false;
}

enum extent {
	EXTENT_WORD,
	EXTENT_PHRASE,
	EXTENT_LINE,
};

static size_t bare_value_end(text_t t, size_t i, enum extent extent, char around)
{
	size_t end;
	size_t next;

	if (t.s[i] == '[' || t.s[i] == '{')
		return bracket_end(t, i);
	if (extent == EXTENT_LINE)
		return line_end(t, i, around);
	if (extent == EXTENT_PHRASE)
		return phrase_end(t, i, around);
	end = bare_end(t, i);
	next = jem_redact_skip_blanks(t, end);
	if (is_scheme(t, i, end) && next > end && next < t.len)
		end = word_at(t, next).end;
	return end;
}

/* Names and what stands around them */

struct name {
	size_t start;
	size_t end;
	size_t after; /* past its own closing quote and bracket */
	bool is_quoted;
	bool is_option;  /* begins with a dash */
	bool is_element; /* <name> */
	bool is_listed;  /* an element of a list that is separated by NUL */
	bool is_first;   /* nothing but blanks (or `export `) before it in its line */
	char around;     /* the quote directly before it, when it does not close after it */
};

static bool is_first_in_line(text_t t, size_t start)
{
	static const char *const leads[] = { "export ", "set ", "setenv ", "declare -x " };
	size_t line = start;

	while (line && jem_redact_is_blank(t.s[line - 1]) && start - line < JEM_REDACT_BLANKS_MAX)
		line--;
	for (size_t i = 0; i < sizeof(leads) / sizeof(*leads); i++) {
		size_t n = strlen(leads[i]);

		if (start >= n && !memcmp(t.s + start - n, leads[i], n))
			line = start - n;
	}
	return !line || t.s[line - 1] == '\n' || t.s[line - 1] == '\r' || !t.s[line - 1];
}

/* config[name]=value, but not [name]: text */
static bool is_index(text_t t, const struct name *name)
{
	size_t next;

	if (!name->start || t.s[name->start - 1] != '[' || name->end >= t.len ||
	    t.s[name->end] != ']')
		return false;
	next = jem_redact_skip_blanks(t, name->end + 1);
	return next < t.len && t.s[next] == '=';
}

static struct name name_around(text_t t, size_t from, size_t at)
{
	struct name name = { .start = at, .end = at };
	size_t quote;

	while (name.start > from && is_name_char(t.s[name.start - 1]))
		name.start--;
	while (name.end < t.len && is_name_char(t.s[name.end]))
		name.end++;
	name.after = name.end;
	name.is_option = t.s[name.start] == '-';
	quote = quote_at(t, name.end);
	if (quote) {
		name.is_quoted = true;
		name.after += quote;
		if (name.after < t.len && t.s[name.after] == ']')
			name.after++;
	} else if (is_index(t, &name)) {
		name.after++;
	} else if (name.start && jem_redact_is_quote(t.s[name.start - 1])) {
		name.around = t.s[name.start - 1];
	}
	name.is_element = name.start &&
			  (t.s[name.start - 1] == '<' || t.s[name.start - 1] == ':') &&
			  name.end < t.len && t.s[name.end] == '>';
	name.is_listed = name.start && !t.s[name.start - 1];
	name.is_first = is_first_in_line(t, name.start);
	return name;
}

/* Bytes of the separator between a name and its value at i, 0 if there is none. */
static size_t separator_at(text_t t, size_t i)
{
	size_t left = t.len - i;
	const char *s = t.s + i;

	if (!left)
		return 0;
	if (*s == '=')
		return left > 1 && (s[1] == '=' || s[1] == '>') ? 2 : 1;
	if (*s == ':') {
		if (left > 1 && s[1] == ':')
			return 0; /* a scope of C++ */
		if (left > 2 && s[1] == '/' && s[2] == '/')
			return 0; /* a URL */
		return left > 1 && s[1] == '=' ? 2 : 1;
	}
	if (left > 2 && *s == '%' && s[1] == '3' && strchr("DdAa", s[2]))
		return 3; /* = and : in a URL */
	return 0;
}

/* `is_loose`: there is a colon, or blanks, between name and value. */
static enum extent extent_of(const struct name *name, const char *text, bool is_loose)
{
	size_t len = name->end - name->start;

	if (name->is_quoted)
		return EXTENT_WORD;
	if (name->is_listed || name->around || is_header(text, len))
		return EXTENT_LINE; /* or up to the quote around it: an argument of its own */
	if (name->is_first && !has_lower(text, len))
		return EXTENT_LINE; /* of a listing of the environment */
	if (!is_loose || !is_phrase(text, len))
		return EXTENT_WORD;
	return name->is_first ? EXTENT_LINE : EXTENT_PHRASE;
}

/* The prefix of a string literal: b"", u'', rb"". */
static size_t skip_literal_prefix(text_t t, size_t i)
{
	size_t n = 0;

	while (n < 2 && i + n < t.len && t.s[i + n] && strchr("bBuUrRfFL$", t.s[i + n]))
		n++;
	return n && i + n < t.len && jem_redact_is_quote(t.s[i + n]) ? i + n : i;
}

/* password: str = "x" */
static size_t annotated_end(text_t t, size_t end)
{
	size_t i = jem_redact_skip_blanks(t, end);

	if (i >= t.len || t.s[i] != '=')
		return end;
	i = jem_redact_skip_blanks(t, i + 1);
	return i < t.len ? word_at(t, i).end : end;
}

static bool assigned_value(text_t t, const struct name *name, struct jem_redact_range *ret)
{
	size_t sep = jem_redact_skip_blanks(t, name->after);
	size_t n = separator_at(t, sep);
	const char *text = t.s + name->start;
	bool has_colon;
	size_t value;

	if (!n)
		return false;
	has_colon = t.s[sep] == ':';
	if (has_colon && is_exception(text, name->end - name->start))
		return false;
	value = name->is_quoted ? skip_space(t, sep + n) : jem_redact_skip_blanks(t, sep + n);
	value = skip_literal_prefix(t, value);
	if (value >= t.len || jem_redact_is_space(t.s[value]))
		return false;
	if (name->around && t.s[value] == name->around)
		return false; /* no value before the quote around all of it */
	if (quote_at(t, value)) {
		*ret = word_at(t, value);
	} else {
		bool is_loose = has_colon || sep > name->after;

		ret->start = value;
		ret->end = bare_value_end(t, value, extent_of(name, text, is_loose), name->around);
		if (has_colon)
			ret->end = annotated_end(t, ret->end);
	}
	return ret->end > ret->start;
}

/* --name value: the next argument, unless it is an option itself. */
static bool option_value(text_t t, const struct name *name, struct jem_redact_range *ret)
{
	bool is_list = name->after < t.len && !t.s[name->after];
	size_t value = is_list ? name->after + 1 : jem_redact_skip_blanks(t, name->after);

	if (value == name->after || value >= t.len || t.s[value] == '-' ||
	    jem_redact_is_space(t.s[value]))
		return false;
	*ret = word_at(t, value);
	if (is_list)
		*ret = (struct jem_redact_range){ value, line_end(t, value, '\0') };
	return ret->end > ret->start;
}

/* <name>value</name>; `vector<token>` of C++ has no end tag. */
static bool element_value(text_t t, const struct name *name, struct jem_redact_range *ret)
{
	const char *end;

	ret->start = name->end + 1;
	end = memchr(t.s + ret->start, '<', t.len - ret->start);
	if (!end || end + 1 >= t.s + t.len || end[1] != '/')
		return false;
	ret->end = (size_t)(end - t.s);
	return ret->end > ret->start;
}

bool jem_redact_named_value(text_t text, size_t from, size_t at, size_t *name_end,
			    struct jem_redact_range *ret)
{
	struct name name = name_around(text, from, at);

	*name_end = name.end;
	if (!is_secret(text.s + name.start, name.end - name.start))
		return false;
	if (name.is_element)
		return element_value(text, &name, ret);
	if (assigned_value(text, &name, ret))
		return true;
	return name.is_option && option_value(text, &name, ret);
}
