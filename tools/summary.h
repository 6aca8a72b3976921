/* SPDX-License-Identifier: Apache-2.0 */
/* summary: a job's state in five lines, one more where its calls are recorded, from its model. */
#ifndef JEM_TOOLS_SUMMARY_H
#define JEM_TOOLS_SUMMARY_H

#include "receiver/graph/axis.h"
#include "receiver/model.h"

/* Each appends one line without a newline, and nothing that a terminal would obey. */
void jem_summary_job(const struct jem_job_model *model, uint64_t now_ns, struct jem_buf *buf);
void jem_summary_cpu(const struct jem_job_model *model, struct jem_buf *buf);
void jem_summary_memory(const struct jem_job_model *model, struct jem_buf *buf);
void jem_summary_files(const struct jem_job_model *model, struct jem_buf *buf);
/* Functions, calls a second, where the time goes, what has no record. */
void jem_summary_calls(const struct jem_job_model *model, uint64_t now_ns, struct jem_buf *buf);
/* The worst that happened: alert, error line, else the last line. */
void jem_summary_last(const struct jem_job_model *model, struct jem_buf *buf);

/* All of them, each begun with its name and ended with a newline. */
void jem_summary_all(const struct jem_job_model *model, uint64_t now_ns, struct jem_buf *buf);

/* Alerts, what cannot be observed, and the streams: the longer text of a report. */
void jem_summary_details(const struct jem_job_model *model, struct jem_buf *buf);

/* A value with its unit, and a length of time, in plain characters; `ret` has at least 32 bytes. */
void jem_summary_format(enum jem_unit unit, double value, char *ret, size_t size);
void jem_summary_duration(double seconds, char *ret, size_t size);

/* Wall-clock time of the job so far, or in all; -1: not known. */
double jem_summary_wall_s(const struct jem_job_model *model, uint64_t now_ns);

#endif
