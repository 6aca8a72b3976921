/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guards: what a guarded read costs by each back end, beside memcpy, and what a plan costs.
 *
 *	guards
 *
 * Each row is the least of ROUNDS rounds, in nanoseconds: what the machine can do when nothing disturbs.
 */
#include "tracer/preload/guard.h"
#include "tracer/preload/guard_backend.h"
#include "tracer/preload/machine.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

enum {
	ROUNDS = 200,
	WANTED_NS = 100000, /* of a round, about: short ones, of which some are not disturbed */
	PAGE = 4096,
	BAD_PAGES = 4096, /* more than are remembered: each one faults again */
	OUT_WORDS = 256,
};

struct bench {
	char *target; /* 32 bytes that are there */
	char *string; /* of 24 bytes */
	char *bad;    /* BAD_PAGES pages without access */
	char *device; /* shared with another process: a page of a file behind its end */
	uint64_t ticks;
	unsigned turn;
	char to[256];
	/* of the plans */
	struct jem_machine machine;
	struct jem_machine_frame frame;
	struct jem_plan_site site, caller;
	uint32_t faults;
	uint64_t stack[64];
	uint64_t out[OUT_WORDS];
};

typedef void row_fn(struct bench *bench);

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double measure(struct bench *bench, row_fn *row)
{
	double least = 1e18;
	uint64_t count = 1;
	uint64_t took = 0;

	for (; took < WANTED_NS; count *= 2) {
		took = now_ns();
		for (uint64_t i = 0; i < count; i++)
			row(bench);
		took = now_ns() - took;
	}
	for (int round = 0; round < ROUNDS; round++) {
		took = now_ns();
		for (uint64_t i = 0; i < count; i++)
			row(bench);
		took = now_ns() - took;
		if ((double)took / (double)count < least)
			least = (double)took / (double)count;
	}
	return least;
}

/* --- guards ------------------------------------------------------------------------------------- */

static void plain_copy(struct bench *bench)
{
	memcpy(bench->to, bench->target, 32);
	__asm__ volatile("" : : "r"(bench->to) : "memory");
}

static void good_32(struct bench *bench)
{
	jem_guard_copy(bench->to, (uintptr_t)bench->target, 32, bench->ticks);
}

static void good_256(struct bench *bench)
{
	jem_guard_copy(bench->to, (uintptr_t)bench->target, 256, bench->ticks);
}

static void good_string(struct bench *bench)
{
	bool is_whole;

	jem_guard_copy_string(bench->to, (uintptr_t)bench->string, 128, bench->ticks, &is_whole);
}

static void bad_first(struct bench *bench)
{
	bench->turn = (bench->turn + 1) % BAD_PAGES;
	jem_guard_copy(bench->to, (uintptr_t)bench->bad + bench->turn * PAGE, 32, bench->ticks);
}

/* As time goes on the page is tried again once in JEM_GUARD_BAD_TICKS; a call here takes 100 ticks. */
static void bad_repeated(struct bench *bench)
{
	bench->ticks += 100;
	jem_guard_copy(bench->to, (uintptr_t)bench->bad, 32, bench->ticks);
}

/* What a fault costs whoever handles it: a handler that steps over the load. */
static void step_over(int sig, siginfo_t *info, void *context)
{
	ucontext_t *at = context;

	at->uc_mcontext.gregs[REG_RIP] += 3;
}

static void bare_fault(struct bench *bench)
{
	__asm__ volatile("mov (%0), %%rax" : : "r"(bench->bad) : "rax");
}

static void measure_floor(struct bench *bench)
{
	struct sigaction bare = { .sa_sigaction = step_over, .sa_flags = SA_SIGINFO };
	struct sigaction before;

	sigaction(SIGSEGV, &bare, &before);
	printf("%-8s %-24s %10.1f\n", "handler", "bad page", measure(bench, bare_fault));
	sigaction(SIGSEGV, &before, NULL);
}

static void bad_null(struct bench *bench)
{
	jem_guard_copy(bench->to, 8, 32, bench->ticks);
}

static void bad_wild(struct bench *bench)
{
	jem_guard_copy(bench->to, 0x6b6b6b6b6b6b6b6bu, 32, bench->ticks);
}

