/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tee: --tee, pipes in place of standard output and error, so that what passes can be followed.
 *
 * A stream that is a regular file is left alone: it can be followed where it is. Where both
 * streams are the same pipe or terminal they share one pipe, which keeps their order. A copier, a
 * process of its own, moves what comes through to the true stream and into a file. It is not in
 * the job's session, so that what kills the job does not lose its last words.
 *
 * The launcher holds the reading ends too: when the copier dies the job never notices (at most
 * what the copier had just read is lost, 64 KiB), and another one goes on. When the true stream is
 * closed by its reader, so is the pipe: the job gets its SIGPIPE.
 *
 * Limits: the stream is a pipe for the job (isatty is false, buffering by the program may change),
 * and a job that fills it waits for the copier as it would for the reader.
 */
#ifndef JEM_TOOLS_RUN_TEE_H
#define JEM_TOOLS_RUN_TEE_H

#include "tools/run/folder.h"
#include "tools/run/voice.h"

#include <stdint.h>
#include <sys/types.h>

#define JEM_TEE_STREAMS 2

struct jem_tee_stream {
	int out;  /* owned: the true stream; -1: this stream is not in use */
	int in;   /* owned: reading end */
	int copy; /* owned: the file; -1: full, the copy has ended */
	char path[PATH_MAX];
};

struct jem_tee {
	struct jem_tee_stream streams[JEM_TEE_STREAMS];
	int given[2]; /* owned until forked: what becomes the job's descriptors 1 and 2; or -1 */
	int control;  /* owned: our end of the socket to the copier */
	pid_t copier; /* 0: none */
	uint64_t max_bytes;
	bool is_shared; /* both streams are the first one */
	bool is_draining;
	bool is_drained;
};

void jem_tee_init(struct jem_tee *tee);

/* Makes pipes and files. Negative errno: the streams stay as they are. */
int jem_tee_prepare(struct jem_tee *tee, const struct jem_run_folder *folder, uint64_t max_bytes);

/* The file that has what the job writes to stream 0 or 1 (output, error); NULL: none. */
const char *jem_tee_copy(const struct jem_tee *tee, int stream);

/* Starts the copier, first after the job's fork, again after its death. */
void jem_tee_start(struct jem_tee *tee);

/* It has died and been waited for: another one is wanted while there is something to copy. */
void jem_tee_copier_died(struct jem_tee *tee);
bool jem_tee_wants_copier(const struct jem_tee *tee);

/* Its control socket is readable. */
void jem_tee_listen(struct jem_tee *tee, struct jem_voice *voice);

/* The job has ended: everything it wrote must have passed before is_drained. */
void jem_tee_drain(struct jem_tee *tee);
void jem_tee_deinit(struct jem_tee *tee);

#endif
