/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of a job as trace events (the JSON format of chrome://tracing, which Perfetto reads): B at
 * an enter, E at an exit, with values as arguments. Times are microseconds of CLOCK_MONOTONIC.
 *
 * Begins and ends of a thread have to nest. So a call whose exit was lost ends where an outer one
 * does or the next of its depth begins; an exit whose enter was lost is an X event, where its duration
 * is known. What has not returned has no end, and is shown so.
 */
#include "common/cbor_json.h"
#include "common/cleanup.h"
#include "receiver/batches.h"
#include "receiver/calls/value_text.h"
#include "tools/calls.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	THREADS_MAX = 1 << 16, /* beyond, calls are left out and counted as damaged */
	OPEN_MAX = 1024,       /* levels of a thread; deeper calls are X events at their exits */
	NODES_MAX = 64,
	NODE_PIDS = 10000000, /* processes of the second node begin here, and so on */
};

struct thread {
	uint64_t pid;
	uint64_t tid;
	uint32_t *depths; /* owned; of its open calls, rising */
	uint32_t count;
	uint32_t cap;
};

struct writing {
	struct jem_calls *calls;
	struct thread *threads; /* owned */
	uint32_t count;
	uint32_t cap;
	uint32_t *slots; /* owned; place + 1 */
	uint32_t slot_count;
	char nodes[NODES_MAX][JEM_NAME_MAX + 1];
	uint32_t node_count;
	struct jem_buf buf;
	bool has_events;
};

static struct jem_json begin_event(struct writing *writing, const char *phase, uint64_t pid,
				   uint64_t tid)
{
	struct jem_json json = jem_json_to(&writing->buf);

	jem_buf_add_str(&writing->buf, writing->has_events ? ",\n" : "\n");
	writing->has_events = true;
	jem_json_object_begin(&json);
	jem_json_key(&json, "ph");
	jem_json_str(&json, phase);
	jem_json_key(&json, "pid");
	jem_json_u64(&json, pid);
	jem_json_key(&json, "tid");
	jem_json_u64(&json, tid);
	return json;
}

static void put_name_event(struct writing *writing, const char *what, uint64_t pid, uint64_t tid,
			   const char *text)
{
	struct jem_json json = begin_event(writing, "M", pid, tid);

	jem_json_key(&json, "name");
	jem_json_str(&json, what);
	jem_json_key(&json, "args");
	jem_json_object_begin(&json);
	jem_json_key(&json, "name");
	jem_json_str(&json, text);
	jem_json_object_end(&json);
	jem_json_object_end(&json);
}

/* Threads */

static uint32_t *find_slot(const struct writing *writing, uint64_t pid, uint64_t tid)
{
	uint32_t mask = writing->slot_count - 1;
	uint32_t i = (uint32_t)((pid * 31 + tid) * 0x9e3779b97f4a7c15u >> 32) & mask;

	while (writing->slots[i] && (writing->threads[writing->slots[i] - 1].tid != tid ||
				     writing->threads[writing->slots[i] - 1].pid != pid))
		i = (i + 1) & mask;
	return &writing->slots[i];
}

