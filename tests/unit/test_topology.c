/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sched/topology.h"

#include "common/cleanup.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <sys/stat.h>

static char path[512];

/* A file under the case's folder, with the folders on its way. */
static void put(const char *name, const char *text)
{
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", check_folder(), name);
	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	file = fopen(path, "we");
	CHECK(file);
	CHECK_OK(fputs(text, file));
	CHECK_EQ(fclose(file), 0);
}

static int read_text(const char *text, struct jem_topology *topology, struct jem_err *err)
{
	put("topology", text);
	return jem_topology_read(path, topology, err);
}

CASE(reads_what_it_writes)
{
	static const char text[] = "cpu=0 socket=0 node=0 llc=0 core=0\n"
				   "cpu=7 socket=1 node=3 llc=4 core=5\n";
	struct jem_topology topology;
	struct jem_buf buf;
	struct jem_err err;

	CHECK_OK(read_text("# two\ncpu=7 core=5 llc=4 node=3 socket=1 # last\n\n"
			   "\tcpu=0 socket=0 node=0 llc=0 core=0",
			   &topology, &err));
	CHECK_EQ(topology.count, 2);
	jem_buf_init(&buf, 0);
	CHECK_OK(jem_topology_write(&topology, &buf));
	CHECK_STR(jem_buf_cstr(&buf), text);
	CHECK_EQ(jem_topology_find(&topology, 7)->core, 5);
	CHECK(!jem_topology_find(&topology, 1));
	jem_buf_deinit(&buf);
	jem_topology_deinit(&topology);
}

CASE(a_short_line_means_a_simple_machine)
{
	struct jem_topology topology;
	struct jem_err err;

	CHECK_OK(read_text("cpu=3 socket=1\n", &topology, &err));
	CHECK_EQ(topology.places[0].node, 1);
	CHECK_EQ(topology.places[0].llc, 1);
	CHECK_EQ(topology.places[0].core, 3);
	jem_topology_deinit(&topology);
}

CASE(says_which_line_is_bad)
{
	static const char *const bad[] = { "cpu=0 socket=0\ncpu=1\n",   "#\ncpu=1 socket=-1\n",
					   "#\ncpu=1 cpu=2 socket=0\n", "#\nsocket=0\n",
					   "#\ncpu=65535 socket=0\n",   "#\ncpu=1 socket=0 die=1\n",
					   "#\ncpu=1 socket=0x\n",      "#\ncpu= socket=0\n" };
	struct jem_topology topology;
	struct jem_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_EQ(read_text(bad[i], &topology, &err), -EBADMSG);
		CHECK_CONTAINS(err.text, "topology:2: not of the form");
	}
	CHECK_EQ(read_text("cpu=1 socket=0\ncpu=1 socket=0\n", &topology, &err), -EBADMSG);
	CHECK_CONTAINS(err.text, "core 1 stands there twice");
	CHECK_EQ(read_text("", &topology, &err), -EBADMSG);
	CHECK_EQ(jem_topology_read(check_folder(), &topology, &err), -EISDIR);
	CHECK_EQ(jem_topology_read("/nowhere", &topology, &err), -ENOENT);
	CHECK_CONTAINS(err.text, "/nowhere: No such file");
}

/* As Intel's servers number them: round robin over two sockets. */
CASE(ranks_cores_by_socket)
{
	struct jem_topology topology;
	struct jem_err err;

	CHECK_OK(read_text(
		"cpu=0 socket=0 node=0 llc=0 core=0\ncpu=1 socket=1 node=1 llc=1 core=0\n"
		"cpu=2 socket=0 node=0 llc=0 core=1\ncpu=3 socket=1 node=2 llc=3 core=1\n"
		"cpu=4 socket=0 node=0 llc=0 core=0\ncpu=5 socket=1 node=1 llc=5 core=0\n",
		&topology, &err));
	CHECK_EQ(jem_topology_rank(&topology, 0), 0);
	CHECK_EQ(jem_topology_rank(&topology, 4), 1);
	CHECK_EQ(jem_topology_rank(&topology, 2), 2);
	CHECK_EQ(jem_topology_rank(&topology, 1), 3);
	CHECK_EQ(jem_topology_rank(&topology, 5), 4);
	CHECK_EQ(jem_topology_rank(&topology, 3), 5);
	CHECK_EQ(jem_topology_rank(&topology, 9), 15);
	CHECK_EQ(jem_topology_distance(&topology, 0, 4), JEM_CPU_SAME_LLC);
	CHECK_EQ(jem_topology_distance(&topology, 1, 5), JEM_CPU_SAME_NODE);
	CHECK_EQ(jem_topology_distance(&topology, 1, 3), JEM_CPU_SAME_SOCKET);
	CHECK_EQ(jem_topology_distance(&topology, 3, 0), JEM_CPU_OTHER_SOCKET);
	CHECK_EQ(jem_topology_distance(&topology, 3, 9), JEM_CPU_FAR_UNKNOWN);
	CHECK_EQ(jem_topology_distance(NULL, 0, 1), JEM_CPU_FAR_UNKNOWN);
	jem_topology_deinit(&topology);
}

#define CPU "sys/devices/system/cpu/"

CASE(reads_a_machine_from_sysfs)
{
	struct jem_topology topology;
	struct jem_err err = { "" };

	put(CPU "online", "0,2-3\n");
	put(CPU "cpu0/topology/physical_package_id", "0\n");
	put(CPU "cpu0/topology/core_id", "0\n");
	put(CPU "cpu2/topology/physical_package_id", "1\n");
	put(CPU "cpu2/topology/core_id", "8\n");
	put(CPU "cpu2/node3/x", "");
	put(CPU "cpu2/cache/index0/level", "1\n");
	put(CPU "cpu2/cache/index0/shared_cpu_list", "2\n");
	put(CPU "cpu2/cache/index1/level", "3\n");
	put(CPU "cpu2/cache/index1/shared_cpu_list", "2-3\n");
	put(CPU "cpu3/topology/physical_package_id", "-1\n");
	CHECK_EQ(jem_topology_of_machine(check_folder(), &topology, &err), -ENOENT);
	CHECK_CONTAINS(err.text, "topology of the cores 0,2-3");
	put(CPU "cpu3/topology/core_id", "9\n");
	CHECK_OK(jem_topology_of_machine(check_folder(), &topology, &err));
	CHECK_EQ(topology.count, 3);
	CHECK_EQ(topology.places[1].cpu, 2);
	CHECK_EQ(topology.places[1].socket, 1);
	CHECK_EQ(topology.places[1].core, 8);
	CHECK_EQ(topology.places[1].node, 3);
	CHECK_EQ(topology.places[1].llc, 2);
	CHECK_EQ(topology.places[2].cpu, 3);
	CHECK_EQ(topology.places[2].socket, 0);
	CHECK_EQ(topology.places[2].node, 0);
	jem_topology_deinit(&topology);
}

CASE(reads_this_machine)
{
	struct jem_topology topology;
	struct jem_err err;

	CHECK_OK(jem_topology_of_machine("", &topology, &err));
	CHECK_EQ(topology.count, sysconf(_SC_NPROCESSORS_ONLN));
	jem_topology_deinit(&topology);
}

TESTS(T(reads_what_it_writes), T(a_short_line_means_a_simple_machine), T(says_which_line_is_bad),
      T(ranks_cores_by_socket), T(reads_a_machine_from_sysfs), T(reads_this_machine))
