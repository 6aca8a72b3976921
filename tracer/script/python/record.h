/* SPDX-License-Identifier: Apache-2.0 */
/* record: the records of Python code as the script source of the daemon takes them. */
#ifndef JEM_TRACER_SCRIPT_PYTHON_RECORD_H
#define JEM_TRACER_SCRIPT_PYTHON_RECORD_H

#include "tracer/script/python/stack.h"

/* `values`: told with it, or NULL; `name` of that one value. */
void jem_py_record_call(PyFrameObject *frame, const struct jem_py_entry *entry, int depth,
			uint64_t now);
void jem_py_record_return(PyFrameObject *frame, const struct jem_py_entry *entry, int depth,
			  PyObject *value, uint64_t now);
void jem_py_record_line(PyFrameObject *frame, const struct jem_py_entry *entry, int depth,
			int line);
/* Tells that it was raised; returns what is told of it later, or NULL when there is no memory. */
struct jem_py_raised *jem_py_record_raise(PyFrameObject *frame, const struct jem_py_entry *entry,
					  int depth, PyObject *exception);
/* How it ended: caught or not, in this place at this line. `entry`: NULL when by code that is not followed. */
void jem_py_record_end(const struct jem_py_raised *raised, const struct jem_py_entry *entry,
		       int depth, bool is_handled);
void jem_py_raised_drop(struct jem_py_raised *raised);

#endif
