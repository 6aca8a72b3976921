/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs of scheduling: no activity vanishes, colours stay, hostile names do nothing. */
#include "common/sched/counts.h"
#include "receiver/sched/cores_graph.h"
#include "receiver/sched/counts_graph.h"
#include "receiver/sched/lod.h"
#include "receiver/sched/sheets.h"
#include "tests/unit/check.h"
#include "tests/unit/fake_canvas.h"
#include "tests/unit/sched_maker.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

/* Level of detail */

static uint32_t random_state;

static uint32_t draw_number(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % below;
}

struct span {
	double x0, x1;
	unsigned tint;
};

/* Spans one after the other, from far below a column to many of them; some touch. */
static size_t make_spans(unsigned columns, struct span *spans, size_t count)
{
	double at = -1.5;
	size_t n = 0;

	while (n < count && at < columns + 1) {
		double length = pow(10, -4 + draw_number(60) / 10.0);
		double gap = draw_number(3) ? pow(10, -4 + draw_number(50) / 10.0) : 0;

		spans[n++] = (struct span){ at, at + length, draw_number(JEM_LOD_TINTS) };
		at += length + gap;
	}
	return n;
}

static bool is_covered(const struct jem_lod *lod, double x0, double x1)
{
	for (size_t i = 0; i < lod->count; i++)
		if (lod->bars[i].x0 < x1 && lod->bars[i].x1 > x0)
			return true;
	return false;
}

static void check_spans(struct jem_lod *lod, unsigned columns, const struct span *spans,
			size_t count)
{
	jem_lod_begin(lod, columns);
	for (size_t i = 0; i < count; i++)
		jem_lod_add(lod, spans[i].x0, spans[i].x1, spans[i].tint, i % 7 == 0);
	CHECK_OK(jem_lod_end(lod));
	CHECK_LE(lod->count, (size_t)columns * 3);
	for (size_t i = 0; i < count; i++) {
		double from = fmax(0, floor(spans[i].x0));
		double to = fmin(columns, fmax(from + 1, ceil(spans[i].x1)));

		for (double c = from; spans[i].x1 >= 0 && c < to; c++)
			if (!is_covered(lod, c, c + 1))
				check_fail(__FILE__, __LINE__,
					   "nothing in column %g of %u, in which %g to %g ran", c,
					   columns, spans[i].x0, spans[i].x1);
	}
	for (size_t i = 0; i < lod->count; i++) {
		CHECK(lod->bars[i].x0 >= 0 && lod->bars[i].x1 <= columns + 1e-9);
		CHECK(lod->bars[i].x1 - lod->bars[i].x0 >= 0.5 - 1e-9);
		CHECK(lod->bars[i].level >= 1 && lod->bars[i].level <= JEM_LOD_LEVELS);
	}
}

CASE(no_activity_vanishes)
{
	struct span spans[4000];
	struct jem_lod lod = { 0 };
	int rounds = getenv("JEM_TEST_LONG") ? 5000 : 300;

	for (int round = 0; round < rounds; round++) {
		unsigned columns;
		size_t count;

		random_state = (uint32_t)round * 2 + 1;
		columns = 1 + draw_number(120);
		count = make_spans(columns, spans, sizeof(spans) / sizeof(*spans));
		check_spans(&lod, columns, spans, count);
	}
	jem_lod_deinit(&lod);
}

/* What ran in a column and what bars show of it, where nothing has to be summed up. */
CASE(few_slices_keep_their_places)
{
	struct jem_lod lod = { 0 };

	jem_lod_begin(&lod, 10);
	jem_lod_add(&lod, 0.25, 1.5, 1, false);
	jem_lod_add(&lod, 1.5, 7.75, 2, false);
	jem_lod_add(&lod, 8.1, 8.9, 2, true);
	CHECK_OK(jem_lod_end(&lod));
	CHECK_EQ(lod.count, 3);
	CHECK_NEAR(lod.bars[0].x0, 0.25, 1e-9);
	CHECK_NEAR(lod.bars[0].x1, 1.5, 1e-9);
	CHECK_NEAR(lod.bars[1].x1, 7.75, 1e-9);
	CHECK_EQ(lod.bars[1].tint, 2);
	CHECK_EQ(lod.bars[1].level, JEM_LOD_LEVELS);
	CHECK(!lod.bars[1].is_inferred && lod.bars[2].is_inferred);
	jem_lod_deinit(&lod);
}

