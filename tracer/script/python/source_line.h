/* SPDX-License-Identifier: Apache-2.0 */
/* source_line: one line of a source file. Bound: regular files, their first JEM_PY_SOURCE bytes. */
#ifndef JEM_TRACER_SCRIPT_PYTHON_SOURCE_LINE_H
#define JEM_TRACER_SCRIPT_PYTHON_SOURCE_LINE_H

#include <stddef.h>

#define JEM_PY_SOURCE 4194304

/* Without white space around it; its length, 0 when there is none. */
size_t jem_py_source_line(const char *file, int line, char *ret, size_t size);

#endif
