/* SPDX-License-Identifier: Apache-2.0 */
/* What the receiver makes of calls and profiles: calls.log, profile.csv, drawings, page. */
#include "common/cleanup.h"
#include "tests/unit/call_batch.h"
#include "tests/unit/check.h"
#include "tests/unit/feeder.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct feeder feeder;

static uint64_t send_head(struct jem_head *head, const char *records)
{
	struct jem_buf body;
	uint64_t ticket;

	jem_buf_init(&body, 0);
	call_batch_encode(head, records, &body);
	ticket = feeder_send_body(&feeder, "jem.site.user.job.node.call", body.data, body.len);
	jem_buf_deinit(&body);
	return ticket;
}

static uint64_t send_calls(uint64_t seq, uint64_t first, const char *records)
{
	struct jem_head head = feeder_head(JEM_KIND_call, seq, first, 0);

	return send_head(&head, records);
}

/* A record; `rest` begins with a comma or is "". */
static const char *call(const char *event, unsigned tid, unsigned depth, const char *function,
			unsigned ms, const char *rest)
{
	static char texts[16][400];
	static unsigned next;
	char *text = texts[next++ % 16];

	snprintf(text, sizeof(texts[0]),
		 "{\"dt_ns\":%u,\"pid\":1,\"tid\":%u,\"event\":\"%s\",\"depth\":%u,"
		 "\"function\":\"%s\"%s}",
		 ms * 1000000, tid, event, depth, function, rest);
	return text;
}

static char *join(char ret[4000], size_t count, ...)
{
	va_list args;
	size_t len = 1;

	strcpy(ret, "[");
	va_start(args, count);
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(ret + len, 4000 - len, "%s%s", i ? "," : "",
					va_arg(args, const char *));
	va_end(args);
	snprintf(ret + len, 4000 - len, "]");
	return ret;
}

static void begin(void)
{
	feeder_init(&feeder);
	feeder_open(&feeder);
}

/* The lines of calls.log without their times. */
static void check_log(const char *wanted)
{
	char *text = feeder_read(&feeder, "calls.log");
	struct jem_buf lines;

	CHECK(text);
	jem_buf_init(&lines, 0);
	for (char *line = text; *line; line = strchr(line, '\n') + 1) {
		CHECK(strchr(line, '\n') - line > 24);
		jem_buf_add(&lines, line + 24, (size_t)(strchr(line, '\n') + 1 - line) - 24);
	}
	CHECK_STR(jem_buf_cstr(&lines), wanted);
	jem_buf_deinit(&lines);
	free(text);
}

CASE(writes_calls_as_an_indented_tree)
{
	char records[4000];
	char *text;

	begin();
	send_calls(0, 0,
		   join(records, 7,
			call("enter", 1, 0, "main", 0, ",\"file\":\"/m.cc\",\"line\":9"),
			call("enter", 2, 0, "thread", 1, ""), call("enter", 1, 1, "leaf", 2, ""),
			call("exit", 2, 0, "thread", 3, ",\"duration_ns\":2000000"),
			call("exit", 1, 1, "leaf", 4, ",\"duration_ns\":1500"),
			call("enter", 1, 1, "waits", 5, ""), call("enter", 3, 0, "last", 6, "")));
	CHECK_EQ(
		feeder_wait(&feeder, send_calls(1, 7,
						join(records, 2, call("exit", 1, 1, "waits", 7, ""),
						     call("exit", 1, 0, "main", 8, "")))),
		JEM_OUTCOME_ACCEPTED);
	feeder_close(&feeder);
	check_log("1/1  main()  m.cc:9\n"
		  "1/2  thread()  2.00 ms\n"
		  "1/1    leaf()  1.50 us\n"
		  "1/1    waits()\n"
		  "1/3  last()\n"
		  "1/1    <- waits\n"
		  "1/1  <- main\n");
	text = feeder_read(&feeder, "calls.log");
	CHECK(!strncmp(text, "2023-11-14 22:13:20.000 1/1  main()", 35));
	free(text);
	feeder_deinit(&feeder);
}

