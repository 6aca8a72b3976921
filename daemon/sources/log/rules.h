/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules: all log rules of a configuration, run over lines at the rate of a fire hose.
 *
 * Flow:      region (a chunk of whole lines) -> literals searched once in it -> PCRE2 only on lines
 *            that hold a literal of the rule (literal.h), or for rules without one
 * Ownership: owns the compiled rules; the configuration is borrowed and outlives it
 * Invariant: no pattern and no line can hang it. A rule looks at the first JEM_RULE_LENGTH bytes of
 *            a line. What is longer than a short line is tried on growing parts first, and a rule
 *            that takes more than JEM_RULE_SLOW_NS is kept to shorter lines from then on; each
 *            rule tells so once, and every line that it could not decide is counted.
 */
#ifndef JEM_DAEMON_SOURCES_LOG_RULES_H
#define JEM_DAEMON_SOURCES_LOG_RULES_H

#include "common/log_rule.h"

#define JEM_RULE_LENGTH  (64u << 10)
#define JEM_RULE_SLOW_NS 5000000u

struct jem_rules;

/* A fault of a rule, in one line; `name` is the rule's. */
typedef void (*jem_rule_fault_fn)(void *arg, const char *name, const char *text);

/*
 * Takes the rules that have a pattern. A faulty one is told and left out. -ENOMEM.
 */
int jem_rules_create(const struct jem_config *config, jem_rule_fault_fn on_fault, void *arg,
		     struct jem_rules **ret);
void jem_rules_destroy(struct jem_rules *rules);

size_t jem_rules_count(const struct jem_rules *rules);
const struct jem_log_rule *jem_rules_at(const struct jem_rules *rules, size_t i);
uint64_t jem_rules_given_up(const struct jem_rules *rules); /* lines a rule could not decide */

/* Which rules apply to a file: a pattern with a slash is for paths, else for the last name. */
struct jem_rules_scope {
	uint64_t bits[JEM_RULES_MAX / 64];
};
void jem_rules_scope_of(const struct jem_rules *rules, const char *file,
			struct jem_rules_scope *ret);

/* The lines that follow lie in these bytes, in rising order. */
void jem_rules_region(struct jem_rules *rules, const char *start, size_t len);

struct jem_rules_result {
	int rule; /* the first that matched, -1: none */
	const char
		*level; /* of the first matching rule that has one, else by plain words; or NULL */
	unsigned alert_count;
	uint8_t alerts[JEM_RULES_MAX]; /* every matching rule with a severity */
};

/* Captures are valid until the next call (jem_log_rule_capture). */
void jem_rules_match(struct jem_rules *rules, const struct jem_rules_scope *scope, const char *text,
		     size_t len, struct jem_rules_result *ret);

#endif
