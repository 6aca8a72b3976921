/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/sched/sched_live.h"

#include "common/clock.h"
#include "daemon/sources/sched/instance.h"
#include "tracer/sched/merge.h"
#include "tracer/sched/page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	TEXT_MAX = 65536,   /* of a description */
	ROUNDS_MAX = 64,    /* over all cores; then the caller has its turn */
	PAGES_AT_ONCE = 16, /* of one core, before the others have their turn */
};

#define COMMIT_MASK ((1u << 27) - 1) /* kernel/trace/ring_buffer.c; flags are above */

/* An event is in the buffer this long after its time at the latest: interrupts may come between. */
#define COMMIT_NS 1000000

struct jem_sched_live {
	struct jem_instance *instance; /* owned, each here */
	struct jem_sched_format *format;
	struct jem_sched_decoder *decoders; /* by core */
	struct jem_sched_merge *merge;
	uint8_t *page;
	int epoll_fd;
};

/* --- descriptions ------------------------------------------------------------------------------ */

static int describe(struct jem_sched_live *live, struct jem_sched_describer *describer, char *text,
		    struct jem_err *err)
{
	static const struct {
		const char *system, *path;
	} events[] = {
#define SCHED_EVENT(type, system, event, pid, other, detail, low, comm, pid_comm)                  \
	{ system, "events/" system "/" event "/format" },
#include "tracer/sched/events.def"
#undef SCHED_EVENT
	};
	int len = jem_instance_read(live->instance, "events/header_page", text, TEXT_MAX);
	int status = 0;

	/* In an instance of older kernels there is none; it is the same everywhere. */
	if (len == -ENOENT)
		len = jem_instance_read(live->instance, "../../events/header_page", text, TEXT_MAX);
	if (len < 0)
		return jem_err_set(err, len, "events/header_page: %s", strerror(-len));
	status = jem_sched_describe_page(describer, text, (size_t)len, err);
	for (size_t i = 0; i < sizeof(events) / sizeof(*events) && status >= 0; i++) {
		if (i && !strcmp(events[i].path, events[i - 1].path))
			continue; /* one that gives two */
		len = jem_instance_read(live->instance, events[i].path, text, TEXT_MAX);
		if (len == -ENOENT)
			continue;
		if (len < 0)
			return jem_err_set(err, len, "%s: %s", events[i].path, strerror(-len));
		status = jem_sched_describe_event(describer, events[i].system, text, (size_t)len,
						  err);
	}
	return status < 0 ? status : jem_sched_format_check(live->format, err);
}

static int read_format(struct jem_sched_live *live, struct jem_err *err)
{
	struct jem_sched_describer *describer = NULL;
	char *text = malloc(TEXT_MAX);
	int status;

	live->format = calloc(1, sizeof(*live->format));
	status = text && live->format
			 ? jem_sched_describer_create(live->format, sizeof(long), &describer)
			 : -ENOMEM;
	if (status == 0)
		status = describe(live, describer, text, err);
	jem_sched_describer_destroy(describer);
	free(text);
	return status;
}

/* --- life ------------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	const struct jem_instance_cpu *x = a, *y = b;

	return (int)x->number - (int)y->number;
}

static int watch(struct jem_sched_live *live, size_t i)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = i };

	return epoll_ctl(live->epoll_fd, EPOLL_CTL_ADD, live->instance->cpus[i].raw, &event) < 0
		       ? -errno
		       : 0;
}

static int make_decoders(struct jem_sched_live *live, struct jem_sched_names *names)
{
	struct jem_instance *instance = live->instance;
	int status = 0;

	/* Of equal times the core with the lower number goes first. */
	qsort(instance->cpus, instance->cpu_count, sizeof(*instance->cpus), by_number);
	live->decoders = calloc(instance->cpu_count, sizeof(*live->decoders));
	live->page = malloc(live->format->page_bytes);
	if (!live->decoders || !live->page)
		return -ENOMEM;
	for (size_t i = 0; i < instance->cpu_count && status == 0; i++) {
		live->decoders[i] = (struct jem_sched_decoder){ .format = live->format,
								.names = names,
								.cpu = instance->cpus[i].number };
		status = watch(live, i);
	}
	if (status == 0)
		status = jem_sched_merge_create(instance->cpu_count, &live->merge);
	return status;
}

int jem_sched_live_open(uint64_t buffer_bytes, struct jem_sched_names *names,
			struct jem_sched_live **ret, struct jem_err *err)
{
	struct jem_sched_live *live = calloc(1, sizeof(*live));
	int status;

