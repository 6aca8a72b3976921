/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config_file.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct faults {
	char text[65536]; /* every line, each ended by a newline */
	int count;
};

static struct faults faults;

static void on_fault(void *arg, const char *line)
{
	size_t len = strlen(faults.text);

	CHECK(!strchr(line, '\n'));
	snprintf(faults.text + len, sizeof(faults.text) - len, "%s\n", line);
	faults.count++;
}

static struct jem_config *load(const char *text, size_t len)
{
	struct jem_config *config;
	int rc;

	memset(&faults, 0, sizeof(faults));
	CHECK_OK(jem_config_create(&config));
	rc = jem_config_load_text(config, "f", text, len, on_fault, NULL);
	CHECK_GE(rc, faults.count);
	return config;
}

CASE(reads_sections_keys_and_rules)
{
	static const char text[] = "\xef\xbb\xbf# a comment\n"
				   "[run]\r\n"
				   "  out = /tmp/a # b ; c\t\r\n"
				   "\n"
				   "[broker]\n"
				   "url=unix:/a\n"
				   "url = unix:/b\n"
				   "; another\n"
				   "[ rule  slow-disk ]\n"
				   "when = psi_io_full_s > 0.5\n"
				   "severity = warning\n"
				   "[rule error]\n"
				   "log = ^ERROR (?<what>.*) = ;x$\n"
				   "[run]\n"
				   "drain = 2s";
	struct jem_config *config = load(text, sizeof(text) - 1);

	CHECK_STR(faults.text, "");
	CHECK_STR(jem_config_str(config, JEM_OPTION_run_out), "/tmp/a # b ; c");
	CHECK_STR(jem_config_origin(config, JEM_OPTION_run_out), "f:3");
	CHECK_EQ(jem_config_ns(config, JEM_OPTION_run_drain), 2000000000);
	CHECK_EQ(jem_config_list_size(config, JEM_OPTION_broker_url), 2);
	CHECK_STR(jem_config_list_origin(config, JEM_OPTION_broker_url, 1), "f:7");
	CHECK_EQ(jem_config_rule_count(config), 2);
	CHECK_STR(jem_config_rule(config, 0)->name, "slow-disk");
	CHECK_STR(jem_config_rule(config, 0)->origin, "f:9");
	CHECK_STR(jem_config_rule(config, 1)->log, "^ERROR (?<what>.*) = ;x$");
	jem_config_destroy(config);
}

