/* SPDX-License-Identifier: Apache-2.0 */
/* The source of calls, against a job that fills its rings by hand and a jem-symbols that is a script. */
#include "tests/unit/bench.h"
#include "tests/unit/check.h"
#include "tests/unit/fake_job.h"
#include "tests/unit/image_maker.h"

#include "common/columns.h"
#include "common/local_socket.h"
#include "daemon/sources/calls/calls_source.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Sites of the made-up program: f calls g; both have an enter and an exit. */
enum {
	F_ENTER = 0x1010,
	F_CALLS_G = 0x1030,
	F_EXIT = 0x1040,
	G_ENTER = 0x2010,
	G_EXIT = 0x2040,
	TEXT_START = 0x1000,
	TEXT_END = 0x9000,
	TRIES = 20000 /* passes of the loop, of a millisecond each, for an event */
};

struct stage {
	struct bench *bench;
	struct jem_config *config;
	struct jem_calls_source *source;
	struct fake_job job;
	char address[128], program[128], log[128];
	uv_timer_t tick; /* the loop has to come round while a thread works */
	bool is_settled;
	struct jem_buf rows; /* all rows so far, a line of JSON each */
	struct jem_buf status, profile;
	size_t read; /* batches that are in them */
};

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

/* A script in place of jem-symbols: notes its words, and hands out the image. */
static void write_program(struct stage *stage, bool has_slots)
{
	struct image_maker maker;
	struct image_types types;
	char path[128];
	FILE *file;
	uint8_t *bytes;
	size_t len;

	image_maker_init(&maker);
	types = image_basic_types(&maker);
	image_function(&maker, "ns::f", JEM_FUNCTION_INCLUDED);
	image_function(&maker, "ns::g", 0);
	if (has_slots)
		image_slot(&maker, "n",
			   (struct jem_image_slot){ .role = JEM_SLOT_ARGUMENT,
						    .type = types.int_,
						    .words = 1,
						    .size = 4 });
	image_site(&maker, (struct jem_image_site){
				   .pc = F_ENTER, .function = 1, .fixed_words = has_slots });
	image_site(&maker,
		   (struct jem_image_site){ .pc = F_EXIT, .function = 1, .flags = JEM_SITE_EXIT });
	image_site(&maker, (struct jem_image_site){ .pc = G_ENTER, .function = 2 });
	image_site(&maker,
		   (struct jem_image_site){ .pc = G_EXIT, .function = 2, .flags = JEM_SITE_EXIT });
	image_callsite(&maker,
		       (struct jem_image_callsite){ .pc = F_CALLS_G, .function = 1, .line = 33 });
	bytes = image_make(&maker, &len, NULL);
	snprintf(path, sizeof(path), "%s/image", check_folder());
	file = fopen(path, "we");
	CHECK(file && fwrite(bytes, 1, len, file) == len && !fclose(file));
	free(bytes);
	image_maker_deinit(&maker);
	file = fopen(stage->program, "we");
	CHECK(file);
	fprintf(file, "#!/bin/sh\necho \"$@\" >>%s\nexec cat %s >&4\n", stage->log, path);
	CHECK(!fclose(file));
	CHECK_OK(chmod(stage->program, 0700));
}

static void stage_open(struct stage *stage, const char *const *settings, pid_t pid)
{
	struct jem_calls_options options = {
		.config = NULL,
		.pid = pid,
		.is_launched = true,
		.address = stage->address,
		.symbols = stage->program,
	};

	memset(stage, 0, sizeof(*stage));
	snprintf(stage->address, sizeof(stage->address), "%s/calls.sock", check_folder());
	snprintf(stage->program, sizeof(stage->program), "%s/symbols", check_folder());
	snprintf(stage->log, sizeof(stage->log), "%s/words", check_folder());
	write_program(stage, true);
	stage->bench = bench_open();
	uv_timer_init(&stage->bench->loop, &stage->tick);
	uv_timer_start(&stage->tick, on_tick, 1, 1);
	CHECK_OK(jem_config_create(&stage->config));
	for (; *settings; settings++)
		CHECK_OK(jem_config_set_assignment(stage->config, JEM_RANK_COMMAND_LINE, "test",
						   *settings, NULL));
	jem_buf_init(&stage->rows, 0);
	jem_buf_init(&stage->status, 0);
	jem_buf_init(&stage->profile, 0);
	options.loop = &stage->bench->loop;
	options.batcher = stage->bench->batcher;
	options.config = stage->config;
	CHECK(jem_calls_source_is_wanted(stage->config));
	CHECK_OK(jem_calls_source_create(&options, &stage->source));
	fake_job_open(&stage->job);
}

