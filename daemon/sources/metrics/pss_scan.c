/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/pss_scan.h"

#include "common/clock.h"
#include "daemon/sources/metrics/proc_file.h"

#include <errno.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#define YIELD_NS 500000u
#define PATIENCE 4   /* of the time on the clock a slice takes no more than so many times its own */
#define ENTRIES  512 /* of one page of the table, 2 MiB of memory: what the kernel locks at a time */
#define PRESENT  63  /* these are bits */
#define ALONE    56  /* exclusively mapped, since Linux 4.2 */

int jem_pss_scan_open(struct jem_pss_scan *scan, const char *root, pid_t pid, uint64_t span_max)
{
	int status;

	*scan = (struct jem_pss_scan){
		.pid = pid,
		.fd = jem_proc_open(root, "/proc/%d/pagemap", (int)pid),
		.maps.fd = -1,
		.left_bytes = span_max,
		.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
	};
	status = scan->fd < 0 ? scan->fd : jem_maps_open(&scan->maps, root, pid);
	if (status < 0)
		jem_pss_scan_close(scan);
	return status;
}

void jem_pss_scan_close(struct jem_pss_scan *scan)
{
	if (scan->fd >= 0)
		close(scan->fd);
	scan->fd = -1;
	jem_maps_close(&scan->maps);
}

static void count(struct jem_pss_scan *scan, const uint64_t *entries, size_t n)
{
	uint64_t present = 0;
	uint64_t own = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t is_present = entries[i] >> PRESENT;

		present += is_present;
		own += is_present & (entries[i] >> ALONE);
	}
	scan->own_bytes += own * scan->page_bytes;
	scan->shared_bytes += (present - own) * scan->page_bytes;
}

/* Up to the next border of what the kernel locks at a time. */
static int read_piece(struct jem_pss_scan *scan)
{
	uint64_t entries[ENTRIES];
	uint64_t page = scan->at / scan->page_bytes;
	uint64_t pages = ENTRIES - page % ENTRIES;
	uint64_t before = jem_now_ns();
	uint64_t took;
	ssize_t n;

	if (pages > (scan->end - scan->at) / scan->page_bytes)
		pages = (scan->end - scan->at) / scan->page_bytes;
	n = pread(scan->fd, entries, pages * sizeof(*entries), (off_t)(page * sizeof(*entries)));
	if (n < 0)
		return -errno;
	took = jem_now_ns() - before;
	if (took > scan->longest_ns)
		scan->longest_ns = took;
	n /= (ssize_t)sizeof(*entries);
	count(scan, entries, (size_t)n);
	/* Nothing is read where the process has ended, or has no address space so far up. */
	scan->at = n ? scan->at + (uint64_t)n * scan->page_bytes : scan->end;
	return 0;
}

/* 0: there is another to read; 1: there is none. */
static int next_mapping(struct jem_pss_scan *scan)
{
	struct jem_mapping mapping;

	while (jem_maps_next(&scan->maps, &mapping)) {
		uint64_t bytes = mapping.end - mapping.start;

		/* [vsyscall] is in the kernel's half; its pages belong to nobody. */
		if (!mapping.is_accessible || bytes < scan->page_bytes ||
		    mapping.end > (uint64_t)INT64_MAX)
			continue;
		if (bytes > scan->left_bytes)
			return -E2BIG;
		scan->left_bytes -= bytes;
		scan->at = mapping.start;
		scan->end = mapping.end - bytes % scan->page_bytes;
		return 0;
	}
	return 1;
}

int jem_pss_scan_step(struct jem_pss_scan *scan, uint64_t slice_ns)
{
	uint64_t start = jem_now_ns();
	uint64_t cpu_start = jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t yielded_ns = 0;
	uint64_t used_ns = 0;
	int status = 0;

	do {
		/* Others go first now rather than in the middle, when the mappings are locked. */
		if (used_ns >= yielded_ns) {
			sched_yield();
			yielded_ns = used_ns + YIELD_NS;
		}
		if (scan->at >= scan->end)
			status = next_mapping(scan);
		if (status == 0)
			status = read_piece(scan);
		used_ns = jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_start;
	} while (status == 0 && used_ns < slice_ns && jem_now_ns() - start < slice_ns * PATIENCE);
	scan->cost_ns += used_ns;
	return status;
}
