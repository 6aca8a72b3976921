/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sched/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST_CAP = 64,
	FIRST_NAME_SLOTS = 256, /* a power of two */
};

void jem_sched_model_init(struct jem_sched_model *model)
{
	*model = (struct jem_sched_model){ .begin_ns = INT64_MAX, .end_ns = INT64_MIN };
}

void jem_sched_model_deinit(struct jem_sched_model *model)
{
	for (size_t i = 0; i < model->cpu_count; i++)
		free(model->cpus[i].slices);
	free(model->cpus);
	free(model->cpu_index);
	free(model->tasks);
	free(model->names);
	free(model->name_slots);
	free(model->gaps);
	jem_sched_model_init(model);
}

/* Room for one more; half as much again, so that a large recording costs little beyond its size. */
static int grow(void **array, size_t size, size_t count, size_t *cap)
{
	size_t more = *cap ? *cap + *cap / 2 : FIRST_CAP;
	void *moved;

	if (count < *cap)
		return 0;
	moved = reallocarray(*array, more, size);
	if (!moved)
		return -ENOMEM;
	*array = moved;
	*cap = more;
	return 0;
}

static int grow_index(struct jem_sched_model *model, uint16_t number)
{
	size_t want = (size_t)number + 1;
	uint32_t *index;

	if (want <= model->cpu_index_count)
		return 0;
	if (want < 2 * model->cpu_index_count)
		want = 2 * model->cpu_index_count;
	index = reallocarray(model->cpu_index, want, sizeof(*index));
	if (!index)
		return -ENOMEM;
	memset(index + model->cpu_index_count, 0, (want - model->cpu_index_count) * sizeof(*index));
	model->cpu_index = index;
	model->cpu_index_count = want;
	return 0;
}

int jem_sched_model_cpu(struct jem_sched_model *model, uint16_t number, struct jem_sched_cpu **ret)
{
	struct jem_sched_cpu *cpus;

	if (number < model->cpu_index_count && model->cpu_index[number]) {
		*ret = &model->cpus[model->cpu_index[number] - 1];
		return 0;
	}
	if (number == JEM_SCHED_NO_CPU)
		return -EINVAL;
	if (grow_index(model, number) < 0)
		return -ENOMEM;
	cpus = reallocarray(model->cpus, model->cpu_count + 1, sizeof(*cpus));
	if (!cpus)
		return -ENOMEM;
	model->cpus = cpus;
	cpus[model->cpu_count] = (struct jem_sched_cpu){ .number = number };
	*ret = &cpus[model->cpu_count++];
	model->cpu_index[number] = (uint32_t)model->cpu_count;
	return 0;
}

/* Everything that is computed from slices relies on these. */
static bool is_whole(const struct jem_sched_model *model, const struct jem_sched_slice *slice)
{
	return slice->start_ns >= 0 && slice->start_ns <= JEM_SCHED_TIME_MAX &&
	       slice->wait_ns <= (uint64_t)slice->start_ns &&
	       slice->run_ns <= (uint64_t)(JEM_SCHED_TIME_MAX - slice->start_ns) &&
	       slice->task < model->task_count &&
	       (slice->comm == JEM_SCHED_NONE || slice->comm < model->name_count) &&
	       (slice->waker == JEM_SCHED_NONE || slice->waker < model->task_count) &&
	       slice->end < JEM_SCHED_END_COUNT && slice->move <= JEM_SCHED_MOVED;
}

int jem_sched_model_slice(struct jem_sched_model *model, const struct jem_sched_slice *slice)
{
	struct jem_sched_cpu *cpu;
	int rc;

	if (!is_whole(model, slice))
		return -EINVAL;
	rc = jem_sched_model_cpu(model, slice->cpu, &cpu);
	if (rc < 0)
		return rc;
	if (grow((void **)&cpu->slices, sizeof(*cpu->slices), cpu->count, &cpu->cap) < 0)
		return -ENOMEM;
	cpu->slices[cpu->count++] = *slice;
	return 0;
}

int jem_sched_model_task(struct jem_sched_model *model, const struct jem_sched_task *task,
			 uint32_t *ret)
{
	if (model->task_count >= JEM_SCHED_NONE)
		return -E2BIG;
	if (grow((void **)&model->tasks, sizeof(*model->tasks), model->task_count,
		 &model->task_cap) < 0)
		return -ENOMEM;
	model->tasks[model->task_count] = *task;
	*ret = (uint32_t)model->task_count++;
	return 0;
}

int jem_sched_model_gap(struct jem_sched_model *model, const struct jem_sched_gap *gap)
{
	struct jem_sched_cpu *cpu;
	int rc;

	if (gap->from_ns < 0 || gap->to_ns < gap->from_ns || gap->to_ns > JEM_SCHED_TIME_MAX)
		return -EINVAL;
	rc = jem_sched_model_cpu(model, gap->cpu, &cpu);
	if (rc < 0)
		return rc;
	if (grow((void **)&model->gaps, sizeof(*model->gaps), model->gap_count, &model->gap_cap) <
	    0)
		return -ENOMEM;
	model->gaps[model->gap_count++] = *gap;
	return 0;
}

static uint32_t hash_name(const char *name)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return hash ^ hash >> 15;
}

/* The slot of a name, or the free one where it belongs. */
static uint32_t *find_name(const struct jem_sched_model *model, const char *name)
{
	size_t mask = model->name_slot_count - 1;
	size_t at = hash_name(name) & mask;

	while (model->name_slots[at] && strcmp(model->names[model->name_slots[at] - 1], name))
		at = (at + 1) & mask;
	return &model->name_slots[at];
}

