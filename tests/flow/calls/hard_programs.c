/* SPDX-License-Identifier: Apache-2.0 */
/* What programs do to themselves: their text, descriptors, stacks, rights, and those that watch them. */
#include "tests/flow/calls/program.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define ELEMENTS(a) (sizeof(a) / sizeof(*(a)))

enum {
	THREADS = 400,
	KILLS = 20,
	STACK_BYTES = 8 * PAGE,
};

static volatile sig_atomic_t count;
static bool is_about_order;
static int thing; /* pointed to */

/* --- before main and after it ------------------------------------------------------------------- */

static void before_all(int argc, char **argv)
{
	is_about_order = argc > 1 && !strcmp(argv[1], "before_and_after_main");
	work(argv, 4);
	if (is_about_order)
		say("before constructors", argc);
}

__attribute__((section(".preinit_array"), used)) static void (*const first)(int,
									    char **) = before_all;

__attribute__((constructor(101))) static void construct(void)
{
	work(&thing, 4);
	if (is_about_order)
		say("constructor", 1);
}

__attribute__((destructor(101))) static void destruct(void)
{
	work(&thing, 4);
	if (is_about_order)
		say("destructor", 1);
}

static void at_exit(void)
{
	say("at exit", work(&thing, 4));
}

static int before_and_after_main(void)
{
	atexit(at_exit);
	say("main", work(&thing, 6));
	return 3;
}

/* --- signals at any time ------------------------------------------------------------------------ */

static void on_timer(int sig)
{
	count++;
	work(&sig, 3);
}

static int handlers_at_any_time(void)
{
	struct itimerval once = { .it_value = { 0, 0 } };
	int set = -1;
	long sum = 0;

	signal(SIGALRM, on_timer);
	while (count < 40) {
		if (set != count) {
			set = count;
			once.it_value.tv_usec = 50 + set * 7 % 300;
			setitimer(ITIMER_REAL, &once, NULL);
		}
		sum = work(&sum, 6);
	}
	say("sum", sum);
	return 0;
}

static int killed_at_any_time(void)
{
	int status;

	for (int i = 0; i < KILLS; i++) {
		pid_t child = fork();

		if (!child) {
			for (;;)
				work(&status, 12);
		}
		usleep((useconds_t)(i * 733 % 4000));
		kill(child, i % 4 ? SIGKILL : SIGTERM);
		waitpid(child, &status, 0);
		say("killed", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
	}
	return 0;
}

/* --- libraries and text ------------------------------------------------------------------------- */

static int instrumented_library_that_goes(void)
{
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 16);
	long sum = 0;

	if (len < 0)
		return 96;
	path[len] = '\0';
	strcpy(strrchr(path, '/'), "/plug.so");
	for (int i = 0; i < 40; i++) {
		void *plug = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		long (*call)(const char *, long) =
			plug ? (long (*)(const char *, long))dlsym(plug, "plugged") : NULL;

		if (!call)
			return 97;
		sum += call(path, i);
		if (dlclose(plug))
			return 98;
		sum += work(path, 3);
	}
	say("sum", sum);
	return 0;
}

__attribute__((section("gone_text"), noinline, aligned(4096))) static long in_gone_text(long n)
{
	return n > 0 ? n + in_gone_text(n - 1) : 0;
}

__attribute__((section("gone_text"), noinline, aligned(4096))) static long behind_gone_text(long n)
{
	return n;
}