static const char *const defaults[] = { "calls.include=ns::f", NULL };
static const char *const with_values[] = { "calls.include=ns::f", "calls.values=yes", NULL };

/* What came since the last look, as lines. */
static void stage_read(struct stage *stage)
{
	struct jem_columns columns;

	jem_columns_init(&columns);
	for (; stage->read < stage->bench->count; stage->read++) {
		const struct jem_batch *batch = stage->bench->batches[stage->read];
		struct jem_head head;
		struct jem_err err;

		if (batch->head.kind == JEM_KIND_status || batch->head.kind == JEM_KIND_profile) {
			struct jem_buf *to = batch->head.kind == JEM_KIND_status ? &stage->status
										 : &stage->profile;

			jem_buf_add(to, batch->body, batch->len);
			jem_buf_add_char(to, '\n');
			continue;
		}
		CHECK_EQ(batch->head.kind, JEM_KIND_call);
		if (jem_columns_decode(&columns, batch->body, batch->len, &head, &err) < 0)
			check_fail(__FILE__, __LINE__, "%s", err.text);
		for (uint64_t i = 0; i < head.n; i++) {
			jem_columns_row(&columns, i, &stage->rows);
			jem_buf_add_char(&stage->rows, '\n');
		}
	}
	jem_columns_deinit(&columns);
}

static unsigned count(struct jem_buf *buf, const char *text)
{
	unsigned n = 0;

	for (const char *at = jem_buf_cstr(buf); (at = strstr(at, text)); at++)
		n++;
	return n;
}

/* Runs the loop until `condition` holds; fails when it never does. */
#define RUN_UNTIL(stage, condition)                                                                \
	do {                                                                                       \
		for (int i_ = 0; i_ < TRIES; i_++) {                                               \
			uv_run(&(stage)->bench->loop, UV_RUN_ONCE);                                \
			jem_batcher_flush_all((stage)->bench->batcher);                            \
			stage_read(stage);                                                         \
			if (condition)                                                             \
				break;                                                             \
		}                                                                                  \
		if (!(condition))                                                                  \
			check_fail(__FILE__, __LINE__, "never: %s\n# rows: %s\n# status: %s",      \
				   #condition, jem_buf_cstr(&(stage)->rows),                       \
				   jem_buf_cstr(&(stage)->status));                                \
	} while (0)

static void on_settled(void *arg)
{
	struct stage *stage = arg;

	CHECK(!stage->is_settled);
	stage->is_settled = true;
}

static void stage_settle(struct stage *stage, uint64_t seconds)
{
	jem_calls_source_settle(stage->source, jem_now_ns() + seconds * 1000000000, on_settled,
				stage);
	RUN_UNTIL(stage, stage->is_settled);
}

static void stage_close(struct stage *stage)
{
	const struct jem_account *account =
		jem_batcher_account(stage->bench->batcher, JEM_KIND_call);

	jem_calls_source_stop(stage->source);
	CHECK(jem_account_is_balanced(account));
	jem_calls_source_destroy(stage->source);
	uv_close((uv_handle_t *)&stage->tick, NULL);
	uv_run(&stage->bench->loop, UV_RUN_NOWAIT);
	fake_job_close(&stage->job);
	jem_config_destroy(stage->config);
	jem_buf_deinit(&stage->rows);
	jem_buf_deinit(&stage->status);
	jem_buf_deinit(&stage->profile);
	bench_close(stage->bench);
}

static void say_hello(struct stage *stage)
{
	fake_module(&stage->job, 0, "/proc/self/exe", FAKE_BIAS + TEXT_START, FAKE_BIAS + TEXT_END);
	fake_hello(&stage->job, stage->address, NULL, 0);
}

/* f calls g and both return, at times t .. t + 30. */
static void unknown_calls(struct fake_job *job, unsigned thread, uint64_t t)
{
	fake_unknown(job, thread, false, FAKE_BIAS + F_ENTER, 0x77, 0x7000, t);
	fake_unknown(job, thread, false, FAKE_BIAS + G_ENTER, FAKE_BIAS + F_CALLS_G, 0x6000,
		     t + 10);
	fake_unknown(job, thread, true, FAKE_BIAS + G_EXIT, FAKE_BIAS + F_CALLS_G, 0x6000, t + 20);
	fake_unknown(job, thread, true, FAKE_BIAS + F_EXIT, 0x77, 0x7000, t + 30);
}

