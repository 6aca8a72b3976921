/* SPDX-License-Identifier: Apache-2.0 */
/* file: a whole file put in its place at once. */
#ifndef JEM_RECEIVER_PAGE_FILE_H
#define JEM_RECEIVER_PAGE_FILE_H

#include <stddef.h>

/*
 * Writes `name` in the folder: under `.name.new` first, renamed when it is whole, mode 0600. Not
 * forced to disk: after a crash of the machine it can be drawn again. 0 or negative errno; on
 * failure the file that was there stays, and nothing is left behind.
 */
int jem_file_replace(int dirfd, const char *name, const char *bytes, size_t len);

#endif
