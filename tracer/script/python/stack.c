/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/script/python/stack.h"

#include "tracer/script/python/record.h"
#include "tracer/script/python/send.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define TELL_EVERY_NS  1000000000u
#define SEARCHED       256
#define LINES_PER_CALL 10u

unsigned jem_py_limit = 100;

static __thread struct jem_py_thread *current __attribute__((tls_model("initial-exec")));
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void destroy(void *given)
{
	struct jem_py_thread *thread = given;

	while (thread->depth)
		jem_py_raised_drop(thread->entries[--thread->depth].raised);
	jem_py_raised_drop(thread->raised);
	free(thread->entries);
	free(thread);
	current = NULL;
}

static void make_key(void)
{
	pthread_key_create(&key, destroy);
}

struct jem_py_thread *jem_py_thread(void)
{
	if (current)
		return current;
	pthread_once(&once, make_key);
	current = calloc(1, sizeof(*current));
	if (current)
		pthread_setspecific(key, current);
	return current;
}

static struct jem_py_entry *top_of(struct jem_py_thread *thread)
{
	return thread->depth ? &thread->entries[thread->depth - 1] : NULL;
}

static void take(struct jem_py_raised **place, struct jem_py_raised *raised)
{
	if (raised)
		raised->references++;
	jem_py_raised_drop(*place);
	*place = raised;
}

/*
 * Something runs again. An exception that left its last frame, but was raised in none around, was caught by C code
 * or by code that we do not follow; one in the frame on top is over when its handler is left.
 */
static void settle(struct jem_py_thread *thread, bool is_return)
{
	struct jem_py_entry *top = top_of(thread);
	const struct jem_py_raised *raised = thread->raised;

	if (raised &&
	    (thread->is_unwinding ||
	     (thread->is_afloat && (is_return || jem_py_handled() != raised->exception)))) {
		jem_py_record_end(raised, NULL, thread->depth, true);
		take(&thread->raised, NULL);
		thread->is_afloat = false;
	}
	thread->is_unwinding = false;
	if (top && top->raised && (is_return || jem_py_handled() != top->raised->exception)) {
		jem_py_record_end(top->raised, top, thread->depth - 1, true);
		if (thread->raised == top->raised)
			take(&thread->raised, NULL);
		take(&top->raised, NULL);
	}
}

static struct jem_py_entry *push(struct jem_py_thread *thread)
{
	if (thread->depth == thread->room) {
		int room = thread->room ? thread->room * 2 : 64;
		struct jem_py_entry *entries;

		if (thread->depth >= JEM_PY_DEPTH)
			return NULL;
		entries = realloc(thread->entries, sizeof(*entries) * (size_t)room);
		if (!entries)
			return NULL;
		thread->entries = entries;
		thread->room = room;
	}
	return &thread->entries[thread->depth++];
}

void jem_py_called(PyFrameObject *frame)
{
	struct jem_py_thread *thread = jem_py_thread();
	struct jem_py_place *place = jem_py_place(frame);
	struct jem_py_entry *top, *entry;

	if (!thread || !place)
		return;
	top = top_of(thread);
	if (thread->raised || (top && top->raised))
		settle(thread, false);
	thread->is_unwinding = false;
	if (!place->is_followed)
		return;
	entry = push(thread);
	if (!entry) {
		jem_py_send_lost(1);
		return;
	}
	*entry = (struct jem_py_entry){ .frame = frame, .place = place };
	place->active++;
	if (!jem_py_limit || place->recorded < jem_py_limit) {
		place->recorded++;
		entry->is_recorded = true;
		jem_py_record_call(frame, entry, thread->depth - 1, jem_py_now());
	}
	entry->start_ns = jem_py_now();
}

static void count(struct jem_py_place *place, uint64_t total, uint64_t self, uint64_t now)
{
	if (!place->calls || total < place->min_ns)
		place->min_ns = total;
	if (total > place->max_ns)
		place->max_ns = total;
	place->calls++;
	if (!place->active)
		place->total_ns += total;
	place->self_ns += self;
	if (!place->told_ns)
		place->told_ns = now;
	if (now - place->told_ns > TELL_EVERY_NS)
		jem_py_place_tell(place, now);
}

/* Takes the top entry off; `frame`: NULL when it is gone without our being told. */
static void pop(struct jem_py_thread *thread, PyFrameObject *frame, PyObject *value, uint64_t now)
{
	struct jem_py_entry *entry = top_of(thread);
	uint64_t total = now - entry->start_ns;
	uint64_t self = total > entry->inner_ns ? total - entry->inner_ns : 0;

	thread->depth--;
	if (entry->place->active)
		entry->place->active--;
	if (!entry->is_recorded)
		count(entry->place, total, self, now);
	else if (frame)
		jem_py_record_return(frame, entry, thread->depth, value, now);
	if (thread->depth)
		thread->entries[thread->depth - 1].inner_ns += total;
	if (entry->raised && frame && jem_py_is_outermost(frame)) {
		if (!entry->raised->is_exit)
			jem_py_record_end(entry->raised, entry, thread->depth, false);
		take(&thread->raised, NULL);
	}
	take(&entry->raised, NULL);
}

