/* SPDX-License-Identifier: Apache-2.0 */
/* config_file: reads an INI file (libinih) into a config. */
#ifndef JEM_COMMON_CONFIG_FILE_H
#define JEM_COMMON_CONFIG_FILE_H

#include "common/config.h"

/*
 * Every fault goes to `on_fault` as "FILE:LINE: what; how to mend it", and reading goes on.
 * Returns the number of faults, or a negative errno when the file cannot be read at all (told
 * through `on_fault` too).
 */
int jem_config_load_file(struct jem_config *config, const char *path, jem_fault_fn on_fault,
			 void *arg);

#endif
