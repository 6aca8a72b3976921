/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/script/python/source_line.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The line's beginning within one block after the other; the length so far, `*left` lines to go. */
static size_t take(const char *block, size_t n, int *left, char *ret, size_t used, size_t size)
{
	size_t at = 0;

	while (at < n && *left >= 0) {
		const char *end = memchr(block + at, '\n', n - at);
		size_t length = end ? (size_t)(end - block) - at : n - at;

		if (*left == 0) {
			size_t kept = length < size - used ? length : size - used;

			memcpy(ret + used, block + at, kept);
			used += kept;
		}
		if (end)
			(*left)--;
		at += length + 1;
	}
	return used;
}

size_t jem_py_source_line(const char *file, int line, char *ret, size_t size)
{
	int saved = errno;
	int fd = line > 0 && file[0] != '<'
			 ? open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
			 : -1;
	size_t used = 0, start = 0;
	char block[16384];
	int left = line - 1;
	struct stat stat;

	if (fd >= 0 && fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode)) {
		ssize_t n;

		for (size_t total = 0; left >= 0 && total < JEM_PY_SOURCE; total += (size_t)n) {
			n = read(fd, block, sizeof(block));
			if (n <= 0)
				break;
			used = take(block, (size_t)n, &left, ret, used, size);
		}
	}
	if (fd >= 0)
		close(fd);
	errno = saved;
	while (used && (ret[used - 1] == '\r' || ret[used - 1] == ' ' || ret[used - 1] == '\t'))
		used--;
	while (start < used && (ret[start] == ' ' || ret[start] == '\t'))
		start++;
	memmove(ret, ret + start, used - start);
	return used - start;
}
