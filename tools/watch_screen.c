/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/watch_screen.h"

#include "tools/summary.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	LABEL_WIDTH = 9,
	VALUE_WIDTH = 24,
	CURVE_MAX = 300,
	NARROW = 60, /* columns: curves and bars are left out below */
	ALERTS_SHOWN = 5,
};

static const char heading_style[] = "1";
static const char label_style[] = "36";
static const char faint_style[] = "2";

static const char *severity_style(enum jem_severity severity)
{
	return severity == JEM_SEVERITY_CRITICAL  ? "1;31"
	       : severity == JEM_SEVERITY_WARNING ? "33"
						  : "";
}

static const char *state_style(const struct jem_job_model *model)
{
	if (model->state == JEM_JOB_ENDED)
		return model->exit_code == 0 ? "1;32" : "1;31";
	return model->state == JEM_JOB_STOPPED ? "1;33" : "1;32";
}

static void format_clock(uint64_t t_ns, char *ret, size_t size)
{
	time_t t = (time_t)(t_ns / 1000000000);
	struct tm utc;

	if (!gmtime_r(&t, &utc) || !strftime(ret, size, "%H:%M:%S", &utc))
		snprintf(ret, size, "?");
}

static void draw_rule(struct jem_terminal *terminal, const char *title)
{
	if (*title)
		jem_terminal_putf(terminal, heading_style, "%s ", title);
	while (jem_terminal_columns_left(terminal))
		jem_terminal_put(terminal, faint_style, terminal->is_utf8 ? "─" : "-");
	jem_terminal_end_line(terminal);
}

static void draw_title(struct jem_terminal *terminal, const struct jem_job_model *model,
		       uint64_t now_ns)
{
	char wall[32];
	double wall_s = jem_summary_wall_s(model, now_ns);

	jem_terminal_put(terminal, heading_style, jem_model_job_name(model));
	if (*model->identity.names.user)
		jem_terminal_putf(terminal, "", " of %s at %s", model->identity.names.user,
				  model->identity.names.site);
	if (model->node_count == 1)
		jem_terminal_putf(terminal, "", " on %s", model->nodes[0]->name);
	else if (model->node_count > 1)
		jem_terminal_putf(terminal, "", " on %zu nodes", model->node_count);
	jem_terminal_end_line(terminal);
	jem_terminal_put(terminal, state_style(model),
			 model->state == JEM_JOB_ENDED && *model->state_text
				 ? model->state_text
				 : jem_job_state_name(model->state));
	if (wall_s >= 0) {
		jem_summary_duration(wall_s, wall, sizeof(wall));
		jem_terminal_putf(terminal, "", "%s%s",
				  model->state == JEM_JOB_ENDED ? " after " : " for ", wall);
	}
	if (model->state != JEM_JOB_ENDED && model->monitor_ended)
		jem_terminal_put(terminal, "33", ", its monitor has ended");
	if (*model->command)
		jem_terminal_putf(terminal, faint_style, "  %s", model->command);
	jem_terminal_end_line(terminal);
}

/* The last minutes of a curve summed over nodes, one value a column, the newest at the right. */
static size_t collect(const struct jem_job_model *model, enum jem_series_id id, double until_s,
		      size_t columns, double *values, double *top)
{
	size_t count = columns < CURVE_MAX ? columns : CURVE_MAX;
	struct jem_point *points = calloc(2 * CURVE_MAX, sizeof(*points));
	double step_s = 1;

	for (size_t i = 0; i < count; i++)
		values[i] = -1;
	*top = 0;
	for (size_t n = 0; points && n < model->node_count; n++) {
		const struct jem_series *series = &model->nodes[n]->series[id];
		size_t found;

		step_s = fmax(jem_series_interval_s(series), 1);
		found = jem_series_points(series, until_s - step_s * (double)count, until_s + 1,
					  points, 2 * CURVE_MAX);
		for (size_t i = 0; i < found; i++) {
			double back = (until_s - points[i].t_s) / step_s;
			size_t at;

			if (back >= (double)count || points[i].t_s > until_s + step_s)
				continue;
			at = count - 1 - (back > 0 ? (size_t)back : 0);
			values[at] = fmax(values[at], 0) + points[i].max;
			*top = fmax(*top, values[at]);
		}
	}
	free(points);
	return count;
}

