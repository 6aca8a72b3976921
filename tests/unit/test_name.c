/* SPDX-License-Identifier: Apache-2.0 */
#include "common/name.h"
#include "tests/unit/check.h"

CASE(keeps_a_valid_name)
{
	char name[JEM_NAME_MAX + 1];

	CHECK(!jem_name_reduce("grid-wn_042", name));
	CHECK_STR(name, "grid-wn_042");
}

CASE(marks_a_changed_name_by_its_hash)
{
	char a[JEM_NAME_MAX + 1];
	char b[JEM_NAME_MAX + 1];

	CHECK(jem_name_reduce("node.example", a));
	CHECK(jem_name_reduce("node:example", b));
	CHECK_EQ(strlen(a), strlen("node_example-xxxxxx"));
	CHECK(!strncmp(a, "node_example-", 13));
	CHECK(strcmp(a, b) != 0);
	CHECK(jem_name_is_valid(a, strlen(a)));
}

CASE(reduces_empty_and_endless_names)
{
	char name[JEM_NAME_MAX + 1];
	char endless[1000];

	CHECK(jem_name_reduce("", name));
	CHECK(jem_name_is_valid(name, strlen(name)));
	memset(endless, 'x', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	CHECK(jem_name_reduce(endless, name));
	CHECK_EQ(strlen(name), JEM_NAME_MAX);
}

CASE(takes_its_own_topics_apart)
{
	struct jem_source_names names = { "site", "user", "job-1", "node" };
	struct jem_source_names back;
	enum jem_kind kind;
	char topic[JEM_TOPIC_MAX];

	jem_topic_format(&names, JEM_KIND_metric, topic);
	CHECK_STR(topic, "jem.site.user.job-1.node.metric");
	CHECK_OK(jem_topic_parse(topic, strlen(topic), &back, &kind));
	CHECK_STR(back.job, "job-1");
	CHECK_EQ(kind, JEM_KIND_metric);
}

CASE(refuses_foreign_topics)
{
	static const char *const bad[] = {
		"",
		"jem",
		"jem.",
		"jem.a.b.c.d",
		"jem.a.b.c.d.nokind",
		"jem.a.b.c.d.metric.",
		"jem.a.b..d.metric",
		"jem.a.b.../.d.metric",
		"jam.a.b.c.d.metric",
		"jem.a.b.c.d.metric.log",
		"jem.a.b.c.d.metric.x",
		"jem.*.b.c.d.metric",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct jem_source_names names;
		enum jem_kind kind;

		if (!jem_topic_parse(bad[i], strlen(bad[i]), &names, &kind))
			check_fail(__FILE__, __LINE__, "took \"%s\"", bad[i]);
	}
}

CASE(matches_patterns)
{
	static const struct {
		const char *pattern;
		const char *topic;
		bool matches;
	} rows[] = {
		{ "jem.#", "jem.a.b.c.d.log", true },
		{ "jem.#", "jem", true },
		{ "#", "jem.a", true },
		{ "jem.*.b.#", "jem.a.b.c.d.log", true },
		{ "jem.*.x.#", "jem.a.b.c.d.log", false },
		{ "jem.a.b.c.d.log", "jem.a.b.c.d.log", true },
		{ "jem.a.b.c.d.log", "jem.a.b.c.d.logs", false },
		{ "jem.a.b.c.d.log.#", "jem.a.b.c.d.log", true },
		{ "#.log", "jem.a.b.c.d.log", true },
		{ "#.log", "jem.a.b.c.d.metric", false },
		{ "jem.#.d.*", "jem.a.d.c.d.log", true },
		{ "jem.#.d.*", "jem.a.d.c.d.log.x", false },
		{ "*", "jem.a", false },
		{ "jem.*", "jem", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (jem_pattern_matches(rows[i].pattern, strlen(rows[i].pattern), rows[i].topic,
					strlen(rows[i].topic)) != rows[i].matches)
			check_fail(__FILE__, __LINE__, "%s against %s", rows[i].pattern,
				   rows[i].topic);
}

TESTS(T(keeps_a_valid_name), T(marks_a_changed_name_by_its_hash),
      T(reduces_empty_and_endless_names), T(takes_its_own_topics_apart), T(refuses_foreign_topics),
      T(matches_patterns))
