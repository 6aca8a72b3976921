/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/perf_tasks.h"

#include "common/cleanup.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

enum {
	RING_PAGES = 16,        /* 64 KiB: some 600 short processes between two drains */
	RING_PAGES_OF_MANY = 4, /* there are more than JEM_PERF_CPUS_FEW rings */
	RECORD_MAX = 4096,      /* those we ask for are under 100 bytes */
	EVENTS_MAX = 256,       /* threads times processors */
	SORT_MAX = 4096,        /* records put in order at a time */
};

struct ring {
	int cpu;
	int fd;    /* the event whose mapping this is */
	char *map; /* the control page and the data pages */
	size_t map_bytes;
	size_t data_bytes;
};

struct jem_perf_tasks {
	struct ring rings[JEM_PERF_CPUS_MAX];
	size_t ring_count;
	int events[EVENTS_MAX]; /* those without a ring of their own */
	size_t event_count;
	int clocks[EVENTS_MAX];
	size_t clock_count;
	int epoll_fd;
	unsigned ring_pages;           /* of each, where the kernel lets us have them */
	struct jem_task_event *sorted; /* owned; room for SORT_MAX */
	size_t sorted_count;
};

static int open_event(struct perf_event_attr *attr, pid_t tid, int cpu)
{
	long fd = syscall(SYS_perf_event_open, attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

static struct perf_event_attr task_attr(unsigned ring_pages)
{
	return (struct perf_event_attr){
		.size = sizeof(struct perf_event_attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TIME,
		.inherit = 1,
		.exclude_kernel =
			1, /* what paranoid 2 asks for; changes nothing for these records */
		.exclude_hv = 1,
		.task = 1,
		.comm = 1,
		.sample_id_all = 1, /* COMM gets its time */
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.watermark = 1,
		.wakeup_watermark = ring_pages * 4096 / 2,
	};
}

static int map_ring(struct ring *ring, size_t pages)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	/* kernel.perf_event_mlock_kb bounds what an ordinary user may have: take what there is. */
	for (; pages; pages /= 2) {
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

/* The first thread's event on a processor gets the ring, the others write into it. */
static int open_ring(struct jem_perf_tasks *perf, int cpu, const pid_t *tids, size_t count)
{
	struct perf_event_attr attr = task_attr(perf->ring_pages);
	struct epoll_event poll = { .events = EPOLLIN | EPOLLET };
	struct ring *ring = &perf->rings[perf->ring_count];
	int status;

	*ring = (struct ring){ .cpu = cpu, .fd = open_event(&attr, tids[0], cpu) };
	if (ring->fd < 0)
		return ring->fd;
	perf->ring_count++;
	status = map_ring(ring, perf->ring_pages);
	if (status < 0)
		return status;
	/* Edge-triggered: an event whose tasks have all ended hangs up for good. */
	if (epoll_ctl(perf->epoll_fd, EPOLL_CTL_ADD, ring->fd, &poll) < 0)
		return -errno;
	for (size_t i = 1; i < count; i++) {
		int fd = open_event(&attr, tids[i], cpu);

		if (fd == -ESRCH) /* it has ended meanwhile */
			continue;
		if (fd < 0)
			return fd;
		perf->events[perf->event_count++] = fd;
		if (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd) < 0)
			return -errno;
	}
	return 0;
}

static int open_clocks(struct jem_perf_tasks *perf, const pid_t *tids, size_t count)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_TASK_CLOCK,
		.inherit = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	for (size_t i = 0; i < count; i++) {
		int fd = open_event(&attr, tids[i], -1);

		if (fd == -ESRCH)
			continue;
		if (fd < 0)
			return fd;
		perf->clocks[perf->clock_count++] = fd;
	}
	return 0;
}

int jem_perf_tasks_cpus(pid_t tid)
{
	cpu_set_t cpus;

	/* Larger machines than a cpu_set_t holds give EINVAL: far beyond what we watch. */
	if (sched_getaffinity(tid, sizeof(cpus), &cpus) < 0)
		return errno == EINVAL ? -E2BIG : -errno;
	return CPU_COUNT(&cpus);
}

static int open_all(struct jem_perf_tasks *perf, const pid_t *tids, size_t count)
{
	int cpu_count = jem_perf_tasks_cpus(tids[0]);
	cpu_set_t cpus;
	int status;

	if (cpu_count < 0)
		return cpu_count;
	if (cpu_count > JEM_PERF_CPUS_MAX || count * (size_t)cpu_count > EVENTS_MAX)
		return -E2BIG;
	if (sched_getaffinity(tids[0], sizeof(cpus), &cpus) < 0)
		return -errno;
	perf->ring_pages = cpu_count > JEM_PERF_CPUS_FEW ? RING_PAGES_OF_MANY : RING_PAGES;
	perf->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (perf->epoll_fd < 0)
		return -errno;
	for (int cpu = 0; cpu < CPU_SETSIZE && perf->ring_count < JEM_PERF_CPUS_MAX; cpu++) {
		if (!CPU_ISSET(cpu, &cpus))
			continue;
		status = open_ring(perf, cpu, tids, count);
		if (status < 0)
			return status;
	}
	return open_clocks(perf, tids, count);
}

int jem_perf_tasks_open(const pid_t *tids, size_t count, struct jem_perf_tasks **ret)
{
	struct jem_perf_tasks *perf = calloc(1, sizeof(*perf));
	int status = -ENOMEM;

	if (!perf)
		return -ENOMEM;
	perf->epoll_fd = -1;
	perf->sorted = calloc(SORT_MAX, sizeof(*perf->sorted));
	if (perf->sorted)
		status = count ? open_all(perf, tids, count) : -ESRCH;
	if (status < 0) {
		jem_perf_tasks_close(perf);
		return status;
	}
	*ret = perf;
	return 0;
}

int jem_perf_tasks_open_clocks(const pid_t *tids, size_t count, struct jem_perf_tasks **ret)
{
	struct jem_perf_tasks *perf = calloc(1, sizeof(*perf));
	int status;

	if (!perf)
		return -ENOMEM;
	perf->epoll_fd = -1;
	status = count > EVENTS_MAX ? -E2BIG : open_clocks(perf, tids, count);
	if (!status && !perf->clock_count)
		status = -ESRCH;
	if (status < 0) {
		jem_perf_tasks_close(perf);
		return status;
	}
	*ret = perf;
	return 0;
}

void jem_perf_tasks_close(struct jem_perf_tasks *perf)
{
	if (!perf)
		return;
	for (size_t i = 0; i < perf->event_count; i++)
		close(perf->events[i]);
	for (size_t i = 0; i < perf->clock_count; i++)
		close(perf->clocks[i]);
	for (size_t i = 0; i < perf->ring_count; i++) {
		if (perf->rings[i].map)
			munmap(perf->rings[i].map, perf->rings[i].map_bytes);
		close(perf->rings[i].fd);
	}
	if (perf->epoll_fd >= 0)
		close(perf->epoll_fd);
	free(perf->sorted);
	free(perf);
}

/* --- reading (perf_event_open(2), "MMAP layout") ----------------------------------------------- */

static int by_time(const void *a, const void *b)
{
	const struct jem_task_event *x = a, *y = b;

	return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

static void hand_on(struct jem_perf_tasks *perf, jem_task_event_fn on_event, void *arg)
{
	qsort(perf->sorted, perf->sorted_count, sizeof(*perf->sorted), by_time);
	for (size_t i = 0; i < perf->sorted_count; i++)
		on_event(arg, &perf->sorted[i]);
	perf->sorted_count = 0;
}

/* PERF_RECORD_FORK and _EXIT: pid, ppid, tid, ptid, time. */
static void take_task(struct jem_perf_tasks *perf, const char *body, size_t len,
		      enum jem_task_event_type type)
{
	struct {
		uint32_t pid, ppid, tid, ptid;
		uint64_t time;
	} task;

	if (len < sizeof(task))
		return;
	memcpy(&task, body, sizeof(task));
	if (task.pid != task.tid) /* a thread */
		return;
	perf->sorted[perf->sorted_count++] = (struct jem_task_event){
		.type = type,
		.pid = (pid_t)task.pid,
		.ppid = (pid_t)task.ppid,
		.time_ns = task.time,
	};
}

/* PERF_RECORD_COMM: pid, tid, name padded with NUL; then the sample_id, which is the time. */
static void take_comm(struct jem_perf_tasks *perf, const char *body, size_t len)
{
	struct jem_task_event *event = &perf->sorted[perf->sorted_count];
	uint32_t ids[2];
	uint64_t time;

	if (len < sizeof(ids) + sizeof(time) + 8)
		return;
	memcpy(ids, body, sizeof(ids));
	if (ids[0] != ids[1])
		return;
	memcpy(&time, body + len - sizeof(time), sizeof(time));
	*event = (struct jem_task_event){ .type = JEM_TASK_COMM,
					  .pid = (pid_t)ids[0],
					  .time_ns = time };
	len -= sizeof(ids) + sizeof(time);
	if (len > sizeof(event->comm) - 1)
		len = sizeof(event->comm) - 1;
	memcpy(event->comm, body + sizeof(ids), len);
	perf->sorted_count++;
}

static uint64_t take_record(struct jem_perf_tasks *perf, const struct perf_event_header *header,
			    const char *body)
{
	size_t len = header->size - sizeof(*header);
	uint64_t lost[2];

	switch (header->type) {
	case PERF_RECORD_FORK:
		take_task(perf, body, len, JEM_TASK_FORK);
		return 0;
	case PERF_RECORD_EXIT:
		take_task(perf, body, len, JEM_TASK_EXIT);
		return 0;
	case PERF_RECORD_COMM:
		take_comm(perf, body, len);
		return 0;
	case PERF_RECORD_LOST: /* id, number */
		if (len < sizeof(lost))
			return 0;
		memcpy(lost, body, sizeof(lost));
		return lost[1];
	default:
		return 0;
	}
}

/* Copies out of the ring, around its end. */
static void copy_out(const struct ring *ring, uint64_t at, void *to, size_t len)
{
	const char *data = ring->map + (ring->map_bytes - ring->data_bytes);
	size_t start = at & (ring->data_bytes - 1);
	size_t first = len < ring->data_bytes - start ? len : ring->data_bytes - start;

	memcpy(to, data + start, first);
	memcpy((char *)to + first, data, len - first);
}

static uint64_t drain_ring(struct jem_perf_tasks *perf, struct ring *ring,
			   jem_task_event_fn on_event, void *arg)
{
	struct perf_event_mmap_page *control = (void *)ring->map;
	/* Acquire pairs with the kernel's write of data_head after the record's bytes. */
	uint64_t head = __atomic_load_n(&control->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = control->data_tail;
	uint64_t lost = 0;

	while (tail < head) {
		struct perf_event_header header;
		char body[RECORD_MAX] __attribute__((aligned(8)));

		copy_out(ring, tail, &header, sizeof(header));
		if (header.size < sizeof(header) || header.size > head - tail)
			break;
		if (header.size <= sizeof(body)) {
			copy_out(ring, tail + sizeof(header), body, header.size - sizeof(header));
			lost += take_record(perf, &header, body);
		}
		tail += header.size;
		if (perf->sorted_count == SORT_MAX)
			hand_on(perf, on_event, arg);
	}
	/* Release: the kernel may overwrite only what we have copied. */
	__atomic_store_n(&control->data_tail, head, __ATOMIC_RELEASE);
	return lost;
}

uint64_t jem_perf_tasks_drain(struct jem_perf_tasks *perf, jem_task_event_fn on_event, void *arg)
{
	struct epoll_event events[JEM_PERF_CPUS_MAX];
	uint64_t lost = 0;

	if (!perf->ring_count)
		return 0;
	for (size_t i = 0; i < perf->ring_count; i++)
		lost += drain_ring(perf, &perf->rings[i], on_event, arg);
	hand_on(perf, on_event, arg);
	(void)epoll_wait(perf->epoll_fd, events, JEM_PERF_CPUS_MAX, 0); /* rearms the edges */
	return lost;
}

uint64_t jem_perf_tasks_cpu_ns(const struct jem_perf_tasks *perf)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < perf->clock_count; i++) {
		uint64_t ns;

		if (read(perf->clocks[i], &ns, sizeof(ns)) == sizeof(ns))
			sum += ns;
	}
	return sum;
}

int jem_perf_tasks_fd(const struct jem_perf_tasks *perf)
{
	return perf->epoll_fd;
}
