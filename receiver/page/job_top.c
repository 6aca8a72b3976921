/* SPDX-License-Identifier: Apache-2.0 */
/* job_top: the top of a job's page: what it is, how it stands, where it is now, its numbers. */
#include "receiver/graph/axis.h"
#include "receiver/page/parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* The numbers of a job, from the last record where it has ended, else from the latest samples. */
struct facts {
	double wall_s; /* -1: not known; the same for all */
	double cpu_user_s;
	double cpu_system_s;
	double processors;
	double peak_bytes;
	double limit_bytes;
	double read_bytes;
	double write_bytes;
	double rchar_bytes;
	double wchar_bytes;
};

/* The sum over nodes of what was highest on each. */
static double highest(const struct jem_job_model *model, const char *name)
{
	double total = -1;

	for (size_t i = 0; i < model->node_count; i++) {
		const struct jem_model_metric *metric =
			jem_model_metric(model->nodes[i], JEM_SCOPE_JOB, name);

		if (metric)
			total = fmax(total, 0) + metric->max;
	}
	return total;
}

static double known(double first, double second)
{
	return first >= 0 ? first : second;
}

static struct facts get_facts(const struct jem_job_model *model)
{
	const enum jem_scope job = JEM_SCOPE_JOB;
	uint64_t until = model->end_ns ? model->end_ns : model->last_ns;
	double so_far = model->start_ns && until > model->start_ns
				? (double)(until - model->start_ns) * 1e-9
				: -1;

	return (struct facts){
		.wall_s = known(model->wall_s, so_far),
		.cpu_user_s = known(model->cpu_user_s, jem_model_total(model, job, "cpu_user_s")),
		.cpu_system_s =
			known(model->cpu_system_s, jem_model_total(model, job, "cpu_system_s")),
		.processors = jem_model_total(model, JEM_SCOPE_NODE, "cpu_count"),
		.peak_bytes = fmax(model->peak_rss_bytes, fmax(highest(model, "rss_bytes"),
							       highest(model, "peak_rss_bytes"))),
		.limit_bytes = known(model->memory_limit_bytes,
				     jem_model_total(model, job, "memory_limit_bytes")),
		.read_bytes = jem_model_total(model, job, "read_bytes"),
		.write_bytes = jem_model_total(model, job, "write_bytes"),
		.rchar_bytes = jem_model_total(model, job, "rchar_bytes"),
		.wchar_bytes = jem_model_total(model, job, "wchar_bytes"),
	};
}

static void put_crumbs(struct jem_html *html, const struct jem_job_model *model,
		       const struct jem_page_options *options)
{
	const struct jem_identity *identity = &model->identity;

	html_open(html, "nav");
	html_class(html, "crumbs");
	html_attr(html, "aria-label", "where this job belongs");
	if (options->index) {
		html_open(html, "a");
		jem_html_href(html, options->index);
		jem_html_text(html, "all jobs");
		jem_html_close(html);
	}
	html_cell(html, "span", "any",
		  *identity->true_site ? identity->true_site : identity->names.site);
	html_cell(html, "span", "any",
		  *identity->true_user ? identity->true_user : identity->names.user);
	jem_html_close(html);
}

/* The process that used most in the last half minute. */
static const struct jem_model_process *busiest(const struct jem_job_model *model)
{
	const struct jem_model_process *best = NULL;

	for (size_t i = 0; i < model->node_count; i++)
		for (size_t k = 0; k < model->nodes[i]->process_count; k++) {
			const struct jem_model_process *process = &model->nodes[i]->processes[k];

			if (process->last_ns + 30000000000u > model->last_ns &&
			    process->cores > 0.01 && (!best || process->cores > best->cores))
				best = process;
		}
	return best;
}

static void put_last_line(struct jem_html *html, const struct jem_job_model *model, uint64_t now_ns)
{
	const struct jem_model_line *line = NULL;
	uint64_t ago_s;
	char ago[48];

	for (size_t i = 0; jem_model_line(model, i); i++)
		line = jem_model_line(model, i);
	if (!line)
		return;
	ago_s = now_ns > line->t_ns ? (now_ns - line->t_ns) / 1000000000u : 0;
	if (ago_s < 60)
		snprintf(ago, sizeof(ago), "%" PRIu64 "\u202fs", ago_s);
	else
		jem_duration_format((double)ago_s, ago, sizeof(ago));
	jem_html_textf(html, " Last line, %s ago in ", ago);
	html_cell(html, "code", "any", line->file);
	jem_html_text(html, ": ");
	html_cell(html, "q", "any", line->text);
}

