/* SPDX-License-Identifier: Apache-2.0 */
/* dead_end: why calls are not traced, from common/dead_ends.def. The launcher includes this. */
#ifndef JEM_COMMON_DEAD_END_H
#define JEM_COMMON_DEAD_END_H

enum jem_dead_end {
#define DEAD_END(name, level, text, remedy) JEM_DEAD_END_##name,
#include "common/dead_ends.def"
#undef DEAD_END
	JEM_DEAD_END_COUNT /* none */
};

struct jem_dead_end_info {
	const char *level; /* of what is seen all the same */
	const char *text;
	const char *remedy;
};

extern const struct jem_dead_end_info jem_dead_ends[JEM_DEAD_END_COUNT];

#endif
