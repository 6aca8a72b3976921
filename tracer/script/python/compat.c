/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/script/python/compat.h"

#if PY_VERSION_HEX >= 0x030b0000
int jem_py_local(PyFrameObject *frame, int i, PyObject **name, PyObject **value)
{
	_PyInterpreterFrame *inner = frame->f_frame;
	PyCodeObject *code = jem_py_code(frame);

	if (i >= code->co_nlocalsplus)
		return 0;
	*name = PyTuple_GET_ITEM(code->co_localsplusnames, i);
	*value = inner->localsplus[i];
	if (*value && PyCell_Check(*value))
		*value = PyCell_GET(*value);
	return 1;
}
#else
int jem_py_local(PyFrameObject *frame, int i, PyObject **name, PyObject **value)
{
	PyCodeObject *code = frame->f_code;
	PyObject *const names[] = { code->co_varnames, code->co_cellvars, code->co_freevars };
	int at = i;

	for (int k = 0; k < 3; k++) {
		int n = (int)PyTuple_GET_SIZE(names[k]);

		if (at < n) {
			*name = PyTuple_GET_ITEM(names[k], at);
			*value = frame->f_localsplus[i];
			if (*value && PyCell_Check(*value))
				*value = PyCell_GET(*value);
			return 1;
		}
		at -= n;
	}
	return 0;
}
#endif
