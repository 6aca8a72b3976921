/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/environment.h"
#include "daemon/sources/mounts.h"
#include "tests/unit/check.h"
#include "tests/unit/log_bench.h"
#include "tests/unit/tree.h"

#include <errno.h>
#include <sys/utsname.h>
#include <unistd.h>

static struct log_bench bench;

static const struct log_bench_record *publish(pid_t pid, const char *root)
{
	struct jem_environment_options options = { .pid = pid, .root = root };

	log_bench_open(&bench);
	options.batcher = bench.batcher;
	jem_environment_publish(&options);
	jem_batcher_flush_all(bench.batcher);
	return log_bench_get(&bench, JEM_KIND_status, 0);
}

CASE(tells_what_a_real_process_runs_on)
{
	const struct log_bench_record *record = publish(getpid(), "");
	struct utsname name;

	uname(&name);
	CHECK_STR(record->state, "environment");
	CHECK_CONTAINS(record->text, name.release);
	CHECK_CONTAINS(record->json, "\"cpu_count\":");
	CHECK_CONTAINS(record->json, "{\"name\":\"open_files\",\"soft\":");
	CHECK_CONTAINS(record->json, "{\"name\":\"tmp\",\"path\":\"/tmp\",\"mount\":\"/");
	CHECK_CONTAINS(record->json, "\"variables\":{");
	log_bench_close(&bench);
}

CASE(tells_what_a_recorded_tree_says)
{
	static const char environ[] =
		"HOME=/home/me\0TMPDIR=/scratch dir/17\0PATH=/bin\0"
		"SLURM_JOB_ID=7\0SECRET_SAUCE=planted\0MY_TOKEN=planted\0"
		"SLURM_JWT_TOKEN=planted\0X509_USER_PROXY=/tmp/planted\0"
		"X509_CERT_DIR=/etc/grid\0PYTHONPATH=a\0ATLAS_X=y\0=odd\0none";
	const struct log_bench_record *record;
	FILE *file;

	tree_write("/etc/os-release", "NAME=x\nPRETTY_NAME=\"Made Up Linux 7\"\n");
	tree_write("/proc/cpuinfo", "processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz\n");
	tree_write("/proc/meminfo", "MemTotal:        2097152 kB\nSwapTotal:   1024 kB\n");
	tree_write("/proc/999999999/mountinfo",
		   "1 0 8:1 / / rw - ext4 /dev/root rw\n"
		   "2 1 0:5 / /home rw,nosuid shared:1 master:2 - nfs4 server:/home rw,vers=4.2\n"
		   "3 1 0:6 / /home rw,relatime - nfs4 later:/home rw\n"
		   "4 1 0:7 / /scratch\\040dir rw - xfs /dev/sdb rw\n"
		   "broken line\n");
	tree_write("/proc/999999999/environ", "\n");
	file = fopen(log_bench_path("proc/999999999/environ"), "w");
	fwrite(environ, 1, sizeof(environ), file);
	fclose(file);
	CHECK_EQ(symlink("/home/me/work", log_bench_path("proc/999999999/cwd")), 0);
	record = publish(999999999, check_folder());
	CHECK_CONTAINS(record->text, "Made Up Linux 7, Linux ");
	CHECK_CONTAINS(record->text, "Fast CPU @ 3 GHz, 2.0 GiB of memory");
	CHECK_CONTAINS(record->json,
		       "\"memory_total_bytes\":2147483648,\"swap_total_bytes\":1048576");
	CHECK_CONTAINS(record->json,
		       "{\"name\":\"work\",\"path\":\"/home/me/work\",\"mount\":\"/home\","
		       "\"type\":\"nfs4\",\"device\":\"later:/home\",\"options\":\"rw,relatime\"}");
	CHECK_CONTAINS(record->json, "{\"name\":\"tmp\",\"path\":\"/scratch dir/17\",\"mount\":"
				     "\"/scratch dir\",\"type\":\"xfs\"");
	CHECK_CONTAINS(record->json, "\"SLURM_JOB_ID\":\"7\"");
	CHECK_CONTAINS(record->json, "\"X509_CERT_DIR\":\"/etc/grid\"");
	CHECK_CONTAINS(record->json, "\"SLURM_JWT_TOKEN\":\"***\"");
	CHECK_CONTAINS(record->json, "\"X509_USER_PROXY\":\"***\"");
	CHECK(!strstr(record->json, "planted"));
	CHECK(!strstr(record->json, "SECRET_SAUCE"));
	log_bench_close(&bench);
}

CASE(goes_on_without_what_cannot_be_read)
{
	const struct log_bench_record *record = publish(999999999, "/nowhere");

	CHECK_CONTAINS(record->json, "\"fields\":{\"system\":\"Linux\"");
	CHECK_CONTAINS(record->json, "\"variables\":{}");
	log_bench_close(&bench);
}

CASE(finds_no_mount_without_a_table)
{
	struct jem_mount mount;

	CHECK_EQ(jem_mount_find("/nowhere", 1, "/", &mount), -ENOENT);
}

TESTS(T(tells_what_a_real_process_runs_on), T(tells_what_a_recorded_tree_says),
      T(goes_on_without_what_cannot_be_read), T(finds_no_mount_without_a_table))
