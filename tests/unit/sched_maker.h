/* SPDX-License-Identifier: Apache-2.0 */
/* sched_maker: models of scheduling as they could be, made of a seed: any number of cores and slices. */
#ifndef JEM_TESTS_UNIT_SCHED_MAKER_H
#define JEM_TESTS_UNIT_SCHED_MAKER_H

#include "common/sched/model.h"

struct sched_maker {
	unsigned cores;
	size_t slices; /* about */
	double span_s;
	uint32_t seed;
	unsigned number_step; /* cores are numbered 0, step, 2 * step; 0: as 1 */
	bool has_gap;         /* core 1 has no data for a twentieth of the time */
};

/*
 * An application of one task a core that meets in barriers and sometimes is moved, kernel threads that
 * come in between, a stretch in which two tasks share core 0, and a `sleep` at the start. Sealed.
 */
void sched_make(const struct sched_maker *maker, struct jem_sched_model *ret);

#endif
