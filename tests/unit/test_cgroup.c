/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/cgroup.h"

#include "tests/unit/check.h"
#include "tests/unit/tree.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

#define JOB 100

static double values[JEM_METRIC_COUNT];

static void read_at(struct jem_cgroup *cgroup, uint64_t now_ns)
{
	for (int i = 0; i < JEM_METRIC_COUNT; i++)
		values[i] = NAN;
	jem_cgroup_read(cgroup, now_ns, values);
}

static struct jem_cgroup *open_group(void)
{
	struct jem_cgroup *cgroup;

	CHECK_OK(jem_cgroup_create(check_folder(), JOB, &cgroup));
	read_at(cgroup, 1);
	return cgroup;
}

static void write_v2(const char *group)
{
	static const char *const files[][2] = {
		{ "cgroup.type", "domain\n" },
		{ "memory.current", "5000\n" },
		{ "memory.peak", "6000\n" },
		{ "memory.max", "max\n" },
		{ "memory.swap.current", "70\n" },
		{ "memory.stat", "anon 1000\nfile 3000\nkernel 50\nshmem 400\nanon_thp 7\n" },
		{ "memory.events", "low 0\nhigh 0\nmax 3\noom 2\noom_kill 4\n" },
		{ "memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n"
				     "full avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n" },
		{ "cpu.stat", "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n"
			      "nr_periods 5\nnr_throttled 1\nthrottled_usec 250000\n" },
		{ "cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=3000000\n" },
		{ "io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=4000000\n"
				 "full avg10=0.00 avg60=0.00 avg300=0.00 total=2000000\n" },
		{ "cgroup.procs", "100\n101\n" },
	};
	char path[512];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s", group, files[i][0]);
		tree_write(path, "%s", files[i][1]);
	}
}

static void write_v2_mount(const char *root)
{
	tree_write("/proc/self/mountinfo",
		   "23 1 0:21 / / rw shared:1 - ext4 /dev/vda rw\n"
		   "30 23 0:26 %s /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 "
		   "rw,nsdelegate\n",
		   root);
}

CASE(reads_a_group_of_version_2)
{
	struct jem_cgroup *cgroup;
	const char *path;

	write_v2_mount("/");
	tree_write("/proc/100/cgroup", "0::/slurm/job_7/step_0\n");
	write_v2("/sys/fs/cgroup/slurm/job_7/step_0");
	cgroup = open_group();
	CHECK_EQ(jem_cgroup_memory(cgroup, &path), JEM_CGROUP_V2);
	CHECK_STR(path, "/slurm/job_7/step_0");
	CHECK_NEAR(values[JEM_METRIC_cgroup_usage_bytes], 5000, 0);
	CHECK_NEAR(values[JEM_METRIC_cgroup_peak_bytes], 6000, 0);
	CHECK_NEAR(values[JEM_METRIC_cgroup_anon_bytes], 1000, 0);
	CHECK_NEAR(values[JEM_METRIC_cgroup_shmem_bytes], 400, 0);
	CHECK_NEAR(values[JEM_METRIC_cgroup_cache_bytes], 2600, 0);
	CHECK_NEAR(values[JEM_METRIC_cgroup_swap_bytes], 70, 0);
	CHECK_NEAR(values[JEM_METRIC_cgroup_cpu_s], 2.5, 1e-9);
	CHECK_NEAR(values[JEM_METRIC_throttled_s], 0.25, 1e-9);
	CHECK_NEAR(values[JEM_METRIC_cgroup_psi_memory_full_s], 1, 1e-9);
	CHECK_NEAR(values[JEM_METRIC_cgroup_psi_cpu_some_s], 3, 1e-9);
	CHECK_NEAR(values[JEM_METRIC_cgroup_psi_io_full_s], 2, 1e-9);
	CHECK(isnan(values[JEM_METRIC_memory_limit_bytes]));
	jem_cgroup_destroy(cgroup);
}

CASE(counts_oom_kills_since_the_job_began)
{
	struct jem_cgroup *cgroup;

	write_v2_mount("/");
	tree_write("/proc/100/cgroup", "0::/a\n");
	write_v2("/sys/fs/cgroup/a");
	cgroup = open_group();
	CHECK_NEAR(values[JEM_METRIC_oom_kills], 0, 0);
	jem_cgroup_destroy(cgroup);
	cgroup = open_group();
	/* the same file goes on, as the kernel's does */
	tree_write("/sys/fs/cgroup/a/memory.events", "oom_kill 6\n");
	read_at(cgroup, 2);
	CHECK_NEAR(values[JEM_METRIC_oom_kills], 2, 0);
	jem_cgroup_destroy(cgroup);
}

