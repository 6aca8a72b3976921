/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/job_environ.h"

#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

int jem_job_environ_init(struct jem_job_environ *environ, const char *root, pid_t pid)
{
	enum {
		STEP = 16 << 10
	};
	auto_close int fd = -1;
	char path[PATH_MAX];
	ssize_t n = 0;
	char *room;

	jem_buf_init(&environ->text, JEM_JOB_ENVIRON_MAX + 1);
	snprintf(path, sizeof(path), "%s/proc/%d/environ", root, (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (environ->text.len + STEP <= JEM_JOB_ENVIRON_MAX &&
	       (room = jem_buf_extend(&environ->text, STEP))) {
		n = read(fd, room, STEP);
		environ->text.len -= STEP - (n > 0 ? (size_t)n : 0);
		if (n <= 0)
			break;
	}
	if (n < 0)
		environ->text.len = 0;
	/* A program may write over it: what is cut short or not ended is ended here. */
	jem_buf_add_char(&environ->text, '\0');
	return n < 0 ? -EIO : 0;
}

void jem_job_environ_deinit(struct jem_job_environ *environ)
{
	jem_buf_deinit(&environ->text);
}

const char *jem_job_environ_get(const struct jem_job_environ *environ, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = NULL; (at = jem_job_environ_next(environ, at));)
		if (!strncmp(at, name, len) && at[len] == '=')
			return at + len + 1;
	return NULL;
}

const char *jem_job_environ_next(const struct jem_job_environ *environ, const char *at)
{
	const char *end = environ->text.data + environ->text.len;

	at = at ? at + strlen(at) + 1 : environ->text.data;
	while (at && at < end && !*at)
		at++;
	return at && at < end ? at : NULL;
}
