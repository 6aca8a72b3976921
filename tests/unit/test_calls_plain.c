/* SPDX-License-Identifier: Apache-2.0 */
/* The short way of a record to its row, beside the long one: they make the same of the same. */
#include "tests/unit/check.h"
#include "tests/unit/fake_job.h"
#include "tests/unit/image_maker.h"

#include "daemon/sources/calls/traced.h"

#include <sys/mman.h>
#include <unistd.h>

enum {
	FUNCTIONS = 6, /* the last two are inlined into the first */
	CALLSITES = 3,
	UNKNOWN = JEM_TRACED_KNOWN / 2, /* functions whose sites have the places of known ones */
	STEPS = 1700,
	DEPTH_MAX = 40,
	STACK = 0x7f0000,
	SEEDS = 20
};

struct stage {
	struct jem_traced_shared shared;
	struct jem_redactor *redactor;
	struct jem_calls_settings *settings;
	struct jem_calls_image image;
	struct jem_symbols_request wanted;
	struct fake_job job;
	struct jem_traced *traced;
	unsigned taken; /* times that rows were full */
	bool is_held_up;
};

static void on_full(void *arg)
{
	struct stage *stage = arg;

	stage->taken++;
}

static bool is_held_up(void *arg)
{
	const struct stage *stage = arg;

	return stage->is_held_up;
}

static void on_module(void *arg, const struct jem_symbols_request *request)
{
	struct stage *stage = arg;

	if (request->fd >= 0)
		close(request->fd);
	jem_calls_settings_unref(request->settings);
	stage->wanted = *request;
}

static void on_fault(void *arg, const char *text)
{
	(void)arg;
	check_fail(__FILE__, __LINE__, "%s", text);
}

/* Addresses of calls that all have the same place among the known ones. */
static uint64_t callsite(unsigned index)
{
	static struct jem_traced_known list[JEM_TRACED_KNOWN];
	const struct jem_traced_known *first = jem_traced_known_caller(list, FAKE_BIAS + 0x2000);
	uint64_t pc = 0x2000;

	for (; index; index--)
		do
			pc++;
		while (jem_traced_known_caller(list, FAKE_BIAS + pc) != first);
	return pc;
}

/* Sites 2 i + 1 and 2 i + 2 are enter and exit of function i, as they stand in the image. */
static void make_image(struct stage *stage)
{
	struct image_maker maker;
	size_t len;

	image_maker_init(&maker);
	for (uint32_t i = 0; i < FUNCTIONS; i++) {
		bool is_inlined = i >= FUNCTIONS - 2;
		char name[8] = { 'f', (char)('0' + i) };

		image_function(&maker, name, JEM_FUNCTION_INCLUDED);
		image_site(&maker,
			   (struct jem_image_site){ .pc = 0x1000 + i * 0x100,
						    .function = i + 1,
						    .flags = is_inlined ? JEM_SITE_INLINED : 0,
						    .caller = is_inlined ? 1 : 0,
						    .caller_line = 7 });
		image_site(&maker,
			   (struct jem_image_site){ .pc = 0x1080 + i * 0x100,
						    .function = i + 1,
						    .flags = JEM_SITE_EXIT |
							     (is_inlined ? JEM_SITE_INLINED : 0) });
	}
	for (uint32_t i = 0; i < CALLSITES; i++)
		image_callsite(&maker, (struct jem_image_callsite){ .pc = callsite(i),
								    .function = i + 1,
								    .line = 100 + i });
	stage->image.bytes = image_make(&maker, &len, &stage->image.view);
	stage->image.path = (char *)(uintptr_t) "/bin/program";
	stage->image.profile = calloc(FUNCTIONS + 1, sizeof(*stage->image.profile));
	image_maker_deinit(&maker);
}

static void make_settings(struct stage *stage)
{
	struct jem_calls_changes changes;
	struct jem_config *config;

	CHECK_OK(jem_config_create(&config));
	CHECK_OK(jem_calls_changes_init(&changes));
	CHECK_OK(jem_config_set_assignment(config, JEM_RANK_FILE, "", "calls.include=f*", NULL));
	CHECK_OK(jem_calls_settings_make(config, &changes, NULL, 0, NULL, NULL, &stage->settings,
					 NULL));
	jem_calls_changes_deinit(&changes);
	jem_config_destroy(config);
}

