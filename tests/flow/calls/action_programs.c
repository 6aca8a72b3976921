/* SPDX-License-Identifier: Apache-2.0 */
/* What a program sets and sees of actions and masks, by every function that libc has for it. */
#include "tests/flow/calls/program.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* old programs call them */

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static volatile sig_atomic_t count;
static sigjmp_buf back;

static void on_signal(int sig)
{
	count++;
	work(&sig, 3);
}

static void on_info(int sig, siginfo_t *info, void *context)
{
	count++;
	work(info, 3);
}

static void jump_back(int sig)
{
	siglongjmp(back, 1);
}

static void say_action(const struct sigaction *act)
{
	say(" handler", act->sa_handler == SIG_DFL     ? 0
			: act->sa_handler == SIG_IGN   ? 1
			: act->sa_handler == on_signal ? 2
			: act->sa_sigaction == on_info ? 3
			: act->sa_handler == jump_back ? 4
						       : 5);
	say(" flags", act->sa_flags);
	for (int sig = 1; sig < 65; sig++) {
		if (sigismember(&act->sa_mask, sig) == 1)
			say(" mask", sig);
	}
}

static void say_now(const char *text, int sig)
{
	struct sigaction now;

	memset(&now, 0x5a, sizeof(now));
	say(text, sigaction(sig, NULL, &now));
	say_action(&now);
}

static void say_mask(const char *text)
{
	sigset_t set;

	say(text, sigprocmask(SIG_BLOCK, NULL, &set));
	for (int sig = 1; sig < 65; sig++) {
		if (sigismember(&set, sig) == 1)
			say(" blocked", sig);
	}
}

static int all_actions_at_first(void)
{
	for (int sig = 1; sig < 65; sig++) {
		struct sigaction now = { .sa_flags = 0 };

		if (sigaction(sig, NULL, &now) == 0)
			say_action(&now);
		work(NULL, 2);
	}
	return 0;
}

static int actions_are_shown_as_set(void)
{
	static const int flags[] = { 0, SA_RESTART, SA_ONSTACK | SA_NODEFER, (int)SA_RESETHAND,
				     SA_NOCLDSTOP | SA_NODEFER | (int)SA_RESETHAND };
	static const int signals[] = { SIGSEGV, SIGBUS, SIGUSR1 };

	for (size_t i = 0; i < 3; i++) {
		for (size_t f = 0; f < 5; f++) {
			struct sigaction act = { .sa_handler = on_signal, .sa_flags = flags[f] };
			struct sigaction old;

			sigaddset(&act.sa_mask, f % 2 ? SIGSEGV : SIGHUP);
			say("set", sigaction(signals[i], &act, &old));
			say_action(&old);
			say_now("shown", signals[i]);
			act.sa_sigaction = on_info;
			act.sa_flags |= SA_SIGINFO;
			say("set",
			    sigaction(signals[i], &act, hidden(&act))); /* both in one place */
			say_action(&act);
			act.sa_handler = f % 2 ? SIG_DFL : SIG_IGN;
			act.sa_flags &= ~SA_SIGINFO;
			say("set", sigaction(signals[i], &act, &old));
			say_action(&old);
			say_now("shown", signals[i]);
		}
	}
	return 0;
}

static int wrong_arguments(void)
{
	static const int signals[] = { -1, 0, SIGKILL, SIGSTOP, 32, 33, 65, 1000 };
	struct sigaction act = { .sa_handler = on_signal };

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		errno = 0;
		say("action", sigaction(signals[i], &act, NULL));
		say("errno", errno);
		errno = 0;
		say("asked", sigaction(signals[i], NULL, &act));
		say("errno", errno);
		errno = 0;
		say("signal", signal(signals[i], on_signal) == SIG_ERR);
		say("errno", errno);
		act.sa_handler = on_signal;
	}
	errno = 0;
	say("raw", syscall(SYS_rt_sigaction, SIGSEGV, (void *)8, NULL, 8));
	say("errno", errno);
	say("raw", syscall(SYS_rt_sigaction, SIGSEGV, NULL, (void *)8, 8));
	say("raw size", syscall(SYS_rt_sigaction, SIGSEGV, NULL, NULL, 4));
	say("mask", sigprocmask(99, &act.sa_mask, NULL));
	say("errno", errno);
	return 0;
}

