/* SPDX-License-Identifier: Apache-2.0 */
/* plan_bench: a plan file in memory, seen by a reader that does what ring.h asks of the library in the job. */
#ifndef JEM_TESTS_UNIT_PLAN_BENCH_H
#define JEM_TESTS_UNIT_PLAN_BENCH_H

#include "tests/unit/image_maker.h"
#include "tracer/symbols/plan_file.h"

enum {
	FILE_BYTES = 1 << 20,
	SECOND = 1000000000
};

extern const struct jem_plan_settings plan_settings;

struct plan_bench {
	uint8_t *bytes;
	size_t len;
	struct jem_plan_file *file;
};

void plan_open(struct plan_bench *bench, size_t len);
void plan_close(struct plan_bench *bench);

struct plan_view {
	uint32_t generation;
	uint32_t mask;
	const struct jem_plan_site *sites; /* NULL: no table */
};

/* Takes the table over if no change is under way; otherwise the old one stays. */
void plan_view_refresh(struct plan_view *view, const uint8_t *bytes);
const struct jem_plan_site *plan_view_find(const struct plan_view *view, uint64_t key);

/* The same in one, as the file is now. */
const struct jem_plan_site *plan_find(const struct plan_bench *bench, uint64_t key);
const struct jem_plan_header *plan_header(const struct plan_bench *bench);
const struct jem_plan_op *plan_code(const struct plan_bench *bench, uint32_t plan);

struct plan_module {
	uint8_t *bytes;
	struct jem_image image;
};

/*
 * Functions f1 (included), f2 ...; the enter site of each at 0x1000 * n with code and two fixed words, its
 * exit site 0x80 after it without; two call sites in f1, 0x1040 with code and 0x1044 without.
 */
void plan_module_make(struct plan_module *module, unsigned functions);
void plan_module_free(struct plan_module *module);

#endif
