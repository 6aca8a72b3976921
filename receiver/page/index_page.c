/* SPDX-License-Identifier: Apache-2.0 */
/* index_page: the page of all jobs. */
#include "config.h"

#include "common/cleanup.h"
#include "receiver/graph/axis.h"
#include "receiver/page/file.h"
#include "receiver/page/parts.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

static const struct {
	const char *group;
	const char *text;
} groups[] = {
	{ "running", "running" },
	{ "good", "ended well" },
	{ "failed", "failed" },
	{ "other", "not known" },
};

enum {
	GROUP_COUNT = sizeof(groups) / sizeof(*groups)
};

void jem_index_entry_of(const struct jem_job_model *model, const char *href,
			struct jem_index_entry *ret)
{
	const struct jem_identity *identity = &model->identity;
	double user_s = model->cpu_user_s >= 0
				? model->cpu_user_s
				: jem_model_total(model, JEM_SCOPE_JOB, "cpu_user_s");
	double system_s = model->cpu_system_s >= 0
				  ? model->cpu_system_s
				  : jem_model_total(model, JEM_SCOPE_JOB, "cpu_system_s");
	uint64_t until = model->end_ns ? model->end_ns : model->last_ns;

	*ret = (struct jem_index_entry){
		.href = href,
		.site = *identity->true_site ? identity->true_site : identity->names.site,
		.user = *identity->true_user ? identity->true_user : identity->names.user,
		.job = jem_model_job_name(model),
		.node = *identity->true_node ? identity->true_node : identity->names.node,
		.command = model->command ? model->command : "",
		.state = model->state,
		.exit_code = model->exit_code,
		.signal = model->signal,
		.monitor_ended = model->monitor_ended,
		.start_ns = model->start_ns,
		.end_ns = model->end_ns,
		.last_ns = model->last_ns,
		.wall_s = model->wall_s,
		.cpu_s = user_s >= 0 && system_s >= 0 ? user_s + system_s : -1,
		.peak_rss_bytes = model->peak_rss_bytes,
		.memory_limit_bytes = model->memory_limit_bytes,
		.worst = jem_model_worst(model),
		.alerts = model->alert_count,
		.lost_records = jem_model_lost_records(model),
	};
	if (ret->wall_s < 0 && model->start_ns && until > model->start_ns)
		ret->wall_s = (double)(until - model->start_ns) * 1e-9;
	if (ret->memory_limit_bytes < 0)
		ret->memory_limit_bytes =
			jem_model_total(model, JEM_SCOPE_JOB, "memory_limit_bytes");
	if (ret->peak_rss_bytes < 0)
		ret->peak_rss_bytes = jem_model_total(model, JEM_SCOPE_JOB, "peak_rss_bytes");
}

/* A cell that sorts by a number that it does not show as such. */
static void put_value(struct jem_html *html, const char *class, const char *label, double value,
		      const char *text)
{
	char number[32];

	snprintf(number, sizeof(number), "%.9g", value);
	html_open(html, "td");
	html_attr(html, "class", class);
	html_attr(html, "data-v", number);
	html_attr(html, "data-label", label); /* narrow screens have no head */
	jem_html_text(html, text);
	jem_html_close(html);
}

static void put_job(struct jem_html *html, const struct jem_index_entry *entry)
{
	html_open(html, "td");
	html_class(html, "job");
	html_open(html, "a");
	/* The folder itself would show a listing where no server adds the name of the page. */
	jem_html_href(html, entry->href);
	jem_html_text(html, entry->job);
	jem_html_close(html);
	if (*entry->command)
		html_cell(html, "code", "command any", entry->command);
	jem_html_close(html);
}

static void put_numbers(struct jem_html *html, const struct jem_index_entry *entry)
{
	char text[64];

	if (entry->start_ns)
		jem_part_minute(entry->start_ns, text, sizeof(text));
	put_value(html, "t", "", (double)(entry->start_ns / 1000000),
		  entry->start_ns ? text : "\u2013");
	jem_duration_format(entry->wall_s, text, sizeof(text));
	put_value(html, "n", "ran", entry->wall_s, entry->wall_s >= 0 ? text : "\u2013");
	snprintf(text, sizeof(text), "%.2f", entry->cpu_s / entry->wall_s);
	put_value(html, "n minor", "", entry->wall_s > 0 ? entry->cpu_s / entry->wall_s : -1,
		  entry->wall_s > 0 && entry->cpu_s >= 0 ? text : "\u2013");
	jem_unit_format(JEM_UNIT_bytes, entry->peak_rss_bytes, text, sizeof(text));
	if (entry->memory_limit_bytes > 0) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof(text) - len, " (%.0f\u202f%%)",
			 100 * entry->peak_rss_bytes / entry->memory_limit_bytes);
	}
	put_value(html, "n minor", "", entry->peak_rss_bytes,
		  entry->peak_rss_bytes >= 0 ? text : "\u2013");
	snprintf(text, sizeof(text), "n %s", jem_severity_class(entry->worst));
	html_open(html, "td");
	html_attr(html, "class", entry->alerts ? text : "n minor");
	html_attr(html, "data-label", "alerts");
	jem_html_textf(html, "%" PRIu64, entry->alerts);
	jem_html_close(html);
	html_open(html, "td");
	html_attr(html, "class", entry->lost_records ? "n minor warning" : "n minor");
	jem_html_textf(html, "%" PRIu64, entry->lost_records);
	jem_html_close(html);
}

