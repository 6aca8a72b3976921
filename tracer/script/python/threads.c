/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/script/python/threads.h"

#include "tracer/script/python/select.h"
#include "tracer/script/python/send.h"

static jem_py_begin_fn *begin;
static PyObject *start_new, *start_joinable, *os_exit; /* owned: the interpreter's own */

/* As the interpreter says it of a function that was started without us. */
static void tell_ignored(PyObject *function)
{
#if PY_VERSION_HEX >= 0x030d0000
	PyErr_FormatUnraisable("Exception ignored in thread started by %R", function);
#else
	_PyErr_WriteUnraisableMsg("in thread started by", function);
#endif
}

/* `self`: function, arguments, keywords or None, of a plain thread; the function alone of a joinable one. */
static PyObject *run(PyObject *self, PyObject *none)
{
	PyObject *function = PyTuple_GET_ITEM(self, 0);
	PyObject *keywords = PyTuple_GET_ITEM(self, 2);
	PyObject *ret;

	begin();
	ret = PyObject_Call(function, PyTuple_GET_ITEM(self, 1),
			    keywords == Py_None ? NULL : keywords);
	if (!ret && !PyErr_ExceptionMatches(PyExc_SystemExit)) {
		tell_ignored(function);
		PyErr_Clear();
	}
	if (!ret && !PyErr_Occurred()) {
		Py_RETURN_NONE;
	}
	return ret;
}

static PyMethodDef run_method = { "run", run, METH_NOARGS, NULL };

static PyObject *wrap(PyObject *function, PyObject *args, PyObject *keywords)
{
	PyObject *held = PyTuple_Pack(3, function, args, keywords ? keywords : Py_None);
	PyObject *ret = held ? PyCFunction_New(&run_method, held) : NULL;

	Py_XDECREF(held);
	return ret;
}

static PyObject *start_thread(PyObject *self, PyObject *args)
{
	Py_ssize_t n = PyTuple_GET_SIZE(args);
	PyObject *wrapped, *ret;

	/* What it refuses it shall refuse in its own words. */
	if (n < 2 || n > 3 || !PyCallable_Check(PyTuple_GET_ITEM(args, 0)) ||
	    !PyTuple_Check(PyTuple_GET_ITEM(args, 1)) ||
	    (n == 3 && !PyDict_Check(PyTuple_GET_ITEM(args, 2))))
		return PyObject_Call(start_new, args, NULL);
	wrapped = wrap(PyTuple_GET_ITEM(args, 0), PyTuple_GET_ITEM(args, 1),
		       n == 3 ? PyTuple_GET_ITEM(args, 2) : NULL);
	if (!wrapped)
		return NULL;
	ret = PyObject_CallFunction(start_new, "N()", wrapped);
	return ret;
}

static PyObject *start_thread_joinable(PyObject *self, PyObject *args, PyObject *keywords)
{
	PyObject *nothing, *wrapped, *given, *ret = NULL;

	if (PyTuple_GET_SIZE(args) < 1 || !PyCallable_Check(PyTuple_GET_ITEM(args, 0)))
		return PyObject_Call(start_joinable, args, keywords);
	nothing = PyTuple_New(0);
	wrapped = nothing ? wrap(PyTuple_GET_ITEM(args, 0), nothing, NULL) : NULL;
	given = wrapped ? PyTuple_GetSlice(args, 0, PyTuple_GET_SIZE(args)) : NULL;
	Py_XDECREF(nothing);
	if (given && PyTuple_GET_SIZE(args) > 0) {
		PyObject *list = PySequence_List(given);

		if (list && PyList_SetItem(list, 0, wrapped) == 0) {
			PyObject *tuple = PyList_AsTuple(list);

			ret = tuple ? PyObject_Call(start_joinable, tuple, keywords) : NULL;
			Py_XDECREF(tuple);
		}
		Py_XDECREF(list);
	} else {
		Py_XDECREF(wrapped);
	}
	Py_XDECREF(given);
	return ret;
}

static PyObject *end_process(PyObject *self, PyObject *args, PyObject *keywords)
{
	jem_py_place_tell_all();
	jem_py_send_end();
	return PyObject_Call(os_exit, args, keywords);
}

static PyMethodDef methods[] = {
	{ "start_new_thread", start_thread, METH_VARARGS, NULL },
	{ "start_joinable_thread", (PyCFunction)(void (*)(void))start_thread_joinable,
	  METH_VARARGS | METH_KEYWORDS, NULL },
	{ "_exit", (PyCFunction)(void (*)(void))end_process, METH_VARARGS | METH_KEYWORDS, NULL },
};

/* Puts `method` in the place of the module's function of that name, which goes to `*held`. */
static int replace(PyObject *module, const char *name, PyMethodDef *method, PyObject **held)
{
	PyObject *own = PyObject_GetAttrString(module, name);
	PyObject *module_name, *function;
	int rc;

	if (!own || (*held && own != *held)) {
		PyErr_Clear();
		Py_XDECREF(own);
		return 0;
	}
	if (PyCFunction_Check(own))
		method->ml_doc = ((PyCFunctionObject *)own)->m_ml->ml_doc;
	module_name = PyObject_GetAttrString(own, "__module__");
	function = PyCFunction_NewEx(method, module, module_name);
	Py_XDECREF(module_name);
	rc = function ? PyObject_SetAttrString(module, name, function) : -1;
	Py_XDECREF(function);
	if (*held)
		Py_DECREF(own);
	else
		*held = own;
	return rc;
}

static int replace_in(const char *module_name, const char *const names[], PyMethodDef *method,
		      PyObject **held)
{
	PyObject *module = PyImport_ImportModule(module_name);
	int rc = module ? 0 : -1;

	for (int i = 0; rc == 0 && names[i]; i++)
		rc = replace(module, names[i], method, held);
	Py_XDECREF(module);
	return rc;
}

int jem_py_threads_start(jem_py_begin_fn *given)
{
	static const char *const plain[] = { "start_new_thread", "start_new", NULL };
	static const char *const joinable[] = { "start_joinable_thread", NULL };
	static const char *const ends[] = { "_exit", NULL };

	static const char *const held_plain[] = { "_start_new_thread", NULL };
	static const char *const held_joinable[] = { "_start_joinable_thread", NULL };

	begin = given;
	if (replace_in("_thread", plain, &methods[0], &start_new) < 0 ||
	    replace_in("_thread", joinable, &methods[1], &start_joinable) < 0 ||
	    (PyDict_GetItemString(PyImport_GetModuleDict(), "threading") &&
	     (replace_in("threading", held_plain, &methods[0], &start_new) < 0 ||
	      replace_in("threading", held_joinable, &methods[1], &start_joinable) < 0)) ||
	    replace_in("posix", ends, &methods[2], &os_exit) < 0)
		return -1;
	return replace_in("os", ends, &methods[2], &os_exit);
}
