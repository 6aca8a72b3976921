/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_job: what the preloaded library makes of a process, by hand: sealed rings and plan, a hello, records.
 * The clock is CLOCK_MONOTONIC, times are the caller's.
 */
#ifndef JEM_TESTS_UNIT_FAKE_JOB_H
#define JEM_TESTS_UNIT_FAKE_JOB_H

#include "schemas/ring.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	FAKE_RING = 65536,
	FAKE_THREADS = 4,
	FAKE_EDGES = 16,
	FAKE_MODULES = 4,
	FAKE_PLAN = 1 << 20,
	FAKE_BIAS = 0x5000000,
};

struct fake_job {
	int rings_fd, plan_fd; /* owned */
	uint8_t *rings;        /* owned mappings */
	uint8_t *plan;
	size_t rings_bytes;
	struct jem_ring_header *header;
	struct jem_ring_thread *threads;
	struct jem_ring_module *modules;
	struct jem_ring_edge *edges;
};

void fake_job_open(struct fake_job *job);
void fake_job_close(struct fake_job *job);

/* The program itself, at FAKE_BIAS; or another module. */
void fake_module(struct fake_job *job, unsigned index, const char *path, uint64_t start,
		 uint64_t end);

/* Connects to `address` and says hello, with variables (NULL: none), each ended by a NUL. */
void fake_hello(struct fake_job *job, const char *address, const char *config, size_t len);

/* A record before the plan is there; `pc` and `callsite` in the process. */
void fake_unknown(struct fake_job *job, unsigned thread, bool is_exit, uint64_t pc,
		  uint64_t callsite, uint64_t frame, uint64_t mono_ns);
/* A record of a site; words: its values (site's part first), or NULL. */
void fake_record(struct fake_job *job, unsigned thread, bool is_exit, uint32_t site,
		 uint64_t callsite, uint64_t frame, uint64_t mono_ns,
		 const struct jem_ring_parts *parts, const uint64_t *words);

/* The library's look-up; NULL: not in the table. The state of the plan. */
const struct jem_plan_site *fake_find(const struct fake_job *job, uint64_t pc);
uint32_t fake_state(const struct fake_job *job);

#endif
