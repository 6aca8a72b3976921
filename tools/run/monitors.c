/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/monitors.h"

#include "common/find.h"
#include "tools/run/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	OWN_WORDS_MAX = 16,
	PASSED_MAX = 3
};

/* One monitor to be: its program, words and the descriptors it inherits. */
struct spawn {
	char path[PATH_MAX];
	const char *folder;         /* JEM_FOLDER, or NULL */
	const char *calls_socket;   /* JEM_CALLS_SOCKET, or NULL */
	const char *scripts_socket; /* JEM_SCRIPTS_SOCKET, or NULL */
	char **words;               /* owned array */
	int word_count;
	int peer; /* the monitor's end of its link; -1: do not start it */
	int passed[PASSED_MAX];
	int passed_count;
	char link_word[32];
	char detail_words[2][32]; /* --pid=, --listen-fd= */
	char job_word[JEM_JOB_ID_MAX + 16];
	char place_word[PATH_MAX + 32]; /* the broker's URL, or --folder= */
};

void jem_monitors_init(struct jem_monitors *monitors)
{
	memset(monitors, 0, sizeof(*monitors));
	jem_run_link_init(&monitors->daemon);
	jem_run_link_init(&monitors->collector);
}

static void add_word(struct spawn *spawn, const char *word)
{
	spawn->words[spawn->word_count++] = (char *)word;
}

static void pass(struct spawn *spawn, int fd)
{
	if (fd >= 0)
		spawn->passed[spawn->passed_count++] = fd;
}

/* Finds the program and opens its link; -errno after telling why it will not run. */
static int prepare(struct spawn *spawn, const char *program, const struct jem_monitors_plan *plan,
		   struct jem_run_link *link, struct jem_voice *voice)
{
	int rc = jem_find_program(program, spawn->path);

	spawn->peer = -1;
	spawn->folder = plan->folder->fd >= 0 ? plan->folder->path : NULL;
	if (rc < 0) {
		jem_voice_fault(voice, "%s is missing: it belongs beside jem or in %s", program,
				JEM_LIBEXECDIR);
		return rc;
	}
	spawn->words = calloc((size_t)plan->options->word_count + OWN_WORDS_MAX, sizeof(char *));
	rc = spawn->words ? jem_run_link_open(link, &spawn->peer) : -ENOMEM;
	if (rc < 0) {
		jem_voice_fault(voice, "cannot start %s: %s", program, strerror(-rc));
		return rc;
	}
	pass(spawn, spawn->peer);
	snprintf(spawn->link_word, sizeof(spawn->link_word), "--launcher-fd=%d", spawn->peer);
	return 0;
}

static void add_options(struct spawn *spawn, const struct jem_run_options *options)
{
	snprintf(spawn->job_word, sizeof(spawn->job_word), "run.job=%s", options->id.truth);
	add_word(spawn, "--set");
	add_word(spawn, spawn->job_word);
	for (int i = 0; i < options->word_count; i++)
		add_word(spawn, options->words[i]);
	add_word(spawn, NULL);
}

static int prepare_daemon(struct spawn *spawn, struct jem_run_link *link,
			  const struct jem_monitors_plan *plan, struct jem_voice *voice)
{
	static const char *const copies[] = { "--stdout-copy", "--stderr-copy" };
	int rc = prepare(spawn, "jemd", plan, link, voice);

	if (rc < 0)
		return rc;
	if (plan->calls->is_wanted && *plan->calls->socket)
		spawn->calls_socket = plan->calls->socket;
	if (plan->scripts->is_wanted && *plan->scripts->socket)
		spawn->scripts_socket = plan->scripts->socket;
	snprintf(spawn->detail_words[0], sizeof(spawn->detail_words[0]), "--pid=%d",
		 (int)plan->job);
	add_word(spawn, spawn->path);
	add_word(spawn, spawn->link_word);
	add_word(spawn, spawn->detail_words[0]);
	if (plan->folder->socket >= 0) {
		snprintf(spawn->place_word, sizeof(spawn->place_word), "unix:%s/broker.sock",
			 plan->folder->path);
		add_word(spawn, "--collector");
		add_word(spawn, spawn->place_word);
	}
	for (int i = 0; i < 2; i++) {
		if (!plan->copies[i])
			continue;
		add_word(spawn, copies[i]);
		add_word(spawn, plan->copies[i]);
	}
	add_options(spawn, plan->options);
	return 0;
}

