/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_profile: what is known of the functions of a job and of its calling context tree, from records of
 * kind profile (schemas/profile.schema.json).
 *
 * Flow:      profile record -> jem_job_profile_add -> table, profile.csv, tree
 * Thread:    loop thread; adding does no I/O
 * Ownership: owns its texts and entries
 * Bounds:    JEM_JOB_PROFILE_FUNCTIONS, JEM_JOB_PROFILE_NODES and those of its names; what does not fit is
 *            counted. Some 10 MiB when all are used up.
 * Order:     the last record of a thing counts. Times are of what one daemon saw: those of several
 *            epochs (nodes of the job, daemons started anew) are added up where they are shown.
 */
#ifndef JEM_RECEIVER_CALLS_JOB_PROFILE_H
#define JEM_RECEIVER_CALLS_JOB_PROFILE_H

#include "common/json_reader.h"
#include "receiver/calls/name_table.h"

enum {
	JEM_JOB_PROFILE_FUNCTIONS = 1 << 16,
	JEM_JOB_PROFILE_NODES = 1 << 17,
};

struct jem_job_profile_times {
	uint64_t calls;
	uint64_t returns;
	uint64_t total_ns;
	uint64_t self_ns;
	uint64_t min_ns;
	uint64_t max_ns;
};

struct jem_job_profile_function {
	uint32_t epoch; /* names, as the three below */
	uint32_t lang;
	uint32_t function;
	uint32_t file;
	uint32_t line;
	struct jem_job_profile_times times;
};

struct jem_job_profile_node {
	uint32_t epoch;
	uint64_t number; /* in its epoch, from 1 */
	int64_t parent;  /* number, 0: the root, -1: not kept */
	uint32_t lang;
	uint32_t function;
	uint64_t calls;
	uint64_t total_ns;
	uint64_t self_ns;
};

/* Open addressing over one of the arrays; entries are never removed. */
struct jem_job_profile_index {
	uint32_t *slots; /* owned; place + 1 */
	uint32_t count;
};

struct jem_job_profile {
	struct jem_name_table names;
	struct jem_job_profile_function *functions; /* owned */
	uint32_t function_count;
	uint32_t function_cap;
	struct jem_job_profile_index by_function;
	struct jem_job_profile_node *nodes; /* owned */
	uint32_t node_count;
	uint32_t node_cap;
	struct jem_job_profile_index by_node;
	uint64_t left_out; /* records of what is beyond the bounds */
	uint64_t moved;    /* calls that records told beyond what those before them did */
};

void jem_job_profile_init(struct jem_job_profile *profile);
void jem_job_profile_deinit(struct jem_job_profile *profile);

/* Takes a record: 0; -EBADMSG one without what the kind promises; -ENOMEM. */
int jem_job_profile_add(struct jem_job_profile *profile, const char *epoch,
			const struct jem_json_doc *doc, uint32_t record);

/* The node of a number in an epoch, NULL: not known. */
const struct jem_job_profile_node *jem_job_profile_node(const struct jem_job_profile *profile,
							uint32_t epoch, uint64_t number);

/*
 * The functions, those of several epochs added up, by falling time of their own, then by name. *ret
 * is the caller's to free. How many, or -ENOMEM.
 */
int64_t jem_job_profile_table(const struct jem_job_profile *profile,
			      struct jem_job_profile_function **ret);

/* Appends profile.csv. 0 or -ENOMEM. */
int jem_job_profile_write_csv(const struct jem_job_profile *profile, struct jem_buf *buf);

#endif
