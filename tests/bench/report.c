/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: what drawing costs. A day of samples (86,400) of six curves in each format, the pages
 * of finished jobs of some lengths, and the page of all jobs. Medians of several runs.
 */
#include "common/clock.h"
#include "receiver/graph/timechart.h"
#include "receiver/page/page.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	RUNS = 9,
	CURVES = 6,
	DAY = 86400,
};

#define T0_NS 1700000000000000000u

static uint64_t random_state = 88172645463325252u;

static double uniform(void)
{
	random_state ^= random_state << 13; /* xorshift64 */
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (double)(random_state >> 11) * 0x1p-53;
}

static int by_value(const void *a, const void *b)
{
	double left = *(const double *)a;
	double right = *(const double *)b;

	return left < right ? -1 : left > right;
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}

static double ms_since(uint64_t start_ns)
{
	return (double)(jem_clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) - start_ns) * 1e-6;
}

static uint64_t now(void)
{
	return jem_clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static struct jem_canvas *create(const char *format, struct jem_buf *out)
{
	struct jem_canvas *canvas = NULL;
	int rc = !strcmp(format, "SVG")   ? jem_svg_create(out, NULL, &canvas)
		 : !strcmp(format, "PDF") ? jem_pdf_create(out, NULL, &canvas)
					  : jem_png_create(out, 2, &canvas);

	if (rc < 0)
		exit(1);
	return canvas;
}

static void bench_chart(const char *format, const struct jem_timechart *chart)
{
	double times[RUNS];
	size_t bytes = 0;

	for (int run = 0; run < RUNS; run++) {
		struct jem_buf out;
		uint64_t start = now();
		struct jem_canvas *canvas;

		jem_buf_init(&out, 0);
		canvas = create(format, &out);
		jem_timechart_draw(canvas, chart, 860, 380);
		if (jem_canvas_finish(canvas) < 0)
			exit(1);
		jem_canvas_destroy(canvas);
		times[run] = ms_since(start);
		bytes = out.len;
		jem_buf_deinit(&out);
	}
	printf("graph of a day, %d curves, %s%28.2f ms%10zu bytes\n", CURVES, format,
	       median(times, RUNS), bytes);
}

static void bench_charts(void)
{
	struct jem_series series[CURVES];
	struct jem_timechart chart = {
		.title = "bench",
		.unit = JEM_UNIT_bytes,
		.curve_count = CURVES,
		.from_s = 1.7e9,
		.to_s = 1.7e9 + DAY,
		.origin_s = 1.7e9,
		.is_alone = true,
	};
	uint64_t start = now();

	for (int i = 0; i < CURVES; i++) {
		double value = 0.5;

		jem_series_init(&series[i]);
		for (int t = 0; t < DAY; t++) {
			value = fmax(0, fmin(1, value + 0.02 * (uniform() - 0.5)));
			jem_series_add(&series[i], 1.7e9 + t, value * 1e9 * (i + 1));
		}
		chart.curves[i] = (struct jem_curve){
			.series = &series[i],
			.label = "curve",
			.colour = (enum jem_colour)(JEM_COLOUR_C1 + i),
		};
	}
	printf("a sample into a series%32.1f ns%10zu bytes at most\n",
	       ms_since(start) * 1e6 / CURVES / DAY,
	       JEM_SERIES_BUCKETS * sizeof(struct jem_bucket));
	bench_chart("SVG", &chart);
	bench_chart("PDF", &chart);
	bench_chart("PNG", &chart);
	for (int i = 0; i < CURVES; i++)
		jem_series_deinit(&series[i]);
}

/* One sample of everything that has a curve. */
static int write_record(char *text, size_t size, enum jem_scope scope, int t)
{
	int len = snprintf(text, size, "{\"scope\":\"%s\",\"values\":{", jem_scope_name(scope));
	bool is_first = true;

	for (int i = 0; i < JEM_METRIC_COUNT; i++) {
		if (!(jem_metrics[i].scopes & scope))
			continue;
		len += snprintf(text + len, size - (size_t)len, "%s\"%s\":%.3f",
				is_first ? "" : ",", jem_metrics[i].name,
				jem_metrics[i].type == JEM_METRIC_COUNTER
					? t * 0.7 + 0.2 * uniform()
					: 1e6 * uniform());
		is_first = false;
	}
	return len + snprintf(text + len, size - (size_t)len, "}}");
}

static struct jem_job_model *make_model(int samples, double *feed_us)
{
	struct jem_job_model *model;
	struct jem_json_doc doc;
	double spent_ms = 0;
	char text[8192];

	if (jem_model_create(&model) < 0)
		exit(1);
	jem_json_doc_init(&doc);
	for (int t = 0; t < samples; t++)
		for (int scope = 0; scope < 2; scope++) {
			int len = write_record(text, sizeof(text),
					       scope ? JEM_SCOPE_NODE : JEM_SCOPE_JOB, t);
			uint64_t start;

			if (jem_json_read(&doc, text, (size_t)len, NULL) < 0)
				exit(1);
			start = now();
			jem_model_feed(model, "n", JEM_KIND_metric,
				       T0_NS + (uint64_t)t * 1000000000u, &doc, 0);
			spent_ms += ms_since(start);
		}
	for (int i = 0; i < JEM_MODEL_LINES; i++) {
		int len =
			snprintf(text, sizeof(text),
				 "{\"file\":\"a.log\",\"text\":\"line %d of some length, as lines "
				 "of logs are\"}",
				 i);

		if (jem_json_read(&doc, text, (size_t)len, NULL) < 0)
			exit(1);
		jem_model_feed(model, "n", JEM_KIND_log, T0_NS, &doc, 0);
	}
	jem_json_doc_deinit(&doc);
	*feed_us = spent_ms * 1e3 / samples / 2;
	return model;
}

static off_t size_of(int dirfd, const char *name)
{
	struct stat status;

	return fstatat(dirfd, name, &status, 0) < 0 ? -1 : status.st_size;
}

static void bench_page(int samples, int dirfd)
{
	struct jem_page_options options = { .now_ns = T0_NS };
	double feed_us;
	struct jem_job_model *model = make_model(samples, &feed_us);
	double page[RUNS];
	double svg[RUNS];
	double all[RUNS];

	for (int run = 0; run < RUNS; run++) {
		uint64_t start = now();

		if (jem_page_write_job(model, &options, dirfd) < 0)
			exit(1);
		page[run] = ms_since(start);
		start = now();
		jem_graphs_write(model, JEM_GRAPH_SVG, dirfd);
		svg[run] = ms_since(start);
		start = now();
		jem_graphs_write(model, JEM_GRAPH_SVG | JEM_GRAPH_PNG | JEM_GRAPH_PDF, dirfd);
		all[run] = ms_since(start);
	}
	printf("%6d samples: feed %.1f us a record, page %.1f ms %lld bytes, SVG live %.1f ms, "
	       "SVG+PNG+PDF at the end %.0f ms\n",
	       samples, feed_us, median(page, RUNS), (long long)size_of(dirfd, "index.html"),
	       median(svg, RUNS), median(all, RUNS));
	jem_model_destroy(model);
}

static void bench_index(int dirfd)
{
	enum {
		JOBS = 1000
	};
	static struct jem_index_entry entries[JOBS];
	struct jem_page_options options = { .now_ns = T0_NS };
	double times[RUNS];

	for (int i = 0; i < JOBS; i++)
		entries[i] = (struct jem_index_entry){ "s/u/j/index.html",
						       "site",
						       "user",
						       "4711",
						       "node",
						       "./run.sh --events 1000000",
						       .state = JEM_JOB_ENDED,
						       .signal = -1,
						       .start_ns = T0_NS + (uint64_t)i,
						       .wall_s = i,
						       .cpu_s = i,
						       .peak_rss_bytes = 1e6 * i,
						       .memory_limit_bytes = 1e9,
						       .worst = JEM_SEVERITY_NONE };
	for (int run = 0; run < RUNS; run++) {
		uint64_t start = now();

		if (jem_page_write_index(entries, JOBS, &options, dirfd) < 0)
			exit(1);
		times[run] = ms_since(start);
	}
	printf("page of 1000 jobs%37.2f ms%10lld bytes\n", median(times, RUNS),
	       (long long)size_of(dirfd, "index.html"));
}

static void remove_folder(const char *path)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	if (system(command) != 0)
		fprintf(stderr, "report: %s stays\n", path);
}

int main(void)
{
	char path[] = "/tmp/jem-bench-XXXXXX";
	int dirfd;

	if (!mkdtemp(path))
		return 1;
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return 1;
	bench_charts();
	bench_page(20, dirfd);
	bench_page(3600, dirfd);
	bench_page(DAY, dirfd);
	bench_index(dirfd);
	close(dirfd);
	remove_folder(path);
	return 0;
}
