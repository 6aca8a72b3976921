/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config_value.h"

#include "common/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	double factor;
};

static const struct unit time_units[] = {
	{ "", 1e9 },     { "s", 1e9 },    { "ms", 1e6 },    { "us", 1e3 }, { "m", 60e9 },
	{ "min", 60e9 }, { "h", 3600e9 }, { "d", 86400e9 }, { NULL, 0 },
};

/* kB counts in thousands and KiB in 1024s (IEC 80000-13); a bare k is 1024, as in dd and ls. */
static const struct unit size_units[] = {
	{ "", 1 },         { "B", 1 },      { "kB", 1e3 },     { "KB", 1e3 },     { "MB", 1e6 },
	{ "GB", 1e9 },     { "TB", 1e12 },  { "k", 0x1p10 },   { "K", 0x1p10 },   { "M", 0x1p20 },
	{ "G", 0x1p30 },   { "T", 0x1p40 }, { "KiB", 0x1p10 }, { "MiB", 0x1p20 }, { "GiB", 0x1p30 },
	{ "TiB", 0x1p40 }, { NULL, 0 },
};

const char *jem_value_show(const char *text, char ret[JEM_SHOWN_MAX])
{
	const unsigned char *s = (const unsigned char *)text;
	size_t left = strlen(text);
	size_t len = 0;

	while (left) {
		unsigned n = jem_utf8_char(s, left);
		bool is_plain = n > 2 || (n == 2 && (s[0] != 0xc2 || s[1] >= 0xa0)) ||
				(n == 1 && *s >= 0x20 && *s != 0x7f);

		n = n ? n : 1;
		if (len + n >= JEM_SHOWN_MAX - 3) {
			memcpy(ret + len, "...", 3);
			len += 3;
			break;
		}
		if (is_plain)
			memcpy(ret + len, s, n);
		else
			memset(ret + len, '?', n);
		len += n;
		s += n;
		left -= n;
	}
	ret[len] = '\0';
	return ret;
}

unsigned jem_value_distance(const char *a, const char *b)
{
	enum {
		MAX = 64
	};
	unsigned char rows[3][MAX + 1];
	size_t na = strlen(a);
	size_t nb = strlen(b);

	if (na > MAX || nb > MAX)
		return 2 * MAX;
	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = (unsigned char)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned char *row = rows[i % 3];
		const unsigned char *above = rows[(i + 2) % 3];
		const unsigned char *second = rows[(i + 1) % 3];

		row[0] = (unsigned char)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned best = above[j - 1] + (a[i - 1] != b[j - 1]);

			if (above[j] + 1u < best)
				best = above[j] + 1u;
			if (row[j - 1] + 1u < best)
				best = row[j - 1] + 1u;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    second[j - 2] + 1u < best)
				best = second[j - 2] + 1u;
			row[j] = (unsigned char)best;
		}
	}
	return rows[na % 3][nb];
}

int jem_value_find_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (int i = 0;; i++) {
		size_t n = strcspn(words, "|");

		if (n == len && !memcmp(words, word, n))
			return i;
		if (!words[n])
			return -1;
		words += n + 1;
	}
}

