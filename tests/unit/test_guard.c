/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"
#include "tracer/preload/guard.h"
#include "tracer/preload/guard_backend.h"
#include "tracer/preload/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	ROUNDS = 2000,
};

static const enum jem_ring_guard guards[] = { JEM_GUARD_READV, JEM_GUARD_FAULT, JEM_GUARD_VICTIM };
static uint64_t ticks = 1 << 30;
static char to[3 * PAGE];

/* A page is bad for a while: the next read is in another time. */
static size_t copy(const void *from, size_t len)
{
	ticks += 2 * JEM_GUARD_BAD_TICKS;
	memset(to, 0x5a, sizeof(to));
	return jem_guard_copy(to, (uintptr_t)from, len, ticks);
}

static size_t copy_string(const void *from, size_t len, bool *is_whole)
{
	ticks += 2 * JEM_GUARD_BAD_TICKS;
	memset(to, 0x5a, sizeof(to));
	return jem_guard_copy_string(to, (uintptr_t)from, len, ticks, is_whole);
}

static char *map(size_t pages)
{
	char *start = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	CHECK(start != MAP_FAILED);
	for (size_t i = 0; i < pages * PAGE; i++)
		start[i] = (char)('a' + i % 23);
	return start;
}

static void with_each_guard(void (*run)(void))
{
	for (size_t i = 0; i < sizeof(guards) / sizeof(*guards); i++) {
		printf("# guard %d\n", guards[i]);
		CHECK_EQ(jem_guard_start(guards[i]), guards[i]);
		run();
	}
}

static void read_good(void)
{
	char *pages = map(3);

	for (size_t len = 1; len < 300; len++) {
		CHECK_EQ(copy(pages + len, len), len);
		CHECK(!memcmp(to, pages + len, len) && to[len] == 0x5a);
	}
	CHECK_EQ(copy(pages + 100, 2 * PAGE), 2 * PAGE);
	CHECK(!memcmp(to, pages + 100, 2 * PAGE) && to[2 * PAGE] == 0x5a);
	CHECK_EQ(copy(pages, 3 * PAGE), JEM_GUARD_COPY_MAX);
	CHECK_EQ(copy(pages, SIZE_MAX), JEM_GUARD_COPY_MAX);
	CHECK_EQ(copy(pages, 0), 0);
	munmap(pages, 3 * PAGE);
}

CASE(copies_what_is_there)
{
	with_each_guard(read_good);
}

static void read_bad(void)
{
	static const uint64_t wild[] = {
		0,
		8,
		4095,
		1ull << 47,
		(1ull << 47) - 8,
		0x6b6b6b6b6b6b6b6b,
		0xdeadbeefdeadbeef,
		UINT64_MAX,
		UINT64_MAX - 4096,
		0x8000000000000000,
		0xffffffff80000000,
	};
	char *pages = map(4);

	for (size_t i = 0; i < sizeof(wild) / sizeof(*wild); i++) {
		for (size_t len = 1; len <= 64; len += 21)
			CHECK_EQ(copy((void *)(uintptr_t)wild[i], len), 0);
	}
	CHECK_OK(mprotect(pages + PAGE, PAGE, PROT_NONE));
	CHECK_OK(munmap(pages + 3 * PAGE, PAGE));
	CHECK_EQ(copy(pages + PAGE, 32), 0);
	CHECK_EQ(copy(pages + PAGE + 77, 1), 0);
	CHECK_EQ(copy(pages + 3 * PAGE, 32), 0);
	CHECK_EQ(copy(pages + PAGE - 5, 32), 5);
	CHECK(!memcmp(to, pages + PAGE - 5, 5) && to[5] == 0x5a);
	CHECK_EQ(copy(pages + 2 * PAGE, 2 * PAGE), PAGE);
	CHECK_EQ(copy(pages + PAGE - 5, 5), 5);
	munmap(pages, 3 * PAGE);
}

CASE(tells_what_is_not_there)
{
	with_each_guard(read_bad);
}

