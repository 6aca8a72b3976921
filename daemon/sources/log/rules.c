/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/log/rules.h"

#include "common/clock.h"
#include "daemon/sources/log/literal.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

enum {
	SHORT_LINE = 512,  /* matched at once; PCRE2's own limit is enough */
	LENGTH_LEAST = 64, /* a slow rule is never kept to less */
	WORDS = 4
};

/* Where a literal comes next in the region; `next` is the region's end when it does not. */
struct finder {
	const char *text;
	size_t len;
	const char *next; /* NULL: not searched yet */
};

struct entry {
	struct jem_log_rule *rule; /* owned */
	struct jem_literals literals;
	struct finder finders[JEM_LITERAL_MAX];
	size_t length_max; /* bytes of a line it may look at */
	bool has_told;
};

_Static_assert(JEM_RULES_MAX <= 256, "alerts holds numbers of rules in a byte each");

struct jem_rules {
	jem_rule_fault_fn on_fault;
	void *arg;
	const char *end; /* of the region */
	uint64_t given_up;
	uint64_t matching_ns; /* in this region, where time was taken */
	bool is_timed;        /* the last region was slow: take the time of short lines too */
	struct finder words[WORDS];
	size_t count;
	struct entry entries[JEM_RULES_MAX];
};

/* What a line says plainly about itself, worst first; capitals, standing alone. */
static const struct {
	const char *text;
	const char *more; /* may follow */
	const char *level;
} words[WORDS] = {
	{ "FATAL", "", "fatal" },
	{ "CRITICAL", "", "fatal" },
	{ "ERROR", "", "error" },
	{ "WARN", "ING", "warning" },
};

static void add_rule(struct jem_rules *rules, const struct jem_rule *source)
{
	struct entry *entry = &rules->entries[rules->count];
	struct jem_err err;

	if (jem_log_rule_create(source, &entry->rule, &err)) {
		char text[sizeof(err.text) + 16];

		snprintf(text, sizeof(text), "%s; ignoring it", err.text);
		rules->on_fault(rules->arg, source->name, text);
		return;
	}
	entry->length_max = JEM_RULE_LENGTH;
	jem_literals_of(source->log, &entry->literals);
	for (size_t i = 0; i < entry->literals.count; i++) {
		entry->finders[i].text = entry->literals.any_of[i].text;
		entry->finders[i].len = entry->literals.any_of[i].len;
	}
	rules->count++;
}

int jem_rules_create(const struct jem_config *config, jem_rule_fault_fn on_fault, void *arg,
		     struct jem_rules **ret)
{
	struct jem_rules *rules = calloc(1, sizeof(*rules));

	if (!rules)
		return -ENOMEM;
	rules->on_fault = on_fault;
	rules->arg = arg;
	for (size_t i = 0; i < WORDS; i++)
		rules->words[i] = (struct finder){ words[i].text, strlen(words[i].text), NULL };
	for (size_t i = 0; i < jem_config_rule_count(config); i++)
		if (jem_config_rule(config, i)->log)
			add_rule(rules, jem_config_rule(config, i));
	*ret = rules;
	return 0;
}

void jem_rules_destroy(struct jem_rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; i < rules->count; i++)
		jem_log_rule_destroy(rules->entries[i].rule);
	free(rules);
}

size_t jem_rules_count(const struct jem_rules *rules)
{
	return rules->count;
}

const struct jem_log_rule *jem_rules_at(const struct jem_rules *rules, size_t i)
{
	return rules->entries[i].rule;
}

uint64_t jem_rules_given_up(const struct jem_rules *rules)
{
	return rules->given_up;
}

void jem_rules_scope_of(const struct jem_rules *rules, const char *file,
			struct jem_rules_scope *ret)
{
	const char *slash = strrchr(file, '/');

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < rules->count; i++) {
		const char *pattern = jem_log_rule_source(rules->entries[i].rule)->file;
		const char *name = pattern && !strchr(pattern, '/') && slash ? slash + 1 : file;

		if (!pattern || !fnmatch(pattern, name, FNM_PATHNAME))
			ret->bits[i / 64] |= (uint64_t)1 << (i % 64);
	}
}

void jem_rules_region(struct jem_rules *rules, const char *start, size_t len)
{
	rules->end = start + len;
	rules->is_timed = rules->matching_ns > 10 * JEM_RULE_SLOW_NS;
	rules->matching_ns = 0;
	for (size_t i = 0; i < WORDS; i++)
		rules->words[i].next = NULL;
	for (size_t i = 0; i < rules->count; i++)
		for (size_t k = 0; k < rules->entries[i].literals.count; k++)
			rules->entries[i].finders[k].next = NULL;
}

