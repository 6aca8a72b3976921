/* SPDX-License-Identifier: Apache-2.0 */
#include "common/dead_end.h"

const struct jem_dead_end_info jem_dead_ends[JEM_DEAD_END_COUNT] = {
#define DEAD_END(name, level, text, remedy) { level, text, remedy },
#include "common/dead_ends.def"
#undef DEAD_END
};
