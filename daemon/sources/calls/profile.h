/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile: every call of the job, from the trees that its threads keep, summed over all of them.
 *
 * Flow:      nodes of a thread's tree -> what is new since the last look -> functions and nodes
 *            -> those that moved, as rows
 * Thread:    the drain thread; a list of rows is handed to the loop thread whole
 * Ownership: owns its tables; texts are the images', which outlive it
 * Bound:     JEM_PROFILE_NODES nodes, JEM_PROFILE_FUNCTIONS functions; calls beyond are counted as lost
 * Invariant: counts only grow: a process that takes some back is not believed
 */
#ifndef JEM_DAEMON_SOURCES_CALLS_PROFILE_H
#define JEM_DAEMON_SOURCES_CALLS_PROFILE_H

#include "schemas/ring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JEM_PROFILE_NODES     65536u
#define JEM_PROFILE_FUNCTIONS 32768u
#define JEM_PROFILE_CALLERS   32u
/* Sums stay here: every reader of JSON holds them exactly. */
#define JEM_PROFILE_NUMBER_MAX ((1ull << 53) - 1)

struct jem_profile;

int jem_profile_create(struct jem_profile **ret);
void jem_profile_destroy(struct jem_profile *profile);

/* The place of a function in the profile, plus 1; 0: no room. Texts are kept, not copied. */
uint32_t jem_profile_function(struct jem_profile *profile, const char *name, const char *file,
			      uint32_t line);

/* The node of a function (its place plus 1) under another one, or under none: 0. 0: no room. */
uint32_t jem_profile_node(struct jem_profile *profile, uint32_t function, uint32_t parent);

/*
 * A recorded call that no tree has, because it ended before the process knew its function. The times of those
 * that are open then are kept by the process, as of all others.
 */
void jem_profile_count(struct jem_profile *profile, uint32_t node, uint64_t total_ns,
		       uint64_t self_ns);

/* What was seen of one thread's tree before. Zeroed: nothing. */
struct jem_profile_seen {
	struct jem_profile_last *last; /* owned, one an index of the tree */
	uint32_t count;
};
void jem_profile_seen_deinit(struct jem_profile_seen *seen);

/* How the caller reads one thread's tree. */
struct jem_profile_tree {
	uint32_t count; /* indices of the tree */
	double rate;    /* nanoseconds of a tick */
	/* A copy of a node; false: there is none. */
	bool (*read)(void *arg, uint32_t index, struct jem_ring_edge *ret);
	/* The place of a node's function in the profile, plus 1; 0: not known (yet). */
	uint32_t (*function)(void *arg, const struct jem_ring_edge *edge);
	void *arg;
};

/* Adds what is new in a tree. */
void jem_profile_add_tree(struct jem_profile *profile, struct jem_profile_seen *seen,
			  const struct jem_profile_tree *tree);

struct jem_profile_caller {
	const char *function; /* "": what is not followed */
	uint64_t calls, total_ns, self_ns;
};

struct jem_profile_row {
	const char *function, *file;
	uint32_t line;
	uint32_t node;  /* 0: the row is of the function in all */
	int64_t parent; /* of a node: its parent's number, 0 the root, -1 not kept */
	uint64_t calls, returns, recorded, total_ns, self_ns, min_ns, max_ns;
	uint32_t first_caller, caller_count;
};

struct jem_profile_rows {
	struct jem_profile_row *rows; /* owned */
	struct jem_profile_caller *callers;
	size_t count, caller_count;
};

/* Functions, or nodes, that moved since they were taken last; at most `max`, those that wait longest first. */
int jem_profile_take(struct jem_profile *profile, bool of_nodes, size_t max,
		     struct jem_profile_rows *ret);
void jem_profile_rows_deinit(struct jem_profile_rows *rows);

/* Calls that found no room. */
uint64_t jem_profile_lost(const struct jem_profile *profile);

#endif
