/* SPDX-License-Identifier: Apache-2.0 */
/* Signals across fork, vfork, exec and threads, and what a program forbids itself. */
#include "tests/flow/calls/program.h"

#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	THREADS = 50,
};

extern char **environ;

static sigjmp_buf back;
static volatile sig_atomic_t count;

static void jump_back(int sig)
{
	count++;
	siglongjmp(back, 1);
}

static void fault_and_go_on(void)
{
	if (!sigsetjmp(back, 1))
		touch(0x18);
	work(NULL, 6);
}

static void say_end(pid_t child)
{
	int status = 0;

	if (waitpid(child, &status, 0) != child)
		exit(96);
	say(WIFSIGNALED(status) ? "killed" : "ended",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static int children_of_fork(void)
{
	pid_t child;

	signal(SIGSEGV, jump_back);
	fault_and_go_on();
	for (int i = 0; i < 4; i++) {
		child = fork();
		if (!child) {
			work(&child, 6);
			if (i > 0)
				fault_and_go_on();
			if (i > 1)
				signal(SIGSEGV, SIG_DFL);
			if (i > 2)
				touch(0x18);
			work(&child, 6);
			_exit(count + 10);
		}
		say_end(child);
		fault_and_go_on();
	}
	say("faults", count);
	return 0;
}

/* Run by exec: what it finds is what its predecessor had. */
static int tells_what_it_inherits(void)
{
	struct sigaction now;

	for (int sig = 1; sig < 65; sig++) {
		if (sigaction(sig, NULL, &now) == 0 && now.sa_handler != SIG_DFL)
			say(now.sa_handler == SIG_IGN ? "ignored" : "handled", sig);
	}
	work(&now, 6);
	return 5;
}

static char *const inherits[] = { (char *)"safety", (char *)"tells_what_it_inherits", NULL };

static int exec_keeps_what_is_ignored(void)
{
	signal(SIGSEGV, jump_back);
	signal(SIGBUS, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, jump_back);
	fault_and_go_on();
	execv("/proc/self/exe", inherits);
	return 1;
}

static int children_of_vfork(void)
{
	struct sigaction now;
	pid_t child;

	signal(SIGSEGV, jump_back);
	fault_and_go_on();
	for (int i = 0; i < 4; i++) {
		child = vfork();
		if (!child) {
			signal(SIGSEGV, i % 2 ? SIG_IGN : SIG_DFL);
			signal(SIGBUS, SIG_IGN);
			work(&child, 6);
			execv("/proc/self/exe", inherits);
			_exit(96);
		}
		say_end(child);
		sigaction(SIGSEGV, NULL, &now);
		say("still", now.sa_handler == jump_back);
		sigaction(SIGBUS, NULL, &now);
		say("still", now.sa_handler == SIG_DFL);
		fault_and_go_on();
	}
	say("faults", count);
	return 0;
}

static int spawned_children(void)
{
	posix_spawnattr_t attributes;
	sigset_t set;
	pid_t child;

	signal(SIGSEGV, jump_back);
	signal(SIGUSR1, SIG_IGN);
	fault_and_go_on();
	for (int i = 0; i < 4; i++) {
		posix_spawnattr_init(&attributes);
		sigfillset(&set);
		posix_spawnattr_setsigdefault(&attributes, &set);
		if (i % 2)
			posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
		if (posix_spawn(&child, "/proc/self/exe", NULL, &attributes, inherits, environ))
			return 96;
		posix_spawnattr_destroy(&attributes);
		say_end(child);
		fault_and_go_on();
	}
	return 0;
}

static void *work_in_thread(void *blocks)
{
	sigset_t all;

	if (blocks) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, NULL);
	}
	return (void *)work(&all, 8);
}

static void on_signal(int sig)
{
	count++;
	work(&sig, 4);
}

/* Half of them inherit a mask that blocks everything, a quarter of the others set it. */
static int threads_with_masks(void)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	pthread_t threads[THREADS];
	sigset_t all;
	sigset_t before;
	long sum = 0;
	void *result;

	sigfillset(&act.sa_mask);
	sigaction(SIGUSR1, &act, NULL);
	sigfillset(&all);
	for (int i = 0; i < THREADS; i++) {
		pthread_sigmask(SIG_SETMASK, &all, &before);
		if (i % 2)
			pthread_sigmask(SIG_SETMASK, &before, NULL);
		if (pthread_create(&threads[i], NULL, work_in_thread, i % 4 ? NULL : &act))
			return 96;
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		raise(SIGUSR1);
		work(&sum, 5);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		sum += (long)result;
	}
	say("sum", sum);
	say("signals", count);
	return 0;
}

static int strict_seccomp(void)
{
	work(NULL, 10);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) < 0)
		return 96;
	say("work", work(&back, 10));
	syscall(SYS_exit, 7);
	return 0;
}

const struct program process_programs[] = {
	PROGRAM(children_of_fork),  PROGRAM(tells_what_it_inherits),
	PROGRAM(children_of_vfork), PROGRAM(exec_keeps_what_is_ignored),
	PROGRAM(spawned_children),  PROGRAM(threads_with_masks),
	PROGRAM(strict_seccomp),    { NULL, NULL },
};
