/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/script/python/threads.h"

#include "tracer/script/python/select.h"
#include "tracer/script/python/send.h"

static PyObject *os_exit; /* owned: the interpreter's own */

#if !JEM_PY_MONITORING
static jem_py_begin_fn *begin;
static PyObject *start_new; /* owned: the interpreter's own */

/* `self`: function, arguments, keywords or None. */
static PyObject *run(PyObject *self, PyObject *none)
{
	PyObject *function = PyTuple_GET_ITEM(self, 0);
	PyObject *keywords = PyTuple_GET_ITEM(self, 2);
	PyObject *ret;

	begin();
	ret = PyObject_Call(function, PyTuple_GET_ITEM(self, 1),
			    keywords == Py_None ? NULL : keywords);
	if (!ret && !PyErr_ExceptionMatches(PyExc_SystemExit)) {
		/* As the interpreter says it of a function that was started without us. */
		_PyErr_WriteUnraisableMsg("in thread started by", function);
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

static PyMethodDef start_method = { "start_new_thread", start_thread, METH_VARARGS, NULL };
#endif

static PyObject *end_process(PyObject *self, PyObject *args, PyObject *keywords)
{
	jem_py_place_tell_all();
	jem_py_send_end();
	return PyObject_Call(os_exit, args, keywords);
}

static PyMethodDef exit_method = { "_exit", (PyCFunction)(void (*)(void))end_process,
				   METH_VARARGS | METH_KEYWORDS, NULL };

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
	static const char *const ends[] = { "_exit", NULL };

	if (replace_in("posix", ends, &exit_method, &os_exit) < 0 ||
	    replace_in("os", ends, &exit_method, &os_exit) < 0)
		return -1;
#if !JEM_PY_MONITORING
	static const char *const names[] = { "start_new_thread", "start_new", NULL };
	static const char *const held[] = { "_start_new_thread", NULL };

	begin = given;
	if (replace_in("_thread", names, &start_method, &start_new) < 0)
		return -1;
	if (PyDict_GetItemString(PyImport_GetModuleDict(), "threading"))
		return replace_in("threading", held, &start_method, &start_new);
#endif
	return 0;
}
