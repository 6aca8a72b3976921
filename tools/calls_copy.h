/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls_copy: a copy in memory of a file that a traced process wrote (JEM_CALLS_FILE), ready for being read
 * after the fact.
 *
 * Ownership: the copy is the caller's (munmap)
 * Bound:     JEM_CALLS_FILE_MAX bytes; what the file has no blocks of costs none
 * Invariant: the copy's header was checked no further than that it is one of such a file: ring_read does that
 */
#ifndef JEM_TOOLS_CALLS_COPY_H
#define JEM_TOOLS_CALLS_COPY_H

#include "common/err.h"

#include <stddef.h>

/*
 * Modules that the process has closed count as open in it where no other one took their addresses: what
 * was called in them still has a name. -EBADMSG and the like with the reason.
 */
int jem_calls_copy_open(const char *path, void **ret, size_t *ret_bytes, struct jem_err *err);

#endif
