/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acked: which frames of a lane a broker has taken, and the advisory file that remembers it.
 *
 * The file has two places that are written in turn, so that one is whole whatever happens. Without it, or
 * with an old one, frames are sent again, which receivers know by their numbers; none is ever skipped that was
 * not taken.
 */
#ifndef JEM_BROKER_CLIENT_SPOOL_ACKED_H
#define JEM_BROKER_CLIENT_SPOOL_ACKED_H

#include <stdbool.h>
#include <stdint.h>

/* How far beyond the oldest frame that is not taken others may be. */
#define JEM_ACKED_WINDOW 16384

struct jem_acked {
	uint64_t base; /* all before it are taken */
	uint64_t bits[JEM_ACKED_WINDOW / 64];
	uint64_t generation;
	bool is_dirty;
};

/* False: it was known already, or is beyond the window and will be sent again after a restart. */
bool jem_acked_add(struct jem_acked *acked, uint64_t id);
bool jem_acked_has(const struct jem_acked *acked, uint64_t id);
/* Everything before `base` counts as taken. */
void jem_acked_advance(struct jem_acked *acked, uint64_t base);

/* Writes it where it has changed; `power`: until it is on the disk. -errno. */
int jem_acked_save(struct jem_acked *acked, int folder, const char *name, bool power);
/* The newer whole place; -ENOENT when there is none. */
int jem_acked_load(struct jem_acked *acked, int folder, const char *name);

#endif
