/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/log/literal.h"

#include <stdbool.h>
#include <string.h>

enum {
	DEPTH_MAX = 16
};

struct parser {
	const char *at;
	unsigned depth;
	bool is_unknown; /* something we do not read for certain: no literals at all */
};

/* A sequence under way: the run of plain characters at its end, the best set so far. */
struct sequence {
	struct jem_literals best;
	size_t run_len;
	size_t last_len; /* of the last character of the run, in bytes */
	char run[JEM_LITERAL_SIZE];
	bool is_run_full;
};

static void parse_alternatives(struct parser *p, struct jem_literals *ret);

static size_t shortest(const struct jem_literals *set)
{
	size_t min = set->count ? JEM_LITERAL_SIZE : 0;

	for (size_t i = 0; i < set->count; i++)
		if (set->any_of[i].len < min)
			min = set->any_of[i].len;
	return min;
}

static void take_better(struct jem_literals *best, const struct jem_literals *other)
{
	size_t a = shortest(best);
	size_t b = shortest(other);

	if (b > a || (b == a && other->count < best->count))
		*best = *other;
}

static void end_run(struct sequence *s)
{
	struct jem_literals one = { .count = 1 };

	if (s->run_len >= JEM_LITERAL_MIN) {
		one.any_of[0].len = (unsigned char)s->run_len;
		memcpy(one.any_of[0].text, s->run, s->run_len);
		take_better(&s->best, &one);
	}
	s->run_len = 0;
	s->last_len = 0;
	s->is_run_full = false;
}

/* One character of the text, all its bytes: a quantifier after it drops it as a whole. */
static void add_char(struct sequence *s, const char *c, size_t len)
{
	if (s->is_run_full || s->run_len + len > sizeof(s->run)) {
		s->is_run_full = true;
		s->last_len = 0;
		return;
	}
	memcpy(s->run + s->run_len, c, len);
	s->run_len += len;
	s->last_len = len;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* {n}, {n,} or {n,m}: its length, else 0 (a plain brace). */
static size_t count_quantifier(const char *at)
{
	const char *p = at + 1;

	while (is_digit(*p) || *p == ',' || *p == ' ')
		p++;
	return *p == '}' ? (size_t)(p - at) + 1 : 0;
}

/* What is repeated may be absent; what comes once or more still ends the run. */
static bool parse_quantifier(struct parser *p, bool *may_be_absent)
{
	size_t len = 1;

	*may_be_absent = true;
	if (*p->at == '+')
		*may_be_absent = false;
	else if (*p->at == '{')
		len = count_quantifier(p->at);
	else if (*p->at != '*' && *p->at != '?')
		len = 0;
	p->at += len;
	while (len && (*p->at == '?' || *p->at == '+'))
		p->at++; /* lazy, possessive */
	return len > 0;
}

static void skip_class(struct parser *p)
{
	static const char name_chars[] = "^abcdefghijklmnopqrstuvwxyz";

	p->at++;
	if (*p->at == '^')
		p->at++;
	if (*p->at == ']')
		p->at++;
	while (*p->at && *p->at != ']') {
		if (*p->at == '[' && strchr(":.=", p->at[1])) {
			const char *end = p->at + 2 + strspn(p->at + 2, name_chars);

			if (p->at[1] != ':' || end[0] != ':' || end[1] != ']') {
				p->is_unknown = true;
				return;
			}
			p->at = end + 2;
			continue;
		}
		if (*p->at == '\\') {
			if (p->at[1] == 'Q' || p->at[1] == 'E' || !p->at[1]) {
				p->is_unknown = true;
				return;
			}
			p->at++;
		}
		p->at++;
	}
	if (*p->at)
		p->at++;
	else
		p->is_unknown = true;
}

/* At an escape: true for a plain character, which stands at p->at then. */
static bool parse_escape(struct parser *p)
{
	char c = *++p->at;

	if (!c || (c & 0x80)) {
		p->is_unknown = true;
		return false;
	}
	if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c)))
		return true;
	/* Kinds of characters and assertions without an argument; the rest is not worth a guess. */
	if (!strchr("dDwWsSbBAzZhHvVRtnrfe", c))
		p->is_unknown = true;
	else
		p->at++;
	return false;
}

