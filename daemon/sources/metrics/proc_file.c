/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/proc_file.h"

#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 2, 0))) static int open_va(const char *root, const char *format,
							 va_list args)
{
	char path[PATH_MAX];
	size_t at = strlen(root);
	int n, fd;

	if (at >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, root, at);
	n = vsnprintf(path + at, sizeof(path) - at, format, args);
	if (n < 0 || (size_t)n >= sizeof(path) - at)
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int jem_proc_open(const char *root, const char *format, ...)
{
	va_list args;
	int fd;

	va_start(args, format);
	fd = open_va(root, format, args);
	va_end(args);
	return fd;
}

ssize_t jem_proc_pread(int fd, char *buf, size_t size)
{
	size_t len = 0;

	/* A file of one page comes whole; longer ones come page by page. */
	while (len < size - 1) {
		ssize_t n = pread(fd, buf + len, size - 1 - len, (off_t)len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
	}
	buf[len] = '\0';
	return (ssize_t)len;
}

ssize_t jem_proc_pread_whole(int fd, char *buf, size_t size)
{
	ssize_t len;

	do
		len = pread(fd, buf, size - 1, 0);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	buf[len] = '\0';
	return len;
}

ssize_t jem_proc_read(const char *root, char *buf, size_t size, const char *format, ...)
{
	auto_close int fd = -1;
	va_list args;

	va_start(args, format);
	fd = open_va(root, format, args);
	va_end(args);
	return fd < 0 ? fd : jem_proc_pread(fd, buf, size);
}

ssize_t jem_proc_read_kept(int *fd, const char *root, char *buf, size_t size, const char *path)
{
	if (*fd < 0)
		*fd = jem_proc_open(root, "%s", path);
	return *fd < 0 ? *fd : jem_proc_pread(*fd, buf, size);
}

uint64_t jem_proc_field(const char *text, const char *key, uint64_t missing)
{
	size_t len = strlen(key);
	uint64_t value;

	while (text && *text) {
		if (!strncmp(text, key, len)) {
			text += len;
			return jem_proc_next(&text, &value) ? value : missing;
		}
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return missing;
}

bool jem_proc_next(const char **text, uint64_t *ret)
{
	const char *at = *text;
	uint64_t value = 0;

	while (*at == ' ' || *at == '\t')
		at++;
	if (*at < '0' || *at > '9')
		return false;
	for (; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (uint64_t)(*at - '0');
	*text = at;
	*ret = value;
	return true;
}

double jem_proc_psi_s(const char *text, const char *line)
{
	const char *at = strstr(text, line);
	uint64_t us;

	at = at ? strstr(at, "total=") : NULL;
	if (!at)
		return NAN;
	at += strlen("total=");
	return jem_proc_next(&at, &us) ? (double)us / 1e6 : NAN;
}
