/* SPDX-License-Identifier: Apache-2.0 */
/* jem record: the scheduler's events of the machine while a command runs, as a trace.dat file. */
#include "common/cleanup.h"
#include "common/log.h"
#include "tools/recorder.h"
#include "tools/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>

enum { /* as env(1) */
	EXIT_OURS = 125,
	EXIT_CANNOT_RUN = 126,
	EXIT_NOT_FOUND = 127,
	BUFFER_MIB = 8,
};

struct record_options {
	const char *path;
	uint64_t buffer_bytes; /* 0: the default */
};

/* The command, and what became of it. */
struct command {
	pid_t pid;
	int signals; /* signalfd */
	sigset_t before;
	int status; /* of wait */
	int gate;   /* closing it lets it run */
	int fault;  /* says why it could not */
};

/* Signals for us that are the command's, and the end of it. */
static const int watched[] = { SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM };

static int watch_signals(struct command *command)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(watched) / sizeof(*watched); i++)
		sigaddset(&set, watched[i]);
	if (sigprocmask(SIG_BLOCK, &set, &command->before) < 0)
		return -errno;
	command->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return command->signals < 0 ? -errno : 0;
}

/* In the child: waits for the gate, then is the command. */
static _Noreturn void become(char **words, const struct command *command, int gate, int fault)
{
	int number;
	char byte;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* until it runs: nobody would open the gate */
	while (read(gate, &byte, 1) < 0 && errno == EINTR)
		;
	(void)prctl(PR_SET_PDEATHSIG, 0);
	sigprocmask(SIG_SETMASK, &command->before, NULL);
	execvp(words[0], words);
	number = errno;
	if (write(fault, &number, sizeof(number)) < 0)
		_exit(EXIT_OURS);
	_exit(number == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
}

/* Starts the command, held at the gate. */
static int start_command(char **words, struct command *command)
{
	int gate[2];
	int fault[2];

	if (pipe2(gate, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(fault, O_CLOEXEC) < 0) {
		close(gate[0]);
		close(gate[1]);
		return -errno;
	}
	command->pid = fork();
	if (!command->pid) {
		close(gate[1]);
		become(words, command, gate[0], fault[1]);
	}
	close(gate[0]);
	close(fault[1]);
	command->gate = gate[1];
	command->fault = fault[0];
	return command->pid < 0 ? -EAGAIN : 0;
}

/* Of the terminal's keys the command has heard itself. */
static void pass_on(const struct command *command, const struct signalfd_siginfo *info)
{
	if (info->ssi_code != SI_KERNEL)
		(void)kill(command->pid, (int)info->ssi_signo);
}

static int on_signal(void *context)
{
	struct command *command = context;
	struct signalfd_siginfo info;

	while (read(command->signals, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			pass_on(command, &info);
	/* The keeper of the instance is a child too. */
	return waitpid(command->pid, &command->status, WNOHANG) == command->pid;
}

/* Ends as the command did. */
static int end_as(const struct command *command)
{
	int number;

	if (WIFEXITED(command->status))
		return WEXITSTATUS(command->status);
	number = WTERMSIG(command->status);
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }); /* it has left its own */
	(void)signal(number, SIG_DFL);
	sigprocmask(SIG_SETMASK, &command->before, NULL);
	(void)raise(number);
	return 128 + number; /* the signal was blocked before us */
}

static void tell(const struct record_options *options, const struct jem_recorder_result *result)
{
	log_info("%s: %" PRIu64 " kB, of %u cores", options->path, (result->bytes + 999) / 1000,
		 result->cores);
	if (result->lost)
		log_warning("%" PRIu64 " events were lost: a larger --buffer keeps them",
			    result->lost);
}

static int record(struct jem_recorder *recorder, const struct record_options *options, char **words)
{
	struct command command = { .signals = -1, .gate = -1, .fault = -1 };
	struct jem_recorder_result result;
	struct jem_err err = { "" };
	int number = 0;
	int status = watch_signals(&command);

	if (!status)
		status = start_command(words, &command);
	if (!status)
		status = jem_recorder_start(recorder);
	if (status < 0) {
		log_error("cannot start %s: %s", words[0], strerror(-status));
		jem_recorder_close(recorder);
		return EXIT_OURS; /* whoever waits at the gate goes with us */
	}
	close(command.gate);
	status = jem_recorder_run(recorder, command.signals, on_signal, &command);
	if (status < 0) { /* the command goes on all the same */
		log_error("recording has ended: %s", strerror(-status));
		while (waitpid(command.pid, &command.status, 0) < 0 && errno == EINTR)
			;
	}
	if (read(command.fault, &number, sizeof(number)) == sizeof(number))
		log_error("cannot run %s: %s", words[0], strerror(number));
	close(command.fault);
	status = jem_recorder_finish(recorder, &result, &err);
	if (status < 0)
		log_error("%s", err.text);
	else
		tell(options, &result);
	close(command.signals);
	jem_recorder_close(recorder);
	return end_as(&command);
}

static int run(const struct jem_tool_args *args)
{
	const struct record_options *options = args->options;
	uint64_t buffer =
		options->buffer_bytes ? options->buffer_bytes : (uint64_t)BUFFER_MIB << 20;
	struct jem_recorder *recorder;
	struct jem_err err = { "" };

	if (!options->path) {
		log_error("--trace FILE is missing; jem record --help tells the usage");
		return EX_USAGE;
	}
	if (jem_recorder_open(options->path, buffer, &recorder, &err) < 0) {
		log_error("%s%s", err.text,
			  geteuid() ? "; only root may record the whole machine" : "");
		return EXIT_OURS;
	}
	return record(recorder, options, args->words);
}

static const struct jem_flag flags[] = {
	{ "trace", "FILE", "where to; FILE.topology tells which cores share a socket and cache",
	  't' },
	{ "buffer", "MIB",
	  "of the kernel's memory a core, for events that are not read yet; 8, and at most a "
	  "hundredth of the machine's memory in all",
	  'b' },
	{ 0 },
};

static int on_flag(void *arg, const struct jem_flag *flag, const char *value, struct jem_err *err)
{
	struct record_options *options = arg;
	unsigned long mib;
	char *end;

	if (!strcmp(flag->flag, "trace")) {
		options->path = value;
		return strlen(value) < PATH_MAX - 16 && *value
			       ? 0
			       : jem_err_set(err, -EINVAL, "no path");
	}
	mib = strtoul(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || mib < 1 || mib > 4096)
		return jem_err_set(err, -EINVAL, "%s is not between 1 and 4096", value);
	options->buffer_bytes = (uint64_t)mib << 20;
	return 0;
}

const struct jem_tool jem_tool_record = {
	.name = "record",
	.usage = "Usage: jem record --trace FILE [--buffer MIB] -- COMMAND [ARG...]\n\n"
		 "Runs COMMAND and records, as root, what every core of the machine runs "
		 "meanwhile,\n"
		 "as a file for dat2graph, running_waiting and trace-cmd report.\n\n",
	.flags = flags,
	.options_size = sizeof(struct record_options),
	.on_flag = on_flag,
	.words_min = 1,
	.words_max = INT_MAX,
	.takes_command = true,
	.reads_none = true,
	.run = run,
};
