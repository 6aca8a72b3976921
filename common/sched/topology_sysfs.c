/* SPDX-License-Identifier: Apache-2.0 */
/* The running machine's topology (kernel: Documentation/ABI/stable/sysfs-devices-system-cpu). */
#include "common/cleanup.h"
#include "common/sched/topology.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPU_FOLDER "/sys/devices/system/cpu"

enum {
	CACHES_MAX = 16
};

/* The first line of a file, or NULL with errno. */
static char *read_line(const char *path)
{
	auto_fclose FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;

	if (!file)
		return NULL;
	errno = 0;
	if (getline(&line, &size, file) < 0) {
		free(line);
		errno = errno ? errno : ENODATA;
		return NULL;
	}
	return line;
}

/* The number that a file begins with; a list "4-7,12" gives its first. Some are -1 for not known. */
static int first_number(const char *root, uint16_t cpu, const char *name, uint16_t *ret)
{
	auto_free char *path = NULL;
	auto_free char *line = NULL;
	char *end;
	long value;

	if (asprintf(&path, "%s" CPU_FOLDER "/cpu%u/%s", root, cpu, name) < 0)
		return -ENOMEM;
	line = read_line(path);
	if (!line)
		return -errno;
	value = strtol(line, &end, 10);
	if (end == line || value > UINT16_MAX - 1)
		return -EBADMSG;
	*ret = value < 0 ? 0 : (uint16_t)value;
	return 0;
}

/* The last level is the cache of the highest level; those who share it are named by the first of them. */
static uint16_t last_level(const char *root, uint16_t cpu, uint16_t otherwise)
{
	uint16_t best = 0;
	uint16_t llc = otherwise;

	for (int i = 0; i < CACHES_MAX; i++) {
		char name[64];
		uint16_t level, first;

		snprintf(name, sizeof(name), "cache/index%d/level", i);
		if (first_number(root, cpu, name, &level) < 0)
			break;
		snprintf(name, sizeof(name), "cache/index%d/shared_cpu_list", i);
		if (level > best && first_number(root, cpu, name, &first) == 0) {
			best = level;
			llc = first;
		}
	}
	return llc;
}

/* A core's folder holds a link "nodeN"; a kernel without NUMA has none. */
static uint16_t numa_node(const char *root, uint16_t cpu)
{
	auto_free char *path = NULL;
	auto_closedir DIR *folder = NULL;
	const struct dirent *entry;

	if (asprintf(&path, "%s" CPU_FOLDER "/cpu%u", root, cpu) < 0)
		return 0;
	folder = opendir(path);
	while (folder && (entry = readdir(folder))) {
		if (!strncmp(entry->d_name, "node", 4) && isdigit((uint8_t)entry->d_name[4]))
			return (uint16_t)strtoul(entry->d_name + 4, NULL, 10);
	}
	return 0;
}

static int place_of(const char *root, uint16_t cpu, struct jem_cpu_place *ret)
{
	struct jem_cpu_place place = { .cpu = cpu };
	int rc = first_number(root, cpu, "topology/physical_package_id", &place.socket);

	if (rc == 0)
		rc = first_number(root, cpu, "topology/core_id", &place.core);
	if (rc < 0)
		return rc;
	place.node = numa_node(root, cpu);
	place.llc = last_level(root, cpu, place.socket);
	*ret = place;
	return 0;
}

/* Ranges as the kernel writes them, in order: "0-3,8". */
static int add_online(const char *root, const char *list, struct jem_topology *topology)
{
	unsigned long least = 0;
	char *end;

	for (; isdigit((uint8_t)*list); list = *end == ',' ? end + 1 : end) {
		unsigned long from = strtoul(list, &end, 10);
		unsigned long to = *end == '-' ? strtoul(end + 1, &end, 10) : from;

		if (from < least || to < from || to > UINT16_MAX - 1)
			return -EBADMSG;
		for (least = to + 1; from <= to; from++) {
			struct jem_cpu_place place;
			int rc = place_of(root, (uint16_t)from, &place);

			if (rc == 0)
				rc = jem_topology_add(topology, &place);
			if (rc < 0)
				return rc;
		}
	}
	return topology->count ? 0 : -EBADMSG;
}

int jem_topology_of_machine(const char *root, struct jem_topology *ret, struct jem_err *err)
{
	struct jem_topology topology = { 0 };
	auto_free char *path = NULL;
	auto_free char *list = NULL;
	int rc;

	if (asprintf(&path, "%s" CPU_FOLDER "/online", root) < 0)
		return -ENOMEM;
	list = read_line(path);
	if (!list)
		return jem_err_set(err, -errno, "%s: %s", path, strerror(errno));
	rc = add_online(root, list, &topology);
	if (rc < 0) {
		jem_topology_deinit(&topology);
		return jem_err_set(err, rc, "%s" CPU_FOLDER ": topology of the cores %.40s: %s",
				   root, list, strerror(-rc));
	}
	*ret = topology;
	return 0;
}
