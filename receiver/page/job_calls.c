/* SPDX-License-Identifier: Apache-2.0 */
/* job_calls: the section of a job's page on functions: where it is, what takes time, the last calls. */
#include "common/cleanup.h"
#include "receiver/calls/call_chart.h"
#include "receiver/calls/flame.h"
#include "receiver/graph/axis.h"
#include "receiver/page/graph_files.h"
#include "receiver/page/parts.h"
#include "receiver/page/tables.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum {
	FUNCTIONS_SHOWN = 20,
	THREADS_SHOWN = 16,
	CALLERS_SHOWN = 4,
	LINES_SHOWN = 60,
};

static const struct jem_call_graph_view wide = { 900, false, 40, 8 };
static const struct jem_call_graph_view narrow = { 360, false, 24, 6 };

bool jem_job_has_calls(const struct jem_job_model *model)
{
	return model->recent.records || model->profile.function_count;
}

/* The last part of a path. */
static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void put_place(struct jem_html *html, const char *file, uint32_t line)
{
	if (!*file)
		return;
	html_open(html, "span");
	html_class(html, "muted any");
	jem_html_text(html, file_name(file));
	if (line)
		jem_html_textf(html, ":%" PRIu32, line);
	jem_html_close(html);
}

/* Where it is now */

static void put_thread(struct jem_html *html, const struct jem_recent *recent,
		       const struct jem_recent_thread *thread)
{
	const struct jem_recent_open *innermost = jem_recent_innermost(thread);
	uint64_t now_us = recent->last_us > innermost->t_us ? recent->last_us : innermost->t_us;
	unsigned told = 0;
	char since[48];

	html_open(html, "li");
	html_open(html, "span");
	html_class(html, "muted small");
	jem_html_textf(html, "%" PRId64 "/%" PRId64 " ", thread->pid, thread->tid);
	jem_html_close(html);
	html_cell(html, "code", "any", jem_name_table_at(&recent->names, innermost->function));
	jem_html_text(html, " ");
	put_place(html, jem_name_table_at(&recent->names, innermost->file), innermost->line);
	jem_duration_format((double)(now_us - innermost->t_us) * 1e-6, since, sizeof(since));
	jem_html_textf(html, " for %s", since);
	for (uint32_t depth = (uint32_t)(innermost - thread->open); depth-- > 0;) {
		const struct jem_recent_open *open = &thread->open[depth];

		if (open->function == JEM_NAME_NONE)
			continue;
		if (told++ == CALLERS_SHOWN) {
			jem_html_text(html, ", \u2026");
			break;
		}
		jem_html_text(html, told == 1 ? ", in " : ", ");
		html_cell(html, "code", "any", jem_name_table_at(&recent->names, open->function));
	}
	jem_html_close(html);
}

static void put_now(struct jem_html *html, const struct jem_job_model *model)
{
	const struct jem_recent *recent = &model->recent;
	size_t shown = 0;
	size_t open = 0;

	for (size_t i = 0; i < recent->thread_count; i++)
		open += jem_recent_innermost(recent->threads[i]) != NULL;
	if (!open)
		return;
	html_text_in(html, "h3",
		     model->state == JEM_JOB_ENDED ? "Where it was at the end" : "Where it is now");
	html_open(html, "ul");
	html_class(html, "threads card pad");
	for (size_t i = 0; i < recent->thread_count && shown < THREADS_SHOWN; i++)
		if (jem_recent_innermost(recent->threads[i])) {
			put_thread(html, recent, recent->threads[i]);
			shown++;
		}
	jem_html_close(html);
	if (open > shown) {
		html_open(html, "p");
		html_class(html, "note");
		jem_html_textf(html, "And %zu more threads.", open - shown);
		jem_html_close(html);
	}
}

/* Functions */

static void put_bar(struct jem_html *html, double part)
{
	struct jem_paint ground = jem_paint(JEM_COLOUR_rule);
	struct jem_paint bar = jem_paint(JEM_COLOUR_C1);
	struct jem_canvas *canvas;

	html_open(html, "td");
	html_class(html, "bar minor");
	if (jem_html_canvas(html, &canvas) == 0) {
		jem_canvas_page(canvas, 100, 6, "Part of all time", "");
		jem_canvas_rect(canvas, 0, 0, 100, 6, &ground);
		jem_canvas_rect(canvas, 0, 0, fmax(100 * part, part > 0 ? 0.5 : 0), 6, &bar);
		jem_canvas_finish(canvas);
		jem_canvas_destroy(canvas);
	}
	jem_html_close(html);
}

static void put_time(struct jem_html *html, const char *class, uint64_t ns)
{
	char text[32];

	jem_flame_time(ns, text, sizeof(text));
	jem_html_text_in(html, "td", class, text);
}

static void put_function(struct jem_html *html, const struct jem_job_profile *profile,
			 const struct jem_job_profile_function *function, double whole)
{
	const struct jem_job_profile_times *times = &function->times;
	double part = whole > 0 ? (double)times->self_ns / whole : 0;
	char text[32];

	html_open(html, "tr");
	html_open(html, "td");
	html_class(html, "any");
	html_text_in(html, "code", jem_name_table_at(&profile->names, function->function));
	jem_html_text(html, " ");
	put_place(html, jem_name_table_at(&profile->names, function->file), function->line);
	jem_html_close(html);
	put_time(html, "n", times->self_ns);
	snprintf(text, sizeof(text), "%.1f\u202f%%", 100 * part);
	html_cell(html, "td", "n minor", text);
	put_bar(html, part);
	put_time(html, "n minor", times->total_ns);
	jem_part_count(times->calls, text, sizeof(text));
	html_cell(html, "td", "n", text);
	if (times->returns)
		put_time(html, "n minor", times->total_ns / times->returns);
	else
		html_cell(html, "td", "n minor", "\u2013");
	put_time(html, "n minor", times->max_ns);
	jem_html_close(html);
}