static void put_end(struct jem_html *html, const struct jem_job_model *model,
		    const struct facts *facts)
{
	char wall[48];

	jem_html_textf(html, "The job %s",
		       model->state_text && *model->state_text ? model->state_text : "ended");
	if (facts->wall_s >= 0) {
		jem_duration_format(facts->wall_s, wall, sizeof(wall));
		jem_html_textf(html, " after %s", wall);
	}
	jem_html_text(html, ".");
	if (!model->last_error.text || (model->exit_code == 0 && model->signal <= 0))
		return;
	jem_html_text(html, " Last error, in ");
	html_cell(html, "code", "any", model->last_error.file);
	jem_html_text(html, ": ");
	html_cell(html, "q", "any critical", model->last_error.text);
}

static void put_progress(struct jem_html *html, const struct jem_job_model *model,
			 const struct facts *facts, uint64_t now_ns)
{
	const struct jem_model_process *process = busiest(model);
	double cores = jem_model_total(model, JEM_SCOPE_JOB, "cpu_cores");
	double rss = jem_model_total(model, JEM_SCOPE_JOB, "rss_bytes");
	char text[48];

	jem_duration_format(facts->wall_s, text, sizeof(text));
	jem_html_textf(html,
		       model->state == JEM_JOB_STOPPED ? "Stopped, %s after its start."
						       : "Running for %s.",
		       text);
	if (rss >= 0) {
		jem_unit_format(JEM_UNIT_bytes, rss, text, sizeof(text));
		jem_html_textf(html, " It uses %s of memory", text);
		if (cores >= 0)
			jem_html_textf(html, " and %.2f cores", cores);
		if (process) {
			jem_html_text(html, ", most of them ");
			html_cell(html, "code", "any", process->comm);
			jem_html_textf(html, " (process %" PRId64 ")", process->pid);
		}
		jem_html_text(html, ".");
	}
	put_last_line(html, model, now_ns);
}

/* Where it is now, in words. */
static void put_now(struct jem_html *html, const struct jem_job_model *model,
		    const struct facts *facts, uint64_t now_ns)
{
	html_open(html, "p");
	html_class(html, "now");
	html_attr(html, "id", "now");
	switch (model->state) {
	case JEM_JOB_ENDED:
		put_end(html, model, facts);
		break;
	case JEM_JOB_RUNNING:
	case JEM_JOB_STOPPED:
		put_progress(html, model, facts, now_ns);
		break;
	case JEM_JOB_STARTING:
		jem_html_text(html, "The monitor is ready, the job is about to start.");
		break;
	case JEM_JOB_UNKNOWN:
		jem_html_text(html, "No record of the job's state has come yet.");
	}
	jem_html_close(html);
}

static void put_tile(struct jem_html *html, const char *name, const char *value, const char *sub)
{
	html_open(html, "div");
	html_text_in(html, "dt", name);
	html_text_in(html, "dd", value);
	html_cell(html, "dd", "sub", sub);
	jem_html_close(html);
}

/* How much of the limit was used, as a bar. */
static void put_bar(struct jem_html *html, double part)
{
	struct jem_paint ground = jem_paint(JEM_COLOUR_rule);
	struct jem_paint bar = jem_paint(part > 0.95  ? JEM_COLOUR_critical
					 : part > 0.8 ? JEM_COLOUR_warning
						      : JEM_COLOUR_C1);
	struct jem_canvas *canvas;

	html_open(html, "dd");
	if (jem_html_canvas(html, &canvas) == 0) {
		jem_canvas_page(canvas, 150, 6, "Part of the memory limit", "");
		jem_canvas_rect(canvas, 0, 0, 150, 6, &ground);
		jem_canvas_rect(canvas, 0, 0, 150 * fmin(part, 1), 6, &bar);
		jem_canvas_finish(canvas);
		jem_canvas_destroy(canvas);
	}
	jem_html_close(html);
}

static void put_memory_tile(struct jem_html *html, const struct facts *facts)
{
	char peak[48] = "\u2013";
	char limit[48];

	html_open(html, "div");
	html_text_in(html, "dt", "Peak memory");
	if (facts->peak_bytes >= 0)
		jem_unit_format(JEM_UNIT_bytes, facts->peak_bytes, peak, sizeof(peak));
	html_text_in(html, "dd", peak);
	if (facts->peak_bytes >= 0 && facts->limit_bytes > 0) {
		put_bar(html, facts->peak_bytes / facts->limit_bytes);
		jem_unit_format(JEM_UNIT_bytes, facts->limit_bytes, limit, sizeof(limit));
		html_open(html, "dd");
		html_class(html, "sub");
		jem_html_textf(html, "%.0f\u202f%% of the limit, %s",
			       100 * facts->peak_bytes / facts->limit_bytes, limit);
		jem_html_close(html);
	} else {
		html_cell(html, "dd", "sub", "no limit known");
	}
	jem_html_close(html);
}

