/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switches_ring: records of perf (perf_event_open(2)) as events of scheduling. Whole of one core, in order.
 */
#ifndef JEM_DAEMON_SOURCES_SCHED_SWITCHES_RING_H
#define JEM_DAEMON_SOURCES_SCHED_SWITCHES_RING_H

#include "tracer/sched/event.h"
#include "tracer/sched/names.h"

#include <linux/perf_event.h>

#define JEM_SWITCHES_AT_ONCE 2 /* events of a record */

struct jem_switches_ring {
	uint16_t cpu;
	int fd;    /* the event whose mapping this is */
	char *map; /* the control page and the data pages */
	size_t map_bytes, data_bytes;
	int64_t last_ns;
};

/*
 * Of one record, whose `body` has no head: how many events it wrote, at most JEM_SWITCHES_AT_ONCE. What
 * it says was lost is added to *lost.
 */
size_t jem_switches_take(struct jem_switches_ring *ring, const struct perf_event_header *header,
			 const char *body, size_t len, struct jem_sched_names *names,
			 struct jem_sched_event *ret, uint64_t *lost);

#endif
