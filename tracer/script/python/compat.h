/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compat: what differs between CPython 3.8 and 3.13, in one place. Included first by every file here.
 *
 * Invariant: none of these runs code of the user's, nor changes what a frame's owner can see of it. That is
 *            why locals are read where they lie: PyFrame_FastToLocals would write into a dict of the user's.
 */
#ifndef JEM_TRACER_SCRIPT_PYTHON_COMPAT_H
#define JEM_TRACER_SCRIPT_PYTHON_COMPAT_H

#define PY_SSIZE_T_CLEAN
#define Py_BUILD_CORE
#include <Python.h>
#include <frameobject.h>
#if PY_VERSION_HEX >= 0x030b0000
#include <internal/pycore_frame.h>
#endif
#undef Py_BUILD_CORE

#if PY_VERSION_HEX < 0x03080000 || PY_VERSION_HEX >= 0x030e0000
#error "CPython 3.8 to 3.13; others take the pure Python way"
#endif

/* From 3.12 on sys.monitoring tells exceptions and lines; before, only the trace function does. */
#define JEM_PY_MONITORING (PY_VERSION_HEX >= 0x030c0000)

#if PY_VERSION_HEX >= 0x030c0000
#define jem_py_extra_index PyUnstable_Eval_RequestCodeExtraIndex
#define jem_py_extra_get   PyUnstable_Code_GetExtra
#define jem_py_extra_set   PyUnstable_Code_SetExtra
#else
#define jem_py_extra_index _PyEval_RequestCodeExtraIndex
#define jem_py_extra_get   _PyCode_GetExtra
#define jem_py_extra_set   _PyCode_SetExtra
#endif

/* Borrowed: the frame holds it. */
static inline PyCodeObject *jem_py_code(PyFrameObject *frame)
{
#if PY_VERSION_HEX >= 0x030d0000
	return (PyCodeObject *)frame->f_frame->f_executable;
#elif PY_VERSION_HEX >= 0x030b0000
	return frame->f_frame->f_code;
#else
	return frame->f_code;
#endif
}

/* A new reference, or NULL for the outermost. */
static inline PyFrameObject *jem_py_back(PyFrameObject *frame)
{
#if PY_VERSION_HEX >= 0x03090000
	return PyFrame_GetBack(frame);
#else
	Py_XINCREF(frame->f_back);
	return frame->f_back;
#endif
}

static inline int jem_py_is_outermost(PyFrameObject *frame)
{
	PyFrameObject *back = jem_py_back(frame);

	Py_XDECREF(back);
	return !back;
}

/* Borrowed: the frame holds it. */
static inline PyObject *jem_py_globals(PyFrameObject *frame)
{
#if PY_VERSION_HEX >= 0x030b0000
	return frame->f_frame->f_globals;
#else
	return frame->f_globals;
#endif
}

/* Borrowed; the name as people know it, with its class where the interpreter keeps it. */
static inline PyObject *jem_py_name(PyCodeObject *code)
{
#if PY_VERSION_HEX >= 0x030b0000
	return code->co_qualname;
#else
	return code->co_name;
#endif
}

/* The exception that the running code handles, for comparing only: never dereferenced. */
static inline const void *jem_py_handled(void)
{
#if PY_VERSION_HEX >= 0x030b0000
	PyObject *value = PyErr_GetHandledException();

	Py_XDECREF(value);
	return value;
#else
	PyObject *type, *value, *trace;

	PyErr_GetExcInfo(&type, &value, &trace);
	Py_XDECREF(type);
	Py_XDECREF(value);
	Py_XDECREF(trace);
	return value;
#endif
}

#if !JEM_PY_MONITORING
/* Whether the trace function is told of this frame's lines: a third of what following costs. */
static inline void jem_py_tell_lines(PyFrameObject *frame, int is_told)
{
	frame->f_trace_lines = (char)is_told;
}
#endif

/* A name and a borrowed value of the i-th local, cell or free variable; 0 when there is no such. */
int jem_py_local(PyFrameObject *frame, int i, PyObject **name, PyObject **value);

#endif
