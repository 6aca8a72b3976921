/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/sched/switches.h"

#include "common/cleanup.h"
#include "common/clock.h"
#include "daemon/sources/sched/switches_ring.h"
#include "daemon/sources/sched/tree.h"
#include "tracer/sched/merge.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	RING_PAGES = 32, /* 128 KiB: 4,000 switches of a core between two readings */
	RECORD_MAX = 256,
};

/* A record is in its ring this long after its time at the latest. */
#define COMMIT_NS 1000000

struct jem_switches {
	struct jem_switches_ring rings[JEM_SWITCHES_CPUS];
	size_t ring_count;
	int events[JEM_SWITCHES_EVENTS]; /* those without a ring of their own */
	size_t event_count;
	struct jem_sched_merge *merge; /* owned; a lane a ring */
	int epoll_fd;
	uint64_t lost;
};

/* --- opening ---------------------------------------------------------------------------------- */

static int open_event(pid_t tid, int cpu)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME,
		.inherit = 1,
		.exclude_kernel = 1, /* what paranoid 2 asks for; switches come all the same */
		.exclude_hv = 1,
		.task = 1,
		.comm = 1,
		.context_switch = 1,
		.sample_id_all = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.watermark = 1,
		.wakeup_watermark = RING_PAGES * 4096 / 2,
	};
	long fd = syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

/* kernel.perf_event_mlock_kb bounds what an ordinary user may have: what there is is taken. */
static int map_ring(struct jem_switches_ring *ring)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (size_t pages = RING_PAGES; pages; pages /= 2) {
		void *map;

		ring->data_bytes = pages * page;
		ring->map_bytes = ring->data_bytes + page;
		map = mmap(NULL, ring->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
		if (map != MAP_FAILED) {
			ring->map = map;
			return 0;
		}
		if (errno != EPERM && errno != ENOMEM)
			break;
	}
	return -errno;
}

/* The first thread's event on a core has the ring, the others write into it. */
static int open_ring(struct jem_switches *switches, int cpu, const pid_t *tids, size_t count)
{
	struct epoll_event poll = { .events = EPOLLIN | EPOLLET };
	struct jem_switches_ring *ring = &switches->rings[switches->ring_count];
	int status;

	*ring = (struct jem_switches_ring){ .cpu = (uint16_t)cpu, .fd = open_event(tids[0], cpu) };
	if (ring->fd < 0)
		return ring->fd;
	switches->ring_count++;
	status = map_ring(ring);
	if (status < 0)
		return status;
	/* Edge-triggered: an event whose tasks have all ended hangs up for good. */
	if (epoll_ctl(switches->epoll_fd, EPOLL_CTL_ADD, ring->fd, &poll) < 0)
		return -errno;
	for (size_t i = 1; i < count; i++) {
		int fd = open_event(tids[i], cpu);

		if (fd == -ESRCH) /* it has ended meanwhile */
			continue;
		if (fd < 0)
			return fd;
		switches->events[switches->event_count++] = fd;
		if (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd) < 0)
			return -errno;
	}
	return 0;
}

static int open_rings(struct jem_switches *switches, const struct jem_sched_tree *tree)
{
	cpu_set_t cpus;
	int status = 0;

	if (sched_getaffinity(tree->tids[0], sizeof(cpus), &cpus) < 0)
		return -errno;
	if (CPU_COUNT(&cpus) > JEM_SWITCHES_CPUS ||
	    tree->count * (size_t)CPU_COUNT(&cpus) > JEM_SWITCHES_EVENTS)
		return -E2BIG;
	for (int cpu = 0; cpu < CPU_SETSIZE && status == 0; cpu++)
		if (CPU_ISSET(cpu, &cpus))
			status = open_ring(switches, cpu, tree->tids, tree->count);
	return status;
}

