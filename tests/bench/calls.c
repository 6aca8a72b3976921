/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls: what a traced call and its return cost, in nanoseconds, beside the same loop untraced.
 *
 *	calls [CALLS ROUNDS]
 *
 * Each row is a run of calls_target with the library in one state; the rows are gone through several
 * times and the least of each is printed, so that a busy moment of the machine spoils no row.
 */
#include "tests/unit/check.h"
#include "tests/unit/tracee.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PASSES = 2,
};

enum how {
	UNTRACED,  /* no hooks in it */
	EMPTY,     /* libc's own hooks */
	DISABLED,  /* JEM_CALLS_OFF */
	FILTERED,  /* excluded, not patched */
	PATCHED,   /* excluded and patched out */
	COUNTED,   /* over the limit: profile only */
	RECORDED,  /* drained meanwhile */
	ARGUMENTS, /* recorded with three arguments; */
	LOCALS,    /* and four locals of the caller; */
	POINTER,   /* and 32 bytes that the third one points to */
	COUNTED_VALUES,
	UFTRACE,    /* uftrace record */
	TIME_STAMPS /* two rdtsc and nothing else: the floor of what has times */
};

static const struct row {
	const char *name;
	enum how how;
	int threads;
	const char *goal;
	const char *what; /* of calls_target: depth of a tree of calls, or which pointer */
} rows[] = {
	{ "untraced", UNTRACED, 1, "", NULL },
	{ "empty hooks of libc", EMPTY, 1, "", NULL },
	{ "two time stamps", TIME_STAMPS, 1, "", NULL },
	{ "disabled", DISABLED, 1, "1.6", NULL },
	{ "filtered", FILTERED, 1, "2.4", NULL },
	{ "patched out", PATCHED, 1, "1.0", NULL },
	{ "counted only", COUNTED, 1, "", NULL },
	{ "recorded, no values", RECORDED, 1, "30", NULL },
	{ "uftrace record", UFTRACE, 1, "", NULL },
	{ "untraced, 2 threads", UNTRACED, 2, "", NULL },
	{ "filtered, 2 threads", FILTERED, 2, "", NULL },
	{ "recorded, 2 threads", RECORDED, 2, "", NULL },
	{ "untraced, 500 paths", UNTRACED, 1, "", "8" },
	{ "counted, 500 paths", COUNTED, 1, "", "8" },
	{ "recorded, 500 paths", RECORDED, 1, "", "8" },
	{ "untraced, 32,000 paths", UNTRACED, 1, "", "14" },
	{ "counted, 32,000 paths", COUNTED, 1, "", "14" },
	{ "untraced, 3 arguments", UNTRACED, 1, "", "good" },
	{ "recorded, not the values", RECORDED, 1, "", "good" },
	{ "3 arguments", ARGUMENTS, 1, "", "good" },
	{ "and 4 locals of caller", LOCALS, 1, "", "good" },
	{ "and a pointer followed", POINTER, 1, "45", "good" },
	{ "null pointer", POINTER, 1, "", "null" },
	{ "bad pointer, repeated", POINTER, 1, "50", "bad" },
	{ "bad pointer, first", POINTER, 1, "1500", "anew" },
	{ "counted, with values", COUNTED_VALUES, 1, "", "good" },
};

static char calls[24] = "2000000", rounds[24] = "7";

struct drain {
	struct view *view;
	volatile bool is_over;
};

static void *keep_empty(void *context)
{
	struct drain *drain = context;

	while (!drain->is_over) {
		view_discard(drain->view);
		usleep(1000);
	}
	return NULL;
}

static double read_result(int fd)
{
	char text[64] = "";
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(text) - 1 && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	return len ? strtod(text, NULL) : -1;
}

/* Runs a command with its standard output in a pipe. */
static pid_t run(const char *const *words, int *out, bool is_off)
{
	int ends[2];
	pid_t pid;
	char library[300];

	if (pipe2(ends, O_CLOEXEC) < 0)
		exit(1);
	pid = fork();
	if (!pid) {
		snprintf(library, sizeof(library), "%s/libjemtrace.so", getenv("top_builddir"));
		if (is_off) {
			setenv("LD_PRELOAD", library, 1);
			setenv("JEM_CALLS_OFF", "1", 1);
		}
		dup2(ends[1], 1);
		close(3);
		close(4);
		execvp(words[0], (char **)words);
		_exit(127);
	}
	close(ends[1]);
	*out = ends[0];
	return pid;
}

