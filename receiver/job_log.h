/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_log: job.log, the stream for people.
 *
 * Flow:      record -> line -> window of JEM_LOG_WINDOW_MS, sorted by time -> job.log
 * Ownership: owns its file and the lines that wait
 * Bounds:    `waiting_bytes` wait at most; beyond them the older half goes early. A line is
 *            cut at JEM_LOG_LINE bytes with a mark.
 * Invariant: `emitted_us` never falls; every record with an earlier time that was added is in the
 *            file, or waits and goes with the next emission. So after a crash the lines behind the
 *            checkpoint that are later than it are exactly those that job.log lacks.
 */
#ifndef JEM_RECEIVER_JOB_LOG_H
#define JEM_RECEIVER_JOB_LOG_H

#include "receiver/data_file.h"
#include "receiver/record_text.h"

enum {
	JEM_LOG_WINDOW_MS = 5000,
	JEM_LOG_WAITING = 8 << 20, /* of waiting_bytes at most */
	JEM_LOG_LINE = 4096,
};

struct jem_log_entry {
	uint64_t t_us;
	uint64_t arrived_ms;
	uint32_t offset; /* in `text` */
	uint32_t len;
	enum jem_kind kind;
};

struct jem_job_log {
	struct jem_data_file file;
	struct jem_text_style style;
	struct jem_buf text;           /* of the waiting lines */
	struct jem_log_entry *entries; /* owned; in order of arrival, until sorted */
	size_t count;
	size_t cap;
	size_t fresh; /* entries from here on came since the last commit */
	size_t waiting_bytes;
	uint64_t emitted_us;
	uint64_t left_out; /* lines for which there was no room, not yet told */
};

void jem_job_log_init(struct jem_job_log *log, struct jem_packer *packer);
void jem_job_log_deinit(struct jem_job_log *log);

/* Adds a record; metric samples are none of job.log's business and are passed over. */
void jem_job_log_add(struct jem_job_log *log, enum jem_kind kind, uint64_t t_us, const char *node,
		     const struct jem_json_doc *doc, uint32_t record, uint64_t now_ms);

/* Adds a line of the receiver itself. */
void jem_job_log_note(struct jem_job_log *log, uint64_t t_us, uint64_t now_ms, const char *format,
		      ...) __attribute__((format(printf, 4, 5)));

/*
 * After a crash, where nobody knows how far the file came: cuts off half a line at its end and takes
 * the latest time in its last segments for it, to the millisecond that the lines tell. 0 or negative
 * errno.
 */
int jem_job_log_find_end(struct jem_job_log *log, int folder);

/* The records added since the last commit are in data/, except those of the kinds in the mask. */
void jem_job_log_commit(struct jem_job_log *log, uint32_t failed_kinds);

/* Writes what has waited long enough, or everything: 0, or negative errno (lines are left out). */
int jem_job_log_emit(struct jem_job_log *log, int folder, uint64_t now_ms, bool is_all);

/* Whether more waits than may: it is to be emitted now. */
bool jem_job_log_is_crowded(const struct jem_job_log *log);

/* When the longest waiting line arrived, UINT64_MAX: none waits. */
uint64_t jem_job_log_oldest_ms(const struct jem_job_log *log);

#endif
