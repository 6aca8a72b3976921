/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/folder.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_out(void)
{
	int fd = jem_folder_open_out(check_folder(), NULL);

	CHECK_OK(fd);
	return fd;
}

static mode_t mode_of(int folder, const char *name)
{
	struct stat st;

	CHECK_OK(fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW));
	return st.st_mode & 07777;
}

CASE(makes_folders_and_files_for_their_owner_only)
{
	struct jem_source_names names = { "site", "user", "job-1", "node" };
	int out = open_out();
	bool made;
	int job;
	int file;

	umask(0);
	job = jem_folder_open_job(out, &names, true, &made);
	CHECK_OK(job);
	CHECK(made);
	CHECK_EQ(mode_of(out, "site"), 0700);
	CHECK_EQ(mode_of(out, "site/user/job-1"), 0700);
	file = jem_folder_open_file(job, "job.log", O_WRONLY | O_CREAT);
	CHECK_OK(file);
	CHECK_EQ(mode_of(job, "job.log"), 0600);
	close(file);
	close(job);
	job = jem_folder_open_job(out, &names, true, &made);
	CHECK_OK(job);
	CHECK(!made);
	close(job);
	CHECK_EQ(jem_folder_count_jobs(out), 1);
	strcpy(names.job, "job-2");
	CHECK_EQ(jem_folder_open_job(out, &names, false, &made), -EDQUOT);
	CHECK(!made);
	CHECK_EQ(jem_folder_count_jobs(out), 1);
	close(out);
}

CASE(refuses_names_that_lead_elsewhere)
{
	static const char *const bad[] = { "",    "..",     ".",    "../x",        "/tmp",
					   "a/b", "a.b",    "x\n",  "caf\xc3\xa9", "a b",
					   "x;y", "%2e%2e", "CON:", "a\\b",        "\x01" };
	char longest[JEM_NAME_MAX + 2];
	int out = open_out();

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_EQ(jem_folder_open(out, bad[i], true), -EINVAL);
	memset(longest, 'x', sizeof(longest));
	longest[JEM_NAME_MAX + 1] = '\0';
	CHECK_EQ(jem_folder_open(out, longest, true), -EINVAL);
	CHECK_EQ(jem_folder_open_file(out, "../x", O_WRONLY | O_CREAT), -EINVAL);
	close(out);
}

CASE(follows_no_link_that_was_planted)
{
	struct jem_source_names names = { "site", "user", "job", "node" };
	int out = open_out();
	bool made;
	int job = jem_folder_open_job(out, &names, true, &made);

	CHECK_OK(job);
	CHECK_OK(symlinkat("/etc", out, "elsewhere"));
	CHECK(jem_folder_open(out, "elsewhere", true) < 0);
	CHECK_OK(symlinkat("/etc/passwd", job, "job.log"));
	CHECK_EQ(jem_folder_open_file(job, "job.log", O_WRONLY | O_CREAT), -ELOOP);
	CHECK_OK(mkfifoat(job, "fifo", 0600));
	CHECK(jem_folder_open_file(job, "fifo", O_RDONLY) < 0);
	close(job);
	close(out);
}

CASE(replaces_a_file_whole)
{
	int out = open_out();
	char text[8] = "";
	int fd;

	CHECK_OK(jem_folder_replace(out, "streams.json", "first", 5));
	CHECK_OK(jem_folder_replace(out, "streams.json", "2nd", 3));
	fd = jem_folder_open_file(out, "streams.json", O_RDONLY);
	CHECK_EQ(read(fd, text, sizeof(text)), 3);
	CHECK_STR(text, "2nd");
	CHECK_EQ(faccessat(out, "streams.json.tmp", F_OK, 0), -1);
	close(fd);
	close(out);
}

CASE(lends_a_folder_to_one_receiver_at_a_time)
{
	int first = open_out();
	int second = open_out();

	CHECK_OK(jem_folder_lock(first));
	CHECK_EQ(jem_folder_lock(second), -EBUSY);
	close(first);
	CHECK_OK(jem_folder_lock(second));
	close(second);
}

CASE(makes_out_with_its_parents_or_says_why_not)
{
	struct jem_err err;
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/a/b/c", check_folder());
	fd = jem_folder_open_out(path, &err);
	CHECK_OK(fd);
	close(fd);
	CHECK_EQ(jem_folder_open_out("/proc/nothing/here", &err), -ENOENT);
	CHECK_CONTAINS(err.text, "cannot write into /proc/nothing/here: ");
	CHECK_EQ(jem_folder_open_out("", &err), -EINVAL);
}

TESTS(T(makes_folders_and_files_for_their_owner_only), T(refuses_names_that_lead_elsewhere),
      T(follows_no_link_that_was_planted), T(replaces_a_file_whole),
      T(lends_a_folder_to_one_receiver_at_a_time), T(makes_out_with_its_parents_or_says_why_not))
