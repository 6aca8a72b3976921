/* SPDX-License-Identifier: Apache-2.0 */
/* jemd: the worker-node daemon. This file reads the command line; worker.c is the one to read. */
#include "broker-client/settings.h"
#include "common/buf.h"
#include "common/config_check.h"
#include "common/config_file.h"
#include "common/log.h"
#include "daemon/calls_check.h"
#include "daemon/flags.h"
#include "daemon/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static const char usage[] =
	"Usage: jemd [OPTION]... [--pid PID]\n"
	"       jemd --pid PID --filename FILE --json-summary FILE [--interval SECONDS]\n"
	"       prmon [OPTION]... --pid PID\n"
	"       prmon [OPTION]... -- COMMAND [ARG]...\n"
	"\n"
	"The worker-node daemon of the Job Execution Monitor: watches a job and its node and\n"
	"publishes what it sees as AMQP 1.0 messages. With --filename or --json-summary, or "
	"called\n"
	"as prmon, it writes the files of prmon instead, and ends in order on SIGUSR1 and "
	"SIGTERM.\n"
	"\n";

/* What only jemd's own command line knows. */
struct own_options {
	long pid;
	long launcher_fd;
	const char *collector;
	const char *copies[2];
	const char *prmon_text;
	const char *prmon_json;
};

static int take_number(const struct jem_flag *flag, const char *value, long low, long *ret,
		       struct jem_err *err)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(value, &end, 10);
	if (errno || end == value || *end || number < low || number > INT32_MAX)
		return jem_err_set(err, -EINVAL, "--%s wants a number from %ld up, not \"%s\"",
				   flag->flag, low, value);
	*ret = number;
	return 0;
}

static int on_flag(void *arg, const struct jem_flag *flag, const char *value, struct jem_err *err)
{
	struct own_options *own = arg;

	if (flag >= &jem_daemon_flags[JEM_FLAGS_OF_PRMON])
		return 0;
	switch ((enum jem_daemon_flag)(flag - jem_daemon_flags)) {
	case JEM_FLAG_PID:
		return take_number(flag, value, 1, &own->pid, err);
	case JEM_FLAG_LAUNCHER:
		return take_number(flag, value, 3, &own->launcher_fd, err);
	case JEM_FLAG_COLLECTOR:
		own->collector = value;
		return 0;
	case JEM_FLAG_STDOUT:
	case JEM_FLAG_STDERR:
		own->copies[flag - &jem_daemon_flags[JEM_FLAG_STDOUT]] = value;
		return 0;
	case JEM_FLAG_FILENAME:
		own->prmon_text = value;
		return 0;
	case JEM_FLAG_JSON:
		own->prmon_json = value;
		return 0;
	case JEM_FLAGS_OF_PRMON:
		break;
	}
	return -EINVAL;
}

static void on_fault(void *arg, const char *line)
{
	struct jem_buf *faults = arg;

	log_error("%s", line);
	jem_buf_add_str(faults, line);
	jem_buf_add_char(faults, '\n');
}

static bool is_called_prmon(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !strcmp(slash ? slash + 1 : path, "prmon");
}

/* What fits together: a command only for prmon, and prmon needs something to watch. */
static int check_words(struct own_options *own, bool is_prmon, bool has_command, const char *word,
		       struct jem_err *err)
{
	if (is_prmon && !own->prmon_text && !own->prmon_json) {
		own->prmon_text = "prmon.txt";
		own->prmon_json = "prmon.json";
	}
	if (has_command && !own->prmon_text && !own->prmon_json)
		return jem_err_set(err, -EINVAL,
				   "jemd runs no command, but got \"%s\"; use jem run", word);
	if (has_command && own->pid)
		return jem_err_set(err, -EINVAL, "--pid and a command exclude each other");
	if ((own->prmon_text || own->prmon_json) && !has_command && !own->pid)
		return jem_err_set(err, -EINVAL, "nothing to watch: give --pid PID or -- COMMAND");
	return 0;
}

/* Command line, environment, file: a fault in the last two degrades, in the first it ends us. */
static int configure(struct jem_config *config, int argc, char **argv, struct own_options *own,
		     struct jem_buf *faults)
{
	struct jem_err err;
	const char *path;
	const struct jem_args args = { .programs = JEM_FOR_DAEMON | JEM_FOR_RUN,
				       .flags = jem_daemon_flags,
				       .on_flag = on_flag,
				       .arg = own };
	int left = jem_config_parse(config, &args, argc, argv, &err);

	if (left == JEM_ARGS_HELP) {
		fputs(usage, stdout);
		jem_config_print_help(stdout, JEM_FOR_DAEMON, jem_daemon_flags);
		return left;
	}
	if (left == JEM_ARGS_VERSION) {
		puts("jemd " JEM_VERSION);
		return left;
	}
	if (left >= 0) {
		int status =
			check_words(own, is_called_prmon(argv[0]), left < argc, argv[left], &err);

		left = status < 0 ? status : left;
	}
	if (left < 0) {
		log_error("%s; try jemd --help", err.text);
		return -EINVAL;
	}
	jem_config_load_environment(config, environ, on_fault, faults);
	path = jem_config_file(config);
	if (path)
		jem_config_load_file(config, path, on_fault, faults);
	jem_config_check(config, on_fault, faults);
	jem_broker_settings_check(config, on_fault, faults);
	jem_calls_check(config, on_fault, faults);
	return left;
}

/* The command of `prmon -- COMMAND`: its pid, or -1. It finds descriptors and signals as they came. */
static pid_t start_command(char **command)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	execvp(command[0], command);
	log_error("cannot run %s: %s", command[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126); /* as env(1) */
}

/* The exit status of the command as a shell tells it. */
static int command_status(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILURE;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(struct jem_config *config, const struct own_options *own, char **command,
	       struct jem_buf *faults)
{
	pid_t started = *command ? start_command(command) : 0;
	struct jem_worker_options options = {
		.config = config,
		.pid = started ? started : (pid_t)own->pid,
		.launcher_fd = (int)own->launcher_fd,
		.collector = own->collector,
		.copies = { own->copies[0], own->copies[1] },
		.faults = jem_buf_cstr(faults),
		.prmon_text = own->prmon_text,
		.prmon_json = own->prmon_json,
	};
	int status;

	if (started < 0) {
		log_error("cannot fork: %s", strerror(errno));
		return EX_OSERR;
	}
	status = jem_worker_run(&options);
	return started ? command_status(started) : status;
}

int main(int argc, char **argv)
{
	struct own_options own = { .launcher_fd = -1 };
	struct jem_config *config = NULL;
	struct jem_buf faults;
	int status;

	jem_log_init("jemd", JEM_LOG_INFO);
	jem_buf_init(&faults, 64 << 10);
	if (jem_config_create(&config) < 0) {
		log_error("no memory");
		return EX_OSERR;
	}
	status = configure(config, argc, argv, &own, &faults);
	if (status >= 0)
		status = run(config, &own, argv + status, &faults);
	else
		status = status == -EINVAL ? EX_USAGE : EXIT_SUCCESS;
	jem_config_destroy(config);
	jem_buf_deinit(&faults);
	return status;
}