CASE(tells_each_fault_in_one_line)
{
	static const struct {
		const char *text;
		const char *line;
	} rows[] = {
		{ "out = x", "f:1: out stands in no section; put [run] or another above it\n" },
		{ "[run\n", "f:1: \"[run\" is no section; write [NAME] and nothing behind\n" },
		{ "[run] x\n",
		  "f:1: \"[run] x\" is no section; write [NAME] and nothing behind\n" },
		{ "[]\n", "f:1: \"[]\" is no section; write [NAME] and nothing behind\n" },
		{ "[rnu]\nout = x\n", "f:1: [rnu]: unknown section; did you mean [run]?\n" },
		{ "[rule]\nlog = x\n", "f:1: [rule] lacks its name; write [rule NAME]\n" },
		{ "[frobnicate]\na = b\n",
		  "f:1: [frobnicate]: unknown section; see jem.conf(5) for all of them\n" },
		{ "[run]\nout\n", "f:2: \"out\" is neither [section] nor NAME = VALUE\n" },
		{ "[run]\n= x\n", "f:2: no name stands before the =; write NAME = VALUE\n" },
		{ "[run]\nuot = x\n", "f:2: run.uot: unknown key; did you mean run.out?\n" },
		{ "[run]\nout = x\nout = y\n",
		  "f:3: run.out stands twice, first in line 2; keep one\n" },
		{ "[run]\nout = \"x\"\n",
		  "f:2: run.out: quotes are part of a value here; write it bare\n" },
		{ "[run]\nout =\n",
		  "f:2: run.out: is empty; give a value, or leave it out for the default\n" },
		{ "[run]\njob = \xe9t\xe9\n",
		  "f:2: the line is not UTF-8 from byte 7 on; convert it\n" },
		{ "\xff\xfe[\0r", "f:1: the file is UTF-16; convert it to UTF-8\n" },
		{ "[rule a]\n",
		  "f:1: [rule a] has neither log nor when; add the one it is about\n" },
		{ "[rule a]\nlog = x\nwhen = y\n",
		  "f:1: [rule a] has both log and when; make two rules of it\n" },
		{ "[rule a]\nlog = x\n[rule a]\nlog = y\n",
		  "f:3: [rule a] stands twice, first at f:1; rename one\n" },
		{ "[rule a]\nlog = x\nlog = y\n", "f:3: [rule a] log: is given twice; keep one\n" },
		{ "[rule a]\nlgo = x\n", "f:2: [rule a] lgo: unknown key; did you mean log?\n" },
		{ "[rule a b]\nlog = x\nlevel = info\n",
		  "f:2: [rule a b]: name it by 1 to 48 characters of A-Z, a-z, 0-9, _ and -\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		jem_config_destroy(load(rows[i].text, strlen(rows[i].text)));
		CHECK_STR(faults.text, rows[i].line);
	}
}

CASE(tells_nul_bytes_and_endless_lines)
{
	static const char nul[] = "[run]\nout = a\0b\n";
	static char endless[9000];

	jem_config_destroy(load(nul, sizeof(nul) - 1));
	CHECK_STR(faults.text, "f:2: a NUL byte stands in the line; take it out\n");
	memset(endless, 'x', sizeof(endless));
	jem_config_destroy(load(endless, sizeof(endless)));
	CHECK_STR(faults.text, "f:1: the line has 9000 bytes; 8192 are allowed, shorten it\n");
}

CASE(goes_on_after_a_fault)
{
	static const char text[] = "[run]\ndrain = soon\nstart_wait = 1\n"
				   "[rule a]\nlevel = loud\nlog = x\n";
	struct jem_config *config = load(text, sizeof(text) - 1);

	CHECK_EQ(faults.count, 2);
	CHECK_EQ(jem_config_ns(config, JEM_OPTION_run_drain), 5000000000);
	CHECK_EQ(jem_config_ns(config, JEM_OPTION_run_start_wait), 1000000000);
	CHECK_EQ(jem_config_rule_count(config), 1);
	jem_config_destroy(config);
}

CASE(leaves_out_a_rule_that_is_not_whole)
{
	static const char text[] = "[rule a]\nlevel = info\n[rule b]\nlog =\nlevel = info\n";
	struct jem_config *config = load(text, sizeof(text) - 1);

	CHECK_STR(faults.text, "f:1: [rule a] has neither log nor when; add the one it is about\n"
			       "f:4: [rule b] log: is empty; give a value, or leave it out for the "
			       "default\n");
	CHECK_EQ(jem_config_rule_count(config), 0);
	jem_config_destroy(config);
}

CASE(stops_telling_after_a_hundred_faults)
{
	static char text[4000];

	memset(text, '\n', sizeof(text));
	for (size_t i = 0; i < sizeof(text); i += 2)
		text[i] = 'x';
	jem_config_destroy(load(text, sizeof(text)));
	CHECK_EQ(faults.count, 100);
}

static int load_file(const char *path)
{
	struct jem_config *config;
	int rc;

	memset(&faults, 0, sizeof(faults));
	CHECK_OK(jem_config_create(&config));
	rc = jem_config_load_file(config, path, on_fault, NULL);
	jem_config_destroy(config);
	return rc;
}

CASE(tells_why_a_file_cannot_be_read)
{
	const char *folder = check_folder();
	char path[4096];
	char line[4200];
	FILE *file;

	CHECK_EQ(load_file(folder), -EISDIR);
	snprintf(line, sizeof(line), "%s: is a folder; name a file in it\n", folder);
	CHECK_STR(faults.text, line);
	CHECK_EQ(load_file("/nonexistent\n/jem.conf"), -ENOENT);
	CHECK_STR(faults.text, "/nonexistent?/jem.conf: no such file; check the path\n");
	snprintf(path, sizeof(path), "%s/fifo", folder);
	CHECK_OK(mkfifo(path, 0600));
	CHECK_EQ(load_file(path), -EINVAL);
	CHECK_CONTAINS(faults.text, "is no regular file");
	CHECK_EQ(load_file("/dev/null"), 0);
	snprintf(path, sizeof(path), "%s/large", folder);
	file = fopen(path, "w");
	CHECK(file);
	CHECK_OK(ftruncate(fileno(file), (1 << 20) + 1));
	fclose(file);
	CHECK_EQ(load_file(path), -EFBIG);
	CHECK_CONTAINS(faults.text, "is larger than 1 MiB");
}

CASE(reads_a_file)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/jem.conf", check_folder());
	file = fopen(path, "w");
	CHECK(file);
	fputs("[run]\ndrain = x\n", file);
	fclose(file);
	CHECK_EQ(load_file(path), 1);
	CHECK_CONTAINS(faults.text, "/jem.conf:2: run.drain: \"x\" is no time");
}

TESTS(T(reads_sections_keys_and_rules), T(tells_each_fault_in_one_line),
      T(tells_nul_bytes_and_endless_lines), T(goes_on_after_a_fault),
      T(leaves_out_a_rule_that_is_not_whole), T(stops_telling_after_a_hundred_faults),
      T(tells_why_a_file_cannot_be_read), T(reads_a_file))
