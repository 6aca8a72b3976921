/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/maps.h"

#include "daemon/sources/metrics/proc_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	HEAD_BYTES = 64 /* "START-END perms " is at most 39 */
};

int jem_maps_open(struct jem_maps *maps, const char *root, pid_t pid)
{
	maps->at = maps->len = 0;
	maps->is_at_end = false;
	maps->fd = jem_proc_open(root, "/proc/%d/maps", (int)pid);
	return maps->fd < 0 ? maps->fd : 0;
}

void jem_maps_close(struct jem_maps *maps)
{
	if (maps->fd >= 0)
		close(maps->fd);
	maps->fd = -1;
}

/* Moves what is left to the start and reads more behind it, up to the NUL's place. */
static void fill(struct jem_maps *maps)
{
	ssize_t n;

	memmove(maps->text, maps->text + maps->at, maps->len - maps->at);
	maps->len -= maps->at;
	maps->at = 0;
	do
		n = read(maps->fd, maps->text + maps->len, sizeof(maps->text) - 1 - maps->len);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		maps->is_at_end = true;
	else
		maps->len += (size_t)n;
	maps->text[maps->len] = '\0';
}

static void skip_line(struct jem_maps *maps)
{
	for (;;) {
		char *end = memchr(maps->text + maps->at, '\n', maps->len - maps->at);

		if (end) {
			maps->at = (size_t)(end + 1 - maps->text);
			return;
		}
		maps->at = maps->len;
		if (maps->is_at_end)
			return;
		fill(maps);
	}
}

bool jem_maps_next(struct jem_maps *maps, struct jem_mapping *ret)
{
	uint64_t start, end;
	char *at;

	while (maps->len - maps->at < HEAD_BYTES && !maps->is_at_end)
		fill(maps);
	if (maps->at == maps->len)
		return false;
	at = maps->text + maps->at;
	start = strtoull(at, &at, 16);
	if (*at != '-')
		return false;
	end = strtoull(at + 1, &at, 16);
	if (*at != ' ' || end < start)
		return false;
	ret->start = start;
	ret->end = end;
	ret->is_accessible = strncmp(at + 1, "---", 3) != 0;
	skip_line(maps);
	return true;
}
