/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dat_write: a recording as a trace.dat file of version 7 with zstd, which trace-cmd report, KernelShark
 * and our own reader take.
 *
 * Flow:      descriptions, pages of each core (a file each) -> sections, chunks -> file
 * Ownership: borrows everything of the recording
 * Bound:     one chunk of pages in memory
 */
#ifndef JEM_TRACER_SCHED_DAT_WRITE_H
#define JEM_TRACER_SCHED_DAT_WRITE_H

#include "common/buf.h"
#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

struct jem_dat_event {
	const char *system;
	const char *text; /* its format file */
};

struct jem_dat_core {
	uint16_t number;
	int pages;     /* descriptor: sub-buffers as the kernel gave them, one behind the other */
	uint64_t size; /* bytes of them */
	const char *stats; /* its per_cpu/cpuN/stats */
};

struct jem_dat_recording {
	const char *header_page, *header_event; /* files of that name */
	const struct jem_dat_event *events;     /* those of a system together */
	size_t event_count;
	const char *cmdlines;   /* saved_cmdlines, or "" */
	const char *clock_name; /* "mono" */
	const char *clocks;     /* trace_clock, "local [mono]" */
	const char *system;     /* name of the machine and its kernel */
	const char *program;    /* that writes */
	uint32_t page_bytes;
	const struct jem_dat_core *cores;
	size_t core_count;
};

/* Into an empty file that can be written anywhere. -EIO, -ENOSPC ... with the reason. */
int jem_dat_write(int fd, const struct jem_dat_recording *recording, struct jem_err *err);

#endif
