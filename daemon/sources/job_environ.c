/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/job_environ.h"

#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

int jem_job_environ_init(struct jem_job_environ *variables, const char *root, pid_t pid)
{
	enum {
		STEP = 16 << 10
	};
	auto_close int fd = -1;
	char path[PATH_MAX];
	ssize_t n = 0;
	char *room;

	jem_buf_init(&variables->text, JEM_JOB_ENVIRON_MAX + 1);
	snprintf(path, sizeof(path), "%s/proc/%d/environ", root, (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (variables->text.len + STEP <= JEM_JOB_ENVIRON_MAX &&
	       (room = jem_buf_extend(&variables->text, STEP))) {
		n = read(fd, room, STEP);
		variables->text.len -= STEP - (n > 0 ? (size_t)n : 0);
		if (n <= 0)
			break;
	}
	if (n < 0)
		variables->text.len = 0;
	/* A program may write over it: what is cut short or not ended is ended here. */
	jem_buf_add_char(&variables->text, '\0');
	return n < 0 ? -EIO : 0;
}

void jem_job_environ_deinit(struct jem_job_environ *variables)
{
	jem_buf_deinit(&variables->text);
}

const char *jem_job_environ_get(const struct jem_job_environ *variables, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = NULL; (at = jem_job_environ_next(variables, at));)
		if (!strncmp(at, name, len) && at[len] == '=')
			return at + len + 1;
	return NULL;
}

const char *jem_job_environ_next(const struct jem_job_environ *variables, const char *at)
{
	const char *end = variables->text.data + variables->text.len;

	at = at ? at + strlen(at) + 1 : variables->text.data;
	while (at && at < end && !*at)
		at++;
	return at && at < end ? at : NULL;
}
