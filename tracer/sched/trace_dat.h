/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace_dat: files of trace-cmd, versions 6 and 7 (trace-cmd.dat.v6(5), trace-cmd.dat.v7(5)).
 *
 * Flow:      open (header, event formats, options, instances) -> read: pages -> decode -> merge -> machine
 *            -> model
 * Ownership: owns the mapping
 * Bound:     every size and place in the file is checked against it; hostile files give -EBADMSG with
 *            what is wrong and where, and what is whole before is still in the model
 */
#ifndef JEM_TRACER_SCHED_TRACE_DAT_H
#define JEM_TRACER_SCHED_TRACE_DAT_H

#include "common/err.h"
#include "common/sched/model.h"

struct jem_trace_dat;

enum jem_trace_clock {
	JEM_CLOCK_LOCAL, /* each core's own, not comparable with user space */
	JEM_CLOCK_MONO,
	JEM_CLOCK_OTHER, /* boot, tai, tsc ...: name in the info */
};

struct jem_trace_dat_info {
	unsigned version;     /* 6 or 7 */
	unsigned cpus;        /* as the file says */
	char compression[16]; /* "none", "zlib", "zstd" */
	char clock_name[16];
	enum jem_trace_clock clock;
	unsigned instances; /* buffers in the file */
	bool is_truncated;  /* something of it is missing; `warning` says what */
	struct jem_err warning;
};

int jem_trace_dat_open(const char *path, struct jem_trace_dat **ret, struct jem_err *err);
void jem_trace_dat_close(struct jem_trace_dat *file);
const struct jem_trace_dat_info *jem_trace_dat_info(const struct jem_trace_dat *file);

/* Everything of it into an empty model, sealed. -EBADMSG, -ENOMEM, -EOPNOTSUPP. */
int jem_trace_dat_read(struct jem_trace_dat *file, struct jem_sched_model *model,
		       struct jem_err *err);

#endif
