/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/script/python/record.h"

#include "tracer/script/python/send.h"
#include "tracer/script/python/source_line.h"
#include "tracer/script/python/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOCALS    16
#define OUTER     24 /* frames of a traceback around the one that raises */
#define INNER     16 /* and inside it: library code that raised */
#define NAME_MAX_ 128

static void start(struct jem_py_text *text, const char *event, const struct jem_py_entry *entry,
		  int depth, int line, uint64_t now)
{
	long tid = syscall(SYS_gettid);

	jem_py_text_start(text);
	jem_py_text_raw(text, "{\"lang\":\"python\",\"event\":\"");
	jem_py_text_raw(text, event);
	jem_py_text_raw(text, "\",\"t\":");
	jem_py_text_number(text, (long long)now);
	jem_py_text_raw(text, ",\"pid\":");
	jem_py_text_number(text, getpid());
	if (tid != getpid()) {
		jem_py_text_raw(text, ",\"tid\":");
		jem_py_text_number(text, tid);
	}
	jem_py_text_raw(text, ",\"depth\":");
	jem_py_text_number(text, depth);
	if (!entry)
		return;
	jem_py_text_raw(text, ",\"line\":");
	jem_py_text_number(text, line > 0 ? line : 0);
	jem_py_text_raw(text, ",\"file\":");
	jem_py_text_string(text, entry->place->file, strlen(entry->place->file), JEM_PY_STRING);
	jem_py_text_raw(text, ",\"function\":");
	jem_py_text_string(text, entry->place->function, strlen(entry->place->function),
			   JEM_PY_STRING);
}

static void finish(struct jem_py_text *text)
{
	jem_py_text_raw(text, "}");
	if (text->is_cut)
		jem_py_send_lost(1);
	else
		jem_py_send(text->bytes, text->length);
}

/* One value of a list that is open; false when there is no more room. */
static bool add_value(struct jem_py_text *text, PyObject *name, const char *word, PyObject *value,
		      bool is_first)
{
	size_t mark = jem_py_text_mark(text);
	const char *type = Py_TYPE(value)->tp_name;

	jem_py_text_raw(text, is_first ? "{\"name\":" : ",{\"name\":");
	if (word)
		jem_py_text_string(text, word, strlen(word), NAME_MAX_);
	else
		jem_py_text_str(text, name, NAME_MAX_);
	jem_py_text_raw(text, ",\"type\":");
	jem_py_text_string(text, type, strlen(type), NAME_MAX_);
	jem_py_text_raw(text, ",\"value\":");
	jem_py_text_value(text, value, false);
	jem_py_text_raw(text, "}");
	return jem_py_text_keep(text, mark);
}

static bool is_plain(PyObject *value)
{
	return value == Py_None || PyBool_Check(value) || PyLong_CheckExact(value) ||
	       PyFloat_CheckExact(value) || PyUnicode_CheckExact(value) ||
	       PyBytes_CheckExact(value) || PyList_CheckExact(value) || PyTuple_CheckExact(value) ||
	       PyDict_CheckExact(value);
}

/* Of a module, what is data: its functions, classes and imports say nothing of how it got here. */
static void add_globals(struct jem_py_text *text, PyFrameObject *frame)
{
	PyObject *name, *value;
	Py_ssize_t place = 0;
	int n = 0;

	while (n < LOCALS && PyDict_Next(jem_py_globals(frame), &place, &name, &value)) {
		if (!PyUnicode_CheckExact(name) || !is_plain(value) ||
		    (PyUnicode_GET_LENGTH(name) > 1 && PyUnicode_READ_CHAR(name, 0) == '_' &&
		     PyUnicode_READ_CHAR(name, 1) == '_'))
			continue;
		if (!add_value(text, name, NULL, value, n == 0))
			return;
		n++;
	}
}

static void add_locals(struct jem_py_text *text, PyFrameObject *frame)
{
	PyObject *name, *value;

	jem_py_text_raw(text, ",\"locals\":[");
	if (!(jem_py_code(frame)->co_flags & CO_OPTIMIZED)) {
		add_globals(text, frame);
	} else {
		for (int i = 0, n = 0; n < LOCALS && jem_py_local(frame, i, &name, &value); i++) {
			if (!value)
				continue;
			if (!add_value(text, name, NULL, value, n == 0))
				break;
			n++;
		}
	}
	jem_py_text_raw(text, "]");
}

void jem_py_record_call(PyFrameObject *frame, const struct jem_py_entry *entry, int depth,
			uint64_t now)
{
	struct jem_py_text text;

	start(&text, "call", entry, depth, entry->place->line, now);
	if (jem_py_code(frame)->co_flags & CO_OPTIMIZED)
		add_locals(&text, frame);
	finish(&text);
}

void jem_py_record_return(PyFrameObject *frame, const struct jem_py_entry *entry, int depth,
			  PyObject *value, uint64_t now)
{
	uint64_t total = now - entry->start_ns;
	struct jem_py_text text;

	start(&text, "return", entry, depth, PyFrame_GetLineNumber(frame), now);
	jem_py_text_raw(&text, ",\"duration_ns\":");
	jem_py_text_number(&text, (long long)total);
	jem_py_text_raw(&text, ",\"self_ns\":");
	jem_py_text_number(&text,
			   (long long)(total > entry->inner_ns ? total - entry->inner_ns : 0));
	if (!value) {
		jem_py_text_raw(&text, ",\"note\":\"left by an exception\"");
	} else if (jem_py_code(frame)->co_flags & CO_OPTIMIZED) {
		jem_py_text_raw(&text, ",\"locals\":[");
		add_value(&text, NULL, "return", value, true);
		jem_py_text_raw(&text, "]");
	}
	finish(&text);
}