static int text_that_goes(void)
{
	uintptr_t start = (uintptr_t)&in_gone_text;
	long sum = in_gone_text(20);

	munmap((void *)start, PAGE);
	sum += work((void *)start, 8) + behind_gone_text(1);
	say("sum", sum);
	/* And something else in its place. */
	if (mmap((void *)start, PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != (void *)start)
		return 96;
	memset((void *)start, 0xcc, PAGE);
	say("sum", work((void *)start, 8));
	return 0;
}

/* --- descriptors and the memory that is shared -------------------------------------------------- */

static int descriptors_closed(void)
{
	for (int fd = 3; fd < 4096; fd++)
		close(fd);
	say("work", work(&thing, 8));
	say("next", open("/dev/null", O_RDONLY | O_CLOEXEC));
	say("closed", syscall(SYS_close_range, 3, ~0u, 0));
	say("work", work(&thing, 8));
	return 0;
}

/* Everything that is mapped of a file that has no name, read and written over; their lengths too. */
static int memory_scribbled_over(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uint64_t junk = 88172645463325252ull;
	char line[512];

	work(&thing, 4);
	while (maps && fgets(line, sizeof(line), maps)) {
		unsigned long start, end;
		char rights[8];
		char path[64];

		if (sscanf(line, "%lx-%lx %7s", &start, &end, rights) != 3 ||
		    !strstr(line, "/memfd:"))
			continue;
		snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", start, end);
		if (truncate(path, 0) == 0)
			say("truncated", 1);
		for (unsigned long at = start; rights[1] == 'w' && at < end; at += 104) {
			junk ^= junk << 13;
			junk ^= junk >> 7;
			junk ^= junk << 17;
			*(uint64_t *)(uintptr_t)at = junk >> (at / 104 % 64);
			if (at / 104 % 64 == 0)
				work(&junk, 3);
		}
	}
	if (maps)
		fclose(maps);
	say("work", work(&thing, 8));
	return 0;
}

/* --- rights ------------------------------------------------------------------------------------- */

/* All but writing and the end kills. */
static struct sock_filter filter[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};
static struct sock_fprog filter_program = { ELEMENTS(filter), filter };

static int filter_by_prctl(void)
{
	say("before", work(&thing, 6));
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter_program, 0, 0))
		return 96;
	say("after", work(&thing, 10));
	_exit(5);
}

static int filter_by_seccomp(void)
{
	say("before", work(&thing, 6));
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter_program))
		return 96;
	say("after", work(&thing, 10));
	_exit(6);
}

/* A filter may come before the first call that is traced of a process. */
static int filter_before_fork(void)
{
	struct sock_filter allow_all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &allow_all };
	int status;
	pid_t child;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
		return 96;
	child = fork();
	if (!child) {
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter_program, 0, 0))
			_exit(95);
		say("child", work(&thing, 6));
		_exit(7);
	}
	waitpid(child, &status, 0);
	say("status", status);
	return 0;
}

static int counter_forbidden(void)
{
	say("before", work(&thing, 6));
	if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV))
		return 96;
	say("after", work(&thing, 10));
	return 0;
}