CASE(tells_losses_and_notes_in_lines_of_their_own)
{
	struct jem_head head;
	char records[4000];

	begin();
	send_calls(0, 0, join(records, 1, call("enter", 1, 0, "a", 0, "")));
	head = feeder_head(JEM_KIND_call, 3, 50, 0);
	head.dropped[JEM_CAUSE_queue_full] = 17;
	send_head(&head, join(records, 1,
			      call("exit", 1, 0, "a", 1, ",\"note\":\"ended without an exit\"")));
	head = feeder_head(JEM_KIND_call, 4, 51, 0);
	head.dropped[JEM_CAUSE_queue_full] = 17;
	send_head(&head, join(records, 2,
			      call("enter", 1, 0, "c", 1, ",\"note\":\"ended without an exit\""),
			      call("exit", 1, 0, "c", 1, ",\"note\":\"ended without an exit\"")));
	head = feeder_head(JEM_KIND_call, 5, 53, 0);
	head.dropped[JEM_CAUSE_queue_full] = 17;
	feeder_wait(&feeder, send_head(&head, join(records, 1, call("enter", 1, 0, "b", 2, ""))));
	feeder_close(&feeder);
	check_log("1/1  a()\n"
		  "-- 2 batches are missing before this\n"
		  "-- 17 records were dropped before this (queue_full)\n"
		  "1/1  -- ended without an exit\n"
		  "1/1  <- a\n"
		  "1/1  c()\n"
		  "1/1  b()\n");
	feeder_deinit(&feeder);
}

/* Every row once, in whatever state the receiver was left. */
CASE(is_made_again_after_a_crash)
{
	static const char wanted[] = "1/1  f0()\n1/1  f1()\n1/1  f2()\n";
	char path[400];
	char records[4000];

	begin();
	for (unsigned i = 0; i < 3; i++) {
		char name[8];

		snprintf(name, sizeof(name), "f%u", i);
		feeder_wait(&feeder,
			    send_calls(i, i, join(records, 1, call("enter", 1, 0, name, i, ""))));
	}
	feeder_close(&feeder);
	check_log(wanted);
	snprintf(path, sizeof(path), "%s/site/user/job/calls.log", feeder.out);
	/* Lines behind the checkpoint, of batches that are not in data/. */
	for (int i = 0; i < 2; i++) {
		int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

		CHECK_EQ(write(fd, "2023-11-14 22:13:20.000 1/1  torn", 33), 33);
		close(fd);
		if (i) {
			char streams[400];

			snprintf(streams, sizeof(streams), "%s/site/user/job/streams.json",
				 feeder.out);
			CHECK_OK(unlink(streams));
		}
		feeder_open(&feeder);
		feeder_wait(&feeder,
			    send_calls(2, 2, join(records, 1, call("enter", 1, 0, "f2", 2, ""))));
		CHECK_EQ(jem_receiver_stats(feeder.receiver).duplicates, 1);
		feeder_close(&feeder);
		check_log(wanted);
	}
	feeder_deinit(&feeder);
}

