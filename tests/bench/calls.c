/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls: what a traced call and its return cost, in nanoseconds, beside the same loop untraced.
 *
 *	calls [ROUNDS]
 *
 * Each row is calls_target with the library in one state, on one and on two threads; what writes records
 * also with a reader beside it that empties the rings each millisecond. The ratio is to the same program
 * untraced. A cell is the least and the median of the rounds of all passes; the rows are gone through several times, so that a busy moment of the
 * machine spoils no row. A round fits in the ring, which is emptied between rounds; one in which
 * a record was dropped, which is cheaper, does not count.
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
	PASSES = 4,
	ROUNDS_MAX = 500, /* of a pass */
	THREADS_MAX = 2,
};

enum how {
	UNTRACED,  /* no hooks in it */
	EMPTY,     /* libc's own hooks */
	DISABLED,  /* JEM_CALLS_OFF */
	FILTERED,  /* excluded, not patched */
	PATCHED,   /* excluded and patched out */
	COUNTED,   /* over the limit: profile only */
	RECORDED,  /* without values */
	ARGUMENTS, /* recorded with three arguments; */
	LOCALS,    /* and four locals of the caller; */
	POINTER,   /* and 32 bytes that the third one points to */
	COUNTED_VALUES,
	UFTRACE,           /* uftrace record */
	UFTRACE_ARGUMENTS, /* with -a: of such a build it gets none */
	FLOOR /* what the machine takes for two rdtsc, or for a fault, and nothing else */
};

static const struct row {
	const char *name;
	enum how how;
	const char *goal;
	const char *what;  /* of calls_target: depth of a tree of calls, or which pointer */
	const char *calls; /* of a round */
} rows[] = {
	{ "untraced", UNTRACED, "", NULL, "100000" },
	{ "empty hooks of libc", EMPTY, "", NULL, "100000" },
	{ "two time stamps", FLOOR, "", NULL, "0" },
	{ "disabled", DISABLED, "1.6", NULL, "100000" },
	{ "filtered", FILTERED, "2.4", NULL, "100000" },
	{ "patched out", PATCHED, "1.0", NULL, "100000" },
	{ "counted only", COUNTED, "", NULL, "100000" },
	{ "recorded, no values", RECORDED, "30", NULL, "5000" },
	{ "uftrace record", UFTRACE, "", NULL, "5000" },
	{ "uftrace record -a", UFTRACE_ARGUMENTS, "", "good", "5000" },
	{ "untraced, 500 paths", UNTRACED, "", "8", "100000" },
	{ "counted, 500 paths", COUNTED, "", "8", "100000" },
	{ "recorded, 500 paths", RECORDED, "", "8", "5000" },
	{ "untraced, 32,000 paths", UNTRACED, "", "14", "200000" },
	{ "counted, 32,000 paths", COUNTED, "", "14", "200000" },
	{ "untraced, 3 arguments", UNTRACED, "", "good", "100000" },
	{ "recorded, not the values", RECORDED, "", "good", "5000" },
	{ "3 arguments", ARGUMENTS, "", "good", "5000" },
	{ "and 4 locals of caller", LOCALS, "", "good", "5000" },
	{ "and a pointer followed", POINTER, "45", "good", "5000" },
	{ "null pointer", POINTER, "", "null", "5000" },
	{ "bad pointer, repeated", POINTER, "50", "bad", "5000" },
	{ "a fault and its handler", FLOOR, "", "fault", "0" },
	{ "bad pointer, first", POINTER, "1500", "anew", "2000" },
	{ "counted, with values", COUNTED_VALUES, "", "good", "100000" },
};

#define ROWS (sizeof(rows) / sizeof(*rows))

static char rounds[24] = "50";

/* What some rounds took: those without drops. */
struct took {
	double ns[PASSES * ROUNDS_MAX];
	unsigned count;
	unsigned spoilt;
};

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

/* Lines of nanoseconds, up to the end. `is_spoilt`: of each round, or NULL. */
static void read_rounds(int fd, const bool *is_spoilt, struct took *took)
{
	FILE *lines = fdopen(fd, "r");
	char line[64];

	if (!lines)
		exit(1);
	for (unsigned i = 0; i < ROUNDS_MAX && fgets(line, sizeof(line), lines); i++) {
		char *end;
		double ns = strtod(line, &end);

		if (end == line)
			continue; /* a peer's own words */
		if (is_spoilt && is_spoilt[i])
			took->spoilt++;
		else if (took->count < PASSES * ROUNDS_MAX)
			took->ns[took->count++] = ns;
	}
	fclose(lines);
}

