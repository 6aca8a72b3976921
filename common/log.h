/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log: the monitor's own voice, one line on standard error.
 *
 * error: an operator must act. warning: degraded, and we carry on (the text ends "..., ignoring"
 * or "retrying in N s"). info: a change of state. debug: for us. Libraries never log above debug;
 * the stage that decides logs once. Under systemd (JOURNAL_STREAM) lines bear sd-daemon(3)
 * priority prefixes, elsewhere the time and the program.
 */
#ifndef JEM_COMMON_LOG_H
#define JEM_COMMON_LOG_H

#include <stdbool.h>

enum jem_log_level {
	JEM_LOG_ERROR,
	JEM_LOG_WARNING,
	JEM_LOG_INFO,
	JEM_LOG_DEBUG
};

extern enum jem_log_level jem_log_threshold;

/* `program` is kept, not copied; the level comes from JEM_LOG (error|warning|info|debug). */
void jem_log_init(const char *program, enum jem_log_level level);
void jem_log_write(enum jem_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define jem_log_at(level, ...)                                                                     \
	do {                                                                                       \
		if ((level) <= jem_log_threshold)                                                  \
			jem_log_write(level, __VA_ARGS__);                                         \
	} while (0)

#define log_error(...)   jem_log_at(JEM_LOG_ERROR, __VA_ARGS__)
#define log_warning(...) jem_log_at(JEM_LOG_WARNING, __VA_ARGS__)
#define log_info(...)    jem_log_at(JEM_LOG_INFO, __VA_ARGS__)
#define log_debug(...)   jem_log_at(JEM_LOG_DEBUG, __VA_ARGS__)

#endif
