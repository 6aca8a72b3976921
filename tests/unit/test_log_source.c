/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"
#include "tests/unit/log_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct log_bench bench;

static const struct log_bench_record *line(size_t i)
{
	return log_bench_get(&bench, JEM_KIND_log, i);
}

static void open_with(const char *files)
{
	log_bench_open(&bench);
	log_bench_set(&bench, "poll", "0.05");
	log_bench_set(&bench, "files", files);
}

static bool has_degraded(struct log_bench *b, size_t n)
{
	return log_bench_status(b, "degraded", "log") != NULL;
}

static bool has_alerts(struct log_bench *b, size_t n)
{
	return log_bench_count(b, JEM_KIND_alert) >= n;
}

static void rule(const char *name, const char *key, const char *value)
{
	struct jem_err err;

	if (jem_config_set_rule(bench.config, "test", name, key, value, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
}

CASE(follows_an_existing_file_from_its_end)
{
	open_with("a.log");
	log_bench_write("a.log", "w", "old\n");
	log_bench_start(&bench);
	log_bench_write("a.log", "a", "new 1\nnew 2\n");
	log_bench_wait(&bench, log_bench_has_lines, 2, "two lines");
	CHECK_STR(line(0)->text, "new 1");
	CHECK_STR(line(0)->file, "a.log");
	CHECK_EQ(line(0)->offset, 4);
	CHECK_STR(line(1)->text, "new 2");
	CHECK_STR(log_bench_status(&bench, "observing", "log")->text,
		  "following 1 file with 0 rules");
	log_bench_close(&bench);
}

CASE(sleeps_while_nothing_happens)
{
	open_with("a.log");
	log_bench_write("a.log", "w", "old\n");
	log_bench_start(&bench);
	log_bench_write("a.log", "a", "new\n");
	log_bench_wait(&bench, log_bench_has_lines, 1, "a line");
	log_bench_turn(&bench, 100);
	/* Nothing but the batcher's heartbeat is due. */
	uv_update_time(&bench.loop);
	CHECK_GE(uv_backend_timeout(&bench.loop), 5000);
	log_bench_close(&bench);
}

CASE(follows_a_late_file_from_its_beginning)
{
	open_with("late.log");
	log_bench_start(&bench);
	log_bench_turn(&bench, 20);
	log_bench_write("late.log", "w", "first\n");
	log_bench_wait(&bench, log_bench_has_lines, 1, "the first line");
	CHECK_STR(line(0)->text, "first");
	CHECK_EQ(line(0)->offset, 0);
	log_bench_close(&bench);
}

CASE(follows_a_file_in_a_late_folder)
{
	open_with("run/deep/late.log");
	log_bench_start(&bench);
	CHECK_OK(mkdir(log_bench_path("run"), 0700));
	CHECK_OK(mkdir(log_bench_path("run/deep"), 0700));
	log_bench_write("run/deep/late.log", "w", "first\n");
	log_bench_wait(&bench, log_bench_has_lines, 1, "the first line");
	log_bench_write("run/deep/late.log", "a", "second\n");
	log_bench_wait(&bench, log_bench_has_lines, 2, "the second line");
	CHECK_STR(line(0)->file, "run/deep/late.log");
	log_bench_close(&bench);
}

CASE(expands_patterns_while_the_job_runs)
{
	open_with("*.log");
	log_bench_set(&bench, "files", "rank*/out.txt");
	log_bench_write("a.log", "w", "old\n");
	log_bench_write("no.txt", "w", "old\n");
	log_bench_start(&bench);
	log_bench_write("b.log", "w", "b\n");
	log_bench_write("no.txt", "a", "no\n");
	log_bench_wait(&bench, log_bench_has_lines, 1, "b.log");
	CHECK_STR(line(0)->file, "b.log");
	CHECK_OK(mkdir(log_bench_path("rank7"), 0700));
	log_bench_write("rank7/out.txt", "w", "seven\n");
	log_bench_wait(&bench, log_bench_has_lines, 2, "rank7");
	CHECK_STR(line(1)->file, "rank7/out.txt");
	log_bench_write("a.log", "a", "new\n");
	log_bench_wait(&bench, log_bench_has_lines, 3, "a.log");
	CHECK_STR(line(2)->text, "new");
	log_bench_close(&bench);
}

CASE(never_follows_our_own_folder)
{
	log_bench_open(&bench);
	log_bench_set(&bench, "files", "*/*.log");
	log_bench_set(&bench, "poll", "0.05");
	CHECK_OK(mkdir(log_bench_path("ours"), 0700));
	CHECK_OK(mkdir(log_bench_path("theirs"), 0700));
	bench.options.exclude = log_bench_path("ours");
	log_bench_start(&bench);
	log_bench_write("ours/job.log", "w", "echo\n");
	log_bench_write("theirs/job.log", "w", "voice\n");
	log_bench_wait(&bench, log_bench_has_lines, 1, "a line");
	log_bench_turn(&bench, 150);
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_log), 1);
	CHECK_STR(line(0)->text, "voice");
	log_bench_close(&bench);
}

