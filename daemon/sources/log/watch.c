/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/log/watch.h"

#include "common/clock.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* File systems whose files change without this kernel knowing; absent from linux/magic.h. */
#define MAGIC_LUSTRE 0x0bd00bd0u
#define MAGIC_GPFS   0x47504653u
#define MAGIC_BEEGFS 0x19830326u
#define MAGIC_PANFS  0xaad7aaeau

struct jem_watch {
	struct jem_watch_options options;
	int fd;
	bool is_closing;
	unsigned open_handles;
	uv_poll_t poll;
	uv_timer_t rest;
	uv_work_t closing;
};

static void on_readable(uv_poll_t *poll, int status, int events);

int jem_watch_create(const struct jem_watch_options *options, struct jem_watch **ret)
{
	struct jem_watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->options = *options;
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->fd < 0) {
		r = -errno;
		free(watch);
		return r;
	}
	r = uv_poll_init(options->loop, &watch->poll, watch->fd);
	if (r) {
		close(watch->fd);
		free(watch);
		return r;
	}
	uv_timer_init(options->loop, &watch->rest);
	watch->poll.data = watch;
	watch->rest.data = watch;
	watch->open_handles = 2;
	uv_poll_start(&watch->poll, UV_READABLE, on_readable);
	*ret = watch;
	return 0;
}

static void close_instance(uv_work_t *work)
{
	struct jem_watch *watch = work->data;

	close(watch->fd);
}

static void on_instance_closed(uv_work_t *work, int status)
{
	(void)status;
	free(work->data);
}

/*
 * The kernel waits for its readers of marks (synchronize_srcu) before it closes an instance: 10 to
 * 20 ms, which the end of a job would have to wait for.
 */
static void on_closed(uv_handle_t *handle)
{
	struct jem_watch *watch = handle->data;

	if (--watch->open_handles)
		return;
	watch->closing.data = watch;
	if (uv_queue_work(handle->loop, &watch->closing, close_instance, on_instance_closed)) {
		close(watch->fd);
		free(watch);
	}
}

void jem_watch_destroy(struct jem_watch *watch)
{
	if (!watch)
		return;
	watch->is_closing = true;
	uv_close((uv_handle_t *)&watch->poll, on_closed);
	uv_close((uv_handle_t *)&watch->rest, on_closed);
}

/* True when anything was there. */
static bool drain(struct jem_watch *watch)
{
	char events[8 << 10] __attribute__((aligned(__alignof__(struct inotify_event))));
	uint64_t wall_ns = jem_clock_read_ns(CLOCK_REALTIME_COARSE);
	size_t total = 0;
	ssize_t n = 1;

	while (total < JEM_WATCH_DRAIN) {
		n = read(watch->fd, events, sizeof(events));
		if (n <= 0)
			break;
		total += (size_t)n;
		for (char *at = events; at < events + n;) {
			const struct inotify_event *event = (const void *)at;

			at += sizeof(*event) + event->len;
			if (event->mask & IN_Q_OVERFLOW)
				watch->options.on_overflow(watch->options.arg);
			else
				watch->options.on_event(watch->options.arg, event->wd, event->mask,
							event->len ? event->name : "");
		}
	}
	if (total)
		watch->options.on_drained(watch->options.arg, n <= 0 ? wall_ns : 0);
	return total > 0;
}

static void on_rested(uv_timer_t *timer)
{
	struct jem_watch *watch = timer->data;
	bool was_busy = drain(watch);

	if (watch->is_closing)
		return;
	if (was_busy)
		uv_timer_start(&watch->rest, on_rested, JEM_WATCH_REST_MS, 0);
	else
		uv_poll_start(&watch->poll, UV_READABLE, on_readable);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct jem_watch *watch = poll->data;

	drain(watch);
	if (watch->is_closing)
		return;
	uv_poll_stop(&watch->poll);
	uv_timer_start(&watch->rest, on_rested, JEM_WATCH_REST_MS, 0);
}

int jem_watch_folder(struct jem_watch *watch, const char *path)
{
	int wd = inotify_add_watch(watch->fd, path,
				   IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF |
					   IN_MOVE_SELF | IN_ONLYDIR);

	return wd < 0 ? -errno : wd;
}

int jem_watch_file(struct jem_watch *watch, int fd)
{
	char path[40];
	int wd;

	/* By descriptor: the file that we read, whatever its name is by now. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	wd = inotify_add_watch(watch->fd, path, IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF);
	return wd < 0 ? -errno : wd;
}

void jem_watch_remove(struct jem_watch *watch, int wd)
{
	inotify_rm_watch(watch->fd, wd);
}

static bool can_see(const struct statfs *fs)
{
	switch ((unsigned)fs->f_type) {
	case NFS_SUPER_MAGIC:
	case SMB_SUPER_MAGIC:
	case CIFS_SUPER_MAGIC:
	case SMB2_SUPER_MAGIC:
	case FUSE_SUPER_MAGIC:
	case AFS_SUPER_MAGIC:
	case AFS_FS_MAGIC:
	case CEPH_SUPER_MAGIC:
	case CODA_SUPER_MAGIC:
	case V9FS_MAGIC:
	case OVERLAYFS_SUPER_MAGIC: /* a file copied up later is another inode than ours */
	case MAGIC_LUSTRE:
	case MAGIC_GPFS:
	case MAGIC_BEEGFS:
	case MAGIC_PANFS:
		return false;
	default:
		return true;
	}
}

bool jem_watch_can_see(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && can_see(&fs);
}

bool jem_watch_can_see_file(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && can_see(&fs);
}
