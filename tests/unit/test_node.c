/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/folders.h"
#include "daemon/sources/metrics/node.h"

#include "tests/unit/check.h"
#include "tests/unit/tree.h"

#include <math.h>
#include <sys/statvfs.h>
#include <unistd.h>

static void absent(double values[JEM_METRIC_COUNT])
{
	for (int i = 0; i < JEM_METRIC_COUNT; i++)
		values[i] = NAN;
}

static void read_tree(double values[JEM_METRIC_COUNT])
{
	struct jem_node *node;

	absent(values);
	CHECK_OK(jem_node_create(check_folder(), &node));
	jem_node_read(node, values);
	jem_node_destroy(node);
}

CASE(what_cannot_be_read_is_absent)
{
	double values[JEM_METRIC_COUNT];

	read_tree(values);
	for (int i = 0; i < JEM_METRIC_COUNT; i++)
		CHECK(isnan(values[i]));
}

CASE(splits_processor_time_by_kind_and_core)
{
	double values[JEM_METRIC_COUNT];
	const struct jem_core *cores;
	struct jem_node *node;
	size_t count;

	tree_write("/proc/stat", "cpu  1000 200 300 4000 50 6 7 8 90 10\n"
				 "cpu0 600 100 200 2000 25 3 4 5 0 0\n"
				 "cpu3 400 100 100 2000 25 3 3 3 0 0\n"
				 "intr 5 6 7\nctxt 1\nbtime 2\nprocesses 4711\n");
	tree_write("/proc/loadavg", "0.52 1.25 2.00 3/107 14328\n");
	absent(values);
	CHECK_OK(jem_node_create(check_folder(), &node));
	jem_node_read(node, values);
	CHECK_NEAR(values[JEM_METRIC_cpu_user_s], 12.0, 1e-9);
	CHECK_NEAR(values[JEM_METRIC_cpu_system_s], 3.13, 1e-9);
	CHECK_NEAR(values[JEM_METRIC_cpu_iowait_s], 0.5, 1e-9);
	CHECK_NEAR(values[JEM_METRIC_cpu_steal_s], 0.08, 1e-9);
	CHECK_NEAR(values[JEM_METRIC_cpu_idle_s], 40, 1e-9);
	CHECK_NEAR(values[JEM_METRIC_cpu_count], 2, 0);
	CHECK_NEAR(values[JEM_METRIC_forks], 4711, 0);
	CHECK_NEAR(values[JEM_METRIC_load5], 1.25, 1e-9);
	CHECK_NEAR(values[JEM_METRIC_tasks_runnable], 3, 0);
	CHECK_EQ(jem_node_last_pid(node), 14328);
	cores = jem_node_cores(node, &count);
	CHECK_EQ(count, 2);
	CHECK_EQ(cores[1].id, 3);
	CHECK_NEAR(cores[1].busy_s, 6.06, 1e-9);
	jem_node_destroy(node);
}

CASE(reads_memory_pressure_and_swap)
{
	double values[JEM_METRIC_COUNT];

	tree_write("/proc/meminfo",
		   "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 600 kB\nBuffers: 10 kB\n"
		   "Cached: 200 kB\nSwapCached: 5 kB\nDirty: 3 kB\nWriteback: 4 kB\n"
		   "SReclaimable: 40 kB\nSwapTotal: 100 kB\nSwapFree: 70 kB\n");
	tree_write("/proc/vmstat", "nr_free_pages 5\npswpin 2\npswpout 3\noom_kill 1\n");
	tree_write("/proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\n");
	tree_write("/proc/pressure/memory",
		   "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n"
		   "full avg10=0.00 avg60=0.00 avg300=0.00 total=500000\n");
	read_tree(values);
	CHECK_NEAR(values[JEM_METRIC_memory_total_bytes], 1024000, 0);
	CHECK_NEAR(values[JEM_METRIC_memory_available_bytes], 614400, 0);
	CHECK_NEAR(values[JEM_METRIC_memory_cached_bytes], 256000, 0);
	CHECK_NEAR(values[JEM_METRIC_memory_dirty_bytes], 7168, 0);
	CHECK_NEAR(values[JEM_METRIC_swap_used_bytes], 30720, 0);
	CHECK_NEAR(values[JEM_METRIC_swap_out_bytes], 3 * sysconf(_SC_PAGESIZE), 0);
	CHECK_NEAR(values[JEM_METRIC_oom_kills], 1, 0);
	CHECK_NEAR(values[JEM_METRIC_psi_cpu_some_s], 2.5, 1e-9);
	CHECK_NEAR(values[JEM_METRIC_psi_memory_full_s], 0.5, 1e-9);
	CHECK(isnan(values[JEM_METRIC_psi_io_some_s]));
}