static void print_bytes(char *ret, size_t size, double bytes)
{
	static const char *const names[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	unsigned i = 0;

	while (i < 4 && bytes >= 1024 && bytes / 1024 == (double)(uint64_t)(bytes / 1024)) {
		bytes /= 1024;
		i++;
	}
	snprintf(ret, size, "%.15g %s", bytes, names[i]);
}

const char *jem_value_range(const struct jem_option_info *info, char ret[JEM_RANGE_MAX])
{
	char low[32];
	char high[32];

	ret[0] = '\0';
	switch (info->type) {
	case JEM_SETTING_BOOL:
		snprintf(ret, JEM_RANGE_MAX, "yes or no");
		break;
	case JEM_SETTING_CHOICE:
		snprintf(ret, JEM_RANGE_MAX, "%s", info->unit);
		break;
	case JEM_SETTING_LIST:
		snprintf(ret, JEM_RANGE_MAX, "at most %.0f", info->max);
		break;
	case JEM_SETTING_COUNT:
	case JEM_SETTING_SECONDS:
		snprintf(ret, JEM_RANGE_MAX, "%.15g to %.15g%s%s", info->min, info->max,
			 *info->unit ? " " : "", info->unit);
		break;
	case JEM_SETTING_BYTES:
		print_bytes(low, sizeof(low), info->min);
		print_bytes(high, sizeof(high), info->max);
		snprintf(ret, JEM_RANGE_MAX, "%s to %s", low, high);
		break;
	case JEM_SETTING_STRING:
	case JEM_SETTING_PATH:
		break;
	}
	return ret;
}

/* A decimal number without sign, exponent or base: what a person writes. */
static const char *parse_decimal(const char *text, double *ret)
{
	size_t whole = strspn(text, "0123456789");
	size_t part = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
	char digits[64];
	size_t len = whole + (text[whole] == '.' ? 1 + part : 0);

	if (!whole + !part == 2 || len >= sizeof(digits))
		return NULL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	*ret = strtod(digits, NULL); /* no locale is ever set: the point is a point */
	return text + len;
}

static int out_of_range(const struct jem_option_info *info, const char *text, struct jem_err *err)
{
	char range[JEM_RANGE_MAX];
	char shown[JEM_SHOWN_MAX];

	return jem_err_set(err, -ERANGE, "%s is out of range; give %s", jem_value_show(text, shown),
			   jem_value_range(info, range));
}

static int parse_measure(const struct jem_option_info *info, const char *text,
			 const struct unit *units, const char *remedy, uint64_t *ret,
			 struct jem_err *err)
{
	char shown[JEM_SHOWN_MAX];
	double scale = info->type == JEM_SETTING_SECONDS ? 1e9 : 1;
	double number;
	const char *rest = parse_decimal(text, &number);

	for (; rest && *rest == ' '; rest++)
		;
	for (const struct unit *unit = units; rest && unit->name; unit++) {
		double measure = number * unit->factor;

		if (strcmp(rest, unit->name))
			continue;
		if (measure < info->min * scale || measure > info->max * scale)
			return out_of_range(info, text, err);
		*ret = (uint64_t)(measure + 0.5);
		return 0;
	}
	return jem_err_set(err, -EINVAL, "\"%s\" is %s", jem_value_show(text, shown), remedy);
}

static int parse_count(const struct jem_option_info *info, const char *text, uint64_t *ret,
		       struct jem_err *err)
{
	char shown[JEM_SHOWN_MAX];
	double number;
	const char *rest = parse_decimal(text, &number);

	if (!rest || *rest || strchr(text, '.'))
		return jem_err_set(err, -EINVAL, "\"%s\" is no whole number; write digits only",
				   jem_value_show(text, shown));
	if (number < info->min || number > info->max)
		return out_of_range(info, text, err);
	*ret = (uint64_t)number;
	return 0;
}

static int parse_bool(const char *text, uint64_t *ret, struct jem_err *err)
{
	char shown[JEM_SHOWN_MAX];
	int word = jem_value_find_word("no|yes|false|true|off|on|0|1", text);

	if (word < 0)
		return jem_err_set(err, -EINVAL, "\"%s\" is neither yes nor no; write yes or no",
				   jem_value_show(text, shown));
	*ret = (uint64_t)(word & 1);
	return 0;
}

static int parse_choice(const struct jem_option_info *info, const char *text, uint64_t *ret,
			struct jem_err *err)
{
	char shown[JEM_SHOWN_MAX];
	int word = jem_value_find_word(info->unit, text);

	if (word < 0)
		return jem_err_set(err, -EINVAL, "\"%s\" is no choice; write one of %s",
				   jem_value_show(text, shown), info->unit);
	*ret = (uint64_t)word;
	return 0;
}

/* Paths are bytes, all other text is UTF-8; neither holds what would split a message. */
static int check_text(const struct jem_option_info *info, const char *text, struct jem_err *err)
{
	size_t len = strlen(text);

	if (!len)
		return jem_err_set(err, -EINVAL,
				   "is empty; give a value, or leave it out for the default");
	if (len > JEM_VALUE_MAX)
		return jem_err_set(err, -EINVAL, "has %zu characters; %d are allowed, shorten it",
				   len, JEM_VALUE_MAX);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return jem_err_set(err, -EINVAL,
					   "has a control character (0x%02x) in it; take it out",
					   (unsigned char)*c);
	if (info->type != JEM_SETTING_PATH && jem_utf8_prefix(text, len) != len)
		return jem_err_set(err, -EINVAL, "is not UTF-8; convert it");
	return 0;
}

int jem_value_parse(const struct jem_option_info *info, const char *text, uint64_t *ret,
		    struct jem_err *err)
{
	int rc = check_text(info, text, err);

	if (rc < 0)
		return rc;
	switch (info->type) {
	case JEM_SETTING_BOOL:
		return parse_bool(text, ret, err);
	case JEM_SETTING_COUNT:
		return parse_count(info, text, ret, err);
	case JEM_SETTING_SECONDS:
		return parse_measure(info, text, time_units,
				     "no time; write seconds, or a number with ms, s, m, h or d, "
				     "as 500ms",
				     ret, err);
	case JEM_SETTING_BYTES:
		return parse_measure(info, text, size_units,
				     "no size; write bytes, or a number with kB, MB, GB (1000) or "
				     "KiB, MiB, GiB, k, M, G (1024)",
				     ret, err);
	case JEM_SETTING_CHOICE:
		return parse_choice(info, text, ret, err);
	case JEM_SETTING_LIST:
		if (strchr(info->unit, '|'))
			return parse_choice(info, text, ret, err);
		break;
	case JEM_SETTING_STRING:
	case JEM_SETTING_PATH:
		break;
	}
	*ret = 0;
	return 0;
}
