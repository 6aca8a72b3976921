/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/sched/level.h"

#include <stddef.h>

const struct jem_sched_level_info jem_sched_levels[JEM_SCHED_LEVEL_COUNT] = {
#define SCHED_LEVEL(name, word, text, remedy) { word, text, remedy },
#include "daemon/sources/sched/levels.def"
#undef SCHED_LEVEL
};
