/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/sched/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	TRIES = 50, /* another thread of ours may still be closing its files */
	TRY_NS = 20000000,
	OPEN_MAX_OLD = 4096
};

/* Who waits for a socket or pipe of ours to close must not wait for it. */
static void close_others(int except)
{
	if (!syscall(SYS_close_range, (unsigned)except + 1, ~0u, 0u)) {
		(void)syscall(SYS_close_range, 0u, (unsigned)except - 1, 0u);
		return;
	}
	for (int fd = 0; fd < OPEN_MAX_OLD; fd++) /* before Linux 5.9 */
		if (fd != except)
			close(fd);
}

/* In lists of processes: a second daemon would be looked for in vain. */
static void rename_us(void)
{
	static const char name[] = "jem-keeper";
	size_t room = strlen(program_invocation_name);

	(void)prctl(PR_SET_NAME, name);
	memset(program_invocation_name, 0, room);
	memcpy(program_invocation_name, name, room < sizeof(name) ? room : sizeof(name));
}

static _Noreturn void keep(const char *path, int end)
{
	const struct timespec pause = { 0, TRY_NS };
	char byte;

	(void)setsid();
	for (int number = 1; number < 32; number++)
		(void)signal(number, number == SIGKILL || number == SIGSTOP ? SIG_DFL : SIG_IGN);
	rename_us();
	close_others(end);
	while (read(end, &byte, 1) < 0 && errno == EINTR)
		;
	for (int i = 0; i < TRIES && rmdir(path) < 0 && errno == EBUSY; i++)
		(void)nanosleep(&pause, NULL);
	_exit(0);
}

int jem_keeper_start(const char *path, int *ret)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int status = -errno;

		close(ends[0]);
		close(ends[1]);
		return status;
	}
	if (!pid) {
		close(ends[1]);
		keep(path, ends[0]);
	}
	close(ends[0]);
	*ret = ends[1];
	return 0;
}

void jem_keeper_end(int keeper)
{
	if (keeper >= 0)
		close(keeper);
}
