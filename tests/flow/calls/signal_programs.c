/* SPDX-License-Identifier: Apache-2.0 */
/* Faults and what comes of them: handlers, stacks, masks, death. */
#include "tests/flow/calls/program.h"

#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

enum {
	FAULTS = 50,
	THREADS = 4,
};

static sigjmp_buf back;
static volatile sig_atomic_t count;
static char *pages;

static void set_handler(int sig, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction act = { .sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO };

	if (sigaction(sig, &act, NULL) < 0)
		exit(96);
}

static long is_blocked(int sig)
{
	sigset_t set;

	sigprocmask(SIG_SETMASK, NULL, &set);
	return sigismember(&set, sig);
}

/* --- by default --------------------------------------------------------------------------------- */

static int null_pointer(void)
{
	touch(0x10);
	return 0;
}

static int not_mapped(void)
{
	touch(FIXED_PLACE);
	return 0;
}

static int not_writable(void)
{
	map_pages(1, PROT_READ);
	touch(FIXED_PLACE + 64);
	return 0;
}

static int not_canonical(void)
{
	touch(0x6b6b6b6b6b6b6b68);
	return 0;
}

static int call_of_null(void)
{
	void (*volatile function)(void) = (void (*)(void))0x30;

	work(NULL, 3);
	function();
	return 0;
}

static void map_short_file(void)
{
	char path[] = "/tmp/jem-safety-XXXXXX";
	int fd = mkstemp(path);

	unlink(path);
	if (fd < 0 || ftruncate(fd, 10) < 0 ||
	    mmap((void *)FIXED_PLACE, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		 0) == MAP_FAILED)
		exit(96);
	close(fd);
}

static int behind_a_file(void)
{
	map_short_file();
	touch(FIXED_PLACE + PAGE + 8);
	return 0;
}

static int sent_by_kill(void)
{
	work(NULL, 5);
	kill(getpid(), SIGSEGV);
	return 0;
}

static int sent_by_raise(void)
{
	work(NULL, 5);
	raise(SIGBUS);
	return 0;
}

static int sent_by_queue(void)
{
	work(NULL, 5);
	sigqueue(getpid(), SIGSEGV, (union sigval){ .sival_int = 42 });
	return 0;
}

static int division_by_zero(void)
{
	volatile int zero = 0;

	work(NULL, 5);
	return 1 / zero;
}

/* --- handled ------------------------------------------------------------------------------------ */

static void tell_and_exit(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *at = context;

	say("signal", sig);
	say("code", info->si_code);
	say("address", (long)info->si_addr);
	say("trap", (long)at->uc_mcontext.gregs[REG_TRAPNO]);
	say("error", (long)at->uc_mcontext.gregs[REG_ERR]);
	say("segv blocked there", sigismember(&at->uc_sigmask, SIGSEGV));
	say("segv blocked here", is_blocked(SIGSEGV));
	say("usr1 blocked here", is_blocked(SIGUSR1));
	say("work", work(info, 6));
	_exit(3);
}

static int handler_is_told(void)
{
	set_handler(SIGSEGV, tell_and_exit, 0);
	touch(FIXED_PLACE + 24);
	return 0;
}

static int handler_of_bus_is_told(void)
{
	set_handler(SIGBUS, tell_and_exit, 0);
	map_short_file();
	touch(FIXED_PLACE + PAGE + 8);
	return 0;
}

static void tell_sender(int sig, siginfo_t *info, void *context)
{
	say("signal", sig);
	say("code", info->si_code);
	say("value", info->si_code == SI_QUEUE ? info->si_value.sival_int : 0);
	say("from myself", info->si_pid == getpid());
	count++;
}

static int handler_of_what_is_sent(void)
{
	set_handler(SIGSEGV, tell_sender, 0);
	set_handler(SIGBUS, tell_sender, SA_RESTART);
	kill(getpid(), SIGSEGV);
	raise(SIGBUS);
	sigqueue(getpid(), SIGSEGV, (union sigval){ .sival_int = 42 });
	work(NULL, 8);
	return count;
}

static void jump_back(int sig, siginfo_t *info, void *context)
{
	work(info, 3);
	siglongjmp(back, sig);
}