/* After "(": true when the group's content is part of what is matched, at p->at then. */
static bool parse_group_kind(struct parser *p)
{
	if (*p->at == '*') {
		p->is_unknown = true;
		return false;
	}
	if (*p->at != '?')
		return true;
	p->at++;
	if (*p->at == ':' || *p->at == '>') {
		p->at++;
		return true;
	}
	if (*p->at == 'P' && p->at[1] == '<')
		p->at++;
	if ((*p->at == '<' && p->at[1] != '=' && p->at[1] != '!') || *p->at == '\'') {
		p->at += 1 + strcspn(p->at + 1, ">'");
		if (*p->at)
			p->at++;
		return true;
	}
	if (*p->at == '<')
		p->at++;
	if (*p->at == '=' || *p->at == '!') {
		p->at++;
		return false; /* looks around: consumes nothing, a negative one even forbids */
	}
	p->is_unknown = true; /* options, comments, conditions, recursion */
	return false;
}

static void parse_group(struct parser *p, struct sequence *s)
{
	struct jem_literals inner = { 0 };
	bool may_be_absent;
	bool is_part;

	end_run(s);
	p->at++;
	is_part = parse_group_kind(p);
	if (p->is_unknown || ++p->depth > DEPTH_MAX) {
		p->is_unknown = true;
		return;
	}
	parse_alternatives(p, &inner);
	p->depth--;
	if (*p->at != ')') {
		p->is_unknown = true;
		return;
	}
	p->at++;
	if (parse_quantifier(p, &may_be_absent) && may_be_absent)
		is_part = false;
	if (is_part)
		take_better(&s->best, &inner);
}

static void parse_char(struct parser *p, struct sequence *s)
{
	size_t len = 1;
	bool may_be_absent;

	if (*p->at == '\\' && !parse_escape(p)) {
		end_run(s);
		parse_quantifier(p, &may_be_absent);
		return;
	}
	while ((p->at[len] & 0xc0) == 0x80 && (*p->at & 0x80))
		len++;
	add_char(s, p->at, len);
	p->at += len;
	if (!parse_quantifier(p, &may_be_absent))
		return;
	if (may_be_absent)
		s->run_len -= s->last_len;
	end_run(s);
}

static void parse_sequence(struct parser *p, struct jem_literals *ret)
{
	struct sequence s = { 0 };
	bool may_be_absent;

	while (*p->at && *p->at != '|' && *p->at != ')' && !p->is_unknown) {
		if (*p->at == '(') {
			parse_group(p, &s);
		} else if (*p->at == '[') {
			end_run(&s);
			skip_class(p);
			parse_quantifier(p, &may_be_absent);
		} else if (strchr(".^$", *p->at)) {
			end_run(&s);
			p->at++;
			parse_quantifier(p, &may_be_absent);
		} else {
			parse_char(p, &s);
		}
	}
	end_run(&s);
	*ret = s.best;
}

/* Each alternative must bring its own literals, or none is certain. */
static void parse_alternatives(struct parser *p, struct jem_literals *ret)
{
	bool is_certain = true;

	ret->count = 0;
	for (;;) {
		struct jem_literals one;

		parse_sequence(p, &one);
		if (!one.count || ret->count + one.count > JEM_LITERAL_MAX)
			is_certain = false;
		else if (is_certain)
			for (size_t i = 0; i < one.count; i++)
				ret->any_of[ret->count++] = one.any_of[i];
		if (*p->at != '|' || p->is_unknown)
			break;
		p->at++;
	}
	if (!is_certain)
		ret->count = 0;
}

void jem_literals_of(const char *pattern, struct jem_literals *ret)
{
	struct parser p = { .at = pattern };

	memset(ret, 0, sizeof(*ret));
	parse_alternatives(&p, ret);
	if (p.is_unknown || *p.at)
		memset(ret, 0, sizeof(*ret));
}
