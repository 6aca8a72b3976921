/* SPDX-License-Identifier: Apache-2.0 */
/* job_page: the page of one job. Its top is in job_top.c, its tables are in job_tables.c. */
#include "config.h"

#include "receiver/graph/axis.h"
#include "receiver/graph/job_graphs.h"
#include "receiver/page/file.h"
#include "receiver/page/job_sched.h"
#include "receiver/page/parts.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const struct jem_graph_view wide = { 900, 236, false };
static const struct jem_graph_view narrow = { 360, 226, false };

static void put_menu(struct jem_html *html, bool has_calls, bool has_sched)
{
	static const char *const sections[][2] = {
		{ "#alerts", "Alerts" },     { "#graphs", "Graphs" },
		{ "#calls", "Calls" },       { "#scheduling", "Scheduling" },
		{ "#log", "Last lines" },    { "#processes", "Processes" },
		{ "#delivery", "Delivery" }, { "#more", "Environment" },
		{ "#files", "Files" },
	};

	html_open(html, "nav");
	html_class(html, "menu");
	html_attr(html, "aria-label", "sections");
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		if (!has_calls && !strcmp(sections[i][0], "#calls"))
			continue;
		if (!has_sched && !strcmp(sections[i][0], "#scheduling"))
			continue;
		html_open(html, "a");
		html_attr(html, "href", sections[i][0]);
		jem_html_text(html, sections[i][1]);
		jem_html_close(html);
	}
	jem_html_close(html);
}

static void put_alert(struct jem_html *html, const struct jem_job_model *model,
		      const struct jem_model_alert *alert)
{
	char text[64];

	html_open(html, "li");
	html_open(html, "div");
	html_class(html, "when muted small");
	jem_part_clock(alert->t_ns, text, sizeof(text));
	html_text_in(html, "div", text);
	if (model->start_ns && alert->t_ns >= model->start_ns) {
		char after[48];

		jem_duration_format((double)(alert->t_ns - model->start_ns) * 1e-9, after,
				    sizeof(after));
		snprintf(text, sizeof(text), "at %s", after);
		html_text_in(html, "div", text);
	}
	jem_html_close(html);
	html_open(html, "div");
	html_open(html, "p");
	html_class(html, "what");
	jem_html_text_in(html, "span", jem_severity_class(alert->severity),
			 jem_severity_name(alert->severity));
	jem_html_text(html, " ");
	html_cell(html, "span", "any", alert->rule);
	jem_html_close(html);
	html_cell(html, "p", "any", alert->text);
	jem_html_close(html);
	jem_html_close(html);
}

static void put_alerts(struct jem_html *html, const struct jem_job_model *model)
{
	size_t kept = 0;

	html_open(html, "section");
	html_attr(html, "id", "alerts");
	html_text_in(html, "h2", "Alerts");
	while (jem_model_alert(model, kept))
		kept++;
	if (kept) {
		html_open(html, "ul");
		html_class(html, "alerts card");
		while (kept-- > 0)
			put_alert(html, model, jem_model_alert(model, kept));
		jem_html_close(html);
	} else {
		html_cell(html, "p", "muted", "No rule matched, no limit was crossed.");
	}
	if (model->alert_count > JEM_MODEL_ALERTS)
		html_cell(html, "p", "note", "Earlier alerts are in data/alert.jsonl.");
	if (model->degraded) {
		html_open(html, "p");
		html_class(html, "note warning");
		jem_html_textf(html, "The monitor says of itself: %s", model->degraded);
		jem_html_close(html);
	}
	jem_html_close(html);
}

static void put_drawing(struct jem_html *html, const struct jem_job_model *model, size_t node,
			int graph, const struct jem_graph_view *view)
{
	struct jem_canvas *canvas;

	html_open(html, "div");
	jem_html_attr(html, "class", view == &wide ? "plot wide" : "plot narrow");
	if (jem_html_canvas(html, &canvas) == 0) {
		if (graph < 0)
			jem_job_timeline_draw(canvas, model, view->width);
		else
			jem_job_graph_draw(canvas, model, node, (size_t)graph, view);
		if (jem_canvas_finish(canvas) < 0)
			html->is_broken = true;
		jem_canvas_destroy(canvas);
	}
	jem_html_close(html);
}

/* Drawn twice, for wide and for narrow screens: a picture made smaller cannot be read. */
static void put_figure(struct jem_html *html, const struct jem_job_model *model, size_t node,
		       int graph)
{
	html_open(html, "figure");
	html_class(html, "graph card");
	html_open(html, "figcaption");
	html_text_in(html, "h3", graph < 0 ? "Timeline" : jem_job_graph_title((size_t)graph));
	html_cell(html, "span", "muted small",
		  graph < 0 ? "States of the job, alerts, and lines that matched a rule."
			    : jem_job_graph_hint((size_t)graph));
	jem_html_close(html);
	put_drawing(html, model, node, graph, &wide);
	put_drawing(html, model, node, graph, &narrow);
	jem_html_close(html);
}