static void put_functions(struct jem_html *html, const struct jem_job_profile *profile)
{
	auto_free struct jem_job_profile_function *table = NULL;
	int64_t count = jem_job_profile_table(profile, &table);
	double whole = 0;
	char number[32];

	if (count < 0)
		html->buf->failed = true;
	if (count <= 0)
		return;
	for (int64_t i = 0; i < count; i++)
		whole += (double)table[i].times.self_ns;
	html_text_in(html, "h3", "What takes the time");
	jem_table_begin(html, "functions by time of their own");
	jem_table_head(html, NULL, "Function");
	jem_table_head(html, "n", "Self");
	jem_table_head(html, "n minor", "of all");
	jem_table_head(html, "bar minor", "");
	jem_table_head(html, "n minor", "Total");
	jem_table_head(html, "n", "Calls");
	jem_table_head(html, "n minor", "Mean");
	jem_table_head(html, "n minor", "Longest");
	jem_table_rows(html);
	for (int64_t i = 0; i < count && i < FUNCTIONS_SHOWN; i++)
		put_function(html, profile, &table[i], whole);
	jem_table_end(html);
	html_open(html, "p");
	html_class(html, "note");
	jem_part_count((uint64_t)count, number, sizeof(number));
	jem_html_textf(html,
		       "Every call of the %s followed functions is counted; profile.csv has all.",
		       number);
	jem_html_close(html);
}

/* Graphs */

static void put_drawing(struct jem_html *html, const struct jem_job_model *model,
			enum jem_call_graph graph, const struct jem_call_graph_view *view)
{
	struct jem_canvas *canvas;

	html_open(html, "div");
	jem_html_attr(html, "class", view == &wide ? "plot wide" : "plot narrow");
	if (jem_html_canvas(html, &canvas) == 0) {
		jem_call_graph_draw(canvas, model, graph, view);
		if (jem_canvas_finish(canvas) < 0)
			html->is_broken = true;
		jem_canvas_destroy(canvas);
	}
	jem_html_close(html);
}

static void put_flame_tools(struct jem_html *html)
{
	static const struct jem_search_tools tools = { "flame-search", "find functions",
						       "find functions in the flame graph",
						       "flame-reset" };

	jem_search_tools_begin(html, &tools);
	jem_html_text(html, "show all");
	jem_html_close(html);
	jem_html_close(html);
}

static void put_figure(struct jem_html *html, const struct jem_job_model *model,
		       enum jem_call_graph graph)
{
	static const char *const titles[] = { "Flame graph", "Calls over time" };
	static const char *const hints[] = {
		"The wider, the longer; callers stand above what they call. Click to look closer.",
		"Recorded calls, a band for each thread, outer calls above inner ones.",
	};

	if (!jem_call_graph_has_data(model, graph))
		return;
	html_open(html, "figure");
	jem_html_attr(html, "class",
		      graph == JEM_CALL_GRAPH_FLAME ? "graph card flame" : "graph card");
	html_open(html, "figcaption");
	html_text_in(html, "h3", titles[graph]);
	html_cell(html, "span", "muted small", hints[graph]);
	jem_html_close(html);
	if (graph == JEM_CALL_GRAPH_FLAME)
		put_flame_tools(html);
	put_drawing(html, model, graph, &wide);
	put_drawing(html, model, graph, &narrow);
	jem_html_close(html);
}

/* The last calls */

static void put_lines(struct jem_html *html, const struct jem_recent *recent)
{
	size_t kept = 0;
	char clock[16];
	char stamp[32];

	while (jem_recent_line(recent, kept))
		kept++;
	if (!kept)
		return;
	html_text_in(html, "h3", "Last calls");
	html_open(html, "div");
	html_class(html, "log card calls");
	html_attr(html, "role", "region");
	html_attr(html, "aria-label", "last calls");
	html_attr(html, "tabindex", "0");
	html_open(html, "table");
	html_open(html, "tbody");
	for (size_t i = kept > LINES_SHOWN ? kept - LINES_SHOWN : 0; i < kept; i++) {
		const struct jem_recent_line *line = jem_recent_line(recent, i);

		html_open(html, "tr");
		jem_part_clock(line->t_us * 1000, clock, sizeof(clock));
		snprintf(stamp, sizeof(stamp), "%s.%03u", clock,
			 (unsigned)(line->t_us / 1000 % 1000));
		html_cell(html, "td", "t", stamp);
		html_cell(html, "td", "text mono", line->text);
		jem_html_close(html);
	}
	jem_html_close(html);
	jem_html_close(html);
	jem_html_close(html);
}

void jem_job_calls(struct jem_html *html, const struct jem_job_model *model)
{
	if (!jem_job_has_calls(model))
		return;
	jem_section_begin(html, "calls", "Calls");
	put_now(html, model);
	put_functions(html, &model->profile);
	put_figure(html, model, JEM_CALL_GRAPH_FLAME);
	put_figure(html, model, JEM_CALL_GRAPH_CHART);
	put_lines(html, &model->recent);
	jem_html_close(html);
}
