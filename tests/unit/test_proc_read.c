/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/proc_read.h"

#include "tests/unit/check.h"
#include "tests/unit/tree.h"

#include <errno.h>
#include <unistd.h>

static const char tail[] = " S 1 42 7 0 -1 4194304 11 12 13 14 15 16 17 18 20 0 3 0 99 8192 5 0\n";

static int parse(const char *name, struct jem_proc_stat *stat)
{
	char text[512];
	int len = snprintf(text, sizeof(text), "42 (%s)%s", name, tail);

	return jem_proc_parse_stat(text, (size_t)len, stat);
}

CASE(reads_any_name_a_process_can_have)
{
	static const char *const names[] = { "plain",  "my job 7", "a) R 1 1",   "(((",
					     "))",     "",         "two\nlines", "\xff\xfe bytes",
					     ") S 1 (" };
	struct jem_proc_stat stat;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		CHECK_OK(parse(names[i], &stat));
		CHECK_STR(stat.comm, names[i]);
		CHECK_EQ(stat.state, 'S');
		CHECK_EQ(stat.ppid, 1);
		CHECK_EQ(stat.session, 7);
		CHECK_EQ(stat.minor_faults, 11);
		CHECK_EQ(stat.major_faults, 13);
		CHECK_EQ(stat.user_ticks, 15);
		CHECK_EQ(stat.child_system_ticks, 18);
		CHECK_EQ(stat.threads, 3);
		CHECK_EQ(stat.start_ticks, 99);
		CHECK_EQ(stat.rss_pages, 5);
	}
}

CASE(refuses_a_stat_cut_anywhere)
{
	char text[256];
	int len = snprintf(text, sizeof(text), "42 (x y)%s", tail);
	struct jem_proc_stat stat = { .pid = 5 };

	/* The last number may be cut and is still a number; before it nothing is complete. */
	for (int cut = 0; cut < len - 8; cut++) {
		char part[256];

		memcpy(part, text, (size_t)cut);
		part[cut] = '\0';
		CHECK_EQ(jem_proc_parse_stat(part, (size_t)cut, &stat), -EBADMSG);
	}
	CHECK_EQ(stat.pid, 5);
}

CASE(agrees_with_the_kernel_about_itself)
{
	struct jem_proc_stat stat;
	struct jem_proc_status status;
	struct jem_proc_io io;
	char text[4096];
	int extra[3] = { dup(1), dup(1), dup(1) };
	int64_t files;

	CHECK_OK(jem_proc_read_stat("", getpid(), &stat));
	CHECK_EQ(stat.pid, getpid());
	CHECK_EQ(stat.ppid, getppid());
	CHECK_EQ(stat.state, 'R');
	CHECK_OK(jem_proc_read("", text, sizeof(text), "/proc/self/status"));
	CHECK_OK(jem_proc_parse_status(text, &status));
	CHECK_EQ(status.rss_bytes, status.anon_bytes + status.file_bytes + status.shmem_bytes);
	CHECK_GE(status.peak_rss_bytes, status.rss_bytes);
	CHECK_OK(jem_proc_read("", text, sizeof(text), "/proc/self/io"));
	CHECK_OK(jem_proc_parse_io(text, &io));
	CHECK_GE(io.rchar, 1000);
	files = jem_proc_open_files("", getpid());
	for (int i = 0; i < 3; i++)
		close(extra[i]);
	CHECK_EQ(jem_proc_open_files("", getpid()), files - 3);
}

CASE(knows_when_a_process_is_gone)
{
	struct jem_proc_stat stat;

	CHECK_EQ(jem_proc_read_stat(check_folder(), 77, &stat), -ENOENT);
	CHECK_EQ(jem_proc_open_files(check_folder(), 77), -ENOENT);
}

CASE(a_zombie_has_no_memory)
{
	struct jem_proc_status status;

	CHECK_OK(jem_proc_parse_status("Name:\tx\nState:\tZ (zombie)\nPid:\t3\nThreads:\t1\n"
				       "voluntary_ctxt_switches:\t4\n",
				       &status));
	CHECK_EQ(status.rss_bytes, 0);
	CHECK_EQ(status.voluntary_switches, 4);
}

CASE(sees_who_ignores_the_end_of_its_children)
{
	struct jem_proc_status status;

	CHECK_OK(jem_proc_parse_status("Pid\nPid:\t3\nSigIgn:\t0000000000010000\n", &status));
	CHECK(status.ignores_sigchld);
	CHECK_OK(jem_proc_parse_status("Pid\nPid:\t3\nSigIgn:\t0000000000001000\n", &status));
	CHECK(!status.ignores_sigchld);
}

CASE(finds_a_variable_in_a_long_environment)
{
	char path[256];
	FILE *file;

	tree_write("/proc/9/environ", "%s", "");
	snprintf(path, sizeof(path), "%s/proc/9/environ", check_folder());
	file = fopen(path, "w");
	fprintf(file, "XJEM_JOB=a%c", 0);
	for (int i = 0; i < 60000; i++)
		fputc(i == 40000 ? '=' : 'x', file);
	fprintf(file, "JEM_JOB=a%cJEM_JOB=ab%cPATH=/bin%cJEM_JOB=abc%c", 0, 0, 0, 0);
	fclose(file);
	CHECK(jem_proc_has_environment(check_folder(), 9, "JEM_JOB=ab"));
	CHECK(jem_proc_has_environment(check_folder(), 9, "JEM_JOB=abc"));
	CHECK(!jem_proc_has_environment(check_folder(), 9, "JEM_JOB=a"));
	CHECK(!jem_proc_has_environment(check_folder(), 9, "JEM_JOB=abcd"));
	CHECK(!jem_proc_has_environment(check_folder(), 8, "JEM_JOB=ab"));
}

TESTS(T(reads_any_name_a_process_can_have), T(refuses_a_stat_cut_anywhere),
      T(agrees_with_the_kernel_about_itself), T(knows_when_a_process_is_gone),
      T(a_zombie_has_no_memory), T(sees_who_ignores_the_end_of_its_children),
      T(finds_a_variable_in_a_long_environment))
