/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name_table: texts as small numbers; equal texts have equal numbers.
 *
 * Ownership: owns its copies; a text lives as long as the table and does not move
 * Bounds:    JEM_NAME_TABLE_MAX texts of JEM_NAME_TABLE_LENGTH bytes (longer ones are cut), JEM_NAME_TABLE_BYTES of
 *            all. What does not fit is JEM_NAME_OTHER, and counted.
 */
#ifndef JEM_RECEIVER_CALLS_NAME_TABLE_H
#define JEM_RECEIVER_CALLS_NAME_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum {
	JEM_NAME_TABLE_MAX = 1 << 16,
	JEM_NAME_TABLE_LENGTH = 1024,
	JEM_NAME_TABLE_BYTES = 8 << 20,
	JEM_NAME_NONE = 0,  /* "" */
	JEM_NAME_OTHER = 1, /* "(other)" */
};

struct jem_name_table {
	char **texts; /* owned, each */
	uint32_t count;
	uint32_t cap;
	uint32_t *slots; /* owned; number + 1 */
	uint32_t slot_count;
	size_t bytes;
	uint64_t left_out; /* asked for, but beyond the bounds */
};

void jem_name_table_init(struct jem_name_table *names);
void jem_name_table_deinit(struct jem_name_table *names);

/* The number of a text, made if need be; a NUL in it ends it. */
uint32_t jem_name_table_get(struct jem_name_table *names, const char *text, size_t len);

/* The text of a number that was given out. */
const char *jem_name_table_at(const struct jem_name_table *names, uint32_t number);

#endif