static void put_graphs(struct jem_html *html, const struct jem_job_model *model)
{
	html_open(html, "section");
	html_attr(html, "id", "graphs");
	html_text_in(html, "h2", "Graphs");
	if (model->phase_count || model->mark_count)
		put_figure(html, model, 0, -1);
	for (size_t node = 0; node < model->node_count; node++) {
		if (model->node_count > 1)
			html_cell(html, "h2", "any", model->nodes[node]->name);
		for (size_t i = 0; i < jem_job_graph_count(); i++)
			if (jem_job_graph_has_data(model, node, i))
				put_figure(html, model, node, (int)i);
	}
	if (!model->node_count)
		html_cell(html, "p", "muted", "No samples have come yet.");
	jem_html_close(html);
}

static void put_files(struct jem_html *html, int dirfd)
{
	static const char *const files[][2] = {
		{ "job.log", "job.log, everything in order of time" },
		{ "metrics.csv", "metrics.csv, all samples" },
		{ "graphs/graphs.pdf", "graphs.pdf, for printing" },
		{ "graphs", "graphs/, as SVG and PNG" },
		{ "data", "data/, records as JSON lines" },
		{ "streams.json", "streams.json, what arrived" },
		{ "prmon.txt", "prmon.txt" },
		{ "prmon.json", "prmon.json" },
		{ "calls.log", "calls.log, calls with values" },
		{ "profile.csv", "profile.csv, time per function" },
	};

	html_open(html, "section");
	html_attr(html, "id", "files");
	html_text_in(html, "h2", "Files");
	html_open(html, "ul");
	html_class(html, "files");
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		if (faccessat(dirfd, files[i][0], F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		html_open(html, "li");
		html_open(html, "a");
		jem_html_href(html, files[i][0]);
		jem_html_text(html, files[i][1]);
		jem_html_close(html);
		jem_html_close(html);
	}
	jem_html_close(html);
	jem_html_close(html);
}

static void put_footer(struct jem_html *html, const struct jem_page_options *options)
{
	char when[48];

	jem_part_time(options->now_ns, when, sizeof(when));
	html_open(html, "footer");
	jem_html_textf(html, "Written by jem %s at %s.", PACKAGE_VERSION, when);
	if (options->refresh_s)
		jem_html_textf(html, " The page renews itself every %u s while the job runs.",
			       options->refresh_s);
	jem_html_close(html);
}

int jem_job_page_make(const struct jem_job_model *model, const struct jem_page_options *options,
		      int dirfd, struct jem_buf *page)
{
	struct jem_standing standing = jem_standing_of(model->state, model->exit_code,
						       model->signal, model->monitor_ended);
	struct jem_paint paint = jem_paint(standing.colour);
	char title[JEM_TRUE_NAME_SIZE + 80];
	struct jem_html_head head = {
		.title = title,
		.refresh_s = options->refresh_s,
		.icon_rgb = jem_paint_rgb(&paint),
		.now = options->now_ns / 1000000000u,
	};
	struct jem_html html;
	struct jem_buf css;
	int rc;

	jem_buf_init(&css, 0);
	jem_part_assets(&head, &css, JEM_SCRIPT_JOB);
	snprintf(title, sizeof(title), "%s: %s", jem_model_job_name(model), standing.text);
	jem_html_begin(&html, page, &head);
	jem_job_top(&html, model, options, &standing);
	put_menu(&html, jem_job_has_calls(model), jem_job_sched_has_data(options->sched));
	html_open(&html, "main");
	put_alerts(&html, model);
	put_graphs(&html, model);
	jem_job_calls(&html, model);
	jem_job_scheduling(&html, options->sched);
	jem_job_lines(&html, model);
	jem_job_processes(&html, model);
	jem_job_delivery(&html, model);
	jem_job_folds(&html, model);
	put_files(&html, dirfd);
	jem_html_close(&html);
	put_footer(&html, options);
	rc = jem_html_end(&html, &head);
	jem_buf_deinit(&css);
	return rc;
}

int jem_page_write_job(const struct jem_job_model *model, const struct jem_page_options *options,
		       int dirfd)
{
	struct jem_buf page;
	int rc;

	jem_buf_init(&page, 0);
	rc = jem_job_page_make(model, options, dirfd, &page);
	if (!rc)
		rc = jem_file_replace(dirfd, "index.html", page.data, page.len);
	jem_buf_deinit(&page);
	return rc;
}
