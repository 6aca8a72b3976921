/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log_rule.h"

#include "common/cleanup.h"

#include <errno.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
	JIT_STACK_START = 16 << 10,
	JIT_STACK_MAX = 256 << 10,
	HEAP_LIMIT_KIB = 1024 /* where JIT is not to be had */
};

struct capture {
	const char *name; /* borrowed from the code's own table */
	uint32_t group;
};

struct jem_log_rule {
	const struct jem_rule *source; /* borrowed, outlives us */
	pcre2_code *code;              /* owned */
	pcre2_match_data *match;       /* owned */
	pcre2_match_context *limits;   /* owned */
	pcre2_jit_stack *stack;        /* owned */
	const char *subject;           /* of the last match, borrowed */
	struct capture captures[JEM_LOG_RULE_CAPTURES];
	size_t capture_count;
};

static int compile(struct jem_log_rule *rule, struct jem_err *err)
{
	const char *pattern = rule->source->log;
	PCRE2_SIZE at = 0;
	int code = 0;

	rule->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
				   PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY |
					   PCRE2_NEVER_BACKSLASH_C,
				   &code, &at, NULL);
	if (!rule->code) {
		char reason[120];

		pcre2_get_error_message(code, (PCRE2_UCHAR *)reason, sizeof(reason));
		return jem_err_set(err, -EINVAL, "pattern \"%.80s\": %s, at character %zu", pattern,
				   reason, (size_t)at + 1);
	}
	/* Without JIT (a hardened kernel) the interpreter keeps the same limits. */
	pcre2_jit_compile(rule->code, PCRE2_JIT_COMPLETE);
	rule->match = pcre2_match_data_create_from_pattern(rule->code, NULL);
	rule->limits = pcre2_match_context_create(NULL);
	rule->stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, NULL);
	if (!rule->match || !rule->limits || !rule->stack)
		return jem_err_set(err, -ENOMEM, "no memory for a rule");
	pcre2_set_heap_limit(rule->limits, HEAP_LIMIT_KIB);
	pcre2_jit_stack_assign(rule->limits, NULL, rule->stack);
	return 0;
}