static int signal_of_bsd(void)
{
	say("first", signal(SIGSEGV, on_signal) == SIG_DFL);
	say_now("now", SIGSEGV);
	raise(SIGSEGV);
	raise(SIGSEGV);
	say("again", signal(SIGSEGV, SIG_IGN) == on_signal);
	raise(SIGSEGV);
	siginterrupt(SIGSEGV, 1);
	say("from ignored", signal(SIGSEGV, on_signal) == SIG_IGN);
	say_now("now", SIGSEGV);
	siginterrupt(SIGSEGV, 0);
	say_now("now", SIGSEGV);
	say("default", ssignal(SIGSEGV, SIG_DFL) == on_signal);
	say("count", count);
	raise(SIGSEGV);
	return 0;
}

sighandler_t bsd_signal(int sig, sighandler_t handler);

static int signal_of_system_v(void)
{
	say("first", sysv_signal(SIGSEGV, on_signal) == SIG_DFL);
	say_now("now", SIGSEGV);
	raise(SIGSEGV);
	say_now("now", SIGSEGV);
	say("again", sysv_signal(SIGSEGV, on_signal) == SIG_DFL);
	say("bsd", bsd_signal(SIGBUS, on_signal) == SIG_DFL);
	raise(SIGBUS);
	say("count", count);
	raise(SIGSEGV);
	raise(SIGSEGV);
	return 0;
}

static int set_and_hold(void)
{
	say("set", sigset(SIGSEGV, on_signal) == SIG_DFL);
	say_now("now", SIGSEGV);
	say("hold", sighold(SIGSEGV));
	raise(SIGSEGV);
	work(NULL, 8);
	say("count", count);
	say("set", sigset(SIGSEGV, on_signal) == SIG_HOLD);
	say("count", count);
	say("hold", sigset(SIGSEGV, SIG_HOLD) == on_signal);
	raise(SIGSEGV);
	say("count", count);
	say("release", sigrelse(SIGSEGV));
	say("count", count);
	say("ignore", sigignore(SIGSEGV));
	raise(SIGSEGV);
	say_now("now", SIGSEGV);
	say_mask("mask");
	return count;
}

static int raw_actions(void)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} act, old;
	struct sigaction libc;

	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	say("raw", syscall(SYS_rt_sigaction, SIGUSR1, NULL, &act, 8L));
	act.handler = jump_back;
	act.mask = 0;
	act.flags |= SA_NODEFER;
	say("raw", syscall(SYS_rt_sigaction, SIGSEGV, &act, &old, 8L));
	say("was default", old.handler == (void (*)(int))SIG_DFL);
	say("shown", syscall(SYS_rt_sigaction, SIGSEGV, NULL, &old, 8L));
	say("same", old.handler == jump_back && old.flags == act.flags && old.mask == 0 &&
			    old.restorer == act.restorer);
	sigaction(SIGSEGV, NULL, &libc);
	say("same", libc.sa_handler == jump_back);
	for (volatile int i = 0; i < 20; i++) {
		if (!sigsetjmp(back, 0))
			touch(0x18);
		work(NULL, 5);
	}
	return 0;
}

/* --- masks -------------------------------------------------------------------------------------- */

static int blocked_and_pending(void)
{
	sigset_t all;
	sigset_t pending;

	signal(SIGSEGV, on_signal);
	signal(SIGBUS, on_signal);
	sigfillset(&all);
	say("block", sigprocmask(SIG_SETMASK, &all, NULL));
	work(&all, 10);
	raise(SIGSEGV);
	kill(getpid(), SIGBUS);
	work(&all, 10);
	sigpending(&pending);
	say("pending", sigismember(&pending, SIGSEGV) + 2 * sigismember(&pending, SIGBUS));
	say("count", count);
	say_mask("mask");
	sigemptyset(&all);
	say("unblock", sigprocmask(SIG_SETMASK, &all, NULL));
	say("count", count);
	work(&all, 10);
	return 0;
}

