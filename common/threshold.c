/* SPDX-License-Identifier: Apache-2.0 */
#include "common/threshold.h"

#include "common/config_value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	WORD_MAX = 48
};

/* What `limit` and `total` mean for a metric. */
struct base {
	int metric;
	int limit; /* of the job, -1: none */
	int total; /* of the node, -1: none */
};

#define BASE(metric, limit, total)                                                                 \
	{                                                                                          \
		JEM_METRIC_##metric, limit, total                                                  \
	}
#define MEMORY(metric)         BASE(metric, JEM_METRIC_memory_limit_bytes, JEM_METRIC_memory_total_bytes)
#define OF_NODE(metric, total) BASE(metric, -1, JEM_METRIC_##total)

static const struct base bases[] = {
	MEMORY(rss_bytes),
	MEMORY(peak_rss_bytes),
	MEMORY(pss_bytes),
	MEMORY(peak_pss_bytes),
	MEMORY(anon_bytes),
	MEMORY(shmem_bytes),
	MEMORY(cgroup_usage_bytes),
	MEMORY(cgroup_anon_bytes),
	MEMORY(cgroup_shmem_bytes),
	MEMORY(cgroup_cache_bytes),
	MEMORY(cgroup_peak_bytes),
	OF_NODE(memory_available_bytes, memory_total_bytes),
	OF_NODE(memory_cached_bytes, memory_total_bytes),
	OF_NODE(memory_dirty_bytes, memory_total_bytes),
	OF_NODE(memory_limit_bytes, memory_total_bytes),
	OF_NODE(swap_used_bytes, swap_total_bytes),
	OF_NODE(swap_bytes, swap_total_bytes),
	OF_NODE(cgroup_swap_bytes, swap_total_bytes),
	OF_NODE(work_free_bytes, work_total_bytes),
	OF_NODE(tmp_free_bytes, tmp_total_bytes),
	OF_NODE(home_free_bytes, home_total_bytes),
	OF_NODE(cpu_cores, cpu_count),
	OF_NODE(load1, cpu_count),
	OF_NODE(load5, cpu_count),
	OF_NODE(load15, cpu_count),
	OF_NODE(tasks_runnable, cpu_count),
	OF_NODE(threads, cpu_count),
	OF_NODE(processes, cpu_count),
};

struct unit {
	const char *name;
	double factor;
};

static const struct unit byte_units[] = {
	{ "B", 1 },
	{ "kB", 1e3 },
	{ "KB", 1e3 },
	{ "MB", 1e6 },
	{ "GB", 1e9 },
	{ "TB", 1e12 },
	{ "k", 1024. },
	{ "K", 1024. },
	{ "M", 1024. * 1024 },
	{ "G", 1024. * 1024 * 1024 },
	{ "T", 1024. * 1024 * 1024 * 1024 },
	{ "KiB", 1024. },
	{ "MiB", 1024. * 1024 },
	{ "GiB", 1024. * 1024 * 1024 },
	{ "TiB", 1024. * 1024 * 1024 * 1024 },
	{ NULL, 0 },
};

static const struct unit time_units[] = {
	{ "ms", 1e-3 }, { "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", 86400 }, { NULL, 0 },
};