	if (!live)
		return jem_err_set(err, -ENOMEM, "no memory");
	live->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (live->epoll_fd < 0)
		status = jem_err_set(err, -errno, "epoll: %s", strerror(errno));
	else
		status = jem_instance_open(buffer_bytes, &live->instance, err);
	if (status == 0)
		status = read_format(live, err);
	if (status == 0 && ((status = make_decoders(live, names)) < 0 ||
			    (status = jem_instance_start(live->instance)) < 0))
		jem_err_set(err, status, "cannot read the buffers: %s", strerror(-status));
	if (status < 0) {
		jem_sched_live_close(live);
		return status;
	}
	*ret = live;
	return 0;
}

void jem_sched_live_close(struct jem_sched_live *live)
{
	if (!live)
		return;
	jem_instance_close(live->instance);
	jem_sched_merge_destroy(live->merge);
	if (live->epoll_fd >= 0)
		close(live->epoll_fd);
	free(live->decoders);
	free(live->format);
	free(live->page);
	free(live);
}

const char *const *jem_sched_live_states(const struct jem_sched_live *live)
{
	return live->format->states;
}

int jem_sched_live_fd(const struct jem_sched_live *live)
{
	return live->epoll_fd;
}

void jem_sched_live_stop(struct jem_sched_live *live)
{
	(void)jem_instance_stop(live->instance);
}

uint64_t jem_sched_live_late(const struct jem_sched_live *live)
{
	return jem_sched_merge_late(live->merge);
}

uint64_t jem_sched_live_lost(struct jem_sched_live *live)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < live->instance->cpu_count; i++)
		lost += jem_instance_lost(live->instance, &live->instance->cpus[i]);
	return lost;
}

/* --- reading ---------------------------------------------------------------------------------- */

/*
 * Whether what was read is far from a full page. It may be the rest of one that was read in part before, with more
 * pages behind; the second in succession is the last that there is. What comes meanwhile can wait.
 */
static bool was_short(const struct jem_sched_live *live)
{
	uint32_t commit;

	memcpy(&commit, live->page + sizeof(uint64_t), sizeof(commit));
	return (commit & COMMIT_MASK) < live->format->page_bytes / 2;
}

/* Pages of one core: 1 it was read to its end, 0 there may be more, -ENOMEM. */
static int read_core(struct jem_sched_live *live, size_t i)
{
	size_t page_bytes = live->format->page_bytes;
	size_t room = jem_sched_page_events(page_bytes);
	int short_pages = 0;

	for (int page = 0; page < PAGES_AT_ONCE; page++) {
		ssize_t len = read(live->instance->cpus[i].raw, live->page, page_bytes);
		struct jem_sched_event *events;

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0) /* EAGAIN; a core that went away has no more either */
			return 1;
		events = jem_sched_merge_room(live->merge, i, room);
		if (!events)
			return -ENOMEM;
		jem_sched_merge_push(
			live->merge, i,
			jem_sched_page_decode(&live->decoders[i], live->page, (size_t)len, events));
		short_pages = was_short(live) ? short_pages + 1 : 0;
		if (short_pages == 2)
			return 1;
	}
	return 0;
}

static int hand_on(struct jem_sched_live *live, struct jem_sched_feed *feed)
{
	const struct jem_sched_event *events;
	size_t wants;
	size_t count;
	int status = 0;

	while (status == 0 && (count = jem_sched_merge_next(live->merge, &events, &wants)) > 0)
		status = jem_sched_feed_events(feed, events, count);
	return status;
}

int jem_sched_live_read(struct jem_sched_live *live, struct jem_sched_feed *feed, int64_t *safe_ns)
{
	size_t count = live->instance->cpu_count;
	size_t at_end;
	int rounds = 0;
	int status = 0;

	do {
		*safe_ns = (int64_t)jem_now_ns() - COMMIT_NS;
		at_end = 0;
		for (size_t i = 0; i < count && status >= 0; i++) {
			int64_t before_ns = (int64_t)jem_now_ns() - COMMIT_NS;

			status = read_core(live, i);
			if (status > 0) {
				at_end++;
				jem_sched_merge_watermark(live->merge, i, before_ns);
			}
		}
		if (status >= 0)
			status = hand_on(live, feed);
	} while (status >= 0 && at_end < count && ++rounds < ROUNDS_MAX);
	return status;
}