/* Frames whose end we were not told lie above: somebody else's profiler ran for a while. */
static bool find(struct jem_py_thread *thread, const PyFrameObject *frame, uint64_t now)
{
	int at = thread->depth - 1;

	while (at >= 0 && at >= thread->depth - SEARCHED && thread->entries[at].frame != frame)
		at--;
	if (at < 0 || thread->entries[at].frame != frame)
		return false;
	while (thread->depth - 1 > at)
		pop(thread, NULL, NULL, now);
	return true;
}

void jem_py_returned(PyFrameObject *frame, PyObject *value)
{
	struct jem_py_thread *thread = jem_py_thread();
	struct jem_py_entry *top = thread ? top_of(thread) : NULL;
	uint64_t now;

	if (!thread)
		return;
	if (value && (thread->raised || (top && top->raised)))
		settle(thread, true);
	thread->is_unwinding = !value;
	if (!top || top->frame != frame) {
		struct jem_py_place *place = jem_py_place(frame);

		if (!value && thread->is_afloat && thread->raised && jem_py_is_outermost(frame)) {
			if (!thread->raised->is_exit)
				jem_py_record_end(thread->raised, NULL, 0, false);
			take(&thread->raised, NULL);
		}
		if (!place || !place->is_followed || !top || !find(thread, frame, jem_py_now()))
			return;
	}
	now = jem_py_now();
	pop(thread, frame, value, now);
}

/* How loops and generators end is no event of its own. */
static bool is_told(PyObject *exception)
{
	return (PyObject *)Py_TYPE(exception) != PyExc_StopIteration &&
	       (PyObject *)Py_TYPE(exception) != PyExc_StopAsyncIteration &&
	       (PyObject *)Py_TYPE(exception) != PyExc_GeneratorExit;
}

/* Where the standard library prints an exception that nobody caught in a thread, or in a process of its own. */
static bool ends_thread(PyFrameObject *frame)
{
	PyCodeObject *code = jem_py_code(frame);

	return PyUnicode_CompareWithASCIIString(code->co_name, "_bootstrap_inner") == 0 ||
	       PyUnicode_CompareWithASCIIString(code->co_name, "_bootstrap") == 0;
}

static void raised_in_library(struct jem_py_thread *thread, PyFrameObject *frame)
{
	if (!thread->raised)
		return;
	thread->is_afloat = true;
	if (!ends_thread(frame))
		return;
	if (!thread->raised->is_exit)
		jem_py_record_end(thread->raised, NULL, thread->depth, false);
	take(&thread->raised, NULL);
}

void jem_py_raised(PyFrameObject *frame, PyObject *exception)
{
	struct jem_py_thread *thread = jem_py_thread();
	struct jem_py_entry *top = thread ? top_of(thread) : NULL;
	bool is_same;

	if (!thread || !exception || !PyExceptionInstance_Check(exception) || !is_told(exception))
		return;
	is_same = thread->is_unwinding && thread->exception == exception;
	if (!is_same && (thread->raised || (top && top->raised)))
		settle(thread, false);
	thread->is_unwinding = false;
	thread->exception = exception;
	if (!is_same) {
		take(&thread->raised, NULL);
		thread->is_known = false;
	}
	if (!top || top->frame != frame) {
		raised_in_library(thread, frame);
		return;
	}
	thread->is_afloat = false;
	top->line = PyFrame_GetLineNumber(frame);
	if (!thread->is_known && jem_py_limit && top->place->raises >= jem_py_limit) {
		jem_py_send_lost(1);
	} else if (!thread->is_known) {
		top->place->raises++;
		take(&thread->raised, NULL);
		thread->raised = jem_py_record_raise(frame, top, thread->depth - 1, exception);
	}
	thread->is_known = true;
	take(&top->raised, thread->raised);
}

void jem_py_line(PyFrameObject *frame, int line)
{
	struct jem_py_thread *thread = jem_py_thread();
	struct jem_py_entry *top = thread ? top_of(thread) : NULL;

	if (!top || top->frame != frame || !top->place->has_lines)
		return;
	if (jem_py_limit && top->place->lines >= jem_py_limit * LINES_PER_CALL) {
		jem_py_send_lost(1);
		return;
	}
	top->place->lines++;
	jem_py_record_line(frame, top, thread->depth - 1, line);
}
