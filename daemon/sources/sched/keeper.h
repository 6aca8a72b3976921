/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper: a process that does nothing but wait for our end, whatever kind it is, and then removes the
 * tracefs instance.
 *
 * Its events cost every task of the node 0.2 us each, whether somebody reads them or not: a daemon that is
 * killed must not leave them on for the rest of the job. The keeper also keeps the privilege that
 * removing takes, where the daemon gives its own up, and waits the 40 ms that the kernel takes for it.
 *
 * Thread:    from any: between fork and _exit the child makes system calls only
 * Bound:     a page or two of memory; sleeps in read(2)
 */
#ifndef JEM_DAEMON_SOURCES_SCHED_KEEPER_H
#define JEM_DAEMON_SOURCES_SCHED_KEEPER_H

/* For a folder that is yet to be made. *ret is the descriptor whose closing is our end. */
int jem_keeper_start(const char *path, int *ret);

/* Lets it remove the folder now; -1: there is none. Does not wait. */
void jem_keeper_end(int keeper);

#endif
