/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch: tells which watched files and folders changed, by inotify(7).
 *
 * Flow:      inotify -> on_event for each -> on_drained once -> rest
 * Thread:    loop thread; at most JEM_WATCH_DRAIN bytes of events a pass
 * Ownership: owns its descriptor and handles
 * Invariant: after each drain it rests for JEM_WATCH_REST_MS, so that a writer of a line at a time
 *            costs a hundred wake-ups a second at most, and the kernel merges what comes meanwhile
 *
 * Where inotify is not to be had (limits of the node, network file systems), the owner polls.
 */
#ifndef JEM_DAEMON_SOURCES_LOG_WATCH_H
#define JEM_DAEMON_SOURCES_LOG_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <uv.h>

#define JEM_WATCH_DRAIN   (64u << 10)
#define JEM_WATCH_REST_MS 10

struct jem_watch;

struct jem_watch_options {
	uv_loop_t *loop;
	/* An event of inotify(7); `name` is of the entry in a folder, or "". */
	void (*on_event)(void *arg, int wd, uint32_t mask, const char *name);
	/* Events were lost (IN_Q_OVERFLOW): everything may have changed. */
	void (*on_overflow)(void *arg);
	/* What happened before `wall_ns` (CLOCK_REALTIME_COARSE) has been told; 0: not all of it. */
	void (*on_drained)(void *arg, uint64_t wall_ns);
	void *arg;
};

/* -EMFILE when the user's inotify instances are used up, -ENOSYS. */
int jem_watch_create(const struct jem_watch_options *options, struct jem_watch **ret);

/* No callback after this; frees in the loop's next pass. */
void jem_watch_destroy(struct jem_watch *watch);

/* The watch descriptor (the same one for the same file), or -ENOSPC, -ENOENT, ... */
int jem_watch_folder(struct jem_watch *watch, const char *path);
int jem_watch_file(struct jem_watch *watch, int fd);
void jem_watch_remove(struct jem_watch *watch, int wd);

/* Whether all changes there are told: not those made on other nodes, or below an overlay. */
bool jem_watch_can_see(const char *path);
bool jem_watch_can_see_file(int fd);

#endif
