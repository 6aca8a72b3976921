/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past: the files beside a followed one that were it before: `job.log.1`, `job-20260813.log`.
 *
 * A name alone proves nothing (`out.1` may be another process's output), so a file counts only when
 * it came after all that stood there at the start, and was not made under that very name.
 */
#ifndef JEM_DAEMON_SOURCES_LOG_PAST_H
#define JEM_DAEMON_SOURCES_LOG_PAST_H

#include "daemon/sources/log/seen.h"

#define JEM_PAST_MAX     1024
#define JEM_PAST_ENTRIES 100000 /* of a folder that are looked at */

struct jem_past_file {
	char *path; /* owned */
	struct jem_file_info info;
};

/* Oldest first. */
struct jem_past {
	struct jem_past_file *files; /* owned */
	size_t count;
};

/* Whether a rotation may give `base` this name. Compressed files are copies, not renamed ones. */
bool jem_past_is_name(const char *base, const char *name);

/*
 * Past files of `path` with something unread, without `except`. With `notes_foreign` there are
 * none: what stands there is noted as foreign.
 */
void jem_past_collect(struct jem_seen *seen, const char *path, const struct jem_file_id *except,
		      bool notes_foreign, struct jem_past *ret);
void jem_past_free(struct jem_past *past);

/*
 * The copy of a file that was cut afterwards (copytruncate): the youngest file with a past name that
 * is longer than `position` and has the position's guard right before it. False: there is none.
 */
bool jem_past_find_copy(struct jem_seen *seen, const char *path,
			const struct jem_tail_position *position, struct jem_past_file *ret);

/* The entry `name` beside `path` is no past of it. */
void jem_past_note_foreign(struct jem_seen *seen, const char *path, const char *name);

#endif