/* A batch that could not be written comes again, and its lines with it. */
CASE(has_no_lines_of_batches_that_were_not_written)
{
	char records[4000];
	char data[400];
	struct rlimit limit;
	struct rlimit old;
	struct stat st;
	uint64_t ticket;

	begin();
	feeder_wait(&feeder, send_calls(0, 0, join(records, 1, call("enter", 1, 0, "a", 0, ""))));
	snprintf(data, sizeof(data), "%s/site/user/job/data/call.cbors.zst", feeder.out);
	CHECK_OK(stat(data, &st));
	signal(SIGXFSZ, SIG_IGN);
	CHECK_OK(getrlimit(RLIMIT_FSIZE, &old));
	limit = (struct rlimit){ (rlim_t)st.st_size + 50, old.rlim_max };
	CHECK_OK(setrlimit(RLIMIT_FSIZE, &limit)); /* calls.log is smaller */
	ticket = send_calls(1, 1, join(records, 1, call("enter", 1, 0, "b", 1, "")));
	CHECK_EQ(feeder_wait(&feeder, ticket), JEM_OUTCOME_RELEASED);
	CHECK_OK(setrlimit(RLIMIT_FSIZE, &old));
	jem_receiver_finish(feeder.receiver, 0);
	feeder_close(&feeder);
	check_log("1/1  a()\n");
	feeder_open(&feeder);
	ticket = send_calls(1, 1, join(records, 1, call("enter", 1, 0, "b", 1, "")));
	CHECK_EQ(feeder_wait(&feeder, ticket), JEM_OUTCOME_ACCEPTED);
	feeder_close(&feeder);
	check_log("1/1  a()\n1/1  b()\n");
	feeder_deinit(&feeder);
}

/* --- many at once ----------------------------------------------------------------------------- */

enum {
	MANY_BATCHES = 30,
	MANY_ROWS = 1000
};

/* Calls, one after the other, each with its number for a name; without a pass of the loop. */
static uint64_t send_many(unsigned from, unsigned to)
{
	uint64_t ticket = 0;

	for (unsigned seq = from; seq < to; seq++) {
		struct jem_buf records;

		jem_buf_init(&records, 0);
		for (unsigned i = 0; i < MANY_ROWS; i++)
			jem_buf_printf(&records,
				       "%s{\"dt_ns\":%u,\"pid\":1,\"tid\":1,\"event\":\"enter\","
				       "\"depth\":0,\"function\":\"n%u\"}",
				       i ? "," : "[", i, seq * MANY_ROWS + i);
		jem_buf_add_char(&records, ']');
		ticket = send_calls(seq, (uint64_t)seq * MANY_ROWS, jem_buf_cstr(&records));
		jem_buf_deinit(&records);
	}
	return ticket;
}

/* calls.log has each of the first `count` calls once, in order. */
static void check_many(unsigned count)
{
	char *text = feeder_read(&feeder, "calls.log");
	const char *at = text;
	unsigned lines = 0;

	CHECK(text);
	for (; (at = strchr(at, 'n')); lines++) {
		CHECK_EQ(strtoul(at + 1, NULL, 10), lines);
		at = strchr(at, '\n') + 1;
	}
	CHECK_EQ(lines, count);
	free(text);
}

static uint64_t behind(void)
{
	return jem_receiver_stats(feeder.receiver).behind;
}

CASE(puts_lines_off_where_many_come_at_once)
{
	uint64_t ticket;
	int passes = 0;

	begin();
	ticket = send_many(0, MANY_BATCHES);
	jem_receiver_flush(feeder.receiver);
	CHECK_EQ(feeder.outcomes[ticket], JEM_OUTCOME_ACCEPTED);
	CHECK_EQ(behind(), 1);
	/* What comes meanwhile has its turn after them. */
	send_many(MANY_BATCHES, MANY_BATCHES + 1);
	while (behind() && passes++ < 10000)
		feeder_pass(&feeder);
	CHECK_EQ(behind(), 0);
	ticket = send_many(MANY_BATCHES + 1, MANY_BATCHES + 2);
	CHECK_EQ(behind(), 0);
	CHECK_EQ(feeder_wait(&feeder, ticket), JEM_OUTCOME_ACCEPTED);
	feeder_close(&feeder);
	check_many((MANY_BATCHES + 2) * MANY_ROWS);
	feeder_deinit(&feeder);
}

/* The end does not wait for passes of the loop. */
CASE(makes_lines_that_were_put_off_at_the_end)
{
	begin();
	send_many(0, MANY_BATCHES);
	jem_receiver_flush(feeder.receiver);
	CHECK_EQ(behind(), 1);
	feeder_close(&feeder);
	check_many(MANY_BATCHES * MANY_ROWS);
	feeder_deinit(&feeder);
}

