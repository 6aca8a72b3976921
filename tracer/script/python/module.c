/* SPDX-License-Identifier: Apache-2.0 */
/*
 * _jem_script: follows the Python code of a process and tells the daemon. Loaded by sitecustomize.py.
 *
 * Before CPython 3.12 the trace function tells calls, returns and exceptions, in each thread; from 3.12 on
 * sys.monitoring does, and leaves the trace and the profile function to the user.
 */
#include "tracer/script/python/send.h"
#include "tracer/script/python/stack.h"
#include "tracer/script/python/threads.h"

#include <pthread.h>
#include <string.h>

static bool wants_lines;

#if !JEM_PY_MONITORING
/* Not of generators: they may go on under a trace function of the user's. */
static void silence(PyFrameObject *frame)
{
	if (!wants_lines &&
	    !(jem_py_code(frame)->co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR)))
		jem_py_tell_lines(frame, 0);
}

/* The user's own trace function takes over in this thread: it shall find the frames as they would be. */
static void restore_lines(void)
{
	PyFrameObject *frame = PyEval_GetFrame();

	Py_XINCREF(frame);
	while (frame) {
		PyFrameObject *back = jem_py_back(frame);

		jem_py_tell_lines(frame, 1);
		Py_DECREF(frame);
		frame = back;
	}
}
#endif

#if !JEM_PY_MONITORING
static int on_event(PyObject *self, PyFrameObject *frame, int what, PyObject *arg)
{
	switch (what) {
	case PyTrace_CALL:
		jem_py_called(frame);
		silence(frame);
		break;
	case PyTrace_RETURN:
		jem_py_returned(frame, arg);
		break;
	case PyTrace_EXCEPTION:
		/* The type, the value and the traceback; an error raised in C may still be without its object. */
		if (PyTuple_Check(arg) && PyTuple_GET_SIZE(arg) == 3)
			jem_py_raised(frame, PyTuple_GET_ITEM(arg, 1));
		break;
	case PyTrace_LINE:
		jem_py_line(frame, PyFrame_GetLineNumber(frame));
		break;
	default:
		break;
	}
	return 0;
}

static void begin_thread(void)
{
	PyEval_SetTrace(on_event, NULL);
}
#endif

#if JEM_PY_MONITORING
static PyObject *on_start(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	PyFrameObject *frame = PyEval_GetFrame();

	if (frame)
		jem_py_called(frame);
	Py_RETURN_NONE;
}

static PyObject *on_return(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	PyFrameObject *frame = PyEval_GetFrame();

	if (frame && n == 3)
		jem_py_returned(frame, args[2]);
	Py_RETURN_NONE;
}

static PyObject *on_unwind(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	PyFrameObject *frame = PyEval_GetFrame();

	if (frame)
		jem_py_returned(frame, NULL);
	Py_RETURN_NONE;
}

static PyObject *on_raise(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	PyFrameObject *frame = PyEval_GetFrame();

	if (frame && n == 3)
		jem_py_raised(frame, args[2]);
	Py_RETURN_NONE;
}

static PyObject *on_line(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
	PyFrameObject *frame = PyEval_GetFrame();

	if (frame && n == 2)
		jem_py_line(frame, (int)PyLong_AsLong(args[1]));
	Py_RETURN_NONE;
}

#define CALLBACK(function) (PyCFunction)(void (*)(void))(function)

static struct {
	const char *event;
	PyMethodDef method;
} callbacks[] = {
	{ "PY_START", { "started", CALLBACK(on_start), METH_FASTCALL, NULL } },
	{ "PY_RESUME", { "resumed", CALLBACK(on_start), METH_FASTCALL, NULL } },
	{ "PY_THROW", { "thrown", CALLBACK(on_start), METH_FASTCALL, NULL } },
	{ "PY_RETURN", { "returned", CALLBACK(on_return), METH_FASTCALL, NULL } },
	{ "PY_YIELD", { "yielded", CALLBACK(on_return), METH_FASTCALL, NULL } },
	{ "PY_UNWIND", { "unwound", CALLBACK(on_unwind), METH_FASTCALL, NULL } },
	{ "RAISE", { "raised", CALLBACK(on_raise), METH_FASTCALL, NULL } },
	{ "LINE", { "line", CALLBACK(on_line), METH_FASTCALL, NULL } }, /* last */
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
static int start_monitoring(void)
{
	PyObject *monitoring = PySys_GetObject("monitoring");
	PyObject *done = NULL;
	int tool = 4;
	int events = 0;
	int count = (int)(sizeof(callbacks) / sizeof(*callbacks)) - !wants_lines;

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

/* What is about to go without a word: the counts are told first. */
static int on_audit(const char *event, PyObject *args, void *given)
{
	if (event[0] == 'o' && strcmp(event, "os.exec") == 0) {
		jem_py_place_tell_all();
		jem_py_send_end();
	}
#if !JEM_PY_MONITORING
	if (event[0] == 's' && strcmp(event, "sys.settrace") == 0)
		restore_lines();
#endif
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

#if JEM_PY_MONITORING
#define BEGIN_THREAD NULL
#else
#define BEGIN_THREAD begin_thread
#endif

static PyObject *start(PyObject *self, PyObject *args)
{
	const char *socket, *include, *exclude, *lines;
	PyObject *library;
	unsigned limit;

	if (!PyArg_ParseTuple(args, "szzzIO", &socket, &include, &exclude, &lines, &limit,
			      &library))
		return NULL;
	jem_py_limit = limit;
	wants_lines = lines && *lines;
	if (jem_py_send_open(socket) < 0)
		Py_RETURN_FALSE;
	if (jem_py_select_start(include, exclude, lines, library) < 0)
		return PyErr_NoMemory();
	if (jem_py_threads_start(BEGIN_THREAD) < 0 || PySys_AddAuditHook(on_audit, NULL) < 0)
		return NULL;
	Py_AtExit(on_exit_process);
	pthread_atfork(NULL, NULL, on_forked);
	Py_RETURN_TRUE;
}

/* Apart from start(): what sitecustomize.py does until then is not the job's. */
static PyObject *begin(PyObject *self, PyObject *none)
{
#if JEM_PY_MONITORING
	if (start_monitoring() < 0)
		return NULL;
#else
	begin_thread();
#endif
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