static void read_strings(void)
{
	char *pages = map(2);
	bool is_whole;

	strcpy(pages + 10, "hello");
	CHECK_EQ(copy_string(pages + 10, 100, &is_whole), 5);
	CHECK(is_whole);
	CHECK_EQ(copy_string(pages + 10, 6, &is_whole), 5);
	CHECK(is_whole);
	CHECK_EQ(copy_string(pages + 10, 5, &is_whole), 5);
	CHECK(!is_whole);
	CHECK_EQ(copy_string(pages + 10, 0, &is_whole), 0);
	CHECK(!is_whole);
	pages[PAGE + 700] = '\0';
	CHECK_EQ(copy_string(pages + PAGE - 50, 2000, &is_whole), 750);
	CHECK(is_whole && !memcmp(to, pages + PAGE - 50, 750));
	/* What is behind the NUL is another page, which is not there. */
	CHECK_OK(mprotect(pages + PAGE, PAGE, PROT_NONE));
	strcpy(pages + PAGE - 6, "hello");
	CHECK_EQ(copy_string(pages + PAGE - 6, 100, &is_whole), 5);
	CHECK(is_whole);
	pages[PAGE - 1] = 'o';
	CHECK_EQ(copy_string(pages + PAGE - 6, 100, &is_whole), 6);
	CHECK(!is_whole);
	CHECK_EQ(copy_string(pages + PAGE, 100, &is_whole), 0);
	CHECK(!is_whole);
	CHECK_EQ(copy_string(NULL, 100, &is_whole), 0);
	for (size_t at = 0; at < 70; at++) {
		memset(pages, 0xff, 100);
		pages[at] = '\0';
		CHECK_EQ(copy_string(pages, 90, &is_whole), at);
		CHECK(is_whole);
	}
	munmap(pages, 2 * PAGE);
}

CASE(copies_strings_up_to_the_end_of_a_page)
{
	with_each_guard(read_strings);
}

static void read_behind_a_file(void)
{
	char path[4096];
	char *pages;
	int fd;

	snprintf(path, sizeof(path), "%s/short", check_folder());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK_OK(fd);
	CHECK_OK(ftruncate(fd, PAGE));
	pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(pages != MAP_FAILED);
	memset(pages, 'f', PAGE);
	CHECK_EQ(copy(pages + PAGE - 16, 16), 16);
	CHECK_EQ(copy(pages + PAGE + 16, 16), 0); /* SIGBUS */
	CHECK_EQ(copy(pages + PAGE - 16, 32), 16);
	CHECK_OK(ftruncate(fd, 0));
	CHECK_EQ(copy(pages + 16, 16), 0);
	munmap(pages, 2 * PAGE);
	close(fd);
}

CASE(survives_files_that_end)
{
	with_each_guard(read_behind_a_file);
}

CASE(believes_a_page_bad_for_a_while)
{
	char *page = map(1);

	CHECK_EQ(jem_guard_start(JEM_GUARD_FAULT), JEM_GUARD_FAULT);
	CHECK_OK(mprotect(page, PAGE, PROT_NONE));
	CHECK_EQ(copy(page, 8), 0);
	CHECK_OK(mprotect(page, PAGE, PROT_READ));
	CHECK_EQ(jem_guard_copy(to, (uintptr_t)page, 8, ticks), 0);
	CHECK_EQ(jem_guard_copy(to, (uintptr_t)page, 8, ticks + JEM_GUARD_BAD_TICKS - 1), 0);
	CHECK_EQ(jem_guard_copy(to, (uintptr_t)page, 8, ticks + JEM_GUARD_BAD_TICKS), 8);
}

/* A page that comes and goes under the reader: it reads all or nothing. */
static char *flickering;
static uint32_t is_over;

static void *flicker(void *unused)
{
	while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
		mprotect(flickering, PAGE, PROT_NONE);
		mprotect(flickering, PAGE, PROT_READ);
		if (munmap(flickering, PAGE) < 0 ||
		    mmap(flickering, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			 0) != flickering)
			abort();
	}
	return NULL;
}