CASE(reads_a_renamed_file_until_its_writer_has_left)
{
	FILE *writer;

	open_with("a.log");
	log_bench_start(&bench);
	writer = fopen(log_bench_path("a.log"), "w");
	fputs("1\n", writer);
	fflush(writer);
	log_bench_wait(&bench, log_bench_has_lines, 1, "1");
	log_bench_rename("a.log", "a.log.1");
	fputs("2\n", writer);
	fflush(writer);
	log_bench_write("a.log", "w", "4\n");
	log_bench_wait(&bench, log_bench_has_lines, 3, "4");
	fputs("3, late\n", writer);
	fclose(writer);
	log_bench_wait(&bench, log_bench_has_lines, 4, "the late line");
	CHECK_STR(line(1)->text, "2");
	CHECK_STR(line(2)->text, "4");
	CHECK_STR(line(3)->text, "3, late");
	CHECK_STR(line(3)->file, "a.log");
	CHECK(strcmp(line(2)->file_id, line(3)->file_id) != 0);
	CHECK_STR(line(1)->file_id, line(3)->file_id);
	log_bench_close(&bench);
}

CASE(reads_files_that_were_renamed_before_it_looked)
{
	char name[32];

	open_with("a.log");
	log_bench_write("a.log", "w", "");
	log_bench_write("a.log.0", "w", "older than the job\n");
	log_bench_start(&bench);
	for (int i = 1; i <= 100; i++) {
		char text[32];

		snprintf(name, sizeof(name), "a.log.%d", i);
		snprintf(text, sizeof(text), "%d\n", i);
		log_bench_write("a.log", "a", text);
		log_bench_rename("a.log", name);
	}
	log_bench_write("a.log", "w", "last\n");
	log_bench_wait(&bench, log_bench_has_lines, 101, "all lines");
	log_bench_turn(&bench, 100);
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_log), 101);
	for (int i = 1; i <= 100; i++) {
		snprintf(name, sizeof(name), "%d", i);
		CHECK_STR(line((size_t)i - 1)->text, name);
	}
	log_bench_close(&bench);
}

CASE(does_not_take_a_new_file_beside_it_for_its_past)
{
	open_with("out");
	log_bench_write("out", "w", "");
	log_bench_start(&bench);
	log_bench_write("out.1", "w", "another rank\n");
	log_bench_turn(&bench, 50);
	log_bench_write("out", "a", "mine 1\n");
	log_bench_rename("out", "out.old");
	log_bench_write("out", "w", "mine 2\n");
	log_bench_wait(&bench, log_bench_has_lines, 2, "mine 2");
	log_bench_turn(&bench, 150);
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_log), 2);
	CHECK_STR(line(0)->text, "mine 1");
	CHECK_STR(line(1)->text, "mine 2");
	log_bench_close(&bench);
}

