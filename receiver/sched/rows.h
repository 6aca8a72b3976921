/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rows: which cores a graph shows, from below: by number, or those of a socket together.
 *
 * Ownership: owns its arrays; the model is borrowed and outlives it
 */
#ifndef JEM_RECEIVER_SCHED_ROWS_H
#define JEM_RECEIVER_SCHED_ROWS_H

#include "receiver/sched/view.h"

struct jem_core_row {
	const struct jem_sched_cpu *cpu;
	uint32_t rank;
	int socket; /* -1: not known */
};

struct jem_core_rows {
	struct jem_core_row *rows; /* from below */
	size_t count;
	uint32_t *of_cpu; /* by number; JEM_SCHED_NONE: not shown */
	size_t cpu_limit; /* entries of of_cpu */
};

/* 0 or -ENOMEM. */
int jem_core_rows_init(struct jem_core_rows *rows, const struct jem_sched_view *view);
void jem_core_rows_deinit(struct jem_core_rows *rows);

/* The row of a core, from below; JEM_SCHED_NONE when it is not shown. */
uint32_t jem_core_rows_find(const struct jem_core_rows *rows, uint16_t cpu);

#endif
