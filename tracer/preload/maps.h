/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maps: the memory of a traced process: rings, plan, tables.
 *
 * Bound:     the rings take at most `memory`; with a limit on address space or data, at most a 64th of it
 * Ownership: mappings belong to jem_state and are noted in jem_kept, so that a fork's child lets go of its
 *            parent's; descriptors belong to the caller
 */
#ifndef JEM_TRACER_PRELOAD_MAPS_H
#define JEM_TRACER_PRELOAD_MAPS_H

#include "tracer/preload/settings.h"
#include "tracer/preload/state.h"

/* First descriptor that we use; jobs rarely look there. */
#define JEM_FD_FIRST 200

/* Moves a new descriptor to JEM_FD_FIRST or above. The new one, or a negative errno; `fd` is closed. */
int jem_maps_move_fd(int fd);

/* Lets go of what this process has, or has inherited. */
void jem_maps_release(void);

/* Two sealed memfds, mapped and filled. 0 with both descriptors, or a negative errno. */
int jem_maps_make(const struct jem_settings *settings, int *rings_fd, int *plan_fd);

/* The rings in a regular file with its space allocated. 0 or a negative errno. */
int jem_maps_make_file(const struct jem_settings *settings);

#endif
