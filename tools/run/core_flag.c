/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/core_flag.h"

#include "tools/run/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* core(5): neither a program at a pipe nor a path, which would lead elsewhere. */
static bool is_plain_name(void)
{
	int fd = jem_fd_open("/proc/sys/kernel/core_pattern", O_RDONLY);
	char pattern[256];
	ssize_t n = fd < 0 ? -1 : read(fd, pattern, sizeof(pattern));

	jem_fd_close(&fd);
	return n > 1 && pattern[0] != '|' && !memchr(pattern, '/', (size_t)n);
}

/* Waits for the other end of the pipe to go, takes the folder and what is in it away. */
static _Noreturn void clean_up(const char *folder, int pipe)
{
	DIR *dir;
	char byte;

	while (read(pipe, &byte, 1) < 0 && errno == EINTR)
		continue;
	dir = opendir(".");
	for (struct dirent *entry; dir && (entry = readdir(dir));)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (rmdir(folder) < 0)
		_exit(1);
	_exit(0);
}

static int start_cleaner(const char *folder)
{
	sigset_t all, before;
	int ends[2] = { -1, -1 };
	int rc = jem_fd_pipe(ends);
	pid_t pid;

	if (rc < 0)
		return rc;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0) {
		/* Nobody who waits for the end of our streams waits for it. */
		jem_fd_close_others((const int[]){ ends[0] }, 1);
		setsid();
		clean_up(folder, ends[0]);
	}
	rc = pid < 0 ? -errno : 0;
	sigprocmask(SIG_SETMASK, &before, NULL);
	jem_fd_close(&ends[0]);
	if (rc < 0)
		jem_fd_close(&ends[1]);
	return rc; /* the writing end stays open for as long as we live */
}

int jem_core_flag_arm(const char *parent)
{
	struct rlimit limit;
	char folder[PATH_MAX];
	rlim_t page = (rlim_t)sysconf(_SC_PAGESIZE);
	int rc;

	if (getrlimit(RLIMIT_CORE, &limit) < 0)
		return -errno;
	if (limit.rlim_max < page || !is_plain_name())
		return -ENOTSUP;
	if (snprintf(folder, sizeof(folder), "%s/.end-XXXXXX", parent) >= (int)sizeof(folder))
		return -ENAMETOOLONG;
	if (!mkdtemp(folder))
		return -errno;
	rc = chdir(folder) < 0 ? -errno : start_cleaner(folder);
	if (rc < 0) {
		(void)rmdir(folder);
		return rc;
	}
	limit.rlim_cur = page;
	return setrlimit(RLIMIT_CORE, &limit) < 0 ? -errno : 0;
}