CASE(many_slices_become_the_one_that_ran_longest)
{
	struct jem_lod lod = { 0 };

	jem_lod_begin(&lod, 3);
	for (int i = 0; i < 10; i++) {
		jem_lod_add(&lod, 1 + i * 0.1, 1 + i * 0.1 + 0.01, 5, false);
		jem_lod_add(&lod, 1 + i * 0.1 + 0.02, 1 + i * 0.1 + 0.05, 6, false);
	}
	CHECK_OK(jem_lod_end(&lod));
	CHECK_EQ(lod.count, 2);
	CHECK_EQ(lod.bars[1].tint, 5); /* a tick of the other */
	CHECK(lod.bars[1].is_short && !lod.bars[0].is_short);
	CHECK_EQ(lod.bars[0].tint, 6);
	CHECK_EQ(lod.bars[0].level, 2); /* busy for 0.4 */
	CHECK_NEAR(lod.bars[0].x0, 1, 1e-9);
	CHECK_NEAR(lod.bars[0].x1, 2, 1e-9);
	jem_lod_deinit(&lod);
}

/* Colours */

static const struct sched_maker small = {
	.cores = 4, .slices = 400, .span_s = 2, .seed = 3, .has_gap = true
};

CASE(a_command_has_one_colour_in_all_files)
{
	struct sched_maker other = small;
	struct jem_sched_model models[2];
	const struct jem_sched_model *both[] = { &models[0], &models[1] };
	struct jem_tints tints;
	uint32_t late;

	sched_make(&small, &models[0]);
	other.cores = 9;
	sched_make(&other, &models[1]);
	CHECK_OK(jem_sched_model_name(&models[1], "late", &late));
	CHECK_OK(jem_tints_init(&tints, JEM_TINT_BY_COMMAND, NULL, both, 2));
	for (uint32_t i = 0; i < 3; i++)
		CHECK_EQ(jem_tints_of_name(&tints, 0, i), jem_tints_of_name(&tints, 1, i));
	CHECK(jem_tints_of_name(&tints, 0, 0) != jem_tints_of_name(&tints, 0, 1));
	CHECK(jem_tints_of_name(&tints, 1, late) != jem_tints_of_name(&tints, 1, 0));
	jem_tints_deinit(&tints);

	CHECK_OK(jem_tints_init(&tints, JEM_TINT_BY_PID, "ua", both, 2));
	for (size_t i = 0; i < models[0].cpus[0].count; i++) {
		const struct jem_sched_slice *slice = &models[0].cpus[0].slices[i];
		bool is_target = !strcmp(models[0].names[slice->comm], "ua.C.x");

		CHECK_EQ(jem_tints_of(&tints, 0, &models[0], slice) != JEM_TINT_OTHER, is_target);
	}
	jem_tints_deinit(&tints);

	CHECK_OK(jem_tints_init(&tints, JEM_TINT_BY_COMMAND, NULL, both, 2));
	jem_tints_set_foreign(&tints, "ua.C.x", both);
	CHECK_EQ(jem_tints_of_name(&tints, 0, 0), JEM_TINT_OTHER); /* foreign */
	CHECK(jem_tints_of_name(&tints, 0, 1) != JEM_TINT_OTHER);
	jem_tints_deinit(&tints);
	jem_sched_model_deinit(&models[0]);
	jem_sched_model_deinit(&models[1]);
}

/* Graphs */

