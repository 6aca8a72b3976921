/* SPDX-License-Identifier: Apache-2.0 */
#include "common/metric.h"
#include "tests/unit/check.h"

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text);
	size_t end_len = strlen(end);

	return len > end_len && !strcmp(text + len - end_len, end);
}

CASE(finds_each_metric_by_its_name)
{
	for (int i = 0; i < JEM_METRIC_COUNT; i++)
		CHECK_EQ(jem_metric_find(jem_metrics[i].name, strlen(jem_metrics[i].name)), i);
	CHECK_EQ(jem_metric_find("rss_byte", 8), -1);
	CHECK_EQ(jem_metric_find("rss_bytes_", 10), -1);
	CHECK_EQ(jem_metric_find("", 0), -1);
}

CASE(ends_every_name_in_its_unit)
{
	static const char *const units[][2] = {
		{ "bytes/s", "_bytes_per_s" }, { "bytes", "_bytes" }, { "s", "_s" },
		{ "packets", "_packets" },     { "cores", "_cores" },
	};

	for (int i = 0; i < JEM_METRIC_COUNT; i++) {
		const char *name = jem_metrics[i].name;

		for (size_t u = 0; u < sizeof(units) / sizeof(*units); u++) {
			if (strcmp(jem_metrics[i].unit, units[u][0]))
				continue;
			if (!ends_with(name, units[u][1]))
				check_fail(__FILE__, __LINE__, "%s is in %s", name, units[u][0]);
		}
		CHECK_EQ(ends_with(name, "_bytes"), !strcmp(jem_metrics[i].unit, "bytes"));
	}
}

CASE(tells_scope_meaning_and_source_of_each)
{
	for (int i = 0; i < JEM_METRIC_COUNT; i++) {
		CHECK(jem_metrics[i].scopes);
		CHECK(*jem_metrics[i].meaning);
		CHECK(*jem_metrics[i].source);
	}
	CHECK_STR(jem_scope_name(JEM_SCOPE_MONITOR), "monitor");
	CHECK_EQ(jem_metrics[JEM_METRIC_peak_rss_bytes].type, JEM_METRIC_PEAK);
}

TESTS(T(finds_each_metric_by_its_name), T(ends_every_name_in_its_unit),
      T(tells_scope_meaning_and_source_of_each))
