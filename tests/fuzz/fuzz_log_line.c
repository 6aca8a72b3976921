/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_log_line: a pattern (up to the first newline), a chunk size (one byte), and a file's bytes.
 *
 * However the bytes come in pieces, the lines are the same; and the rules find with their literals
 * exactly what the pattern alone finds.
 */
#include "common/cleanup.h"
#include "daemon/sources/log/rules.h"
#include "daemon/sources/log/tail.h"

#include <stdint.h>
#include <string.h>

enum {
	LINE_MAX_HERE = 40,
	LINES_MAX = 4096
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct line {
	uint64_t offset;
	uint64_t full_len;
	size_t len;
	char text[LINE_MAX_HERE];
};

struct collected {
	struct line lines[LINES_MAX];
	size_t count;
	const char *region;
	size_t region_len;
	struct jem_rules *rules; /* with literals */
	struct jem_rules_scope scope;
	struct jem_log_rule *alone; /* the same rule, tried on every line */
};

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void on_region(void *arg, const char *start, size_t len)
{
	struct collected *collected = arg;

	collected->region = start;
	collected->region_len = len;
	if (collected->rules)
		jem_rules_region(collected->rules, start, len);
}

static void check_rules(struct collected *collected, const struct jem_line *line)
{
	uint64_t given_up = jem_rules_given_up(collected->rules);
	struct jem_rules_result result;
	int alone;

	jem_rules_match(collected->rules, &collected->scope, line->text, line->len, &result);
	alone = jem_log_rule_match(collected->alone, line->text, line->len, false);
	if (alone >= 0 && jem_rules_given_up(collected->rules) == given_up)
		require(alone == (result.rule == 0));
}

static void on_line(void *arg, const struct jem_line *line)
{
	struct collected *collected = arg;
	struct line *copy = &collected->lines[collected->count];

	require(line->len <= LINE_MAX_HERE && line->len <= line->full_len);
	require(!line->len ||
		(line->text >= collected->region &&
		 line->text + line->len <= collected->region + collected->region_len));
	if (collected->rules)
		check_rules(collected, line);
	if (collected->count == LINES_MAX)
		return;
	*copy = (struct line){ line->offset, line->full_len, line->len, { 0 } };
	memcpy(copy->text, line->text, line->len);
	collected->count++;
}

static bool on_lost(void *arg, uint64_t from, uint64_t to)
{
	(void)arg, (void)from, (void)to;
	abort();
}

static void split(const char *bytes, size_t len, size_t step, struct collected *collected)
{
	struct jem_tail_sink sink = { on_region, on_line, on_lost, collected };
	struct jem_tail tail = { .fd = -1, .line_max = LINE_MAX_HERE };

	jem_buf_init(&tail.line, LINE_MAX_HERE + 1);
	for (size_t at = 0; at < len; at += step)
		jem_tail_split(&tail, bytes + at, step < len - at ? step : len - at, &sink);
	require(tail.at.offset == len);
	jem_tail_end_line(&tail, &sink);
	jem_buf_deinit(&tail.line);
}

static void on_fault(void *arg, const char *name, const char *text)
{
	(void)arg, (void)name;
	require(*text);
}

/* The rule of `pattern` in both forms; false: it is no pattern. */
static bool make_rules(struct collected *collected, struct jem_config *config, const char *pattern)
{
	struct jem_err err;

	if (jem_config_set_rule(config, "fuzz", "r", "log", pattern, &err) < 0 ||
	    jem_rules_create(config, on_fault, NULL, &collected->rules))
		return false;
	if (!jem_rules_count(collected->rules))
		return false;
	jem_rules_scope_of(collected->rules, "file", &collected->scope);
	return !jem_log_rule_create(jem_config_rule(config, 0), &collected->alone, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *newline = memchr(data, '\n', size);
	auto_free struct collected *whole = calloc(1, sizeof(*whole));
	auto_free struct collected *pieces = calloc(1, sizeof(*pieces));
	auto_free char *pattern = NULL;
	struct jem_config *config = NULL;
	const char *bytes;
	size_t len;

	if (!newline || newline + 2 > (const char *)data + size || !whole || !pieces ||
	    jem_config_create(&config))
		goto out;
	pattern = calloc(1, (size_t)(newline - (const char *)data) + 1);
	if (!pattern)
		goto out;
	memcpy(pattern, data, (size_t)(newline - (const char *)data));
	bytes = newline + 2;
	len = (size_t)((const char *)data + size - bytes);
	if (!make_rules(whole, config, pattern)) {
		jem_rules_destroy(whole->rules);
		whole->rules = NULL;
	}
	split(bytes, len, len ? len : 1, whole);
	split(bytes, len, (uint8_t)newline[1] ? (uint8_t)newline[1] : 1, pieces);
	require(whole->count == pieces->count);
	require(!memcmp(whole->lines, pieces->lines, whole->count * sizeof(*whole->lines)));
	jem_log_rule_destroy(whole->alone);
	jem_rules_destroy(whole->rules);
out:
	jem_config_destroy(config);
	return 0;
}
