/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/sched/tints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	COLOURS = JEM_TINT_COUNT - JEM_TINT_FIRST,
};

static const uint32_t colours[COLOURS] = {
	0x0072b2, 0xe69f00, 0x009e73, 0xcc79a7, 0xd55e00, 0x56b4e9,
	0x5a2ad0, 0x2fd07a, 0x8f1010, 0x77ddbb, 0x005555, 0x5f5fdd,
};

/* A command of all models. */
struct command {
	const char *name; /* borrowed */
	uint64_t run_ns;
	unsigned tint;
};

static uint32_t hash(const char *text)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 16777619u;
	return h ^ h >> 15;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct command *)a)->name, ((const struct command *)b)->name);
}

static int by_time(const void *a, const void *b)
{
	const struct command *x = a;
	const struct command *y = b;

	if (x->run_ns != y->run_ns)
		return x->run_ns < y->run_ns ? 1 : -1;
	return strcmp(x->name, y->name);
}

static void add_times(const struct jem_sched_model *model, struct command *commands)
{
	for (size_t i = 0; i < model->name_count; i++)
		commands[i].name = model->names[i];
	for (size_t c = 0; c < model->cpu_count; c++)
		for (size_t i = 0; i < model->cpus[c].count; i++) {
			const struct jem_sched_slice *slice = &model->cpus[c].slices[i];

			if (slice->comm < model->name_count)
				commands[slice->comm].run_ns += slice->run_ns;
		}
}

/* Sorted by name; the same command of several models becomes one. */
static size_t join(struct command *commands, size_t count)
{
	size_t n = 0;

	qsort(commands, count, sizeof(*commands), by_name);
	for (size_t i = 0; i < count; i++) {
		if (n && !strcmp(commands[n - 1].name, commands[i].name))
			commands[n - 1].run_ns += commands[i].run_ns;
		else
			commands[n++] = commands[i];
	}
	return n;
}

static void choose(struct command *commands, size_t count)
{
	bool is_taken[COLOURS] = { false };

	qsort(commands, count, sizeof(*commands), by_time);
	for (size_t i = 0; i < count; i++) {
		unsigned colour = hash(commands[i].name) % COLOURS;

		for (unsigned k = 0; i < COLOURS && is_taken[colour] && k < COLOURS; k++)
			colour = (colour + 1) % COLOURS;
		is_taken[colour] = true;
		commands[i].tint = JEM_TINT_FIRST + colour;
	}
	qsort(commands, count, sizeof(*commands), by_name);
}

static bool is_target(const struct jem_tints *tints, const char *name)
{
	return !tints->target || !strncmp(name, tints->target, strlen(tints->target));
}

static int fill(struct jem_tints *tints, const struct jem_sched_model *const *models,
		struct command *commands)
{
	size_t count = 0;

	for (size_t m = 0; m < tints->count; m++) {
		add_times(models[m], commands + count);
		count += models[m]->name_count;
	}
	count = join(commands, count);
	choose(commands, count);
	for (size_t m = 0; m < tints->count; m++) {
		tints->of_name[m] = calloc(models[m]->name_count + 1, 1);
		if (!tints->of_name[m])
			return -ENOMEM;
		for (size_t i = 0; i < models[m]->name_count; i++) {
			struct command key = { .name = models[m]->names[i] };
			const struct command *found =
				bsearch(&key, commands, count, sizeof(key), by_name);

			if (found && is_target(tints, key.name))
				tints->of_name[m][i] = (uint8_t)found->tint;
		}
	}
	return 0;
}

int jem_tints_init(struct jem_tints *tints, enum jem_tint_by by, const char *target,
		   const struct jem_sched_model *const *models, size_t count)
{
	struct command *commands;
	size_t names = 1;
	int rc;

	*tints = (struct jem_tints){ .by = by, .target = target, .count = count };
	for (size_t m = 0; m < count; m++)
		names += models[m]->name_count;
	commands = calloc(names, sizeof(*commands));
	tints->of_name = calloc(count + 1, sizeof(*tints->of_name));
	rc = commands && tints->of_name ? fill(tints, models, commands) : -ENOMEM;
	free(commands);
	if (rc < 0)
		jem_tints_deinit(tints);
	return rc;
}

void jem_tints_set_foreign(struct jem_tints *tints, const char *foreign,
			   const struct jem_sched_model *const *models)
{
	tints->foreign = foreign;
	for (size_t m = 0; m < tints->count; m++)
		for (size_t i = 0; i < models[m]->name_count; i++)
			if (!strcmp(models[m]->names[i], foreign))
				tints->of_name[m][i] = JEM_TINT_OTHER;
}

void jem_tints_deinit(struct jem_tints *tints)
{
	for (size_t m = 0; tints->of_name && m < tints->count; m++)
		free(tints->of_name[m]);
	free(tints->of_name);
	*tints = (struct jem_tints){ 0 };
}

unsigned jem_tints_of_name(const struct jem_tints *tints, size_t which, uint32_t comm)
{
	return comm == JEM_SCHED_NONE ? JEM_TINT_OTHER : tints->of_name[which][comm];
}

unsigned jem_tints_of(const struct jem_tints *tints, size_t which,
		      const struct jem_sched_model *model, const struct jem_sched_slice *slice)
{
	unsigned of_name = jem_tints_of_name(tints, which, slice->comm);
	uint32_t task = slice->task;

	/* Only what is not of the target has no colour of its name. */
	if (tints->by == JEM_TINT_BY_COMMAND || of_name == JEM_TINT_OTHER)
		return of_name;
	if (tints->by == JEM_TINT_BY_PARENT)
		task = model->tasks[task].parent;
	return JEM_TINT_FIRST +
	       (task == JEM_SCHED_NONE ? 0u : (uint32_t)model->tasks[task].tid) % COLOURS;
}

uint32_t jem_tint_rgb(unsigned tint)
{
	struct jem_paint paint = jem_tint_paint(tint);

	return jem_paint_rgb(&paint);
}

struct jem_paint jem_tint_paint(unsigned tint)
{
	if (tint == JEM_TINT_OTHER || tint >= JEM_TINT_COUNT)
		return jem_paint(JEM_COLOUR_ink);
	return (struct jem_paint){ .colour = JEM_COLOUR_RGB,
				   .rgb = colours[tint - JEM_TINT_FIRST] };
}
