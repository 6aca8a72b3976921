/* SPDX-License-Identifier: Apache-2.0 */
/*
 * payload WHAT [ARG]...: jobs whose own time tells what watching them costs.
 *
 *   stall MIB MAPPINGS SECONDS   holds MIB of small pages in MAPPINGS mappings, and for each line of
 *                                standard input maps, touches and unmaps a little, again and again:
 *                                "p50 P99.9 max" in ms
 *   fork COUNT                   microseconds a fork and wait
 *   thread COUNT                 microseconds a thread
 *   events FORKS THREADS EVENTS  microseconds a fork, and a thread, under so many inherited perf
 *                                events: what task records cost on so many processors
 *   switch COUNT                 microseconds a round trip between two processes
 *   eight SECONDS                eight processes: two compute, two write, four hold memory and wait
 *   many COUNT SECONDS           COUNT processes that wait
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	SAMPLES_MAX = 1 << 24
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static char *map(size_t bytes)
{
	char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return memory;
}

static void rest(double seconds)
{
	struct timespec t = { .tv_sec = (time_t)seconds,
			      .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9) };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		continue;
}

static int by_value(const void *a, const void *b)
{
	const float *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Times of mapping, touching and unmapping a page, in ms. */
static size_t take_samples(float *samples, size_t room, double end)
{
	size_t count = 0;

	while (count < room) {
		double start = now();
		char *memory = map(4096);

		memory[0] = 1;
		munmap(memory, 4096);
		samples[count++] = (float)((now() - start) * 1e3);
		if (start > end)
			break;
	}
	return count;
}

static void tell_waits(size_t mib, double seconds, float *samples)
{
	size_t count = 0;
	double end = now() + seconds;

	for (int half = 0; now() < end && count < SAMPLES_MAX; half++) {
		/* A fiftieth comes and goes each half second, so that reading it again is worth it. */
		size_t extra = half % 2 ? (mib << 20) / 50 : 4096;
		char *changing = map(extra);

		madvise(changing, extra, MADV_NOHUGEPAGE);
		memset(changing, 1, extra);
		count += take_samples(samples + count, SAMPLES_MAX - count, now() + 0.5);
		munmap(changing, extra);
	}
	qsort(samples, count, sizeof(*samples), by_value);
	printf("%.4f %.4f %.4f\n", samples[count / 2], samples[count * 999 / 1000],
	       samples[count - 1]);
	fflush(stdout);
}

/* The memory is touched once: on a busy machine that takes longer than what is measured. */
static void stall(size_t mib, size_t mappings, double seconds)
{
	size_t piece = (mib << 20) / mappings;
	float *samples = malloc(SAMPLES_MAX * sizeof(*samples));
	int c;

	for (size_t i = 0; i < mappings; i++) {
		char *memory = map(piece + 4096);

		madvise(memory, piece, MADV_NOHUGEPAGE);
		memset(memory, 1, piece);
		mprotect(memory + piece, 4096, PROT_NONE); /* neighbours would become one */
	}
	while ((c = getchar()) != EOF)
		if (c == '\n')
			tell_waits(mib, seconds, samples);
}

static void forks(long count)
{
	double start = now();

	for (long i = 0; i < count; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	printf("%.2f\n", (now() - start) / (double)count * 1e6);
}

/* As on a machine with `count` processors, of which each has an event that every child inherits. */
static void open_events(long count)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.inherit = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	for (long i = 0; i < count; i++) {
		if (syscall(SYS_perf_event_open, &attr, 0, (int)(i % processors), -1, 0) < 0) {
			perror("perf_event_open");
			exit(1);
		}
	}
}

static void *nothing(void *arg)
{
	return arg;
}

static void threads(long count)
{
	double start = now();

	for (long i = 0; i < count; i++) {
		pthread_t thread;

		pthread_create(&thread, NULL, nothing, NULL);
		pthread_join(thread, NULL);
	}
	printf("%.2f\n", (now() - start) / (double)count * 1e6);
}

static void switches(long count)
{
	int there[2], back[2];
	double start;
	char byte = 'x';

	if (pipe(there) < 0 || pipe(back) < 0)
		exit(1);
	if (!fork()) {
		close(there[1]);
		while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
			continue;
		_exit(0);
	}
	start = now();
	for (long i = 0; i < count; i++)
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			exit(1);
	printf("%.2f\n", (now() - start) / (double)count * 1e6);
	close(there[1]);
	wait(NULL);
}

static _Noreturn void one_of_eight(int i, double end)
{
	static char block[1 << 20];
	char *memory = map(20 << 20);
	int fd = open("/dev/null", O_WRONLY);
	volatile unsigned work = 0;

	memset(memory, 1, 20 << 20);
	while (now() < end) {
		if (i < 2) {
			for (int n = 0; n < 1000000; n++)
				work += (unsigned)n;
		} else if (i < 4) {
			if (write(fd, block, sizeof(block)) < 0)
				_exit(1);
			rest(0.02);
		} else {
			rest(0.5);
		}
	}
	_exit(0);
}

static void eight(double seconds)
{
	double end = now() + seconds;

	for (int i = 0; i < 8; i++)
		if (!fork())
			one_of_eight(i, end);
	while (wait(NULL) > 0)
		continue;
}

static void many(long count, double seconds)
{
	for (long i = 0; i < count; i++) {
		if (!fork()) {
			rest(seconds);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		continue;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "stall") && argc == 5)
		stall(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10), atof(argv[4]));
	else if (!strcmp(what, "fork") && argc == 3)
		forks(atol(argv[2]));
	else if (!strcmp(what, "thread") && argc == 3)
		threads(atol(argv[2]));
	else if (!strcmp(what, "events") && argc == 5) {
		open_events(atol(argv[4]));
		forks(atol(argv[2]));
		threads(atol(argv[3]));
	} else if (!strcmp(what, "switch") && argc == 3)
		switches(atol(argv[2]));
	else if (!strcmp(what, "eight") && argc == 3)
		eight(atof(argv[2]));
	else if (!strcmp(what, "many") && argc == 4)
		many(atol(argv[2]), atof(argv[3]));
	else
		return 2;
	return 0;
}
