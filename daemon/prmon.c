/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/prmon.h"

#include "common/cleanup.h"
#include "common/prmon_format.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

struct jem_prmon_files {
	FILE *text;      /* owned; NULL: none */
	char *json_path; /* owned; NULL: none */
	struct jem_prmon prmon;
	struct jem_prmon_hardware hardware;
	struct jem_buf buf; /* scratch */
};

/* "key\t: value" of /proc/cpuinfo. */
static const char *cpuinfo_value(const char *line, const char *key)
{
	const char *colon = strchr(line, ':');

	return colon && !strncmp(line, key, strlen(key)) ? colon + 1 : NULL;
}

static void read_hardware(struct jem_prmon_hardware *hardware)
{
	auto_fclose FILE *cpuinfo = fopen("/proc/cpuinfo", "r");
	auto_fclose FILE *meminfo = fopen("/proc/meminfo", "r");
	unsigned siblings = 0;
	char line[512];
	const char *value;

	while (cpuinfo && fgets(line, sizeof(line), cpuinfo)) {
		line[strcspn(line, "\n")] = '\0';
		if ((value = cpuinfo_value(line, "model name")))
			snprintf(hardware->model, sizeof(hardware->model), "%s",
				 value + strspn(value, " "));
		else if (cpuinfo_value(line, "processor"))
			hardware->cpus++;
		else if ((value = cpuinfo_value(line, "physical id")) &&
			 atoi(value) >= (int)hardware->sockets)
			hardware->sockets = (unsigned)atoi(value) + 1;
		else if ((value = cpuinfo_value(line, "cpu cores")))
			hardware->cores_per_socket = (unsigned)atoi(value);
		else if ((value = cpuinfo_value(line, "siblings")))
			siblings = (unsigned)atoi(value);
	}
	if (hardware->cores_per_socket)
		hardware->threads_per_core = siblings / hardware->cores_per_socket;
	while (meminfo && fgets(line, sizeof(line), meminfo))
		if (!strncmp(line, "MemTotal:", 9))
			hardware->memory_kb = strtoull(line + 9, NULL, 10);
}

int jem_prmon_open(const char *text_path, const char *json_path, struct jem_prmon_files **ret,
		   struct jem_err *err)
{
	struct jem_prmon_files *files = calloc(1, sizeof(*files));

	if (!files || (json_path && !(files->json_path = strdup(json_path)))) {
		free(files);
		return jem_err_set(err, -ENOMEM, "no memory");
	}
	jem_buf_init(&files->buf, 1 << 20);
	jem_prmon_init(&files->prmon);
	read_hardware(&files->hardware);
	if (text_path) {
		files->text = fopen(text_path, "we");
		if (!files->text) {
			int error = errno;

			free(files->json_path);
			free(files);
			return jem_err_set(err, -error, "cannot write %s: %s", text_path,
					   strerror(error));
		}
		jem_prmon_write_header(&files->buf);
		fwrite(files->buf.data, 1, files->buf.len, files->text);
		fflush(files->text);
	}
	*ret = files;
	return 0;
}

/* Through <json>_tmp, so that the name always holds a whole summary. */
static int write_summary(struct jem_prmon_files *files, const char *suffix)
{
	char temporary[PATH_MAX], path[PATH_MAX];
	auto_fclose FILE *file = NULL;

	if (snprintf(temporary, sizeof(temporary), "%s_tmp", files->json_path) >= PATH_MAX ||
	    snprintf(path, sizeof(path), "%s%s", files->json_path, suffix) >= PATH_MAX)
		return -ENAMETOOLONG;
	file = fopen(temporary, "we");
	if (!file)
		return -errno;
	jem_buf_clear(&files->buf);
	jem_prmon_write_summary(&files->prmon, &files->hardware, &files->buf);
	if (fwrite(files->buf.data, 1, files->buf.len, file) != files->buf.len || fflush(file)) {
		int error = errno;

		unlink(temporary);
		return -error;
	}
	return rename(temporary, path) < 0 ? -errno : 0;
}

void jem_prmon_sample(struct jem_prmon_files *files, const struct jem_sample *sample)
{
	if (!sample->has_job)
		return;
	/* What an ended job holds is nothing; a job shorter than an interval has its one line. */
	if (sample->is_final && files->prmon.samples) {
		jem_prmon_add_final(&files->prmon, sample->job);
		return;
	}
	jem_buf_clear(&files->buf);
	jem_prmon_add(&files->prmon, sample->wall_ns / 1000000000, sample->node, sample->job,
		      &files->buf);
	if (files->text) {
		fwrite(files->buf.data, 1, files->buf.len, files->text);
		fflush(files->text);
	}
	if (files->json_path)
		(void)write_summary(files, "_snapshot"); /* the next one tries again */
}

int jem_prmon_finish(struct jem_prmon_files *files)
{
	char snapshot[PATH_MAX];
	int status = 0;

	if (!files)
		return 0;
	if (files->text && fclose(files->text))
		status = -errno;
	if (files->json_path) {
		int error = write_summary(files, "");

		snprintf(snapshot, sizeof(snapshot), "%s_snapshot", files->json_path);
		if (error < 0)
			status = error;
		else
			unlink(snapshot);
	}
	jem_buf_deinit(&files->buf);
	free(files->json_path);
	free(files);
	return status;
}
