/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/sched/sched_page.h"

#include "common/json_writer.h"
#include "receiver/graph/embed.h"
#include "receiver/page/html.h"
#include "receiver/page/parts.h"
#include "receiver/sched/pack.h"
#include "receiver/sched/rows.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

JEM_EMBED(jem_sched_css, JEM_SCHED_PAGE_DIR "/sched_page.css");
JEM_EMBED(jem_sched_data_js, JEM_SCHED_PAGE_DIR "/sched_data.js");
JEM_EMBED(jem_sched_page_js, JEM_SCHED_PAGE_DIR "/sched_page.js");
JEM_EMBED(jem_sched_use_js, JEM_SCHED_PAGE_DIR "/sched_use.js");

enum {
	GAPS_MAX = 20000,
};

static double seconds(int64_t ns)
{
	return (double)ns * 1e-9;
}

/* What the script needs to know besides the slices. */
static void put_cores(struct jem_json *json, const struct jem_sched_view *view,
		      const struct jem_core_rows *rows)
{
	jem_json_key(json, "cores");
	jem_json_array_begin(json);
	for (size_t i = 0; i < view->model->cpu_count; i++) {
		uint16_t number = view->model->cpus[i].number;
		uint32_t row = jem_core_rows_find(rows, number);
		bool is_shown = row != JEM_SCHED_NONE;

		jem_json_object_begin(json);
		jem_json_key(json, "n");
		jem_json_u64(json, number);
		jem_json_key(json, "shown");
		jem_json_bool(json, is_shown);
		jem_json_key(json, "rank");
		jem_json_u64(json, is_shown ? row : 0);
		jem_json_key(json, "socket");
		jem_json_i64(json, is_shown ? rows->rows[row].socket : -1);
		jem_json_object_end(json);
	}
	jem_json_array_end(json);
}

static void put_names(struct jem_json *json, const struct jem_sched_view *view)
{
	char text[8];

	jem_json_key(json, "names");
	jem_json_array_begin(json);
	for (size_t i = 0; i < view->model->name_count; i++) {
		jem_json_array_begin(json);
		jem_json_str(json, view->model->names[i]);
		jem_json_u64(json, jem_tints_of_name(view->tints, view->which, (uint32_t)i));
		jem_json_array_end(json);
	}
	jem_json_array_end(json);
	jem_json_key(json, "tints");
	jem_json_array_begin(json);
	for (unsigned tint = JEM_TINT_FIRST; tint < JEM_TINT_COUNT; tint++) {
		snprintf(text, sizeof(text), "#%06x", jem_tint_rgb(tint));
		jem_json_str(json, text);
	}
	jem_json_array_end(json);
}

static void put_times(struct jem_json *json, const struct jem_sched_view *view, int64_t from_ns,
		      int64_t to_ns)
{
	jem_json_real(json, seconds(from_ns - view->select.from_ns));
	jem_json_real(json, seconds(to_ns - view->select.from_ns));
}

static void put_gaps(struct jem_json *json, const struct jem_sched_view *view)
{
	const struct jem_sched_model *model = view->model;

	jem_json_key(json, "gaps");
	jem_json_array_begin(json);
	for (size_t i = 0; i < model->gap_count && i < GAPS_MAX; i++) {
		const struct jem_sched_gap *gap = &model->gaps[i];
		const struct jem_sched_cpu *cpu = jem_sched_model_find_cpu(model, gap->cpu);

		if (!cpu || gap->to_ns < view->select.from_ns || gap->from_ns > view->select.to_ns)
			continue;
		jem_json_array_begin(json);
		jem_json_u64(json, (uint64_t)(cpu - model->cpus));
		put_times(json, view, gap->from_ns, gap->to_ns);
		jem_json_array_end(json);
	}
	jem_json_array_end(json);
	jem_json_key(json, "marks");
	jem_json_array_begin(json);
	for (size_t i = 0; i < view->mark_count; i++) {
		jem_json_array_begin(json);
		put_times(json, view, view->marks[i].from_ns, view->marks[i].to_ns);
		jem_json_array_end(json);
	}
	jem_json_array_end(json);
}

static void put_real(struct jem_json *json, const char *key, double value)
{
	jem_json_key(json, key);
	jem_json_real(json, value);
}

static void put_bool(struct jem_json *json, const char *key, bool value)
{
	jem_json_key(json, key);
	jem_json_bool(json, value);
}

