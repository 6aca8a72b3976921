/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maps: the mappings of a process, one after the other (proc(5), /proc/PID/maps).
 *
 * Read in pieces, because a process may have a million of them; a line may be longer than a piece.
 *
 * Ownership: owns its descriptor
 */
#ifndef JEM_DAEMON_METRICS_MAPS_H
#define JEM_DAEMON_METRICS_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct jem_mapping {
	uint64_t start;
	uint64_t end;
	bool is_accessible; /* false: only reserved, as a rule without a page */
};

struct jem_maps {
	int fd;
	size_t at;
	size_t len;
	bool is_at_end;
	char text[4096];
};

/* 0 or a negative errno. */
int jem_maps_open(struct jem_maps *maps, const char *root, pid_t pid);
void jem_maps_close(struct jem_maps *maps);

/* False at the end, and at a line that is none of a mapping. */
bool jem_maps_next(struct jem_maps *maps, struct jem_mapping *ret);

#endif
