/* SPDX-License-Identifier: Apache-2.0 */
/* A recorded folder as a model: what the live source writes is what graphs and numbers are made of. */
#include "common/compress.h"
#include "daemon/sources/sched/item_rows.h"
#include "daemon/sources/sched/slice_rows.h"
#include "receiver/sched_folder.h"

#include "tests/unit/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define WALL_NS INT64_C(1700000000000000000)

struct folder {
	int data;
	FILE *file;
	struct jem_redactor *redactor;
	struct jem_slice_rows *slices;
	const char *node, *epoch;
};

static void open_folder(struct folder *folder)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/sched.cbors.zst", check_folder());
	folder->file = fopen(path, "w");
	folder->data = open(check_folder(), O_RDONLY | O_DIRECTORY);
	folder->node = "n1";
	folder->epoch = "0123456789abcdef";
	CHECK(folder->file && folder->data >= 0);
	CHECK_OK(jem_redactor_create(NULL, 0, &folder->redactor, NULL));
	CHECK_OK(jem_slice_rows_create(folder->redactor, &folder->slices));
}

static void close_folder(struct folder *folder)
{
	fclose(folder->file);
	close(folder->data);
	jem_slice_rows_destroy(folder->slices);
	jem_redactor_destroy(folder->redactor);
}

static void put_map(struct folder *folder, struct jem_buf *map, uint64_t base_ns, uint64_t n)
{
	struct jem_head head = { .kind = JEM_KIND_sched,
				 .schema = 1,
				 .source.names = { "s", "u", "j", "" },
				 .n = n,
				 .t0_us = ((uint64_t)WALL_NS + base_ns) / 1000,
				 .mono_ns = base_ns };
	struct jem_buf body;
	struct jem_buf frame;

	snprintf(head.source.names.node, sizeof(head.source.names.node), "%s", folder->node);
	snprintf(head.epoch, sizeof(head.epoch), "%s", folder->epoch);
	jem_buf_init(&body, 0);
	jem_buf_init(&frame, 0);
	jem_columns_encode_body(&head, map->data, map->len, &body);
	CHECK_OK(jem_compress(body.data, body.len, &frame));
	CHECK_EQ(fwrite(frame.data, 1, frame.len, folder->file), frame.len);
	CHECK_EQ(fflush(folder->file), 0);
	jem_buf_deinit(&body);
	jem_buf_deinit(&frame);
	jem_buf_deinit(map);
}

static void put_slices(struct folder *folder)
{
	struct jem_buf map;
	uint64_t base_ns;
	uint64_t n;

	jem_buf_init(&map, 0);
	CHECK_OK(jem_slice_rows_take(folder->slices, &base_ns, &n, &map));
	put_map(folder, &map, base_ns, n);
}

static void add(struct folder *folder, int64_t start_ns, uint64_t run_ns, int32_t tid, uint16_t cpu,
		const char *comm)
{
	struct jem_slice_place place = { 0 };
	struct jem_slice_place waker = { 0 };
	const struct jem_sched_slice slice = { .start_ns = start_ns,
					       .run_ns = run_ns,
					       .wait_ns = 5,
					       .cpu = cpu,
					       .from_cpu = JEM_SCHED_NO_CPU,
					       .waker_cpu = 1,
					       .end = JEM_SCHED_PREEMPTED,
					       .move = JEM_SCHED_PLACED,
					       .flags = JEM_SCHED_WAIT_PREEMPTED };

	jem_slice_rows_add(folder->slices, &slice,
			   &(struct jem_slice_who){ tid, tid - 1, comm, &place, 77, &waker });
}