static int put_meta(struct jem_html *html, enum jem_sched_graph graph,
		    const struct jem_sched_view *view)
{
	static const char *const by[] = { "pid", "command", "parent" };
	int64_t span_ns = view->select.to_ns - view->select.from_ns;
	struct jem_core_rows rows;
	struct jem_json json;
	struct jem_buf text;

	if (jem_core_rows_init(&rows, view) < 0)
		return -ENOMEM;
	jem_buf_init(&text, 0);
	json = jem_json_to(&text);
	jem_json_object_begin(&json);
	jem_json_key(&json, "graph");
	jem_json_str(&json, graph == JEM_SCHED_CORES ? "cores" : "counts");
	jem_json_key(&json, "by");
	jem_json_str(&json, by[view->tints->by]);
	put_bool(&json, "socket", view->topology);
	put_bool(&json, "waiting", view->shows_waiting);
	put_bool(&json, "arrows", view->shows_arrows);
	put_real(&json, "core_count", view->core_count);
	put_real(&json, "unit_s", jem_sched_unit_ns(view) * 1e-9);
	put_real(&json, "span", fmax(1, (double)span_ns / jem_sched_unit_ns(view)));
	put_real(&json, "axis_s", fmax(1e-9, fmax(view->span_s, seconds(span_ns))));
	put_real(&json, "zero_s", seconds(view->select.from_ns - view->select.zero_ns));
	put_cores(&json, view, &rows);
	put_names(&json, view);
	put_gaps(&json, view);
	jem_json_object_end(&json);
	html_open(html, "div");
	html_attr(html, "class", "meta");
	html_attr(html, "hidden", "");
	jem_html_text(html, jem_buf_cstr(&text));
	jem_html_close(html);
	jem_core_rows_deinit(&rows);
	html->buf->failed = html->buf->failed || text.failed;
	jem_buf_deinit(&text);
	return 0;
}

static int put_data(struct jem_html *html, const struct jem_sched_view *view, size_t *ret_slices)
{
	struct jem_buf text;
	int rc;

	jem_buf_init(&text, 0);
	rc = jem_sched_pack(view, &text, ret_slices);
	html_open(html, "div");
	html_attr(html, "class", "data");
	html_attr(html, "hidden", "");
	jem_html_text(html, jem_buf_cstr(&text));
	jem_html_close(html);
	jem_buf_deinit(&text);
	return rc;
}

/* Tables that need no script */

static void cell_number(struct jem_html *html, int decimals, double value)
{
	char text[48];

	snprintf(text, sizeof(text), "%.*f", decimals, value);
	html_cell(html, "td", "n", text);
}

static void put_legend_row(struct jem_html *html, const struct jem_sched_legend_row *row)
{
	char fill[16];

	html_open(html, "tr");
	html_open(html, "td");
	html_open(html, "svg");
	html_class(html, "key");
	html_attr(html, "viewBox", "0 0 1 1");
	html_attr(html, "aria-hidden", "true");
	html_open(html, "rect");
	html_attr(html, "width", "1");
	html_attr(html, "height", "1");
	snprintf(fill, sizeof(fill), "#%06x", jem_tint_rgb(row->tint));
	html_attr(html, "fill", fill);
	snprintf(fill, sizeof(fill), "%u", row->tint);
	html_attr(html, "data-tint", fill);
	jem_html_close(html);
	jem_html_close(html);
	html_cell(html, "button", "find", row->comm);
	jem_html_close(html);
	cell_number(html, 4, row->first_s);
	cell_number(html, 4, row->last_s);
	cell_number(html, 4, row->run_s);
	cell_number(html, 0, (double)row->switches);
	cell_number(html, 0, (double)row->pids);
	jem_html_close(html);
}

static void put_legend(struct jem_html *html, const struct jem_sched_view *view)
{
	static const char *const heads[] = { "First s", "Last s", "Total s", "Switches", "PIDs" };

	if (!view->legend_count)
		return;
	html_open(html, "div");
	html_text_in(html, "h3", "Commands");
	html_open(html, "div");
	html_class(html, "scroll card commands");
	html_open(html, "table");
	html_open(html, "thead");
	html_open(html, "tr");
	html_text_in(html, "th", "Command");
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		html_cell(html, "th", "n", heads[i]);
	jem_html_close(html);
	jem_html_close(html);
	html_open(html, "tbody");
	for (size_t i = 0; i < view->legend_count && i < 200; i++)
		put_legend_row(html, &view->legend[i]);
	for (int i = 0; i < 4; i++)
		jem_html_close(html);
}