static int prepare_collector(struct spawn *spawn, struct jem_run_link *link,
			     const struct jem_monitors_plan *plan, struct jem_voice *voice)
{
	int rc = prepare(spawn, "jem-tool", plan, link, voice);

	if (rc < 0)
		return rc;
	pass(spawn, plan->folder->socket);
	pass(spawn, plan->folder->lock); /* held for as long as it writes */
	snprintf(spawn->detail_words[0], sizeof(spawn->detail_words[0]), "--listen-fd=%d",
		 plan->folder->socket);
	snprintf(spawn->place_word, sizeof(spawn->place_word), "--folder=%s", plan->folder->path);
	add_word(spawn, spawn->path);
	add_word(spawn, "collect");
	add_word(spawn, spawn->link_word);
	add_word(spawn, spawn->detail_words[0]);
	add_word(spawn, spawn->place_word);
	add_options(spawn, plan->options);
	return 0;
}

static void give_socket(const char *name, const char *socket)
{
	if (socket)
		setenv(name, socket, 1);
	else
		unsetenv(name);
}

/* A lesser process than the job: last at the core, first to go when memory is short. */
static void step_back(const struct spawn *spawn)
{
	struct rlimit no_core = { 0, 0 };
	int fd;

	setsid();
	if (nice(10) < 0)
		errno = 0;
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "1000", 4) < 0)
			errno = 0;
		close(fd);
	}
	setrlimit(RLIMIT_CORE, &no_core);
	umask(077);
	if (spawn->folder)
		setenv("JEM_FOLDER", spawn->folder, 1);
	else
		unsetenv("JEM_FOLDER");
	give_socket("JEM_CALLS_SOCKET", spawn->calls_socket);
	give_socket("JEM_SCRIPTS_SOCKET", spawn->scripts_socket);
	/* What is preloaded for the job's sake has no business in the monitor. */
	unsetenv("LD_PRELOAD");
	unsetenv("LD_AUDIT");
}

static void reset_signals(void)
{
	struct sigaction by_default = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig <= SIGRTMAX; sig++)
		sigaction(sig, &by_default, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void be_monitor(struct spawn *spawn, int null, int log)
{
	char pid[24];
	int len = snprintf(pid, sizeof(pid), "pid %d", (int)getpid());

	step_back(spawn);
	dup2(null, STDIN_FILENO);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	for (int i = 0; i < spawn->passed_count; i++)
		fcntl(spawn->passed[i], F_SETFD, 0);
	if (write(spawn->peer, pid, (size_t)len) < 0)
		_exit(1); /* the launcher is gone */
	reset_signals();
	execv(spawn->path, spawn->words);
	dprintf(STDERR_FILENO, "jem: cannot run %s: %s\n", spawn->path, strerror(errno));
	_exit(1);
}

static void fork_each(struct spawn *spawns, int count, int null, int log)
{
	for (int i = 0; i < count; i++)
		if (spawns[i].peer >= 0 && fork() == 0)
			be_monitor(&spawns[i], null, log);
}

/* The daemon publishes why calls are not traced; now, or at the end when nobody has reported. */
static void tell_calls(struct jem_run_link *daemon, const struct jem_run_calls *calls)
{
	if (!calls->is_wanted || !jem_run_link_is_open(daemon))
		return;
	if (calls->why != JEM_DEAD_END_COUNT)
		(void)jem_run_link_send(daemon, "untraced why=%d", (int)calls->why);
	else if (*calls->program)
		(void)jem_run_link_send(daemon, "program %s", calls->program);
}

void jem_monitors_start(struct jem_monitors *monitors, const struct jem_monitors_plan *plan,
			struct jem_voice *voice)
{
	struct spawn spawns[2];
	int null = jem_fd_open("/dev/null", O_RDWR);
	int log = plan->folder->log >= 0 ? plan->folder->log : null;
	pid_t intermediate;
	int error;

	memset(spawns, 0, sizeof(spawns));
	spawns[0].peer = spawns[1].peer = -1;
	if (prepare_daemon(&spawns[0], &monitors->daemon, plan, voice) == 0 &&
	    plan->folder->socket >= 0)
		(void)prepare_collector(&spawns[1], &monitors->collector, plan, voice);
	intermediate = fork();
	if (intermediate == 0) {
		fork_each(spawns, 2, null, log);
		_exit(0);
	}
	error = errno;
	for (int i = 0; i < 2; i++) {
		jem_fd_close(&spawns[i].peer);
		free(spawns[i].words);
	}
	jem_fd_close(&null);
	if (intermediate < 0) {
		jem_voice_fault(voice, "cannot start the monitors: %s", strerror(error));
		return;
	}
	tell_calls(&monitors->daemon, plan->calls);
	while (waitpid(intermediate, NULL, 0) < 0 && errno == EINTR)
		continue;
}
