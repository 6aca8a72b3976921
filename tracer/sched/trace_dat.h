/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace_dat: files of trace-cmd, versions 6 and 7 (trace-cmd.dat.v6(5), trace-cmd.dat.v7(5)).
 *
 * Flow:      open (header, event formats, options, buffers) -> read: pages -> decode -> merge -> machine
 *            -> model
 * Thread:    the caller's; reading decompresses and decodes on a second one
 * Ownership: owns the descriptor. Read, not mapped: a file that shrinks meanwhile is an error, no signal
 * Bound:     every size and place in the file is checked against it; hostile files give -EBADMSG with what
 *            is wrong and where. Damage of the data costs the page or the core it is in, is counted and
 *            told by the info; what is whole is in the model
 */
#ifndef JEM_TRACER_SCHED_TRACE_DAT_H
#define JEM_TRACER_SCHED_TRACE_DAT_H

#include "common/err.h"
#include "common/sched/model.h"
#include "tracer/sched/event.h"

struct jem_trace_dat;

enum jem_trace_clock {
	JEM_CLOCK_LOCAL, /* each core's own, not comparable with user space */
	JEM_CLOCK_MONO,
	JEM_CLOCK_OTHER, /* boot, tai, tsc ...: name in the info */
};

struct jem_trace_dat_info {
	unsigned version;     /* 6 or 7 */
	unsigned cpus;        /* with data or without, as the file says */
	char compression[16]; /* "none", "zlib", "zstd" */
	char clock_name[16];
	enum jem_trace_clock clock;
	unsigned instances;     /* buffers in the file */
	uint64_t overrun;       /* events that the kernel counted as lost (option CPUSTAT) */
	uint64_t damaged;       /* pages and records that cannot be */
	bool is_truncated;      /* something of it is missing; `warning` says what */
	struct jem_err warning; /* the first; "": none */
};

int jem_trace_dat_open(const char *path, struct jem_trace_dat **ret, struct jem_err *err);
void jem_trace_dat_close(struct jem_trace_dat *file);
/* Complete once the file has been read. */
const struct jem_trace_dat_info *jem_trace_dat_info(const struct jem_trace_dat *file);

/* Everything of it into an empty model, sealed. -EBADMSG, -ENOMEM, -EIO. */
int jem_trace_dat_read(struct jem_trace_dat *file, struct jem_sched_model *model,
		       struct jem_err *err);

struct jem_sched_names;
typedef int (*jem_trace_dat_events_fn)(void *context, const struct jem_sched_event *events,
				       size_t count);

/*
 * The events of all cores in order. `names`, empty before, has the names that they speak of whenever they
 * are told. A callback that returns less than 0 ends it with that. *records: all events of the file, of whatever kind.
 */
int jem_trace_dat_events(struct jem_trace_dat *file, struct jem_sched_names *names,
			 jem_trace_dat_events_fn on_events, void *context, uint64_t *records,
			 struct jem_err *err);

/* The letters of task states as the file describes them, for jem_sched_machine_create. */
const char *const *jem_trace_dat_states(const struct jem_trace_dat *file);

#endif