static int grow(struct writing *writing)
{
	uint32_t cap = writing->cap ? writing->cap * 2 : 64;
	struct thread *threads = realloc(writing->threads, cap * sizeof(*threads));
	uint32_t *slots;

	if (!threads)
		return -ENOMEM;
	writing->threads = threads;
	slots = calloc((size_t)cap * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(writing->slots);
	writing->slots = slots;
	writing->slot_count = cap * 2;
	writing->cap = cap;
	for (uint32_t i = 0; i < writing->count; i++)
		*find_slot(writing, threads[i].pid, threads[i].tid) = i + 1;
	return 0;
}

static void name_thread(struct writing *writing, const struct thread *thread, const char *node,
			int64_t pid)
{
	bool is_first = true;
	char text[JEM_NAME_MAX + 48];

	for (uint32_t i = 0; i + 1 < writing->count; i++)
		is_first &= writing->threads[i].pid != thread->pid;
	if (is_first) {
		snprintf(text, sizeof(text), "process %" PRId64 "%s%s", pid, *node ? " on " : "",
			 node);
		put_name_event(writing, "process_name", thread->pid, thread->tid, text);
	}
	snprintf(text, sizeof(text), "thread %" PRIu64, thread->tid);
	put_name_event(writing, "thread_name", thread->pid, thread->tid, text);
}

/* The thread of a call, made if need be: 1; 0 there are too many; -ENOMEM. */
static int find_thread(struct writing *writing, const char *node, const struct jem_call *call,
		       struct thread **ret)
{
	uint32_t n = 0;
	uint64_t pid;
	uint32_t *slot;

	while (n < writing->node_count && strcmp(writing->nodes[n], node))
		n++;
	if (n == writing->node_count && n < NODES_MAX)
		strcpy(writing->nodes[writing->node_count++], node);
	pid = (uint64_t)call->pid + (uint64_t)n * NODE_PIDS;
	if (writing->count == writing->cap && writing->cap < THREADS_MAX && grow(writing) < 0)
		return -ENOMEM;
	slot = find_slot(writing, pid, (uint64_t)call->tid);
	if (!*slot && writing->count == writing->cap)
		return 0;
	if (!*slot) {
		writing->threads[writing->count] =
			(struct thread){ .pid = pid, .tid = (uint64_t)call->tid };
		*slot = ++writing->count;
		name_thread(writing, &writing->threads[*slot - 1], node, call->pid);
	}
	*ret = &writing->threads[*slot - 1];
	return 1;
}

/* Events */

static void put_time(struct jem_json *json, const char *key, uint64_t ns)
{
	jem_json_key(json, key);
	jem_json_fixed(json, ns, 3);
}

static void put_span(struct jem_json *json, const char *key, struct jem_span span)
{
	if (!span.len)
		return;
	jem_json_key(json, key);
	jem_json_text(json, span.at, span.len);
}

/* A list of {name, type, value} as name: value. */
static void put_values(struct jem_json *json, struct jem_cbor_reader list)
{
	struct jem_cbor_reader value;
	struct jem_cbor_item item;
	uint64_t left;

	if (!list.data)
		return;
	jem_cbor_next_known(&list, &item);
	left = item.number;
	while (jem_value_next_named(&list, &left, &item, &value)) {
		jem_json_key_text(json, (const char *)item.data, item.number);
		(void)jem_cbor_to_json(&value, json, NULL); /* checked when the body was read */
	}
}

static void put_about(struct jem_json *json, const struct jem_call *call)
{
	struct jem_cbor_reader value;

	jem_json_key(json, "args");
	jem_json_object_begin(json);
	if (!call->is_exit) {
		put_values(json, call->args);
		put_span(json, "(signature)", call->signature);
		put_span(json, "(file)", call->file);
		if (call->line) {
			jem_json_key(json, "(line)");
			jem_json_u64(json, call->line);
		}
	}
	if (call->result.data && jem_value_member(call->result, "value", &value)) {
		jem_json_key(json, "(return)");
		(void)jem_cbor_to_json(&value, json, NULL);
	}
	put_values(json, call->locals);
	put_span(json, "(note)", call->note);
	jem_json_object_end(json);
}

static void put_begin(struct writing *writing, const struct thread *thread,
		      const struct jem_call *call)
{
	struct jem_json json = begin_event(writing, "B", thread->pid, thread->tid);

	put_time(&json, "ts", call->mono_ns);
	jem_json_key(&json, "name");
	jem_json_text(&json, call->function.at, call->function.len);
	put_about(&json, call);
	jem_json_object_end(&json);
}

/* `call` NULL: nothing is known of its end. */
static void put_end(struct writing *writing, const struct thread *thread, uint64_t ns,
		    const struct jem_call *call)
{
	struct jem_json json = begin_event(writing, "E", thread->pid, thread->tid);

	put_time(&json, "ts", ns);
	if (call)
		put_about(&json, call);
	jem_json_object_end(&json);
}

static void put_whole(struct writing *writing, const struct thread *thread,
		      const struct jem_call *call)
{
	struct jem_json json = begin_event(writing, "X", thread->pid, thread->tid);
	uint64_t length = call->duration_ns < call->mono_ns ? call->duration_ns : call->mono_ns;

	put_time(&json, "ts", call->mono_ns - length);
	put_time(&json, "dur", length);
	jem_json_key(&json, "name");
	jem_json_text(&json, call->function.at, call->function.len);
	put_about(&json, call);
	jem_json_object_end(&json);
}

static int push(struct thread *thread, uint32_t depth)
{
	if (thread->count == thread->cap) {
		uint32_t cap = thread->cap ? thread->cap * 2 : 16;
		uint32_t *depths = realloc(thread->depths, cap * sizeof(*depths));

		if (!depths)
			return -ENOMEM;
		thread->depths = depths;
		thread->cap = cap;
	}
	thread->depths[thread->count++] = depth;
	return 0;
}

static int add_call(struct writing *writing, struct thread *thread, const struct jem_call *call)
{
	uint32_t keep = call->depth + call->is_exit; /* depths below this one stay open */
	bool is_known;

	while (thread->count && thread->depths[thread->count - 1] >= keep) {
		put_end(writing, thread, call->mono_ns, NULL);
		thread->count--;
	}
	if (!call->is_exit) {
		if (thread->count == OPEN_MAX)
			return 0;
		put_begin(writing, thread, call);
		return push(thread, call->depth);
	}
	is_known = thread->count && thread->depths[thread->count - 1] == call->depth;
	if (is_known) {
		put_end(writing, thread, call->mono_ns, call);
		thread->count--;
	} else if (call->has_duration) {
		put_whole(writing, thread, call);
	}
	return 0;
}

static int add_batch(struct writing *writing, const struct jem_head *head,
		     struct jem_call_rows *rows)
{
	struct jem_calls *calls = writing->calls;
	const char *node = calls->recorded.has_nodes ? head->source.names.node : "";
	int status = 0;

	for (uint64_t row = 0; row < rows->columns->n && status >= 0; row++) {
		struct thread *thread;
		struct jem_call call;

		jem_call_rows_at(rows, row, &call);
		if (call.t_us < calls->selection.since_us || !call.function.at ||
		    !jem_calls_wants(calls, call.function.at, call.function.len))
			continue;
		calls->found++;
		status = find_thread(writing, node, &call, &thread);
		if (status > 0)
			status = add_call(writing, thread, &call);
		else if (status == 0)
			calls->damaged++;
	}
	return status < 0 ? status : jem_calls_put(calls, &writing->buf);
}

static int write_all(struct writing *writing)
{
	auto_batches struct jem_batches *batches = NULL;
	const struct jem_columns *columns;
	const struct jem_head *head;
	struct jem_call_rows rows;
	int status = jem_batches_open(writing->calls->recorded.data, JEM_KIND_call, 0, &batches);

	jem_buf_add_str(&writing->buf, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
	while (status == 0 && (status = jem_batches_next(batches, &columns, &head)) > 0) {
		jem_call_rows_begin(&rows, columns, head);
		status = add_batch(writing, head, &rows);
	}
	if (batches)
		writing->calls->damaged += jem_batches_damaged(batches);
	if (status < 0)
		return status;
	jem_buf_add_str(&writing->buf, "\n]}\n");
	return jem_calls_put(writing->calls, &writing->buf);
}

int jem_calls_chrome(struct jem_calls *calls)
{
	struct writing *writing = calloc(1, sizeof(*writing));
	int status;

	if (!writing)
		return -ENOMEM;
	writing->calls = calls;
	jem_buf_init(&writing->buf, 0);
	status = write_all(writing);
	for (uint32_t i = 0; i < writing->count; i++)
		free(writing->threads[i].depths);
	free(writing->threads);
	free(writing->slots);
	jem_buf_deinit(&writing->buf);
	free(writing);
	return status;
}
