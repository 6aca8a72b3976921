/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text: one record as JSON, written into a buffer of fixed size.
 *
 * Bound:     JEM_PY_RECORD bytes; what does not fit is left out whole and `is_cut` says so.
 * Invariant: what was written is valid JSON up to where it stands; never calls code of the user's.
 */
#ifndef JEM_TRACER_SCRIPT_PYTHON_TEXT_H
#define JEM_TRACER_SCRIPT_PYTHON_TEXT_H

#include "tracer/script/python/compat.h"

#include <stdbool.h>
#include <stdint.h>

#define JEM_PY_RECORD   16384
#define JEM_PY_STRING   512 /* bytes of one string */
#define JEM_PY_ELEMENTS 8   /* of one container */
#define JEM_PY_NESTING  2   /* containers in containers */

struct jem_py_text {
	size_t length;
	bool is_cut;
	char bytes[JEM_PY_RECORD];
};

void jem_py_text_start(struct jem_py_text *text);
/* As they are: punctuation and literals. */
void jem_py_text_raw(struct jem_py_text *text, const char *bytes);
void jem_py_text_number(struct jem_py_text *text, long long number);
/* A JSON string of at most `limit` bytes of UTF-8 (what is not UTF-8 becomes '?'). */
void jem_py_text_string(struct jem_py_text *text, const char *bytes, size_t length, size_t limit);
/* The same of a str; of anything else an empty one. */
void jem_py_text_str(struct jem_py_text *text, PyObject *object, size_t limit);
/*
 * A value as text: exact built-in types only, bounded in length and depth. Of every other only the type is told,
 * because its __repr__ is somebody's code.
 */
void jem_py_text_value(struct jem_py_text *text, PyObject *object, bool is_quoted);
/* Where the text may be cut back to when an element does not fit. */
size_t jem_py_text_mark(const struct jem_py_text *text);
bool jem_py_text_keep(struct jem_py_text *text, size_t mark);

#endif
