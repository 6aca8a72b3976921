/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seen: which files have been read, by identity, and how far. Survives the daemon in a small file.
 *
 * Ownership: owns its entries; one stays where it is until it is forgotten
 * Invariant: at most JEM_SEEN_MAX entries; the longest untouched one that is not open goes first,
 *            and files no younger than it count as seen from then on, so that nothing is read twice
 *
 * The file is advisory: without it a restart goes on at the ends of files, with an old one it
 * reads again what came since (a second or two when the daemon was killed), and leaves out what it knows to
 * be spooled.
 */
#ifndef JEM_DAEMON_SOURCES_LOG_SEEN_H
#define JEM_DAEMON_SOURCES_LOG_SEEN_H

#include "common/err.h"
#include "daemon/sources/log/spooled.h"
#include "daemon/sources/log/tail.h"

#define JEM_SEEN_MAX     1024
#define JEM_SEEN_SAVE_MS 500

struct jem_seen_file {
	struct jem_file_id id;
	struct jem_tail_position position; /* of the first byte not published */
	bool is_open;                      /* somebody reads it */
	bool is_foreign;                   /* stands beside a followed file but is not its past */
	uint64_t touched;
	struct jem_seen_file *next; /* in its bucket */
};

struct jem_seen;

int jem_seen_create(struct jem_seen **ret);
void jem_seen_destroy(struct jem_seen *seen);

struct jem_seen_file *jem_seen_find(struct jem_seen *seen, const struct jem_file_id *id);

/* The entry of a file, made if need be; NULL without memory, or when all are open. */
struct jem_seen_file *jem_seen_add(struct jem_seen *seen, const struct jem_file_id *id);

/* Whether a file without an entry came after all that was ever forgotten or left behind. */
bool jem_seen_is_new(const struct jem_seen *seen, const struct jem_file_info *info);

/* What is known of lines that were spooled later than positions were saved; kept in the file, too. */
struct jem_spooled *jem_seen_spooled(struct jem_seen *seen);

typedef void (*jem_seen_fn)(void *arg, const struct jem_seen_file *file);
void jem_seen_each(const struct jem_seen *seen, jem_seen_fn fn, void *arg);

/*
 * Whole or not at all: written beside `path` and renamed, mode 0600. What was born before
 * `horizon_ns` (by the clock of file times, CLOCK_REALTIME_COARSE) has an entry or never gets one.
 */
int jem_seen_save(const struct jem_seen *seen, const char *path, uint64_t horizon_ns);

/*
 * 0: an earlier daemon's knowledge is here; what came later than it is new. -ENOENT: there is none.
 * -EBADMSG with the reason, and nothing taken.
 */
int jem_seen_load(struct jem_seen *seen, const char *path, struct jem_err *err);

#endif
