/* SPDX-License-Identifier: Apache-2.0 */
/* check_observe: what the monitor can observe here, as this user, and what it would take. */
#ifndef JEM_TOOLS_CHECK_OBSERVE_H
#define JEM_TOOLS_CHECK_OBSERVE_H

#include <stdio.h>

/* One line per means of observation: name, yes or no, why. Never a fault: less is seen, no more. */
void jem_check_observe(FILE *out);

#endif
