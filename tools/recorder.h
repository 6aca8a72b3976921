/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recorder: the scheduler's events of the whole machine into a trace.dat file, while something runs.
 *
 * Flow:      our tracefs instance -> raw pages -> a nameless file a core beside the target -> target
 * Thread:    one; it sleeps until a quarter of a buffer is full, so that it hardly shows in what it records
 * Ownership: owns instance and files. Whatever ends us, the instance is removed by its keeper
 * Bound:     STAGE_BYTES a core in memory; the disk. Where it is full, recording ends and what there is is
 *            written
 * Invariant: what the kernel lost is counted by it, and stands in the file
 */
#ifndef JEM_TOOLS_RECORDER_H
#define JEM_TOOLS_RECORDER_H

#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

struct jem_recorder;

struct jem_recorder_result {
	uint64_t lost;  /* events, by the kernel's count */
	uint64_t bytes; /* of the file */
	unsigned cores;
};

/* Makes file, instance and all that is needed; nothing is recorded yet. `buffer_bytes` of each core. */
int jem_recorder_open(const char *path, uint64_t buffer_bytes, struct jem_recorder **ret,
		      struct jem_err *err);
void jem_recorder_close(struct jem_recorder *recorder);

int jem_recorder_start(struct jem_recorder *recorder);

/*
 * Records until on_ready, called when `until` is readable, returns other than 0: 1 is the end, less than 0
 * an error. A fault of recording itself is noted for finish, and goes on waiting.
 */
int jem_recorder_run(struct jem_recorder *recorder, int until, int (*on_ready)(void *context),
		     void *context);

/* Stops, and writes the file and, beside it, FILE.topology. Negative errno with the reason. */
int jem_recorder_finish(struct jem_recorder *recorder, struct jem_recorder_result *ret,
			struct jem_err *err);

#endif
