/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_dump: what the reader of trace.dat files makes of one, as text for tests.
 *
 *	sched_dump FILE            a line of what the file is, then one an event
 *	sched_dump --count FILE    the first line, and how many events of each kind there are
 */
#include "tracer/sched/names.h"
#include "tracer/sched/trace_dat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[] = {
	"switch",  "waking", "wakeup", "wakeup_new", "migrate", "move_numa", "fork",
	"newtask", "exec",   "rename", "death",      "free",    "lost",
};
_Static_assert(sizeof(type_names) / sizeof(*type_names) == JEM_SCHED_TYPE_COUNT, "a word each");

struct dump {
	struct jem_sched_event *events; /* owned; names are known only at the end */
	size_t count, cap;
};

static int on_events(void *context, const struct jem_sched_event *events, size_t count)
{
	struct dump *dump = context;

	if (dump->count + count > dump->cap) {
		dump->cap = (dump->count + count) * 2;
		dump->events = realloc(dump->events, dump->cap * sizeof(*events));
		if (!dump->events)
			abort();
	}
	memcpy(dump->events + dump->count, events, count * sizeof(*events));
	dump->count += count;
	return 0;
}

static const char *name(const struct jem_sched_names *names, uint32_t index)
{
	return index == JEM_SCHED_NONE ? "-" : names->text[index];
}

static void print_events(const struct dump *dump, const struct jem_sched_names *names)
{
	for (size_t i = 0; i < dump->count; i++) {
		const struct jem_sched_event *event = &dump->events[i];

		printf("%" PRId64 " %u %s %d %d %" PRIu32 " \"%s\" \"%s\"\n", event->ns, event->cpu,
		       type_names[event->type], event->pid, event->other, event->detail,
		       name(names, event->pid_comm), name(names, event->comm));
	}
}

static void print_counts(const struct dump *dump)
{
	size_t counts[JEM_SCHED_TYPE_COUNT] = { 0 };

	for (size_t i = 0; i < dump->count; i++)
		counts[dump->events[i].type]++;
	for (size_t i = 0; i < JEM_SCHED_TYPE_COUNT; i++)
		printf("%s %zu\n", type_names[i], counts[i]);
}

int main(int argc, char **argv)
{
	struct jem_sched_names names = { 0 };
	const struct jem_trace_dat_info *info;
	struct jem_trace_dat *file;
	struct jem_err err = { "" };
	struct dump dump = { 0 };
	uint64_t records = 0;
	int status;

	if (argc < 2)
		return 64;
	if (jem_trace_dat_open(argv[argc - 1], &file, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 65;
	}
	status = jem_trace_dat_events(file, &names, on_events, &dump, &records, &err);
	if (status < 0)
		fprintf(stderr, "%s\n", err.text);
	info = jem_trace_dat_info(file);
	printf("version=%u cpus=%u compression=%s clock=%s buffers=%u records=%" PRIu64
	       " overrun=%" PRIu64 " damaged=%" PRIu64 " truncated=%d warning=%s\n",
	       info->version, info->cpus, info->compression, info->clock_name, info->instances,
	       records, info->overrun, info->damaged, info->is_truncated, info->warning.text);
	if (argc > 2 && !strcmp(argv[1], "--count"))
		print_counts(&dump);
	else if (argc == 2)
		print_events(&dump, &names);
	free(dump.events);
	jem_sched_names_deinit(&names);
	jem_trace_dat_close(file);
	return status < 0 ? 65 : 0;
}