static const struct unit no_units[] = { { NULL, 0 } };

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* Takes characters of `set`; -1 when there are none or too many. */
static int take_word(const char **at, const char *set, char ret[WORD_MAX])
{
	size_t len;

	*at = skip_blanks(*at);
	len = strspn(*at, set);
	if (!len || len >= WORD_MAX)
		return -1;
	memcpy(ret, *at, len);
	ret[len] = '\0';
	*at += len;
	return 0;
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool take_number(const char **at, double *ret)
{
	char *end;

	*at = skip_blanks(*at);
	/* strtod also reads hex, inf and nan, which nobody means here */
	if (!isdigit((unsigned char)(*at)[(*at)[0] == '.']))
		return false;
	if ((*at)[0] == '0' && ((*at)[1] == 'x' || (*at)[1] == 'X'))
		return false;
	*ret = strtod(*at, &end);
	*at = end;
	return isfinite(*ret);
}

static int find_unit(const struct unit *units, const char *word, double *factor)
{
	for (; units->name; units++) {
		if (!strcmp(units->name, word)) {
			*factor = units->factor;
			return 0;
		}
	}
	return -1;
}

bool jem_metric_is_numbered(const char *name)
{
	static const char *const forms[][2] = {
		{ "core", "_busy_s" },
		{ "folder", "_free_bytes" },
		{ "folder", "_total_bytes" },
		{ "folder", "_free_inodes" },
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		size_t len = strlen(forms[i][0]);
		size_t digits;

		if (strncmp(name, forms[i][0], len))
			continue;
		digits = strspn(name + len, "0123456789");
		if (digits && digits < 6 && !strcmp(name + len + digits, forms[i][1]))
			return true;
	}
	return false;
}

static int unknown_metric(const char *word, struct jem_err *err)
{
	char shown[JEM_SHOWN_MAX];
	unsigned least = 8;
	int near = -1;

	for (int i = 0; i < JEM_METRIC_COUNT; i++) {
		unsigned distance = jem_value_distance(jem_metrics[i].name, word);

		if (distance < least && jem_metrics[i].scopes & (JEM_SCOPE_NODE | JEM_SCOPE_JOB)) {
			least = distance;
			near = i;
		}
	}
	jem_value_show(word, shown);
	if (near >= 0)
		return jem_err_set(err, -EINVAL, "no metric \"%s\"; did you mean %s?", shown,
				   jem_metrics[near].name);
	return jem_err_set(err, -EINVAL, "no metric \"%s\"; jem.conf(5) lists them", shown);
}

static int parse_metric(const char **at, struct jem_threshold *ret, struct jem_err *err)
{
	char word[WORD_MAX];
	const char *name = word;
	unsigned allowed = JEM_SCOPE_NODE | JEM_SCOPE_JOB;

	if (take_word(at, LETTERS "0123456789_.", word) < 0)
		return jem_err_set(err, -EINVAL,
				   "a threshold begins with a metric, as in rss_bytes > 2GiB");
	if (!strncmp(word, "node.", 5)) {
		allowed = JEM_SCOPE_NODE;
		name += 5;
	} else if (!strncmp(word, "job.", 4)) {
		allowed = JEM_SCOPE_JOB;
		name += 4;
	}
	ret->metric = jem_metric_find(name, strlen(name));
	if (ret->metric < 0 && !jem_metric_is_numbered(name))
		return unknown_metric(name, err);
	if (ret->metric < 0)
		allowed &= JEM_SCOPE_NODE;
	else
		allowed &= jem_metrics[ret->metric].scopes;
	if (!allowed)
		return jem_err_set(err, -EINVAL, "%s is no metric of the %s", name,
				   name == word     ? "job or node"
				   : word[0] == 'n' ? "node"
						    : "job");
	strcpy(ret->name, name);
	ret->scope = allowed & JEM_SCOPE_JOB ? JEM_SCOPE_JOB : JEM_SCOPE_NODE;
	return 0;
}

static int parse_op(const char **at, struct jem_threshold *ret, struct jem_err *err)
{
	static const char *const ops[] = { [JEM_ABOVE_OR_EQUAL] = ">=",
					   [JEM_ABOVE] = ">",
					   [JEM_BELOW_OR_EQUAL] = "<=",
					   [JEM_BELOW] = "<" };
	char word[WORD_MAX];

	if (!take_word(at, "<>=!", word))
		for (int i = 0; i < 4; i++)
			if (!strcmp(word, ops[i])) {
				ret->op = (enum jem_threshold_op)i;
				return 0;
			}
	return jem_err_set(err, -EINVAL, "after %s comes > or >= or < or <=", ret->name);
}

static int set_base(struct jem_threshold *ret, const char *word, struct jem_err *err)
{
	bool is_limit = !strcmp(word, "limit");

	for (size_t i = 0; i < sizeof(bases) / sizeof(*bases); i++) {
		if (bases[i].metric != ret->metric)
			continue;
		ret->base = is_limit ? bases[i].limit : bases[i].total;
		ret->base_scope = is_limit ? JEM_SCOPE_JOB : JEM_SCOPE_NODE;
		if (ret->base >= 0)
			return 0;
	}
	return jem_err_set(err, -EINVAL, "%s has no %s; give a number instead", ret->name, word);
}

static const struct unit *units_of(const struct jem_threshold *threshold)
{
	const char *unit;

	if (threshold->metric >= 0)
		unit = jem_metrics[threshold->metric].unit;
	else if (strstr(threshold->name, "_bytes"))
		unit = "bytes";
	else
		unit = strstr(threshold->name, "_busy_s") ? "s" : "count";
	if (!strncmp(unit, "bytes", 5))
		return byte_units;
	return strcmp(unit, "s") ? no_units : time_units;
}

/* [FACTOR] limit|total, or NUMBER[UNIT]; `for` ends it. */
static int parse_bound(const char **at, struct jem_threshold *ret, struct jem_err *err)
{
	bool has_number = take_number(at, &ret->bound);
	bool is_percent = false;
	char word[WORD_MAX];
	const char *before;
	double factor;

	ret->base = -1;
	if (has_number) {
		*at = skip_blanks(*at);
		is_percent = **at == '%';
		*at += is_percent;
	} else {
		ret->bound = 1;
	}
	before = *at;
	if (take_word(at, LETTERS, word) < 0 || !strcmp(word, "for")) {
		*at = before;
		word[0] = '\0';
	}
	if (is_percent)
		ret->bound /= 100;
	if (!strcmp(word, "limit") || !strcmp(word, "total"))
		return set_base(ret, word, err);
	if (!has_number)
		return jem_err_set(err, -EINVAL, "after %s %s comes a number, limit or total",
				   ret->name, jem_threshold_op_text(ret->op));
	if (is_percent)
		return jem_err_set(err, -EINVAL, "percent of what? write limit or total after %%");
	if (!word[0])
		return 0;
	if (find_unit(units_of(ret), word, &factor) < 0)
		return jem_err_set(err, -EINVAL, "%s is not counted in \"%s\"", ret->name, word);
	ret->bound *= factor;
	return 0;
}

static int parse_duration(const char **at, struct jem_threshold *ret, struct jem_err *err)
{
	char word[WORD_MAX];
	double number;
	double factor = 1;

	ret->for_ns = 0;
	if (take_word(at, LETTERS, word) < 0)
		return 0;
	if (strcmp(word, "for"))
		return jem_err_set(err, -EINVAL, "\"%s\" is not expected here; only \"for N s\" is",
				   word);
	if (!take_number(at, &number))
		return jem_err_set(err, -EINVAL, "after \"for\" comes a time, as in for 30 s");
	if (!take_word(at, LETTERS, word) && find_unit(time_units, word, &factor) < 0)
		return jem_err_set(err, -EINVAL, "\"%s\" is no unit of time; use ms, s, min or h",
				   word);
	if (number * factor > 30 * 86400.)
		return jem_err_set(err, -EINVAL, "a threshold waits for 30 days at most");
	ret->for_ns = (uint64_t)(number * factor * 1e9);
	return 0;
}

int jem_threshold_parse(const char *text, struct jem_threshold *ret, struct jem_err *err)
{
	struct jem_threshold threshold = { .metric = -1 };
	const char *at = text;
	char shown[JEM_SHOWN_MAX];
	int status;

	if ((status = parse_metric(&at, &threshold, err)) < 0 ||
	    (status = parse_op(&at, &threshold, err)) < 0 ||
	    (status = parse_bound(&at, &threshold, err)) < 0 ||
	    (status = parse_duration(&at, &threshold, err)) < 0)
		return status;
	at = skip_blanks(at);
	if (*at)
		return jem_err_set(err, -EINVAL, "\"%s\" is not expected at the end of a threshold",
				   jem_value_show(at, shown));
	*ret = threshold;
	return 0;
}

const char *jem_threshold_op_text(enum jem_threshold_op op)
{
	switch (op) {
	case JEM_ABOVE:
		return ">";
	case JEM_ABOVE_OR_EQUAL:
		return ">=";
	case JEM_BELOW:
		return "<";
	case JEM_BELOW_OR_EQUAL:
		return "<=";
	}
	return "";
}
