/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folders: free space of folders, without ever waiting for a file system.
 *
 * Flow:      kick (tick) -> worker thread: statvfs each -> read (end of the tick)
 * Thread:    the loop thread never touches a watched file system. One worker does; a folder whose
 *            server does not answer keeps its worker, and a new worker serves the others. At most
 *            one worker a folder can ever be stuck; a stuck folder's values are absent.
 * Ownership: the state is shared by loop and workers and freed by the last of them, because a
 *            thread in an uninterruptible statvfs cannot be joined.
 */
#ifndef JEM_DAEMON_METRICS_FOLDERS_H
#define JEM_DAEMON_METRICS_FOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jem_space {
	bool is_known; /* it answered, and does not hang now */
	double free_bytes;
	double total_bytes;
	double free_inodes; /* NAN where the file system has no fixed number */
};

struct jem_folders;

/* Copies the paths; a NULL path is a folder that is never known. */
int jem_folders_create(const char *const *paths, size_t count, struct jem_folders **ret);
void jem_folders_destroy(struct jem_folders *folders);

/* Asks for new values, starting a worker when the last one is stuck. */
void jem_folders_kick(struct jem_folders *folders);

/* Waits for the answers, at most `wait_ns`; not at all while a folder is stuck. */
void jem_folders_wait(struct jem_folders *folders, uint64_t wait_ns);

/* The newest values of folder `i`; never waits. */
void jem_folders_read(struct jem_folders *folders, size_t i, struct jem_space *ret);

#endif
