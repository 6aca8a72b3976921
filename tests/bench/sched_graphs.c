/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it takes to draw a recording: every graph in every format, time and size.
 *
 *	sched_graphs [CORES SLICES SECONDS FOLDER [FROM TO [waiting] [arrows] [command] [socket]]]
 *
 * The recording is made up (tests/unit/sched_maker.c). Without words: 128 cores and a million slices,
 * in a temporary folder; the median of
 * five drawings, in seconds of processor time.
 */
#include "receiver/sched/sheets.h"
#include "tests/unit/check.h"
#include "tests/unit/sched_maker.h"

#include <math.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	RUNS = 5,
};

struct bench {
	struct jem_sched_model model;
	struct jem_sched_view view;
	struct jem_tints tints;
	struct jem_sched_counts counts;
	struct jem_topology topology;
	struct jem_sched_legend_row legend[3];
	struct jem_sched_mark mark;
	const char *folder;
	int runs;
};

static double cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static void draw(struct bench *bench, enum jem_sched_graph graph, const char *name)
{
	static const char *const suffixes[] = { "pdf", "svg", "png", "html" };
	double times[RUNS];
	struct jem_err err;
	struct stat info;
	char path[512];

	for (unsigned i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s.%s", bench->folder, name, suffixes[i]);
		for (int run = 0; run < bench->runs; run++) {
			struct jem_sched_view view = bench->view;
			double begun = cpu_s();

			if (jem_sheets_write(path, "a made-up recording", graph, &view, 1, NULL,
					     &err) < 0)
				check_fail(__FILE__, __LINE__, "%s", err.text);
			times[run] = cpu_s() - begun;
		}
		qsort(times, (size_t)bench->runs, sizeof(*times), by_value);
		CHECK_OK(stat(path, &info));
		printf("%-7s %-4s  %7.3f s  %8.3f MB\n", name, suffixes[i], times[bench->runs / 2],
		       (double)info.st_size * 1e-6);
		if (bench->runs > 1)
			unlink(path);
	}
}

static bool has_word(int argc, char **argv, const char *word)
{
	for (int i = 7; i < argc; i++)
		if (!strcmp(argv[i], word))
			return true;
	return false;
}

/* Four sockets, numbered in turn as some machines do it. */
static void make_topology(struct bench *bench, unsigned cores)
{
	bench->topology.places = calloc(cores, sizeof(*bench->topology.places));
	bench->topology.count = cores;
	CHECK(bench->topology.places);
	for (unsigned i = 0; i < cores; i++)
		bench->topology.places[i] = (struct jem_cpu_place){ .cpu = (uint16_t)i,
								    .socket = (uint16_t)(i % 4),
								    .node = (uint16_t)(i % 4),
								    .llc = (uint16_t)(i % 4),
								    .core = (uint16_t)(i / 4) };
}

static void make_legend(struct bench *bench)
{
	static const char *const names[] = { "ua.C.x", "kworker/u8:1", "sleep" };

	for (unsigned i = 0; i < 3; i++)
		bench->legend[i] = (struct jem_sched_legend_row){
			.comm = names[i],
			.tint = jem_tints_of_name(&bench->tints, 0, i),
			.first_s = 0.1 * i,
			.last_s = 3.0765,
			.run_s = 72.4 / (1 + 999 * i),
			.switches = 134,
			.pids = 128,
		};
	bench->view.legend = bench->legend;
	bench->view.legend_count = 3;
}

static void prepare(struct bench *bench, const struct sched_maker *maker, int argc, char **argv)
{
	const struct jem_sched_model *model = &bench->model;
	struct jem_sched_window window = { .min_s = NAN, .max_s = NAN };
	bool is_by_command = has_word(argc, argv, "command");

	sched_make(maker, &bench->model);
	if (argc > 6) {
		window.min_s = atof(argv[5]);
		window.max_s = atof(argv[6]);
	}
	jem_sched_select_window(model, &window, &bench->view.select);
	CHECK_OK(jem_tints_init(&bench->tints,
				is_by_command ? JEM_TINT_BY_COMMAND : JEM_TINT_BY_PID, NULL, &model,
				1));
	CHECK_OK(jem_sched_counts_make(model, &bench->view.select, &bench->counts));
	make_topology(bench, maker->cores);
	bench->view.model = model;
	bench->view.tints = &bench->tints;
	bench->view.counts = &bench->counts;
	bench->view.core_count = maker->cores;
	bench->view.title = "ua.C.x_5.10_2.dat";
	bench->view.shows_waiting = has_word(argc, argv, "waiting");
	bench->view.shows_arrows = has_word(argc, argv, "arrows");
	if (has_word(argc, argv, "socket"))
		bench->view.topology = &bench->topology;
	if (is_by_command)
		make_legend(bench);
	bench->mark = (struct jem_sched_mark){ (int64_t)(maker->span_s * 0.634e9),
					       (int64_t)(maker->span_s * 0.675e9),
					       "one task waits while a core is idle" };
	if (has_word(argc, argv, "marks")) {
		bench->view.marks = &bench->mark;
		bench->view.mark_count = 1;
	}
}

int main(int argc, char **argv)
{
	struct sched_maker maker = {
		.cores = 128, .slices = 1000000, .span_s = 20, .seed = 7, .has_gap = true
	};
	char temporary[] = "/tmp/jem-sched-XXXXXX";
	struct bench bench = { .runs = argc > 4 ? 1 : RUNS };

	if (argc > 4) {
		maker.cores = (unsigned)atoi(argv[1]);
		maker.slices = (size_t)atoll(argv[2]);
		maker.span_s = atof(argv[3]);
		bench.folder = argv[4];
	} else {
		bench.folder = mkdtemp(temporary);
	}
	CHECK(bench.folder && maker.cores);
	prepare(&bench, &maker, argc, argv);
	printf("%u cores, %llu slices, %g s\n", maker.cores,
	       (unsigned long long)bench.model.switches, maker.span_s);
	draw(&bench, JEM_SCHED_CORES, "cores");
	draw(&bench, JEM_SCHED_COUNTS, "running");
	if (argc <= 4)
		rmdir(bench.folder);
	jem_sched_counts_deinit(&bench.counts);
	jem_topology_deinit(&bench.topology);
	jem_tints_deinit(&bench.tints);
	jem_sched_model_deinit(&bench.model);
	return 0;
}
