/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traced: a program that is built with -finstrument-functions, for tests/unit/test_preload*.c.
 *
 *	traced CASE
 *
 * Every case calls its functions once, so that the test learns their sites, waits for the test, does what
 * it is about, waits again, and ends with 0 if it found everything as it would be untraced.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLAIN       __attribute__((no_instrument_function))
#define APART       __attribute__((noinline, noclone))
#define ELEMENTS(a) (sizeof(a) / sizeof(*(a)))

struct pair {
	long a, b;
};

struct big {
	long n[6];
};

long leaf(long n);
long middle(long n);
long outer(long n);
long deep(long n);
void jumper(long n);
void pass_on(long n);
long roomy(long n);
void on_signal(int sig);
long raiser(long n);
long holder(long n);
long third(long a, long b, long c, const char *text);
long calls_third(long n);
long has_inlined(long n);
double real(double x);
struct pair two(long n);
struct big six(long n);
long double wide(long double x);
int main(int argc, char **argv);

static jmp_buf target;
static volatile long sink;
static volatile int is_jumping;
static char *self_path;

APART long leaf(long n)
{
	sink += n;
	return n + 1;
}

APART long middle(long n)
{
	return leaf(n) + leaf(n + 1);
}

APART long outer(long n)
{
	long sum = 0;

	for (long i = 0; i < n; i++)
		sum += middle(i);
	return sum;
}

APART long deep(long n)
{
	return n ? deep(n - 1) + 1 : leaf(0);
}

APART void jumper(long n)
{
	leaf(n);
	if (n)
		longjmp(target, 1);
	sink++;
}

APART void pass_on(long n)
{
	jumper(n);
	sink++;
}

/* Its frame covers all that a jump may have left. */
APART long roomy(long n)
{
	volatile char room[16384];

	room[n] = (char)n;
	return room[n];
}

APART void on_signal(int sig)
{
	leaf(sig);
	sink++;
}

APART long raiser(long n)
{
	raise(SIGUSR1);
	return n + leaf(n);
}

#define INSIDE static inline __attribute__((always_inline))

INSIDE long inmost(long n)
{
	sink += n;
	if (n < 0)
		longjmp(target, 1);
	return n + 1;
}

INSIDE long inner(long n)
{
	return inmost(n) + inmost(n + 1);
}

/* All in one frame: what is left by a jump is found out by the same call coming again only. */
APART long holder(long n)
{
	volatile long sum = 0;

	for (volatile long i = 0; i < n; i++) {
		sum += inner(i);
		if (!setjmp(target))
			sum += inmost(is_jumping);
		sum += leaf(i);
	}
	return sum;
}

APART double real(double x)
{
	return x * 1.5;
}

APART struct pair two(long n)
{
	return (struct pair){ n, n + 1 };
}

APART struct big six(long n)
{
	return (struct big){ { n, n + 1, n + 2, n + 3, n + 4, n + 5 } };
}

APART long double wide(long double x)
{
	return x + 0.25L;
}

APART long third(long a, long b, long c, const char *text)
{
	return a + b + c + text[0];
}

APART long calls_third(long n)
{
	return third(n, n + 1, n + 2, "some text") + third(n, n, n, (const char *)&sink);
}

/* In the frame of its caller, at every level. */
static inline __attribute__((always_inline)) long within(long n)
{
	sink += n;
	return n * 2;
}

APART long has_inlined(long n)
{
	return within(n) + leaf(n);
}

static PLAIN void meet(void)
{
	char byte;

	if (write(4, "a", 1) == 1 && read(3, &byte, 1) != 1)
		_exit(99);
}

static PLAIN int count(void)
{
	outer(1);
	meet();
	/* Twice, for those who change their mind between. */
	for (int i = 0; i < 2; i++) {
		if (outer(100) != 10200)
			return 1;
		meet();
	}
	return 0;
}

static PLAIN int returns(void)
{
	for (int i = 0; i < 2; i++) {
		struct pair p = two(7);
		struct big b = six(1);

		errno = 33;
		if (real(2.0) != 3.0 || p.a != 7 || p.b != 8 || b.n[0] != 1 || b.n[5] != 6 ||
		    wide(1.0L) != 1.25L || errno != 33)
			return 1;
		meet();
	}
	return 0;
}

static PLAIN int recursion(void)
{
	deep(1);
	meet();
	if (deep(6000) != 6001)
		return 1;
	outer(10);
	meet();
	return 0;
}

static PLAIN int jumps(void)
{
	outer(1);
	pass_on(0);
	real(1);
	meet();
	for (volatile int i = 0; i < 10; i++) {
		if (!setjmp(target))
			pass_on(i + 1);
		real(i);
	}
	meet();
	return 0;
}

static PLAIN int jumps_before_a_big_frame(void)
{
	outer(1);
	pass_on(0);
	roomy(1);
	meet();
	for (volatile int i = 0; i < 10; i++) {
		if (!setjmp(target))
			pass_on(i + 1);
		sink += roomy(i);
	}
	meet();
	return 0;
}

static PLAIN int inlined(void)
{
	if (holder(1) != 5)
		return 1;
	for (; is_jumping > -2; is_jumping--) {
		meet();
		if (holder(10) != (is_jumping ? 175 : 185))
			return 1;
	}
	meet();
	return 0;
}

static PLAIN int signals(void)
{
	static char stack[1 << 16];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };

	sigaltstack(&alternate, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raiser(1);
	meet();
	for (int i = 0; i < 10; i++)
		raiser(i);
	meet();
	return 0;
}

