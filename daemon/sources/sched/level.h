/* SPDX-License-Identifier: Apache-2.0 */
/* level: how much of scheduling is seen, from levels.def. */
#ifndef JEM_DAEMON_SOURCES_SCHED_LEVEL_H
#define JEM_DAEMON_SOURCES_SCHED_LEVEL_H

enum jem_sched_level {
#define SCHED_LEVEL(name, word, text, remedy) JEM_SCHED_LEVEL_##name,
#include "daemon/sources/sched/levels.def"
#undef SCHED_LEVEL
	JEM_SCHED_LEVEL_COUNT
};

struct jem_sched_level_info {
	const char *word;
	const char *text;
	const char *remedy; /* or NULL */
};

extern const struct jem_sched_level_info jem_sched_levels[JEM_SCHED_LEVEL_COUNT];

#endif
