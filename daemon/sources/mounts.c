/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/mounts.h"

#include "common/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
	FIELD_POINT = 4,
	FIELD_OPTIONS = 5
};

/* Octal escapes of space, tab, newline and backslash (\040), in place. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *at = text; *at; to++) {
		if (*at == '\\' && strspn(at + 1, "01234567") >= 3) {
			*to = (char)((at[1] & 3) << 6 | (at[2] & 7) << 3 | (at[3] & 7));
			at += 4;
		} else {
			*to = *at++;
		}
	}
	*to = '\0';
}

/* 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue */
static bool read_line(char *line, struct jem_mount *ret)
{
	char *rest = line;
	char *word;
	int field = 0;

	memset(ret, 0, sizeof(*ret));
	while ((word = strsep(&rest, " \n")) && strcmp(word, "-") != 0) {
		if (field == FIELD_POINT) {
			unescape(word);
			snprintf(ret->point, sizeof(ret->point), "%s", word);
		} else if (field == FIELD_OPTIONS) {
			snprintf(ret->options, sizeof(ret->options), "%s", word);
		}
		field++;
	}
	if (!word || !rest)
		return false;
	snprintf(ret->type, sizeof(ret->type), "%s", strsep(&rest, " \n"));
	if (!rest)
		return false;
	word = strsep(&rest, " \n");
	unescape(word);
	snprintf(ret->device, sizeof(ret->device), "%s", word);
	return *ret->point == '/';
}

static bool is_above(const char *point, const char *path)
{
	size_t len = strlen(point);

	return len == 1 || (!strncmp(point, path, len) && (path[len] == '/' || !path[len]));
}

int jem_mount_find(const char *root, pid_t pid, const char *path, struct jem_mount *ret)
{
	auto_fclose FILE *file = NULL;
	auto_free char *line = NULL;
	struct jem_mount mount;
	char name[PATH_MAX];
	bool is_found = false;
	size_t size = 0;

	snprintf(name, sizeof(name), "%s/proc/%d/mountinfo", root, (int)pid);
	file = fopen(name, "re");
	while (file && getline(&line, &size, file) > 0) {
		if (!read_line(line, &mount) || !is_above(mount.point, path) ||
		    (is_found && strlen(mount.point) < strlen(ret->point)))
			continue;
		*ret = mount;
		is_found = true;
	}
	return is_found ? 0 : -ENOENT;
}