/* The name table is sorted by name; people read captures in the order of the pattern. */
static int name_captures(struct jem_log_rule *rule, struct jem_err *err)
{
	uint32_t count = 0;
	uint32_t size = 0;
	PCRE2_SPTR table = NULL;

	pcre2_pattern_info(rule->code, PCRE2_INFO_NAMECOUNT, &count);
	pcre2_pattern_info(rule->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre2_pattern_info(rule->code, PCRE2_INFO_NAMETABLE, &table);
	if (count > JEM_LOG_RULE_CAPTURES)
		return jem_err_set(err, -EINVAL,
				   "pattern \"%.80s\": %u named captures, at most %d are published",
				   rule->source->log, count, JEM_LOG_RULE_CAPTURES);
	for (uint32_t n = 0; n < count; n++, table += size) {
		uint32_t group = (uint32_t)table[0] << 8 | table[1];
		size_t i = rule->capture_count++;

		for (; i && rule->captures[i - 1].group > group; i--)
			rule->captures[i] = rule->captures[i - 1];
		rule->captures[i] = (struct capture){ (const char *)table + 2, group };
	}
	return 0;
}

static const struct capture *find_capture(const struct jem_log_rule *rule, const char *name,
					  size_t len)
{
	for (size_t i = 0; i < rule->capture_count; i++)
		if (!strncmp(rule->captures[i].name, name, len) && !rule->captures[i].name[len])
			return &rule->captures[i];
	return NULL;
}

/* The next ${name} of a template: *name and *len, and the byte after it; NULL: none. */
static const char *next_variable(const char *text, const char **start, const char **name,
				 size_t *len)
{
	for (const char *at = text; (at = strstr(at, "${")); at += 2) {
		const char *end = strchr(at, '}');

		if (!end)
			return NULL;
		*start = at;
		*name = at + 2;
		*len = (size_t)(end - *name);
		return end + 1;
	}
	return NULL;
}

static int check_text(const struct jem_log_rule *rule, struct jem_err *err)
{
	const char *start;
	const char *name;
	size_t len;

	if (!rule->source->text)
		return 0;
	for (const char *at = rule->source->text; (at = next_variable(at, &start, &name, &len));)
		if (!find_capture(rule, name, len))
			return jem_err_set(err, -EINVAL,
					   "text: ${%.*s} is no named capture of the pattern; "
					   "write (?<%.*s>...) in it",
					   len > 60 ? 60 : (int)len, name, len > 60 ? 60 : (int)len,
					   name);
	return 0;
}

int jem_log_rule_create(const struct jem_rule *source, struct jem_log_rule **ret,
			struct jem_err *err)
{
	struct jem_log_rule *rule;
	int r;

	rule = calloc(1, sizeof(*rule));
	if (!rule)
		return jem_err_set(err, -ENOMEM, "no memory for a rule");
	rule->source = source;
	r = compile(rule, err);
	if (!r)
		r = name_captures(rule, err);
	if (!r)
		r = check_text(rule, err);
	if (r) {
		jem_log_rule_destroy(rule);
		return r;
	}
	*ret = rule;
	return 0;
}

void jem_log_rule_destroy(struct jem_log_rule *rule)
{
	if (!rule)
		return;
	pcre2_jit_stack_free(rule->stack);
	pcre2_match_context_free(rule->limits);
	pcre2_match_data_free(rule->match);
	pcre2_code_free(rule->code);
	free(rule);
}

const struct jem_rule *jem_log_rule_source(const struct jem_log_rule *rule)
{
	return rule->source;
}

int jem_log_rule_match(struct jem_log_rule *rule, const char *text, size_t len, bool is_cut)
{
	uint32_t steps = JEM_LOG_RULE_STEPS + (len < 1u << 20 ? (uint32_t)len * 16 : 1u << 24);
	int r;

	/* Steps are counted anew at each position; an honest `.*(\d+)` needs one for each byte. */
	pcre2_set_match_limit(rule->limits, steps);
	r = pcre2_match(rule->code, (PCRE2_SPTR)text, len, 0, is_cut ? PCRE2_NOTEOL : 0,
			rule->match, rule->limits);
	if (r > 0) {
		rule->subject = text;
		return 1;
	}
	return r == PCRE2_ERROR_NOMATCH ? 0 : -E2BIG;
}

/* An empty view for a group that took no part. */
static void capture_value(const struct jem_log_rule *rule, uint32_t group, const char **value,
			  size_t *len)
{
	PCRE2_SIZE *ends = pcre2_get_ovector_pointer(rule->match) + 2 * (size_t)group;

	*value = rule->subject;
	*len = 0;
	if (ends[0] == PCRE2_UNSET || ends[1] < ends[0])
		return;
	*value += ends[0];
	*len = ends[1] - ends[0];
}

bool jem_log_rule_capture(const struct jem_log_rule *rule, size_t i, const char **name,
			  const char **value, size_t *len)
{
	if (i >= rule->capture_count)
		return false;
	*name = rule->captures[i].name;
	capture_value(rule, rule->captures[i].group, value, len);
	return true;
}

void jem_log_rule_alert_text(const struct jem_log_rule *rule, const char *line, size_t len,
			     struct jem_buf *ret)
{
	const char *at = rule->source->text;
	const char *start;
	const char *next;
	const char *name;
	size_t name_len;

	if (!at) {
		jem_buf_add(ret, line, len);
		return;
	}
	while ((next = next_variable(at, &start, &name, &name_len))) {
		const struct capture *capture = find_capture(rule, name, name_len);
		const char *value;
		size_t value_len;

		jem_buf_add(ret, at, (size_t)(start - at));
		if (capture) {
			capture_value(rule, capture->group, &value, &value_len);
			jem_buf_add(ret, value, value_len);
		}
		at = next;
	}
	jem_buf_add_str(ret, at);
}