CASE(the_smallest_limit_above_counts)
{
	struct jem_cgroup *cgroup;

	write_v2_mount("/");
	tree_write("/proc/100/cgroup", "0::/slurm/job_7/step_0\n");
	write_v2("/sys/fs/cgroup/slurm/job_7/step_0");
	tree_write("/sys/fs/cgroup/slurm/job_7/memory.max", "2000000000\n");
	tree_write("/sys/fs/cgroup/slurm/memory.max", "64000000000\n");
	cgroup = open_group();
	CHECK_NEAR(values[JEM_METRIC_memory_limit_bytes], 2e9, 0);
	/* raised while the job runs: seen at the next look-up */
	tree_write("/sys/fs/cgroup/slurm/job_7/memory.max", "3000000000\n");
	read_at(cgroup, 20000000000);
	CHECK_NEAR(values[JEM_METRIC_memory_limit_bytes], 2e9, 0);
	read_at(cgroup, 40000000000);
	CHECK_NEAR(values[JEM_METRIC_memory_limit_bytes], 3e9, 0);
	jem_cgroup_destroy(cgroup);
}

CASE(the_root_group_is_no_group)
{
	struct jem_cgroup *cgroup;
	const char *path;

	write_v2_mount("/");
	tree_write("/proc/100/cgroup", "0::/\n");
	tree_write("/sys/fs/cgroup/memory.stat", "anon 1000\nfile 3000\nshmem 400\n");
	cgroup = open_group();
	CHECK_EQ(jem_cgroup_memory(cgroup, &path), JEM_CGROUP_NONE);
	for (int i = 0; i < JEM_METRIC_COUNT; i++)
		CHECK(isnan(values[i]));
	jem_cgroup_destroy(cgroup);
}

CASE(sees_its_own_root_within_a_container)
{
	struct jem_cgroup *cgroup;

	/* a cgroup namespace: the mount's root is told relative to it, and the path is outside */
	write_v2_mount("/../docker/abc");
	tree_write("/proc/100/cgroup", "0::/\n");
	write_v2("/sys/fs/cgroup");
	cgroup = open_group();
	CHECK_NEAR(values[JEM_METRIC_cgroup_anon_bytes], 1000, 0);
	jem_cgroup_destroy(cgroup);
	/* a bind mount of the container's own group, and paths as the host tells them */
	write_v2_mount("/docker/abc");
	tree_write("/proc/100/cgroup", "0::/docker/abc\n");
	cgroup = open_group();
	CHECK_NEAR(values[JEM_METRIC_cgroup_anon_bytes], 1000, 0);
	jem_cgroup_destroy(cgroup);
}