static int blocked_and_faulting(void)
{
	sigset_t set;

	signal(SIGSEGV, on_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	sigblock(1 << (SIGBUS - 1));
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	work(&set, 10);
	touch(0x18);
	return 0;
}

static int ignored_and_faulting(void)
{
	signal(SIGSEGV, SIG_IGN);
	work(NULL, 8);
	raise(SIGSEGV);
	say_now("now", SIGSEGV);
	touch(0x18);
	return 0;
}

static void tell_mask(int sig)
{
	say_mask("in the handler");
	say("work", work(&sig, 12));
	count++;
}

static int handler_blocks_everything(void)
{
	struct sigaction act = { .sa_handler = tell_mask };

	sigfillset(&act.sa_mask);
	sigaction(SIGUSR1, &act, NULL);
	for (int i = 0; i < 3; i++) {
		raise(SIGUSR1);
		work(&act, 8);
	}
	say_now("now", SIGUSR1);
	say_mask("after");
	return count;
}

static void jump_out(int sig)
{
	work(&sig, 8);
	siglongjmp(back, 1);
}

static int handler_blocks_and_jumps(void)
{
	struct sigaction act = { .sa_handler = jump_out };

	sigfillset(&act.sa_mask);
	sigaction(SIGUSR1, &act, NULL);
	for (volatile int i = 0; i < 20; i++) {
		if (!sigsetjmp(back, i % 2))
			raise(SIGUSR1);
		work(&act, 8);
		if (i % 2 == 0) {
			say_mask("left blocked");
			sigprocmask(SIG_SETMASK, &(sigset_t){ { 0 } }, NULL);
		}
	}
	say_mask("after");
	return 0;
}

static int waits_with_a_mask(void)
{
	struct timespec none = { 0, 0 };
	struct pollfd nothing = { .fd = -1 };
	sigset_t all;
	sigset_t empty;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event;

	sigfillset(&all);
	sigemptyset(&empty);
	signal(SIGUSR1, tell_mask);
	sigprocmask(SIG_SETMASK, &all, NULL);
	raise(SIGUSR1);
	errno = 0;
	say("suspend", sigsuspend(&empty));
	say("errno", errno);
	work(&all, 10);
	raise(SIGUSR1);
	say("ppoll", ppoll(&nothing, 1, &none, &empty));
	work(&all, 10);
	raise(SIGUSR1);
	say("pselect", pselect(0, NULL, NULL, NULL, &none, &empty));
	work(&all, 10);
	raise(SIGUSR1);
	say("epoll", epoll_pwait(epoll, &event, 1, 0, &empty));
	work(&all, 10);
	raise(SIGUSR1);
	say("pause", sigpause(SIGUSR1));
	work(&all, 10);
	say_mask("after");
	return count;
}

static int waits_for_a_fault(void)
{
	sigset_t set;
	siginfo_t info;

	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGSEGV);
	say("got", sigwaitinfo(&set, &info));
	say("code", info.si_code);
	work(&info, 10);
	return 0;
}

static ucontext_t contexts[2];
static char context_stack[1 << 16];

static void run_context(void)
{
	for (int i = 0; i < 5; i++) {
		say_mask("in the context");
		work(&i, 8);
		swapcontext(&contexts[1], &contexts[0]);
	}
}

/* A context with a mask of its own: every switch changes it. */
static int contexts_with_masks(void)
{
	getcontext(&contexts[1]);
	contexts[1].uc_stack.ss_sp = context_stack;
	contexts[1].uc_stack.ss_size = sizeof(context_stack);
	contexts[1].uc_link = &contexts[0];
	sigfillset(&contexts[1].uc_sigmask);
	makecontext(&contexts[1], run_context, 0);
	for (int i = 0; i < 5; i++) {
		swapcontext(&contexts[0], &contexts[1]);
		work(&i, 8);
		say_mask("outside");
	}
	return 0;
}

const struct program action_programs[] = {
	PROGRAM(all_actions_at_first),
	PROGRAM(actions_are_shown_as_set),
	PROGRAM(wrong_arguments),
	PROGRAM(signal_of_bsd),
	PROGRAM(signal_of_system_v),
	PROGRAM(set_and_hold),
	PROGRAM(raw_actions),
	PROGRAM(blocked_and_pending),
	PROGRAM(blocked_and_faulting),
	PROGRAM(ignored_and_faulting),
	PROGRAM(handler_blocks_everything),
	PROGRAM(handler_blocks_and_jumps),
	PROGRAM(waits_with_a_mask),
	PROGRAM(waits_for_a_fault),
	PROGRAM(contexts_with_masks),
	{ NULL, NULL },
};
