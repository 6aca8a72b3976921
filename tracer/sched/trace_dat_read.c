/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/sched/dat_load.h"
#include "tracer/sched/merge.h"
#include "tracer/sched/model_sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(JEM_SCHED_TYPE_COUNT <= 32, "types of events as bits");

/* Types of events that each buffer has. */
static int scan_types(struct jem_trace_dat *file, uint32_t *types, struct jem_err *err)
{
	struct jem_sched_names names = { 0 };
	struct jem_dat_load_options options = { .file = file, .names = &names };
	struct jem_trace_dat_info before = file->info;
	struct jem_dat_load *load;
	int status = jem_dat_load_create(&options, &load, err);

	if (status < 0)
		return status;
	for (size_t i = 0; !status && i < file->lane_count; i++) {
		struct jem_dat_block block = { 0 };

		while (!status && !block.is_last) {
			status = jem_dat_load_take(load, i, &block);
			for (size_t e = 0; !status && e < block.count; e++)
				types[file->lanes[i].buffer] |= 1u << block.events[e].type;
		}
	}
	jem_dat_load_destroy(load, NULL);
	jem_sched_names_deinit(&names);
	file->info = before; /* it is all read once more */
	return status;
}

/*
 * What several buffers recorded is taken from the first that has it: each stamped it on its own, so the
 * same switch would be told twice.
 */
static int choose_types(struct jem_trace_dat *file, uint32_t *skipped, struct jem_err *err)
{
	uint32_t types[JEM_DAT_BUFFERS_MAX] = { 0 };
	uint32_t seen = 0;
	int status = scan_types(file, types, err);

	for (size_t i = 0; !status && i < file->buffer_count; i++) {
		skipped[i] = seen & types[i];
		if (skipped[i] == types[i])
			skipped[i] = UINT32_MAX; /* nothing of it is used: nor are its losses */
		else
			skipped[i] &= ~(1u << JEM_SCHED_LOST);
		seen |= types[i];
	}
	return status;
}

static size_t buffers_with_data(const struct jem_trace_dat *file)
{
	size_t count = 0;
	uint8_t has[JEM_DAT_BUFFERS_MAX] = { 0 };

	for (size_t i = 0; i < file->lane_count; i++)
		count += !has[file->lanes[i].buffer]++ ? 1 : 0;
	return count;
}

static int feed_lane(struct jem_sched_merge *merge, struct jem_dat_load *load, size_t lane)
{
	struct jem_sched_event *room;
	struct jem_dat_block block;
	int status = jem_dat_load_take(load, lane, &block);

	if (status < 0)
		return status;
	if (block.count) {
		room = jem_sched_merge_room(merge, lane, block.count);
		if (!room)
			return -ENOMEM;
		memcpy(room, block.events, block.count * sizeof(*room));
		jem_sched_merge_push(merge, lane, block.count);
	}
	jem_sched_merge_watermark(merge, lane, block.is_last ? INT64_MAX : block.until_ns);
	return 0;
}

static int run(struct jem_sched_merge *merge, struct jem_dat_load *load,
	       jem_trace_dat_events_fn on_events, void *context)
{
	for (;;) {
		const struct jem_sched_event *events;
		size_t lane;
		size_t count = jem_sched_merge_next(merge, &events, &lane);
		int status;

		if (!count && lane == SIZE_MAX)
			return 0;
		status = count ? on_events(context, events, count) : feed_lane(merge, load, lane);
		if (status < 0)
			return status;
	}
}

int jem_trace_dat_events(struct jem_trace_dat *file, struct jem_sched_names *names,
			 jem_trace_dat_events_fn on_events, void *context, uint64_t *records,
			 struct jem_err *err)
{
	uint32_t skipped[JEM_DAT_BUFFERS_MAX] = { 0 };
	struct jem_dat_load_options options = { file, names, skipped, true };
	struct jem_sched_merge *merge = NULL;
	struct jem_dat_load *load = NULL;
	int status = 0;

	file->info.damaged = 0;
	if (buffers_with_data(file) > 1)
		status = choose_types(file, skipped, err);
	if (!status)
		status = jem_sched_merge_create(file->lane_count, &merge);
	if (!status)
		status = jem_dat_load_create(&options, &load, err);
	if (!status)
		status = run(merge, load, on_events, context);
	jem_dat_load_destroy(load, records);
	jem_sched_merge_destroy(merge);
	if (file->info.damaged)
		jem_dat_warn(file, "%llu pages or events are damaged",
			     (unsigned long long)file->info.damaged);
	return status == -ENOMEM ? jem_err_set(err, status, "out of memory") : status;
}

struct reading {
	struct jem_sched_model *model;     /* borrowed */
	struct jem_sched_machine *machine; /* owned */
	struct jem_sched_names names;
};

/* The model counts its names as the decoder does: both keep each once, in the order of arrival. */
static int add_names(struct reading *reading)
{
	uint32_t index;

	while (reading->model->name_count < reading->names.count) {
		int status = jem_sched_model_name(
			reading->model, reading->names.text[reading->model->name_count], &index);

		if (status < 0)
			return status;
		if (index + 1 != reading->model->name_count)
			return -EINVAL;
	}
	return 0;
}

static int on_events(void *context, const struct jem_sched_event *events, size_t count)
{
	struct reading *reading = context;
	int status = add_names(reading);

	for (size_t i = 0; !status && i < count; i++)
		status = jem_sched_machine_event(reading->machine, &events[i]);
	return status;
}

/* Cores without an event were idle, as far as the file tells: they are of the model too. */
static int add_cores(const struct jem_trace_dat *file, struct jem_sched_model *model)
{
	struct jem_sched_cpu *cpu;
	int status = 0;

	for (size_t i = 0; !status && i < file->lane_count; i++)
		status = jem_sched_model_cpu(model, file->lanes[i].cpu, &cpu);
	return status;
}

static int finish(struct reading *reading, const struct jem_trace_dat_info *info, uint64_t records)
{
	const struct jem_sched_tally *tally = jem_sched_machine_tally(reading->machine);
	int status = jem_sched_machine_finish(reading->machine, tally->end_ns);

	if (!status)
		status = jem_sched_model_complete(reading->model, reading->machine);
	reading->model->events = records;
	/* The pages say where events were lost; how many, the kernel's own count knows better. */
	if (reading->model->lost_events < info->overrun)
		reading->model->lost_events = info->overrun;
	return status;
}

int jem_trace_dat_read(struct jem_trace_dat *file, struct jem_sched_model *model,
		       struct jem_err *err)
{
	struct jem_sched_sink sink = jem_sched_model_sink(model);
	struct reading reading = { .model = model };
	uint64_t records = 0;
	int status = jem_sched_machine_create(&sink, jem_trace_dat_states(file), &reading.machine);

	if (status < 0)
		return jem_err_set(err, status, "out of memory");
	status = add_cores(file, model);
	if (!status)
		status = jem_trace_dat_events(file, &reading.names, on_events, &reading, &records,
					      err);
	if (!status)
		status = finish(&reading, &file->info, records);
	jem_sched_machine_destroy(reading.machine);
	jem_sched_names_deinit(&reading.names);
	return status == -ENOMEM ? jem_err_set(err, status, "out of memory") : status;
}