/* In another process, which is killed while it is behind; `passes`: how far it has caught up by then. */
static void be_killed_behind(int passes)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		begin();
		send_many(0, MANY_BATCHES);
		jem_receiver_flush(feeder.receiver);
		for (int i = 0; i < passes; i++)
			feeder_pass(&feeder);
		/* A new stream makes a checkpoint. */
		feeder_send_lines(&feeder, 0, 0, 1);
		jem_receiver_flush(feeder.receiver);
		_exit(behind() ? 7 : 8);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 7);
}

CASE(makes_lines_that_were_put_off_after_a_crash)
{
	for (int passes = 0; passes < 3; passes++) {
		/* The same folder, whose name the case has: made anew. */
		char command[400];

		be_killed_behind(passes);
		begin();
		send_many(MANY_BATCHES - 1, MANY_BATCHES + 1);
		jem_receiver_flush(feeder.receiver);
		CHECK_EQ(jem_receiver_stats(feeder.receiver).duplicates, 1);
		feeder_close(&feeder);
		check_many((MANY_BATCHES + 1) * MANY_ROWS);
		snprintf(command, sizeof(command), "rm -rf '%s/site'", feeder.out);
		CHECK_EQ(system(command), 0);
		feeder_deinit(&feeder);
	}
}

/* A write that fails: what was put off in it comes again, and is not there twice. */
CASE(puts_off_nothing_that_was_not_written)
{
	struct rlimit limit;
	struct rlimit old;
	uint64_t ticket;

	begin();
	feeder_wait(&feeder, send_many(0, 1));
	signal(SIGXFSZ, SIG_IGN);
	CHECK_OK(getrlimit(RLIMIT_FSIZE, &old));
	limit = (struct rlimit){ 3000, old.rlim_max };
	CHECK_OK(setrlimit(RLIMIT_FSIZE, &limit));
	ticket = send_many(1, MANY_BATCHES);
	CHECK_EQ(behind(), 1);
	CHECK_EQ(feeder_wait(&feeder, ticket), JEM_OUTCOME_RELEASED);
	CHECK_EQ(behind(), 0);
	CHECK_OK(setrlimit(RLIMIT_FSIZE, &old));
	feeder_close(&feeder);
	feeder_open(&feeder);
	CHECK_EQ(feeder_wait(&feeder, send_many(1, MANY_BATCHES)), JEM_OUTCOME_ACCEPTED);
	feeder_close(&feeder);
	check_many(MANY_BATCHES * MANY_ROWS);
	feeder_deinit(&feeder);
}

static void send_profile(uint64_t seq, uint64_t self_ns)
{
	struct jem_head head = feeder_head(JEM_KIND_profile, seq, 2 * seq, 2);
	char records[1000];

	snprintf(records, sizeof(records),
		 "{\"dt_ns\":0,\"lang\":\"c\",\"function\":\"f\",\"file\":\"f.cc\",\"line\":1,"
		 "\"calls\":2,\"returns\":2,\"total_ns\":%" PRIu64 ",\"self_ns\":%" PRIu64
		 ",\"min_ns\":1,\"max_ns\":9},{\"dt_ns\":0,\"lang\":\"c\",\"function\":\"f\","
		 "\"node\":1,\"parent\":0,\"calls\":2,\"total_ns\":%" PRIu64 ",\"self_ns\":%" PRIu64
		 "}",
		 self_ns, self_ns, self_ns, self_ns);
	feeder_wait(&feeder, feeder_send(&feeder, &head, records));
}

static void check_part(const char *name, const char *part)
{
	char *text = feeder_read(&feeder, name);

	CHECK_CONTAINS(text, part);
	free(text);
}