CASE(names_and_selects_what_was_recorded_before_the_plan)
{
	struct stage stage;

	stage_open(&stage, defaults, 0);
	unknown_calls(&stage.job, 0, 1000);
	unknown_calls(&stage.job, 2, 5000);
	say_hello(&stage);
	RUN_UNTIL(&stage, count(&stage.rows, "\n") == 4);
	stage_settle(&stage, 10);
	CHECK_EQ(count(&stage.rows, "\"function\":\"ns::f\""), 4);
	CHECK_EQ(count(&stage.rows, "\"event\":\"enter\",\"depth\":0"), 2);
	CHECK_EQ(count(&stage.rows, "\"duration_ns\":30"), 2);
	CHECK_EQ(count(&stage.rows, "not yet planned"), 0); /* nobody asked for values */
	/* No tree of the process has these calls. */
	CHECK_EQ(count(&stage.profile, "\"function\":\"ns::f\",\"file\":\"/src/a.c\",\"line\":7,"
				       "\"calls\":2,\"returns\":2,\"recorded\":2,\"total_ns\":60,"
				       "\"self_ns\":60,\"min_ns\":30,\"max_ns\":30"),
		 1);
	CHECK_EQ(count(&stage.status, "\"what\":\"calls\",\"level\":\"calls\""), 1);
	stage_close(&stage);
}

CASE(plans_what_is_included_and_pairs_what_comes_by_it)
{
	const struct jem_plan_site *site;
	struct stage stage;

	stage_open(&stage, with_values, 0);
	unknown_calls(&stage.job, 0, 1000);
	say_hello(&stage);
	RUN_UNTIL(&stage, fake_state(&stage.job) & JEM_PLAN_COMPLETE);
	CHECK(fake_state(&stage.job) & JEM_PLAN_VALUES);
	CHECK(!(fake_state(&stage.job) & JEM_PLAN_OFF));
	site = fake_find(&stage.job, FAKE_BIAS + G_ENTER);
	CHECK(site && !(site->flags & JEM_SITE_INCLUDED));
	site = fake_find(&stage.job, FAKE_BIAS + F_ENTER);
	CHECK(site && (site->flags & JEM_SITE_INCLUDED));
	RUN_UNTIL(&stage, count(&stage.rows, "\n") == 2);
	CHECK_EQ(count(&stage.rows, "values are not yet planned"), 2);
	fake_record(&stage.job, 0, false, site->site, FAKE_BIAS + F_CALLS_G, 0x5000, 3000,
		    &(struct jem_ring_parts){ .site_words = 2 }, (uint64_t[]){ 0, 42 });
	site = fake_find(&stage.job, FAKE_BIAS + F_EXIT);
	fake_record(&stage.job, 0, true, site->site, 0, 0x5000, 3500, NULL, NULL);
	stage_settle(&stage, 10);
	CHECK_EQ(count(&stage.rows, "\n"), 4);
	CHECK_EQ(count(&stage.rows, "\"duration_ns\":500"), 1);
	CHECK_EQ(count(&stage.rows, "\"caller\":{\"function\":\"ns::f\",\"line\":33}"), 1);
	CHECK_EQ(count(&stage.rows, "\"args\":[{\"name\":\"n\",\"type\":\"int\",\"value\":42}]"),
		 1);
	stage_close(&stage);
}

/* A process of its own, killed in the middle: what is in its rings comes all the same. */
CASE(delivers_what_a_killed_process_left)
{
	struct stage stage;
	int ready[2];
	char word;
	pid_t child;

	stage_open(&stage, defaults, 0);
	CHECK_OK(pipe2(ready, O_CLOEXEC));
	child = fork();
	if (child == 0) {
		fake_module(&stage.job, 0, "/proc/self/exe", FAKE_BIAS + TEXT_START,
			    FAKE_BIAS + TEXT_END);
		fake_hello(&stage.job, stage.address, NULL, 0);
		for (unsigned i = 0; i < 300; i++)
			unknown_calls(&stage.job, i % FAKE_THREADS, 1000 + i * 100);
		fake_unknown(&stage.job, 1, false, FAKE_BIAS + F_ENTER, 0x77, 0x7000, 99000);
		CHECK_EQ(write(ready[1], "x", 1), 1);
		pause();
	}
	CHECK_EQ(read(ready[0], &word, 1), 1);
	kill(child, SIGKILL);
	CHECK_EQ(waitpid(child, NULL, 0), child);
	close(ready[0]);
	close(ready[1]);
	/* The loop has not even seen the hello yet. */
	stage_settle(&stage, 10);
	CHECK_EQ(count(&stage.rows, "\n"), 601);
	CHECK_EQ(count(&stage.rows, "\"event\":\"exit\""), 300);
	stage_close(&stage);
}

