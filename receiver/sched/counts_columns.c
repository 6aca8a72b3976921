/* SPDX-License-Identifier: Apache-2.0 */
/* counts_columns: steps of running and runnable tasks, summed up for the columns of a picture. */
#include "receiver/sched/counts_graph.h"

#include <math.h>
#include <string.h>

static void add_step(struct jem_counts_column *column, const struct jem_sched_step *step,
		     double share, unsigned core_count)
{
	if (!column->step_count++) {
		column->running_first = column->running_min = step->running;
		column->runnable_first = column->runnable_min = step->runnable;
	}
	column->running += step->running * share;
	column->runnable += step->runnable * share;
	column->running_last = step->running;
	column->runnable_last = step->runnable;
	if (step->running < column->running_min)
		column->running_min = step->running;
	if (step->running > column->running_max)
		column->running_max = step->running;
	if (step->runnable < column->runnable_min)
		column->runnable_min = step->runnable;
	if (step->runnable > column->runnable_max)
		column->runnable_max = step->runnable;
	if (step->runnable > step->running && step->running < core_count)
		column->waits_below = true;
	else if (step->runnable > step->running)
		column->waits_above = true;
}

void jem_counts_columns(const struct jem_sched_counts *counts, int64_t from_ns, int64_t to_ns,
			double column_ns, unsigned core_count, struct jem_counts_column *columns,
			size_t count)
{
	double end = (double)(to_ns - from_ns) / column_ns; /* of the data, in columns */

	memset(columns, 0, count * sizeof(*columns));
	for (size_t i = 0; i < counts->count; i++) {
		const struct jem_sched_step *step = &counts->steps[i];
		int64_t next = i + 1 < counts->count ? step[1].at_ns : to_ns;
		double x0 = fmax(0, (double)(step->at_ns - from_ns) / column_ns);
		double x1 = fmin((double)count, (double)(next - from_ns) / column_ns);

		if (x1 <= x0)
			continue;
		for (size_t c = (size_t)x0; c < count && (double)c < x1; c++) {
			double width = fmin(1, end - (double)c);
			double share = fmin(x1, (double)c + 1) - fmax(x0, (double)c);

			if (share > 0 && width > 0)
				add_step(&columns[c], step, share / width, core_count);
		}
	}
}
