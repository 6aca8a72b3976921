/* SPDX-License-Identifier: Apache-2.0 */
/* calls_check: the patterns of calls.include and calls.exclude, checked. Links to libsymbols only. */
#ifndef JEM_DAEMON_CALLS_CHECK_H
#define JEM_DAEMON_CALLS_CHECK_H

#include "common/config.h"

/* Each fault is told in a line; how many there are. */
int jem_calls_check(const struct jem_config *config, jem_fault_fn on_fault, void *arg);

#endif
