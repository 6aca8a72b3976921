/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/log/pattern.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

bool jem_log_pattern_is_magic(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

int jem_log_pattern_init(struct jem_log_pattern *pattern, const char *text)
{
	char *slash;

	*pattern = (struct jem_log_pattern){ .folder_wd = -1, .wants_scan = true };
	pattern->text = strdup(text);
	if (!pattern->text)
		return -ENOMEM;
	slash = strrchr(pattern->text, '/');
	pattern->base = slash ? slash + 1 : pattern->text;
	pattern->is_one_level = true;
	for (const char *at = pattern->text; at < pattern->base; at++)
		if (strchr("*?[", *at))
			pattern->is_one_level = false;
	return 0;
}

void jem_log_pattern_deinit(struct jem_log_pattern *pattern)
{
	free(pattern->text);
}

void jem_log_pattern_watch(struct jem_log_pattern *pattern, struct jem_watch *watch)
{
	char *folder;

	if (!watch || !pattern->is_one_level || pattern->folder_wd >= 0)
		return;
	folder = pattern->base == pattern->text
			 ? strdup(".")
			 : strndup(pattern->text, (size_t)(pattern->base - pattern->text));
	if (!folder)
		return;
	if (jem_watch_can_see(folder))
		pattern->folder_wd = jem_watch_folder(watch, folder);
	free(folder);
}

bool jem_log_pattern_is_polled(const struct jem_log_pattern *pattern)
{
	return pattern->folder_wd < 0;
}

void jem_log_pattern_on_event(struct jem_log_pattern *pattern, int wd, uint32_t mask,
			      const char *name)
{
	if (wd != pattern->folder_wd)
		return;
	if (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) {
		pattern->folder_wd = -1;
		pattern->wants_scan = true;
	} else if ((mask & (IN_CREATE | IN_MOVED_TO)) &&
		   !fnmatch(pattern->base, name, FNM_PERIOD)) {
		pattern->wants_scan = true;
	}
}

void jem_log_pattern_expand(struct jem_log_pattern *pattern, jem_log_path_fn fn, void *arg)
{
	glob_t found;

	pattern->wants_scan = false;
	if (!glob(pattern->text, 0, NULL, &found))
		for (size_t i = 0; i < found.gl_pathc; i++)
			fn(arg, found.gl_pathv[i]);
	globfree(&found);
}
