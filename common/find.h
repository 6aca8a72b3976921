/* SPDX-License-Identifier: Apache-2.0 */
/* find: where the other programs of this installation are; it may have been moved as a whole. libc only. */
#ifndef JEM_COMMON_FIND_H
#define JEM_COMMON_FIND_H

#include <limits.h>

/*
 * The path of a program of ours: beside the running executable, else in ../libexec/jem/ from
 * there, else where it was configured to be. 0, or -ENOENT.
 */
int jem_find_program(const char *name, char ret[PATH_MAX]);

/*
 * The path of a library of ours: beside the running executable, in tracer/preload/ of a build, in
 * ../lib/jem/ from there, else where it was configured to be. 0, or -ENOENT.
 */
int jem_find_library(const char *name, char ret[PATH_MAX]);

#endif
