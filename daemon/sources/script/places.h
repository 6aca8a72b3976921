/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places: how often each place of the job's scripts is reached, and whether one more record of it may pass.
 *
 * Flow:      event at (language, file, line, function) -> within the limit? -> counted
 *            -> those that moved, as profile records
 * Ownership: owns its table
 * Bound:     JEM_PLACES_MAX places; events at further ones pass under one limit for all of them and
 *            are in no profile
 * Invariant: of a place, calls == recorded + those over the limit; a return passes where its call did
 */
#ifndef JEM_DAEMON_SOURCES_SCRIPT_PLACES_H
#define JEM_DAEMON_SOURCES_SCRIPT_PLACES_H

#include "daemon/batcher.h"
#include "daemon/sources/script/script_line.h"

#define JEM_PLACES_MAX 8192u

struct jem_places;

/* `limit`: records a second from one place, 0: any number. */
int jem_places_create(uint64_t limit, struct jem_places **ret);
void jem_places_destroy(struct jem_places *places);

/* Counts the event, at `now_ns`; whether it may be recorded. */
bool jem_places_take(struct jem_places *places, const struct jem_script_line *line,
		     uint64_t now_ns);

/* What a process has counted by itself (JEM_SCRIPT_COUNT). */
void jem_places_add(struct jem_places *places, const struct jem_script_line *line);

/* A profile record of each place that moved since. */
void jem_places_publish(struct jem_places *places, struct jem_batcher *batcher, uint64_t mono_ns);

#endif
