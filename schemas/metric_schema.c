/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metric_schema: puts metrics.def into metric.schema.json.in (its line @METRICS@) at build time, so
 * that the schema says what the sources publish and nothing is written twice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The words of the table's columns. */
enum {
	NODE = 1,
	JOB = 2,
	PROCESS = 4,
	MONITOR = 8
};

#define COUNTER "counter"
#define GAUGE   "gauge"
#define PEAK    "peak"

static const struct metric {
	const char *name;
	unsigned scopes;
	const char *unit;
	const char *behaviour;
	const char *meaning;
	const char *source;
} metrics[] = {
#define METRIC(name, scopes, unit, type, meaning, source)                                          \
	{ #name, scopes, unit, type, meaning, source },
#include "schemas/metrics.def"
#undef METRIC
};

static void put(const char *key, const char *text)
{
	printf(", \"%s\": \"", key);
	for (; *text; text++)
		printf(*text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	putchar('"');
}

static void put_scopes(unsigned scopes)
{
	static const char *const names[] = { "node", "job", "process", "monitor" };
	const char *comma = "";

	printf(", \"scopes\": [");
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!(scopes & 1u << i))
			continue;
		printf("%s\"%s\"", comma, names[i]);
		comma = ", ";
	}
	putchar(']');
}

static void put_metrics(void)
{
	size_t count = sizeof(metrics) / sizeof(*metrics);

	for (const struct metric *metric = metrics; metric < metrics + count; metric++) {
		printf("        \"%s\": { \"type\": \"number\", \"minimum\": 0", metric->name);
		put("description", metric->meaning);
		put("unit", metric->unit);
		put("behaviour", metric->behaviour);
		put_scopes(metric->scopes);
		put("source", metric->source);
		printf(" }%s\n", metric + 1 < metrics + count ? "," : "");
	}
}

int main(int argc, char **argv)
{
	FILE *template = argc == 2 ? fopen(argv[1], "r") : NULL;
	char line[1024];

	if (!template) {
		fprintf(stderr, "usage: metric_schema metric.schema.json.in\n");
		return EXIT_FAILURE;
	}
	while (fgets(line, sizeof(line), template))
		if (!strcmp(line, "@METRICS@\n"))
			put_metrics();
		else
			fputs(line, stdout);
	fclose(template);
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