static void put_task(struct folder *folder, uint64_t ns, int tid, int parent, const char *life,
		     const char *comm)
{
	static const char *const names[] = { "tid", "pid", "comm", "parent_tid", "life" };
	struct jem_item_rows *rows = calloc(1, sizeof(*rows));
	struct jem_buf map;
	uint64_t base_ns;
	uint64_t n;

	CHECK(rows);
	jem_item_rows_init(rows, "task", names, 5);
	jem_item_rows_begin(rows, ns);
	jem_cbor_i64(jem_item_rows_next(rows), tid);
	jem_cbor_i64(jem_item_rows_next(rows), tid);
	jem_cbor_str(jem_item_rows_next(rows), comm);
	jem_cbor_i64(jem_item_rows_next(rows), parent);
	jem_cbor_str(jem_item_rows_next(rows), life);
	jem_buf_init(&map, 0);
	CHECK_OK(jem_item_rows_take(rows, &base_ns, &n, &map));
	put_map(folder, &map, base_ns, n);
	jem_item_rows_deinit(rows);
	free(rows);
}

static void put_summary(struct folder *folder, uint64_t ns, const char *level, unsigned cores)
{
	static const char *const names[] = { "scope", "level", "cores", "switches", "lost" };
	struct jem_item_rows *rows = calloc(1, sizeof(*rows));
	struct jem_buf map;
	uint64_t base_ns;
	uint64_t n;

	CHECK(rows);
	jem_item_rows_init(rows, "summary", names, 5);
	for (int i = 0; i < 2; i++) { /* the job's, which has not all */
		jem_item_rows_begin(rows, ns);
		jem_cbor_str(jem_item_rows_next(rows), i ? "node" : "job");
		jem_cbor_str(jem_item_rows_next(rows), level);
		jem_cbor_u64(jem_item_rows_next(rows), cores);
		if (i)
			jem_cbor_u64(jem_item_rows_next(rows), 10);
		else
			jem_cbor_null(jem_item_rows_next(rows));
		jem_cbor_u64(jem_item_rows_next(rows), i ? 3 : 0);
	}
	jem_buf_init(&map, 0);
	CHECK_OK(jem_item_rows_take(rows, &base_ns, &n, &map));
	put_map(folder, &map, base_ns, n);
	jem_item_rows_deinit(rows);
	free(rows);
}

static void read_folder(struct folder *folder, uint64_t max_slices, struct jem_sched_model *model,
			struct jem_sched_folder *info)
{
	const struct jem_sched_folder_options options = { .max_slices = max_slices };

	jem_sched_model_init(model);
	CHECK_OK(jem_sched_folder_read(folder->data, &options, model, info));
	CHECK(model->is_sealed);
}

CASE(slices_come_back_as_they_were)
{
	struct jem_sched_model model;
	struct jem_sched_folder info;
	const struct jem_sched_slice *slice;
	const struct jem_sched_cpu *cpu;
	struct folder folder;

	open_folder(&folder);
	add(&folder, 2000, 30, 41, 3, "work");
	add(&folder, 1000, 20, 42, 3, "other");
	put_slices(&folder);
	put_summary(&folder, 9000, "tracefs", 4);
	read_folder(&folder, 0, &model, &info);
	CHECK_EQ(info.slices, 2);
	CHECK_EQ(info.wall_ns, WALL_NS);
	CHECK_STR(info.level, "tracefs");
	CHECK_EQ(model.switches, 10);
	CHECK_EQ(model.lost_events, 3);
	CHECK_EQ(model.cpu_count, 4); /* three were idle */
	cpu = jem_sched_model_find_cpu(&model, 3);
	CHECK_EQ(cpu->count, 2);
	slice = &cpu->slices[1];
	CHECK_EQ(slice->start_ns, 2000);
	CHECK_EQ(slice->run_ns, 30);
	CHECK_EQ(slice->wait_ns, 5);
	CHECK_EQ(slice->end, JEM_SCHED_PREEMPTED);
	CHECK_EQ(slice->move, JEM_SCHED_PLACED);
	CHECK_EQ(slice->flags, JEM_SCHED_WAIT_PREEMPTED);
	CHECK_EQ(slice->from_cpu, JEM_SCHED_NO_CPU);
	CHECK_EQ(slice->waker_cpu, 1);
	CHECK_STR(jem_sched_comm(&model, slice->comm), "work");
	CHECK_EQ(model.tasks[slice->task].tid, 41);
	CHECK_EQ(model.tasks[slice->task].pid, 40);
	CHECK_EQ(model.tasks[slice->waker].tid, 77);
	jem_sched_model_deinit(&model);
	close_folder(&folder);
}

