/* SPDX-License-Identifier: Apache-2.0 */
/* job_sched: the section of a job's page on scheduling, and its drawings as files. */
#include "receiver/page/job_sched.h"

#include "common/cleanup.h"
#include "receiver/graph/job_graphs.h"
#include "receiver/page/file.h"
#include "receiver/page/page.h"
#include "receiver/page/parts.h"
#include "receiver/page/tables.h"
#include "receiver/sched/cores_graph.h"
#include "receiver/sched/counts_graph.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
	EPISODES_SHOWN = 3,
	PNG_SCALE = 2,
};

/* Widths in the page, for wide and narrow screens, and of files. */
static const double wide = 900;
static const double narrow = 360;
static const double alone = 860;
static const double counts_height = 240;

static const struct {
	const char *name, *title, *hint;
} graphs[] = {
	{ "cores", "Cores",
	  "What ran on which core, coloured by command; a red line where a task waits for the "
	  "core." },
	{ "running", "Running and waiting",
	  "Green: tasks that run; red: those that could. Dotted: the number of cores." },
};

/* --- numbers ---------------------------------------------------------------------------------- */

void jem_job_sched_init(struct jem_job_sched *sched)
{
	*sched = (struct jem_job_sched){ 0 };
	jem_sched_model_init(&sched->model);
}

void jem_job_sched_deinit(struct jem_job_sched *sched)
{
	jem_sched_counts_deinit(&sched->counts);
	jem_sched_stats_deinit(&sched->stats);
	jem_sched_episodes_deinit(&sched->episodes);
	jem_tints_deinit(&sched->tints);
	jem_sched_model_deinit(&sched->model);
}

bool jem_job_sched_has_data(const struct jem_job_sched *sched)
{
	return sched && sched->folder.slices;
}

/* What cannot be seen without the node's events must not be said of the job's switches. */
static bool has_wakeups(const struct jem_job_sched *sched)
{
	return !strcmp(sched->folder.level, "tracefs");
}

/* Of the job's graphs, on the clock of the slices. */
static void choose(struct jem_job_sched *sched, const struct jem_job_model *job)
{
	const struct jem_sched_model *model = &sched->model;
	double wall_s = (double)sched->folder.wall_ns * 1e-9;
	double from_s;
	double to_s;

	jem_job_span(job, &from_s, &to_s);
	sched->select = (struct jem_sched_select){ .from_ns = (int64_t)((from_s - wall_s) * 1e9),
						   .to_ns = (int64_t)((to_s - wall_s) * 1e9) };
	/* A folder whose other records are gone, or a clock that was set. */
	if (sched->select.from_ns > model->begin_ns || sched->select.to_ns < model->begin_ns) {
		sched->select.from_ns = model->begin_ns;
		sched->select.to_ns = model->end_ns;
	}
	if (sched->select.to_ns < model->end_ns)
		sched->select.to_ns = model->end_ns;
	sched->select.zero_ns = sched->select.from_ns;
}

static void make_legend(struct jem_job_sched *sched)
{
	int64_t zero_ns = sched->select.zero_ns;

	while (sched->legend_count < JEM_JOB_SCHED_COMMANDS &&
	       sched->legend_count < sched->stats.command_count) {
		const struct jem_sched_command_stats *command =
			&sched->stats.commands[sched->legend_count];

		sched->legend[sched->legend_count++] = (struct jem_sched_legend_row){
			.comm = jem_sched_comm(&sched->model, command->comm),
			.tint = jem_tints_of_name(&sched->tints, 0, command->comm),
			.first_s = (double)(command->first_ns - zero_ns) * 1e-9,
			.last_s = (double)(command->last_ns - zero_ns) * 1e-9,
			.run_s = (double)command->run_ns * 1e-9,
			.switches = command->switches,
			.pids = command->pids,
		};
	}
}

int jem_job_sched_sum_up(struct jem_job_sched *sched, const struct jem_job_model *job)
{
	const struct jem_sched_model *models[] = { &sched->model };
	int status;

	choose(sched, job);
	status = jem_sched_counts_make(&sched->model, &sched->select, &sched->counts);
	if (status >= 0)
		status = jem_sched_stats_make(&sched->model, &sched->select, &sched->stats);
	if (status >= 0 && has_wakeups(sched))
		status = jem_sched_episodes_make(&sched->model, &sched->select, &sched->episodes);
	if (status >= 0)
		status = jem_tints_init(&sched->tints, JEM_TINT_BY_COMMAND, NULL, models, 1);
	if (status < 0)
		return status;
	jem_sched_latency_make(&sched->model, &sched->select, &sched->latency);
	jem_sched_moves_make(&sched->model, &sched->select, NULL, &sched->moves);
	make_legend(sched);
	return 0;
}