/* Runs a command to its end. */
static void run_alone(const char *const *words, bool is_off, struct took *took)
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
		execvp(words[0], (char **)words);
		_exit(127);
	}
	close(ends[1]);
	read_rounds(ends[0], NULL, took);
	waitpid(pid, NULL, 0);
}

static void run_uftrace(const char *const *target, bool has_arguments, struct took *took)
{
	char folder[400];
	const char *words[16] = { "uftrace", "record", "--no-libcall", "-d", folder };
	unsigned count = 5;

	snprintf(folder, sizeof(folder), "%s/uftrace", check_folder());
	if (has_arguments)
		words[count++] = "-a";
	while (*target)
		words[count++] = *target++;
	run_alone(words, false, took);
}

/* As jem-symbols makes them of gcc -O0: what arguments and locals are in, from the frame pointer on. */
static const struct jem_plan_op code[] = {
	{ JEM_OP_END, 0, 0, 0, 0 },
	/* ARGUMENTS */
	{ JEM_OP_EMIT_BLOCK, 2, 6, 0, -16 },
	{ JEM_OP_END, 0, 0, 0, 0 },
	/* LOCALS */
	{ JEM_OP_EMIT_BLOCK, 2, 6, 0, -16 },
	{ JEM_OP_UNWIND, 0, 6, 0, 16 },
	{ 0, 2, 0, 0, 0 }, /* rbp, two words below the CFA */
	/* POINTER */
	{ JEM_OP_EMIT_BLOCK, 2, 6, 0, -16 },
	{ JEM_OP_LOAD, 19, 6, 8, -16 },
	{ JEM_OP_CELL, 0, 19, 0, 32 },
	{ JEM_OP_UNWIND, 0, 6, 0, 16 },
	{ 0, 2, 0, 0, 0 },
	/* of the caller */
	{ JEM_OP_EMIT_BLOCK, 4, 6, 0, -32 },
	{ JEM_OP_END, 0, 0, 0, 0 },
};

enum {
	PLAN_ARGUMENTS = 1,
	PLAN_LOCALS = 3,
	PLAN_POINTER = 6,
	PLAN_CALLER = 11,
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
		site->fixed_words = 2;
		*bucket_of(view, record->callsite) =
			(struct jem_plan_site){ .key = record->callsite,
						.site = TRACEE_SITES_MAX,
						.flags = JEM_SITE_CALLSITE,
						.plan = PLAN_CALLER,
						.fixed_words = 4 };
	}
	__atomic_store_n(&plan->generation, plan->generation + 1, __ATOMIC_SEQ_CST);
}

static uint64_t dropped(struct view *view)
{
	uint64_t sum = 0;

	for (unsigned t = 0; t < view_header(view)->thread_count; t++)
		sum += __atomic_load_n(&view_thread(view, t)->dropped, __ATOMIC_RELAXED);
	return sum;
}

/* Lets the program do its rounds; tells those in which records were dropped. */
static void lead(struct tracee *tracee, struct view *view, bool is_drained, bool *is_spoilt)
{
	struct drain drain = { view, false };
	pthread_t thread;
	uint64_t before = 0;
	unsigned count = (unsigned)strtoul(rounds, NULL, 10);

	if (is_drained)
		pthread_create(&thread, NULL, keep_empty, &drain);
	tracee_go(tracee);
	for (unsigned i = 0; i <= count; i++) {
		tracee_meet(tracee);
		if (i)
			is_spoilt[i - 1] = dropped(view) != before;
		if (!is_drained)
			view_discard(view);
		before = dropped(view);
		tracee_go(tracee);
	}
	drain.is_over = true;
	if (is_drained)
		pthread_join(thread, NULL);
}

static void publish(struct view *view, enum how how)
{
	static const char *const included[] = { "empty", "left", "right", "given", NULL };
	uint32_t state = JEM_PLAN_COMPLETE | (how == PATCHED ? JEM_PLAN_PATCH : 0);

	view_plan(view, how == FILTERED || how == PATCHED ? NULL : included, state,
		  how == COUNTED || how == COUNTED_VALUES ? 2 : 0, 0);
	if (how >= ARGUMENTS && how <= COUNTED_VALUES)
		plan_values(view, how);
}

static void run_traced(enum how how, const char *const *words, bool is_drained, struct took *took)
{
	const char *const environment[] = { "JEM_CALLS_RING_BYTES=1MiB", "JEM_BENCH_MEET=1", NULL };
	struct tracee tracee;
	static struct view view;
	bool is_spoilt[ROUNDS_MAX] = { false };
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
	publish(&view, how);
	lead(&tracee, &view, is_drained, is_spoilt);
	read_rounds(out[0], is_spoilt, took);
	tracee_end(&tracee);
	if (how == PATCHED && view_header(&view)->patched < 2)
		fprintf(stderr, "patched %u, unpatchable %u\n", view_header(&view)->patched,
			view_header(&view)->unpatchable);
	if (view_header(&view)->plan_faults)
		fprintf(stderr, "%u plans were wrong\n", view_header(&view)->plan_faults);
	view_close(&view);
}

