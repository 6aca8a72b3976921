/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/rules/threshold.h"

#include "common/threshold.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	TEXT_MAX = 512,
	NUMBER_MAX = 32,
};
static const double BEYOND = 0.05; /* of the bound: how far back the value has to be */

struct rule {
	const struct jem_rule *source; /* borrowed from the configuration */
	struct jem_threshold threshold;
	uint64_t since_ns; /* the condition holds since then, 0: it does not */
	bool is_over;      /* an alert was given and not taken back */
};

struct jem_threshold_rules {
	struct jem_batcher *batcher; /* borrowed, outlives us */
	struct jem_job *job;         /* borrowed, outlives us; or NULL */
	size_t count;
	struct rule rules[];
};

int jem_threshold_rules_create(const struct jem_config *config, struct jem_batcher *batcher,
			       struct jem_job *job, struct jem_threshold_rules **ret)
{
	size_t count = jem_config_rule_count(config);
	struct jem_threshold_rules *rules =
		calloc(1, sizeof(*rules) + count * sizeof(*rules->rules));

	if (!rules)
		return -ENOMEM;
	rules->batcher = batcher;
	rules->job = job;
	for (size_t i = 0; i < count; i++) {
		const struct jem_rule *source = jem_config_rule(config, i);
		struct rule *rule = &rules->rules[rules->count];
		struct jem_err err;

		if (!source->when || jem_threshold_parse(source->when, &rule->threshold, &err) < 0)
			continue;
		rule->source = source;
		rules->count++;
	}
	*ret = rules;
	return 0;
}

void jem_threshold_rules_destroy(struct jem_threshold_rules *rules)
{
	free(rules);
}

size_t jem_threshold_rules_count(const struct jem_threshold_rules *rules)
{
	return rules->count;
}

static double value_of(const struct jem_sample *sample, const struct jem_threshold *threshold)
{
	if (threshold->metric >= 0) {
		if (threshold->scope == JEM_SCOPE_NODE)
			return sample->node[threshold->metric];
		return sample->has_job ? sample->job[threshold->metric] : NAN;
	}
	for (size_t i = 0; i < sample->extra_count; i++)
		if (!strcmp(sample->extras[i].name, threshold->name))
			return sample->extras[i].value;
	return NAN;
}

static double base_of(const struct jem_sample *sample, const struct jem_threshold *threshold)
{
	if (threshold->base_scope == JEM_SCOPE_NODE)
		return sample->node[threshold->base];
	return sample->has_job ? sample->job[threshold->base] : NAN;
}

static bool holds(enum jem_threshold_op op, double value, double bound)
{
	switch (op) {
	case JEM_ABOVE:
		return value > bound;
	case JEM_ABOVE_OR_EQUAL:
		return value >= bound;
	case JEM_BELOW:
		return value < bound;
	case JEM_BELOW_OR_EQUAL:
		return value <= bound;
	}
	return false;
}

/* Whether the value is back so far that the next crossing is a new episode. */
static bool is_back(enum jem_threshold_op op, double value, double bound)
{
	double margin = fabs(bound) * BEYOND;

	if (holds(op, value, bound))
		return false;
	return op == JEM_ABOVE || op == JEM_ABOVE_OR_EQUAL ? value <= bound - margin
							   : value >= bound + margin;
}

/* A number as a person reads it: 1.85 GB, 30 s, 12. */
static const char *show(const struct jem_threshold *threshold, double value, char ret[NUMBER_MAX])
{
	static const char prefixes[] = " kMGTP";
	const char *unit = threshold->metric >= 0 ? jem_metrics[threshold->metric].unit : "";
	bool is_bytes = !strncmp(unit, "bytes", 5) || strstr(threshold->name, "_bytes");
	int i = 0;

	if (!is_bytes) {
		snprintf(ret, NUMBER_MAX, "%.4g%s", value, strcmp(unit, "s") ? "" : " s");
		return ret;
	}
	for (; fabs(value) >= 999.5 && prefixes[i + 1]; i++)
		value /= 1000;
	snprintf(ret, NUMBER_MAX, "%.3g %.*sB%s", value, i > 0, &prefixes[i],
		 strcmp(unit, "bytes/s") ? "" : "/s");
	return ret;
}

