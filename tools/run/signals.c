/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/signals.h"

#include "tools/run/fd.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

static const int timer_kinds[] = { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };

void jem_inherited_take(struct jem_inherited *inherited)
{
	struct sigaction by_default = { .sa_handler = SIG_DFL };
	struct itimerval off = { 0 };
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &inherited->mask);
	sigaction(SIGCHLD, &by_default, &inherited->on_child);
	for (int i = 0; i < 3; i++)
		if (setitimer(timer_kinds[i], &off, &inherited->timers[i]) < 0)
			inherited->timers[i] = off;
}

void jem_inherited_give(const struct jem_inherited *inherited)
{
	for (int i = 0; i < 3; i++)
		setitimer(timer_kinds[i], &inherited->timers[i], NULL);
	sigaction(SIGCHLD, &inherited->on_child, NULL);
	sigprocmask(SIG_SETMASK, &inherited->mask, NULL);
}

int jem_signals_open(void)
{
	sigset_t all;
	int fd;

	sigfillset(&all);
	fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : jem_fd_raise(fd);
}

bool jem_signal_asks_to_end(int sig)
{
	return sig == SIGTERM || sig == SIGINT || sig == SIGHUP || sig == SIGQUIT || sig == SIGXCPU;
}

bool jem_signal_is_terminals(const struct signalfd_siginfo *info)
{
	if (info->ssi_code != SI_KERNEL)
		return false;
	switch (info->ssi_signo) {
	case SIGINT:
	case SIGQUIT:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
	case SIGWINCH:
		return true;
	}
	return false;
}

void jem_signal_suffer(int sig)
{
	struct sigaction by_default = { .sa_handler = SIG_DFL };
	sigset_t only;
	sigset_t before;

	sigemptyset(&only);
	sigaddset(&only, sig);
	sigaction(sig, &by_default, NULL);
	kill(getpid(), sig);
	sigprocmask(SIG_UNBLOCK, &only, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
}
