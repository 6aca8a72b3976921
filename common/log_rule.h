/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_rule: one compiled rule on log lines: a PCRE2 pattern, its named captures, its alert text.
 *
 * The pattern sees a line as UTF-8; bytes that are not UTF-8 never match, and never hurt.
 *
 * Ownership: owns its compiled code and the memory of its last match; the rule's own strings are
 *            borrowed from the configuration, which outlives it
 * Thread:    one thread
 * Invariant: pattern and line are hostile together: backtracking is bounded (JEM_LOG_RULE_STEPS
 *            at each position), and so is the length that a match may look at: see rules.h
 */
#ifndef JEM_COMMON_LOG_RULE_H
#define JEM_COMMON_LOG_RULE_H

#include "common/buf.h"
#include "common/config.h"

#define JEM_LOG_RULE_CAPTURES 32   /* named captures of one rule */
#define JEM_LOG_RULE_STEPS    2000 /* PCRE2's match limit, and 16 more for each byte */

struct jem_log_rule;

/*
 * Compiles a rule that has `log`: -EINVAL with the place and the reason for a pattern that is none,
 * for more than JEM_LOG_RULE_CAPTURES named captures, and for a text that names a capture which
 * the pattern does not have.
 */
int jem_log_rule_create(const struct jem_rule *source, struct jem_log_rule **ret,
			struct jem_err *err);
void jem_log_rule_destroy(struct jem_log_rule *rule);

const struct jem_rule *jem_log_rule_source(const struct jem_log_rule *rule);

/*
 * 1: the line matches, and its captures are valid until the next match and as long as the line;
 * 0: it does not; -E2BIG: given up at a limit. `is_cut`: the line goes on beyond `len`.
 */
int jem_log_rule_match(struct jem_log_rule *rule, const char *text, size_t len, bool is_cut);

/* Capture number `i`, as names come in the pattern: false beyond the last one. */
bool jem_log_rule_capture(const struct jem_log_rule *rule, size_t i, const char **name,
			  const char **value, size_t *len);

/* Appends the alert's text for the last match: the template, or the line when there is none. */
void jem_log_rule_alert_text(const struct jem_log_rule *rule, const char *line, size_t len,
			     struct jem_buf *ret);

#endif
