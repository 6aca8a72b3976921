/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched FILE...: how long a trace.dat file takes to become a model, and in how much memory.
 *
 * A line a file: events, the fastest of three readings with its processor time, bytes an event of the
 * model, and the most that the process ever had. tests/bench/sched.py runs it beside its peers.
 */
#include "tracer/sched/trace_dat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	ROUNDS = 3
};

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t model_bytes(const struct jem_sched_model *model)
{
	size_t bytes = model->task_cap * sizeof(*model->tasks) +
		       model->name_cap * sizeof(*model->names) +
		       model->gap_cap * sizeof(*model->gaps);

	for (size_t i = 0; i < model->cpu_count; i++)
		bytes += model->cpus[i].cap * sizeof(*model->cpus[i].slices);
	return bytes;
}

/* The most that this program had: ru_maxrss may be that of who started it. */
static size_t peak_bytes(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	size_t kb = 0;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmHWM: %zu kB", &kb) == 1)
			break;
	if (file)
		fclose(file);
	return kb * 1024;
}

static int read_once(const char *path, struct jem_sched_model *model)
{
	struct jem_trace_dat *file;
	struct jem_err err = { "" };
	int status = jem_trace_dat_open(path, &file, &err);

	if (status < 0) {
		fprintf(stderr, "%s\n", err.text);
		return status;
	}
	jem_sched_model_init(model);
	status = jem_trace_dat_read(file, model, &err);
	if (status < 0)
		fprintf(stderr, "%s: %s\n", path, err.text);
	jem_trace_dat_close(file);
	return status;
}

static int bench(const char *path)
{
	double best = 1e9;
	double cpu = 0;
	size_t bytes = 0;
	uint64_t events = 0, switches = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct jem_sched_model model;
		double wall = seconds(CLOCK_MONOTONIC);
		double used = seconds(CLOCK_PROCESS_CPUTIME_ID);

		if (read_once(path, &model) < 0)
			return -1;
		wall = seconds(CLOCK_MONOTONIC) - wall;
		used = seconds(CLOCK_PROCESS_CPUTIME_ID) - used;
		if (wall < best) {
			best = wall;
			cpu = used;
		}
		events = model.events;
		switches = model.switches;
		bytes = model_bytes(&model);
		jem_sched_model_deinit(&model);
	}
	printf("%s events=%" PRIu64 " switches=%" PRIu64
	       " wall_s=%.4f cpu_s=%.4f model_bytes=%zu peak_bytes=%zu\n",
	       path, events, switches, best, cpu, bytes, peak_bytes());
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (bench(argv[i]) < 0)
			return EXIT_FAILURE;
	return EXIT_SUCCESS;
}