static PLAIN void *thread(void *unused)
{
	outer(10);
	return unused;
}

static PLAIN int threads(void)
{
	outer(1);
	meet();
	for (int i = 0; i < 20; i++) {
		pthread_t id;

		pthread_create(&id, NULL, thread, NULL);
		pthread_join(id, NULL);
		meet();
	}
	return 0;
}

static PLAIN int values(void)
{
	sink = 0;
	for (int i = 0; i < 2; i++) {
		if (calls_third(100) != 100 + 101 + 102 + 's' + 300 || real(2.5) != 3.75)
			return 1;
		meet();
	}
	return 0;
}

static PLAIN int inlines(void)
{
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 10; k++) {
			if (has_inlined(k) != 3 * k + 1)
				return 1;
		}
		meet();
	}
	return 0;
}

static PLAIN int wait_for(pid_t pid)
{
	int status = 1;

	waitpid(pid, &status, 0);
	return status;
}

static PLAIN int forks(void)
{
	outer(1);
	meet();
	for (int i = 0; i < 2; i++) {
		/* The second one without libc's knowing of it. */
		pid_t pid = i ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : fork();

		if (!pid) {
			outer(7);
			_exit(0);
		}
		if (wait_for(pid))
			return 1;
		outer(3);
	}
	meet();
	return 0;
}

/* Parent and child each call before they have a plan, and with it. */
static PLAIN int value_forks(void)
{
	pid_t pid = 0;

	for (int i = 0; i < 4; i++) {
		if (i == 2) {
			pid = fork();
			if (pid)
				return wait_for(pid);
		}
		if (calls_third(100) != 603 + 's')
			return 1;
		meet();
	}
	return 0;
}

static PLAIN int vforks(void)
{
	outer(1);
	meet();
	for (int i = 0; i < 10; i++) {
		pid_t pid = vfork();

		if (!pid) {
			leaf(1);
			_exit(0);
		}
		if (wait_for(pid))
			return 1;
		outer(1);
	}
	meet();
	return 0;
}

static PLAIN int execs(void)
{
	outer(1);
	meet();
	execl(self_path, self_path, "count", NULL);
	return 1;
}

static PLAIN int closes(void)
{
	outer(1);
	meet();
	for (int fd = 5; fd < 4096; fd++)
		close(fd);
	if (outer(100) != 10200)
		return 1;
	/* What is opened now has the number that it would have untraced. */
	if (open("/dev/null", O_RDONLY) != 5)
		return 2;
	meet();
	return 0;
}

static PLAIN int runs(void)
{
	outer(1);
	meet();
	for (;;)
		outer(1000);
}

static PLAIN int strict(void)
{
	outer(1);
	meet();
	meet();
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		return 1;
	outer(1000);
	syscall(SYS_exit, 0);
	return 1;
}

/* The counter faults from then on, as it does under strict seccomp. */
static PLAIN int forbids_clock(void)
{
	outer(1);
	meet();
	if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV))
		return 1;
	if (outer(100) != 10200)
		return 2;
	/* Also for a child, which begins anew. */
	pid_t pid = fork();

	if (!pid) {
		outer(7);
		_exit(0);
	}
	if (wait_for(pid))
		return 3;
	meet();
	return 0;
}

static PLAIN int scribbles(void)
{
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "r");
	int found = 0;
	unsigned seed = 1;

	outer(1);
	meet();
	while (maps && fgets(line, sizeof(line), maps)) {
		unsigned long start, end;

		if (!strstr(line, "jem-rings") || sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		found++;
		for (unsigned long at = start; at < end; at += 64) {
			outer(1);
			*(uint64_t *)at = (uint64_t)rand_r(&seed) * rand_r(&seed);
		}
	}
	if (maps)
		fclose(maps);
	meet();
	return found == 1 && outer(100) == 10200 ? 0 : 1;
}

static PLAIN int plugs(void)
{
	char path[512];

	snprintf(path, sizeof(path), "%.*s/traced_plug.so",
		 (int)(strrchr(self_path, '/') - self_path), self_path);
	outer(1);
	meet();
	for (int i = 0; i < 20; i++) {
		void *plug = dlopen(path, RTLD_NOW);
		long (*call)(long) = plug ? (long (*)(long))dlsym(plug, "plugged") : NULL;

		if (!call || call(i) != i + 2 || dlclose(plug))
			return 1;
	}
	meet();
	return 0;
}

static PLAIN int many(void)
{
	outer(1);
	meet();
	outer(20000);
	meet();
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} cases[] = {
	{ "count", count },
	{ "returns", returns },
	{ "recursion", recursion },
	{ "jumps", jumps },
	{ "jumps_before_a_big_frame", jumps_before_a_big_frame },
	{ "inlined", inlined },
	{ "signals", signals },
	{ "threads", threads },
	{ "forks", forks },
	{ "vforks", vforks },
	{ "execs", execs },
	{ "closes", closes },
	{ "runs", runs },
	{ "strict", strict },
	{ "many", many },
	{ "plugs", plugs },
	{ "scribbles", scribbles },
	{ "forbids_clock", forbids_clock },
	{ "values", values },
	{ "inlines", inlines },
	{ "value_forks", value_forks },
};

PLAIN int main(int argc, char **argv)
{
	self_path = argv[0];
	for (size_t i = 0; argc > 1 && i < ELEMENTS(cases); i++) {
		if (!strcmp(cases[i].name, argv[1]))
			return cases[i].run();
	}
	return 98;
}
