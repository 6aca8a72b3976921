/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/sched/pack.h"

#include "receiver/graph/deflate.h"

#include <errno.h>
#include <stdlib.h>

enum {
	GAP,
	RUN,
	END,
	FACE,
	WAIT,
	WAKER,
	FROM,
	COLUMNS,
	RECENT = JEM_PACK_RECENT,
	WAIT_ONLY = 7, /* in the place of how it moved */
};

/* A task under one of its names. */
struct face {
	uint32_t task;
	uint32_t comm;
};

/* Those last seen, the newest first. */
struct recent {
	uint32_t list[RECENT];
	unsigned count;
};

struct packing {
	const struct jem_sched_view *view; /* borrowed */
	struct face *faces;                /* owned */
	uint32_t face_count, face_cap;
	uint32_t *first_of_task; /* owned; face + 1 */
	uint32_t *next_face;     /* owned; of the same task, + 1 */
	unsigned unit_ns;
	size_t slices;
	size_t moved; /* that waited for another core */
	struct jem_buf columns[COLUMNS];
	bool failed;
};

static void put(struct jem_buf *out, uint64_t value)
{
	char bytes[10];
	size_t len = 0;

	for (; value >= 0x80; value >>= 7)
		bytes[len++] = (char)(value | 0x80);
	bytes[len++] = (char)value;
	jem_buf_add(out, bytes, len);
}

