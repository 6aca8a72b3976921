/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log source against a writer that never waits for it: every line exactly once, through
 * rotations and restarts of the source.
 */
#include "tests/unit/check.h"
#include "tests/unit/log_bench.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LINES_A_FILE = 40,
	KEPT = 60 /* rotated files, where old ones are deleted */
};

static struct log_bench bench;
static unsigned char *times; /* how often each line came */
static size_t line_count;
static size_t came;
static size_t doubled;
static bool is_lasting; /* the source is not restarted */
static bool is_killed;  /* restarts find what was last saved, not what a clean end saves */
static size_t out_of_order;
static size_t last;

static void on_record(void *arg, const struct log_bench_record *record)
{
	size_t n;

	if (record->kind == JEM_KIND_status && !strcmp(record->state, "degraded"))
		check_fail(__FILE__, __LINE__, "%s", record->json);
	if (record->kind != JEM_KIND_log)
		return;
	n = strtoul(record->text + strlen("line "), NULL, 10);
	if (strncmp(record->text, "line ", 5) != 0 || n >= line_count)
		check_fail(__FILE__, __LINE__, "not a line: %s", record->json);
	if (times[n]++) {
		if (!is_killed)
			check_fail(__FILE__, __LINE__, "doubled: %s", record->json);
		doubled++;
		return;
	}
	out_of_order += n < last;
	last = n;
	came++;
}

static void rotate_to_unique_names(unsigned i)
{
	char to[32];

	snprintf(to, sizeof(to), "a.log.%u", i + 1);
	log_bench_rename("a.log", to);
}

/* As logrotate does: a.log.1 becomes a.log.2, ..., the oldest goes. */
static void rotate_by_shifting(unsigned i)
{
	for (int k = KEPT; k > 0; k--) {
		char from[32];
		char to[32];

		snprintf(from, sizeof(from), "a.log.%d", k);
		snprintf(to, sizeof(to), "a.log.%d", k + 1);
		if (k == KEPT)
			unlink(log_bench_path(from));
		else
			rename(log_bench_path(from), log_bench_path(to));
	}
	log_bench_rename("a.log", "a.log.1");
}

static void write_all(unsigned rotations, void (*rotate)(unsigned), useconds_t pause_us)
{
	size_t n = 0;

	for (unsigned i = 0; i <= rotations; i++) {
		FILE *file = fopen(log_bench_path("a.log"), "a");

		for (int k = 0; k < LINES_A_FILE; k++) {
			fprintf(file, "line %zu of a job that says a little more than that\n", n++);
			if (k % 3 == 0)
				fflush(file);
		}
		if (i < rotations)
			rotate(i);
		fputs("line ", file); /* goes on in the old file, and not in one piece */
		fflush(file);
		fprintf(file, "%zu, late\n", n++);
		fclose(file);
		if (pause_us)
			usleep(pause_us);
	}
}

static void tell_missing(void)
{
	printf("# %zu of %zu lines came; missing:", came, line_count);
	for (size_t i = 0, told = 0; i < line_count && told < 20; i++)
		if (!times[i])
			told += (size_t)printf(" %zu", i) > 0;
	printf("\n");
}

static bool has_all(struct log_bench *b, size_t n)
{
	static uint64_t deadline_ns;

	if (!deadline_ns)
		deadline_ns = jem_now_ns() + 20000000000u;
	if (came < n && jem_now_ns() > deadline_ns) {
		tell_missing();
		check_fail(__FILE__, __LINE__, "lines are lost");
	}
	return came >= n;
}

static void restart(const char *offsets)
{
	char kept[120];

	snprintf(kept, sizeof(kept), "%s.kept", offsets);
	unlink(kept);
	if (is_killed && link(offsets, kept) && errno != ENOENT)
		check_fail(__FILE__, __LINE__, "%s", strerror(errno));
	log_bench_stop(&bench);
	if (is_killed && rename(kept, offsets) && errno != ENOENT)
		check_fail(__FILE__, __LINE__, "%s", strerror(errno));
	log_bench_start(&bench);
}

static void run(unsigned rotations, void (*rotate)(unsigned), useconds_t pause_us,
		unsigned restart_ms)
{
	char offsets[100];
	unsigned restarts = 0;
	int status = -1;
	pid_t pid;

	line_count = (size_t)(rotations + 1) * (LINES_A_FILE + 1);
	times = calloc(line_count, 1);
	bench.on_record = on_record;
	bench.keeps_none = true;
	log_bench_set(&bench, "files", "a.log");
	log_bench_set(&bench, "poll", "0.05");
	snprintf(offsets, sizeof(offsets), "%s/offsets", check_folder());
	bench.options.offsets_path = offsets;
	log_bench_start(&bench);
	pid = fork();
	if (!pid) {
		write_all(rotations, rotate, pause_us);
		_exit(0);
	}
	while (waitpid(pid, &status, restart_ms ? WNOHANG : 0) != pid) {
		log_bench_turn(&bench, restart_ms);
		if (is_lasting)
			continue;
		restart(offsets);
		restarts++;
	}
	CHECK_EQ(status, 0);
	if (restart_ms && !is_lasting)
		CHECK_GE(restarts, 3);
	log_bench_wait(&bench, has_all, line_count, "all lines");
	log_bench_turn(&bench, 200); /* a doubled one would come now */
	printf("# %zu lines, %u restarts, %zu doubled, %zu out of order\n", came, restarts, doubled,
	       out_of_order);
	log_bench_close(&bench);
	free(times);
}

CASE(loses_and_doubles_nothing_over_1000_rotations)
{
	log_bench_open(&bench);
	run(1000, rotate_to_unique_names, 300, 20);
}

CASE(loses_and_doubles_nothing_when_it_looks_late)
{
	/* The loop does not turn before the writer has ended: all rotations come at once. */
	log_bench_open(&bench);
	run(1000, rotate_to_unique_names, 0, 0);
}

CASE(loses_and_doubles_nothing_when_names_are_shifted)
{
	log_bench_open(&bench);
	run(300, rotate_by_shifting, 10000, 50);
}

/*
 * Without inotify a restart between a rotation and the next look cannot tell a file that was rotated
 * in the meantime from one that was there before (log_source.h), so here there is none.
 */
CASE(loses_and_doubles_nothing_by_polling_alone)
{
	log_bench_open(&bench);
	is_lasting = true;
	bench.options.polls_only = true;
	run(1000, rotate_to_unique_names, 500, 100);
}

CASE(reads_again_but_loses_nothing_when_killed)
{
	log_bench_open(&bench);
	is_killed = true;
	run(1000, rotate_to_unique_names, 4000, 1300);
	CHECK_GE(doubled, 1);
	CHECK_LE(doubled, 3 * line_count); /* some seconds at each restart, not all of it */
}

TESTS(T(loses_and_doubles_nothing_over_1000_rotations),
      T(loses_and_doubles_nothing_when_it_looks_late),
      T(loses_and_doubles_nothing_when_names_are_shifted),
      T(loses_and_doubles_nothing_by_polling_alone), T(reads_again_but_loses_nothing_when_killed))