static void say_child(pid_t child)
{
	int status = -1;

	waitpid(child, &status, 0);
	say("child", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static int other_root(void)
{
	pid_t child = fork();

	if (!child) {
		if (syscall(SYS_unshare, CLONE_NEWUSER) && geteuid())
			_exit(1);
		if (chroot("/proc/self/fdinfo") || chdir("/"))
			_exit(2);
		say("work", work(&thing, 6));
		pid_t inner = fork();

		if (!inner)
			_exit((int)work(&thing, 6));
		say_child(inner);
		_exit(0);
	}
	say_child(child);
	return 0;
}

static int other_name_spaces(void)
{
	pid_t child = fork();

	if (!child) {
		if (syscall(SYS_unshare, CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET |
						 CLONE_NEWIPC))
			_exit(1);
		say("work", work(&thing, 6));
		pid_t inner = fork();

		if (!inner) {
			say("pid", getpid());
			_exit((int)work(&thing, 6));
		}
		say_child(inner);
		_exit(0);
	}
	say_child(child);
	return 0;
}

/* --- threads, processes, stacks ----------------------------------------------------------------- */

static void *short_life(void *argument)
{
	return (void *)(work(argument, 5) + 1);
}

static int threads_by_hundreds(void)
{
	pthread_attr_t detached;
	long sum = 0;

	pthread_attr_init(&detached);
	pthread_attr_setstacksize(&detached, 64 << 10);
	for (int i = 0; i < THREADS; i++) {
		pthread_t threads[3];
		void *result;

		for (size_t k = 0; k < ELEMENTS(threads); k++) {
			if (pthread_create(&threads[k], &detached, short_life, &sum))
				return 96;
		}
		for (size_t k = 0; k < ELEMENTS(threads); k++) {
			pthread_join(threads[k], &result);
			sum += (long)result;
		}
	}
	say("sum", sum);
	return 0;
}

static int in_clone(void *argument)
{
	return (int)work(argument, 6) & 0x7f;
}

/* Threads that libc knows nothing of, in the parent's memory. */
static int clones(void)
{
	char *stack = map_pages(16, PROT_READ | PROT_WRITE);

	for (int i = 0; i < 50; i++) {
		int status = 0;
		pid_t child = clone(in_clone, stack + 16 * PAGE, CLONE_VM | SIGCHLD, &thing);

		if (child < 0 || waitpid(child, &status, 0) != child)
			return 96;
		say("status", status);
	}
	return 0;
}

/* Each is executed by the one before: $JEM_TEST_CHAIN counts. */
static int chain_of_exec(void)
{
	const char *link = getenv("JEM_TEST_CHAIN");
	char *const words[] = { (char *)"safety", (char *)"chain_of_exec", NULL };
	char next[2] = { link ? (char)(link[0] + 1) : '1', '\0' };

	say("link", next[0] - '0');
	work(link, 6);
	if (next[0] == '9')
		return 7;
	setenv("JEM_TEST_CHAIN", next, 1);
	execv("/proc/self/exe", words);
	return 96;
}

static ucontext_t main_context, contexts[3];
static long context_sum;

static void in_context(int number)
{
	context_sum += work(&context_sum, 5);
	swapcontext(&contexts[number], &main_context);
	context_sum += work(&context_sum, 5);
	/* The last one never returns: its frames stay open, and its stack goes. */
	if (number == 2)
		setcontext(&main_context);
}

static int stacks_that_come_and_go(void)
{
	for (int round = 0; round < 20; round++) {
		char *stacks = map_pages(3 * STACK_BYTES / PAGE, PROT_READ | PROT_WRITE);

		for (int i = 0; i < 3; i++) {
			/* The lowest page of each is a guard. */
			mprotect(stacks + i * STACK_BYTES, PAGE, PROT_NONE);
			getcontext(&contexts[i]);
			contexts[i].uc_stack.ss_sp = stacks + i * STACK_BYTES + PAGE;
			contexts[i].uc_stack.ss_size = STACK_BYTES - PAGE;
			contexts[i].uc_link = &main_context;
			makecontext(&contexts[i], (void (*)(void))in_context, 1, i);
			swapcontext(&main_context, &contexts[i]);
		}
		for (int i = 0; i < 3; i++)
			swapcontext(&main_context, &contexts[i]);
		munmap(stacks, 3 * STACK_BYTES);
		context_sum += work(stacks, 6);
	}
	say("sum", context_sum);
	return 0;
}

const struct program hard_programs[] = {
	PROGRAM(before_and_after_main),
	PROGRAM(handlers_at_any_time),
	PROGRAM(killed_at_any_time),
	PROGRAM(instrumented_library_that_goes),
	PROGRAM(text_that_goes),
	PROGRAM(descriptors_closed),
	PROGRAM(memory_scribbled_over),
	PROGRAM(filter_by_prctl),
	PROGRAM(filter_by_seccomp),
	PROGRAM(filter_before_fork),
	PROGRAM(counter_forbidden),
	PROGRAM(other_root),
	PROGRAM(other_name_spaces),
	PROGRAM(threads_by_hundreds),
	PROGRAM(clones),
	PROGRAM(chain_of_exec),
	PROGRAM(stacks_that_come_and_go),
	{ NULL, NULL },
};
