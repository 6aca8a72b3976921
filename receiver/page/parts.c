/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/page/parts.h"

#include "receiver/graph/embed.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

JEM_EMBED(jem_page_css, JEM_PAGE_DIR "/page.css");
JEM_EMBED(jem_job_page_js, JEM_PAGE_DIR "/job_page.js");
JEM_EMBED(jem_flame_js, JEM_PAGE_DIR "/flame.js");
JEM_EMBED(jem_index_page_js, JEM_PAGE_DIR "/index_page.js");

static void tell_end(struct jem_standing *standing, int exit_code, int signal)
{
	const char *name = signal > 0 ? sigabbrev_np(signal) : NULL;

	standing->group = "failed";
	standing->colour = JEM_COLOUR_critical;
	if (signal > 0) {
		snprintf(standing->text, sizeof(standing->text), "ended by signal %d%s%s", signal,
			 name ? ", SIG" : "", name ? name : "");
		snprintf(standing->brief, sizeof(standing->brief), "signal %d", signal);
		if (name)
			snprintf(standing->brief, sizeof(standing->brief), "SIG%s", name);
	} else if (exit_code > 0) {
		snprintf(standing->text, sizeof(standing->text), "failed, exit status %d",
			 exit_code);
		snprintf(standing->brief, sizeof(standing->brief), "exit %d", exit_code);
	} else if (exit_code == 0) {
		standing->group = "good";
		standing->colour = JEM_COLOUR_good;
		snprintf(standing->text, sizeof(standing->text), "ended, exit status 0");
		snprintf(standing->brief, sizeof(standing->brief), "exit 0");
	} else {
		standing->group = "other";
		standing->colour = JEM_COLOUR_muted;
		snprintf(standing->text, sizeof(standing->text), "ended, exit status not known");
		snprintf(standing->brief, sizeof(standing->brief), "ended");
	}
}

struct jem_standing jem_standing_of(enum jem_job_state state, int exit_code, int signal,
				    bool monitor_ended)
{
	struct jem_standing standing = { .group = "running", .colour = JEM_COLOUR_notice };

	if (state == JEM_JOB_ENDED) {
		tell_end(&standing, exit_code, signal);
	} else if (monitor_ended) {
		standing.group = "other";
		standing.colour = JEM_COLOUR_warning;
		snprintf(standing.text, sizeof(standing.text), "monitor ended before the job");
		snprintf(standing.brief, sizeof(standing.brief), "no monitor");
	} else if (state == JEM_JOB_UNKNOWN) {
		standing.group = "other";
		standing.colour = JEM_COLOUR_muted;
		snprintf(standing.text, sizeof(standing.text), "no state yet");
		snprintf(standing.brief, sizeof(standing.brief), "no state");
	} else {
		standing.is_live = state != JEM_JOB_STOPPED;
		if (state == JEM_JOB_STOPPED)
			standing.colour = JEM_COLOUR_warning;
		snprintf(standing.text, sizeof(standing.text), "%s", jem_job_state_name(state));
		snprintf(standing.brief, sizeof(standing.brief), "%s", jem_job_state_name(state));
	}
	return standing;
}

void jem_part_badge(struct jem_html *html, const struct jem_standing *standing, bool is_brief)
{
	char name[48];

	snprintf(name, sizeof(name), "badge %s%s", jem_colour_name(standing->colour),
		 standing->is_live ? " live" : "");
	html_open(html, "span");
	html_attr(html, "class", name);
	jem_html_text(html, is_brief ? standing->brief : standing->text);
	jem_html_close(html);
}

void jem_part_time(uint64_t t_ns, char *ret, size_t size)
{
	time_t seconds = (time_t)(t_ns / 1000000000u);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(ret, size, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(ret, size, "?");
}

void jem_part_minute(uint64_t t_ns, char *ret, size_t size)
{
	time_t seconds = (time_t)(t_ns / 1000000000u);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(ret, size, "%Y-%m-%d %H:%M", &tm))
		snprintf(ret, size, "?");
}

void jem_part_clock(uint64_t t_ns, char *ret, size_t size)
{
	unsigned of_day = (unsigned)(t_ns / 1000000000u % 86400);

	snprintf(ret, size, "%02u:%02u:%02u", of_day / 3600, of_day / 60 % 60, of_day % 60);
}

void jem_part_count(uint64_t n, char *ret, size_t size)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	size_t at = 0;

	for (int i = 0; i < len && at + 2 < size; i++) {
		if (i && (len - i) % 3 == 0)
			ret[at++] = ',';
		ret[at++] = digits[i];
	}
	ret[at] = '\0';
}

const char *jem_flame_script(size_t *len)
{
	*len = (size_t)(jem_flame_js_end - jem_flame_js);
	return jem_flame_js;
}

const char *jem_page_style(size_t *len)
{
	*len = (size_t)(jem_page_css_end - jem_page_css);
	return jem_page_css;
}

void jem_part_assets(struct jem_html_head *head, struct jem_buf *assets, enum jem_script script)
{
	size_t flame_len;
	const char *flame = jem_flame_script(&flame_len);
	size_t style_len;

	jem_palette_css_page(assets);
	jem_buf_add(assets, jem_page_css, (size_t)(jem_page_css_end - jem_page_css));
	style_len = assets->len;
	if (script == JEM_SCRIPT_INDEX) {
		jem_buf_add(assets, jem_index_page_js,
			    (size_t)(jem_index_page_js_end - jem_index_page_js));
	} else {
		/* First: the page's own ends early where it is not to be renewed. */
		jem_buf_add(assets, flame, flame_len);
		jem_buf_add(assets, jem_job_page_js,
			    (size_t)(jem_job_page_js_end - jem_job_page_js));
	}
	head->style = jem_buf_cstr(assets);
	head->style_len = assets->failed ? 0 : style_len;
	head->script = head->style + head->style_len;
	head->script_len = assets->failed ? 0 : assets->len - style_len;
}

const char *jem_severity_class(enum jem_severity severity)
{
	static const char *const names[] = { "notice", "warning", "critical" };

	return severity == JEM_SEVERITY_NONE ? "good" : names[severity];
}

const char *jem_severity_name(enum jem_severity severity)
{
	static const char *const names[] = { "info", "warning", "critical" };

	return severity == JEM_SEVERITY_NONE ? "none" : names[severity];
}