static double run_alone(const char *program, const char *count, const char *threads,
			const char *what, bool is_off)
{
	const char *words[] = { program, count, rounds, threads, what, NULL };
	int out;
	pid_t pid = run(words, &out, is_off);
	double ns = read_result(out);

	waitpid(pid, NULL, 0);
	return ns;
}

static double run_uftrace(const char *program)
{
	char folder[400];
	const char *words[] = { "uftrace", "record", "-d", folder, "--no-libcall",
				program,   "200000", "5",  "1",    NULL };
	int out;

	snprintf(folder, sizeof(folder), "%s/uftrace", check_folder());

	pid_t pid = run(words, &out, false);
	double ns = read_result(out);

	waitpid(pid, NULL, 0);
	return ns;
}

/* Of gcc -O0: where arguments and locals are, from the frame pointer on. */
static const struct jem_plan_op code[] = {
	{ JEM_OP_END, 0, 0, 0, 0 },
	/* ARGUMENTS */
	{ JEM_OP_EMIT_MEMORY, 0, 6, 4, -4 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 4, -8 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 8, -16 },
	{ JEM_OP_END, 0, 0, 0, 0 },
	/* LOCALS */
	{ JEM_OP_EMIT_MEMORY, 0, 6, 4, -4 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 4, -8 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 8, -16 },
	{ JEM_OP_LEA, 39, 6, 0, 16 },
	{ JEM_OP_LOAD, 48, 6, 8, 8 },
	{ JEM_OP_LOAD, 38, 6, 8, 0 },
	{ JEM_OP_CALLER, 0, 0, 0, 0 },
	/* POINTER */
	{ JEM_OP_EMIT_MEMORY, 0, 6, 4, -4 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 4, -8 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 8, -16 },
	{ JEM_OP_LOAD, 19, 6, 8, -16 },
	{ JEM_OP_CELL, 0, 19, 0, 32 },
	{ JEM_OP_LEA, 39, 6, 0, 16 },
	{ JEM_OP_LOAD, 48, 6, 8, 8 },
	{ JEM_OP_LOAD, 38, 6, 8, 0 },
	{ JEM_OP_CALLER, 0, 0, 0, 0 },
	/* of the caller */
	{ JEM_OP_EMIT_MEMORY, 0, 6, 8, -8 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 8, -16 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 8, -24 },
	{ JEM_OP_EMIT_MEMORY, 0, 6, 8, -32 },
	{ JEM_OP_END, 0, 0, 0, 0 },
};

enum {
	PLAN_ARGUMENTS = 1,
	PLAN_LOCALS = 5,
	PLAN_POINTER = 12,
	PLAN_CALLER = 21,
};

/* The bucket of a key, or a free one. */
static struct jem_plan_site *bucket_of(struct view *view, uint64_t key)
{
	struct jem_plan_site *table = (void *)((uint8_t *)view->plan + view->plan->sites_offset);
	uint64_t at = jem_plan_hash(key);

	while (table[at & view->plan->site_mask].key &&
	       table[at & view->plan->site_mask].key != key)
		at++;
	return &table[at & view->plan->site_mask];
}

/* Gives the enters of `given` a plan, and their call sites one for the caller. */
static void plan_values(struct view *view, enum how how)
{
	struct jem_plan_header *plan = view->plan;
	uint64_t offset = view->plan_bytes / 2;

	__atomic_store_n(&plan->generation, plan->generation + 1, __ATOMIC_SEQ_CST);
	memcpy((uint8_t *)plan + offset, code, sizeof(code));
	plan->code_offset = offset;
	plan->code_count = sizeof(code) / sizeof(*code);
	plan->record_bytes = 512;
	plan->guard = JEM_GUARD_FAULT;
	plan->state |= JEM_PLAN_VALUES;
	for (unsigned i = 0; i < view->record_count; i++) {
		const struct jem_ring_record *record = &view->records[i];
		struct jem_plan_site *site;

		if (record->kind != JEM_RECORD_UNKNOWN_ENTER ||
		    strcmp(view_function(view, record->site_pc), "given") != 0)
			continue;
		site = bucket_of(view, record->site_pc);
		site->flags |= how == ARGUMENTS || how == LOCALS ? 0 : JEM_SITE_POINTERS;
		site->plan = how == ARGUMENTS ? PLAN_ARGUMENTS
			     : how == LOCALS  ? PLAN_LOCALS
					      : PLAN_POINTER;
		site->fixed_words = 3;
		*bucket_of(view, record->callsite) =
			(struct jem_plan_site){ .key = record->callsite,
						.site = TRACEE_SITES_MAX,
						.flags = JEM_SITE_CALLSITE,
						.plan = PLAN_CALLER,
						.fixed_words = 4 };
	}
	__atomic_store_n(&plan->generation, plan->generation + 1, __ATOMIC_SEQ_CST);
}

