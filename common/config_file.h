/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_file: reads an INI file into a config. libc only, because the launcher needs its part
 * of the file before the job starts (doc/decisions/0003-configuration-reader.md).
 *
 * Lines: blank; comment, from # or ; at the start of the line; [section]; [rule NAME];
 *        key = value, the value being all that follows, without the blanks around it
 * Bounds: regular files of 1 MiB, lines of 8 KiB, 100 faults
 */
#ifndef JEM_COMMON_CONFIG_FILE_H
#define JEM_COMMON_CONFIG_FILE_H

#include "common/config.h"

/*
 * Every fault goes to `on_fault` as "FILE:LINE: what; how to mend it", and reading goes on with
 * the next line. A rule that is not whole is told and left out. Returns the number of faults, or
 * a negative errno when the file cannot be read at all (told through `on_fault` too).
 */
int jem_config_load_file(struct jem_config *config, const char *path, jem_fault_fn on_fault,
			 void *arg);

/* The same for text at hand (not changed, no NUL needed at its end); `name` stands for the path. */
int jem_config_load_text(struct jem_config *config, const char *name, const char *text, size_t len,
			 jem_fault_fn on_fault, void *arg);

#endif