int jem_switches_open(pid_t job, struct jem_switches **ret, struct jem_err *err)
{
	struct jem_switches *switches = calloc(1, sizeof(*switches));
	struct jem_sched_tree tree;
	int status;

	if (!switches)
		return jem_err_set(err, -ENOMEM, "no memory");
	status = jem_sched_tree_walk("/proc", job, &tree);
	switches->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (status == 0 && switches->epoll_fd < 0)
		status = -errno;
	if (status == 0)
		status = open_rings(switches, &tree);
	if (status == 0)
		status = jem_sched_merge_create(switches->ring_count, &switches->merge);
	jem_sched_tree_deinit(&tree);
	if (status < 0) {
		jem_switches_close(switches);
		return jem_err_set(err, status, "perf_event_open(2): %s%s", strerror(-status),
				   status == -EACCES || status == -EPERM
					   ? " (kernel.perf_event_paranoid)"
					   : "");
	}
	*ret = switches;
	return 0;
}

void jem_switches_close(struct jem_switches *switches)
{
	if (!switches)
		return;
	for (size_t i = 0; i < switches->event_count; i++)
		close(switches->events[i]);
	for (size_t i = 0; i < switches->ring_count; i++) {
		if (switches->rings[i].map)
			munmap(switches->rings[i].map, switches->rings[i].map_bytes);
		close(switches->rings[i].fd);
	}
	if (switches->epoll_fd >= 0)
		close(switches->epoll_fd);
	jem_sched_merge_destroy(switches->merge);
	free(switches);
}

int jem_switches_fd(const struct jem_switches *switches)
{
	return switches->epoll_fd;
}

uint64_t jem_switches_lost(struct jem_switches *switches)
{
	uint64_t lost = switches->lost;

	switches->lost = 0;
	return lost;
}

/* --- reading (perf_event_open(2), "MMAP layout") ----------------------------------------------- */

/* Copies out of the ring, around its end. */
static void copy_out(const struct jem_switches_ring *ring, uint64_t at, void *to, size_t len)
{
	const char *data = ring->map + (ring->map_bytes - ring->data_bytes);
	size_t start = at & (ring->data_bytes - 1);
	size_t first = len < ring->data_bytes - start ? len : ring->data_bytes - start;

	memcpy(to, data + start, first);
	memcpy((char *)to + first, data, len - first);
}

/* Records of one ring. They may hold several events each; those that are too long are none of ours. */
static int read_ring(struct jem_switches *switches, size_t i, struct jem_sched_names *names)
{
	struct jem_switches_ring *ring = &switches->rings[i];
	struct perf_event_mmap_page *control = (void *)ring->map;
	/* Acquire pairs with the kernel's write of data_head after the record's bytes. */
	uint64_t head = __atomic_load_n(&control->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = control->data_tail;
	int status = 0;

	while (tail < head && status == 0) {
		struct perf_event_header header;
		char body[RECORD_MAX] __attribute__((aligned(8)));
		struct jem_sched_event *events;

		copy_out(ring, tail, &header, sizeof(header));
		if (header.size < sizeof(header) || header.size > head - tail)
			break;
		if (header.size <= sizeof(body)) {
			size_t len = header.size - sizeof(header);

			copy_out(ring, tail + sizeof(header), body, len);
			events = jem_sched_merge_room(switches->merge, i, JEM_SWITCHES_AT_ONCE);
			if (events)
				jem_sched_merge_push(switches->merge, i,
						     jem_switches_take(ring, &header, body, len,
								       names, events,
								       &switches->lost));
			else
				status = -ENOMEM;
		}
		tail += header.size;
	}
	/* Release: the kernel may overwrite only what we have copied. */
	__atomic_store_n(&control->data_tail, head, __ATOMIC_RELEASE);
	return status;
}

int jem_switches_read(struct jem_switches *switches, struct jem_sched_feed *feed, int64_t *safe_ns)
{
	struct epoll_event ready[JEM_SWITCHES_CPUS];
	int64_t before_ns = (int64_t)jem_now_ns() - COMMIT_NS;
	const struct jem_sched_event *events;
	int status = 0;
	size_t wants;
	size_t count;

	*safe_ns = before_ns;
	for (size_t i = 0; i < switches->ring_count && status == 0; i++) {
		status = read_ring(switches, i, jem_sched_feed_names(feed));
		jem_sched_merge_watermark(switches->merge, i, before_ns);
	}
	while (status == 0 && (count = jem_sched_merge_next(switches->merge, &events, &wants)) > 0)
		status = jem_sched_feed_events(feed, events, count);
	(void)epoll_wait(switches->epoll_fd, ready, JEM_SWITCHES_CPUS, 0); /* rearms the edges */
	return status;
}