CASE(tells_losses_by_cause)
{
	struct jem_head head = { 0 };
	struct stage stage;

	stage_open(&stage, defaults, 0);
	stage.job.threads[0].seen = 12;
	stage.job.threads[0].dropped = 5;
	stage.job.threads[0].limited = 7;
	stage.job.header->calls_unslotted = 3;
	unknown_calls(&stage.job, 0, 1000);
	say_hello(&stage);
	RUN_UNTIL(&stage, count(&stage.rows, "\n") == 2);
	stage_settle(&stage, 10);
	jem_batcher_finish(stage.bench->batcher);
	for (size_t i = 0; i < stage.bench->count; i++)
		if (stage.bench->batches[i]->head.kind == JEM_KIND_call)
			head = stage.bench->batches[i]->head;
	CHECK(head.is_final);
	CHECK_EQ(head.dropped[JEM_CAUSE_queue_full], 5);
	CHECK_EQ(head.dropped[JEM_CAUSE_rate_limited], 7);
	CHECK_EQ(head.dropped[JEM_CAUSE_no_memory], 3);
	stage_close(&stage);
}

CASE(lives_on_when_a_job_scribbles_over_its_rings)
{
	struct stage stage;

	stage_open(&stage, defaults, 0);
	unknown_calls(&stage.job, 0, 1000);
	say_hello(&stage);
	RUN_UNTIL(&stage, count(&stage.rows, "\n") == 2);
	for (unsigned value = 0; value < 256; value += 15) {
		memset(stage.job.rings, (int)value, stage.job.rings_bytes);
		for (int i = 0; i < 20; i++)
			uv_run(&stage.bench->loop, UV_RUN_ONCE);
	}
	RUN_UNTIL(&stage, count(&stage.status, "has overwritten the records") == 1);
	/* Another process is none the worse. */
	fake_job_close(&stage.job);
	fake_job_open(&stage.job);
	unknown_calls(&stage.job, 0, 2000);
	say_hello(&stage);
	RUN_UNTIL(&stage, count(&stage.rows, "\n") >= 4);
	stage_settle(&stage, 10);
	stage_close(&stage);
}

CASE(publishes_no_number_that_a_reader_refuses)
{
	struct stage stage;

	stage_open(&stage, defaults, 0);
	for (unsigned i = 0; i < 64; i++)
		unknown_calls(&stage.job, 0, i < 63 ? 1ull << i : UINT64_MAX - 100);
	for (unsigned i = 0; i < FAKE_EDGES; i++)
		memset(&stage.job.edges[i].calls, 0xff, sizeof(*stage.job.edges) - 8);
	say_hello(&stage);
	RUN_UNTIL(&stage, fake_state(&stage.job) & JEM_PLAN_COMPLETE);
	stage.job.edges[0].function = fake_find(&stage.job, FAKE_BIAS + F_ENTER)->function;
	stage_settle(&stage, 10);
	CHECK_EQ(count(&stage.rows, "\n"), 128);
	CHECK_EQ(count(&stage.profile, "\"calls\":9007199254740991"), 3);
	stage_close(&stage);
}

CASE(refuses_files_that_could_fault)
{
	struct stage stage;
	int unsealed;
	int kept;

	stage_open(&stage, defaults, 0);
	unsealed = memfd_create("rings", MFD_CLOEXEC);
	CHECK_OK(ftruncate(unsealed, 1 << 20));
	kept = stage.job.rings_fd;
	stage.job.rings_fd = unsealed;
	say_hello(&stage);
	RUN_UNTIL(&stage, count(&stage.status, "not sealed against resizing") == 1);
	/* A sealed one whose header lies about its size. */
	stage.job.rings_fd = kept;
	stage.job.header->rings_offset = 1ull << 40;
	fake_hello(&stage.job, stage.address, NULL, 0);
	RUN_UNTIL(&stage, count(&stage.status, "is not traced") == 2);
	close(unsealed);
	stage_settle(&stage, 10);
	stage_close(&stage);
}