static int handler_jumps(void)
{
	set_handler(SIGSEGV, jump_back, 0);
	for (volatile int i = 0; i < FAULTS; i++) {
		if (sigsetjmp(back, 1) == 0)
			touch(8 * (uintptr_t)i);
		else
			count++;
		work(NULL, 4);
	}
	say("faults", count);
	return 0;
}

/* The mask is not restored: at the second fault the signal is blocked, which is death. */
static int handler_jumps_with_its_mask(void)
{
	set_handler(SIGSEGV, jump_back, 0);
	if (sigsetjmp(back, 0)) {
		say("blocked", is_blocked(SIGSEGV));
		work(back, 8);
	}
	touch(0x18);
	return 0;
}

static void repair(int sig, siginfo_t *info, void *context)
{
	uintptr_t page = (uintptr_t)info->si_addr & -(uintptr_t)PAGE;

	work(info->si_addr, 3);
	mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE);
	count++;
}

static int handler_repairs(void)
{
	pages = map_pages(FAULTS, PROT_NONE);
	set_handler(SIGSEGV, repair, SA_RESTART);
	for (int i = 0; i < FAULTS; i++) {
		work(pages + i * PAGE, 4);
		touch((uintptr_t)pages + (uintptr_t)i * PAGE + 12);
	}
	say("repaired", count);
	return pages[12];
}

static int handler_is_for_once(void)
{
	set_handler(SIGSEGV, tell_sender, (int)SA_RESETHAND);
	touch(0x20); /* comes back to it, and dies of it */
	return 0;
}

static void fault_again(int sig, siginfo_t *info, void *context)
{
	say("depth", ++count);
	say("blocked", is_blocked(SIGSEGV));
	if (count < 4)
		touch(0x40);
	siglongjmp(back, 1);
}

static int handler_that_faults_itself(void)
{
	set_handler(SIGSEGV, fault_again, SA_NODEFER);
	if (!sigsetjmp(back, 1))
		touch(0x48);
	return count;
}

static int handler_that_must_not_fault(void)
{
	set_handler(SIGSEGV, fault_again, 0);
	if (!sigsetjmp(back, 1))
		touch(0x48);
	return count;
}

static void count_frames(int sig, siginfo_t *info, void *context)
{
	void *frames[64];

	say("frames", backtrace(frames, 64));
	_exit(0);
}

static int backtrace_in_a_handler(void)
{
	void *frames[4];

	backtrace(frames, 4); /* loads what it needs */
	set_handler(SIGSEGV, count_frames, 0);
	touch(0x50);
	return 0;
}

static int abort_in_a_handler(void)
{
	struct sigaction act = { .sa_handler = (void (*)(int))abort };

	sigaction(SIGSEGV, &act, NULL);
	touch(0x50);
	return 0;
}

/* --- stacks ------------------------------------------------------------------------------------- */

static char other_stack[1 << 16];

static volatile int is_endless = 1;

static int descend(int depth)
{
	volatile char room[1000];

	room[0] = (char)depth;
	return is_endless ? descend(depth + 1) + room[0] : 0;
}

static void tell_stack(int sig, siginfo_t *info, void *context)
{
	char *here = (char *)&here;
	stack_t stack;

	sigaltstack(NULL, &stack);
	say("on the other stack", here >= other_stack && here < other_stack + sizeof(other_stack));
	say("flags", stack.ss_flags);
	say("code", info->si_code);
	say("work", work(info, 6));
	_exit(4);
}

static void set_limits(void)
{
	struct rlimit limit = { 1 << 20, 1 << 20 };

	setrlimit(RLIMIT_STACK, &limit);
}

static void set_stack(void)
{
	stack_t stack = { .ss_sp = other_stack, .ss_size = sizeof(other_stack) };

	sigaltstack(&stack, NULL);
}

static int full_stack_with_another(void)
{
	set_limits();
	set_stack();
	set_handler(SIGSEGV, tell_stack, SA_ONSTACK);
	return descend(0);
}

static int full_stack_with_another_unused(void)
{
	set_limits();
	set_stack();
	return descend(0);
}

static int full_stack_of_a_handler(void)
{
	set_limits();
	set_handler(SIGSEGV, tell_stack, SA_ONSTACK);
	return descend(0);
}

static int full_stack(void)
{
	set_limits();
	return descend(0);
}

