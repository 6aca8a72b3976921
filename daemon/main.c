/* SPDX-License-Identifier: Apache-2.0 */
/* jemd: the worker-node daemon. This file reads the command line; worker.c is the one to read. */
#include "common/buf.h"
#include "common/config_file.h"
#include "common/log.h"
#include "daemon/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

static const char usage[] =
	"Usage: jemd [--config FILE] [--pid PID] [OPTION]...\n"
	"       jemd --pid PID --filename FILE --json-summary FILE [--interval SECONDS]\n"
	"\n"
	"The worker-node daemon of the Job Execution Monitor: watches a job and its node and\n"
	"publishes what it sees as AMQP 1.0 messages. With --filename and --json-summary it "
	"writes\n"
	"the files of prmon instead.\n"
	"\n"
	"  --pid PID              watch the job whose first process this is; default: the node "
	"only\n"
	"  --config FILE          read this configuration file\n"
	"  --set SECTION.KEY=VALUE  set any key\n"
	"  --filename FILE        write samples in the text format of prmon\n"
	"  --json-summary FILE    write a summary in the JSON format of prmon\n"
	"  --help, --version\n";

/* What only jemd's own command line knows; taken out of argv before the table sees it. */
struct own_options {
	long pid;
	long launcher_fd;
	const char *prmon_text;
	const char *prmon_json;
};

static int take_number(const char *option, const char *value, long low, long *ret)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(value, &end, 10);
	if (errno || end == value || *end || number < low || number > INT32_MAX) {
		log_error("%s wants a number from %ld up, not \"%s\"", option, low, value);
		return -EINVAL;
	}
	*ret = number;
	return 0;
}

/* The value of `--name VALUE` or `--name=VALUE` at *i, else NULL; *i moves to the last word used. */
static const char *option_value(const char *name, int argc, char **argv, int *i)
{
	size_t len = strlen(name);

	if (strncmp(argv[*i], name, len))
		return NULL;
	if (argv[*i][len] == '=')
		return argv[*i] + len + 1;
	if (argv[*i][len] || *i + 1 >= argc)
		return NULL;
	return argv[++*i];
}

/* Moves our own options out of argv: 0, or -EINVAL when one of them is wrong. */
static int take_own_options(int *argc, char **argv, struct own_options *own)
{
	int kept = 1;

	for (int i = 1; i < *argc; i++) {
		const char *value;
		int status = 0;

		if ((value = option_value("--pid", *argc, argv, &i)))
			status = take_number("--pid", value, 1, &own->pid);
		else if ((value = option_value("--launcher-fd", *argc, argv, &i)))
			status = take_number("--launcher-fd", value, 3, &own->launcher_fd);
		else if ((value = option_value("--filename", *argc, argv, &i)))
			own->prmon_text = value;
		else if ((value = option_value("--json-summary", *argc, argv, &i)))
			own->prmon_json = value;
		else
			argv[kept++] = argv[i];
		if (status < 0)
			return status;
	}
	argv[kept] = NULL;
	*argc = kept;
	return 0;
}

static void on_fault(void *arg, const char *line)
{
	struct jem_buf *faults = arg;

	log_error("%s", line);
	jem_buf_add_str(faults, line);
	jem_buf_add_char(faults, '\n');
}

/* Command line, environment, file: a fault in the last two degrades, in the first it ends us. */
static int configure(struct jem_config *config, int argc, char **argv, struct jem_buf *faults)
{
	struct jem_err err;
	const char *path;
	int left = jem_config_parse_args(config, JEM_FOR_DAEMON, argc, argv, &err);

	if (left == JEM_ARGS_HELP) {
		fputs(usage, stdout);
		jem_config_print_help(stdout, JEM_FOR_DAEMON);
		return left;
	}
	if (left == JEM_ARGS_VERSION) {
		puts("jemd " JEM_VERSION);
		return left;
	}
	if (left >= 0 && left < argc && strcmp(argv[left], "--"))
		left = jem_err_set(&err, -EINVAL, "jemd takes no words, but got \"%s\"",
				   argv[left]);
	if (left < 0) {
		log_error("%s; try jemd --help", err.text);
		return -EINVAL;
	}
	jem_config_load_environment(config, environ, on_fault, faults);
	path = jem_config_file(config);
	if (path)
		jem_config_load_file(config, path, on_fault, faults);
	return 0;
}

int main(int argc, char **argv)
{
	struct own_options own = { .launcher_fd = -1 };
	struct jem_config *config = NULL;
	struct jem_worker_options options;
	struct jem_buf faults;
	int status;

	jem_log_init("jemd", JEM_LOG_INFO);
	jem_buf_init(&faults, 64 << 10);
	if (take_own_options(&argc, argv, &own) < 0)
		return EX_USAGE;
	if (jem_config_create(&config) < 0) {
		log_error("no memory");
		return EX_OSERR;
	}
	status = configure(config, argc, argv, &faults);
	if (status == JEM_ARGS_HELP || status == JEM_ARGS_VERSION)
		return EXIT_SUCCESS;
	if (status < 0)
		return EX_USAGE;
	options = (struct jem_worker_options){
		.config = config,
		.pid = (pid_t)own.pid,
		.launcher_fd = (int)own.launcher_fd,
		.faults = jem_buf_cstr(&faults),
		.prmon_text = own.prmon_text,
		.prmon_json = own.prmon_json,
	};
	status = jem_worker_run(&options);
	jem_config_destroy(config);
	jem_buf_deinit(&faults);
	return status;
}
