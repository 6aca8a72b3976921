/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	EXIT_SKIP = 77,
	CASE_SECONDS = 240
};

static char folder[64];

void check_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	printf("# %s:%d: ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	_exit(EXIT_FAILURE);
}

void check_skip(const char *reason)
{
	const char *all = getenv("JEM_TEST_REQUIRE_ALL");

	printf("# skipped: %s\n", reason);
	fflush(stdout);
	_exit(all && *all ? EXIT_FAILURE : EXIT_SKIP);
}

const char *check_folder(void)
{
	return folder;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static unsigned open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

static _Noreturn void run_case(const struct check_case *test)
{
	const char *seconds = getenv("JEM_TEST_CASE_SECONDS");
	unsigned before = open_descriptors();
	unsigned after;

	alarm(seconds ? (unsigned)atoi(seconds) : CASE_SECONDS);
	test->run();
	after = open_descriptors();
	if (after != before)
		check_fail(test->name, 0, "%u descriptors before, %u after", before, after);
	fflush(stdout);
	exit(EXIT_SUCCESS); /* through atexit, where the leak sanitizer waits */
}

static bool is_wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(name, argv[i]))
			return true;
	return argc <= 1;
}

static bool report(size_t number, const char *name, int status)
{
	bool passed = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
	bool skipped = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP;

	if (WIFSIGNALED(status))
		printf("# ended by signal %d (%s)\n", WTERMSIG(status),
		       strsignal(WTERMSIG(status)));
	printf("%sok %zu - %s%s\n", passed || skipped ? "" : "not ", number, name,
	       skipped ? " # SKIP" : "");
	fflush(stdout);
	return passed || skipped;
}

int check_main(int argc, char **argv, const struct check_case *cases, size_t count)
{
	size_t number = 0;
	bool all_passed = true;

	for (size_t i = 0; i < count; i++)
		number += is_wanted(cases[i].name, argc, argv);
	printf("1..%zu\n", number);
	fflush(stdout);
	number = 0;
	for (size_t i = 0; i < count; i++) {
		int status;
		pid_t pid;

		if (!is_wanted(cases[i].name, argc, argv))
			continue;
		strcpy(folder, "/tmp/jem-test-XXXXXX");
		if (!mkdtemp(folder)) {
			perror("mkdtemp");
			return EXIT_FAILURE;
		}
		pid = fork();
		if (!pid)
			run_case(&cases[i]);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			continue;
		nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
		all_passed &= report(++number, cases[i].name, status);
	}
	return all_passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