static void write_hybrid(void)
{
	tree_write("/proc/self/mountinfo",
		   "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
		   "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
		   "35 31 0:32 / /sys/fs/cgroup/memory\\040two rw - cgroup cgroup rw,memory\n"
		   "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
	tree_write("/proc/100/cgroup",
		   "9:name=systemd:/\n4:memory:/batch/7\n2:cpu,cpuacct:/batch/7\n0::/\n");
	tree_write("/sys/fs/cgroup/memory two/batch/7/memory.usage_in_bytes", "5000\n");
	tree_write("/sys/fs/cgroup/memory two/batch/7/memory.max_usage_in_bytes", "6000\n");
	tree_write("/sys/fs/cgroup/memory two/batch/7/memory.stat",
		   "cache 1\nrss 2\nshmem 3\nswap 4\ntotal_cache 3000\ntotal_rss 1000\n"
		   "total_shmem 400\ntotal_swap 70\n");
	tree_write("/sys/fs/cgroup/memory two/batch/7/memory.oom_control",
		   "oom_kill_disable 0\nunder_oom 0\noom_kill 9\n");
	tree_write("/sys/fs/cgroup/memory two/batch/7/memory.limit_in_bytes",
		   "9223372036854771712\n");
	tree_write("/sys/fs/cgroup/memory two/batch/memory.limit_in_bytes", "4000000000\n");
	tree_write("/sys/fs/cgroup/cpu,cpuacct/batch/7/cpuacct.usage", "2500000000\n");
	tree_write("/sys/fs/cgroup/cpu,cpuacct/batch/7/cpu.stat",
		   "nr_periods 5\nnr_throttled 1\nthrottled_time 250000000\n");
}

CASE(reads_a_group_of_version_1_beside_an_empty_version_2)
{
	struct jem_cgroup *cgroup;
	const char *path;

	write_hybrid();
	cgroup = open_group();
	CHECK_EQ(jem_cgroup_memory(cgroup, &path), JEM_CGROUP_V1);
	CHECK_STR(path, "/batch/7");
	CHECK_NEAR(values[JEM_METRIC_cgroup_usage_bytes], 5000, 0);
	CHECK_NEAR(values[JEM_METRIC_cgroup_peak_bytes], 6000, 0);
	CHECK_NEAR(values[JEM_METRIC_cgroup_anon_bytes], 1000, 0);
	CHECK_NEAR(values[JEM_METRIC_cgroup_cache_bytes], 2600, 0);
	CHECK_NEAR(values[JEM_METRIC_cgroup_swap_bytes], 70, 0);
	CHECK_NEAR(values[JEM_METRIC_cgroup_cpu_s], 2.5, 1e-9);
	CHECK_NEAR(values[JEM_METRIC_throttled_s], 0.25, 1e-9);
	CHECK_NEAR(values[JEM_METRIC_oom_kills], 0, 0);
	CHECK_NEAR(values[JEM_METRIC_memory_limit_bytes], 4e9, 0);
	CHECK(isnan(values[JEM_METRIC_cgroup_psi_cpu_some_s]));
	jem_cgroup_destroy(cgroup);
}

CASE(follows_a_job_that_is_moved)
{
	struct jem_cgroup *cgroup;

	write_v2_mount("/");
	tree_write("/proc/100/cgroup", "0::/a\n");
	write_v2("/sys/fs/cgroup/a");
	write_v2("/sys/fs/cgroup/b");
	tree_write("/sys/fs/cgroup/b/memory.current", "777\n");
	cgroup = open_group();
	tree_write("/proc/100/cgroup", "0::/b\n");
	read_at(cgroup, 40000000000);
	CHECK_NEAR(values[JEM_METRIC_cgroup_usage_bytes], 777, 0);
	tree_remove("/proc/100"); /* ended: what its group tells stays known */
	read_at(cgroup, 80000000000);
	CHECK_NEAR(values[JEM_METRIC_cgroup_usage_bytes], 777, 0);
	jem_cgroup_destroy(cgroup);
}

CASE(only_a_group_of_its_own_holds_just_the_job)
{
	struct jem_cgroup *cgroup;
	int fd;

	write_v2_mount("/");
	tree_write("/proc/100/cgroup", "0::/slurm/job_7\n");
	write_v2("/sys/fs/cgroup/slurm/job_7");
	write_v2("/sys/fs/cgroup/slurm/job_7/us");
	write_v2("/sys/fs/cgroup/system/jemd");
	cgroup = open_group();
	tree_write("/proc/5/cgroup", "0::/slurm/job_7\n");
	CHECK_EQ(jem_cgroup_open_procs(cgroup, 5), -ENOENT);
	tree_write("/proc/5/cgroup", "0::/slurm/job_7/us\n");
	CHECK_EQ(jem_cgroup_open_procs(cgroup, 5), -ENOENT);
	tree_write("/proc/5/cgroup", "0::/system/jemd\n");
	fd = jem_cgroup_open_procs(cgroup, 5);
	CHECK_OK(fd);
	close(fd);
	jem_cgroup_destroy(cgroup);
}

CASE(stands_nonsense_in_every_file)
{
	static const char *const texts[] = {
		"", ":", "::", "0::", "0::/../..\n", "4:memory\n", "0::/a b\n4:memory:x\n:::\n"
	};
	static const char *const mounts[] = { "", "-", " - cgroup2", "1 2 3 4 5 - cgroup2 x\n",
					      "1 2 3 / /m - cgroup2 x y\n1 2\n" };

	for (size_t t = 0; t < sizeof(texts) / sizeof(*texts); t++) {
		for (size_t m = 0; m < sizeof(mounts) / sizeof(*mounts); m++) {
			tree_write("/proc/100/cgroup", "%s", texts[t]);
			tree_write("/proc/self/mountinfo", "%s", mounts[m]);
			jem_cgroup_destroy(open_group());
			CHECK(isnan(values[JEM_METRIC_cgroup_usage_bytes]));
		}
	}
}

TESTS(T(reads_a_group_of_version_2), T(counts_oom_kills_since_the_job_began),
      T(the_smallest_limit_above_counts), T(the_root_group_is_no_group),
      T(sees_its_own_root_within_a_container),
      T(reads_a_group_of_version_1_beside_an_empty_version_2), T(follows_a_job_that_is_moved),
      T(only_a_group_of_its_own_holds_just_the_job), T(stands_nonsense_in_every_file))