CASE(reports_copytruncate_as_a_range_of_bytes)
{
	char *text = malloc(3 << 20);
	const struct log_bench_record *status;

	for (size_t i = 0; i < 3 << 20; i++)
		text[i] = i % 100 == 99 ? '\n' : 'x';
	text[(3 << 20) - 1] = '\0';
	open_with("a.log");
	log_bench_write("a.log", "w", "");
	log_bench_start(&bench);
	log_bench_write("a.log", "a", text);
	/* One pass reads a part of it, and has seen how long it is. */
	while (!jem_log_source_account(bench.source)->lines)
		uv_run(&bench.loop, UV_RUN_ONCE);
	CHECK_OK(truncate(log_bench_path("a.log"), 0));
	log_bench_write("a.log", "a", "anew\n");
	log_bench_wait(&bench, has_degraded, 0, "the loss");
	log_bench_turn(&bench, 150);
	status = log_bench_status(&bench, "degraded", "log");
	CHECK_EQ(status->to, (3 << 20) - 1);
	CHECK_GE(status->from, 1);
	CHECK_LE(status->from, status->to - 1);
	/* Every byte before the range is in a line, none of it after. */
	CHECK_EQ(line(log_bench_count(&bench, JEM_KIND_log) - 1)->offset, 0);
	CHECK_STR(line(log_bench_count(&bench, JEM_KIND_log) - 1)->text, "anew");
	{
		size_t last = log_bench_count(&bench, JEM_KIND_log) - 2;

		CHECK_EQ(line(last)->offset + line(last)->text_len + (status->from % 100 ? 0 : 1),
			 status->from);
	}
	CHECK_EQ(jem_batcher_account(bench.batcher, JEM_KIND_log)->dropped[JEM_CAUSE_truncated], 1);
	free(text);
	log_bench_close(&bench);
}

/* As logrotate does it: a copy, then a cut. */
CASE(reads_what_copytruncate_cut_from_its_copy)
{
	const struct log_bench_record *status;

	open_with("a.log");
	log_bench_write("a.log.2", "w", "line 1, of yesterday\nline 2, of yesterday\nmore\n");
	log_bench_write("a.log", "w", "");
	log_bench_start(&bench);
	log_bench_write("a.log", "a", "line 1\nline 2\nli");
	log_bench_wait(&bench, log_bench_has_lines, 2, "two lines");
	/* The loop does not turn meanwhile. */
	log_bench_write("a.log", "a", "ne 3\nline 4\n");
	log_bench_write("a.log.1", "w", "line 1\nline 2\nline 3\nline 4\n");
	CHECK_OK(truncate(log_bench_path("a.log"), 0));
	log_bench_write("a.log", "a", "line 5\n");
	log_bench_wait(&bench, log_bench_has_lines, 5, "five lines");
	log_bench_turn(&bench, 100);
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_log), 5);
	CHECK_STR(line(2)->text, "line 3");
	CHECK_EQ(line(2)->offset, 14);
	CHECK_STR(line(3)->text, "line 4");
	CHECK_STR(line(4)->text, "line 5");
	status = log_bench_status(&bench, "degraded", "log");
	CHECK_EQ(status->from, 28);
	CHECK_EQ(status->to, 28);
	log_bench_close(&bench);
}

CASE(carries_a_line_of_a_megabyte)
{
	size_t len = 3 << 20;
	char *text = malloc(len + 2);

	memset(text, 'm', len);
	memcpy(text + len, "\n", 2);
	open_with("a.log");
	log_bench_start(&bench);
	log_bench_write("a.log", "w", text);
	log_bench_write("a.log", "a", "after\n");
	log_bench_wait(&bench, log_bench_has_lines, 2, "both lines");
	CHECK_EQ(line(0)->text_len, 1 << 20);
	CHECK_EQ(line(0)->length, len);
	CHECK_STR(line(1)->text, "after");
	CHECK_EQ(line(1)->offset, len + 1);
	free(text);
	log_bench_close(&bench);
}