static double run_traced(enum how how, const char *threads, const char *what)
{
	static const char *const included[] = { "empty", "left", "right", "given", NULL };
	const char *const words[] = { !strcmp(what ? what : "", "anew") ? "100000" : calls, rounds,
				      threads, what, NULL };
	const char *const environment[] = { "JEM_CALLS_RING_BYTES=4MiB", "JEM_CALLS_MEMORY=64MiB",
					    NULL };
	uint32_t state = JEM_PLAN_COMPLETE | (how == PATCHED ? JEM_PLAN_PATCH : 0);
	struct tracee tracee;
	static struct view view;
	struct drain drain = { &view, false };
	pthread_t thread;
	int out[2];
	int saved = dup(1);

	if (pipe2(out, O_CLOEXEC) < 0 || dup2(out[1], 1) < 0)
		exit(1);
	tracee_start(&tracee, "tests/bench/calls_target", words, environment);
	dup2(saved, 1);
	close(saved);
	close(out[1]);
	view_accept(&view, &tracee);
	tracee_meet(&tracee);
	view_read(&view);
	view_plan(&view, how == FILTERED || how == PATCHED ? NULL : included, state,
		  how == COUNTED || how == COUNTED_VALUES ? 2 : 0, 0);
	if (how >= ARGUMENTS && how <= COUNTED_VALUES)
		plan_values(&view, how);
	pthread_create(&thread, NULL, keep_empty, &drain);
	tracee_go(&tracee);

	double ns = read_result(out[0]);

	tracee_end(&tracee);
	drain.is_over = true;
	pthread_join(thread, NULL);
	if (how == PATCHED && view_header(&view)->patched < 2)
		fprintf(stderr, "patched %u, unpatchable %u\n", view_header(&view)->patched,
			view_header(&view)->unpatchable);
	for (unsigned t = 0; t < 3; t++) {
		const struct jem_ring_thread *slot = view_thread(&view, t);

		if (how >= RECORDED && slot->dropped)
			fprintf(stderr, "dropped %llu of %llu\n", (unsigned long long)slot->dropped,
				(unsigned long long)slot->seen);
	}
	if (view_header(&view)->plan_faults)
		fprintf(stderr, "%u plans were wrong\n", view_header(&view)->plan_faults);
	view_close(&view);
	return ns;
}

static double measure(const struct row *row)
{
	const char *threads = row->threads == 2 ? "2" : "1";
	char plain[300], hooked[300];

	snprintf(plain, sizeof(plain), "%s/tests/bench/calls_plain", getenv("top_builddir"));
	snprintf(hooked, sizeof(hooked), "%s/tests/bench/calls_target", getenv("top_builddir"));
	switch (row->how) {
	case UNTRACED:
		return run_alone(plain, calls, threads, row->what, false);
	case TIME_STAMPS:
		return run_alone(plain, "0", threads, row->what, false);
	case EMPTY:
	case DISABLED:
		return run_alone(hooked, calls, threads, row->what, row->how == DISABLED);
	case UFTRACE:
		return run_uftrace(hooked);
	default:
		return run_traced(row->how, threads, row->what);
	}
}

CASE(rows_of_costs)
{
	double least[sizeof(rows) / sizeof(*rows)];

	for (int pass = 0; pass < PASSES; pass++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			const char *only = getenv("JEM_BENCH_ROW");

			if (only && !strstr(rows[i].name, only))
				continue;

			double ns = measure(&rows[i]);

			if (!pass || (ns >= 0 && ns < least[i]))
				least[i] = ns;
		}
	}
	printf("# %-24s %8s %8s %6s\n", "an empty function", "ns", "ratio", "goal");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		printf("# %-24s %8.2f %8.1f %6s\n", rows[i].name, least[i], least[i] / least[0],
		       rows[i].goal);
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = { T(rows_of_costs) };

	if (!getenv("top_builddir"))
		setenv("top_builddir", ".", 1);
	setenv("JEM_TEST_CASE_SECONDS", "600", 0);
	if (argc > 2) {
		snprintf(calls, sizeof(calls), "%s", argv[1]);
		snprintf(rounds, sizeof(rounds), "%s", argv[2]);
	}
	return check_main(1, argv, cases, 1);
}