static void put_signed(struct jem_buf *out, int64_t value)
{
	put(out, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

static int grow(struct packing *packing)
{
	uint32_t cap = packing->face_cap ? packing->face_cap * 2 : 256;
	struct face *faces = realloc(packing->faces, cap * sizeof(*faces));
	uint32_t *next;

	if (!faces)
		return -ENOMEM;
	packing->faces = faces;
	next = realloc(packing->next_face, cap * sizeof(*next));
	if (!next)
		return -ENOMEM;
	packing->next_face = next;
	packing->face_cap = cap;
	return 0;
}

/* 1 + index of the core in whose queue it was, where it was moved from there; 0: of its own core. */
static uint64_t queue_of(const struct packing *packing, const struct jem_sched_slice *slice)
{
	const struct jem_sched_model *model = packing->view->model;
	const struct jem_sched_cpu *cpu;

	if (!slice->wait_ns || (slice->move != JEM_SCHED_BALANCED && slice->move != JEM_SCHED_NUMA))
		return 0;
	cpu = jem_sched_model_find_cpu(model, slice->from_cpu);
	return cpu ? 1 + (uint64_t)(cpu - model->cpus) : 0;
}

/* The face of a task under a name, made at first sight. */
static uint32_t face_of(struct packing *packing, uint32_t task, uint32_t comm)
{
	uint32_t *at = &packing->first_of_task[task];

	while (*at && packing->faces[*at - 1].comm != comm)
		at = &packing->next_face[*at - 1];
	if (*at)
		return *at - 1;
	if (packing->face_count == packing->face_cap) {
		if (grow(packing) < 0) {
			packing->failed = true;
			return 0;
		}
		/* The table of next ones may have moved. */
		for (at = &packing->first_of_task[task]; *at;)
			at = &packing->next_face[*at - 1];
	}
	packing->faces[packing->face_count] = (struct face){ task, comm };
	packing->next_face[packing->face_count] = 0;
	*at = ++packing->face_count;
	return *at - 1;
}

/* The number as a rank among the last ones, which it then leads. */
static uint32_t rank(struct recent *recent, uint32_t number)
{
	unsigned at = 0;
	bool is_known;

	while (at < recent->count && recent->list[at] != number)
		at++;
	is_known = at < recent->count;
	if (!is_known && recent->count < RECENT)
		recent->count++;
	for (unsigned i = is_known ? at : recent->count - 1; i > 0; i--)
		recent->list[i] = recent->list[i - 1];
	recent->list[0] = number;
	return is_known ? at : RECENT + number;
}

static int64_t units(const struct packing *packing, int64_t ns)
{
	int64_t since = ns - packing->view->select.from_ns;

	return since <= 0 ? 0 : (since + packing->unit_ns / 2) / packing->unit_ns;
}

static void add_slice(struct packing *packing, const struct jem_sched_slice *slice,
		      struct recent *faces, struct recent *wakers, int64_t *end)
{
	const struct jem_sched_view *view = packing->view;
	int64_t last_ns = slice->start_ns + (int64_t)slice->run_ns;
	int64_t from = units(packing, slice->start_ns);
	int64_t to = units(packing, last_ns < view->select.to_ns ? last_ns : view->select.to_ns);
	bool is_wait_only = slice->flags & JEM_SCHED_WAIT_ONLY;
	uint64_t queue = queue_of(packing, slice);
	bool is_woken =
		slice->waker != JEM_SCHED_NONE && !(slice->flags & JEM_SCHED_WAIT_PREEMPTED);

	from = from > *end ? from : *end;
	to = to > from ? to : from;
	put(&packing->columns[GAP], (uint64_t)(from - *end));
	put(&packing->columns[RUN], (uint64_t)(to - from));
	put(&packing->columns[END],
	    slice->end | (slice->flags & 3u) << 3 | (is_wait_only ? WAIT_ONLY : slice->move) << 5);
	put(&packing->columns[FACE], rank(faces, face_of(packing, slice->task, slice->comm)));
	put(&packing->columns[WAIT], (slice->wait_ns + packing->unit_ns / 2) / packing->unit_ns);
	if (queue) {
		put(&packing->columns[FROM], packing->slices);
		put(&packing->columns[FROM], queue - 1);
		packing->moved++;
	}
	packing->slices++;
	if (is_woken) {
		uint32_t comm = view->model->tasks[slice->waker].comm;

		put(&packing->columns[WAKER],
		    1 + (uint64_t)rank(wakers, face_of(packing, slice->waker, comm)));
	} else {
		put(&packing->columns[WAKER], 0);
	}
	*end = to;
}

/* Those of a core that touch the window, or wait in it; returns how many. */
static size_t add_core(struct packing *packing, const struct jem_sched_cpu *cpu)
{
	const struct jem_sched_view *view = packing->view;
	struct recent faces = { .count = 0 };
	struct recent wakers = { .count = 0 };
	int64_t end = 0;
	size_t count = 0;

	for (size_t i = jem_sched_cpu_at(cpu, view->select.from_ns); i < cpu->count; i++) {
		const struct jem_sched_slice *slice = &cpu->slices[i];

		if (slice->start_ns - (int64_t)slice->wait_ns >= view->select.to_ns ||
		    !jem_sched_select_has(view->model, &view->select, slice))
			continue;
		add_slice(packing, slice, &faces, &wakers, &end);
		count++;
	}
	return count;
}

/* A parent may be no face: it never ran in the window under that name. */
static void put_faces(const struct packing *packing, struct jem_buf *out)
{
	const struct jem_sched_model *model = packing->view->model;
	int64_t before = 0;

	put(out, packing->face_count);
	for (uint32_t i = 0; i < packing->face_count; i++) {
		const struct jem_sched_task *task = &model->tasks[packing->faces[i].task];
		uint32_t parent = task->parent;

		put_signed(out, task->tid - before);
		put_signed(out, task->tid - (int64_t)task->pid);
		put(out, parent == JEM_SCHED_NONE ? 0 : 1 + (uint64_t)model->tasks[parent].tid);
		put(out, packing->faces[i].comm == JEM_SCHED_NONE ? 0 : packing->faces[i].comm + 1);
		before = task->tid;
	}
}

static int pack(struct packing *packing, struct jem_buf *out)
{
	const struct jem_sched_model *model = packing->view->model;
	struct jem_buf counts;
	struct jem_buf all;
	struct jem_buf packed;
	int rc;

	jem_buf_init(&counts, 0);
	jem_buf_init(&all, 0);
	jem_buf_init(&packed, 0);
	for (size_t c = 0; c < model->cpu_count; c++) {
		size_t count = jem_sched_select_cpu(&packing->view->select, model->cpus[c].number)
				       ? add_core(packing, &model->cpus[c])
				       : 0;

		put(&counts, count);
	}
	put_faces(packing, &all);
	jem_buf_add(&all, counts.data, counts.len);
	for (int i = 0; i < COLUMNS; i++) {
		packing->failed = packing->failed || packing->columns[i].failed;
		if (i == FROM)
			put(&all, packing->moved);
		jem_buf_add(&all, packing->columns[i].data, packing->columns[i].len);
	}
	rc = all.failed || packing->failed ? -ENOMEM : jem_deflate(&packed, all.data, all.len);
	if (rc == 0)
		jem_base64_add(out, packed.data, packed.len);
	jem_buf_deinit(&counts);
	jem_buf_deinit(&all);
	jem_buf_deinit(&packed);
	return rc < 0 || out->failed ? -ENOMEM : 0;
}

unsigned jem_sched_unit_ns(const struct jem_sched_view *view)
{
	int64_t span = view->select.to_ns - view->select.from_ns;

	return span > 1000000000 ? 1000 : span > 10000000 ? 100 : span > 1000000 ? 10 : 1;
}

size_t jem_sched_pack_count(const struct jem_sched_view *view)
{
	size_t count = 0;

	for (size_t c = 0; c < view->model->cpu_count; c++) {
		const struct jem_sched_cpu *cpu = &view->model->cpus[c];

		if (jem_sched_select_cpu(&view->select, cpu->number))
			count += jem_sched_cpu_at(cpu, view->select.to_ns) -
				 jem_sched_cpu_at(cpu, view->select.from_ns);
	}
	return count;
}

int jem_sched_pack(const struct jem_sched_view *view, struct jem_buf *out, size_t *ret_slices)
{
	struct packing packing = { .view = view, .unit_ns = jem_sched_unit_ns(view) };
	int rc = -ENOMEM;

	for (int i = 0; i < COLUMNS; i++)
		jem_buf_init(&packing.columns[i], 0);
	packing.first_of_task = calloc(view->model->task_count + 1, sizeof(*packing.first_of_task));
	if (packing.first_of_task)
		rc = pack(&packing, out);
	for (int i = 0; i < COLUMNS; i++)
		jem_buf_deinit(&packing.columns[i]);
	free(packing.first_of_task);
	free(packing.next_face);
	free(packing.faces);
	*ret_slices = packing.slices;
	return rc;
}

void jem_base64_add(struct jem_buf *out, const void *bytes, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = bytes;
	char *to = jem_buf_extend(out, (len + 2) / 3 * 4);

	for (size_t i = 0; to && i < len; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16;

		v |= i + 1 < len ? (uint32_t)in[i + 1] << 8 : 0;
		v |= i + 2 < len ? in[i + 2] : 0;
		*to++ = digits[v >> 18];
		*to++ = digits[v >> 12 & 63];
		*to++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
		*to++ = i + 2 < len ? digits[v & 63] : '=';
	}
}
