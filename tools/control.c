/* SPDX-License-Identifier: Apache-2.0 */
/* jem control: changes what is recorded of a job that runs, over its daemon's local socket. */
#include "common/cleanup.h"
#include "common/local_socket.h"
#include "common/log.h"
#include "common/name.h"
#include "tools/tool.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sysexits.h>

enum {
	REQUEST_MAX = 16000, /* what the daemon takes */
	ANSWER_MAX = 1024,
	ANSWER_S = 10,
	EXIT_REFUSED = 1
};

struct control_options {
	char request[REQUEST_MAX]; /* assignments, a NUL after each */
	size_t len;
};

enum control_flag {
	FLAG_SET
};

static const struct jem_flag flags[] = {
	[FLAG_SET] = { .flag = "set",
		       .argument = "KEY=VALUE",
		       .help = "what to change; repeat for more, and for more elements of a list" },
	{ 0 },
};

static int on_flag(void *arg, const struct jem_flag *flag, const char *value, struct jem_err *err)
{
	struct control_options *options = arg;
	size_t len = strlen(value) + 1;

	(void)flag;
	if (!strchr(value, '='))
		return jem_err_set(err, -EINVAL, "\"%.64s\" is no KEY=VALUE", value);
	if (len > sizeof(options->request) - options->len)
		return jem_err_set(err, -E2BIG, "too much at once; do it in several steps");
	memcpy(options->request + options->len, value, len);
	options->len += len;
	return 0;
}

/* The folder that was named, or the one that jem run makes for a job of that name, or none. */
static void find_address(const char *job, char ret[PATH_MAX])
{
	char name[JEM_NAME_MAX + 1];
	char folder[PATH_MAX / 2];
	struct stat st;

	snprintf(folder, sizeof(folder), "%s", job);
	if (stat(folder, &st) < 0 || !S_ISDIR(st.st_mode)) {
		jem_name_reduce(job, name);
		snprintf(folder, sizeof(folder), "jem-%s", name);
		if (stat(folder, &st) < 0 || !S_ISDIR(st.st_mode)) {
			snprintf(ret, PATH_MAX, JEM_CONTROL_ABSTRACT, (unsigned)geteuid(), name);
			return;
		}
	}
	snprintf(ret, PATH_MAX, "%s/control.sock", folder);
}

static int connect_to(const char *job)
{
	char address[PATH_MAX];
	struct jem_err err;
	pid_t pid;
	uid_t uid;
	int fd;

	find_address(job, address);
	fd = jem_local_connect(address, &err);
	if (fd < 0) {
		if (fd == -ECONNREFUSED || fd == -ENOENT)
			log_error("no monitored job %s runs here; name it, or its folder", job);
		else
			log_error("%s", err.text);
		return -1;
	}
	if (jem_local_peer(fd, &pid, &uid) < 0 || (uid != geteuid() && uid != 0)) {
		log_error("whoever listens there is not your daemon");
		close(fd);
		return -1;
	}
	return fd;
}

static int run(const struct jem_tool_args *args)
{
	const struct control_options *options = args->options;
	const struct timeval patience = { .tv_sec = ANSWER_S };
	char answer[ANSWER_MAX];
	auto_close int fd = -1;
	ssize_t len;

	if (!options->len) {
		log_error("nothing to change; give --set KEY=VALUE");
		return EX_USAGE;
	}
	fd = connect_to(args->words[0]);
	if (fd < 0)
		return EX_UNAVAILABLE;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (send(fd, options->request, options->len, MSG_NOSIGNAL) < 0) {
		log_error("cannot send: %s", strerror(errno));
		return EX_UNAVAILABLE;
	}
	len = recv(fd, answer, sizeof(answer) - 1, 0);
	if (len <= 0) {
		log_error("the daemon does not answer");
		return EX_UNAVAILABLE;
	}
	answer[len] = '\0';
	if (!strncmp(answer, "error ", 6)) {
		log_error("%s", answer + 6);
		return EXIT_REFUSED;
	}
	puts("changed");
	return fflush(stdout) ? EX_IOERR : EX_OK;
}

const struct jem_tool jem_tool_control = {
	.name = "control",
	.usage = "Usage: jem control [OPTION]... JOB|DIR --set KEY=VALUE...\n\n"
		 "Changes what is recorded of a job of yours that runs on this node: "
		 "calls.include,\n"
		 "calls.exclude, calls.values, calls.depth, calls.limit, calls.process_limit, "
		 "calls.off.\n\n",
	.flags = flags,
	.options_size = sizeof(struct control_options),
	.on_flag = on_flag,
	.words_min = 1,
	.words_max = 1,
	.reads_none = true,
	.run = run,
};
