/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topology: which cores share a physical core, a last-level cache, a NUMA node, a socket.
 *
 * From sysfs of the running machine, or from a file (--topology FILE) of lines
 *
 *	cpu=0 socket=0 node=0 llc=0 core=0
 *
 * with # comments. Without node a line means the socket's number, without llc the node's, without core the
 * cpu's. `jem record` and the daemon write such a file beside what they record.
 */
#ifndef JEM_COMMON_SCHED_TOPOLOGY_H
#define JEM_COMMON_SCHED_TOPOLOGY_H

#include "common/buf.h"
#include "common/err.h"

#include <stdint.h>

struct jem_cpu_place {
	uint16_t cpu, socket, node, llc, core; /* `core` is unique within a socket */
};

struct jem_topology {
	struct jem_cpu_place *places; /* owned, by cpu */
	size_t count;
};

/* `root` is "" or a folder in place of /, for tests. -errno with the file that is missing or bad. */
int jem_topology_of_machine(const char *root, struct jem_topology *ret, struct jem_err *err);
int jem_topology_read(const char *path, struct jem_topology *ret, struct jem_err *err);
int jem_topology_write(const struct jem_topology *topology, struct jem_buf *ret);
/* From another source, in order of cores. 0 or -ENOMEM. */
int jem_topology_add(struct jem_topology *topology, const struct jem_cpu_place *place);
void jem_topology_deinit(struct jem_topology *topology);

const struct jem_cpu_place *jem_topology_find(const struct jem_topology *topology, uint16_t cpu);

/* How far a task moved that went from one core to another. */
enum jem_cpu_distance {
	JEM_CPU_SAME_LLC, /* or the same physical core */
	JEM_CPU_SAME_NODE,
	JEM_CPU_SAME_SOCKET,
	JEM_CPU_OTHER_SOCKET,
	JEM_CPU_FAR_UNKNOWN, /* no topology, or the core is not in it */
	JEM_CPU_DISTANCES,
};
/* `topology` may be NULL. */
enum jem_cpu_distance jem_topology_distance(const struct jem_topology *topology, uint16_t from,
					    uint16_t to);
const char *jem_topology_distance_name(enum jem_cpu_distance distance);

/* Rank of a core when cores of a socket, node, cache and physical core stand together, from below. */
uint32_t jem_topology_rank(const struct jem_topology *topology, uint16_t cpu);

#endif
