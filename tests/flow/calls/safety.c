/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/flow/calls/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct program *const tables[] = { signal_programs, action_programs, process_programs,
						memory_programs, hard_programs,   type_programs };

long work(const void *pointer, int depth)
{
	const void *volatile kept = pointer;

	return depth <= 0 ? (kept ? 1 : 0) : work(kept, depth - 1) + work(NULL, depth - 2);
}

__attribute__((noinline)) void touch(uintptr_t address)
{
	__asm__ volatile("" : "+r"(address));
	work((void *)address, 2);
	*(volatile int *)address = 1;
}

char *map_pages(size_t count, int protection)
{
	void *place = (void *)FIXED_PLACE;
	char *start = mmap(place, count * PAGE, protection,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (start != place) {
		fprintf(stderr, "safety: the fixed place is taken\n");
		exit(99);
	}
	return start;
}

void say(const char *text, long number)
{
	char line[128];
	int len = snprintf(line, sizeof(line), "%s %ld\n", text, number);

	if (write(STDOUT_FILENO, line, (size_t)len) != len)
		_exit(98);
}

int main(int argc, char **argv)
{
	for (size_t t = 0; t < sizeof(tables) / sizeof(*tables); t++) {
		for (const struct program *p = tables[t]; p->name; p++) {
			if (argc < 2)
				puts(p->name);
			else if (!strcmp(p->name, argv[1]))
				return p->run();
		}
	}
	return argc < 2 ? EXIT_SUCCESS : 97;
}
