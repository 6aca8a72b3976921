/* SPDX-License-Identifier: Apache-2.0 */
/* Pointers to all sorts of memory that is there, is not, was, or ends. They are passed, never followed. */
#include "tests/flow/calls/program.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	ROUNDS = 100,
};

static int wild_pointers(void)
{
	static const uintptr_t wild[] = {
		0,
		1,
		8,
		4095,
		4096,
		0x1000000,
		FIXED_PLACE,
		1ul << 47,
		(1ul << 47) - 1,
		~0ul,
		~0ul - 4095,
		1ul << 63,
		0x6b6b6b6b6b6b6b6b,
		0xdeadbeefdeadbeef,
		0xffffffffff600000,
	};
	long sum = 0;

	for (int i = 0; i < ROUNDS; i++)
		sum += work((const void *)wild[(size_t)i % (sizeof(wild) / sizeof(*wild))], 4);
	say("sum", sum);
	return 0;
}

static int freed_pointers(void)
{
	long sum = 0;

	for (int i = 0; i < ROUNDS; i++) {
		char *small = malloc(40);
		char *large = malloc(1 << 20); /* unmapped when it is freed */
		char *gone_small = hidden(small);
		char *gone_large = hidden(large);

		strcpy(small, "small");
		strcpy(large, "large");
		sum += work(small, 3) + work(large, 3);
		free(small);
		free(large);
		sum += work(gone_small, 3) + work(gone_large, 3);
	}
	say("sum", sum);
	return 0;
}

static int guard_pages(void)
{
	char *pages = map_pages(5, PROT_READ | PROT_WRITE);
	long sum = 0;

	memset(pages, 'x', 5 * PAGE);
	mprotect(pages + PAGE, PAGE, PROT_NONE);
	munmap(pages + 3 * PAGE, PAGE);
	for (int i = 0; i < ROUNDS; i++) {
		for (int at = 0; at < 5; at++)
			sum += work(pages + at * PAGE + PAGE - 1 - i, 2);
	}
	say("sum", sum);
	return 0;
}

static int file_that_shrinks(void)
{
	char path[] = "/tmp/jem-safety-XXXXXX";
	int fd = mkstemp(path);
	char *pages;
	long sum = 0;

	unlink(path);
	if (fd < 0 || ftruncate(fd, 4 * PAGE) < 0)
		return 96;
	pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (int i = 0; i < ROUNDS; i++) {
		if (ftruncate(fd, (i * 7 % 5) * PAGE - (i % 5 > 0 && i * 7 % 5 ? 100 : 0)) < 0)
			return 96;
		for (int at = 0; at < 4; at++)
			sum += work(pages + at * PAGE + 4000, 2);
	}
	say("sum", sum);
	return 0;
}

static uint32_t is_over;

static void *come_and_go(void *where)
{
	while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
		mmap(where, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		work(where, 2);
		mprotect(where, PAGE, PROT_NONE);
		munmap(where, 4 * PAGE);
	}
	return NULL;
}

static int pages_that_come_and_go(void)
{
	char *where = (char *)FIXED_PLACE;
	pthread_t thread;
	long sum = 0;

	pthread_create(&thread, NULL, come_and_go, where);
	for (int i = 0; i < ROUNDS; i++)
		sum += work(where + i % 4 * PAGE + i % PAGE, 3);
	__atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	say("sum", sum);
	return 0;
}

struct ring {
	struct ring *next;
	void **all;
	char text[16];
};

static int structures_without_end(void)
{
	static struct ring rings[3];
	static void *itself = &itself;
	long sum = 0;

	for (int i = 0; i < 3; i++) {
		rings[i].next = &rings[(i + 1) % 3];
		rings[i].all = (void **)&rings[i].all;
		memset(rings[i].text, 'r', sizeof(rings[i].text));
	}
	for (int i = 0; i < ROUNDS; i++)
		sum += work(&rings[i % 3], 4) + work(itself, 3);
	say("sum", sum);
	return 0;
}

/* Reserved, hardly any of it there: nobody may touch it all. */
static int enormous_mapping(void)
{
	size_t size = 1ul << 40;
	char *start = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	long sum = 0;

	if (start == MAP_FAILED) /* a limit on address space */
		start = (char *)FIXED_PLACE;
	for (int i = 0; i < ROUNDS; i++)
		sum += work(start + (size_t)i * (size / ROUNDS), 3);
	say("sum", sum);
	return 0;
}

static int mappings_of_devices(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	long sum = 0;

	while (maps && fgets(line, sizeof(line), maps)) {
		if (strstr(line, "[v"))
			sum += work((const void *)strtoul(line, NULL, 16), 4) > 0;
	}
	if (maps)
		fclose(maps);
	say("some", sum > 0);
	return 0;
}

static long work_on_stack(const char *below, int depth)
{
	char room[500];

	memset(room, depth, sizeof(room));
	return depth ? work_on_stack(below - PAGE, depth - 1) + work(below, 2) : room[7];
}

static int below_the_stack(void)
{
	char here;
	uintptr_t below = (uintptr_t)&here - (8 << 20);

	say("work", work_on_stack((const char *)below, 200));
	return 0;
}

static int text_that_is_not_readable(void)
{
	static const unsigned char code[] = { 0xb8, 0x2a, 0, 0, 0, 0xc3 };
	char *page = map_pages(1, PROT_READ | PROT_WRITE);
	int (*function)(void);
	long sum = 0;

	memcpy(page, code, sizeof(code));
	mprotect(page, PAGE, PROT_EXEC);
	function = (int (*)(void))(uintptr_t)page;
	for (int i = 0; i < ROUNDS; i++)
		sum += work(page, 3) + function();
	munmap(page, PAGE);
	say("sum", sum + work(page, 3));
	return 0;
}

static int library_that_goes(void)
{
	void *handle;
	void *symbol;
	long sum = 0;

	for (int i = 0; i < 20; i++) {
		handle = dlopen("libresolv.so.2", RTLD_NOW | RTLD_LOCAL);
		if (!handle)
			return 96;
		symbol = dlsym(handle, "ns_name_ntop");
		sum += work(symbol, 4);
		dlclose(handle);
		sum += work(symbol, 4);
	}
	say("sum", sum);
	return 0;
}

const struct program memory_programs[] = {
	PROGRAM(wild_pointers),
	PROGRAM(freed_pointers),
	PROGRAM(guard_pages),
	PROGRAM(file_that_shrinks),
	PROGRAM(pages_that_come_and_go),
	PROGRAM(structures_without_end),
	PROGRAM(enormous_mapping),
	PROGRAM(mappings_of_devices),
	PROGRAM(below_the_stack),
	PROGRAM(text_that_is_not_readable),
	PROGRAM(library_that_goes),
	{ NULL, NULL },
};