CASE(ends_the_earlier_program_of_a_process_at_its_exec)
{
	struct fake_job next;
	struct stage stage;

	stage_open(&stage, defaults, 0);
	unknown_calls(&stage.job, 0, 1000);
	say_hello(&stage);
	fake_job_open(&next);
	fake_module(&next, 0, "/proc/self/exe", FAKE_BIAS + TEXT_START, FAKE_BIAS + TEXT_END);
	unknown_calls(&next, 0, 2000);
	fake_hello(&next, stage.address, NULL, 0);
	RUN_UNTIL(&stage, count(&stage.rows, "\n") == 4);
	stage_settle(&stage, 10);
	fake_job_close(&next);
	stage_close(&stage);
}

static unsigned helpers(struct stage *stage)
{
	struct jem_buf words;
	FILE *file = fopen(stage->log, "re");
	unsigned lines = 0;
	int c;

	jem_buf_init(&words, 0);
	while (file && (c = getc(file)) != EOF)
		lines += c == '\n';
	if (file)
		fclose(file);
	return lines;
}

CASE(changes_what_is_traced_while_the_job_runs)
{
	const char include_g[] = "calls.include=ns::g";
	const char off[] = "calls.off=yes\0calls.limit=5";
	const char values[] = "calls.values=yes\0calls.include=ns::f\0calls.include=ns::g";
	const char wrong[] = "calls.memory=1MiB";
	const char bad[] = "calls.include=[";
	struct jem_err err;
	struct stage stage;

	stage_open(&stage, defaults, 0);
	unknown_calls(&stage.job, 0, 1000);
	say_hello(&stage);
	RUN_UNTIL(&stage, fake_state(&stage.job) & JEM_PLAN_COMPLETE);
	CHECK_EQ(helpers(&stage), 1);
	CHECK_OK(jem_calls_source_control(stage.source, include_g, sizeof(include_g), &err));
	RUN_UNTIL(&stage, fake_find(&stage.job, FAKE_BIAS + G_ENTER)->flags & JEM_SITE_INCLUDED);
	RUN_UNTIL(&stage, !(fake_find(&stage.job, FAKE_BIAS + F_ENTER)->flags & JEM_SITE_INCLUDED));
	RUN_UNTIL(&stage, helpers(&stage) == 2); /* plans are made for what was not included */
	CHECK_OK(jem_calls_source_control(stage.source, off, sizeof(off), &err));
	RUN_UNTIL(&stage, fake_state(&stage.job) & JEM_PLAN_OFF);
	CHECK_EQ(jem_calls_source_control(stage.source, wrong, sizeof(wrong), &err), -EINVAL);
	CHECK_CONTAINS(err.text, "calls.include");
	CHECK_EQ(jem_calls_source_control(stage.source, bad, sizeof(bad), &err), -EINVAL);
	CHECK_OK(jem_calls_source_control(stage.source, values, sizeof(values), &err));
	RUN_UNTIL(&stage, fake_state(&stage.job) & JEM_PLAN_VALUES);
	RUN_UNTIL(&stage, fake_find(&stage.job, FAKE_BIAS + F_ENTER)->flags & JEM_SITE_INCLUDED);
	CHECK(fake_find(&stage.job, FAKE_BIAS + G_ENTER)->flags & JEM_SITE_INCLUDED);
	CHECK(fake_state(&stage.job) & JEM_PLAN_OFF); /* what was set before stays */
	stage_settle(&stage, 10);
	stage_close(&stage);
}

CASE(hears_what_the_process_was_told_itself)
{
	const char told[] = "JEM_CALLS=ns::g\0JEM_CALLS_LIMIT=many";
	struct stage stage;

	stage_open(&stage, defaults, 0);
	unknown_calls(&stage.job, 0, 1000);
	fake_module(&stage.job, 0, "/proc/self/exe", FAKE_BIAS + TEXT_START, FAKE_BIAS + TEXT_END);
	fake_hello(&stage.job, stage.address, told, sizeof(told));
	RUN_UNTIL(&stage, count(&stage.rows, "\n") == 2);
	CHECK_EQ(count(&stage.rows, "\"function\":\"ns::g\""), 2);
	CHECK_EQ(count(&stage.status, "JEM_CALLS_LIMIT"), 1);
	stage_settle(&stage, 10);
	stage_close(&stage);
}

