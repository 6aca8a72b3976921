/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/cgroup_path.h"

#include "common/cleanup.h"
#include "daemon/sources/metrics/proc_file.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum {
	GROUP_TEXT = 8 << 10,
	MOUNT_TEXT = 256 << 10, /* container nodes have thousands of mounts */
	CONTROLLERS_MAX = 256,
};

static const char *const controller_names[JEM_CONTROLLER_COUNT] = {
	[JEM_CONTROLLER_MEMORY] = "memory",
	[JEM_CONTROLLER_CPU] = "cpu",
	[JEM_CONTROLLER_CPUACCT] = "cpuacct",
};

/* A mount of a hierarchy, from a line of mountinfo. */
struct mount {
	char *root;    /* which group is mounted */
	char *point;   /* where */
	char *type;    /* cgroup, cgroup2 */
	char *options; /* of the super block: has the controllers of version 1 */
};

/* Whether `word` is in a comma-separated list. */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, word, len) && (!at[len] || at[len] == ','))
			return true;
	}
	return false;
}

/* mountinfo writes blanks, tabs, newlines and backslashes as octal \040 and so on. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
		    from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
			*to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + from[3] - '0');
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

/* 36 35 98:0 /root /point rw,opt - type source superoptions (proc(5)). Cuts the line up. */
static bool parse_mount(char *line, struct mount *ret)
{
	char *rest = NULL;
	char *word = strtok_r(line, " ", &rest);

	for (int i = 0; word && i < 3; i++)
		word = strtok_r(NULL, " ", &rest);
	ret->root = word;
	ret->point = word ? strtok_r(NULL, " ", &rest) : NULL;
	while (word && strcmp(word, "-"))
		word = strtok_r(NULL, " ", &rest);
	ret->type = word ? strtok_r(NULL, " ", &rest) : NULL;
	word = ret->type ? strtok_r(NULL, " ", &rest) : NULL;
	ret->options = word ? strtok_r(NULL, " ", &rest) : NULL;
	if (!ret->options)
		return false;
	unescape(ret->root);
	unescape(ret->point);
	return true;
}

/*
 * The folder of group `path` below a mount. Within a cgroup namespace, or when only a part of the
 * hierarchy is mounted, a path that is not below the mounted root is the mount point itself.
 */
static bool resolve(const char *root, const struct mount *mount, const char *path,
		    struct jem_cgroup_path *ret)
{
	size_t root_len = strcmp(mount->root, "/") ? strlen(mount->root) : 0;
	const char *below = path;
	char full[PATH_MAX];
	int len;

	if (!strncmp(path, mount->root, root_len) && (!path[root_len] || path[root_len] == '/'))
		below = path + root_len;
	else
		below = "";
	if (!strcmp(below, "/") || strstr(below, "/.."))
		below = "";
	len = snprintf(ret->folder, sizeof(ret->folder), "%s%s", mount->point, below);
	if (len < 0 || (size_t)len >= sizeof(ret->folder))
		return false;
	ret->mount_len = strlen(mount->point);
	snprintf(full, sizeof(full), "%s%s", root, ret->folder);
	if (access(full, F_OK)) /* seen from another namespace: the mount point is our best */
		ret->folder[ret->mount_len] = '\0';
	return true;
}

/* The root group is the node, and its figures are the node's. */
static bool is_node(const char *root, const struct jem_cgroup_path *path)
{
	char file[PATH_MAX];

	if (path->folder[path->mount_len])
		return false;
	if (path->version == JEM_CGROUP_V2) { /* every group but the root has a type */
		snprintf(file, sizeof(file), "%s%s/cgroup.type", root, path->folder);
		return access(file, F_OK) != 0;
	}
	snprintf(file, sizeof(file), "%s%s/release_agent", root, path->folder);
	return access(file, F_OK) == 0; /* only the root has one */
}

struct group_line {
	char *controllers; /* of version 1; "" of version 2 */
	char *path;
};

static bool parse_group(char *line, struct group_line *ret)
{
	char *first = strchr(line, ':');
	char *second = first ? strchr(first + 1, ':') : NULL;

	if (!second)
		return false;
	*second = '\0';
	ret->controllers = first + 1;
	ret->path = second + 1;
	return true;
}

/* Fills the controllers that this group line and this mount are about. */
static void match(const char *root, const struct group_line *group, const struct mount *mount,
		  struct jem_cgroup_paths *paths)
{
	bool is_v2 = !*group->controllers;

	if (strcmp(mount->type, is_v2 ? "cgroup2" : "cgroup"))
		return;
	for (int c = 0; c < JEM_CONTROLLER_COUNT; c++) {
		struct jem_cgroup_path *path = &paths->controllers[c];
		struct jem_cgroup_path found = { .version = is_v2 ? JEM_CGROUP_V2 : JEM_CGROUP_V1 };

		/* Where version 1 has the controller, version 2 has not. */
		if (path->version == JEM_CGROUP_V1 || (is_v2 && path->version != JEM_CGROUP_NONE))
			continue;
		if (!is_v2 && (!has_word(group->controllers, controller_names[c]) ||
			       !has_word(mount->options, controller_names[c])))
			continue;
		if (resolve(root, mount, group->path, &found) && !is_node(root, &found))
			*path = found;
	}
}

static void match_mounts(const char *root, const struct group_line *group, const char *mounts,
			 struct jem_cgroup_paths *paths)
{
	char line[4096];

	for (const char *at = mounts; at && *at;) {
		size_t len = strcspn(at, "\n");
		struct mount mount;

		if (len < sizeof(line)) {
			memcpy(line, at, len);
			line[len] = '\0';
			if (strstr(line, " - cgroup") && parse_mount(line, &mount))
				match(root, group, &mount, paths);
		}
		at += len + (at[len] == '\n');
	}
}

int jem_cgroup_paths_find(const char *root, pid_t pid, struct jem_cgroup_paths *ret)
{
	auto_free char *groups = malloc(GROUP_TEXT);
	auto_free char *mounts = malloc(MOUNT_TEXT);
	char *rest = NULL;

	memset(ret, 0, sizeof(*ret));
	if (!groups || !mounts)
		return -ENOMEM;
	if (jem_proc_read(root, groups, GROUP_TEXT, "/proc/%d/cgroup", (int)pid) < 0 ||
	    jem_proc_read(root, mounts, MOUNT_TEXT, "/proc/self/mountinfo") < 0)
		return -ENOENT;
	for (char *line = strtok_r(groups, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct group_line group;

		if (parse_group(line, &group))
			match_mounts(root, &group, mounts, ret);
	}
	return 0;
}

bool jem_cgroup_paths_equal(const struct jem_cgroup_paths *a, const struct jem_cgroup_paths *b)
{
	for (int c = 0; c < JEM_CONTROLLER_COUNT; c++)
		if (a->controllers[c].version != b->controllers[c].version ||
		    strcmp(a->controllers[c].folder, b->controllers[c].folder))
			return false;
	return true;
}