static void put_marks(struct jem_html *html, const struct jem_sched_view *view)
{
	char text[48];

	if (!view->mark_count)
		return;
	html_open(html, "div");
	html_text_in(html, "h3", "Episodes");
	html_open(html, "ol");
	html_class(html, "episodes");
	for (size_t i = 0; i < view->mark_count; i++) {
		const struct jem_sched_mark *mark = &view->marks[i];

		html_open(html, "li");
		html_open(html, "button");
		html_class(html, "go");
		snprintf(text, sizeof(text), "%.9f", seconds(mark->from_ns - view->select.from_ns));
		html_attr(html, "data-from", text);
		snprintf(text, sizeof(text), "%.9f", seconds(mark->to_ns - view->select.from_ns));
		html_attr(html, "data-to", text);
		jem_html_text(html, mark->text);
		jem_html_close(html);
		jem_html_close(html);
	}
	jem_html_close(html);
	jem_html_close(html);
}

static void put_facts(struct jem_html *html, const struct jem_sched_view *view)
{
	const struct jem_sched_model *model = view->model;

	html_open(html, "p");
	html_class(html, "facts");
	jem_html_textf(html, "%.6g s from %.6g s on; ",
		       seconds(view->select.to_ns - view->select.from_ns),
		       seconds(view->select.from_ns - view->select.zero_ns));
	if (view->subtitle)
		jem_html_text(html, view->subtitle);
	else
		jem_html_textf(html, "%zu cores, %" PRIu64 " switches", model->cpu_count,
			       model->switches);
	jem_html_close(html);
	if (!model->lost_events && !model->inferred && !model->gap_count)
		return;
	html_open(html, "p");
	html_class(html, "warn");
	if (model->gap_count)
		jem_html_text(html, "Hatched: no data. ");
	if (model->lost_events)
		jem_html_textf(html, "%" PRIu64 " events were lost. ", model->lost_events);
	if (model->inferred)
		jem_html_textf(html, "%" PRIu64 " changes are guessed, as events are missing.",
			       model->inferred);
	jem_html_close(html);
}

static int put_section(struct jem_html *html, enum jem_sched_graph graph,
		       const struct jem_sched_view *view)
{
	size_t slices = 0;
	int rc;

	html_open(html, "section");
	html_class(html, "trace");
	html_text_in(html, "h2", view->title);
	put_facts(html, view);
	html_open(html, "div");
	html_class(html, "plot");
	html_cell(html, "div", "busy", "Drawing");
	html_open(html, "canvas");
	html_attr(html, "hidden", "");
	html_attr(html, "tabindex", "0");
	html_attr(html, "role", "img");
	html_attr(html, "aria-label",
		  graph == JEM_SCHED_CORES
			  ? "What ran on which core when; arrow keys move, + and - zoom"
			  : "Running and runnable tasks; arrow keys move, + and - zoom");
	jem_html_close(html);
	html_open(html, "div");
	html_class(html, "tip");
	html_attr(html, "role", "status");
	html_attr(html, "hidden", "");
	jem_html_close(html);
	jem_html_close(html);
	html_open(html, "div");
	html_class(html, "tables");
	put_legend(html, view);
	put_marks(html, view);
	jem_html_close(html);
	rc = put_meta(html, graph, view);
	if (rc == 0)
		rc = put_data(html, view, &slices);
	jem_html_close(html);
	return rc;
}

static void put_button(struct jem_html *html, const char *id, const char *label, const char *text)
{
	html_open(html, "button");
	html_attr(html, "id", id);
	html_attr(html, "aria-label", label);
	jem_html_text(html, text);
	jem_html_close(html);
}

static void put_box(struct jem_html *html, const char *id, const char *text)
{
	html_open(html, "label");
	html_open(html, "input");
	html_attr(html, "type", "checkbox");
	html_attr(html, "id", id);
	jem_html_close(html);
	jem_html_text(html, text);
	jem_html_close(html);
}

