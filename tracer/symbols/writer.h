/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer: one module's ELF file and debug data to an image, in stages.
 *
 * Flow:      hooks in the code -> names from the symbol table (first image) -> functions and lines from the
 *            debug data (second) -> plans and types (third)
 * Invariant: each stage goes behind the one before it, then the header is written at once: whenever the
 *            process ends, by a limit or by damaged data, the file has the last whole stage, marked
 *            INCOMPLETE. The space of earlier stages is given back where the file can have holes.
 * Bound:     JEM_WRITER_PLANS plans, a quarter of the memory for their code and slots
 */
#ifndef JEM_TRACER_SYMBOLS_WRITER_H
#define JEM_TRACER_SYMBOLS_WRITER_H

#include "common/patterns.h"
#include "tracer/symbols/plan.h"

#define JEM_WRITER_PLANS 200000u

typedef int (*jem_plan_compile_fn)(const struct jem_plan_request *request, struct jem_plan *ret);

struct jem_writer_options {
	int module_fd; /* borrowed */
	int output_fd; /* borrowed; seekable, empty */
	const char *path;
	const char *root;
	const struct jem_patterns *patterns;
	jem_plan_compile_fn compile; /* NULL: no values */
	struct jem_plan_limits limits;
	uint64_t memory_bytes; /* what may be used, 0: not limited */
};

/* 0, also if not everything could be had (the image says so), or why there is no image at all. */
int jem_writer_run(const struct jem_writer_options *options, struct jem_err *err);

#endif
