/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "tools/selection.h"

#include "common/clock.h"
#include "common/kind.h"

#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	MATCH_LIMIT = 100000, /* of PCRE2: a pattern must not hang on a long line */
};

int jem_selection_kinds(const char *text, uint32_t *ret, struct jem_err *err)
{
	uint32_t mask = 0;

	while (text) {
		size_t len = strcspn(text, ",");
		int kind = jem_kind_find(text, len);

		if (kind < 0)
			return jem_err_set(err, -EINVAL,
					   "there is no kind '%.*s'; status, metric, log, script, "
					   "call, profile, sched, alert and summary are",
					   len < 40 ? (int)len : 40, text);
		mask |= 1u << kind;
		text = text[len] ? text + len + 1 : NULL;
	}
	*ret = mask;
	return 0;
}

static bool read_span(const char *text, uint64_t *ret)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = { { "s", 1 }, { "m", 60 }, { "min", 60 }, { "h", 3600 }, { "d", 86400 } };
	char *end;
	double value = strtod(text, &end);

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (end > text && !strcmp(end, units[i].unit) && value >= 0 && value < 1e9) {
			*ret = (uint64_t)(value * units[i].seconds * 1e6);
			return true;
		}
	return false;
}

static bool read_instant(const char *text, uint64_t now_us, uint64_t *ret)
{
	static const char *const formats[] = {
		"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M",
		"%Y-%m-%d",          "%H:%M:%S",          "%H:%M"
	};
	time_t now = (time_t)(now_us / 1000000);

	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		struct tm tm = { 0 };
		const char *end;

		if (formats[i][1] == 'H')
			gmtime_r(&now, &tm);
		tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
		end = strptime(text, formats[i], &tm);
		if (end && (!*end || !strcmp(end, "Z"))) {
			*ret = (uint64_t)timegm(&tm) * 1000000;
			return true;
		}
	}
	return false;
}

int jem_selection_time(const char *text, uint64_t now_us, uint64_t *ret, struct jem_err *err)
{
	uint64_t value;

	if (read_span(text, &value)) {
		*ret = value < now_us ? now_us - value : 0;
		return 0;
	}
	if (read_instant(text, now_us, ret))
		return 0;
	return jem_err_set(err, -EINVAL,
			   "'%.40s' is no time: give 90s, 10m or 2h (ago), 12:34:56, or "
			   "2026-03-01 12:34:56 (UTC)",
			   text);
}

static int compile(struct jem_selection *selection, const char *grep, struct jem_err *err)
{
	PCRE2_SIZE offset;
	PCRE2_UCHAR why[120];
	int code;

	selection->pattern =
		pcre2_compile((PCRE2_SPTR)grep, PCRE2_ZERO_TERMINATED,
			      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &code, &offset, NULL);
	if (!selection->pattern) {
		pcre2_get_error_message(code, why, sizeof(why));
		return jem_err_set(err, -EINVAL,
				   "the pattern '%.60s' is wrong at character %zu: %s", grep,
				   (size_t)offset + 1, (const char *)why);
	}
	pcre2_jit_compile(selection->pattern, PCRE2_JIT_COMPLETE);
	selection->match = pcre2_match_data_create_from_pattern(selection->pattern, NULL);
	selection->limits = pcre2_match_context_create(NULL);
	if (!selection->match || !selection->limits) {
		jem_selection_deinit(selection);
		return jem_err_set(err, -ENOMEM, "no memory");
	}
	pcre2_set_match_limit(selection->limits, MATCH_LIMIT);
	return 0;
}

int jem_selection_init(struct jem_selection *selection, const char *kinds, const char *since,
		       const char *grep, struct jem_err *err)
{
	int status = 0;

	*selection = (struct jem_selection){ .kinds = (1u << JEM_KIND_COUNT) - 1 };
	if (kinds)
		status = jem_selection_kinds(kinds, &selection->kinds, err);
	if (status == 0 && since)
		status = jem_selection_time(since, jem_wall_ns() / 1000, &selection->since_us, err);
	if (status == 0 && grep)
		status = compile(selection, grep, err);
	return status;
}

void jem_selection_deinit(struct jem_selection *selection)
{
	pcre2_match_context_free(selection->limits);
	pcre2_match_data_free(selection->match);
	pcre2_code_free(selection->pattern);
	selection->limits = selection->match = selection->pattern = NULL;
}

bool jem_selection_matches(const struct jem_selection *selection, const char *text, size_t len)
{
	return !selection->pattern || pcre2_match(selection->pattern, (PCRE2_SPTR)text, len, 0, 0,
						  selection->match, selection->limits) >= 0;
}

bool jem_is_colored(int fd)
{
	const char *off = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(fd) && !(off && *off) && term && strcmp(term, "dumb") != 0;
}
