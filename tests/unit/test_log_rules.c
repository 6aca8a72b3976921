/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"
#include "daemon/sources/log/literal.h"
#include "daemon/sources/log/rules.h"
#include "tests/unit/check.h"

#include <errno.h>

static struct jem_config *config;
static struct jem_rules *rules;
static char fault[400];
static unsigned faults;

static void on_fault(void *arg, const char *name, const char *text)
{
	(void)arg;
	faults++;
	snprintf(fault, sizeof(fault), "%s: %s", name, text);
}

/* rule NAME KEY VALUE, ... up to NULL */
static void add_rule(const char *name, const char *const *pairs)
{
	struct jem_err err;

	if (!config)
		CHECK_OK(jem_config_create(&config));
	for (; *pairs; pairs += 2)
		if (jem_config_set_rule(config, "test", name, pairs[0], pairs[1], &err) < 0)
			check_fail(__FILE__, __LINE__, "%s", err.text);
}
#define RULE(name, ...) add_rule(name, (const char *const[]){ __VA_ARGS__, NULL })

static void make(void)
{
	if (!config)
		CHECK_OK(jem_config_create(&config));
	CHECK_OK(jem_rules_create(config, on_fault, NULL, &rules));
}

static void end(void)
{
	jem_rules_destroy(rules);
	jem_config_destroy(config);
}

static struct jem_rules_result match(const char *file, const char *text, size_t len)
{
	struct jem_rules_scope scope;
	struct jem_rules_result result;

	jem_rules_scope_of(rules, file, &scope);
	jem_rules_region(rules, text, len);
	jem_rules_match(rules, &scope, text, len, &result);
	return result;
}

static struct jem_rules_result match_text(const char *text)
{
	return match("a.log", text, strlen(text));
}

/* The literals of a pattern, joined by |. */
static const char *literals(const char *pattern)
{
	static char joined[JEM_LITERAL_MAX * (JEM_LITERAL_SIZE + 1) + 1];
	struct jem_literals set;
	char *at = joined;

	*at = '\0';
	jem_literals_of(pattern, &set);
	for (size_t i = 0; i < set.count; i++)
		at += sprintf(at, "%s%.*s", i ? "|" : "", set.any_of[i].len, set.any_of[i].text);
	return joined;
}

