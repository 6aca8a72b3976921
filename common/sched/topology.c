/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sched/topology.h"

#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	NUMBER_MAX = UINT16_MAX - 1,
	FILE_MAX = 8 << 20, /* 65,535 lines of the longest kind */
	KEYS = 5,
};

/* The fields by their names in a file, in the order of their bits in `seen`. */
static const char *const keys[KEYS] = { "cpu", "socket", "node", "llc", "core" };

static uint16_t *field(struct jem_cpu_place *place, size_t key)
{
	uint16_t *const fields[KEYS] = { &place->cpu, &place->socket, &place->node, &place->llc,
					 &place->core };

	return fields[key];
}

void jem_topology_deinit(struct jem_topology *topology)
{
	free(topology->places);
	*topology = (struct jem_topology){ 0 };
}

int jem_topology_add(struct jem_topology *topology, const struct jem_cpu_place *place)
{
	struct jem_cpu_place *places = topology->places;

	/* Room is doubled when the count is a power of two. */
	if (!(topology->count & (topology->count - 1))) {
		size_t cap = topology->count ? 2 * topology->count : 1;

		places = reallocarray(places, cap, sizeof(*places));
		if (!places)
			return -ENOMEM;
		topology->places = places;
	}
	places[topology->count++] = *place;
	return 0;
}

static int by_cpu(const void *a, const void *b)
{
	const struct jem_cpu_place *x = a;
	const struct jem_cpu_place *y = b;

	return x->cpu - y->cpu;
}

static int parse_number(const char *text, uint16_t *ret)
{
	char *end;
	unsigned long value;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || value > NUMBER_MAX)
		return -EINVAL;
	*ret = (uint16_t)value;
	return 0;
}

/* One word "key=number". */
static int parse_word(const char *word, struct jem_cpu_place *place, unsigned *seen)
{
	for (size_t i = 0; i < KEYS; i++) {
		size_t len = strlen(keys[i]);

		if (strncmp(word, keys[i], len) || word[len] != '=')
			continue;
		if (*seen & 1u << i)
			return -EINVAL;
		*seen |= 1u << i;
		return parse_number(word + len + 1, field(place, i));
	}
	return -EINVAL;
}

/* A file by hand may say only what it knows: what is left out is as in the simplest machine. */
static int parse_line(char *line, struct jem_topology *topology)
{
	struct jem_cpu_place place = { 0 };
	unsigned seen = 0;
	char *rest;

	line[strcspn(line, "#\n")] = '\0';
	for (char *word = strtok_r(line, " \t\r", &rest); word;
	     word = strtok_r(NULL, " \t\r", &rest)) {
		if (parse_word(word, &place, &seen) < 0)
			return -EINVAL;
	}
	if (!seen)
		return 0;
	if ((seen & 3) != 3)
		return -EINVAL;
	if (!(seen & 4))
		place.node = place.socket;
	if (!(seen & 8))
		place.llc = place.node;
	if (!(seen & 16))
		place.core = place.cpu;
	return jem_topology_add(topology, &place);
}

static int check(struct jem_topology *topology, const char *path, struct jem_err *err)
{
	if (!topology->count)
		return jem_err_set(err, -EBADMSG, "%s: no line \"cpu=N socket=N ...\"", path);
	qsort(topology->places, topology->count, sizeof(*topology->places), by_cpu);
	for (size_t i = 1; i < topology->count; i++) {
		if (topology->places[i].cpu == topology->places[i - 1].cpu)
			return jem_err_set(err, -EBADMSG, "%s: core %u stands there twice", path,
					   topology->places[i].cpu);
	}
	return 0;
}

static int read_lines(FILE *file, const char *path, struct jem_topology *topology,
		      struct jem_err *err)
{
	auto_free char *line = NULL;
	size_t size = 0;
	size_t total = 0;
	unsigned number = 1;
	ssize_t len;

	for (; (len = getline(&line, &size, file)) >= 0; number++) {
		int rc;

		total += (size_t)len;
		if (total > FILE_MAX || strlen(line) != (size_t)len)
			return jem_err_set(err, -EBADMSG, "%s: not a topology", path);
		rc = parse_line(line, topology);
		if (rc == -EINVAL)
			return jem_err_set(err, -EBADMSG,
					   "%s:%u: not of the form \"cpu=N socket=N [node=N] "
					   "[llc=N] [core=N]\", each once, up to %u",
					   path, number, NUMBER_MAX);
		if (rc < 0)
			return rc;
	}
	return check(topology, path, err);
}

int jem_topology_read(const char *path, struct jem_topology *ret, struct jem_err *err)
{
	struct jem_topology topology = { 0 };
	auto_fclose FILE *file = fopen(path, "re");
	struct stat status;
	int rc;

	if (!file)
		return jem_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode))
		return jem_err_set(err, -EISDIR, "%s: a folder", path);
	rc = read_lines(file, path, &topology, err);
	if (rc < 0)
		jem_topology_deinit(&topology);
	else
		*ret = topology;
	return rc;
}

int jem_topology_write(const struct jem_topology *topology, struct jem_buf *ret)
{
	for (size_t i = 0; i < topology->count; i++) {
		for (size_t k = 0; k < KEYS; k++)
			jem_buf_printf(ret, "%s%s=%u", k ? " " : "", keys[k],
				       *field(&topology->places[i], k));
		jem_buf_add_char(ret, '\n');
	}
	return ret->failed ? -ENOBUFS : 0;
}

const struct jem_cpu_place *jem_topology_find(const struct jem_topology *topology, uint16_t cpu)
{
	struct jem_cpu_place key = { .cpu = cpu };

	if (!topology->count)
		return NULL;
	return bsearch(&key, topology->places, topology->count, sizeof(key), by_cpu);
}

static int by_place(const struct jem_cpu_place *x, const struct jem_cpu_place *y)
{
	if (x->socket != y->socket)
		return x->socket - y->socket;
	if (x->node != y->node)
		return x->node - y->node;
	if (x->llc != y->llc)
		return x->llc - y->llc;
	if (x->core != y->core)
		return x->core - y->core;
	return x->cpu - y->cpu;
}

uint32_t jem_topology_rank(const struct jem_topology *topology, uint16_t cpu)
{
	const struct jem_cpu_place *place = jem_topology_find(topology, cpu);
	uint32_t rank = 0;

	if (!place)
		return (uint32_t)topology->count + cpu;
	for (size_t i = 0; i < topology->count; i++)
		rank += by_place(&topology->places[i], place) < 0;
	return rank;
}

enum jem_cpu_distance jem_topology_distance(const struct jem_topology *topology, uint16_t from,
					    uint16_t to)
{
	const struct jem_cpu_place *a = topology ? jem_topology_find(topology, from) : NULL;
	const struct jem_cpu_place *b = topology ? jem_topology_find(topology, to) : NULL;

	if (!a || !b)
		return JEM_CPU_FAR_UNKNOWN;
	if (a->socket != b->socket)
		return JEM_CPU_OTHER_SOCKET;
	if (a->node != b->node)
		return JEM_CPU_SAME_SOCKET;
	return a->llc == b->llc ? JEM_CPU_SAME_LLC : JEM_CPU_SAME_NODE;
}

const char *jem_topology_distance_name(enum jem_cpu_distance distance)
{
	static const char *const names[JEM_CPU_DISTANCES] = { "same_llc", "same_node",
							      "same_socket", "other_socket",
							      "unknown" };

	return names[distance];
}