static void draw_curve(struct jem_terminal *terminal, const struct jem_job_model *model,
		       const char *label, const char *value, enum jem_series_id id, double top)
{
	double values[CURVE_MAX];
	double highest;
	size_t count;

	jem_terminal_put(terminal, label_style, label);
	jem_terminal_to(terminal, LABEL_WIDTH);
	jem_terminal_put(terminal, "", value);
	if (terminal->columns >= NARROW) {
		jem_terminal_to(terminal, LABEL_WIDTH + VALUE_WIDTH);
		count = collect(model, id, (double)model->last_ns * 1e-9,
				jem_terminal_columns_left(terminal), values, &highest);
		jem_terminal_curve(terminal, "32", values, count, fmax(highest, top));
	}
	jem_terminal_end_line(terminal);
}

static void format_value(enum jem_unit unit, double value, char *ret, size_t size)
{
	if (value >= 0)
		jem_summary_format(unit, value, ret, size);
	else
		snprintf(ret, size, "-");
}

static void draw_cpu(struct jem_terminal *terminal, const struct jem_job_model *model)
{
	double processors = jem_model_total(model, JEM_SCOPE_NODE, "cpu_count");
	char cores[32];
	char value[64];

	if (model->state == JEM_JOB_ENDED) {
		jem_summary_duration(fmax(model->cpu_user_s, 0) + fmax(model->cpu_system_s, 0),
				     cores, sizeof(cores));
		snprintf(value, sizeof(value), "%s in all", cores);
		draw_curve(terminal, model, "cpu", value, JEM_SERIES_job_cpu, 1);
		return;
	}
	format_value(JEM_UNIT_cores, jem_model_total(model, JEM_SCOPE_JOB, "cpu_cores"), cores,
		     sizeof(cores));
	if (processors > 0)
		snprintf(value, sizeof(value), "%s of %.0f", cores, processors);
	else
		snprintf(value, sizeof(value), "%s", cores);
	draw_curve(terminal, model, "cpu", value, JEM_SERIES_job_cpu, 1);
}

static void draw_memory(struct jem_terminal *terminal, const struct jem_job_model *model)
{
	double rss = jem_model_total(model, JEM_SCOPE_JOB, "rss_bytes");
	double peak = model->peak_rss_bytes;
	double limit = model->memory_limit_bytes;
	char text[32];
	char value[80];
	unsigned width;

	if (peak < 0)
		peak = jem_model_total(model, JEM_SCOPE_JOB, "peak_rss_bytes");
	if (limit < 0)
		limit = jem_model_total(model, JEM_SCOPE_JOB, "memory_limit_bytes");
	format_value(JEM_UNIT_bytes, model->state == JEM_JOB_ENDED ? -1 : rss, value,
		     sizeof(value));
	draw_curve(terminal, model, "memory", value, JEM_SERIES_job_rss, 0);
	jem_terminal_to(terminal, LABEL_WIDTH);
	format_value(JEM_UNIT_bytes, peak, text, sizeof(text));
	jem_terminal_putf(terminal, "", "peak %s", text);
	if (limit > 0) {
		double part = fmax(rss, peak) / limit;

		format_value(JEM_UNIT_bytes, limit, text, sizeof(text));
		if (terminal->columns >= NARROW) {
			jem_terminal_to(terminal, LABEL_WIDTH + VALUE_WIDTH);
			width = terminal->columns - LABEL_WIDTH - VALUE_WIDTH;
			width = width > 34 ? width - 24 : 10;
			jem_terminal_put(terminal, faint_style, "[");
			jem_terminal_bar(terminal, part > 0.9 ? "1;31" : "32", part, width);
			jem_terminal_put(terminal, faint_style, "]");
		}
		jem_terminal_putf(terminal, "", " %.0f %% of %s", 100 * part, text);
	}
	jem_terminal_end_line(terminal);
}

/* Bytes a second while it runs, all bytes once it has ended. */
static void draw_rate(struct jem_terminal *terminal, const struct jem_job_model *model,
		      const char *label, const char *rate, const char *total, enum jem_series_id id)
{
	char value[64];

	if (model->state == JEM_JOB_ENDED)
		format_value(JEM_UNIT_bytes, jem_model_total(model, JEM_SCOPE_JOB, total), value,
			     sizeof(value));
	else
		format_value(JEM_UNIT_bytes_per_s, jem_model_total(model, JEM_SCOPE_JOB, rate),
			     value, sizeof(value));
	draw_curve(terminal, model, label, value, id, 0);
}