CASE(finds_what_every_match_must_hold)
{
	static const struct {
		const char *pattern;
		const char *literals;
	} rows[] = {
		{ "ERROR", "ERROR" },
		{ "^ERROR in <(\\w+)>", "ERROR in <" },
		{ "ERROR|FATAL", "ERROR|FATAL" },
		{ "(ERROR|FATAL): .*", "ERROR|FATAL" },
		{ "(?:ERROR|FA): disk full", ": disk full" },
		{ "(?<what>ERROR)s? at event (?<n>\\d+)", " at event " },
		{ "(?P<what>WARNING)", "WARNING" },
		{ "colou?r of", "colo" },
		{ "abcd*", "abc" },
		{ "abcd+e", "abcd" },
		{ "abcde{2,3}", "abcd" },
		{ "abc{", "abc{" },
		{ "\\[main\\] done", "[main] done" },
		{ "\\d+ events", " events" },
		{ "x\\.root", "x.root" },
		{ "[Ee]rror code", "rror code" },
		{ "[]abc]xyz", "xyz" },
		{ "[[:alpha:]]xyz", "xyz" },
		{ "(?=peek)found", "found" },
		{ "(?!never)found", "found" },
		{ "(?<!never )found", "found" },
		{ "(maybe)?found", "found" },
		{ "(maybe)*", "" },
		{ "(once)+", "once" },
		{ "ERROR|", "" },
		{ "ERROR|\\d+", "" },
		{ "(?i)error", "" },
		{ "(?i:error) of", "" },
		{ "a.b", "" },
		{ "\\Qa+b\\E", "" },
		{ "\\x41BCDE", "" },
		{ "caf\xc3\xa9?s", "caf" },
		{ "na\xc3\xafve", "na\xc3\xafve" },
		{ ".*", "" },
		{ "", "" },
		{ "one|two|three|four|five|seven|eight|nine|ten", "" },
		{ "0123456789012345678901234567890123456789", "01234567890123456789012345678901" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (strcmp(literals(rows[i].pattern), rows[i].literals) != 0)
			check_fail(__FILE__, __LINE__, "%s gives \"%s\", wanted \"%s\"",
				   rows[i].pattern, literals(rows[i].pattern), rows[i].literals);
}

CASE(names_the_first_rule_and_alerts_for_each)
{
	struct jem_rules_result result;

	RULE("disk", "log", "No space left on (?<what>\\S+)", "level", "error");
	RULE("any", "log", "space", "severity", "warning", "level", "info");
	RULE("third", "log", "left", "level", "fatal");
	make();
	CHECK_EQ(jem_rules_count(rules), 3);
	result = match_text("write: No space left on device");
	CHECK_EQ(result.rule, 0);
	CHECK_STR(result.level, "error");
	CHECK_EQ(result.alert_count, 1);
	CHECK_EQ(result.alerts[0], 1);
	result = match_text("outer space");
	CHECK_EQ(result.rule, 1);
	CHECK_STR(result.level, "info");
	result = match_text("nothing");
	CHECK_EQ(result.rule, -1);
	CHECK(!result.level);
	end();
}

CASE(gives_captures_and_fills_the_text)
{
	struct jem_rules_result result;
	const struct jem_log_rule *rule;
	const char *line = "event 42: bad \xff pointer in Fitter::fit";
	const char *name;
	const char *value;
	struct jem_buf text;
	size_t len;

	jem_buf_init(&text, 0);
	RULE("bad", "log", "(?<zulu>event) (?<n>\\d+): bad .*? in (?<where>\\S+)(?<none>x)?",
	     "severity", "critical", "text", "${where} failed at ${n}${none} (${zulu})");
	make();
	/* A byte that is no UTF-8 is in no match, so this pattern cannot reach across it. */
	CHECK_EQ(match_text(line).rule, -1);
	line = "event 42: bad pointer in Fitter::fit";
	result = match_text(line);
	CHECK_EQ(result.rule, 0);
	rule = jem_rules_at(rules, 0);
	CHECK(jem_log_rule_capture(rule, 0, &name, &value, &len));
	CHECK_STR(name, "zulu"); /* in the order of the pattern */
	CHECK(jem_log_rule_capture(rule, 1, &name, &value, &len));
	CHECK_STR(name, "n");
	CHECK_EQ(len, 2);
	CHECK(!memcmp(value, "42", 2));
	CHECK(jem_log_rule_capture(rule, 3, &name, &value, &len));
	CHECK_EQ(len, 0);
	CHECK(!jem_log_rule_capture(rule, 4, &name, &value, &len));
	jem_log_rule_alert_text(rule, line, strlen(line), &text);
	CHECK_STR(jem_buf_cstr(&text), "Fitter::fit failed at 42 (event)");
	jem_buf_deinit(&text);
	end();
}

CASE(keeps_a_rule_to_its_files)
{
	RULE("one", "log", "hit", "file", "*.log");
	RULE("two", "log", "hit", "file", "run/*.txt");
	make();
	CHECK_EQ(match("a.log", "hit", 3).rule, 0);
	CHECK_EQ(match("/deep/in/b.log", "hit", 3).rule, 0);
	CHECK_EQ(match("run/a.txt", "hit", 3).rule, 1);
	CHECK_EQ(match("a.txt", "hit", 3).rule, -1);
	CHECK_EQ(match("stdout", "hit", 3).rule, -1);
	end();
}

CASE(tells_faulty_rules_and_goes_on_without_them)
{
	RULE("broken", "log", "(unclosed");
	RULE("fine", "log", "fine");
	make();
	CHECK_EQ(faults, 1);
	CHECK_CONTAINS(fault, "broken: pattern \"(unclosed\": missing closing parenthesis");
	CHECK_CONTAINS(fault, "at character 10");
	CHECK_EQ(jem_rules_count(rules), 1);
	CHECK_EQ(match_text("fine").rule, 0);
	jem_rules_destroy(rules);
	RULE("text", "log", "(?<a>.)", "severity", "info", "text", "${b}");
	make();
	CHECK_CONTAINS(fault, "${b} is no named capture");
	end();
}

CASE(reads_the_level_from_plain_words)
{
	static const struct {
		const char *text;
		const char *level;
	} rows[] = {
		{ "12:00 ERROR cannot open", "error" },
		{ "WARNING: low", "warning" },
		{ "[WARN] low", "warning" },
		{ "FATAL", "fatal" },
		{ "CRITICAL: gone", "fatal" },
		{ "0 ERRORS found", NULL },
		{ "NOERROR", NULL },
		{ "ERROR_CODE=0", NULL },
		{ "NOERROR then ERROR", "error" },
		{ "WARNINGS", NULL },
		{ "an error", NULL },
		{ "", NULL },
		{ "ERROR after WARNING", "error" },
	};

	make();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *level = match_text(rows[i].text).level;

		if (level != rows[i].level &&
		    (!level || !rows[i].level || strcmp(level, rows[i].level) != 0))
			check_fail(__FILE__, __LINE__, "\"%s\" is %s", rows[i].text,
				   level ? level : "nothing");
	}
	end();
}

CASE(finds_each_line_of_a_region)
{
	static const char region[] = "a ERROR\nb\nc disk\nd ERROR disk\n";
	struct jem_rules_scope scope;
	struct jem_rules_result result;
	static const int wanted[] = { -1, -1, 0, 0 };
	const char *at = region;

	RULE("disk", "log", "disk");
	make();
	jem_rules_scope_of(rules, "x", &scope);
	jem_rules_region(rules, region, sizeof(region) - 1);
	for (int i = 0; i < 4; i++) {
		const char *newline = strchr(at, '\n');

		jem_rules_match(rules, &scope, at, (size_t)(newline - at), &result);
		CHECK_EQ(result.rule, wanted[i]);
		CHECK_EQ(result.level != NULL, i == 0 || i == 3);
		at = newline + 1;
	}
	end();
}

/* No pattern on no line takes longer than a moment, and both are told once. */
CASE(cannot_be_hung_by_a_pattern)
{
	static const char *const patterns[] = {
		"(a+)+$",       "(?=a*?b[xz])",       "a.*a.*a.*a.*b[xz]",
		"(a|aa)+$",     "(?:a*?a*?a*?b)[xz]", "a*?b[xz]",
		"(.)\\1*b[xz]", "^(?:(?:a*)*)*b[xz]", "(\\w+\\s?)*[xz]$",
	};
	size_t len = 1 << 20;
	char *line = malloc(len);

	memset(line, 'a', len);
	line[len - 1] = 'b';
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		char name[8];

		snprintf(name, sizeof(name), "r%zu", i);
		RULE(name, "log", patterns[i]);
	}
	make();
	for (size_t n = 100; n <= len; n = n < 100000 ? n * 3 : len + (n == len)) {
		uint64_t start = jem_now_ns();

		match("a.log", line + len - n, n);
		if (jem_now_ns() - start > 10000000000u)
			check_fail(__FILE__, __LINE__, "%zu bytes took too long", n);
	}
	CHECK_GE(faults, 3);
	CHECK_LE(faults, sizeof(patterns) / sizeof(*patterns));
	CHECK_GE(jem_rules_given_up(rules), faults);
	CHECK_CONTAINS(fault, "of a line from now on");
	/* Kept to short lines, they still work there. */
	CHECK_EQ(match_text("bz").rule >= 0, true);
	free(line);
	end();
}

TESTS(T(finds_what_every_match_must_hold), T(names_the_first_rule_and_alerts_for_each),
      T(gives_captures_and_fills_the_text), T(keeps_a_rule_to_its_files),
      T(tells_faulty_rules_and_goes_on_without_them), T(reads_the_level_from_plain_words),
      T(finds_each_line_of_a_region), T(cannot_be_hung_by_a_pattern))
