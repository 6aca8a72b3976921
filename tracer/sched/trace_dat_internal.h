/* SPDX-License-Identifier: Apache-2.0 */
/* What trace_dat.c finds in the head of a file, and trace_dat_read.c reads by. */
#ifndef JEM_TRACER_SCHED_TRACE_DAT_INTERNAL_H
#define JEM_TRACER_SCHED_TRACE_DAT_INTERNAL_H

#include "tracer/sched/dat_file.h"
#include "tracer/sched/format.h"
#include "tracer/sched/trace_dat.h"

enum {
	JEM_DAT_LANES_MAX = 65536,
	JEM_DAT_BUFFERS_MAX = 256,
};

/* A core's data in one buffer. */
struct jem_dat_lane {
	uint64_t at, size;
	uint16_t cpu;
	uint16_t buffer;
};

struct jem_dat_buffer {
	char name[64];
	char clock[16];
	uint32_t page_bytes;
	bool is_compressed; /* data in chunks */
};

struct jem_trace_dat {
	struct jem_dat_file file;
	struct jem_trace_dat_info info;
	unsigned long_size;
	uint32_t page_size;
	struct jem_dat_buffer *buffers; /* owned */
	size_t buffer_count;
	struct jem_dat_lane *lanes; /* owned; by core, then buffer */
	size_t lane_count;
	uint64_t data_bytes; /* of all lanes */
	/* of an x86-tsc clock */
	uint32_t multiplier, shift;
	uint64_t offset;
	struct jem_sched_format format;
};

/* Notes the first thing that is wrong with the data, and goes on. */
void jem_dat_warn(struct jem_trace_dat *file, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

int jem_dat_add_buffer(struct jem_trace_dat *file, const char *name, struct jem_err *err);
int jem_dat_add_lane(struct jem_trace_dat *file, uint64_t cpu, uint64_t at, uint64_t size,
		     struct jem_err *err);
/* The word in brackets of a trace_clock file, or the only one. */
void jem_dat_set_clock(struct jem_dat_buffer *buffer, const char *text);

/* Descriptions of events and pages, in both versions the same but for where they stand. */
int jem_dat_read_header_info(struct jem_dat_cursor *cursor, struct jem_sched_describer *describer,
			     struct jem_err *err);
int jem_dat_skip_ftrace_formats(struct jem_dat_cursor *cursor, struct jem_err *err);
int jem_dat_read_formats(struct jem_dat_cursor *cursor, struct jem_sched_describer *describer,
			 struct jem_err *err);

int jem_dat_read_v6(struct jem_trace_dat *file, uint64_t at, struct jem_sched_describer *describer,
		    struct jem_err *err);
int jem_dat_read_v7(struct jem_trace_dat *file, uint64_t at, struct jem_sched_describer *describer,
		    struct jem_err *err);

#endif
