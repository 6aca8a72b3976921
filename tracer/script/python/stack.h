/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stack: what the interpreter runs now, per thread, and the records of its calls.
 *
 * Flow:      call, return, raise, line -> record, or count beyond the limit of a place
 * Thread:    each its own; no locks
 * Bound:     JEM_PY_DEPTH frames; deeper ones are not followed and counted as a whole
 * Invariant: frames and exceptions are known by address alone: no reference outlives the call
 */
#ifndef JEM_TRACER_SCRIPT_PYTHON_STACK_H
#define JEM_TRACER_SCRIPT_PYTHON_STACK_H

#include "tracer/script/python/select.h"

#define JEM_PY_DEPTH 10000

/* An exception under way; told again when it is known whether somebody caught it. */
struct jem_py_raised {
	int references;
	bool is_exit;
	const void *exception; /* for comparing only */
	size_t length;
	char fields[]; /* JSON: type, message, traceback */
};

struct jem_py_entry {
	const PyFrameObject *frame;
	struct jem_py_place *place;
	struct jem_py_raised *raised; /* owned reference, or NULL */
	uint64_t start_ns, inner_ns;
	int line; /* where it was raised */
	bool is_recorded;
};

struct jem_py_thread {
	struct jem_py_entry *entries; /* owned */
	int depth, room;
	bool is_unwinding;            /* the last event: a frame was left by an exception */
	bool is_known;                /* it was told, or counted */
	bool is_afloat;               /* it is in code that is not followed */
	const void *exception;        /* that one; for comparing only */
	struct jem_py_raised *raised; /* owned reference, or NULL: not recorded */
};

/* Calls recorded of one function, exceptions and lines of one place; the others are counted. */
extern unsigned jem_py_limit;

/* NULL when there is no memory. */
struct jem_py_thread *jem_py_thread(void);
void jem_py_called(PyFrameObject *frame);
/* `value`: NULL when left by an exception. */
void jem_py_returned(PyFrameObject *frame, PyObject *value);
void jem_py_raised(PyFrameObject *frame, PyObject *exception);
void jem_py_line(PyFrameObject *frame, int line);

#endif