struct bench {
	struct jem_sched_model model;
	struct jem_tints tints;
	struct jem_sched_counts counts;
	struct jem_sched_view view;
};

static void begin(struct bench *bench, const struct sched_maker *maker)
{
	const struct jem_sched_model *model = &bench->model;
	const struct jem_sched_window window = { .min_s = NAN, .max_s = NAN };

	memset(bench, 0, sizeof(*bench));
	sched_make(maker, &bench->model);
	bench->view = (struct jem_sched_view){
		.model = model,
		.tints = &bench->tints,
		.title = "a <file> of \"somebody\" & co",
		.width = 900,
		.height = 400,
		.core_count = maker->cores,
		.counts = &bench->counts,
	};
	CHECK_EQ(jem_sched_select_window(model, &window, &bench->view.select), 0);
	CHECK_OK(jem_tints_init(&bench->tints, JEM_TINT_BY_PID, NULL, &model, 1));
	CHECK_OK(jem_sched_counts_make(model, &bench->view.select, &bench->counts));
}

static void end(struct bench *bench)
{
	jem_sched_counts_deinit(&bench->counts);
	jem_tints_deinit(&bench->tints);
	jem_sched_model_deinit(&bench->model);
}

CASE(columns_of_counts_add_up_to_the_integrals)
{
	struct jem_counts_column columns[333];
	struct bench bench;
	double span_ns;
	double run_ns = 0;
	double runnable_ns = 0;
	bool has_wait = false;

	begin(&bench, &small);
	span_ns = (double)(bench.view.select.to_ns - bench.view.select.from_ns);
	jem_counts_columns(&bench.counts, bench.view.select.from_ns, bench.view.select.to_ns,
			   span_ns / 333, 4, columns, 333);
	for (int i = 0; i < 333; i++) {
		run_ns += columns[i].running * span_ns / 333;
		runnable_ns += columns[i].runnable * span_ns / 333;
		CHECK_LE(columns[i].running_min, columns[i].running_max);
		CHECK_LE(columns[i].running_max, columns[i].runnable_max);
		has_wait = has_wait || columns[i].waits_below || columns[i].waits_above;
	}
	CHECK_NEAR(run_ns, (double)bench.counts.run_ns, 1e3);
	CHECK_NEAR(runnable_ns, (double)(bench.counts.run_ns + bench.counts.wait_ns), 1e3);
	CHECK(has_wait);
	end(&bench);
}

CASE(draws_cores_gaps_and_what_waits)
{
	struct bench bench;
	struct jem_buf with;
	struct jem_buf without;
	struct jem_canvas *canvas;

	begin(&bench, &small);
	for (int shows = 0; shows < 2; shows++) {
		struct jem_buf *out = shows ? &with : &without;

		jem_buf_init(out, 0);
		bench.view.shows_waiting = bench.view.shows_arrows = shows;
		canvas = fake_canvas_create(out);
		jem_cores_graph_draw(canvas, &bench.view);
		CHECK_EQ(jem_canvas_finish(canvas), 0);
		jem_canvas_destroy(canvas);
	}
	CHECK_CONTAINS(jem_buf_cstr(&without), "hatched: no data");
	CHECK_CONTAINS(jem_buf_cstr(&without), "shade");
	CHECK(!strstr(jem_buf_cstr(&without), "critical"));
	CHECK_CONTAINS(jem_buf_cstr(&with), "critical");
	CHECK_CONTAINS(jem_buf_cstr(&with), "arrows: from who woke");
	jem_buf_deinit(&with);
	jem_buf_deinit(&without);
	end(&bench);
}

