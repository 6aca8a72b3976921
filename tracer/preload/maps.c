/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/maps.h"

#include "tracer/preload/clock.h"
#include "tracer/preload/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum {
	PLAN_BYTES = 64 << 20, /* sparse: only what the daemon writes is there */
	PLAN_BYTES_SMALL = 8 << 20,
	RING_BYTES_MIN = 16 << 10,
	EDGE_BYTES_MIN = 64 << 10,
	EDGE_BYTES_MAX = 1 << 20,
	EDGE_PARTS = 4, /* the tree of calls has a quarter of a ring */
	LIMIT_PARTS = 64,
	SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
	PATH_BYTES = 1024,
};

static uint64_t soft_limit(int resource)
{
	struct {
		uint64_t soft, hard;
	} limit = { UINT64_MAX, UINT64_MAX };

	jem_sys4(SYS_prlimit64, 0, resource, 0, (long)&limit);
	return limit.soft;
}

int jem_maps_move_fd(int fd)
{
	long moved;

	if (fd < 0 || fd >= JEM_FD_FIRST)
		return fd;
	moved = jem_sys3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, JEM_FD_FIRST);
	jem_sys_close(fd);
	return (int)moved;
}

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) & ~(to - 1);
}

static uint32_t power_of_two_below(uint64_t n)
{
	return 1u << (63 - __builtin_clzll(n));
}

/* Sizes and places, as the settings and the limits of the process allow. False: too little. */
static bool lay_out(const struct jem_settings *settings, uint64_t memory,
		    struct jem_ring_header *ret)
{
	uint64_t ring = power_of_two_below(settings->ring_bytes);
	uint64_t edges, threads;

	while (ring > RING_BYTES_MIN && ring + ring / EDGE_PARTS > memory / 2)
		ring /= 2;
	edges = ring / EDGE_PARTS;
	edges = edges < EDGE_BYTES_MIN ? EDGE_BYTES_MIN : edges;
	edges = edges > EDGE_BYTES_MAX ? EDGE_BYTES_MAX : edges;
	if (memory < ring + edges)
		return false;
	threads = memory / (ring + edges);
	ret->version = JEM_RING_VERSION;
	ret->ring_bytes = (uint32_t)ring;
	ret->edge_count = (uint32_t)(edges / sizeof(struct jem_ring_edge));
	ret->thread_count = (uint32_t)(threads > JEM_THREADS_MAX ? JEM_THREADS_MAX : threads);
	ret->module_max = JEM_MODULES_MAX;
	ret->modules_offset = JEM_PAGE;
	ret->threads_offset = round_up(
		ret->modules_offset + JEM_MODULES_MAX * sizeof(struct jem_ring_module), JEM_PAGE);
	ret->rings_offset = round_up(
		ret->threads_offset + ret->thread_count * sizeof(struct jem_ring_thread), JEM_PAGE);
	ret->edges_offset = ret->rings_offset + ret->thread_count * ring;
	ret->file_bytes = ret->edges_offset + ret->thread_count * edges;
	return true;
}

/* What the job has been given of address space and data is its own, but for a small part. */
static uint64_t allowed_memory(const struct jem_settings *settings)
{
	uint64_t memory = settings->memory;
	static const int limits[] = { RLIMIT_AS, RLIMIT_DATA };

	for (unsigned i = 0; i < 2; i++) {
		uint64_t part = soft_limit(limits[i]) / LIMIT_PARTS;

		memory = part < memory ? part : memory;
	}
	return memory;
}

static int make_memfd(const char *name, uint64_t bytes)
{
	int fd = (int)jem_sys3(SYS_memfd_create, (long)name, MFD_CLOEXEC | MFD_ALLOW_SEALING, 0);
	long status;

	fd = jem_maps_move_fd(fd);
	if (fd < 0)
		return fd;
	status = jem_sys3(SYS_ftruncate, fd, (long)bytes, 0);
	if (status == 0)
		status = jem_sys3(SYS_fcntl, fd, F_ADD_SEALS, SEALS);
	if (status < 0) {
		jem_sys_close(fd);
		return (int)status;
	}
	return fd;
}

