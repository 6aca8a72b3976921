/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program: the corpus of small programs that must run with the tracer as they run without.
 *
 * One executable, built with -finstrument-functions, with a table per theme; `safety NAME` runs one,
 * `safety` lists them. What a program prints, how it ends, and what a core file would say of its end
 * are compared. So a program prints no address, pid or time, and what it faults on lies at a fixed address,
 * below 4 GiB.
 */
#ifndef JEM_TESTS_FLOW_CALLS_PROGRAM_H
#define JEM_TESTS_FLOW_CALLS_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

struct program {
	const char *name;
	int (*run)(void); /* its exit status */
};

#define PROGRAM(name)                                                                              \
	{                                                                                          \
#name, name                                                                        \
	}

#ifdef __cplusplus
extern "C" {
#endif

/* Each ends with an entry without a name. */
extern const struct program signal_programs[];
extern const struct program action_programs[];
extern const struct program process_programs[];
extern const struct program memory_programs[];
extern const struct program hard_programs[];
extern const struct program type_programs[];

enum {
	PAGE = 4096,
};

/* Where programs map what they fault on. */
#define FIXED_PLACE 0x66600000ul

/* Some calls of instrumented functions, with `pointer` among their arguments. The same every time. */
long work(const void *pointer, int depth);

/* Writes an int there, after some calls; no compiler knows of it. */
void touch(uintptr_t address);

/* The same pointer, of which no compiler knows where it comes from. */
static inline void *hidden(void *pointer)
{
	__asm__ volatile("" : "+r"(pointer));
	return pointer;
}

/* Pages at FIXED_PLACE. */
char *map_pages(size_t count, int protection);

/* One line on standard output, without stdio: also for handlers. */
void say(const char *text, long number);

#ifdef __cplusplus
}
#endif

#endif
