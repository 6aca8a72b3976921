/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/script/python/select.h"

#include "tracer/script/python/send.h"
#include "tracer/script/python/text.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDERS 8

static struct {
	char *include, *exclude, *lines; /* owned */
	char *folders[FOLDERS]; /* owned; of the standard library and of what is installed */
	Py_ssize_t index;
	struct jem_py_place *first;
} state = { .index = -1 };

/* Any of the patterns fits the path, its last part, or the name. */
static bool fits(const char *patterns, const char *file, const char *name)
{
	const char *last = strrchr(file, '/');
	const char *at = patterns;

	while (at && *at) {
		size_t n = strcspn(at, ",");
		char pattern[PATH_MAX];

		if (n && n < sizeof(pattern)) {
			memcpy(pattern, at, n);
			pattern[n] = '\0';
			if (!fnmatch(pattern, file, 0) ||
			    !fnmatch(pattern, last ? last + 1 : file, 0) ||
			    !fnmatch(pattern, name, 0))
				return true;
		}
		at += n + (at[n] == ',');
	}
	return false;
}

static bool is_library(const char *file)
{
	if (file[0] == '<')
		return strncmp(file, "<frozen ", 8) == 0;
	for (int i = 0; i < FOLDERS && state.folders[i]; i++) {
		size_t n = strlen(state.folders[i]);

		if (strncmp(file, state.folders[i], n) == 0 && file[n] == '/')
			return true;
	}
	return false;
}

/* Code made of strings is followed where it is the program (python -c): named tuples and data classes make some too. */
static bool is_made(const char *file, PyFrameObject *frame)
{
	PyObject *name;

	if (strcmp(file, "<string>") != 0)
		return false;
	name = PyDict_GetItemString(jem_py_globals(frame), "__name__");
	return !name || !PyUnicode_CheckExact(name) ||
	       PyUnicode_CompareWithASCIIString(name, "__main__") != 0;
}

static void judge(struct jem_py_place *place, PyFrameObject *frame)
{
	if (state.exclude && fits(state.exclude, place->file, place->function))
		return;
	place->is_followed = state.include
				     ? fits(state.include, place->file, place->function)
				     : !is_library(place->file) && !is_made(place->file, frame);
	place->has_lines = state.lines && fits(state.lines, place->file, place->function);
	place->is_followed |= place->has_lines;
}

static void forget(void *given)
{
	struct jem_py_place *place = given;

	if (!place)
		return;
	jem_py_place_tell(place, 0);
	*(place->previous ? &place->previous->next : &state.first) = place->next;
	if (place->next)
		place->next->previous = place->previous;
	free(place->file);
	free(place->function);
	free(place);
}

static char *copy(PyObject *text)
{
	PyObject *bytes = text && PyUnicode_Check(text)
				  ? PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace")
				  : NULL;
	char *ret = bytes ? strdup(PyBytes_AS_STRING(bytes)) : strdup("?");

	if (!bytes)
		PyErr_Clear();
	Py_XDECREF(bytes);
	return ret;
}

static struct jem_py_place *create(PyCodeObject *code, PyFrameObject *frame)
{
	struct jem_py_place *place = calloc(1, sizeof(*place));

	if (!place)
		return NULL;
	place->file = copy(code->co_filename);
	place->function = copy(jem_py_name(code));
	place->line = code->co_firstlineno;
	if (!place->file || !place->function ||
	    jem_py_extra_set((PyObject *)code, state.index, place) < 0) {
		PyErr_Clear();
		free(place->file);
		free(place->function);
		free(place);
		return NULL;
	}
	judge(place, frame);
	place->next = state.first;
	if (state.first)
		state.first->previous = place;
	state.first = place;
	return place;
}

struct jem_py_place *jem_py_place(PyFrameObject *frame)
{
	PyCodeObject *code = jem_py_code(frame);
	void *place = NULL;

	if (jem_py_extra_get((PyObject *)code, state.index, &place) == 0 && place)
		return place;
	return create(code, frame);
}

void jem_py_place_tell(struct jem_py_place *place, uint64_t now)
{
	struct jem_py_text text;

	if (!place->calls)
		return;
	jem_py_text_start(&text);
	jem_py_text_raw(&text, "{\"lang\":\"python\",\"event\":\"count\",\"is_call\":true,\"t\":");
	jem_py_text_number(&text, (long long)(now ? now : jem_py_now()));
	jem_py_text_raw(&text, ",\"pid\":");
	jem_py_text_number(&text, getpid());
	jem_py_text_raw(&text, ",\"file\":");
	jem_py_text_string(&text, place->file, strlen(place->file), JEM_PY_STRING);
	jem_py_text_raw(&text, ",\"function\":");
	jem_py_text_string(&text, place->function, strlen(place->function), JEM_PY_STRING);
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ ",\"line\":", (uint64_t)place->line }, { ",\"n\":", place->calls },
		{ ",\"total_ns\":", place->total_ns },   { ",\"self_ns\":", place->self_ns },
		{ ",\"min_ns\":", place->min_ns },       { ",\"max_ns\":", place->max_ns },
	};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		jem_py_text_raw(&text, numbers[i].name);
		jem_py_text_number(&text, (long long)numbers[i].value);
	}
	jem_py_text_raw(&text, "}");
	jem_py_send(text.bytes, text.length);
	place->calls = place->total_ns = place->self_ns = place->min_ns = place->max_ns = 0;
	place->told_ns = now;
}

void jem_py_place_tell_all(void)
{
	for (struct jem_py_place *place = state.first; place; place = place->next)
		jem_py_place_tell(place, 0);
}

void jem_py_place_forget_all(void)
{
	for (struct jem_py_place *place = state.first; place; place = place->next)
		place->calls = place->total_ns = place->self_ns = place->min_ns = place->max_ns = 0;
}

static int copy_list(const char *from, char **ret)
{
	*ret = from && *from ? strdup(from) : NULL;
	return from && *from && !*ret ? -ENOMEM : 0;
}

int jem_py_select_start(const char *include, const char *exclude, const char *lines,
			PyObject *library)
{
	Py_ssize_t count = PyTuple_Check(library) ? PyTuple_GET_SIZE(library) : 0;

	if (copy_list(include, &state.include) < 0 || copy_list(exclude, &state.exclude) < 0 ||
	    copy_list(lines, &state.lines) < 0)
		return -ENOMEM;
	for (Py_ssize_t i = 0, n = 0; i < count && n < FOLDERS - 1; i++)
		if (PyUnicode_Check(PyTuple_GET_ITEM(library, i)))
			state.folders[n++] = copy(PyTuple_GET_ITEM(library, i));
	state.index = jem_py_extra_index(forget);
	return state.index < 0 ? -ENOSPC : 0;
}