CASE(writes_profile_and_graphs_also_after_a_crash)
{
	char path[400];
	char records[4000];

	begin();
	send_profile(0, 10);
	send_profile(1, 20);
	feeder_wait(&feeder,
		    send_calls(0, 0,
			       join(records, 2, call("enter", 1, 0, "<b>f", 0, ""),
				    call("exit", 1, 0, "<b>f", 9, ",\"duration_ns\":9000000"))));
	jem_receiver_finish(feeder.receiver, 0);
	feeder_close(&feeder);
	for (int i = 0; i < 2; i++) {
		check_part("profile.csv", "\nf,f.cc,1,2,20,20,1,9\n");
		check_part("graphs/flame.svg", "data-n=\"f\"");
		check_part("graphs/flame.svg", "]]></script>");
		check_part("graphs/calls.svg", "&lt;b&gt;f");
		check_part("index.html", "id=\"calls\"");
		check_part("index.html", "&lt;b&gt;f()");
		snprintf(path, sizeof(path), "%s/site/user/job/profile.csv", feeder.out);
		CHECK_OK(unlink(path));
		feeder_open(&feeder);
		send_profile(1, 20); /* a duplicate: the recording is opened */
		jem_receiver_finish(feeder.receiver, 0);
		feeder_close(&feeder);
	}
	feeder_deinit(&feeder);
}

CASE(calls_log_keeps_to_the_bound_of_the_folder)
{
	static char records[200000];
	char *log;

	feeder_init(&feeder);
	feeder_set(&feeder, "report", "max_bytes", "1MiB");
	feeder_open(&feeder);
	for (uint64_t seq = 0; seq < 120; seq++) {
		size_t len = 1;

		strcpy(records, "[");
		for (unsigned i = 0; i < 500; i++)
			len += (size_t)snprintf(
				records + len, sizeof(records) - len,
				"%s{\"dt_ns\":%u,\"pid\":1,\"tid\":1,\"event\":\"enter\",\"depth\":"
				"%u,\"function\":\"f%" PRIu64 "\",\"line\":%" PRIu64 "}",
				i ? "," : "", i, i % 30, (seq * 7919 + i * 104729) % 9973,
				(seq + i) * 2654435761u % 100000);
		snprintf(records + len, sizeof(records) - len, "]");
		feeder_wait(&feeder, send_calls(seq, seq * 500, records));
	}
	jem_receiver_finish(feeder.receiver, 0);
	feeder_close(&feeder);
	log = feeder_read(&feeder, "job.log");
	CHECK_CONTAINS(log, "gap: the beginning of calls.log was removed");
	free(log);
	log = feeder_read(&feeder, "calls.log");
	CHECK(log && strlen(log) < 600000);
	free(log);
	feeder_deinit(&feeder);
}

CASE(writes_none_where_they_are_not_asked_for)
{
	char records[4000];

	feeder_init(&feeder);
	feeder_set(&feeder, "receiver", "files", "data");
	feeder_open(&feeder);
	send_profile(0, 10);
	feeder_wait(&feeder, send_calls(0, 0, join(records, 1, call("enter", 1, 0, "a", 0, ""))));
	feeder_close(&feeder);
	CHECK(!feeder_read(&feeder, "calls.log"));
	CHECK(!feeder_read(&feeder, "profile.csv"));
	check_part("data/profile.jsonl", "\"function\":\"f\"");
	feeder_deinit(&feeder);
}

TESTS(T(writes_calls_as_an_indented_tree), T(tells_losses_and_notes_in_lines_of_their_own),
      T(is_made_again_after_a_crash), T(has_no_lines_of_batches_that_were_not_written),
      T(puts_lines_off_where_many_come_at_once), T(makes_lines_that_were_put_off_at_the_end),
      T(makes_lines_that_were_put_off_after_a_crash), T(puts_off_nothing_that_was_not_written),
      T(writes_profile_and_graphs_also_after_a_crash),
      T(calls_log_keeps_to_the_bound_of_the_folder), T(writes_none_where_they_are_not_asked_for))
