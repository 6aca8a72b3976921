/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call_tree: the calling context tree of a whole job, made from a profile: nodes of several epochs that
 * have the same path of functions are one.
 *
 * Ownership: owns its nodes; names are those of the profile, which outlives it
 * Bounds:    JEM_CALL_TREE_DEPTH levels; nodes below, and those that hostile records make a cycle of, are
 *            counted. Nodes whose path was not kept, or has not come yet, stand below one node.
 * Invariant: a node's `width_ns` is at least what its children have together, so that it can be
 *            drawn above them, also while it has not returned
 */
#ifndef JEM_RECEIVER_CALLS_CALL_TREE_H
#define JEM_RECEIVER_CALLS_CALL_TREE_H

#include "receiver/calls/job_profile.h"

enum {
	JEM_CALL_TREE_DEPTH = 256,
	JEM_CALL_TREE_ROOT = 0,
	JEM_CALL_TREE_LOST = 1, /* above nodes without a path; without children: there are none */
};

struct jem_call_tree_node {
	uint32_t function; /* a name of the profile */
	uint32_t parent;
	uint32_t depth;       /* of the root 0 */
	uint32_t children;    /* where they begin in `order` */
	uint32_t child_count; /* nodes of no width are among them */
	uint64_t calls;
	uint64_t total_ns;
	uint64_t self_ns;
	uint64_t width_ns;
};

struct jem_call_tree {
	const struct jem_job_profile *profile; /* borrowed */
	struct jem_call_tree_node *nodes;      /* owned; a parent comes before its children */
	uint32_t count;
	uint32_t *order; /* owned; the children of each node together */
	uint64_t cut;    /* nodes of the profile that are not in it */
};

enum jem_call_tree_order {
	JEM_CALL_TREE_BY_NAME, /* keeps its place from drawing to drawing */
	JEM_CALL_TREE_BY_TIME,
};

/* 0 or -ENOMEM, and nothing is held. */
int jem_call_tree_make(struct jem_call_tree *tree, const struct jem_job_profile *profile,
		       enum jem_call_tree_order order);
void jem_call_tree_deinit(struct jem_call_tree *tree);

/* The name of a node: of the root "all", of the other one without a function what it is. */
const char *jem_call_tree_name(const struct jem_call_tree *tree, uint32_t node);

#endif
