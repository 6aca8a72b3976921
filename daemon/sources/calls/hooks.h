/* SPDX-License-Identifier: Apache-2.0 */
/* hooks: whether a program's file calls the hooks of -finstrument-functions, as far as its bytes tell. */
#ifndef JEM_DAEMON_SOURCES_CALLS_HOOKS_H
#define JEM_DAEMON_SOURCES_CALLS_HOOKS_H

#include <stdbool.h>

#define JEM_HOOKS_BYTES_MAX (64u << 20) /* what lies beyond is not looked at: then it is in doubt */

/* The name of the hook is in the file, or it may be. Blocks for one reading of the file. */
bool jem_hooks_are_in(int fd);

#endif
