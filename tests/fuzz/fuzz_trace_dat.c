/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_trace_dat: any bytes as a trace.dat file, up to the model. What is read is in order and in bounds. */
#include "tracer/sched/trace_dat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_model(const struct jem_sched_model *model)
{
	for (size_t c = 0; c < model->cpu_count; c++) {
		const struct jem_sched_cpu *cpu = &model->cpus[c];

		for (size_t i = 0; i < cpu->count; i++) {
			const struct jem_sched_slice *slice = &cpu->slices[i];

			if (slice->task >= model->task_count ||
			    (slice->comm != JEM_SCHED_NONE && slice->comm >= model->name_count) ||
			    slice->end >= JEM_SCHED_END_COUNT)
				abort();
			if (i && slice->start_ns < cpu->slices[i - 1].start_ns)
				abort();
		}
	}
	for (size_t i = 0; i < model->name_count; i++)
		if (memchr(model->names[i], 0, sizeof(model->names[i])) == NULL)
			abort();
}

static void read_file(const char *path)
{
	struct jem_sched_model model;
	struct jem_trace_dat *file;
	struct jem_err err = { "" };

	if (jem_trace_dat_open(path, &file, &err) < 0) {
		if (!err.text[0])
			abort(); /* a person is to be told why */
		return;
	}
	jem_sched_model_init(&model);
	if (jem_trace_dat_read(file, &model, &err) == 0)
		check_model(&model);
	else if (!err.text[0])
		abort();
	if (jem_trace_dat_info(file)->is_truncated && !jem_trace_dat_info(file)->warning.text[0])
		abort();
	jem_sched_model_deinit(&model);
	jem_trace_dat_close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[64];

	if (fd < 0) {
		fd = memfd_create("trace.dat", 0);
		if (fd < 0)
			abort();
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (ftruncate(fd, 0) < 0 || (size && pwrite(fd, data, size, 0) != (ssize_t)size))
		abort();
	read_file(path);
	return 0;
}
