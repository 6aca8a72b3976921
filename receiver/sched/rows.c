/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/sched/rows.h"

#include <errno.h>
#include <stdlib.h>

static int by_rank(const void *a, const void *b)
{
	const struct jem_core_row *x = a;
	const struct jem_core_row *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return (int)x->cpu->number - (int)y->cpu->number;
}

static void place(struct jem_core_row *row, const struct jem_topology *topology)
{
	const struct jem_cpu_place *place =
		topology ? jem_topology_find(topology, row->cpu->number) : NULL;

	row->socket = place ? place->socket : -1;
	if (place)
		row->rank = jem_topology_rank(topology, row->cpu->number);
	else /* cores that the topology does not name stand on top */
		row->rank = topology ? UINT32_MAX : row->cpu->number;
}

int jem_core_rows_init(struct jem_core_rows *rows, const struct jem_sched_view *view)
{
	const struct jem_sched_model *model = view->model;

	*rows = (struct jem_core_rows){ .cpu_limit = 1 };
	for (size_t i = 0; i < model->cpu_count; i++)
		if (model->cpus[i].number >= rows->cpu_limit)
			rows->cpu_limit = model->cpus[i].number + 1u;
	rows->rows = calloc(model->cpu_count + 1, sizeof(*rows->rows));
	rows->of_cpu = malloc(rows->cpu_limit * sizeof(*rows->of_cpu));
	if (!rows->rows || !rows->of_cpu) {
		jem_core_rows_deinit(rows);
		return -ENOMEM;
	}
	for (size_t i = 0; i < rows->cpu_limit; i++)
		rows->of_cpu[i] = JEM_SCHED_NONE;
	for (size_t i = 0; i < model->cpu_count; i++) {
		if (!jem_sched_select_cpu(&view->select, model->cpus[i].number))
			continue;
		rows->rows[rows->count].cpu = &model->cpus[i];
		place(&rows->rows[rows->count++], view->topology);
	}
	qsort(rows->rows, rows->count, sizeof(*rows->rows), by_rank);
	for (size_t i = 0; i < rows->count; i++)
		rows->of_cpu[rows->rows[i].cpu->number] = (uint32_t)i;
	return 0;
}

void jem_core_rows_deinit(struct jem_core_rows *rows)
{
	free(rows->rows);
	free(rows->of_cpu);
	*rows = (struct jem_core_rows){ 0 };
}

uint32_t jem_core_rows_find(const struct jem_core_rows *rows, uint16_t cpu)
{
	return cpu < rows->cpu_limit ? rows->of_cpu[cpu] : JEM_SCHED_NONE;
}
