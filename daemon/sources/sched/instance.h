/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance: a tracefs instance of our own (Documentation/trace/ftrace.rst, "Instances"), with the
 * scheduling events on and the raw buffers of all cores open.
 *
 * Flow:      reap what dead daemons left -> keeper -> mkdir -> clock, sizes, events -> open -> start
 * Thread:    any one; opening waits for the kernel some 0.1 s, so never on the loop
 * Ownership: owns the folder in instances/ and its descriptors
 * Privilege: needed to open. Reading, start, stop and losses then go on without it; the folder is
 *            removed by the keeper, which keeps what privilege we had
 *
 * The name is jem-<pid>-<start time of the process>-<now>. The kernel removes no instance that has an open
 * file, so that reaping cannot take one that is read, whatever pid namespace its reader is in.
 */
#ifndef JEM_DAEMON_SOURCES_SCHED_INSTANCE_H
#define JEM_DAEMON_SOURCES_SCHED_INSTANCE_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JEM_INSTANCE_NAME_SIZE 64

struct jem_instance_cpu {
	uint16_t number; /* the kernel's */
	int raw;         /* trace_pipe_raw, not blocking */
	int stats;
	uint64_t lost; /* as the kernel counted them up to now */
};

struct jem_instance {
	char root[64]; /* of tracefs */
	char name[JEM_INSTANCE_NAME_SIZE];
	int folder;     /* owned, from here on */
	int tracing_on; /* -1: not open */
	int keeper;     /* closing it has the folder removed */
	struct jem_instance_cpu *cpus;
	size_t cpu_count;
};

/* Where tracefs is, and whether instances may be made there: 0, -ENOENT, -EACCES with the reason. */
int jem_instance_can_open(char root[64], struct jem_err *err);

/*
 * `buffer_bytes` is of each core, at most a hundredth of the machine's memory over all. Nothing is
 * recorded before start. Negative errno with the reason, and nothing is left.
 */
int jem_instance_open(uint64_t buffer_bytes, struct jem_instance **ret, struct jem_err *err);
void jem_instance_close(struct jem_instance *instance);

int jem_instance_start(struct jem_instance *instance);
int jem_instance_stop(struct jem_instance *instance);

/* Events of a core that were lost since the last call, by the kernel's own account. */
uint64_t jem_instance_lost(struct jem_instance *instance, struct jem_instance_cpu *cpu);

/* A file of the tracefs, "events/header_page", into `text`: its length, -E2BIG, other -errno. */
int jem_instance_read(const struct jem_instance *instance, const char *path, char *text,
		      size_t size);

/* Removes instances of daemons that are no more; how many. */
unsigned jem_instance_reap(const char *root);

#endif