static void put_fact(struct jem_terminal *terminal, const char *name, enum jem_unit unit,
		     double value)
{
	char text[32];

	if (!(value >= 0))
		return;
	jem_summary_format(unit, value, text, sizeof(text));
	jem_terminal_putf(terminal, label_style, "%s ", name);
	jem_terminal_putf(terminal, "", "%s  ", text);
}

/* The latest point of a curve, over all nodes the highest. */
static double latest(const struct jem_job_model *model, enum jem_series_id id)
{
	double now_s = (double)model->last_ns * 1e-9;
	double highest = -1;

	for (size_t n = 0; n < model->node_count; n++) {
		struct jem_point points[8];
		size_t found = jem_series_points(&model->nodes[n]->series[id], now_s - 5, now_s + 1,
						 points, 8);

		if (found)
			highest = fmax(highest, points[found - 1].last);
	}
	return highest;
}

static void draw_facts(struct jem_terminal *terminal, const struct jem_job_model *model)
{
	const enum jem_scope job = JEM_SCOPE_JOB;
	const enum jem_scope node = JEM_SCOPE_NODE;

	put_fact(terminal, "processes", JEM_UNIT_count, jem_model_total(model, job, "processes"));
	put_fact(terminal, "threads", JEM_UNIT_count, jem_model_total(model, job, "threads"));
	put_fact(terminal, "load", JEM_UNIT_load, jem_model_total(model, node, "load1"));
	put_fact(terminal, "free", JEM_UNIT_bytes, jem_model_total(model, node, "work_free_bytes"));
	put_fact(terminal, "waits: cpu", JEM_UNIT_part, latest(model, JEM_SERIES_psi_cpu));
	put_fact(terminal, "io", JEM_UNIT_part, latest(model, JEM_SERIES_psi_io));
	jem_terminal_end_line(terminal);
}

static void draw_calls(struct jem_terminal *terminal, const struct jem_job_model *model,
		       uint64_t now_ns)
{
	struct jem_buf buf;

	if (!jem_model_has_calls(model))
		return;
	jem_buf_init(&buf, 0);
	jem_summary_calls(model, now_ns, &buf);
	jem_terminal_put(terminal, label_style, "calls");
	jem_terminal_to(terminal, LABEL_WIDTH);
	jem_terminal_put(terminal, "", jem_buf_cstr(&buf));
	jem_terminal_end_line(terminal);
	jem_buf_deinit(&buf);
}

static void draw_alerts(struct jem_terminal *terminal, const struct jem_job_model *model)
{
	const struct jem_model_alert *alert;
	size_t kept = 0;
	size_t room = jem_terminal_rows_left(terminal) / 3;

	while (jem_model_alert(model, kept))
		kept++;
	if (!kept)
		return;
	draw_rule(terminal, "alerts");
	if (room > ALERTS_SHOWN)
		room = ALERTS_SHOWN;
	for (size_t i = kept > room ? kept - room : 0; (alert = jem_model_alert(model, i)); i++) {
		const char *style = severity_style(alert->severity);
		char clock[16];

		format_clock(alert->t_ns, clock, sizeof(clock));
		jem_terminal_putf(terminal, faint_style, "%s ", clock);
		jem_terminal_putf(terminal, style, "%s: ", alert->rule ? alert->rule : "");
		jem_terminal_put(terminal, style, alert->text ? alert->text : "");
		jem_terminal_end_line(terminal);
	}
}

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash && slash[1] ? slash + 1 : path ? path : "";
}

static void draw_line(struct jem_terminal *terminal, const struct jem_model_line *line)
{
	const char *style = "";
	char clock[16];

	if (line->level && (!strcmp(line->level, "error") || !strcmp(line->level, "fatal")))
		style = "1;31";
	else if (line->level && !strcmp(line->level, "warning"))
		style = "33";
	format_clock(line->t_ns, clock, sizeof(clock));
	jem_terminal_putf(terminal, faint_style, "%s ", clock);
	jem_terminal_putf(terminal, label_style, "%s: ", base_name(line->file));
	jem_terminal_put(terminal, style, line->text ? line->text : "");
	jem_terminal_end_line(terminal);
}