static const char *op_words(enum jem_threshold_op op)
{
	switch (op) {
	case JEM_ABOVE:
		return "over";
	case JEM_ABOVE_OR_EQUAL:
		return "at or over";
	case JEM_BELOW:
		return "under";
	case JEM_BELOW_OR_EQUAL:
		return "at or under";
	}
	return "";
}

/* "rss_bytes is 1.85 GB, over 90 % of the limit (1.8 GB) for 30 s" */
static void write_text(const struct rule *rule, double value, double bound, bool is_end,
		       char ret[TEXT_MAX])
{
	const struct jem_threshold *threshold = &rule->threshold;
	const char *base = threshold->base_scope == JEM_SCOPE_JOB ? "limit" : "total";
	char value_text[NUMBER_MAX], bound_text[NUMBER_MAX], bound_words[3 * NUMBER_MAX];
	char lasting[NUMBER_MAX] = "";

	show(threshold, value, value_text);
	show(threshold, bound, bound_text);
	snprintf(bound_words, sizeof(bound_words), "%s", bound_text);
	if (threshold->base >= 0)
		snprintf(bound_words, sizeof(bound_words), "%.3g %% of the %s (%s)",
			 threshold->bound * 100, base, bound_text);
	if (threshold->for_ns && !is_end)
		snprintf(lasting, sizeof(lasting), " for %.4g s", (double)threshold->for_ns / 1e9);
	snprintf(ret, TEXT_MAX, "%s%s%s is %s, %s%s %s%s", rule->source->text ?: "",
		 rule->source->text ? ": " : "", threshold->name, value_text,
		 is_end ? "no longer " : "", op_words(threshold->op), bound_words, lasting);
}

static void alert(struct jem_threshold_rules *rules, const struct rule *rule,
		  const struct jem_sample *sample, double value, double bound, bool is_end)
{
	const char *severity = rule->source->severity ?: "warning";
	struct jem_record *record =
		jem_batcher_begin(rules->batcher, JEM_KIND_alert, sample->mono_ns);
	char text[TEXT_MAX];

	if (is_end)
		severity = "info";
	write_text(rule, value, bound, is_end, text);
	jem_record_str(record, "rule", rule->source->name);
	jem_record_word(record, "severity", severity);
	jem_record_str(record, "text", text);
	jem_record_object_begin(record, "values");
	jem_record_real(record, rule->threshold.name, value);
	jem_record_real(record, "bound", bound);
	jem_record_object_end(record);
	jem_batcher_end(rules->batcher, JEM_URGENT);
	if (rules->job)
		jem_job_note_alert(rules->job, severity, text, strlen(text));
}

static void judge(struct jem_threshold_rules *rules, struct rule *rule,
		  const struct jem_sample *sample)
{
	const struct jem_threshold *threshold = &rule->threshold;
	double value = value_of(sample, threshold);
	double bound = threshold->bound;

	if (threshold->base >= 0)
		bound *= base_of(sample, threshold);
	if (isnan(value) || isnan(bound))
		return; /* not known now: nothing changes */
	if (!holds(threshold->op, value, bound)) {
		rule->since_ns = 0;
		/* That an ended job holds nothing any more is no news. */
		if (rule->is_over && !sample->is_final && is_back(threshold->op, value, bound)) {
			rule->is_over = false;
			alert(rules, rule, sample, value, bound, true);
		}
		return;
	}
	if (!rule->since_ns)
		rule->since_ns = sample->mono_ns;
	if (!rule->is_over && sample->mono_ns - rule->since_ns >= threshold->for_ns) {
		rule->is_over = true;
		alert(rules, rule, sample, value, bound, false);
	}
}

void jem_threshold_rules_sample(struct jem_threshold_rules *rules, const struct jem_sample *sample)
{
	for (size_t i = 0; i < rules->count; i++)
		judge(rules, &rules->rules[i], sample);
}
