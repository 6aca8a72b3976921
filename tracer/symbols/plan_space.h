/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_space: which bytes of a plan file are free, and from when on.
 *
 * Ownership: owns its list. Knows offsets only, never touches the file.
 * Invariant: areas that are out and free ones do not overlap; all are multiples of JEM_PLAN_SPACE_UNIT.
 */
#ifndef JEM_TRACER_SYMBOLS_PLAN_SPACE_H
#define JEM_TRACER_SYMBOLS_PLAN_SPACE_H

#include <stddef.h>
#include <stdint.h>

#define JEM_PLAN_SPACE_UNIT 64u

struct jem_plan_area {
	uint64_t offset;
	uint64_t bytes; /* 0: none */
};

struct jem_plan_space {
	struct jem_plan_free {
		struct jem_plan_area area;
		uint64_t ready_ns; /* nobody reads it from then on */
	} * list;                  /* owned; by offset */
	size_t count, cap;
};

/* All of [from, to) is free. 0 or -ENOMEM. */
int jem_plan_space_init(struct jem_plan_space *space, uint64_t from, uint64_t to);
void jem_plan_space_deinit(struct jem_plan_space *space);

/* The first free area that is large enough and ready: 0, -ENOSPC. `bytes` may be 0: no area. */
int jem_plan_space_take(struct jem_plan_space *space, uint64_t bytes, uint64_t now_ns,
			struct jem_plan_area *ret);

/* Gives one back. Without memory for the list its bytes are lost, which is no fault. */
void jem_plan_space_give(struct jem_plan_space *space, struct jem_plan_area area,
			 uint64_t ready_ns);

uint64_t jem_plan_space_free_bytes(const struct jem_plan_space *space);

#endif