/* A task that was moved while it waited did so in the queue from which it came. */
CASE(a_wait_is_drawn_where_the_task_was_queued)
{
	static const struct sched_maker two = { .cores = 2, .slices = 10, .span_s = 1, .seed = 3 };
	double middles[2]; /* of the waits, by how it was moved */

	for (int is_balanced = 0; is_balanced < 2; is_balanced++) {
		struct bench bench;
		struct jem_buf out;
		struct jem_canvas *canvas;
		const char *at;

		begin(&bench, &two);
		for (int cpu = 0; cpu < 2; cpu++)
			for (size_t i = 0; i < bench.model.cpus[cpu].count; i++)
				bench.model.cpus[cpu].slices[i].wait_ns = 0;
		CHECK_GE(bench.model.cpus[1].count, 3);
		bench.model.cpus[1].slices[2].wait_ns = 5000000;
		bench.model.cpus[1].slices[2].from_cpu = 0;
		bench.model.cpus[1].slices[2].move =
			is_balanced ? JEM_SCHED_BALANCED : JEM_SCHED_PLACED;
		bench.view.shows_waiting = true;
		jem_buf_init(&out, 0);
		canvas = fake_canvas_create(&out);
		jem_cores_graph_draw(canvas, &bench.view);
		CHECK_EQ(jem_canvas_finish(canvas), 0);
		jem_canvas_destroy(canvas);
		at = strstr(jem_buf_cstr(&out), "rects critical ");
		CHECK(at && !strstr(at + 1, "rects critical "));
		at = strchr(at, ',');
		CHECK(at);
		middles[is_balanced] = atof(at + 1);
		jem_buf_deinit(&out);
		end(&bench);
	}
	CHECK_GE(middles[1], middles[0] + 50); /* core 0 is below core 1 */
}

static void read_file(const char *path, struct jem_buf *ret)
{
	char bytes[4096];
	FILE *file = fopen(path, "re");
	size_t n;

	CHECK(file);
	jem_buf_init(ret, 0);
	while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0)
		jem_buf_add(ret, bytes, n);
	fclose(file);
}

static unsigned files_told;

static void on_file(const char *path)
{
	CHECK(strstr(path, "out"));
	files_told++;
}

CASE(every_format_is_the_same_each_time)
{
	static const char *const suffixes[] = { "pdf", "svg", "png", "html" };
	static const char *const begins[] = { "%PDF-1.4", "<?xml", "\x89PNG", "<!DOCTYPE html>" };
	struct bench bench;

	begin(&bench, &small);
	for (unsigned i = 0; i < 4; i++)
		for (int graph = JEM_SCHED_CORES; graph <= JEM_SCHED_COUNTS; graph++) {
			struct jem_buf bytes[2];
			struct jem_err err;
			char path[256];

			for (int k = 0; k < 2; k++) {
				struct jem_sched_view view = bench.view;

				snprintf(path, sizeof(path), "%s/out%d.%s", check_folder(), k,
					 suffixes[i]);
				CHECK_EQ(jem_sheets_write(path, "t", (enum jem_sched_graph)graph,
							  &view, 1, on_file, &err),
					 1);
				read_file(path, &bytes[k]);
			}
			CHECK_EQ(bytes[0].len, bytes[1].len);
			CHECK(!memcmp(bytes[0].data, bytes[1].data, bytes[0].len));
			CHECK(!strncmp(jem_buf_cstr(&bytes[0]), begins[i], strlen(begins[i])));
			jem_buf_deinit(&bytes[0]);
			jem_buf_deinit(&bytes[1]);
		}
	CHECK_EQ(files_told, 16);
	end(&bench);
}