static int grow_name_slots(struct jem_sched_model *model)
{
	size_t count = model->name_slot_count ? 2 * model->name_slot_count : FIRST_NAME_SLOTS;
	uint32_t *slots;

	if (2 * (model->name_count + 1) <= model->name_slot_count)
		return 0;
	slots = calloc(count, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(model->name_slots);
	model->name_slots = slots;
	model->name_slot_count = count;
	for (size_t i = 0; i < model->name_count; i++)
		*find_name(model, model->names[i]) = (uint32_t)i + 1;
	return 0;
}

int jem_sched_model_name(struct jem_sched_model *model, const char *comm, uint32_t *ret)
{
	char name[JEM_SCHED_COMM_BYTES] = { 0 };
	uint32_t *slot;

	memcpy(name, comm, strnlen(comm, sizeof(name) - 1));
	if (grow_name_slots(model) < 0)
		return -ENOMEM;
	slot = find_name(model, name);
	if (*slot) {
		*ret = *slot - 1;
		return 0;
	}
	if (model->name_count >= JEM_SCHED_NONE)
		return -E2BIG;
	if (grow((void **)&model->names, sizeof(*model->names), model->name_count,
		 &model->name_cap) < 0)
		return -ENOMEM;
	memcpy(model->names[model->name_count], name, sizeof(name));
	*ret = (uint32_t)model->name_count++;
	*slot = *ret + 1;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct jem_sched_cpu *x = a;
	const struct jem_sched_cpu *y = b;

	return x->number - y->number;
}

/* Of the same start what ends first, so that ends are in order too. */
static int by_start(const void *a, const void *b)
{
	const struct jem_sched_slice *x = a;
	const struct jem_sched_slice *y = b;

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return x->run_ns < y->run_ns ? -1 : x->run_ns > y->run_ns;
}

static int by_core_and_time(const void *a, const void *b)
{
	const struct jem_sched_gap *x = a;
	const struct jem_sched_gap *y = b;

	if (x->cpu != y->cpu)
		return x->cpu - y->cpu;
	return x->from_ns < y->from_ns ? -1 : x->from_ns > y->from_ns;
}

static bool is_sorted(const struct jem_sched_cpu *cpu)
{
	for (size_t i = 1; i < cpu->count; i++) {
		if (by_start(&cpu->slices[i - 1], &cpu->slices[i]) > 0)
			return false;
	}
	return true;
}

/* A core runs one task at a time: of two slices that overlap the first ends where the second begins. */
static uint64_t cut_overlaps(struct jem_sched_cpu *cpu)
{
	uint64_t count = 0;

	for (size_t i = 1; i < cpu->count; i++) {
		struct jem_sched_slice *before = &cpu->slices[i - 1];
		uint64_t room = (uint64_t)(cpu->slices[i].start_ns - before->start_ns);

		if (before->run_ns <= room)
			continue;
		before->run_ns = room;
		before->end = JEM_SCHED_UNKNOWN;
		before->flags |= JEM_SCHED_END_INFERRED;
		count++;
	}
	return count;
}

static void widen(struct jem_sched_model *model, const struct jem_sched_cpu *cpu)
{
	for (size_t i = 0; i < cpu->count; i++) {
		const struct jem_sched_slice *slice = &cpu->slices[i];
		int64_t from = slice->start_ns - (int64_t)slice->wait_ns;
		int64_t to = slice->start_ns + (int64_t)slice->run_ns;

		if (from < model->begin_ns)
			model->begin_ns = from;
		if (to > model->end_ns)
			model->end_ns = to;
	}
}

int jem_sched_model_seal(struct jem_sched_model *model)
{
	if (model->is_sealed)
		return 0;
	if (model->cpu_count)
		qsort(model->cpus, model->cpu_count, sizeof(*model->cpus), by_number);
	if (model->gap_count)
		qsort(model->gaps, model->gap_count, sizeof(*model->gaps), by_core_and_time);
	for (size_t i = 0; i < model->cpu_count; i++) {
		struct jem_sched_cpu *cpu = &model->cpus[i];

		model->cpu_index[cpu->number] = (uint32_t)i + 1;
		if (!is_sorted(cpu))
			qsort(cpu->slices, cpu->count, sizeof(*cpu->slices), by_start);
		model->inferred += cut_overlaps(cpu);
		widen(model, cpu);
	}
	if (model->begin_ns > model->end_ns)
		model->begin_ns = model->end_ns = 0;
	model->is_sealed = true;
	return 0;
}

const struct jem_sched_cpu *jem_sched_model_find_cpu(const struct jem_sched_model *model,
						     uint16_t number)
{
	if (number >= model->cpu_index_count || !model->cpu_index[number])
		return NULL;
	return &model->cpus[model->cpu_index[number] - 1];
}

size_t jem_sched_cpu_at(const struct jem_sched_cpu *cpu, int64_t ns)
{
	size_t low = 0;
	size_t high = cpu->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct jem_sched_slice *slice = &cpu->slices[middle];

		if (slice->start_ns + (int64_t)slice->run_ns > ns)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

const char *jem_sched_end_name(enum jem_sched_end end)
{
	static const char *const names[] = {
#define SCHED_END(name, text, meaning) text,
#include "schemas/sched_ends.def"
#undef SCHED_END
	};

	return (unsigned)end < JEM_SCHED_END_COUNT ? names[end] : "unknown";
}

const char *jem_sched_comm(const struct jem_sched_model *model, uint32_t comm)
{
	return comm < model->name_count ? model->names[comm] : "";
}
