/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_check: what can be known to be wrong with a configuration without running with it.
 *
 * Every value is valid by itself already (config). Here: patterns compile, thresholds name
 * metrics, folders can be written, and no setting contradicts another or does nothing. Broker URLs
 * and the file of credentials are the broker-client's to check.
 */
#ifndef JEM_COMMON_CONFIG_CHECK_H
#define JEM_COMMON_CONFIG_CHECK_H

#include "common/config.h"

/*
 * Every fault goes to `on_fault` as "WHERE: what; how to mend it", WHERE being FILE:LINE, a
 * variable or an option. Returns how many there were.
 */
int jem_config_check(const struct jem_config *config, jem_fault_fn on_fault, void *arg);

#endif