/* --- drawings --------------------------------------------------------------------------------- */

static void draw(struct jem_canvas *canvas, const struct jem_job_sched *sched, size_t graph,
		 double width, bool is_alone)
{
	struct jem_sched_view view = {
		.model = &sched->model,
		.select = sched->select,
		.tints = &sched->tints,
		.title = graphs[graph].title,
		.width = width,
		.height = counts_height,
		.columns = (unsigned)width,
		.shows_waiting = true,
		.counts = &sched->counts,
		.core_count = sched->folder.cores ? sched->folder.cores
						  : (unsigned)sched->model.cpu_count,
	};

	if (is_alone || width > narrow) {
		view.legend = sched->legend;
		view.legend_count = sched->legend_count;
	}
	if (graph) {
		jem_counts_graph_draw(canvas, &view);
		return;
	}
	view.height = jem_cores_graph_height(&view, sched->model.cpu_count);
	jem_cores_graph_draw(canvas, &view);
}

static int write_picture(const struct jem_job_sched *sched, size_t graph, bool is_png, int dirfd)
{
	struct jem_canvas *canvas;
	struct jem_buf out;
	char name[32];
	int status;

	jem_buf_init(&out, 0);
	status = is_png ? jem_png_create(&out, PNG_SCALE, &canvas)
			: jem_svg_create(&out, NULL, &canvas);
	if (status < 0)
		return status;
	draw(canvas, sched, graph, alone, true);
	status = jem_canvas_finish(canvas);
	jem_canvas_destroy(canvas);
	snprintf(name, sizeof(name), "%s.%s", graphs[graph].name, is_png ? "png" : "svg");
	if (status >= 0)
		status = jem_file_replace(dirfd, name, out.data, out.len);
	jem_buf_deinit(&out);
	return status;
}

int jem_job_sched_graphs_write(const struct jem_job_sched *sched, unsigned formats, int dirfd)
{
	auto_close int folder = -1;
	int files = 0;

	if (!jem_job_sched_has_data(sched))
		return 0;
	if (mkdirat(dirfd, "graphs", 0700) < 0 && errno != EEXIST)
		return -errno;
	folder = openat(dirfd, "graphs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return -errno;
	for (size_t graph = 0; graph < sizeof(graphs) / sizeof(*graphs); graph++)
		for (int is_png = 0; is_png < 2; is_png++) {
			int status;

			if (!(formats & (is_png ? JEM_GRAPH_PNG : JEM_GRAPH_SVG)))
				continue;
			status = write_picture(sched, graph, is_png, folder);
			if (status < 0)
				return status;
			files++;
		}
	return files;
}

/* --- the section ------------------------------------------------------------------------------ */

static void put_drawing(struct jem_html *html, const struct jem_job_sched *sched, size_t graph,
			double width)
{
	struct jem_canvas *canvas;

	html_open(html, "div");
	jem_html_attr(html, "class", width > narrow ? "plot wide" : "plot narrow");
	if (jem_html_canvas(html, &canvas) == 0) {
		draw(canvas, sched, graph, width, false);
		if (jem_canvas_finish(canvas) < 0)
			html->is_broken = true;
		jem_canvas_destroy(canvas);
	}
	jem_html_close(html);
}

static void put_figure(struct jem_html *html, const struct jem_job_sched *sched, size_t graph)
{
	html_open(html, "figure");
	html_class(html, "graph card");
	html_open(html, "figcaption");
	html_text_in(html, "h3", graphs[graph].title);
	html_cell(html, "span", "muted small", graphs[graph].hint);
	jem_html_close(html);
	put_drawing(html, sched, graph, wide);
	put_drawing(html, sched, graph, narrow);
	jem_html_close(html);
}

static void format_ns(uint64_t ns, char *text, size_t size)
{
	if (ns < 1000)
		snprintf(text, size, "%" PRIu64 "\u202fns", ns);
	else if (ns < 1000000)
		snprintf(text, size, "%.3g\u202fµs", (double)ns * 1e-3);
	else if (ns < 1000000000)
		snprintf(text, size, "%.3g\u202fms", (double)ns * 1e-6);
	else
		snprintf(text, size, "%.4g\u202fs", (double)ns * 1e-9);
}

static void put_row(struct jem_html *html, const char *what, const char *value)
{
	html_open(html, "tr");
	html_text_in(html, "td", what);
	html_cell(html, "td", "n", value);
	jem_html_close(html);
}

static void put_time_row(struct jem_html *html, const char *what, uint64_t ns)
{
	char text[48];

	format_ns(ns, text, sizeof(text));
	put_row(html, what, text);
}

static uint64_t moves_of(const struct jem_job_sched *sched, enum jem_sched_move move)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < JEM_CPU_DISTANCES; i++)
		sum += sched->moves.counts[move][i];
	return sum;
}