CASE(makes_nul_bytes_and_broken_characters_harmless)
{
	static const char bytes[] = "nul \0 here\nbroken \xff\xc3( here\n";
	FILE *file;

	open_with("a.log");
	log_bench_start(&bench);
	file = fopen(log_bench_path("a.log"), "w");
	fwrite(bytes, 1, sizeof(bytes) - 1, file);
	fclose(file);
	log_bench_wait(&bench, log_bench_has_lines, 2, "both lines");
	CHECK_EQ(line(0)->text_len, 10);
	CHECK(!memcmp(line(0)->text, "nul \0 here", 10));
	CHECK_STR(line(1)->text, "broken \xef\xbf\xbd\xef\xbf\xbd( here");
	log_bench_close(&bench);
}

CASE(publishes_an_unfinished_line_after_a_while)
{
	open_with("a.log");
	log_bench_start(&bench);
	log_bench_write("a.log", "w", "no newline");
	log_bench_wait(&bench, log_bench_has_lines, 1, "the unfinished line");
	CHECK_STR(line(0)->text, "no newline");
	log_bench_close(&bench);
}

CASE(applies_rules_and_makes_alerts)
{
	const struct log_bench_record *alert;

	open_with("a.log");
	rule("slow", "log", "event (?<event>\\d+) took (?<seconds>[\\d.]+) s by (?<who>\\w+)");
	rule("slow", "level", "warning");
	rule("slow", "severity", "warning");
	rule("slow", "text", "event ${event} is slow");
	log_bench_start(&bench);
	log_bench_write("a.log", "w", "event 12 took 3.5 s by me\nERROR plain\n");
	log_bench_wait(&bench, log_bench_has_lines, 2, "both lines");
	CHECK_STR(line(0)->rule, "slow");
	CHECK_STR(line(0)->level, "warning");
	CHECK_CONTAINS(line(0)->json,
		       "\"fields\":{\"event\":\"12\",\"seconds\":\"3.5\",\"who\":\"me\"}");
	CHECK_STR(line(1)->level, "error");
	CHECK(!line(1)->rule);
	log_bench_wait(&bench, has_alerts, 1, "the alert");
	alert = log_bench_get(&bench, JEM_KIND_alert, 0);
	CHECK_STR(alert->text, "event 12 is slow");
	CHECK_CONTAINS(alert->json, "\"severity\":\"warning\"");
	CHECK_CONTAINS(alert->json, "\"values\":{\"event\":12,\"seconds\":3.5}");
	CHECK_STR(alert->file, "a.log");
	log_bench_close(&bench);
}

CASE(limits_alerts_and_counts_the_rest)
{
	char text[1000] = "";
	const struct jem_account *account;

	open_with("a.log");
	rule("hit", "log", "hit");
	rule("hit", "severity", "info");
	for (int i = 0; i < 100; i++)
		strcat(text, "hit\n");
	log_bench_start(&bench);
	log_bench_write("a.log", "w", text);
	log_bench_wait(&bench, log_bench_has_lines, 100, "the lines");
	account = jem_batcher_account(bench.batcher, JEM_KIND_alert);
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_alert), 10);
	CHECK_EQ(account->dropped[JEM_CAUSE_rate_limited], 90);
	CHECK_LE(bench.batches, 30); /* no message a line */
	log_bench_close(&bench);
}

CASE(publishes_only_what_is_asked_for)
{
	const struct jem_log_account *account;

	open_with("a.log");
	log_bench_set(&bench, "publish", "matched");
	rule("hit", "log", "hit");
	log_bench_start(&bench);
	log_bench_write("a.log", "w", "no\nhit\nno\n");
	log_bench_wait(&bench, log_bench_has_lines, 1, "the matching line");
	CHECK_STR(line(0)->text, "hit");
	account = jem_log_source_account(bench.source);
	CHECK_EQ(account->lines, 3);
	CHECK_EQ(account->filtered, 2);
	log_bench_close(&bench);
}

