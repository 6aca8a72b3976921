/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model: slices, tasks and names of one recording, ready for questions.
 *
 * Flow:      tracer/sched (trace.dat) or receiver (batches of kind sched) -> add -> seal -> graphs, numbers
 * Thread:    filled by one thread; sealed it is only read
 * Ownership: owns all arrays
 * Bound:     grows with its input; 60 bytes an original event at most (DESIGN section 6)
 * Invariant: once sealed, slices of a core are in order of start and of end, none overlaps the next, and
 *            every index in them and every time is within bounds, wherever they came from
 */
#ifndef JEM_COMMON_SCHED_MODEL_H
#define JEM_COMMON_SCHED_MODEL_H

#include "common/sched/slice.h"

#include <stdbool.h>
#include <stddef.h>

#define JEM_SCHED_COMM_BYTES 16 /* of the kernel, with the end; hostile text */

struct jem_sched_cpu {
	uint16_t number; /* the kernel's; numbers may have holes */
	struct jem_sched_slice *slices;
	size_t count, cap;
};

struct jem_sched_model {
	struct jem_sched_cpu *cpus; /* in the order of their numbers once sealed */
	size_t cpu_count;
	uint32_t *cpu_index; /* by number: index in cpus + 1, 0: none */
	size_t cpu_index_count;
	struct jem_sched_task *tasks;
	size_t task_count, task_cap;
	char (*names)[JEM_SCHED_COMM_BYTES]; /* ended by NUL; by index */
	size_t name_count, name_cap;
	uint32_t *name_slots; /* hash table over names */
	size_t name_slot_count;
	struct jem_sched_gap *gaps; /* sealed: by core, then time */
	size_t gap_count, gap_cap;
	int64_t begin_ns, end_ns; /* of the data, of all cores; seal widens them to what is in it */
	uint64_t events, switches, lost_events, inferred;
	bool is_sealed;
};

void jem_sched_model_init(struct jem_sched_model *model);
void jem_sched_model_deinit(struct jem_sched_model *model);

/*
 * Each 0 or -ENOMEM (-E2BIG beyond 2^32 tasks or names); -EINVAL, and nothing is added, for a time out of
 * bounds, a task or name that is not there. Slices of a core come in any order. A core that never ran
 * anything is told too, by jem_sched_model_cpu: it was idle. Pointers to cores hold until the next is added.
 */
int jem_sched_model_cpu(struct jem_sched_model *model, uint16_t number, struct jem_sched_cpu **ret);
int jem_sched_model_slice(struct jem_sched_model *model, const struct jem_sched_slice *slice);
int jem_sched_model_task(struct jem_sched_model *model, const struct jem_sched_task *task,
			 uint32_t *ret);
int jem_sched_model_gap(struct jem_sched_model *model, const struct jem_sched_gap *gap);
/* The index of a name; at most JEM_SCHED_COMM_BYTES - 1 bytes of it are taken. */
int jem_sched_model_name(struct jem_sched_model *model, const char *comm, uint32_t *ret);

/*
 * Sorts cores, and the slices of each by start where they are not yet; of slices that overlap the first is
 * cut, which counts as inferred. Then nothing is added.
 */
int jem_sched_model_seal(struct jem_sched_model *model);

/* A core of a sealed model by its number, NULL. */
const struct jem_sched_cpu *jem_sched_model_find_cpu(const struct jem_sched_model *model,
						     uint16_t number);
/* The first slice of a core that ends after `ns`: an index up to count. */
size_t jem_sched_cpu_at(const struct jem_sched_cpu *cpu, int64_t ns);

/* "sleep" and so on. */
const char *jem_sched_end_name(enum jem_sched_end end);
/* The name by its index, "" for JEM_SCHED_NONE. Hostile text. */
const char *jem_sched_comm(const struct jem_sched_model *model, uint32_t comm);

#endif