static void put_moves(struct jem_html *html, const struct jem_job_sched *sched)
{
	static const char *const words[] = {
		[JEM_SCHED_PLACED] = "Migrations: placed at wake-up",
		[JEM_SCHED_BALANCED] = "balanced while waiting",
		[JEM_SCHED_NUMA] = "towards memory (NUMA)",
		[JEM_SCHED_MOVED] = "by what is not known",
	};
	bool has_causes = has_wakeups(sched);
	char text[32];

	for (int move = has_causes ? JEM_SCHED_PLACED : JEM_SCHED_MOVED; move <= JEM_SCHED_MOVED;
	     move++) {
		jem_part_count(moves_of(sched, (enum jem_sched_move)move), text, sizeof(text));
		put_row(html, has_causes ? words[move] : "Migrations", text);
	}
}

static void put_numbers(struct jem_html *html, const struct jem_job_sched *sched)
{
	const struct jem_sched_latency *latency = &sched->latency;

	jem_table_begin(html, "numbers of scheduling");
	jem_table_head(html, NULL, "All tasks together");
	jem_table_head(html, "n", "");
	jem_table_rows(html);
	put_time_row(html, "Ran", sched->counts.run_ns);
	put_time_row(html,
		     has_wakeups(sched) ? "Waited for a core"
					: "Waited for a core after preemption",
		     sched->counts.wait_ns);
	if (has_wakeups(sched) && latency->count) {
		put_time_row(html, "From wake-up to core: half within",
			     jem_sched_latency_quantile(latency, 0.5));
		put_time_row(html, "99 of 100 within", jem_sched_latency_quantile(latency, 0.99));
		put_time_row(html, "the longest", latency->max_ns);
	}
	put_moves(html, sched);
	jem_table_end(html);
}

static void put_episodes(struct jem_html *html, const struct jem_job_sched *sched)
{
	const struct jem_sched_episodes *episodes = &sched->episodes;
	char lost[48];
	char count[32];

	if (!has_wakeups(sched))
		return;
	html_text_in(html, "h3", "Waiting beside an idle core");
	if (!episodes->count) {
		html_cell(html, "p", "muted", "No task waited for a core while another was idle.");
		return;
	}
	format_ns(episodes->wasted_ns, lost, sizeof(lost));
	jem_part_count(episodes->count, count, sizeof(count));
	html_open(html, "p");
	jem_html_textf(html, "%s times, %s of core time in all. The worst:", count, lost);
	jem_html_close(html);
	html_open(html, "ol");
	html_class(html, "episodes");
	for (size_t i = 0; i < episodes->worst_count && i < EPISODES_SHOWN; i++) {
		const struct jem_sched_episode *episode = &episodes->worst[i];
		struct jem_buf text;

		jem_buf_init(&text, 0);
		jem_buf_printf(&text, "%.3f s: ",
			       (double)(episode->from_ns - sched->select.zero_ns) * 1e-9);
		jem_sched_episode_text(&sched->model, episode, &text);
		html_cell(html, "li", "any", jem_buf_cstr(&text));
		jem_buf_deinit(&text);
	}
	jem_html_close(html);
}

static void put_bounds(struct jem_html *html, const struct jem_job_sched *sched)
{
	const struct jem_sched_model *model = &sched->model;

	if (model->lost_events || sched->folder.left_out || sched->folder.foreign) {
		html_open(html, "p");
		html_class(html, "note");
		if (model->lost_events)
			jem_html_textf(html, "The kernel lost %" PRIu64 " events: hatched. ",
				       model->lost_events);
		if (sched->folder.left_out)
			jem_html_textf(html,
				       "The first %" PRIu64 " slices only; dat2graph shows any "
				       "part of the job's folder. ",
				       sched->folder.slices);
		if (sched->folder.foreign)
			jem_html_textf(html, "Of several nodes or daemons the first, %s.",
				       sched->folder.node);
		jem_html_close(html);
	}
}

void jem_job_scheduling(struct jem_html *html, const struct jem_job_sched *sched)
{
	if (!jem_job_sched_has_data(sched))
		return;
	jem_section_begin(html, "scheduling", "Scheduling");
	for (size_t graph = 0; graph < sizeof(graphs) / sizeof(*graphs); graph++)
		put_figure(html, sched, graph);
	put_bounds(html, sched);
	put_numbers(html, sched);
	put_episodes(html, sched);
	jem_html_close(html);
}
