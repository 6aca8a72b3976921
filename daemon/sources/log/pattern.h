/* SPDX-License-Identifier: Apache-2.0 */
/* pattern: one entry of log.files: a plain name, or a shell pattern that is expanded again and
 * again while the job runs. */
#ifndef JEM_DAEMON_SOURCES_LOG_PATTERN_H
#define JEM_DAEMON_SOURCES_LOG_PATTERN_H

#include "daemon/sources/log/watch.h"

struct jem_log_pattern {
	char *text;        /* owned */
	const char *base;  /* its last part */
	bool is_one_level; /* only the last part has wildcards: its folder can be watched */
	int folder_wd;
	bool wants_scan;
};

bool jem_log_pattern_is_magic(const char *text);

int jem_log_pattern_init(struct jem_log_pattern *pattern, const char *text);
void jem_log_pattern_deinit(struct jem_log_pattern *pattern);

/* Watches the folder if it can; otherwise the owner scans from time to time. */
void jem_log_pattern_watch(struct jem_log_pattern *pattern, struct jem_watch *watch);
bool jem_log_pattern_is_polled(const struct jem_log_pattern *pattern);
void jem_log_pattern_on_event(struct jem_log_pattern *pattern, int wd, uint32_t mask,
			      const char *name);

typedef void (*jem_log_path_fn)(void *arg, const char *path);
void jem_log_pattern_expand(struct jem_log_pattern *pattern, jem_log_path_fn fn, void *arg);

#endif
