/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	REMOVING_FDS = 16
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	remove(path);
	return 0;
}

static void remove_all(const char *path)
{
	nftw(path, remove_one, REMOVING_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* The child: what ends us, or our group, does not end it. */
static void __attribute__((noreturn)) clean_up(const char *path, int life)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	ssize_t n;
	char byte;

	setsid();
	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGCHLD)
			signal(sig, SIG_IGN);
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	do {
		n = read(life, &byte, 1);
	} while (n > 0 || (n < 0 && errno == EINTR));
	remove_all(path);
	_exit(0);
}

int jem_scratch_open(struct jem_scratch *scratch, struct jem_err *err)
{
	const char *parent = getenv("TMPDIR");
	int pipe[2];
	int n = snprintf(scratch->path, sizeof(scratch->path), "%s/jem-XXXXXX",
			 parent && *parent == '/' ? parent : "/tmp");

	if (n < 0 || (size_t)n >= sizeof(scratch->path))
		return jem_err_set(err, -ENAMETOOLONG, "the path in TMPDIR is too long");
	if (!mkdtemp(scratch->path))
		return jem_err_set(err, -errno, "no temporary folder %.150s: %s", scratch->path,
				   strerror(errno));
	scratch->cleaner = pipe2(pipe, O_CLOEXEC) < 0 ? -1 : fork();
	if (scratch->cleaner == 0) {
		close(pipe[1]);
		clean_up(scratch->path, pipe[0]);
	}
	if (scratch->cleaner < 0) {
		int rc = jem_err_set(err, -errno, "no process to clean up: %s", strerror(errno));

		remove_all(scratch->path);
		return rc;
	}
	close(pipe[0]);
	scratch->life = pipe[1];
	return 0;
}

void jem_scratch_close(struct jem_scratch *scratch)
{
	close(scratch->life);
	while (waitpid(scratch->cleaner, NULL, 0) < 0 && errno == EINTR)
		;
}