static void read_flickering(void)
{
	size_t got;
	pthread_t thread;

	is_over = 0;
	flickering = map(1);
	CHECK_EQ(pthread_create(&thread, NULL, flicker, NULL), 0);
	for (int i = 0; i < ROUNDS; i++) {
		got = copy(flickering + 8, 200);
		CHECK(got == 0 || got == 200);
	}
	__atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	munmap(flickering, PAGE);
}

CASE(survives_pages_that_another_thread_unmaps)
{
	with_each_guard(read_flickering);
}

/* The kernel kills a process that faults with the signal blocked: then nothing may fault. */
static void read_while_blocked(void)
{
	static const int blocked[] = { SIGSEGV, SIGBUS, SIGUSR1 };
	char *pages = map(2);
	sigset_t set;

	CHECK_OK(mprotect(pages, PAGE, PROT_NONE));
	for (size_t i = 0; i < 3; i++) {
		sigemptyset(&set);
		sigaddset(&set, blocked[i]);
		CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
		jem_signals_until = 0; /* as the interposer does */
		CHECK_EQ(copy(pages, 8), 0);
		CHECK_EQ(copy(pages + PAGE, 8), 8);
		CHECK_EQ(copy(pages + PAGE - 4, 8), 0);
		CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
	}
	munmap(pages, 2 * PAGE);
}

CASE(survives_with_the_signals_blocked)
{
	with_each_guard(read_while_blocked);
}

static volatile sig_atomic_t seen;

static void on_fault(int sig)
{
	seen = sig;
}

/* Behind our back, by the system call: noticed when the time of trust is over. */
static void read_with_another_handler(void)
{
	struct jem_signals_action ours;
	struct jem_signals_action theirs;
	char *pages = map(2);

	CHECK_OK(mprotect(pages, PAGE, PROT_NONE));
	CHECK_EQ(copy(pages, 8), 0);
	CHECK_OK(syscall(SYS_rt_sigaction, SIGSEGV, NULL, &ours, sizeof(ours.mask)));
	theirs = ours;
	theirs.handler = on_fault;
	CHECK_OK(syscall(SYS_rt_sigaction, SIGSEGV, &theirs, NULL, sizeof(ours.mask)));
	CHECK_EQ(copy(pages, 8), 0);
	CHECK_EQ(copy(pages + PAGE, 8), 8);
	CHECK_EQ(seen, 0);
	CHECK_OK(syscall(SYS_rt_sigaction, SIGSEGV, &ours, NULL, sizeof(ours.mask)));
	munmap(pages, 2 * PAGE);
}

CASE(survives_a_handler_that_replaced_ours)
{
	with_each_guard(read_with_another_handler);
}

static void read_in_a_child(void)
{
	char *pages = map(2);
	uint32_t forks = jem_signals_forks();
	int status;
	pid_t child;

	CHECK_OK(mprotect(pages, PAGE, PROT_NONE));
	fflush(stdout);
	child = fork();
	CHECK_OK(child);
	if (!child) {
		pages[PAGE] = 'c'; /* the child's own page, not its parent's */
		if (copy(pages, 8) || copy(pages + PAGE, 8) != 8 || to[0] != 'c')
			_exit(1);
		if (jem_signals_forks() != forks + 1 || jem_signals_forks() != forks + 1)
			_exit(2);
		jem_guard_start(JEM_GUARD_VICTIM);
		if (copy(pages, 8) || copy(pages + PAGE, 8) != 8 || to[0] != 'c')
			_exit(3);
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	CHECK_EQ(jem_signals_forks(), forks);
	munmap(pages, 2 * PAGE);
}

CASE(reads_a_child_of_fork)
{
	jem_guard_start(JEM_GUARD_FAULT); /* forks are counted from then on */
	with_each_guard(read_in_a_child);
}

static void *read_both(void *pages)
{
	char mine[64];
	uint64_t now = ticks; /* time goes on for each of them */

	for (int i = 0; i < ROUNDS / 10; i++) {
		now += 2 * JEM_GUARD_BAD_TICKS;
		if (jem_guard_copy(mine, (uintptr_t)pages, 64, now) != 0 ||
		    jem_guard_copy(mine, (uintptr_t)pages + PAGE, 64, now) != 64 ||
		    memcmp(mine, (char *)pages + PAGE, 64) != 0)
			return pages;
	}
	return NULL;
}

static void read_by_threads(void)
{
	pthread_t threads[4];
	char *pages = map(2);
	void *failed;

	CHECK_OK(mprotect(pages, PAGE, PROT_NONE));
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, read_both, pages), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &failed);
		CHECK(!failed);
	}
	ticks += 4ull * ROUNDS * JEM_GUARD_BAD_TICKS;
	munmap(pages, 2 * PAGE);
}

