/* SPDX-License-Identifier: Apache-2.0 */
/* parts: what the pages have in common: state badges, times, numbers, style and script. */
#ifndef JEM_RECEIVER_PAGE_PARTS_H
#define JEM_RECEIVER_PAGE_PARTS_H

#include "receiver/page/html.h"
#include "receiver/page/page.h"

enum jem_script {
	JEM_SCRIPT_JOB,
	JEM_SCRIPT_INDEX,
};

/* How a job stands, in a word and in a sentence. */
struct jem_standing {
	const char *group; /* running, good, failed, other: for choosing among jobs */
	enum jem_colour colour;
	bool is_live;
	char text[64];
	char brief[32]; /* for a list */
};

struct jem_standing jem_standing_of(enum jem_job_state state, int exit_code, int signal,
				    bool monitor_ended);

void jem_part_badge(struct jem_html *html, const struct jem_standing *standing, bool is_brief);

/* 2026-08-12 14:03:05 UTC; 2026-08-12 14:03; 14:03:05. All are UTC. */
void jem_part_minute(uint64_t t_ns, char *ret, size_t size);
void jem_part_time(uint64_t t_ns, char *ret, size_t size);
void jem_part_clock(uint64_t t_ns, char *ret, size_t size);

/* A number with commas between thousands. */
void jem_part_count(uint64_t n, char *ret, size_t size);

/* Fills style and script of the head; `assets` (initialised) holds them until the page is written. */
void jem_part_assets(struct jem_html_head *head, struct jem_buf *assets, enum jem_script script);

/* The style of all pages, without the colours. */
const char *jem_page_style(size_t *len);

/* Class of the colour of a severity: good, notice, warning, critical. */
const char *jem_severity_class(enum jem_severity severity);
const char *jem_severity_name(enum jem_severity severity);

/* The page as text; links to the files that are in the folder, -1: none. 0 or negative errno. */
int jem_job_page_make(const struct jem_job_model *model, const struct jem_page_options *options,
		      int dirfd, struct jem_buf *page);

/* The script that zooms and searches flame graphs, in an SVG file or a page. */
const char *jem_flame_script(size_t *len);

/* What a job is, how it stands, where it is now, and its numbers. */
void jem_job_top(struct jem_html *html, const struct jem_job_model *model,
		 const struct jem_page_options *options, const struct jem_standing *standing);

/* The sections of a job's page that are tables, in its order. */
void jem_job_calls(struct jem_html *html, const struct jem_job_model *model);
/* Whether there are any: else the section is left out. */
bool jem_job_has_calls(const struct jem_job_model *model);
void jem_job_scheduling(struct jem_html *html, const struct jem_job_sched *sched);
void jem_job_lines(struct jem_html *html, const struct jem_job_model *model);
void jem_job_processes(struct jem_html *html, const struct jem_job_model *model);
void jem_job_delivery(struct jem_html *html, const struct jem_job_model *model);
void jem_job_folds(struct jem_html *html, const struct jem_job_model *model);

#endif
