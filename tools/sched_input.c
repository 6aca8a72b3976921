/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sched_input.h"

#include "receiver/sched_folder.h"
#include "tools/recorded.h"
#include "tracer/sched/trace_dat.h"

#include <errno.h>
#include <inttypes.h>
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

/* What a job's folder cannot show; the worst alone is told. */
static void judge(struct jem_sched_input *input, const struct jem_sched_folder *folder)
{
	size_t size = sizeof(input->warning);

	if (folder->damaged)
		snprintf(input->warning, size,
			 "%" PRIu64 " batches are damaged, showing what is whole", folder->damaged);
	else if (folder->foreign)
		snprintf(input->warning, size,
			 "it has several nodes, or one that was started anew: showing %s alone",
			 folder->node);
	else if (folder->slices && strcmp(folder->level, "tracefs") != 0 && *folder->level)
		snprintf(input->warning, size,
			 "recorded by %s: only the job's own tasks, and no waiting", folder->level);
}

static int read_folder(struct jem_sched_input *input, struct jem_err *err)
{
	struct jem_recorded recorded;
	struct jem_sched_folder folder = { 0 };
	int rc = jem_recorded_open(&recorded, input->path, err);

	if (rc < 0)
		return rc;
	rc = jem_sched_folder_read(recorded.data, &(struct jem_sched_folder_options){ 0 },
				   &input->model, &folder);
	jem_recorded_close(&recorded);
	if (rc < 0)
		return jem_err_set(err, rc, "%s cannot be read: %s", input->path, strerror(-rc));
	if (!folder.slices)
		return jem_err_set(err, -ENODATA,
				   "%s: no slices of scheduling are recorded in this folder%s%s",
				   input->path, *folder.level ? ", at the level " : "",
				   folder.level);
	input->cpus = folder.cores;
	judge(input, &folder);
	return 0;
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
	rc = S_ISDIR(info.st_mode) ? read_folder(input, err) : read_dat(input, err);
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
