/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index: what the page of all jobs tells of each, of those not in memory too.
 *
 * A job's line is kept in its data/state.json, written with every drawing, and read back at the start.
 *
 * Ownership: owns its lines; an entry given to it is copied
 * Bounds:    JEM_INDEX_MAX lines: the ones heard of longest ago are left out
 */
#ifndef JEM_RECEIVER_INDEX_H
#define JEM_RECEIVER_INDEX_H

#include "receiver/page/page.h"

enum {
	JEM_INDEX_MAX = 5000
};

struct jem_index;

/* Reads the lines of the jobs below `out`: 0, -ENOMEM. */
int jem_index_create(int out, struct jem_index **ret);
void jem_index_destroy(struct jem_index *index);

/* Sets the line of a job, known by its href. Without memory the old one stays. */
void jem_index_set(struct jem_index *index, const struct jem_index_entry *entry);

size_t jem_index_count(const struct jem_index *index);

/* Writes OUT/index.html if a line has changed: 1 written, 0 nothing to do, negative errno. */
int jem_index_write(struct jem_index *index, const struct jem_page_options *options, int out);

/* A line as data/state.json, and back. The texts of an entry that was read point into `text`. */
int jem_index_save(const struct jem_index_entry *entry, int data);
int jem_index_load(int data, struct jem_buf *text, struct jem_index_entry *ret);

#endif
