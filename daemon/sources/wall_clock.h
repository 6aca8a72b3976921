/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wall_clock: tells when somebody steps the wall clock.
 *
 * Records keep the one offset that their epoch began with, so that times in a stream never jump;
 * a step of more than 1 ms since the last look is published as a `clock` status record.
 *
 * Thread:    loop thread, every 10 s
 * Ownership: owns its timer; batcher and clock are borrowed and outlive it
 */
#ifndef JEM_DAEMON_SOURCES_WALL_CLOCK_H
#define JEM_DAEMON_SOURCES_WALL_CLOCK_H

#include "daemon/batcher.h"

struct jem_wall_clock_source;

int jem_wall_clock_source_create(uv_loop_t *loop, struct jem_batcher *batcher,
				 const struct jem_clock *clock, struct jem_wall_clock_source **ret);

/* Looks at `step_ns`, the distance of the wall clock from where the epoch's offset puts it. */
void jem_wall_clock_source_look(struct jem_wall_clock_source *source, int64_t step_ns);

/* Stops the timer; memory is freed in the loop's next pass. Takes NULL. */
void jem_wall_clock_source_destroy(struct jem_wall_clock_source *source);

#endif
