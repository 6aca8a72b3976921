/* SPDX-License-Identifier: Apache-2.0 */
/*
 * symbols: the ground of the tests of tracer/symbols: programs compiled on the spot, and their images.
 */
#ifndef JEM_TESTS_UNIT_SYMBOLS_H
#define JEM_TESTS_UNIT_SYMBOLS_H

#include "tests/unit/check.h"
#include "tracer/symbols/writer.h"

/* Runs a shell command in the case's folder, fails the case if it fails. */
void symbols_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, and what it printed; the caller frees. */
char *symbols_output(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Skips the case unless the command is there. */
void symbols_need(const char *command);

/* Path of a source in tests/unit/traced, and of a file in the case's folder. Valid for the case. */
const char *symbols_source(const char *name);
const char *symbols_path(const char *name);

/* An image of a file in the case's folder; patterns end with NULL. Fails the case if there is none. */
struct symbols_image {
	void *bytes; /* owned; one allocation, so that a sanitizer sees its end */
	struct jem_image view;
};

void symbols_read(struct symbols_image *image, const char *name, const char *const *include,
		  const char *const *exclude);

/* The same of all functions, with plans. */
void symbols_read_values(struct symbols_image *image, const char *name,
			 jem_plan_compile_fn compile);
void symbols_free(struct symbols_image *image);

const char *symbols_string(const struct symbols_image *image, uint32_t offset);

/* By its qualified name; 0: not there. */
uint32_t symbols_function(const struct symbols_image *image, const char *name);

#endif