static void put_entry(struct jem_html *html, const struct jem_index_entry *entry)
{
	struct jem_standing standing = jem_standing_of(entry->state, entry->exit_code,
						       entry->signal, entry->monitor_ended);

	html_open(html, "tr");
	html_attr(html, "data-state", standing.group);
	html_open(html, "td");
	jem_part_badge(html, &standing, true);
	jem_html_close(html);
	put_job(html, entry);
	html_open(html, "td");
	html_class(html, "minor");
	html_text_in(html, "div", entry->user);
	html_cell(html, "div", "muted small", entry->site);
	jem_html_close(html);
	html_cell(html, "td", "minor", entry->node);
	put_numbers(html, entry);
	jem_html_close(html);
}

static int newest_first(const void *a, const void *b)
{
	const struct jem_index_entry *left = *(const struct jem_index_entry *const *)a;
	const struct jem_index_entry *right = *(const struct jem_index_entry *const *)b;

	if (left->start_ns != right->start_ns)
		return left->start_ns > right->start_ns ? -1 : 1;
	return strcmp(left->href, right->href);
}

static void put_counts(struct jem_html *html, const struct jem_index_entry *entries, size_t count)
{
	size_t counts[GROUP_COUNT] = { 0 };

	for (size_t i = 0; i < count; i++) {
		struct jem_standing standing =
			jem_standing_of(entries[i].state, entries[i].exit_code, entries[i].signal,
					entries[i].monitor_ended);

		for (size_t k = 0; k < GROUP_COUNT; k++)
			counts[k] += !strcmp(standing.group, groups[k].group);
	}
	html_open(html, "p");
	html_class(html, "counts muted");
	for (size_t k = 0; k < GROUP_COUNT; k++) {
		if (!counts[k])
			continue;
		html_open(html, "span");
		jem_html_textf(html, "%zu %s", counts[k], groups[k].text);
		jem_html_close(html);
	}
	jem_html_close(html);
}

static void put_tools(struct jem_html *html)
{
	html_open(html, "div");
	html_class(html, "tools noprint");
	html_attr(html, "id", "tools");
	html_attr(html, "hidden", ""); /* the script shows what needs it */
	html_open(html, "input");
	html_attr(html, "type", "search");
	html_attr(html, "id", "search");
	html_attr(html, "placeholder", "search jobs, users, nodes, commands");
	html_attr(html, "aria-label", "search jobs");
	jem_html_close(html);
	for (size_t k = 0; k < 1 + GROUP_COUNT; k++) {
		html_open(html, "button");
		html_attr(html, "type", "button");
		html_attr(html, "data-state", k ? groups[k - 1].group : "");
		jem_html_text(html, k ? groups[k - 1].text : "all");
		jem_html_close(html);
	}
	html_open(html, "span");
	html_class(html, "muted small");
	html_attr(html, "id", "found");
	html_attr(html, "role", "status");
	jem_html_close(html);
	jem_html_close(html);
}

static void put_table(struct jem_html *html, const struct jem_index_entry *const *order,
		      size_t count)
{
	static const char *const heads[][2] = {
		{ "", "State" },           { "", "Job" },
		{ "minor", "User, site" }, { "minor", "Node" },
		{ "", "Started (UTC)" },   { "n", "Wall time" },
		{ "n minor", "Cores" },    { "n minor", "Peak memory" },
		{ "n", "Alerts" },         { "n minor", "Lost" },
	};

	html_open(html, "div");
	html_class(html, "scroll card");
	html_open(html, "table");
	html_class(html, "jobs");
	html_attr(html, "id", "jobs");
	html_open(html, "thead");
	html_open(html, "tr");
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		html_open(html, "th");
		html_attr(html, "scope", "col");
		html_attr(html, "class", heads[i][0]);
		jem_html_text(html, heads[i][1]);
		jem_html_close(html);
	}
	jem_html_close(html);
	jem_html_close(html);
	html_open(html, "tbody");
	for (size_t i = 0; i < count; i++)
		put_entry(html, order[i]);
	jem_html_close(html);
	jem_html_close(html);
	jem_html_close(html);
}

static void put_body(struct jem_html *html, const struct jem_index_entry *entries,
		     const struct jem_index_entry *const *order, size_t count,
		     const struct jem_page_options *options)
{
	char when[48];

	html_open(html, "header");
	html_text_in(html, "h1", "Jobs");
	put_counts(html, entries, count);
	jem_html_close(html);
	html_open(html, "main");
	if (count) {
		put_tools(html);
		put_table(html, order, count);
	} else {
		html_cell(html, "p", "muted", "No job has been heard of yet.");
	}
	jem_html_close(html);
	html_open(html, "footer");
	jem_part_time(options->now_ns, when, sizeof(when));
	jem_html_textf(html, "Written by jem %s at %s.", PACKAGE_VERSION, when);
	jem_html_close(html);
}

int jem_page_write_index(const struct jem_index_entry *entries, size_t count,
			 const struct jem_page_options *options, int dirfd)
{
	auto_free const struct jem_index_entry **order = malloc((count + 1) * sizeof(*order));
	struct jem_paint paint = jem_paint(JEM_COLOUR_C1);
	struct jem_html_head head = {
		.title = "Jobs",
		.body_class = "list",
		.refresh_s = options->refresh_s,
		.icon_rgb = jem_paint_rgb(&paint),
		.now = options->now_ns / 1000000000u,
	};
	struct jem_html html;
	struct jem_buf page;
	struct jem_buf css;
	int rc;

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		order[i] = &entries[i];
	qsort(order, count, sizeof(*order), newest_first);
	jem_buf_init(&page, 0);
	jem_buf_init(&css, 0);
	jem_part_assets(&head, &css, JEM_SCRIPT_INDEX);
	jem_html_begin(&html, &page, &head);
	put_body(&html, entries, order, count, options);
	rc = jem_html_end(&html, &head);
	if (!rc)
		rc = jem_file_replace(dirfd, "index.html", page.data, page.len);
	jem_buf_deinit(&css);
	jem_buf_deinit(&page);
	return rc;
}