/* The last lines, down to the foot. */
static void draw_lines(struct jem_terminal *terminal, const struct jem_job_model *model)
{
	size_t kept = 0;
	size_t room;

	draw_rule(terminal, "log");
	while (jem_model_line(model, kept))
		kept++;
	room = jem_terminal_rows_left(terminal);
	room = room > 1 ? room - 1 : 0;
	for (size_t i = kept > room ? kept - room : 0; i < kept; i++)
		draw_line(terminal, jem_model_line(model, i));
}

static void draw_foot(struct jem_terminal *terminal, const struct jem_watch_foot *foot,
		      uint64_t now_ns)
{
	char clock[16];

	while (jem_terminal_rows_left(terminal) > 1)
		jem_terminal_end_line(terminal);
	format_clock(now_ns, clock, sizeof(clock));
	jem_terminal_putf(terminal, "7", " %s UTC  %s%s  q: quit ", clock,
			  foot->is_live ? "" : "recorded, ", foot->source);
	jem_terminal_end_line(terminal);
}

void jem_watch_draw_job(struct jem_terminal *terminal, const struct jem_job_model *model,
			const struct jem_watch_foot *foot, uint64_t now_ns)
{
	jem_terminal_begin(terminal);
	draw_title(terminal, model, now_ns);
	if (terminal->rows >= 16)
		draw_rule(terminal, "");
	draw_cpu(terminal, model);
	draw_memory(terminal, model);
	if (terminal->rows >= 12) {
		draw_rate(terminal, model, "read", "rchar_bytes_per_s", "rchar_bytes",
			  JEM_SERIES_job_rchar);
		draw_rate(terminal, model, "written", "wchar_bytes_per_s", "wchar_bytes",
			  JEM_SERIES_job_wchar);
		draw_facts(terminal, model);
	}
	draw_calls(terminal, model, now_ns);
	draw_alerts(terminal, model);
	draw_lines(terminal, model);
	draw_foot(terminal, foot, now_ns);
	jem_terminal_show(terminal);
}

static void draw_job_row(struct jem_terminal *terminal, const struct jem_job_model *model,
			 uint64_t now_ns)
{
	double wall_s = jem_summary_wall_s(model, now_ns);
	char text[32];
	unsigned name_width = terminal->columns > 100 ? 48 : terminal->columns / 3;

	jem_terminal_putf(terminal, "", "%.*s", (int)name_width - 1, jem_model_job_name(model));
	jem_terminal_to(terminal, name_width);
	jem_terminal_putf(terminal, state_style(model), "%-9s", jem_job_state_name(model->state));
	jem_summary_duration(wall_s >= 0 ? wall_s : 0, text, sizeof(text));
	jem_terminal_putf(terminal, "", "%12s ", text);
	format_value(JEM_UNIT_cores, jem_model_total(model, JEM_SCOPE_JOB, "cpu_cores"), text,
		     sizeof(text));
	jem_terminal_putf(terminal, "", "%11s ", text);
	format_value(JEM_UNIT_bytes, jem_model_total(model, JEM_SCOPE_JOB, "rss_bytes"), text,
		     sizeof(text));
	jem_terminal_putf(terminal, "", "%9s ", text);
	if (model->alert_count)
		jem_terminal_putf(terminal, severity_style(jem_model_worst(model)),
				  "%" PRIu64 " alerts", model->alert_count);
	jem_terminal_end_line(terminal);
}

void jem_watch_draw_jobs(struct jem_terminal *terminal, struct jem_job_model *const *models,
			 size_t count, uint64_t hidden, const struct jem_watch_foot *foot,
			 uint64_t now_ns)
{
	jem_terminal_begin(terminal);
	jem_terminal_putf(terminal, heading_style, "%zu jobs", count + (size_t)hidden);
	jem_terminal_end_line(terminal);
	draw_rule(terminal, "");
	for (size_t i = 0; i < count && jem_terminal_rows_left(terminal) > 2; i++)
		draw_job_row(terminal, models[i], now_ns);
	if (hidden)
		jem_terminal_putf(terminal, faint_style, "and %" PRIu64 " more", hidden);
	jem_terminal_end_line(terminal);
	draw_foot(terminal, foot, now_ns);
	jem_terminal_show(terminal);
}
