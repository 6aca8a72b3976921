/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/script/python/text.h"

#include <stdio.h>
#include <string.h>

/* Left free for the brackets that close what was opened. */
#define TAIL 256

void jem_py_text_start(struct jem_py_text *text)
{
	text->length = 0;
	text->is_cut = false;
}

static void add(struct jem_py_text *text, const char *bytes, size_t length)
{
	if (length > sizeof(text->bytes) - text->length) {
		text->is_cut = true;
		return;
	}
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

void jem_py_text_raw(struct jem_py_text *text, const char *bytes)
{
	add(text, bytes, strlen(bytes));
}

void jem_py_text_number(struct jem_py_text *text, long long number)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%lld", number);
	jem_py_text_raw(text, digits);
}

size_t jem_py_text_mark(const struct jem_py_text *text)
{
	return text->length;
}

bool jem_py_text_keep(struct jem_py_text *text, size_t mark)
{
	if (!text->is_cut && text->length <= sizeof(text->bytes) - TAIL)
		return true;
	text->length = mark;
	text->is_cut = false;
	return false;
}

/* Length of the well-formed UTF-8 character at `at`, 0 when it is none. */
static size_t character(const unsigned char *at, size_t left)
{
	size_t n = at[0] < 0x80 ? 1 : at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc2 ? 2 : 0;

	if (n == 0 || n > left || at[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return n;
}

void jem_py_text_string(struct jem_py_text *text, const char *bytes, size_t length, size_t limit)
{
	const unsigned char *at = (const unsigned char *)bytes;
	size_t end = length < limit ? length : limit;
	size_t i = 0;

	add(text, "\"", 1);
	while (i < end) {
		size_t n = character(at + i, length - i);
		char escaped[8];

		if (n == 0) {
			add(text, "?", 1);
			n = 1;
		} else if (at[i] == '"' || at[i] == '\\') {
			snprintf(escaped, sizeof(escaped), "\\%c", at[i]);
			jem_py_text_raw(text, escaped);
		} else if (at[i] < 0x20 || at[i] == 0x7f) {
			snprintf(escaped, sizeof(escaped), "\\u%04x", at[i]);
			jem_py_text_raw(text, escaped);
		} else {
			add(text, bytes + i, n);
		}
		i += n;
	}
	if (length > limit)
		add(text, "...", 3);
	add(text, "\"", 1);
}

/* What value_of writes into: the text of one value, before it becomes a JSON string. */
struct value {
	size_t length;
	char bytes[JEM_PY_STRING];
};

static void put(struct value *value, const char *bytes, size_t length)
{
	size_t room = sizeof(value->bytes) - value->length;
	size_t n = length < room ? length : room;

	memcpy(value->bytes + value->length, bytes, n);
	value->length += n;
}

static bool is_full(const struct value *value)
{
	return value->length == sizeof(value->bytes);
}

static void put_number(struct value *value, PyObject *object)
{
	int overflow;
	long long number = PyLong_AsLongLongAndOverflow(object, &overflow);
	char digits[64];

	if (overflow)
		snprintf(digits, sizeof(digits), "%s2**63", overflow < 0 ? "< -" : ">= ");
	else
		snprintf(digits, sizeof(digits), "%lld", number);
	put(value, digits, strlen(digits));
}

static void put_float(struct value *value, double number)
{
	char *digits = PyOS_double_to_string(number, 'r', 0, Py_DTSF_ADD_DOT_0, NULL);

	if (digits)
		put(value, digits, strlen(digits));
	else
		PyErr_Clear();
	PyMem_Free(digits);
}

/* Not PyUnicode_AsUTF8: that would keep a copy in the user's string. */
static PyObject *encode(PyObject *object, size_t limit)
{
	PyObject *part = PyUnicode_GET_LENGTH(object) > (Py_ssize_t)limit
				 ? PyUnicode_Substring(object, 0, (Py_ssize_t)limit + 1)
				 : (Py_INCREF(object), object);
	PyObject *bytes =
		part ? PyUnicode_AsEncodedString(part, "utf-8", "backslashreplace") : NULL;

	Py_XDECREF(part);
	if (!bytes)
		PyErr_Clear();
	return bytes;
}

static void put_str(struct value *value, PyObject *object, bool is_quoted)
{
	PyObject *bytes = encode(object, JEM_PY_STRING);

	if (is_quoted)
		put(value, "'", 1);
	if (bytes)
		put(value, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
	if (is_quoted)
		put(value, "'", 1);
	Py_XDECREF(bytes);
}

static void value_of(struct value *value, PyObject *object, int nesting, bool is_quoted);

static void put_sequence(struct value *value, PyObject *object, int nesting)
{
	bool is_list = PyList_CheckExact(object);
	Py_ssize_t n = is_list ? PyList_GET_SIZE(object) : PyTuple_GET_SIZE(object);

	put(value, is_list ? "[" : "(", 1);
	for (Py_ssize_t i = 0; i < n && !is_full(value); i++) {
		if (i > 0)
			put(value, ", ", 2);
		if (i == JEM_PY_ELEMENTS) {
			put(value, "...", 3);
			break;
		}
		value_of(value, is_list ? PyList_GET_ITEM(object, i) : PyTuple_GET_ITEM(object, i),
			 nesting - 1, true);
	}
	if (!is_list && n == 1)
		put(value, ",", 1);
	put(value, is_list ? "]" : ")", 1);
}

static void put_dict(struct value *value, PyObject *object, int nesting)
{
	PyObject *key, *item;
	Py_ssize_t place = 0;

	put(value, "{", 1);
	for (int i = 0; !is_full(value) && PyDict_Next(object, &place, &key, &item); i++) {
		if (i > 0)
			put(value, ", ", 2);
		if (i == JEM_PY_ELEMENTS) {
			put(value, "...", 3);
			break;
		}
		value_of(value, key, nesting - 1, true);
		put(value, ": ", 2);
		value_of(value, item, nesting - 1, true);
	}
	put(value, "}", 1);
}

static void put_type(struct value *value, PyObject *object)
{
	const char *name = Py_TYPE(object)->tp_name;

	put(value, "<", 1);
	put(value, name, strnlen(name, 128));
	put(value, ">", 1);
}

static void value_of(struct value *value, PyObject *object, int nesting, bool is_quoted)
{
	if (object == Py_None)
		put(value, "None", 4);
	else if (object == Py_True)
		put(value, "True", 4);
	else if (object == Py_False)
		put(value, "False", 5);
	else if (PyLong_CheckExact(object))
		put_number(value, object);
	else if (PyFloat_CheckExact(object))
		put_float(value, PyFloat_AS_DOUBLE(object));
	else if (PyUnicode_CheckExact(object))
		put_str(value, object, is_quoted);
	else if (PyBytes_CheckExact(object)) {
		put(value, "b'", 2);
		put(value, PyBytes_AS_STRING(object), (size_t)PyBytes_GET_SIZE(object));
		put(value, "'", 1);
	} else if (nesting > 0 && (PyList_CheckExact(object) || PyTuple_CheckExact(object)))
		put_sequence(value, object, nesting);
	else if (nesting > 0 && PyDict_CheckExact(object))
		put_dict(value, object, nesting);
	else
		put_type(value, object);
}

void jem_py_text_str(struct jem_py_text *text, PyObject *object, size_t limit)
{
	PyObject *bytes = object && PyUnicode_Check(object) ? encode(object, limit) : NULL;

	if (bytes)
		jem_py_text_string(text, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes),
				   limit);
	else
		jem_py_text_raw(text, "\"\"");
	Py_XDECREF(bytes);
}

void jem_py_text_value(struct jem_py_text *text, PyObject *object, bool is_quoted)
{
	struct value value = { .length = 0 };

	value_of(&value, object, JEM_PY_NESTING, is_quoted);
	/* A full one was cut: the string says so by its dots. */
	jem_py_text_string(text, value.bytes, value.length, sizeof(value.bytes) - 1);
}
