/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sched_input.h"

#include "tracer/sched/trace_dat.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int read_dat(struct jem_sched_input *input, struct jem_err *err)
{
	const struct jem_trace_dat_info *info;
	struct jem_trace_dat *file;
	int rc = jem_trace_dat_open(input->path, &file, err);

	if (rc < 0)
		return rc;
	rc = jem_trace_dat_read(file, &input->model, err);
	info = jem_trace_dat_info(file);
	input->version = info->version;
	input->cpus = info->cpus;
	if (info->is_truncated || info->damaged || *info->warning.text)
		snprintf(input->warning, sizeof(input->warning), "%.200s, showing what is whole",
			 *info->warning.text ? info->warning.text : "part of it is damaged");
	jem_trace_dat_close(file);
	return rc;
}

/* The last name of the path, whatever slashes end it. */
static void name(struct jem_sched_input *input)
{
	size_t end = strlen(input->path);
	size_t start;

	while (end > 1 && input->path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && input->path[start - 1] != '/';)
		start--;
	snprintf(input->name, sizeof(input->name), "%.*s", (int)(end - start), input->path + start);
}

int jem_sched_input_open(struct jem_sched_input *input, const char *path, struct jem_err *err)
{
	struct stat info;
	int rc;

	memset(input, 0, sizeof(*input));
	input->path = path;
	name(input);
	if (stat(path, &info) < 0)
		return jem_err_set(err, -errno, "%s: %s", path, strerror(errno));
	jem_sched_model_init(&input->model);
	rc = read_dat(input, err);
	if (input->cpus < input->model.cpu_count)
		input->cpus = (unsigned)input->model.cpu_count;
	if (rc < 0)
		jem_sched_input_deinit(input);
	return rc;
}

void jem_sched_input_deinit(struct jem_sched_input *input)
{
	jem_sched_model_deinit(&input->model);
}
