/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config_check.h"
#include "common/config_file.h"
#include "tests/unit/check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char told[16384]; /* every fault, each ended by a newline */

static void on_fault(void *arg, const char *line)
{
	size_t len = strlen(told);

	CHECK(!strchr(line, '\n'));
	snprintf(told + len, sizeof(told) - len, "%s\n", line);
}

/* Loads a text that has no fault by itself, checks it; how many faults there are. */
static int check_text(const char *text)
{
	struct jem_config *config;
	int faults;

	told[0] = '\0';
	CHECK_OK(jem_config_create(&config));
	CHECK_EQ(jem_config_load_text(config, "f", text, strlen(text), on_fault, NULL), 0);
	faults = jem_config_check(config, on_fault, NULL);
	jem_config_destroy(config);
	return faults;
}

CASE(finds_nothing_in_good_settings)
{
	check_text("");
	CHECK_STR(told, "");
	check_text("[log]\nfiles = /nonexistent/later.log\npublish = matched\n"
		   "[privacy]\nredact = [0-9]{16}\n"
		   "[receiver]\nfiles = log\nfiles = page\n"
		   "[rule a]\nlog = ^ERROR (?<what>.*)\nseverity = warning\ntext = ${what}\n"
		   "[rule b]\nwhen = rss_bytes > 0.9 limit for 30 s\n");
	CHECK_STR(told, "");
}

CASE(tells_what_contradicts_or_cannot_work)
{
	static const struct {
		const char *text;
		const char *line;
	} rows[] = {
		{ "[rule a]\nlog = (\nlevel = info\n", "f:1: [rule a] " },
		{ "[rule a]\nwhen = nonsense > 1\n", "f:1: [rule a] when: " },
		{ "[rule a]\nlog = x\ntext = y\n", "f:1: [rule a] has a text but makes no alert" },
		{ "[rule a]\nwhen = load1 > 1\nlevel = info\n",
		  "f:1: [rule a] has level, which is for log rules" },
		{ "[rule a]\nwhen = load1 > 1\nfile = x\n", "f:1: [rule a] has file, which is" },
		{ "[rule a]\nwhen = pss_bytes > 1\n[metrics]\npss = off\n",
		  "f:1: [rule a] watches pss_bytes, but metrics.pss is off" },
		{ "[metrics]\npss = off\npss_stall = 1ms\n",
		  "f:3: metrics.pss_stall does nothing while metrics.pss is off" },
		{ "[metrics]\nprocess_every = 1\ninterval = 2\n",
		  "f:2: metrics.process_every is shorter than metrics.interval" },
		{ "[privacy]\nredact = a\nredact = [\n", "f:3: privacy.redact: " },
		{ "[metrics]\nfolders = /nonexistent\n",
		  "f:2: metrics.folders: /nonexistent: No such file or directory; name a" },
		{ "[metrics]\nfolders = /dev/null\n", "f:2: metrics.folders: /dev/null is no" },
		{ "[log]\nfiles = /\n", "f:2: log.files: / is a folder; name files in it" },
		{ "[log]\nfiles = /dev/null\n", "f:2: log.files: /dev/null is no regular file" },
		{ "[log]\nfiles = /nonexistent/a\nfiles = /nonexistent/a\n",
		  "f:3: log.files: /nonexistent/a stands twice" },
		{ "[log]\nfiles = /nonexistent/a\npublish = matched\n",
		  "f:3: log.publish is matched, but there is no [rule NAME] with log" },
		{ "[receiver]\nqueue = q\n", "f:2: receiver.queue names a queue of no broker" },
		{ "[calls]\nvalues = yes\n", "f:2: calls.values does nothing without calls.in" },
		{ "[run]\nout = /dev/null/x\n", "f:2: run.out: /dev/null/x: Not a directory" },
		{ "[run]\nout = /dev/null\n", "f:2: run.out: /dev/null is, or lies under, a file" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int faults = check_text(rows[i].text);

		CHECK_CONTAINS(told, rows[i].line);
		CHECK_EQ(faults, 1);
	}
}

CASE(takes_a_folder_that_can_be_made)
{
	char text[4200];

	snprintf(text, sizeof(text), "[run]\nout = %s/a/b\n", check_folder());
	CHECK_EQ(check_text(text), 0);
}

CASE(tells_a_folder_that_cannot_be_written)
{
	uid_t uid = geteuid();
	int faults;

	if (uid == 0 && seteuid(65534) < 0) /* root writes everywhere */
		check_skip("cannot become an ordinary user");
	faults = check_text("[run]\nout = /proc/nothing/there\n");
	CHECK_OK(seteuid(uid)); /* the leak checker needs it back */
	CHECK_EQ(faults, 1);
	CHECK_CONTAINS(told, "f:2: run.out: /proc/nothing/there cannot be written; choose");
}

TESTS(T(finds_nothing_in_good_settings), T(tells_what_contradicts_or_cannot_work),
      T(takes_a_folder_that_can_be_made), T(tells_a_folder_that_cannot_be_written))