static void measure(const struct row *row, int threads, bool is_drained, struct took *took)
{
	char plain[300], hooked[300];
	const char *words[] = { hooked,    row->calls, rounds, threads == 2 ? "2" : "1",
				row->what, NULL };

	snprintf(plain, sizeof(plain), "%s/tests/bench/calls_plain", getenv("top_builddir"));
	snprintf(hooked, sizeof(hooked), "%s/tests/bench/calls_target", getenv("top_builddir"));
	switch (row->how) {
	case UNTRACED:
	case FLOOR:
		words[0] = plain;
		run_alone(words, false, took);
		break;
	case EMPTY:
	case DISABLED:
		run_alone(words, row->how == DISABLED, took);
		break;
	case UFTRACE:
	case UFTRACE_ARGUMENTS:
		run_uftrace(words, row->how == UFTRACE_ARGUMENTS, took);
		break;
	default:
		run_traced(row->how, words + 1, is_drained, took);
	}
}

/* A cell is of so many threads, with a reader or without. */
enum {
	CELLS = 2 * THREADS_MAX,
};

static bool has_cell(const struct row *row, unsigned cell)
{
	if (row->how == FLOOR)
		return !cell;
	return cell < THREADS_MAX || (row->how >= RECORDED && row->how <= POINTER);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The row of the same program untraced. */
static size_t untraced_of(const struct row *row)
{
	const char *what = row->what && row->what[0] > '9' ? "good" : row->what;
	size_t i = 0;

	while (rows[i].how != UNTRACED ||
	       strcmp(rows[i].what ? rows[i].what : "", what ? what : ""))
		i++;
	return i;
}

static void sort(struct took *took)
{
	qsort(took->ns, took->count, sizeof(*took->ns), by_size);
}

/* `plain`: what the untraced program took on one thread. */
static void print_row(const struct row *row, struct took *cells, const struct took *plain)
{
	printf("| %s |", row->name);
	if (plain->count && cells->count && row->how != FLOOR)
		printf(" %.1f |", cells->ns[0] / plain->ns[0]);
	else
		printf(" |");
	for (unsigned cell = 0; cell < CELLS; cell++) {
		struct took *took = &cells[cell];

		if (!has_cell(row, cell))
			printf(" |");
		else if (!took->count)
			printf(" - |");
		else
			printf(" %.1f (%.1f) |", took->ns[0], took->ns[took->count / 2]);
	}
	printf(" %s |\n", row->goal);
}

CASE(rows_of_costs)
{
	static struct took cells[ROWS][CELLS];
	const char *only = getenv("JEM_BENCH_ROW");
	unsigned spoilt = 0, counted = 0;

	for (int pass = 0; pass < PASSES; pass++) {
		for (size_t i = 0; i < ROWS * CELLS; i++) {
			const struct row *row = &rows[i / CELLS];
			unsigned cell = i % CELLS;

			if (has_cell(row, cell) && (!only || strstr(row->name, only)))
				measure(row, 1 + (int)cell % THREADS_MAX, cell >= THREADS_MAX,
					&cells[i / CELLS][cell]);
		}
	}
	printf("| ns a call and return: least (median) | ratio | 1 thread | 2 threads | 1, drained "
	       "| 2, "
	       "drained | goal |\n");
	printf("|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < ROWS; i++) {
		for (unsigned cell = 0; cell < CELLS; cell++) {
			sort(&cells[i][cell]);
			spoilt += cells[i][cell].spoilt;
			counted += cells[i][cell].count;
		}
	}
	for (size_t i = 0; i < ROWS; i++) {
		if (!only || strstr(rows[i].name, only))
			print_row(&rows[i], cells[i], cells[untraced_of(&rows[i])]);
	}
	printf("# %u rounds, and %u with drops, which are not in it\n", counted, spoilt);
}

int main(int argc, char **argv)
{
	static const struct check_case cases[] = { T(rows_of_costs) };

	if (!getenv("top_builddir"))
		setenv("top_builddir", ".", 1);
	setenv("JEM_TEST_CASE_SECONDS", "600", 0);
	if (argc > 1)
		snprintf(rounds, sizeof(rounds), "%s", argv[1]);
	if (strtoul(rounds, NULL, 10) > ROUNDS_MAX)
		return 2;
	return check_main(1, argv, cases, 1);
}