static void put_choice(struct jem_html *html)
{
	static const char *const choices[][2] = {
		{ "pid", "thread" },
		{ "command", "command" },
		{ "parent", "parent" },
	};

	html_open(html, "label");
	jem_html_text(html, "Colours by");
	html_open(html, "select");
	html_attr(html, "id", "by");
	for (size_t i = 0; i < 3; i++) {
		html_open(html, "option");
		html_attr(html, "value", choices[i][0]);
		jem_html_text(html, choices[i][1]);
		jem_html_close(html);
	}
	jem_html_close(html);
	jem_html_close(html);
}

/* What there is to choose of the lines of cores. */
static void put_core_controls(struct jem_html *html, bool has_sockets)
{
	put_choice(html);
	if (has_sockets)
		put_box(html, "socket", "socket order");
	put_box(html, "waiting", "waiting");
	put_box(html, "arrows", "wake-ups");
	html_open(html, "input");
	html_attr(html, "type", "search");
	html_attr(html, "id", "words");
	html_attr(html, "placeholder", "command or PID");
	html_attr(html, "aria-label", "Find tasks by command or PID; Enter goes to the next");
	jem_html_close(html);
}

static void put_controls(struct jem_html *html, enum jem_sched_graph graph, bool has_sockets)
{
	html_open(html, "div");
	html_class(html, "controls");
	html_attr(html, "id", "controls");
	html_attr(html, "hidden", "");
	put_button(html, "in", "Zoom in", "+");
	put_button(html, "out", "Zoom out", "\u2212");
	put_button(html, "all", "Show the whole", "all");
	if (graph == JEM_SCHED_CORES)
		put_core_controls(html, has_sockets);
	html_open(html, "output");
	html_attr(html, "id", "found");
	jem_html_close(html);
	html_open(html, "output");
	html_attr(html, "id", "told");
	jem_html_close(html);
	jem_html_close(html);
	html_cell(
		html, "p", "hint",
		"Wheel or pinch zooms, dragging moves; with the keys: arrows, + and \u2212, 0 for "
		"the whole. Green: running, red: waiting for a core; dotted: number of cores.");
	html_open(html, "noscript");
	html_cell(html, "p", "warn",
		  "The graphs of this page are drawn by its script. Without script, draw them as "
		  "SVG, PNG or PDF (-o FILE.svg).");
	jem_html_close(html);
}

static void gather(struct jem_buf *style, struct jem_buf *script)
{
	const char *page;
	size_t len;

	jem_buf_init(style, 0);
	jem_buf_init(script, 0);
	page = jem_page_style(&len);
	jem_palette_css_page(style);
	jem_buf_add(style, page, len);
	jem_buf_add(style, jem_sched_css, (size_t)(jem_sched_css_end - jem_sched_css));
	jem_buf_add(script, jem_sched_data_js, (size_t)(jem_sched_data_js_end - jem_sched_data_js));
	jem_buf_add(script, jem_sched_page_js, (size_t)(jem_sched_page_js_end - jem_sched_page_js));
	jem_buf_add(script, jem_sched_use_js, (size_t)(jem_sched_use_js_end - jem_sched_use_js));
}

int jem_sched_page_make(const char *title, enum jem_sched_graph graph,
			const struct jem_sched_view *views, size_t count, struct jem_buf *page)
{
	struct jem_html_head head = { .title = title, .body_class = "sched", .icon_rgb = 0x0072b2 };
	struct jem_buf style;
	struct jem_buf script;
	struct jem_html html;
	bool has_sockets = false;
	size_t slices = 0;
	int rc = 0;

	for (size_t i = 0; i < count; i++)
		slices += jem_sched_pack_count(&views[i]);
	if (slices > JEM_PACK_SLICES_MAX)
		return -E2BIG;
	gather(&style, &script);
	head.style = jem_buf_cstr(&style);
	head.style_len = style.len;
	head.script = jem_buf_cstr(&script);
	head.script_len = script.len;
	for (size_t i = 0; i < count; i++)
		has_sockets = has_sockets || views[i].topology;
	jem_html_begin(&html, page, &head);
	html_open(&html, "main");
	html_text_in(&html, "h1", title);
	put_controls(&html, graph, has_sockets);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = put_section(&html, graph, &views[i]);
	if (rc == 0) {
		jem_html_close(&html);
		rc = jem_html_end(&html, &head);
	}
	jem_buf_deinit(&style);
	jem_buf_deinit(&script);
	return rc;
}