static void add_source(struct jem_py_text *text, const char *file, int line)
{
	char source[256];
	size_t n = jem_py_source_line(file, line, source, sizeof(source));

	if (!n)
		return;
	jem_py_text_raw(text, ",\"text\":");
	jem_py_text_string(text, source, n, sizeof(source));
}

void jem_py_record_line(PyFrameObject *frame, const struct jem_py_entry *entry, int depth, int line)
{
	struct jem_py_text text;

	start(&text, "line", entry, depth, line, jem_py_now());
	add_source(&text, entry->place->file, line);
	finish(&text);
}

static void add_frame(struct jem_py_text *text, PyCodeObject *code, int line, bool is_first)
{
	size_t mark = jem_py_text_mark(text);
	PyObject *file = PyUnicode_AsEncodedString(code->co_filename, "utf-8", "backslashreplace");
	PyObject *name = PyUnicode_AsEncodedString(jem_py_name(code), "utf-8", "backslashreplace");
	char bytes[1024];
	int used = snprintf(bytes, sizeof(bytes), "File \"%.512s\", line %d, in %.256s",
			    file ? PyBytes_AS_STRING(file) : "?", line,
			    name ? PyBytes_AS_STRING(name) : "?");

	if (!file || !name)
		PyErr_Clear();
	Py_XDECREF(file);
	Py_XDECREF(name);
	if (!is_first)
		jem_py_text_raw(text, ",");
	jem_py_text_string(text, bytes, (size_t)used, sizeof(bytes));
	jem_py_text_keep(text, mark);
}

/* From the outermost frame inwards, as the interpreter prints it; then what it came through. */
static void add_traceback(struct jem_py_text *text, PyFrameObject *frame, PyObject *exception)
{
	const PyTracebackObject *trace =
		(const PyTracebackObject *)((PyBaseExceptionObject *)exception)->traceback;
	PyFrameObject *outer[OUTER];
	PyFrameObject *at = jem_py_back(frame);
	bool is_first = true;
	int n = 0;

	jem_py_text_raw(text, ",\"traceback\":[");
	while (at && n < OUTER) {
		outer[n++] = at;
		at = jem_py_back(at);
	}
	Py_XDECREF(at);
	while (n-- > 0) {
		add_frame(text, jem_py_code(outer[n]), PyFrame_GetLineNumber(outer[n]), is_first);
		is_first = false;
		Py_DECREF(outer[n]);
	}
	/* Before the frame itself is entered in it, there is its line alone. */
	if (!trace || trace->tb_frame != frame) {
		add_frame(text, jem_py_code(frame), PyFrame_GetLineNumber(frame), is_first);
		is_first = false;
	}
	for (n = 0; trace && n < INNER; n++, trace = trace->tb_next) {
		PyCodeObject *code = jem_py_code(trace->tb_frame);
		int line = trace->tb_lineno > 0 ? trace->tb_lineno
						: PyCode_Addr2Line(code, trace->tb_lasti);

		add_frame(text, code, line, is_first);
		is_first = false;
	}
	jem_py_text_raw(text, "]");
}

/* What str() would say of the built-in ones, of what they were made with: never by their own __str__. */
static void add_message(struct jem_py_text *text, PyObject *exception)
{
	PyObject *args = ((PyBaseExceptionObject *)exception)->args;
	Py_ssize_t n = args && PyTuple_Check(args) ? PyTuple_GET_SIZE(args) : 0;
	bool is_key = (PyObject *)Py_TYPE(exception) == PyExc_KeyError;

	jem_py_text_raw(text, ",\"message\":");
	if (n == 0)
		jem_py_text_raw(text, "\"\"");
	else
		jem_py_text_value(text, n == 1 ? PyTuple_GET_ITEM(args, 0) : args, is_key);
}

static void add_exception(struct jem_py_text *text, PyFrameObject *frame, PyObject *exception)
{
	const char *type = Py_TYPE(exception)->tp_name;

	jem_py_text_raw(text, ",\"type\":");
	jem_py_text_string(text, type, strlen(type), NAME_MAX_);
	add_message(text, exception);
	add_traceback(text, frame, exception);
}

struct jem_py_raised *jem_py_record_raise(PyFrameObject *frame, const struct jem_py_entry *entry,
					  int depth, PyObject *exception)
{
	struct jem_py_raised *ret;
	struct jem_py_text text;
	size_t from, length;

	start(&text, "exception", entry, depth, entry->line, jem_py_now());
	from = jem_py_text_mark(&text);
	add_exception(&text, frame, exception);
	length = jem_py_text_mark(&text) - from;
	ret = malloc(sizeof(*ret) + length + 1);
	if (ret) {
		*ret = (struct jem_py_raised){ .references = 1,
					       .exception = exception,
					       .length = length };
		ret->is_exit =
			PyType_IsSubtype(Py_TYPE(exception), (PyTypeObject *)PyExc_SystemExit);
		memcpy(ret->fields, text.bytes + from, length);
		ret->fields[length] = '\0';
	}
	add_source(&text, entry->place->file, entry->line);
	add_locals(&text, frame);
	finish(&text);
	return ret;
}

void jem_py_record_end(const struct jem_py_raised *raised, const struct jem_py_entry *entry,
		       int depth, bool is_handled)
{
	struct jem_py_text text;

	start(&text, "exception", entry, depth, entry ? entry->line : 0, jem_py_now());
	jem_py_text_raw(&text, raised->fields);
	jem_py_text_raw(&text, is_handled ? ",\"handled\":true" : ",\"handled\":false");
	if (!entry && is_handled)
		jem_py_text_raw(&text, ",\"note\":\"by code that is not followed\"");
	finish(&text);
}

void jem_py_raised_drop(struct jem_py_raised *raised)
{
	if (raised && --raised->references == 0)
		free(raised);
}
