/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folder: descriptors below OUT. Nothing here leaves the folder it was given.
 *
 * Every name is one segment of [A-Za-z0-9_-] (folders) or one of our own file names; each is opened
 * relative to the descriptor of its parent without following a link, so neither a name from the
 * network nor a link that somebody planted leads elsewhere. Folders are made 0700, files 0600.
 */
#ifndef JEM_RECEIVER_FOLDER_H
#define JEM_RECEIVER_FOLDER_H

#include "common/err.h"
#include "common/name.h"

#include <sys/types.h>

/* OUT itself, made with its parents; links in this path are the user's own. fd or negative errno. */
int jem_folder_open_out(const char *path, struct jem_err *err);

/* A folder below another: fd, -EINVAL for a name that is none, -ENOENT where it is not made. */
int jem_folder_open(int parent, const char *name, bool is_made);

/* out/<site>/<user>/<job>; `made` says whether it is new. -EDQUOT: it is not there, may not be. */
int jem_folder_open_job(int out, const struct jem_source_names *names, bool may_make, bool *made);

/* How many folders of jobs there are below `out`. */
uint64_t jem_folder_count_jobs(int out);

/* A regular file with `flags` of open(2): fd, -ELOOP for a link, -EINVAL for anything else. */
int jem_folder_open_file(int folder, const char *name, int flags);

/* Writes a whole file under a temporary name and renames it over `name`. */
int jem_folder_replace(int folder, const char *name, const char *text, size_t len);

/* Takes the folder for this process until `folder` is closed: 0, or -EBUSY. */
int jem_folder_lock(int folder);

/* All of `len` bytes at `offset`: 0, or a negative errno and the file as long as before. */
int jem_folder_write_at(int fd, const char *bytes, size_t len, uint64_t offset);

#endif