static void *fill_stack(void *unused)
{
	return (void *)(intptr_t)descend(0);
}

static int full_stack_of_a_thread(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 1 << 18);
	pthread_create(&thread, &attributes, fill_stack, NULL);
	pthread_join(thread, NULL);
	return 0;
}

static void say_stack(const char *text)
{
	stack_t now;

	say(text, sigaltstack(NULL, &now));
	say(" flags", now.ss_flags);
	say(" size", (long)now.ss_size);
	say(" mine", now.ss_sp == other_stack);
	say(" none", now.ss_sp == NULL);
}

static void say_stack_and_go_on(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *at = context;

	say_stack("in the handler");
	say("interrupted", at->uc_stack.ss_sp == other_stack);
	work(info, 3);
}

static int stacks_are_shown_as_set(void)
{
	stack_t none = { .ss_flags = SS_DISABLE };
	stack_t old;

	work(NULL, 8);
	say_stack("at first");
	set_handler(SIGUSR1, say_stack_and_go_on, SA_ONSTACK);
	raise(SIGUSR1);
	set_stack();
	say_stack("set");
	raise(SIGUSR1);
	work(NULL, 8);
	say("unset", sigaltstack(&none, &old));
	say("was mine", old.ss_sp == other_stack);
	work(NULL, 8);
	say_stack("in the end");
	return 0;
}

static int handler_on_its_stack(void)
{
	set_stack();
	set_handler(SIGSEGV, tell_stack, SA_ONSTACK);
	touch(0x58);
	return 0;
}

static int handler_not_on_its_stack(void)
{
	set_stack();
	set_handler(SIGSEGV, tell_stack, 0);
	touch(0x58);
	return 0;
}

/* --- threads ------------------------------------------------------------------------------------ */

static __thread sigjmp_buf thread_back;

static void jump_back_in_thread(int sig, siginfo_t *info, void *context)
{
	siglongjmp(thread_back, 1);
}

static void *fault_often(void *unused)
{
	volatile long faults = 0;

	for (volatile int i = 0; i < FAULTS; i++) {
		if (sigsetjmp(thread_back, 1) == 0)
			touch(0x60);
		else
			faults++;
		work(NULL, 5);
	}
	return (void *)(intptr_t)faults;
}

static int threads_that_fault(void)
{
	pthread_t threads[THREADS];
	void *faults;
	long sum = 0;

	set_handler(SIGSEGV, jump_back_in_thread, SA_NODEFER);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, fault_often, NULL);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &faults);
		sum += (long)(intptr_t)faults;
	}
	say("faults", sum);
	return 0;
}

static void *die_of_it(void *unused)
{
	touch(0x68);
	return NULL;
}

static int thread_that_dies(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, die_of_it, NULL);
	pthread_join(thread, NULL);
	return 0;
}

const struct program signal_programs[] = {
	PROGRAM(null_pointer),
	PROGRAM(not_mapped),
	PROGRAM(not_writable),
	PROGRAM(not_canonical),
	PROGRAM(call_of_null),
	PROGRAM(behind_a_file),
	PROGRAM(sent_by_kill),
	PROGRAM(sent_by_raise),
	PROGRAM(sent_by_queue),
	PROGRAM(division_by_zero),
	PROGRAM(handler_is_told),
	PROGRAM(handler_of_bus_is_told),
	PROGRAM(handler_of_what_is_sent),
	PROGRAM(handler_jumps),
	PROGRAM(handler_jumps_with_its_mask),
	PROGRAM(handler_repairs),
	PROGRAM(handler_is_for_once),
	PROGRAM(handler_that_faults_itself),
	PROGRAM(handler_that_must_not_fault),
	PROGRAM(backtrace_in_a_handler),
	PROGRAM(abort_in_a_handler),
	PROGRAM(full_stack_with_another),
	PROGRAM(full_stack_with_another_unused),
	PROGRAM(full_stack_of_a_handler),
	PROGRAM(full_stack),
	PROGRAM(full_stack_of_a_thread),
	PROGRAM(stacks_are_shown_as_set),
	PROGRAM(handler_on_its_stack),
	PROGRAM(handler_not_on_its_stack),
	PROGRAM(threads_that_fault),
	PROGRAM(thread_that_dies),
	{ NULL, NULL },
};
