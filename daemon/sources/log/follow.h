/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow: everything that is ever written under one file name, in order, through rotations.
 *
 * Flow:      look (what is the name now? what has it been since?) -> open -> read -> sink
 * Ownership: owns its open files; what the environment holds is borrowed and outlives it
 * Invariant: a file is read by at most one follow at a time, from where it was left
 *
 * A renamed file stays open and is read until it has been quiet for a while, for a writer goes on
 * in it until it notices. Between two looks a name may have been several files: those that are
 * gone from it already stand beside it as `name.1`, `name-20260813`, `name.old`, and are known by
 * having come after the last one we knew. Files are read in the order of their birth.
 */
#ifndef JEM_DAEMON_SOURCES_LOG_FOLLOW_H
#define JEM_DAEMON_SOURCES_LOG_FOLLOW_H

#include "daemon/sources/log/rules.h"
#include "daemon/sources/log/seen.h"
#include "daemon/sources/log/tail.h"
#include "daemon/sources/log/watch.h"

#define JEM_FOLLOW_OPEN_MAX   32          /* files of one name at a time */
#define JEM_FOLLOW_RETIRE_NS  5000000000u /* silence after which a renamed file is closed */
#define JEM_FOLLOW_DELETED_NS 1000000000u /* a deleted one: it may hold much disk space */

/* What all follows of a source share. */
struct jem_follow_env {
	struct jem_seen *seen;
	struct jem_watch *watch; /* NULL: polling only */
	size_t line_max;
	char *chunk; /* of JEM_TAIL_GUARD + JEM_TAIL_CHUNK bytes */
};

/* One file that bears the name, or did. */
struct jem_follow_file {
	struct jem_tail tail;
	struct jem_seen_file *seen; /* borrowed, stays while we are open */
	int wd;                     /* negative: not watched */
	bool is_polled;             /* not watched, or others may write unseen by this kernel */
	bool is_ready;              /* there may be something to read */
	bool is_in_use;             /* being read: not closed to make room */
	struct jem_buf members;     /* for who writes records: what is the same in all of them */
	uint32_t members_cuts;
	const struct jem_spooled_file *spooled; /* of these members; borrowed, or NULL */
	unsigned pem_lines;                     /* left of a PEM block, at most; 0: in none */
	struct jem_follow_file *next;           /* younger */
};

struct jem_follow {
	const struct jem_follow_env *env;
	char *path;  /* owned; NULL: a stream, which has no name to look at */
	char *label; /* owned; `file` in records */
	struct jem_rules_scope scope;
	struct jem_follow_file *files;   /* owned, oldest first */
	struct jem_follow_file *current; /* the one that has the name, or NULL */
	int folder_wd;
	int fault;      /* of the last look, 0: none; -ENOENT is none either */
	int read_fault; /* of the last read, 0: none */
	int told_fault; /* the last of those that was told */
	unsigned scans_left;
	uint64_t folder_mtime_ns; /* at the last scan; 0: too fresh to tell */
	bool is_polled;           /* the name itself */
	bool has_looked;
	bool had_file;
	bool wants_look;
	bool is_held;   /* not read yet: the job has not begun to write */
	bool is_stderr; /* the job's standard error goes there, too */
};

struct jem_follow_sink {
	void (*on_region)(void *arg, const char *start, size_t len);
	void (*on_line)(void *arg, struct jem_follow *follow, struct jem_follow_file *file,
			const struct jem_line *line);
	void (*on_lost)(void *arg, struct jem_follow *follow, struct jem_follow_file *file,
			uint64_t from, uint64_t to);
	void *arg;
};

/* Where to begin in a file that was never seen. */
enum jem_follow_from {
	JEM_FROM_BEGINNING,
	JEM_FROM_END,
	JEM_FROM_RESTART /* the end, unless it came while no daemon was there to see it */
};

/* `path` may be NULL for a stream; strings are copied. */
int jem_follow_create(const struct jem_follow_env *env, const char *path, const char *label,
		      struct jem_follow **ret);

/* Leaves the positions with `seen`; unfinished lines are left to the next reader. */
void jem_follow_destroy(struct jem_follow *follow);

/* What does the name stand for now? The result is kept in `fault`, too. */
int jem_follow_look(struct jem_follow *follow, enum jem_follow_from from);

/* Opens the file of a stream, by any path to it; -EEXIST when it is followed already. */
int jem_follow_stream(struct jem_follow *follow, const char *path, enum jem_follow_from from);

/* Lets a held stream go: it is read from `from` on, or from where it stands if that is further. */
void jem_follow_release(struct jem_follow *follow, uint64_t from);

void jem_follow_on_file_event(struct jem_follow *follow, int wd);
void jem_follow_on_folder_event(struct jem_follow *follow, int wd, uint32_t mask, const char *name);

/* Reads one chunk of the oldest file that may have something; true while there is more. */
bool jem_follow_read(struct jem_follow *follow, uint64_t now_ns,
		     const struct jem_follow_sink *sink);

/* Ends lines that stay unfinished, closes what is over. */
void jem_follow_tick(struct jem_follow *follow, uint64_t now_ns,
		     const struct jem_follow_sink *sink);

/* Marks what cannot be watched: it may have changed. */
void jem_follow_poll(struct jem_follow *follow);

bool jem_follow_needs_tick(const struct jem_follow *follow);

/* Reads all there is by now, until `deadline_ns`, and ends the lines; false: some was left. */
bool jem_follow_finish(struct jem_follow *follow, uint64_t deadline_ns,
		       const struct jem_follow_sink *sink);

/* Notes how far each file has been read. */
void jem_follow_note_positions(struct jem_follow *follow);

#endif
