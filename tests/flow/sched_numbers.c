/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_numbers: the numbers of a trace.dat file, for tests that know them or compute them otherwise.
 *
 *	sched_numbers FILE             as --stats of the graph tools prints them
 *	sched_numbers --slices FILE    a line a slice: core, tid, start, run, wait, end, flags, waker, name
 */
#include "common/sched/stats_json.h"
#include "tracer/sched/trace_dat.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void print_slices(const struct jem_sched_model *model)
{
	for (size_t c = 0; c < model->cpu_count; c++) {
		for (size_t i = 0; i < model->cpus[c].count; i++) {
			const struct jem_sched_slice *slice = &model->cpus[c].slices[i];
			int waker =
				slice->waker == JEM_SCHED_NONE ? 0 : model->tasks[slice->waker].tid;

			printf("%u %d %" PRId64 " %" PRIu64 " %" PRIu64 " %s %u %d %s\n",
			       slice->cpu, model->tasks[slice->task].tid, slice->start_ns,
			       slice->run_ns, slice->wait_ns, jem_sched_end_name(slice->end),
			       slice->flags, waker, jem_sched_comm(model, slice->comm));
		}
	}
}

static int print_json(const char *path, const struct jem_trace_dat_info *info,
		      const struct jem_sched_model *model)
{
	struct jem_sched_window window = { false, NAN, NAN };
	struct jem_sched_select select = { 0 };
	struct jem_sched_stats_source source = { .file = path,
						 .version = info->version,
						 .cpus = info->cpus,
						 .model = model,
						 .select = &select };
	struct jem_buf buf;
	struct jem_json json;
	int rc;

	jem_buf_init(&buf, 0);
	json = jem_json_to(&buf);
	jem_sched_select_window(model, &window, &select);
	rc = jem_sched_stats_json(&json, &source);
	printf("%s\n", jem_buf_cstr(&buf));
	jem_buf_deinit(&buf);
	return rc;
}

int main(int argc, char **argv)
{
	struct jem_sched_model model;
	struct jem_trace_dat *file;
	struct jem_err err = { "" };
	int rc;

	if (argc < 2)
		return 64;
	if (jem_trace_dat_open(argv[argc - 1], &file, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 65;
	}
	jem_sched_model_init(&model);
	rc = jem_trace_dat_read(file, &model, &err);
	if (rc < 0)
		fprintf(stderr, "%s\n", err.text);
	else if (argc > 2)
		print_slices(&model);
	else
		rc = print_json(argv[1], jem_trace_dat_info(file), &model);
	jem_sched_model_deinit(&model);
	jem_trace_dat_close(file);
	return rc < 0 ? 65 : 0;
}
