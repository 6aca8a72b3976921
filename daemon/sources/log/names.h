/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names: which files are followed: plain names, shell patterns that are expanded again and again,
 * and standard streams.
 *
 * Ownership: owns its follows and patterns; what the options name is borrowed and outlives it, but
 *            for the two folders, which are copied
 * Invariant: a path is followed once, at most JEM_LOG_FILES_MAX are, and none of our own files is
 */
#ifndef JEM_DAEMON_SOURCES_LOG_NAMES_H
#define JEM_DAEMON_SOURCES_LOG_NAMES_H

#include "daemon/batcher.h"
#include "daemon/sources/log/follow.h"
#include "daemon/sources/log/pattern.h"

#define JEM_LOG_FILES_MAX    512 /* names followed at a time */
#define JEM_LOG_PATTERNS_MAX 64

struct jem_log_names_options {
	const struct jem_follow_env *env;
	struct jem_batcher *batcher;
	const struct jem_rules *rules;
	const char *folder;  /* relative names are meant from here; NULL: our own */
	const char *exclude; /* a folder that patterns never enter, or NULL */
};

struct jem_log_names {
	struct jem_log_names_options options;
	struct jem_follow *follows[JEM_LOG_FILES_MAX]; /* owned */
	size_t count;
	struct jem_log_pattern patterns[JEM_LOG_PATTERNS_MAX];
	size_t pattern_count;
	enum jem_follow_from from;     /* for names that are new to us */
	struct jem_file_id our_stderr; /* never followed: what we log about it would follow */
	bool has_told_full;
};

int jem_log_names_init(struct jem_log_names *names, const struct jem_log_names_options *options);
void jem_log_names_deinit(struct jem_log_names *names);

/* Follows nothing any more. */
void jem_log_names_clear(struct jem_log_names *names);

/* An entry of log.files: a name or a pattern. */
void jem_log_names_add_entry(struct jem_log_names *names, const char *entry);
int jem_log_names_add(struct jem_log_names *names, const char *path, enum jem_follow_from from);
/* As jem_log_source_add_stream; -EEXIST: its file is followed already. */
int jem_log_names_add_stream(struct jem_log_names *names, pid_t pid, int stream, const char *copy);
/* As jem_log_source_hold_streams and _release_streams. */
void jem_log_names_hold_streams(struct jem_log_names *names);
void jem_log_names_release_streams(struct jem_log_names *names, uint64_t from);

void jem_log_names_on_event(struct jem_log_names *names, int wd, uint32_t mask, const char *name);
void jem_log_names_on_overflow(struct jem_log_names *names);

/* Looks at all that want it, or at one; or makes all want it. */
void jem_log_names_want_look(struct jem_log_names *names);
void jem_log_names_look(struct jem_log_names *names);
void jem_log_names_look_at(struct jem_log_names *names, struct jem_follow *follow);

/* Marks what cannot be watched, and whether there is such a thing, or something else to wait for. */
void jem_log_names_poll(struct jem_log_names *names);
bool jem_log_names_needs_tick(const struct jem_log_names *names);

/* Tells why the last read failed, once. */
void jem_log_names_tell_unreadable(struct jem_log_names *names, struct jem_follow *follow);

#endif