CASE(counts_no_disk_twice)
{
	double values[JEM_METRIC_COUNT];

	tree_write("/sys/block/sda/size", "1");
	tree_write("/sys/block/nvme0n1/size", "1");
	tree_write("/sys/block/dm-0/size", "1");
	tree_write("/sys/block/md0/size", "1");
	tree_write("/sys/block/cciss!c0d0/size", "1");
	tree_write("/proc/diskstats", "   7       0 loop0 1 0 100 0 1 0 100 0 0 5 0\n"
				      "   8       0 sda 10 0 20 0 30 0 40 0 0 1500 0 0 0 0 0 0 0\n"
				      "   8       1 sda1 10 0 20 0 30 0 40 0 0 1500 0\n"
				      " 259       0 nvme0n1 1 0 2 0 3 0 4 0 0 2500 0\n"
				      " 104       0 cciss/c0d0 1 0 200 0 0 0 0 0 0 0 0\n"
				      " 253       0 dm-0 1 0 2 0 3 0 4 0 0 2500 0\n"
				      "   9       0 md0 1 0 2 0 3 0 4 0 0 2500 0\n");
	read_tree(values);
	CHECK_NEAR(values[JEM_METRIC_disk_read_bytes], 222 * 512, 0);
	CHECK_NEAR(values[JEM_METRIC_disk_write_bytes], 44 * 512, 0);
	CHECK_NEAR(values[JEM_METRIC_disk_reads], 12, 0);
	CHECK_NEAR(values[JEM_METRIC_disk_writes], 33, 0);
	CHECK_NEAR(values[JEM_METRIC_disk_busy_s], 2.5, 1e-9);
}

static void write_interfaces(void)
{
	tree_write("/proc/net/dev",
		   "Inter-|   Receive                                                |  Transmit\n"
		   " face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
		   "packets errs drop fifo colls carrier compressed\n"
		   "    lo:    9999      99    0    0    0     0          0         0     9999    "
		   "  99    0    0    0     0       0          0\n"
		   "  eth0:1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n"
		   " bond0:1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n");
}

CASE(counts_hardware_interfaces_where_there_are_any)
{
	double values[JEM_METRIC_COUNT];

	write_interfaces();
	read_tree(values);
	CHECK_NEAR(values[JEM_METRIC_net_receive_bytes], 2000, 0);
	tree_write("/sys/class/net/eth0/device", "here");
	read_tree(values);
	CHECK_NEAR(values[JEM_METRIC_net_receive_bytes], 1000, 0);
	CHECK_NEAR(values[JEM_METRIC_net_receive_packets], 10, 0);
	CHECK_NEAR(values[JEM_METRIC_net_transmit_bytes], 2000, 0);
	CHECK_NEAR(values[JEM_METRIC_net_transmit_packets], 20, 0);
}

CASE(reads_a_stat_longer_than_any_page)
{
	double values[JEM_METRIC_COUNT];
	size_t size = 300000;
	char *zeros = malloc(size);

	for (size_t i = 0; i < size; i++)
		zeros[i] = i % 2 ? '0' : ' ';
	zeros[size - 1] = '\0';
	tree_write("/proc/stat", "cpu  100 0 0 0 0 0 0 0 0 0\nintr%s\nprocesses 12\n", zeros);
	free(zeros);
	read_tree(values);
	CHECK_NEAR(values[JEM_METRIC_forks], 12, 0);
}

CASE(survives_a_kernel_that_writes_nonsense)
{
	static const char *const files[] = { "/proc/stat",         "/proc/loadavg",
					     "/proc/meminfo",      "/proc/vmstat",
					     "/proc/pressure/cpu", "/proc/diskstats",
					     "/proc/net/dev",      "/proc/pressure/io" };
	static const char *const texts[] = { "",
					     "\n\n\n",
					     "cpu",
					     "cpu \ncpu9\n:::\n1 1 \n",
					     "some total=\nfull",
					     "a:b c d\n   8 0 sda 1\n" };
	double values[JEM_METRIC_COUNT];

	for (size_t t = 0; t < sizeof(texts) / sizeof(*texts); t++) {
		for (size_t f = 0; f < sizeof(files) / sizeof(*files); f++)
			tree_write(files[f], "%s", texts[t]);
		read_tree(values);
		CHECK(isnan(values[JEM_METRIC_load1]));
		CHECK(isnan(values[JEM_METRIC_memory_total_bytes]));
		CHECK(isnan(values[JEM_METRIC_psi_io_full_s]));
	}
}

CASE(tells_free_space_of_folders)
{
	const char *paths[] = { check_folder(), NULL, "/nowhere/at/all" };
	struct jem_folders *folders;
	struct jem_space space;
	struct statvfs fs;

	CHECK_OK(jem_folders_create(paths, 3, &folders));
	jem_folders_read(folders, 0, &space);
	CHECK(!space.is_known);
	for (int round = 0; round < 3; round++) {
		jem_folders_kick(folders);
		jem_folders_wait(folders, 10000000000);
		jem_folders_read(folders, 0, &space);
		CHECK(space.is_known);
		CHECK_OK(statvfs(check_folder(), &fs));
		CHECK_NEAR(space.total_bytes, (double)fs.f_blocks * (double)fs.f_frsize, 0);
		CHECK_NEAR(space.free_bytes, (double)fs.f_bavail * (double)fs.f_frsize, 64e6);
		jem_folders_read(folders, 1, &space);
		CHECK(!space.is_known);
		jem_folders_read(folders, 2, &space);
		CHECK(!space.is_known);
	}
	jem_folders_destroy(folders);
}

TESTS(T(what_cannot_be_read_is_absent), T(splits_processor_time_by_kind_and_core),
      T(reads_memory_pressure_and_swap), T(counts_no_disk_twice),
      T(counts_hardware_interfaces_where_there_are_any), T(reads_a_stat_longer_than_any_page),
      T(survives_a_kernel_that_writes_nonsense), T(tells_free_space_of_folders))