CASE(gives_addresses_where_symbols_fail)
{
	struct stage stage;
	FILE *file;

	stage_open(&stage, defaults, 0);
	file = fopen(stage.program, "we");
	fputs("#!/bin/sh\necho no image >&4\nkill -SEGV $$\n", file);
	fclose(file);
	unknown_calls(&stage.job, 0, 1000);
	say_hello(&stage);
	RUN_UNTIL(&stage, count(&stage.rows, "\n") == 4);
	CHECK_EQ(count(&stage.rows, "\"function\":\"0x5001010\""), 1);
	CHECK_EQ(count(&stage.rows, "\"duration_ns\":30"), 1); /* paired by their frames */
	CHECK_EQ(count(&stage.status, "the symbols could not be read"), 1);
	stage_settle(&stage, 10);
	stage_close(&stage);
}

CASE(waits_for_symbols_no_longer_than_it_may)
{
	struct jem_calls_account account;
	struct stage stage;
	FILE *file;

	stage_open(&stage, defaults, 0);
	file = fopen(stage.program, "we");
	fputs("#!/bin/sh\nexec sleep 50\n", file);
	fclose(file);
	unknown_calls(&stage.job, 0, 1000);
	say_hello(&stage);
	RUN_UNTIL(&stage, jem_calls_source_account(stage.source, &account) && account.processes);
	stage_settle(&stage, 0);
	CHECK_EQ(count(&stage.rows, "\n"), 4);
	CHECK_EQ(count(&stage.rows, "\"function\":\"0x5001010\""), 1);
	stage_close(&stage);
}

CASE(sums_the_trees_of_threads_into_a_profile)
{
	struct stage stage;
	uint32_t f;

	stage_open(&stage, defaults, 0);
	unknown_calls(&stage.job, 0, 1000);
	say_hello(&stage);
	RUN_UNTIL(&stage, fake_state(&stage.job) & JEM_PLAN_COMPLETE);
	f = fake_find(&stage.job, FAKE_BIAS + F_ENTER)->function;
	for (unsigned thread = 0; thread < 2; thread++) {
		stage.job.edges[thread * FAKE_EDGES + 3] = (struct jem_ring_edge){ .function = f,
										   .calls = 10,
										   .returns = 9,
										   .total = 900,
										   .self = 800,
										   .min = 50,
										   .max = 200,
										   .recorded = 2 };
		unknown_calls(&stage.job, thread, 2000);
	}
	stage_settle(&stage, 10);
	jem_batcher_flush_all(stage.bench->batcher);
	stage_read(&stage);
	CHECK_CONTAINS(jem_buf_cstr(&stage.profile),
		       "\"lang\":\"c\",\"function\":\"ns::f\",\"file\":\"/src/a.c\",\"line\":7,"
		       "\"calls\":23,\"returns\":21,\"recorded\":7,\"total_ns\":1890,"
		       "\"self_ns\":1690,\"min_ns\":30,\"max_ns\":200,\"callers\":[{");
	CHECK_CONTAINS(jem_buf_cstr(&stage.profile), "\"node\":1,\"parent\":0,");
	stage_close(&stage);
}

CASE(says_why_a_job_was_silent)
{
	struct stage stage;

	/* This very program has the hook's name in it. */
	stage_open(&stage, defaults, getpid());
	jem_calls_source_program(stage.source, "/proc/self/exe");
	stage_settle(&stage, 1);
	CHECK_EQ(count(&stage.status, "no process of it has reported"), 1);
	stage_close(&stage);

	stage_open(&stage, defaults, getpid());
	jem_calls_source_program(stage.source, "/bin/true");
	stage_settle(&stage, 1);
	CHECK_EQ(count(&stage.status, "/bin/true: the program was not built with"), 1);
	CHECK_EQ(count(&stage.status, "\"remedy\":\"build it with"), 1);
	stage_close(&stage);
}

TESTS(T(names_and_selects_what_was_recorded_before_the_plan),
      T(plans_what_is_included_and_pairs_what_comes_by_it), T(delivers_what_a_killed_process_left),
      T(tells_losses_by_cause), T(lives_on_when_a_job_scribbles_over_its_rings),
      T(publishes_no_number_that_a_reader_refuses), T(refuses_files_that_could_fault),
      T(ends_the_earlier_program_of_a_process_at_its_exec),
      T(changes_what_is_traced_while_the_job_runs), T(hears_what_the_process_was_told_itself),
      T(gives_addresses_where_symbols_fail), T(waits_for_symbols_no_longer_than_it_may),
      T(sums_the_trees_of_threads_into_a_profile), T(says_why_a_job_was_silent))
