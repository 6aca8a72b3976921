/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_sched_folder: any bytes as the body of a batch of kind sched in a job's folder, twice: the model is
 * whole, whatever they say.
 */
#include "common/compress.h"
#include "receiver/sched_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];
static int folder = -1;

static void remove_folder(void)
{
	char file[96];

	snprintf(file, sizeof(file), "%s/sched.cbors.zst", path);
	unlink(file);
	rmdir(path);
}

static void make_folder(void)
{
	snprintf(path, sizeof(path), "/tmp/jem-fuzz-XXXXXX");
	if (!mkdtemp(path))
		abort();
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		abort();
	atexit(remove_folder);
}

static void check(const struct jem_sched_model *model)
{
	for (size_t i = 0; i < model->cpu_count; i++) {
		const struct jem_sched_cpu *cpu = &model->cpus[i];
		int64_t end_ns = 0;

		for (size_t j = 0; j < cpu->count; j++) {
			const struct jem_sched_slice *slice = &cpu->slices[j];

			if (slice->start_ns < end_ns || slice->task >= model->task_count ||
			    (slice->waker != JEM_SCHED_NONE && slice->waker >= model->task_count) ||
			    (slice->comm != JEM_SCHED_NONE && slice->comm >= model->name_count) ||
			    slice->end >= JEM_SCHED_END_COUNT || slice->move > JEM_SCHED_MOVED ||
			    (int64_t)slice->wait_ns > slice->start_ns)
				abort();
			end_ns = slice->start_ns + (int64_t)slice->run_ns;
			if (end_ns < slice->start_ns)
				abort();
		}
	}
	for (size_t i = 0; i < model->task_count; i++)
		if (model->tasks[i].parent != JEM_SCHED_NONE &&
		    model->tasks[i].parent >= model->task_count)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct jem_sched_folder_options options = { .max_slices = 100000 };
	struct jem_sched_folder info;
	struct jem_sched_model model;
	struct jem_buf frame;
	int fd;

	if (folder < 0)
		make_folder();
	jem_buf_init(&frame, 0);
	if (jem_compress(data, size, &frame) < 0)
		abort();
	fd = openat(folder, "sched.cbors.zst", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, frame.data, frame.len) < 0 || write(fd, frame.data, frame.len) < 0)
		abort();
	close(fd);
	jem_buf_deinit(&frame);
	jem_sched_model_init(&model);
	if (jem_sched_folder_read(folder, &options, &model, &info) == 0)
		check(&model);
	jem_sched_model_deinit(&model);
	return 0;
}