/* Moves to the first place at or after `from`; true when it lies in the line up to `end`. */
static bool is_in_line(struct finder *finder, const char *from, const char *end,
		       const char *region_end)
{
	if (!finder->next || finder->next < from) {
		finder->next = memmem(from, (size_t)(region_end - from), finder->text, finder->len);
		if (!finder->next)
			finder->next = region_end;
	}
	return finder->next + finder->len <= end;
}

static bool may_match(struct jem_rules *rules, struct entry *entry, const char *text, size_t len)
{
	for (size_t i = 0; i < entry->literals.count; i++)
		if (is_in_line(&entry->finders[i], text, text + len, rules->end))
			return true;
	return !entry->literals.count;
}

static void tell_slow(struct jem_rules *rules, struct entry *entry, const char *what)
{
	char text[160];

	if (entry->has_told)
		return;
	entry->has_told = true;
	snprintf(text, sizeof(text),
		 "%s; it looks at the first %zu bytes of a line from now on, "
		 "write it with fewer nested repeats",
		 what, entry->length_max);
	rules->on_fault(rules->arg, jem_log_rule_source(entry->rule)->name, text);
}

/* One try with its time taken: a slow one costs the rule its long lines. */
static int match_timed(struct jem_rules *rules, struct entry *entry, const char *text, size_t len,
		       bool is_cut)
{
	uint64_t start = jem_now_ns();
	int r = jem_log_rule_match(entry->rule, text, len, is_cut);
	uint64_t took = jem_now_ns() - start;

	rules->matching_ns += took;
	if (took > JEM_RULE_SLOW_NS && len > LENGTH_LEAST) {
		entry->length_max = len / 2;
		tell_slow(rules, entry, "the pattern takes too long");
		return r == 1 ? 1 : -E2BIG;
	}
	return r;
}

static int match_entry(struct jem_rules *rules, struct entry *entry, const char *text, size_t len)
{
	size_t n = len < entry->length_max ? len : entry->length_max;
	int r = 0;

	if (n <= SHORT_LINE && !rules->is_timed)
		return jem_log_rule_match(entry->rule, text, n, n < len);
	/*
	 * Tries on parts tell only how the time grows: by at most 4^3 from one to the next for a
	 * cubic pattern, so the last one is never far beyond the bound.
	 */
	for (size_t part = SHORT_LINE; part < n && r >= 0; part *= 4)
		r = match_timed(rules, entry, text, part, true);
	if (r < 0)
		return r;
	return match_timed(rules, entry, text, n, n < len);
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static const char *plain_level(struct jem_rules *rules, const char *text, size_t len)
{
	const char *end = text + len;

	for (size_t i = 0; i < WORDS; i++) {
		struct finder *finder = &rules->words[i];
		size_t more = strlen(words[i].more);

		for (const char *from = text; is_in_line(finder, from, end, rules->end);) {
			const char *after = finder->next + finder->len;

			if ((size_t)(end - after) >= more && !memcmp(after, words[i].more, more))
				after += more;
			if ((finder->next == text || !is_word_char(finder->next[-1])) &&
			    (after == end || !is_word_char(*after)))
				return words[i].level;
			from = finder->next + 1;
		}
	}
	return NULL;
}

static void take_match(struct jem_rules *rules, size_t i, struct jem_rules_result *ret)
{
	const struct jem_rule *source = jem_log_rule_source(rules->entries[i].rule);

	if (ret->rule < 0)
		ret->rule = (int)i;
	if (!ret->level)
		ret->level = source->level;
	if (source->severity)
		ret->alerts[ret->alert_count++] = (uint8_t)i;
}

void jem_rules_match(struct jem_rules *rules, const struct jem_rules_scope *scope, const char *text,
		     size_t len, struct jem_rules_result *ret)
{
	ret->rule = -1;
	ret->level = NULL;
	ret->alert_count = 0;
	for (size_t i = 0; i < rules->count; i++) {
		struct entry *entry = &rules->entries[i];
		const struct jem_rule *source = jem_log_rule_source(entry->rule);
		int r;

		if (!(scope->bits[i / 64] >> (i % 64) & 1) || !may_match(rules, entry, text, len))
			continue;
		/* After the first match only alerts and a missing level are still to be had. */
		if (ret->rule >= 0 && !source->severity && (ret->level || !source->level))
			continue;
		r = match_entry(rules, entry, text, len);
		if (r == 1) {
			take_match(rules, i, ret);
		} else if (r < 0) {
			rules->given_up++;
			tell_slow(rules, entry, "the pattern was given up at its limit of steps");
		}
	}
	if (!ret->level)
		ret->level = plain_level(rules, text, len);
}