CASE(hides_secrets_in_text_fields_and_alerts)
{
	open_with("a.log");
	rule("any", "log", "password=(?<word>\\S+) for (?<who>\\w+)");
	rule("any", "severity", "info");
	rule("any", "text", "${word} of ${who}");
	rule("login", "log", "login (?<password>\\w+)");
	log_bench_start(&bench);
	log_bench_write("a.log", "w",
			"password=planted1 for bob\n"
			"login planted2\n"
			"-----BEGIN RSA PRIVATE KEY-----\nplanted3\nplanted3\n"
			"-----END RSA PRIVATE KEY-----\nafter\n");
	log_bench_wait(&bench, log_bench_has_lines, 7, "the lines");
	log_bench_wait(&bench, has_alerts, 1, "the alert");
	for (size_t i = 0; i < bench.count; i++)
		if (i != 2 && (strstr(bench.records[i].json, "planted1") ||
			       strstr(bench.records[i].json, "planted3")))
			check_fail(__FILE__, __LINE__, "%s", bench.records[i].json);
	CHECK_CONTAINS(line(1)->json, "\"fields\":{\"password\":\"***\"}");
	CHECK_STR(log_bench_get(&bench, JEM_KIND_alert, 0)->text, "*** of bob");
	CHECK_STR(line(6)->text, "after");
	log_bench_close(&bench);
}

CASE(reads_everything_at_the_end_of_the_job)
{
	open_with("a.log");
	log_bench_start(&bench);
	log_bench_write("a.log", "w", "1\n2");
	jem_log_source_flush(bench.source, jem_now_ns() + 5000000000u);
	jem_batcher_flush_all(bench.batcher);
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_log), 2);
	CHECK_STR(line(1)->text, "2");
	log_bench_close(&bench);
}

CASE(tells_what_it_had_no_time_to_read)
{
	char *text = malloc(1 << 20);

	memset(text, '\n', (1 << 20) - 1);
	text[(1 << 20) - 1] = '\0';
	open_with("a.log");
	log_bench_write("a.log", "w", "");
	log_bench_start(&bench);
	log_bench_write("a.log", "a", text);
	jem_log_source_flush(bench.source, jem_now_ns());
	jem_batcher_flush_all(bench.batcher);
	CHECK_EQ(log_bench_status(&bench, "degraded", "log")->from, 0);
	CHECK_EQ(log_bench_status(&bench, "degraded", "log")->to, (1 << 20) - 1);
	free(text);
	log_bench_close(&bench);
}

/* A process whose output goes where we say, until its standard input closes. */
static pid_t start_job(const char *out, int *stdin_fd)
{
	int pipes[2];
	pid_t pid;

	CHECK_OK(pipe2(pipes, O_CLOEXEC));
	pid = fork();
	if (!pid) {
		int fd = open(out, O_WRONLY | O_CREAT | O_APPEND, 0600);

		dup2(pipes[0], 0);
		dup2(fd, 1);
		dup2(fd, 2);
		execl("/bin/sh", "sh", "-c", "echo ready; read x; echo out; echo err >&2", NULL);
		_exit(1);
	}
	close(pipes[0]);
	*stdin_fd = pipes[1];
	return pid;
}

CASE(follows_standard_streams_that_are_files)
{
	struct stat st = { 0 };
	int stdin_fd;
	pid_t pid;

	log_bench_open(&bench);
	log_bench_start(&bench);
	log_bench_write("out", "w", "earlier\n");
	pid = start_job(log_bench_path("out"), &stdin_fd);
	while (!stat(log_bench_path("out"), &st) && st.st_size < 14) /* until it says ready */
		sched_yield();
	CHECK_EQ(jem_log_source_add_stream(bench.source, pid, 1, NULL), 0);
	CHECK_EQ(jem_log_source_add_stream(bench.source, pid, 2, NULL), 0);
	CHECK_EQ(write(stdin_fd, "\n", 1), 1);
	log_bench_wait(&bench, log_bench_has_lines, 2, "out and err");
	waitpid(pid, NULL, 0);
	close(stdin_fd);
	CHECK_STR(line(0)->text, "out");
	CHECK_STR(line(1)->text, "err");
	CHECK_STR(line(0)->file, "stdout");
	CHECK_CONTAINS(log_bench_status(&bench, "observing", "stderr")->text, "followed already");
	log_bench_close(&bench);
}