CASE(a_number_that_is_used_again_is_another_task)
{
	struct jem_sched_model model;
	struct jem_sched_folder info;
	const struct jem_sched_cpu *cpu;
	struct folder folder;

	open_folder(&folder);
	put_task(&folder, 100, 50, 9, "born", "first");
	put_task(&folder, 900, 50, 9, "died", "first");
	put_task(&folder, 5000, 50, 9, "born", "second");
	add(&folder, 200, 20, 50, 0, "first"); /* told after the second was born */
	add(&folder, 6000, 20, 50, 0, "second");
	put_slices(&folder);
	put_task(&folder, 5000, 50, 9, "born", "third"); /* it has another name now */
	read_folder(&folder, 0, &model, &info);
	cpu = jem_sched_model_find_cpu(&model, 0);
	CHECK_EQ(cpu->count, 2);
	CHECK(cpu->slices[0].task != cpu->slices[1].task);
	CHECK_EQ(model.tasks[cpu->slices[0].task].died_ns, 900);
	CHECK_EQ(model.tasks[cpu->slices[1].task].born_ns, 5000);
	CHECK_STR(jem_sched_comm(&model, model.tasks[cpu->slices[1].task].comm), "third");
	CHECK_EQ(model.tasks[model.tasks[cpu->slices[1].task].parent].tid, 9);
	CHECK_EQ(model.task_count, 4); /* two lives of 50, 9 and the waker 77 */
	jem_sched_model_deinit(&model);
	close_folder(&folder);
}

CASE(slices_beyond_the_bound_are_counted)
{
	struct jem_sched_model model;
	struct jem_sched_folder info;
	struct folder folder;

	open_folder(&folder);
	for (int64_t i = 0; i < 10; i++)
		add(&folder, 1000 * i, 10, 50, 0, "x");
	put_slices(&folder);
	read_folder(&folder, 4, &model, &info);
	CHECK_EQ(info.slices, 4);
	CHECK_EQ(info.left_out, 6);
	jem_sched_model_deinit(&model);
	close_folder(&folder);
}

CASE(another_node_or_boot_does_not_come_in)
{
	struct jem_sched_model model;
	struct jem_sched_folder info;
	struct folder folder;

	open_folder(&folder);
	add(&folder, 1000, 10, 50, 0, "x");
	put_slices(&folder);
	folder.node = "n2";
	add(&folder, 1000, 10, 51, 0, "x");
	put_slices(&folder);
	folder.node = "n1";
	folder.epoch = "fedcba9876543210";
	add(&folder, 1000, 10, 52, 0, "x");
	put_slices(&folder);
	read_folder(&folder, 0, &model, &info);
	CHECK_EQ(info.slices, 1);
	CHECK_EQ(info.foreign, 2);
	CHECK_STR(info.node, "n1");
	jem_sched_model_deinit(&model);
	close_folder(&folder);
}

CASE(a_folder_without_any_is_an_empty_model)
{
	const struct jem_sched_folder_options options = { 0 };
	int data = open(check_folder(), O_RDONLY | O_DIRECTORY);
	struct jem_sched_model model;
	struct jem_sched_folder info;

	jem_sched_model_init(&model);
	CHECK_OK(jem_sched_folder_read(data, &options, &model, &info));
	CHECK_EQ(model.cpu_count, 0);
	CHECK_EQ(info.batches, 0);
	jem_sched_model_deinit(&model);
	close(data);
}

TESTS(T(slices_come_back_as_they_were), T(a_number_that_is_used_again_is_another_task),
      T(slices_beyond_the_bound_are_counted), T(another_node_or_boot_does_not_come_in),
      T(a_folder_without_any_is_an_empty_model))