static void *map(int fd, size_t len)
{
	void *bytes = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(bytes != MAP_FAILED);
	return bytes;
}

static struct stage *stage_open(void)
{
	const struct jem_value_config values = { .redactor = NULL };
	struct stage *stage = calloc(1, sizeof(*stage));
	struct jem_hello_in in = { .pid = 0 };
	struct jem_err err;

	CHECK(stage);
	CHECK_OK(jem_redactor_create(NULL, 0, &stage->redactor, NULL));
	CHECK_OK(jem_rows_create(stage->redactor, &stage->shared.rows));
	CHECK_OK(jem_value_create(&values, &stage->shared.values));
	CHECK_OK(jem_profile_create(&stage->shared.profile));
	(void)jem_ticks_init(&stage->shared.ticks);
	stage->shared.now_ns = 1ull << 40;
	stage->shared.on_full = on_full;
	stage->shared.is_held_up = is_held_up;
	stage->shared.on_module = on_module;
	stage->shared.on_fault = on_fault;
	stage->shared.arg = stage;
	make_settings(stage);
	make_image(stage);
	fake_job_open(&stage->job);
	fake_module(&stage->job, 0, "/bin/program", FAKE_BIAS, FAKE_BIAS + 0x10000);
	in.rings_bytes = stage->job.rings_bytes;
	in.rings = map(stage->job.rings_fd, in.rings_bytes);
	in.plan_bytes = FAKE_PLAN;
	in.plan = map(stage->job.plan_fd, FAKE_PLAN);
	CHECK_OK(jem_traced_create(&stage->shared, 1, &in, jem_calls_settings_ref(stage->settings),
				   &stage->traced, &err));
	jem_traced_look_at_modules(stage->traced);
	jem_traced_take_image(stage->traced, stage->wanted.module, &stage->image);
	return stage;
}

static void stage_close(struct stage *stage)
{
	jem_traced_destroy(stage->traced);
	fake_job_close(&stage->job);
	jem_rows_destroy(stage->shared.rows);
	jem_value_destroy(stage->shared.values);
	jem_profile_destroy(stage->shared.profile);
	jem_redactor_destroy(stage->redactor);
	jem_calls_settings_unref(stage->settings);
	free((void *)(uintptr_t)stage->image.bytes);
	free(stage->image.profile);
	free(stage);
}

/* --- a program ---------------------------------------------------------------------------------- */

static uint32_t random_state;

static uint32_t below(uint32_t bound)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % bound;
}

struct program {
	struct fake_job *job;
	unsigned function[DEPTH_MAX];
	uint64_t frame[DEPTH_MAX];
	unsigned depth;
	uint64_t now_ns;
};

static void put(struct program *program, bool is_exit, unsigned function, uint64_t frame)
{
	/* Some come from where nothing is known. */
	uint64_t from = FAKE_BIAS + callsite(below(CALLSITES + 1));

	program->now_ns += below(500);
	fake_record(program->job, 0, is_exit, 2 * function + 1 + is_exit, from, frame,
		    program->now_ns, NULL, NULL);
}

static void enter(struct program *program)
{
	unsigned function = below(FUNCTIONS);
	bool is_inlined = function >= FUNCTIONS - 2;
	uint64_t frame = program->depth ? program->frame[program->depth - 1] : STACK;

	if (program->depth == DEPTH_MAX)
		return;
	if (!is_inlined || !program->depth)
		frame -= 16 + 16 * below(4);
	program->function[program->depth] = function;
	program->frame[program->depth++] = frame;
	put(program, false, function, frame);
}

static void leave(struct program *program)
{
	if (!program->depth)
		return;
	program->depth--;
	put(program, true, program->function[program->depth], program->frame[program->depth]);
}

/* Calls and returns; now and then a jump over some, a return without a call, a site that nobody knows. */
static void run(struct fake_job *job, uint32_t seed)
{
	struct program program = { .job = job, .now_ns = (1ull << 40) - 1000000 };

	random_state = seed;
	for (int i = 0; i < STEPS; i++) {
		uint32_t what = below(100);

		if (what < 50)
			enter(&program);
		else if (what < 96)
			leave(&program);
		else if (what == 96 && program.depth > 3)
			program.depth -= 1 + below(3);
		else if (what == 97)
			put(&program, true, below(FUNCTIONS), STACK - 16 * below(80));
		else if (what == 98)
			put(&program, below(2), UNKNOWN + below(FUNCTIONS), STACK - 16 * below(80));
	}
	CHECK_EQ(job->threads[0].dropped, 0);
}

