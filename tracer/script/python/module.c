/* SPDX-License-Identifier: Apache-2.0 */
/*
 * _jem_script: follows the Python code of a process and tells the daemon. Loaded by sitecustomize.py.
 *
 * Before CPython 3.12 the trace function tells calls, returns and exceptions; from 3.12 on the profile function tells
 * calls and returns, and sys.monitoring exceptions and lines, which cost nothing where there are none.
 */
#include "tracer/script/python/send.h"
#include "tracer/script/python/stack.h"
#include "tracer/script/python/threads.h"

#include <pthread.h>
#include <string.h>

#if JEM_PY_MONITORING
/*
 * CPython 3.12 says None of a frame that is left by an exception, as it does of one that returns None: it is the former
 * when an exception was raised there, or went on, and no handler was entered since.
 */
static __thread const PyFrameObject *unwound;
#endif

static int on_event(PyObject *self, PyFrameObject *frame, int what, PyObject *arg)
{
	switch (what) {
	case PyTrace_CALL:
		jem_py_called(frame);
		break;
	case PyTrace_RETURN:
#if JEM_PY_MONITORING
		if (unwound == frame && (!arg || arg == Py_None))
			arg = NULL;
		unwound = NULL;
#endif
		jem_py_returned(frame, arg);
		break;
#if !JEM_PY_MONITORING
	case PyTrace_EXCEPTION:
		/* The type, the value and the traceback; an error raised in C may still be without its object. */
		if (PyTuple_Check(arg) && PyTuple_GET_SIZE(arg) == 3)
			jem_py_raised(frame, PyTuple_GET_ITEM(arg, 1));
		break;
	case PyTrace_LINE:
		jem_py_line(frame, PyFrame_GetLineNumber(frame));
		break;
#endif
	default:
		break;
	}
	return 0;
}

static void begin_thread(void)
{
#if JEM_PY_MONITORING
	PyEval_SetProfile(on_event, NULL);
#else
	PyEval_SetTrace(on_event, NULL);
#endif
}

#if JEM_PY_MONITORING
static PyObject *on_raise(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	PyFrameObject *frame = PyEval_GetFrame();

	unwound = frame;
	if (frame && n == 3)
		jem_py_raised(frame, args[2]);
	Py_RETURN_NONE;
}

static PyObject *on_reraise(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	unwound = PyEval_GetFrame();
	Py_RETURN_NONE;
}

static PyObject *on_handler(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	unwound = NULL;
	Py_RETURN_NONE;
}

static PyObject *on_line(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	PyFrameObject *frame = PyEval_GetFrame();

	if (frame && n == 2)
		jem_py_line(frame, (int)PyLong_AsLong(args[1]));
	Py_RETURN_NONE;
}

static struct {
	const char *event;
	PyMethodDef method;
} callbacks[] = {
	{ "RAISE", { "raised", (PyCFunction)(void (*)(void))on_raise, METH_FASTCALL, NULL } },
	{ "RERAISE", { "reraised", (PyCFunction)(void (*)(void))on_reraise, METH_FASTCALL, NULL } },
	{ "EXCEPTION_HANDLED",
	  { "handled", (PyCFunction)(void (*)(void))on_handler, METH_FASTCALL, NULL } },
	{ "LINE",
	  { "line", (PyCFunction)(void (*)(void))on_line, METH_FASTCALL, NULL } }, /* last */
};

static int register_callback(PyObject *monitoring, int tool, const char *event, PyMethodDef *method)
{
	PyObject *events = PyObject_GetAttrString(monitoring, "events");
	PyObject *number = events ? PyObject_GetAttrString(events, event) : NULL;
	PyObject *function = number ? PyCFunction_New(method, NULL) : NULL;
	PyObject *old = function ? PyObject_CallMethod(monitoring, "register_callback", "iOO", tool,
						       number, function)
				 : NULL;
	int ret = old ? (int)PyLong_AsLong(number) : -1;

	Py_XDECREF(events);
	Py_XDECREF(number);
	Py_XDECREF(function);
	Py_XDECREF(old);
	return ret;
}

/* A number that no known tool claims: 0 to 2 and 5 have a meaning. */
static int start_monitoring(bool has_lines)
{
	PyObject *monitoring = PySys_GetObject("monitoring");
	PyObject *done = NULL;
	int tool = 4;
	int events = 0;
	int count = (int)(sizeof(callbacks) / sizeof(*callbacks)) - !has_lines;

	if (monitoring)
		done = PyObject_CallMethod(monitoring, "use_tool_id", "is", tool, "jem");
	if (!done)
		return -1;
	Py_DECREF(done);
	for (int i = 0; i < count; i++) {
		int event = register_callback(monitoring, tool, callbacks[i].event,
					      &callbacks[i].method);

		if (event < 0)
			return -1;
		events |= event;
	}
	done = PyObject_CallMethod(monitoring, "set_events", "ii", tool, events);
	Py_XDECREF(done);
	return done ? 0 : -1;
}
#endif

/* What is about to go without a word: the counts are told first. And who takes our place is told. */
static int on_audit(const char *event, PyObject *args, void *given)
{
	if (event[0] == 'o' && strcmp(event, "os.exec") == 0) {
		jem_py_place_tell_all();
		jem_py_send_end();
	}
	return 0;
}

static void on_exit_process(void)
{
	jem_py_place_tell_all();
	jem_py_send_end();
}

static void on_forked(void)
{
	jem_py_place_forget_all();
	jem_py_send_forked();
}

static PyObject *start(PyObject *self, PyObject *args)
{
	const char *socket, *include, *exclude, *lines;
	PyObject *library;
	unsigned limit;

	if (!PyArg_ParseTuple(args, "szzzIO", &socket, &include, &exclude, &lines, &limit,
			      &library))
		return NULL;
	jem_py_limit = limit;
	if (jem_py_send_open(socket) < 0)
		Py_RETURN_FALSE;
	if (jem_py_select_start(include, exclude, lines, library) < 0)
		return PyErr_NoMemory();
	if (jem_py_threads_start(begin_thread) < 0 || PySys_AddAuditHook(on_audit, NULL) < 0)
		return NULL;
#if JEM_PY_MONITORING
	if (start_monitoring(lines && *lines) < 0)
		return NULL;
#endif
	Py_AtExit(on_exit_process);
	pthread_atfork(NULL, NULL, on_forked);
	Py_RETURN_TRUE;
}

/* Apart from start(): what sitecustomize.py does until then is not the job's. */
static PyObject *begin(PyObject *self, PyObject *none)
{
	begin_thread();
	Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
	{ "start", start, METH_VARARGS, NULL },
	{ "begin", begin, METH_NOARGS, NULL },
	{ NULL, NULL, 0, NULL },
};

static struct PyModuleDef module = {
	PyModuleDef_HEAD_INIT,
	.m_name = "_jem_script",
	.m_size = -1,
	.m_methods = methods,
};

/* CPython 3.8 leaves the visibility to the compiler. */
__attribute__((visibility("default"))) PyMODINIT_FUNC PyInit__jem_script(void);

PyMODINIT_FUNC PyInit__jem_script(void)
{
	return PyModule_Create(&module);
}
