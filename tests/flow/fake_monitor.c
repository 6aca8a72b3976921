/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_monitor: stands for jemd and for `jem-tool collect` where the launcher is tested alone.
 *
 * JEM_TEST_MONITOR says how it behaves:
 *	good       answers as it should; the default
 *	exit       ends at once
 *	stop       stops itself before it is ready        stop-late: after
 *	kill       dies by SIGKILL after it was ready
 *	mute       never says anything, nor reads
 *	flood      talks without end
 *	garbage    says what is no message
 *	close      closes its link and lives on
 *	fault      complains twice, then is good
 *	deaf       is ready, and never done
 * JEM_TEST_TRACE: a folder; each one writes what it is told into <program>.log there, and its pid,
 * words and state into <program>.pid, .words, .state.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *program;
static int launcher = -1;
static const char *out;

static FILE *open_trace(const char *kind)
{
	const char *folder = getenv("JEM_TEST_TRACE");
	char path[4096];

	if (!folder)
		return NULL;
	snprintf(path, sizeof(path), "%s/%s.%s", folder, program, kind);
	return fopen(path, "ae");
}

static void trace(const char *kind, const char *text)
{
	FILE *file = open_trace(kind);

	if (!file)
		return;
	fprintf(file, "%s\n", text);
	fclose(file);
}

static void trace_state(void)
{
	FILE *file = open_trace("state");
	char line[256];
	FILE *status = fopen("/proc/self/status", "re");
	struct rlimit core;

	getrlimit(RLIMIT_CORE, &core);
	if (file) {
		fprintf(file, "nice %d\nsession %d\npid %d\ncore %llu\n",
			getpriority(PRIO_PROCESS, 0), (int)getsid(0), (int)getpid(),
			(unsigned long long)core.rlim_cur);
		for (int fd = 0; fd < 1024; fd++)
			if (fcntl(fd, F_GETFD) >= 0 && fd != fileno(file) &&
			    (!status || fd != fileno(status)))
				fprintf(file, "fd %d\n", fd);
		while (status && fgets(line, sizeof(line), status))
			if (!strncmp(line, "Sig", 3) || !strncmp(line, "PPid", 4))
				fputs(line, file);
		fclose(file);
	}
	if (status)
		fclose(status);
	status = fopen("/proc/self/oom_score_adj", "re");
	if (status && fgets(line, sizeof(line), status)) {
		line[strcspn(line, "\n")] = '\0';
		trace("oom", line);
	}
	if (status)
		fclose(status);
}

static void say(const char *text)
{
	(void)send(launcher, text, strlen(text), MSG_NOSIGNAL);
}

static void draw(void)
{
	char path[4096];
	FILE *page;

	if (!out)
		return;
	snprintf(path, sizeof(path), "%s/index.html", out);
	page = fopen(path, "we");
	if (page)
		fclose(page);
}

static void answer(bool is_deaf)
{
	char message[2048];
	ssize_t n;

	while ((n = recv(launcher, message, sizeof(message) - 1, 0)) > 0) {
		message[n] = '\0';
		trace("log", message);
		if (is_deaf || (strncmp(message, "exit", 4) && strncmp(message, "finish", 6)))
			continue;
		draw();
		say("line the first closing line of this one");
		say("line \x1b[31mred\x07 \xc2\x9b second");
		say("done");
		return;
	}
	trace("log", "(gone)");
}

static void flood(void)
{
	char text[64];

	for (unsigned i = 0;; i++) {
		snprintf(text, sizeof(text), "%s %u", i % 3 ? "line flood" : "unknown flood", i);
		if (send(launcher, text, strlen(text), MSG_NOSIGNAL) < 0 && errno == EPIPE)
			return;
	}
}

static void say_garbage(void)
{
	static const char bytes[] = "fault \0\x1b[2J\r\nsecond line\xff\xfe";
	char big[60000];

	memset(big, 'x', sizeof(big));
	(void)send(launcher, bytes, sizeof(bytes), MSG_NOSIGNAL);
	(void)send(launcher, big, sizeof(big), MSG_NOSIGNAL);
	say("set drain_ms=99999999999999999999");
	say("set drain_ms=-1");
	say("set");
	say("pid x");
	say("fault");
	say("");
	say("readyish");
	say("ready");
}

static void take_words(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		trace("words", argv[i]);
	trace("folder", getenv("JEM_FOLDER") ? getenv("JEM_FOLDER") : "none");
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "--launcher-fd=", 14))
			launcher = atoi(argv[i] + 14);
		if (!strncmp(argv[i], "--folder=", 9))
			out = argv[i] + 9;
	}
}

int main(int argc, char **argv)
{
	const char *how = getenv("JEM_TEST_MONITOR");
	char pid[16];

	program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	how = how ? how : "good";
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	trace("pid", pid);
	take_words(argc, argv);
	trace_state();
	if (!strcmp(how, "exit"))
		return 3;
	if (!strcmp(how, "stop"))
		raise(SIGSTOP);
	if (!strcmp(how, "mute"))
		for (;;)
			if (recv(launcher, pid, 1, MSG_PEEK) == 0 || pause())
				return 0;
	if (!strcmp(how, "fault")) {
		say("fault jem.ini:3: unknown key; remove it");
		say("fault jem.ini:4: unknown key; remove it");
	}
	if (!strcmp(how, "garbage"))
		say_garbage();
	else
		say("ready");
	if (!strcmp(how, "kill"))
		raise(SIGKILL);
	if (!strcmp(how, "stop-late"))
		raise(SIGSTOP);
	if (!strcmp(how, "flood"))
		flood();
	if (!strcmp(how, "close")) {
		close(launcher);
		alarm(20);
		pause();
	}
	answer(!strcmp(how, "deaf"));
	return 0;
}
