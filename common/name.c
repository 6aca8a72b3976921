/* SPDX-License-Identifier: Apache-2.0 */
#include "common/name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

bool jem_name_is_valid(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_name_char(name[i]))
			return false;
	return len >= 1 && len <= JEM_NAME_MAX;
}

static uint32_t fnv1a_24(const char *s)
{
	uint32_t hash = 2166136261u;

	for (; *s; s++)
		hash = (hash ^ (unsigned char)*s) * 16777619u;
	return (hash >> 24 ^ hash) & 0xffffff;
}

bool jem_name_reduce(const char *truth, char ret[JEM_NAME_MAX + 1])
{
	enum {
		SUFFIX = 7
	};
	size_t len = strlen(truth);
	size_t kept = len < JEM_NAME_MAX - SUFFIX ? len : JEM_NAME_MAX - SUFFIX;

	if (jem_name_is_valid(truth, len)) {
		memcpy(ret, truth, len + 1);
		return false;
	}
	for (size_t i = 0; i < kept; i++)
		ret[i] = is_name_char(truth[i]) ? truth[i] : '_';
	snprintf(ret + kept, SUFFIX + 1, "-%06x", fnv1a_24(truth));
	return true;
}

void jem_topic_format(const struct jem_source_names *names, enum jem_kind kind,
		      char ret[JEM_TOPIC_MAX])
{
	snprintf(ret, JEM_TOPIC_MAX, "jem.%s.%s.%s.%s.%s", names->site, names->user, names->job,
		 names->node, jem_kinds[kind].name);
}

/* The level that starts at *pos, and moves *pos past its dot. */
static const char *next_level(const char *text, size_t len, size_t *pos, size_t *level_len)
{
	const char *start = text + *pos;
	const char *dot = memchr(start, '.', len - *pos);

	*level_len = dot ? (size_t)(dot - start) : len - *pos;
	*pos += *level_len + (dot ? 1 : 0);
	return start;
}

int jem_topic_parse(const char *topic, size_t len, struct jem_source_names *names,
		    enum jem_kind *kind)
{
	struct jem_source_names parsed;
	char *fields[] = { parsed.site, parsed.user, parsed.job, parsed.node };
	size_t pos = 0;
	size_t n;
	const char *level;
	int found;

	if (!len || len >= JEM_TOPIC_MAX || topic[len - 1] == '.')
		return -EINVAL;
	level = next_level(topic, len, &pos, &n);
	if (n != 3 || memcmp(level, "jem", 3))
		return -EINVAL;
	for (unsigned i = 0; i < 4; i++) {
		level = next_level(topic, len, &pos, &n);
		if (!jem_name_is_valid(level, n))
			return -EINVAL;
		memcpy(fields[i], level, n);
		fields[i][n] = '\0';
	}
	level = next_level(topic, len, &pos, &n);
	found = jem_kind_find(level, n);
	if (found < 0 || pos != len)
		return -EINVAL;
	*names = parsed;
	*kind = (enum jem_kind)found;
	return 0;
}

bool jem_pattern_is_valid(const char *pattern, size_t len)
{
	size_t pos = 0;

	if (!len || len >= JEM_TOPIC_MAX || pattern[len - 1] == '.')
		return false;
	while (pos < len) {
		size_t n;
		const char *level = next_level(pattern, len, &pos, &n);

		if (!(n == 1 && (*level == '*' || *level == '#')) && !jem_name_is_valid(level, n))
			return false;
	}
	return true;
}

bool jem_pattern_matches(const char *pattern, size_t pattern_len, const char *topic,
			 size_t topic_len)
{
	size_t p = 0;
	size_t t = 0;
	size_t after_hash = SIZE_MAX; /* where to go on after the last '#' */
	size_t hash_topic = 0;

	while (t < topic_len) {
		size_t next_p = p;
		size_t next_t = t;
		size_t pn = 0;
		size_t tn;
		const char *pl =
			p < pattern_len ? next_level(pattern, pattern_len, &next_p, &pn) : NULL;
		const char *tl = next_level(topic, topic_len, &next_t, &tn);

		if (pl && pn == 1 && *pl == '#') {
			after_hash = p = next_p;
			hash_topic = t;
		} else if (pl && ((pn == 1 && *pl == '*') || (pn == tn && !memcmp(pl, tl, pn)))) {
			p = next_p;
			t = next_t;
		} else if (after_hash != SIZE_MAX) {
			/* Let the last '#' take one level more and try again. */
			(void)next_level(topic, topic_len, &hash_topic, &tn);
			t = hash_topic;
			p = after_hash;
		} else {
			return false;
		}
	}
	while (p < pattern_len) {
		size_t n;
		const char *level = next_level(pattern, pattern_len, &p, &n);

		if (n != 1 || *level != '#')
			return false;
	}
	return true;
}
