/* SPDX-License-Identifier: Apache-2.0 */
/*
 * select: which code is followed, decided once per code object and kept with it.
 *
 * Ownership: a place lives as long as its code object; what it counted is told before it goes
 * Invariant: calls == recorded + told by `count` + counted and not yet told
 */
#ifndef JEM_TRACER_SCRIPT_PYTHON_SELECT_H
#define JEM_TRACER_SCRIPT_PYTHON_SELECT_H

#include "tracer/script/python/compat.h"

#include <stdbool.h>
#include <stdint.h>

struct jem_py_place {
	struct jem_py_place *next, *previous;
	bool is_followed;
	bool has_lines;
	unsigned raises;   /* exceptions recorded */
	unsigned lines;    /* lines recorded */
	unsigned recorded; /* calls that were recorded */
	unsigned active;   /* of those on the stacks now: only the outermost adds to the total */
	uint64_t calls, total_ns, self_ns, min_ns, max_ns; /* counted only, not told yet */
	uint64_t told_ns;                                  /* when */
	int line;
	char *file, *function; /* owned; of those followed */
};

/* Lists of shell patterns, separated by ','; NULL: none. Copied. `library`: folders never followed unless included. */
int jem_py_select_start(const char *include, const char *exclude, const char *lines,
			PyObject *library);
/* Borrowed; NULL when there is no memory. */
struct jem_py_place *jem_py_place(PyFrameObject *frame);
/* Sends what the place counted. */
void jem_py_place_tell(struct jem_py_place *place, uint64_t now);
void jem_py_place_tell_all(void);
/* In the child of a fork: its parent tells what was counted before. */
void jem_py_place_forget_all(void);

#endif