static void put_time_tiles(struct jem_html *html, const struct jem_job_model *model,
			   const struct facts *facts)
{
	bool has_cpu = facts->cpu_user_s >= 0 && facts->cpu_system_s >= 0;
	double cpu_s = facts->cpu_user_s + facts->cpu_system_s;
	char value[48] = "\u2013";
	char user[48];
	char system[48];
	char sub[120] = "";

	if (facts->wall_s >= 0)
		jem_duration_format(facts->wall_s, value, sizeof(value));
	if (model->start_ns) {
		jem_part_time(model->start_ns, user, sizeof(user));
		snprintf(sub, sizeof(sub), "from %s", user);
	}
	put_tile(html, "Wall time", value, sub);
	snprintf(value, sizeof(value), "\u2013");
	*sub = '\0';
	if (has_cpu) {
		jem_duration_format(cpu_s, value, sizeof(value));
		jem_duration_format(facts->cpu_user_s, user, sizeof(user));
		jem_duration_format(facts->cpu_system_s, system, sizeof(system));
		snprintf(sub, sizeof(sub), "%s user, %s system", user, system);
	}
	put_tile(html, "Processor time", value, sub);
	snprintf(value, sizeof(value), "\u2013");
	*sub = '\0';
	if (has_cpu && facts->wall_s > 0) {
		double cores = cpu_s / facts->wall_s;

		snprintf(value, sizeof(value), "%.2f cores", cores);
		if (facts->processors > 0)
			snprintf(sub, sizeof(sub), "on average, %.0f\u202f%% of %.0f processors",
				 100 * cores / facts->processors, facts->processors);
	}
	put_tile(html, "Efficiency", value, sub);
}

static void put_io_tile(struct jem_html *html, const char *name, double calls, double storage,
			const char *direction)
{
	char amount[48];
	char value[48] = "\u2013";
	char sub[96] = "";

	if (calls >= 0)
		jem_unit_format(JEM_UNIT_bytes, calls, value, sizeof(value));
	if (storage >= 0) {
		jem_unit_format(JEM_UNIT_bytes, storage, amount, sizeof(amount));
		snprintf(sub, sizeof(sub), "%s %s storage", amount, direction);
	}
	put_tile(html, name, value, sub);
}

static void put_data_tile(struct jem_html *html, const struct jem_job_model *model)
{
	uint64_t lost = jem_model_lost_records(model);
	uint64_t limited = jem_model_limited_records(model);
	char number[32];
	char counted[32];
	char value[64];
	char sub[128];

	jem_part_count(lost, number, sizeof(number));
	snprintf(value, sizeof(value), "%s%s", lost ? number : "complete", lost ? " lost" : "");
	jem_part_count(model->records, number, sizeof(number));
	jem_part_count(limited, counted, sizeof(counted));
	snprintf(sub, sizeof(sub), "%s records received%s%s%s", number, limited ? "; " : "",
		 limited ? counted : "", limited ? " over a limit only counted" : "");
	put_tile(html, "Data", value, sub);
}

static void put_alert_tile(struct jem_html *html, const struct jem_job_model *model)
{
	char number[32];
	char sub[96];

	jem_part_count(model->alert_count, number, sizeof(number));
	snprintf(sub, sizeof(sub), "%" PRIu64 " critical; %" PRIu64 " error line%s in logs",
		 model->alerts_by_severity[JEM_SEVERITY_CRITICAL], model->error_lines,
		 model->error_lines == 1 ? "" : "s");
	put_tile(html, "Alerts", number, sub);
}

void jem_job_top(struct jem_html *html, const struct jem_job_model *model,
		 const struct jem_page_options *options, const struct jem_standing *standing)
{
	struct facts facts = get_facts(model);

	html_open(html, "header");
	put_crumbs(html, model, options);
	html_open(html, "div");
	html_class(html, "headline");
	html_cell(html, "h1", "any", jem_model_job_name(model));
	jem_part_badge(html, standing, false);
	jem_html_close(html);
	if (model->command) {
		html_open(html, "p");
		html_class(html, "command");
		html_cell(html, "code", "any", model->command);
		jem_html_close(html);
	}
	if (model->folder) {
		html_open(html, "p");
		html_class(html, "muted small any");
		jem_html_text(html, "in ");
		html_text_in(html, "code", model->folder);
		jem_html_close(html);
	}
	put_now(html, model, &facts, options->now_ns);
	html_open(html, "dl");
	html_class(html, "tiles");
	put_time_tiles(html, model, &facts);
	put_memory_tile(html, &facts);
	put_io_tile(html, "Read", facts.rchar_bytes, facts.read_bytes, "from");
	put_io_tile(html, "Written", facts.wchar_bytes, facts.write_bytes, "to");
	put_alert_tile(html, model);
	put_data_tile(html, model);
	jem_html_close(html);
	html_open(html, "p");
	html_class(html, "banner");
	html_attr(html, "id", "age");
	html_attr(html, "role", "status");
	html_attr(html, "hidden", "");
	jem_html_close(html);
	jem_html_close(html);
}