/* --- the two ways ------------------------------------------------------------------------------- */

static void long_way(struct stage *stage)
{
	struct jem_traced_thread *thread = &stage->traced->threads[0];
	struct jem_ring_entry entry;

	thread->tid = stage->job.threads[0].tid;
	CHECK(jem_ring_read_begin(&stage->traced->rings, 0) > 0);
	while (jem_ring_read_next(&stage->traced->rings, 0, &entry) > 0)
		CHECK_OK(jem_traced_record(stage->traced, thread, &entry, true));
}

static void take(struct stage *stage, struct jem_buf *ret)
{
	uint64_t base_ns;
	uint64_t n;

	CHECK_EQ(stage->taken, 0);
	jem_buf_init(ret, 0);
	CHECK_OK(jem_rows_take(stage->shared.rows, &base_ns, &n, ret));
	jem_buf_add(ret, &base_ns, sizeof(base_ns));
	jem_buf_add(ret, &n, sizeof(n));
}

CASE(makes_the_same_rows_as_the_long_way)
{
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		struct stage *of_long = stage_open();
		struct stage *of_short = stage_open();
		struct jem_buf rows_of_long;
		struct jem_buf rows_of_short;

		run(&of_long->job, seed);
		run(&of_short->job, seed);
		long_way(of_long);
		CHECK(jem_traced_drain(of_short->traced) > 0);
		CHECK_EQ(of_short->traced->rows, of_long->traced->rows);
		CHECK_EQ(of_short->traced->threads[0].pairing.unwound,
			 of_long->traced->threads[0].pairing.unwound);
		take(of_long, &rows_of_long);
		take(of_short, &rows_of_short);
		CHECK_EQ(rows_of_short.len, rows_of_long.len);
		CHECK(!memcmp(rows_of_short.data, rows_of_long.data, rows_of_long.len));
		jem_buf_deinit(&rows_of_long);
		jem_buf_deinit(&rows_of_short);
		stage_close(of_long);
		stage_close(of_short);
	}
}

/* What a usual program does goes the short way, once its sites and callers are known. */
CASE(takes_what_is_usual)
{
	struct stage *stage = stage_open();
	struct program program = { .job = &stage->job, .now_ns = (1ull << 40) - 1000000 };
	uint32_t count;

	for (int pass = 0; pass < 2; pass++) {
		for (unsigned function = 0; function < 4; function++)
			fake_record(&stage->job, 0, false, 2 * function + 1, FAKE_BIAS + 0x2000,
				    STACK - 16 * function, program.now_ns++, NULL, NULL);
		for (unsigned function = 4; function-- > 0;)
			fake_record(&stage->job, 0, true, 2 * function + 2, 0,
				    STACK - 16 * function, program.now_ns++, NULL, NULL);
		if (!pass)
			CHECK(jem_traced_drain(stage->traced) > 0);
	}
	CHECK(jem_ring_read_begin(&stage->traced->rings, 0) > 0);
	count = jem_traced_plain(stage->traced, 0, 100);
	/* The last exit is shorter than what has to be there for the short way. */
	CHECK_EQ(count, 7);
	stage_close(stage);
}

CASE(leaves_records_in_the_ring_while_it_is_held_up)
{
	struct stage *stage = stage_open();
	uint64_t head;

	run(&stage->job, 1);
	head = stage->job.threads[0].head;
	stage->is_held_up = true;
	CHECK(jem_traced_drain(stage->traced) > 0);
	CHECK_GE(stage->traced->rows, 1);
	CHECK(stage->job.threads[0].tail > 0 && stage->job.threads[0].tail < head);
	CHECK(jem_traced_drain(stage->traced) > 0);
	CHECK_EQ(stage->job.threads[0].tail, head);
	CHECK_EQ(stage->traced->rows, stage->job.threads[0].written);
	stage_close(stage);
}

TESTS(T(makes_the_same_rows_as_the_long_way), T(takes_what_is_usual),
      T(leaves_records_in_the_ring_while_it_is_held_up))
