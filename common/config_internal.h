/* SPDX-License-Identifier: Apache-2.0 */
/* config_internal: what the files of config share. */
#ifndef JEM_COMMON_CONFIG_INTERNAL_H
#define JEM_COMMON_CONFIG_INTERNAL_H

#include "common/config.h"

/* As jem_config_set, with the key known; the reason names value and remedy only. */
int jem_config_set_option(struct jem_config *config, enum jem_rank rank, const char *origin,
			  enum jem_option option, const char *value, struct jem_err *err);

/* The option of a key, or -ENOENT with the nearest known key in the reason. */
int jem_config_find(const char *section, const char *key, struct jem_err *err);

int jem_config_set_file(struct jem_config *config, enum jem_rank rank, const char *path);

#endif