CASE(serves_many_threads)
{
	with_each_guard(read_by_threads);
}

CASE(starts_a_victim_anew_when_it_has_died)
{
	char *pages = map(2);
	uint32_t deaths;

	CHECK_EQ(jem_guard_start(JEM_GUARD_VICTIM), JEM_GUARD_VICTIM);
	CHECK_OK(mprotect(pages, PAGE, PROT_NONE));
	deaths = jem_guard_victim_deaths();
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(jem_guard_victim_copy(to, (uintptr_t)pages, 8), 0);
		CHECK_EQ(jem_guard_victim_copy(to, (uintptr_t)pages + PAGE, 8), 1);
	}
	CHECK_EQ(jem_guard_victim_deaths() - deaths, 20);
}

/* Nobody but the kernel says whether it is alive: a signal must find it where the handler looks. */
CASE(leaves_a_signal_that_is_sent_to_the_program)
{
	struct sigaction theirs = { .sa_handler = on_fault };
	struct sigaction shown;
	char *page = map(1);

	CHECK_OK(mprotect(page, PAGE, PROT_NONE));
	CHECK_OK(sigaction(SIGSEGV, &theirs, NULL));
	CHECK_EQ(jem_guard_start(JEM_GUARD_FAULT), JEM_GUARD_FAULT);
	CHECK_OK(sigaction(SIGSEGV, NULL, &shown));
	CHECK(shown.sa_handler != on_fault); /* nothing is interposed here */
	CHECK_OK(raise(SIGSEGV));
	CHECK_EQ(seen, SIGSEGV);
	CHECK_EQ(copy(page, 8), 0);
}

CASE(keeps_errno)
{
	char *pages = map(1);

	CHECK_OK(mprotect(pages, PAGE, PROT_NONE));
	for (size_t i = 0; i < sizeof(guards) / sizeof(*guards); i++) {
		jem_guard_start(guards[i]);
		errno = 4711;
		copy(pages, 8);
		copy(to, 8);
		CHECK_EQ(errno, 4711);
	}
}

/* The kernel's page for clocks is mapped as a device is: a reader by system call gets nothing there. */
CASE(survives_a_mapping_of_a_device)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start = 0;
	char line[512];

	CHECK(maps != NULL);
	while (!start && fgets(line, sizeof(line), maps)) {
		if (strstr(line, "[vvar]"))
			start = strtoul(line, NULL, 16);
	}
	fclose(maps);
	if (!start)
		check_skip("this kernel has no [vvar]");
	for (size_t i = 0; i < sizeof(guards) / sizeof(*guards); i++) {
		size_t got;

		jem_guard_start(guards[i]);
		got = copy((void *)start, 32);
		CHECK(got == 32 || (guards[i] == JEM_GUARD_READV && !got));
	}
}

TESTS(T(copies_what_is_there), T(tells_what_is_not_there),
      T(copies_strings_up_to_the_end_of_a_page), T(survives_files_that_end),
      T(believes_a_page_bad_for_a_while), T(survives_pages_that_another_thread_unmaps),
      T(survives_with_the_signals_blocked), T(survives_a_handler_that_replaced_ours),
      T(reads_a_child_of_fork), T(serves_many_threads), T(starts_a_victim_anew_when_it_has_died),
      T(leaves_a_signal_that_is_sent_to_the_program), T(keeps_errno),
      T(survives_a_mapping_of_a_device))