void jem_maps_release(void)
{
	/* A page of our own again where the plan's header was. */
	if (jem_kept.plan)
		jem_raw(SYS_mmap, (long)&jem_plan_page, sizeof(jem_plan_page),
			PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (jem_kept.tables) {
		struct jem_tables *tables = jem_kept.tables;

		/* Of each thread: as long as one may be in the middle of a hook, its memory stays. */
		for (uint32_t i = 0; i < jem_kept.thread_count && i < JEM_THREADS_MAX; i++) {
			if (tables->threads[i] && tables->threads[i] != jem_self)
				jem_sys_munmap(tables->threads[i], jem_kept.thread_bytes);
		}
		jem_sys_munmap(jem_kept.tables, jem_kept.tables_bytes);
	}
	if (jem_kept.rings)
		jem_sys_munmap(jem_kept.rings, jem_kept.rings_bytes);
	if (jem_kept.plan && jem_kept.old_plan)
		jem_sys_munmap(jem_kept.old_plan, jem_kept.old_plan_bytes);
	if (jem_kept.plan) {
		jem_kept.old_plan = jem_kept.plan;
		jem_kept.old_plan_bytes = jem_kept.plan_bytes;
	}
	jem_kept.tables = jem_kept.rings = jem_kept.plan = NULL;
}

static int map_rings(int fd, const struct jem_ring_header *header)
{
	jem_kept.tables_bytes = sizeof(struct jem_tables);
	jem_kept.tables = jem_sys_mmap(NULL, jem_kept.tables_bytes, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	jem_kept.rings_bytes = header->file_bytes;
	jem_kept.rings = jem_sys_mmap(NULL, jem_kept.rings_bytes, PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_NORESERVE, fd);
	if (!jem_kept.tables || !jem_kept.rings)
		return -ENOMEM;
	jem_kept.thread_count = header->thread_count;
	jem_kept.thread_bytes = sizeof(struct jem_thread) +
				JEM_FRAMES_MAX * sizeof(struct jem_frame) +
				JEM_CHILDREN * sizeof(struct jem_child);

	struct jem_ring_header *rings = jem_kept.rings;

	*rings = *header;
	rings->pid = jem_state.pid;
	rings->clock = jem_state.is_tsc ? JEM_RING_TSC : JEM_RING_MONOTONIC;
	rings->start_ticks = jem_state.is_tsc ? jem_state.start_ticks : jem_clock_start_wall_ns();
	rings->start_mono_ns = jem_state.start_mono_ns;
	for (unsigned i = 0; i < sizeof(rings->magic); i++)
		rings->magic[i] = JEM_RING_MAGIC[i];
	jem_state.tables = jem_kept.tables;
	jem_state.rings = rings;
	jem_state.rings_bytes = jem_kept.rings_bytes;
	jem_state.thread_count = header->thread_count;
	return 0;
}

/*
 * The plan, read-only, and as much again of zeros behind it: a probe with the old mask and the new table
 * (site.h) must not fall off the end. Its header once more, over our own page.
 */
static int map_plan(int fd, uint64_t bytes)
{
	struct jem_plan_header *plan;

	jem_kept.plan_bytes = 2 * bytes;
	jem_kept.plan = jem_sys_mmap(NULL, jem_kept.plan_bytes, PROT_READ,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	if (!jem_kept.plan)
		return -ENOMEM;
	plan = (void *)jem_raw(SYS_mmap, (long)jem_kept.plan, (long)bytes, PROT_READ,
			       MAP_SHARED | MAP_FIXED, fd, 0);
	if (plan != jem_kept.plan)
		return -ENOMEM;
	if (jem_raw(SYS_mmap, (long)&jem_plan_page, sizeof(jem_plan_page), PROT_READ,
		    MAP_SHARED | MAP_FIXED, fd, 0) != (long)&jem_plan_page)
		return -ENOMEM;
	jem_state.plan = plan;
	jem_state.plan_bytes = bytes;
	return 0;
}

static bool may_grow_to(uint64_t bytes)
{
	/* Beyond the limit is SIGXFSZ, which only a program that does it itself should see. */
	return bytes <= soft_limit(RLIMIT_FSIZE);
}

int jem_maps_make(const struct jem_settings *settings, int *rings_fd, int *plan_fd)
{
	struct jem_ring_header header = { .reserved = 0 };
	uint64_t plan_bytes = soft_limit(RLIMIT_AS) == UINT64_MAX ? PLAN_BYTES : PLAN_BYTES_SMALL;
	int status;

	*rings_fd = *plan_fd = -1;
	if (!lay_out(settings, allowed_memory(settings), &header))
		return -ENOMEM;
	if (!may_grow_to(header.file_bytes) || !may_grow_to(plan_bytes))
		return -EFBIG;
	*rings_fd = make_memfd("jem-rings", header.file_bytes);
	*plan_fd = *rings_fd < 0 ? -1 : make_memfd("jem-plan", plan_bytes);
	if (*rings_fd < 0 || *plan_fd < 0)
		status = *rings_fd < 0 ? *rings_fd : *plan_fd;
	else
		status = map_rings(*rings_fd, &header);
	if (status == 0)
		status = map_plan(*plan_fd, plan_bytes);
	if (status == 0)
		return 0;
	jem_maps_release();
	if (*rings_fd >= 0)
		jem_sys_close(*rings_fd);
	if (*plan_fd >= 0)
		jem_sys_close(*plan_fd);
	return status;
}

static unsigned put_number(char *to, uint32_t number)
{
	char digits[10];
	unsigned count = 0;

	do
		digits[count++] = (char)('0' + number % 10);
	while (number /= 10);
	for (unsigned i = 0; i < count; i++)
		to[i] = digits[count - 1 - i];
	return count;
}

/* %p is the process id; with `suffix` it is added in any case. False: too long. */
static bool expand(char *to, const char *pattern, bool suffix)
{
	unsigned len = 0;

	for (; *pattern; pattern++) {
		if (len > PATH_BYTES - 24)
			return false;
		if (pattern[0] == '%' && pattern[1] == 'p') {
			len += put_number(to + len, jem_state.pid);
			pattern++;
		} else {
			to[len++] = *pattern;
		}
	}
	if (suffix) {
		to[len++] = '.';
		len += put_number(to + len, jem_state.pid);
	}
	to[len] = '\0';
	return true;
}

/* Every block is there before it is mapped: a full disk is an error here, not a SIGBUS later. */
static int allocate(int fd, uint64_t bytes)
{
	const uint8_t *zeros = jem_plan_page.bytes; /* there is no plan beside a file */
	long status = jem_sys4(SYS_fallocate, fd, 0, 0, (long)bytes);

	if (status != -EOPNOTSUPP && status != -ENOSYS)
		return (int)status;
	for (uint64_t at = 0; at < bytes;) {
		uint64_t part = bytes - at < JEM_PAGE ? bytes - at : JEM_PAGE;

		status = jem_sys4(SYS_pwrite64, fd, (long)zeros, (long)part, (long)at);
		if (status == -EINTR)
			continue;
		if (status <= 0)
			return status < 0 ? (int)status : -EIO;
		at += (uint64_t)status;
	}
	return 0;
}

/* A new file: one that another process may have mapped is never written over. */
static int create(const char *pattern, char *path)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	long fd = -EEXIST;

	for (int with_pid = 0; with_pid < 2 && fd == -EEXIST; with_pid++) {
		if (!expand(path, pattern, with_pid))
			return -ENAMETOOLONG;
		fd = jem_sys4(SYS_openat, AT_FDCWD, (long)path, flags, 0600);
	}
	return jem_maps_move_fd((int)fd);
}

int jem_maps_make_file(const struct jem_settings *settings)
{
	struct jem_ring_header header = { .reserved = 0 };
	char path[PATH_BYTES];
	int fd, status;

	if (!lay_out(settings, allowed_memory(settings), &header))
		return -ENOMEM;
	if (!may_grow_to(header.file_bytes))
		return -EFBIG;
	fd = create(settings->file, path);
	if (fd < 0)
		return fd;
	status = allocate(fd, header.file_bytes);
	if (status == 0)
		status = map_rings(fd, &header);
	if (status < 0) {
		jem_maps_release();
		jem_sys3(SYS_unlinkat, AT_FDCWD, (long)path, 0);
	}
	jem_sys_close(fd);
	jem_state.is_file = status == 0;
	return status;
}
