/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc_file: small files of /proc and /sys, below a root that tests inject.
 *
 * Every one is made anew by the kernel at a read from offset 0, so a file that is read each tick
 * stays open and is read with pread: half the cost, and it never names another process when a pid
 * is used again.
 */
#ifndef JEM_DAEMON_METRICS_PROC_FILE_H
#define JEM_DAEMON_METRICS_PROC_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Opens `root` followed by the path: a descriptor or a negative errno. */
int jem_proc_open(const char *root, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads from the start, NUL-terminates: the length, at most size - 1, or a negative errno. */
ssize_t jem_proc_pread(int fd, char *buf, size_t size);

/* The same in one system call: for files that come whole, as those of a process do. */
ssize_t jem_proc_pread_whole(int fd, char *buf, size_t size);

/* Opens, reads and closes. */
ssize_t jem_proc_read(const char *root, char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Reads through *fd, opening it first when it is negative and keeping it open. */
ssize_t jem_proc_read_kept(int *fd, const char *root, char *buf, size_t size, const char *path);

/* The number that follows `key` at the start of a line, or `missing`. */
uint64_t jem_proc_field(const char *text, const char *key, uint64_t missing);

/*
 * Takes the next unsigned number from *text, past blanks: false at the end of the line or at
 * anything else. Bounded by the NUL.
 */
bool jem_proc_next(const char **text, uint64_t *ret);

/* The total of the `some ` or `full ` line of a pressure file in seconds, NAN without one. */
double jem_proc_psi_s(const char *text, const char *line);

#endif