CASE(says_when_a_stream_is_no_file)
{
	const struct log_bench_record *status;
	int pipes[2];

	log_bench_open(&bench);
	log_bench_start(&bench);
	CHECK_OK(pipe2(pipes, O_CLOEXEC));
	CHECK_EQ(jem_log_source_add_stream(bench.source, getpid(), 99, NULL), -ENOENT);
	CHECK_EQ(dup2(pipes[1], STDOUT_FILENO), STDOUT_FILENO);
	CHECK_EQ(jem_log_source_add_stream(bench.source, getpid(), STDOUT_FILENO, NULL), -EINVAL);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	close(pipes[0]);
	close(pipes[1]);
	jem_batcher_flush_all(bench.batcher);
	status = log_bench_status(&bench, "observing", "stdout");
	CHECK_CONTAINS(status->text, "pipe:");
	CHECK_CONTAINS(status->json, "--tee");
	CHECK_CONTAINS(status->json, "\"level\":\"none\"");
	log_bench_close(&bench);
}

CASE(tells_a_name_that_cannot_be_followed)
{
	open_with("fifo");
	CHECK_OK(mkfifo(log_bench_path("fifo"), 0600));
	log_bench_start(&bench);
	log_bench_wait(&bench, has_degraded, 0, "the reason");
	CHECK_STR(log_bench_status(&bench, "degraded", "log")->text,
		  "fifo cannot be followed: it is no regular file");
	log_bench_close(&bench);
}

CASE(lets_go_of_a_deleted_file)
{
	char target[300];
	bool is_open = false;

	open_with("a.log");
	log_bench_write("a.log", "w", "");
	log_bench_start(&bench);
	log_bench_write("a.log", "a", "last words\n");
	CHECK_OK(unlink(log_bench_path("a.log")));
	log_bench_wait(&bench, log_bench_has_lines, 1, "the last words");
	log_bench_turn(&bench, 2300);
	for (int fd = 3; fd < 64; fd++) {
		char path[64];
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, target, sizeof(target) - 1);
		target[len < 0 ? 0 : len] = '\0';
		is_open |= strstr(target, "a.log (deleted)") != NULL;
	}
	CHECK(!is_open);
	log_bench_write("a.log", "w", "born again\n");
	log_bench_wait(&bench, log_bench_has_lines, 2, "the new file");
	log_bench_close(&bench);
}

TESTS(T(follows_an_existing_file_from_its_end), T(sleeps_while_nothing_happens),
      T(follows_a_late_file_from_its_beginning), T(follows_a_file_in_a_late_folder),
      T(expands_patterns_while_the_job_runs), T(never_follows_our_own_folder),
      T(reads_a_renamed_file_until_its_writer_has_left),
      T(reads_files_that_were_renamed_before_it_looked),
      T(does_not_take_a_new_file_beside_it_for_its_past),
      T(reports_copytruncate_as_a_range_of_bytes), T(reads_what_copytruncate_cut_from_its_copy),
      T(carries_a_line_of_a_megabyte), T(makes_nul_bytes_and_broken_characters_harmless),
      T(publishes_an_unfinished_line_after_a_while), T(applies_rules_and_makes_alerts),
      T(limits_alerts_and_counts_the_rest), T(publishes_only_what_is_asked_for),
      T(hides_secrets_in_text_fields_and_alerts), T(reads_everything_at_the_end_of_the_job),
      T(tells_what_it_had_no_time_to_read), T(follows_standard_streams_that_are_files),
      T(says_when_a_stream_is_no_file), T(tells_a_name_that_cannot_be_followed),
      T(lets_go_of_a_deleted_file))
