/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page: the files a person opens, drawn from a job's model (DESIGN section 7).
 *
 * Every file is written under a temporary name beside its place and renamed over it, so a reader
 * never sees half of one and a crash leaves the one before. Pages are single files without any
 * external request; all text in them passes the writer of page/html.h, which escapes it.
 *
 * Thread: loop thread. A page of a job with a day of samples takes some milliseconds (see
 *         tests/bench/RESULTS.md): call it every few seconds, not for each record.
 */
#ifndef JEM_RECEIVER_PAGE_PAGE_H
#define JEM_RECEIVER_PAGE_PAGE_H

#include "receiver/model.h"

struct jem_job_sched;

struct jem_page_options {
	uint64_t now_ns;    /* wall clock; the page says when it was written */
	unsigned refresh_s; /* the page reloads itself this often; 0: it is the last one */
	const struct jem_job_sched *sched; /* scheduling, summed up; NULL: none */
	const char *index; /* relative link to the page of all jobs, NULL: there is none */
};

/* Writes `index.html` in the job's folder. 0 or negative errno. */
int jem_page_write_job(const struct jem_job_model *model, const struct jem_page_options *options,
		       int dirfd);

enum {
	JEM_GRAPH_SVG = 1,
	JEM_GRAPH_PNG = 2,
	JEM_GRAPH_PDF = 4,
};

/*
 * Writes `graphs/NAME.svg`, `.png` (one file per graph) and `graphs/graphs.pdf` (a page per graph)
 * in the job's folder, flame and calls among them, as asked by the mask; makes `graphs` if there is none. Graphs without a
 * sample are left out. Returns how many files were written, or negative errno.
 */
int jem_graphs_write(const struct jem_job_model *model, unsigned formats, int dirfd);

/* Writes profile.csv where there is a profile. 0 or negative errno. */
int jem_job_profile_csv(const struct jem_job_model *model, int dirfd);

/* One line of the page of all jobs. Texts are borrowed for the call. */
struct jem_index_entry {
	const char *href; /* the job's page, relative to OUT: site/user/job/index.html */
	const char *site;
	const char *user;
	const char *job;
	const char *node;
	const char *command;
	enum jem_job_state state;
	int exit_code; /* -1: not known */
	int signal;    /* -1: none */
	bool monitor_ended;
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t last_ns;
	double wall_s; /* -1: not known; the same below */
	double cpu_s;
	double peak_rss_bytes;
	double memory_limit_bytes;
	enum jem_severity worst;
	uint64_t alerts;
	uint64_t lost_records;
};

/* Fills an entry from a model; texts point into the model. */
void jem_index_entry_of(const struct jem_job_model *model, const char *href,
			struct jem_index_entry *ret);

/* Writes `index.html` of all jobs in the folder OUT, newest first. 0 or negative errno. */
int jem_page_write_index(const struct jem_index_entry *entries, size_t count,
			 const struct jem_page_options *options, int dirfd);

#endif
