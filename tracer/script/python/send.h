/* SPDX-License-Identifier: Apache-2.0 */
/*
 * send: packets of records to the daemon's script socket.
 *
 * Thread:    any that holds the interpreter's lock
 * Bound:     never blocks, but for a tenth of a second at the end of the process; what neither the socket nor the buffer
 *            (256 KiB) takes is dropped and counted, and the count goes with the next
 * Invariant: writes to its own socket only: a job may close all descriptors, or put a file of its own at ours
 */
#ifndef JEM_TRACER_SCRIPT_PYTHON_SEND_H
#define JEM_TRACER_SCRIPT_PYTHON_SEND_H

#include <stddef.h>
#include <stdint.h>

/* `path` is copied. 0, or a negative errno: then nothing is ever sent. */
int jem_py_send_open(const char *path);
/* One object without its newline. */
void jem_py_send(const char *bytes, size_t length);
/* Records that were never made: told like those that the socket did not take. */
void jem_py_send_lost(unsigned long long count);
/* Before the process ends: what waits, and the losses that nothing followed. */
void jem_py_send_end(void);
/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t jem_py_now(void);
/* In the child of a fork: a connection of its own, at its first record. */
void jem_py_send_forked(void);

#endif