static void measure_guard(struct bench *bench, const char *name, enum jem_ring_guard guard)
{
	static const struct {
		const char *what;
		row_fn *row;
	} rows[] = {
		{ "32 bytes", good_32 },
		{ "256 bytes", good_256 },
		{ "string of 24 bytes", good_string },
		{ "bad page, first time", bad_first },
		{ "bad page, repeated", bad_repeated },
		{ "null pointer", bad_null },
		{ "not canonical", bad_wild },
	};

	if (jem_guard_start(guard) != guard) {
		printf("%-8s cannot be had here\n", name);
		return;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		printf("%-8s %-24s %10.1f\n", name, rows[i].what, measure(bench, rows[i].row));
}

/* --- plans -------------------------------------------------------------------------------------- */

static const struct jem_plan_op code[] = {
	{ JEM_OP_END, 0, 0, 0, 0 },
	/* 1: three arguments, the caller's frame, its plan */
	{ JEM_OP_EMIT_MEMORY, 0, 6, 4, -20 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 4, -24 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 8, -32 },
	{ JEM_OP_LEA, 39, 6, 0, 16 },
	{ JEM_OP_LOAD, 48, 6, 8, 8 },
	{ JEM_OP_LOAD, 38, 6, 8, 0 },
	{ JEM_OP_CALLER, 0, 0, 0, 0 },
	/* 8: the same, and what the third points to */
	{ JEM_OP_EMIT_MEMORY, 0, 6, 4, -20 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 4, -24 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 8, -32 },
	{ JEM_OP_LOAD, 19, 6, 8, -32 },
	{ JEM_OP_CELL, 0, 19, 0, 32 },
	{ JEM_OP_LEA, 39, 6, 0, 16 },
	{ JEM_OP_LOAD, 48, 6, 8, 8 },
	{ JEM_OP_LOAD, 38, 6, 8, 0 },
	{ JEM_OP_CALLER, 0, 0, 0, 0 },
	/* 17: of the caller, four locals */
	{ JEM_OP_EMIT_MEMORY, 0, 6, 4, -4 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 4, -8 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 8, -16 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 8, -24 },
	{ JEM_OP_END, 0, 0, 0, 0 },
	/* 22: three arguments only */
	{ JEM_OP_EMIT_MEMORY, 0, 6, 4, -20 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 4, -24 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 8, -32 },
	{ JEM_OP_END, 0, 0, 0, 0 },
};

static const struct jem_plan_site *find_caller(const struct jem_machine *machine, uint64_t key)
{
	const struct bench *bench = machine->context;

	return key == bench->caller.key ? &bench->caller : NULL;
}

static void prepare_plans(struct bench *bench)
{
	uint64_t *frame = bench->stack + 16;
	uint64_t *caller = bench->stack + 40;

	bench->machine = (struct jem_machine){ .code = code,
					       .code_count = sizeof(code) / sizeof(*code),
					       .find_site = find_caller,
					       .context = bench,
					       .faults = &bench->faults,
					       .record_bytes = 8 * OUT_WORDS };
	bench->caller = (struct jem_plan_site){ 0x401234, 2, 0, JEM_SITE_CALLSITE, 17, 0, 4 };
	bench->site = (struct jem_plan_site){ 0x405678, 1, 1, JEM_SITE_INCLUDED, 1, 0, 3 };
	frame[0] = (uintptr_t)caller;
	frame[1] = bench->caller.key;
	frame[-4] = (uintptr_t)bench->target;
	bench->frame.r[6] = (uintptr_t)frame;
	bench->frame.r[7] = (uintptr_t)bench->stack;
	bench->frame.stack_low = (uintptr_t)bench->stack;
	bench->frame.stack_high = (uintptr_t)(bench->stack + 64);
}

static void run_plan(struct bench *bench)
{
	bench->frame.ticks = bench->ticks;
	jem_machine_run(&bench->machine, &bench->site, &bench->frame, bench->out, OUT_WORDS);
}

static void measure_plans(struct bench *bench)
{
	static const struct {
		const char *what;
		uint32_t plan;
		unsigned words;
	} rows[] = {
		{ "3 arguments", 22, 5 },
		{ "and 4 locals of caller", 1, 10 },
		{ "and 32 bytes pointed to", 8, 17 },
	};

	prepare_plans(bench);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		bench->site.plan = rows[i].plan;
		if (jem_machine_run(&bench->machine, &bench->site, &bench->frame, bench->out,
				    OUT_WORDS) != rows[i].words ||
		    bench->faults) {
			fprintf(stderr, "guards: the plan of %s is wrong\n", rows[i].what);
			exit(EXIT_FAILURE);
		}
		printf("%-8s %-24s %10.1f\n", "plan", rows[i].what, measure(bench, run_plan));
	}
}

int main(void)
{
	struct bench *bench = aligned_alloc(64, (sizeof(*bench) + 63) / 64 * 64);
	char *pages = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *bad =
		mmap(NULL, (size_t)BAD_PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!bench || pages == MAP_FAILED || bad == MAP_FAILED)
		return EXIT_FAILURE;
	memset(bench, 0, sizeof(*bench));
	bench->target = pages;
	bench->string = pages + 1024;
	memcpy(bench->string, "a string of 24 bytes....", 25);
	bench->bad = bad;
	bench->ticks = 1u << 30;
	printf("%-8s %-24s %10s\n", "", "", "ns");
	printf("%-8s %-24s %10.1f\n", "memcpy", "32 bytes", measure(bench, plain_copy));
	measure_floor(bench);
	measure_guard(bench, "fault", JEM_GUARD_FAULT);
	measure_plans(bench);
	measure_guard(bench, "readv", JEM_GUARD_READV);
	measure_guard(bench, "victim", JEM_GUARD_VICTIM);
	printf("victims that died: %u\n", jem_guard_victim_deaths());
	free(bench);
	return EXIT_SUCCESS;
}