CASE(several_are_pages_or_numbered_files)
{
	struct jem_sched_view views[3];
	struct bench bench;
	struct jem_buf bytes;
	struct jem_err err;
	struct stat info;
	char path[256];

	begin(&bench, &small);
	for (int i = 0; i < 3; i++)
		views[i] = bench.view;
	snprintf(path, sizeof(path), "%s/out.svg", check_folder());
	CHECK_EQ(jem_sheets_write(path, "t", JEM_SCHED_CORES, views, 3, NULL, &err), 3);
	CHECK_EQ(stat(path, &info), -1);
	snprintf(path, sizeof(path), "%s/out-3.svg", check_folder());
	CHECK_EQ(stat(path, &info), 0);
	snprintf(path, sizeof(path), "%s/out.pdf", check_folder());
	CHECK_EQ(jem_sheets_write(path, "t", JEM_SCHED_CORES, views, 3, NULL, &err), 1);
	read_file(path, &bytes);
	CHECK(memmem(bytes.data, bytes.len, "/Count 3", 8));
	jem_buf_deinit(&bytes);
	CHECK_EQ(jem_sheets_write("out.jpeg", "t", JEM_SCHED_CORES, views, 3, NULL, &err), -EINVAL);
	CHECK_CONTAINS(err.text, ".pdf, .svg, .png and .html");
	snprintf(path, sizeof(path), "%s/no/out.pdf", check_folder());
	CHECK_EQ(jem_sheets_write(path, "t", JEM_SCHED_CORES, views, 3, NULL, &err), -ENOENT);
	CHECK_CONTAINS(err.text, "no/out.pdf");
	end(&bench);
}

/* The name of a task is what the job wants it to be. */
CASE(hostile_names_do_nothing)
{
	static const char *const hostile = "</div><b>&\"'\x01\xff";
	struct bench bench;
	struct jem_buf page;

	begin(&bench, &small);
	memcpy(bench.model.names[0], hostile, strlen(hostile) + 1);
	bench.view.legend = &(struct jem_sched_legend_row){ .comm = hostile };
	bench.view.legend_count = 1;
	jem_buf_init(&page, 0);
	CHECK_OK(jem_sched_page_make(hostile, JEM_SCHED_CORES, &bench.view, 1, &page));
	CHECK(!strstr(jem_buf_cstr(&page), "<b>"));
	CHECK(!strstr(jem_buf_cstr(&page), "\x01"));
	CHECK_CONTAINS(jem_buf_cstr(&page), "&lt;/div&gt;&lt;b&gt;&amp;");
	jem_buf_deinit(&page);
	end(&bench);
}

/* A recording of which nothing is to be seen is drawn empty, not refused or divided by. */
CASE(empty_recordings_are_drawn_empty)
{
	struct jem_sched_model model;
	const struct jem_sched_model *pointer = &model;
	struct jem_tints tints;
	struct jem_sched_counts counts = { 0 };
	struct jem_sched_view view = {
		.model = &model, .tints = &tints, .title = "empty", .counts = &counts
	};
	struct jem_err err;
	char path[256];

	jem_sched_model_init(&model);
	CHECK_OK(jem_sched_model_seal(&model));
	CHECK_OK(jem_tints_init(&tints, JEM_TINT_BY_COMMAND, NULL, &pointer, 1));
	snprintf(path, sizeof(path), "%s/out.html", check_folder());
	CHECK_EQ(jem_sheets_write(path, "t", JEM_SCHED_CORES, &view, 1, NULL, &err), 1);
	snprintf(path, sizeof(path), "%s/out.png", check_folder());
	view.shows_waiting = view.shows_arrows = true;
	CHECK_EQ(jem_sheets_write(path, "t", JEM_SCHED_CORES, &view, 1, NULL, &err), 1);
	view.height = 0;
	CHECK_EQ(jem_sheets_write(path, "t", JEM_SCHED_COUNTS, &view, 1, NULL, &err), 1);
	jem_tints_deinit(&tints);
	jem_sched_model_deinit(&model);
}

TESTS(T(no_activity_vanishes), T(few_slices_keep_their_places),
      T(many_slices_become_the_one_that_ran_longest), T(a_command_has_one_colour_in_all_files),
      T(columns_of_counts_add_up_to_the_integrals), T(draws_cores_gaps_and_what_waits),
      T(a_wait_is_drawn_where_the_task_was_queued), T(every_format_is_the_same_each_time),
      T(several_are_pages_or_numbered_files), T(hostile_names_do_nothing),
      T(empty_recordings_are_drawn_empty))
