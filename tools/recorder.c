/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/recorder.h"

#include "common/cleanup.h"
#include "common/sched/topology.h"
#include "daemon/sources/sched/instance.h"
#include "tracer/sched/dat_write.h"
#include "tracer/sched/format.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>

enum {
	STAGE_BYTES =
		512 << 10, /* touched as far as it is filled, a page of the largest kind at least */
	TEXT_BYTES = 1 << 20, /* of a description, of the kernel's own */
	STATS_BYTES = 1024,
	EVENTS_MAX = 32,
	READY_MAX = 64,
	MODE = 0600 /* it names everybody's processes */
};

struct core {
	int pages;      /* owned; what was recorded */
	uint8_t *stage; /* owned; what is not in `pages` yet */
	size_t staged;
	uint64_t size;
	char stats[STATS_BYTES];
};

struct jem_recorder {
	char path[PATH_MAX];
	int fd; /* owned; the file to be */
	struct jem_instance *instance;
	struct core *cores; /* owned; as those of the instance */
	uint32_t page_bytes;
	size_t burst; /* pages that are read of a core before the others have their turn */
	int epoll;
	/* Texts of the kernel; owned. */
	char *header_page, *header_event, *cmdlines, *clocks;
	struct jem_dat_event events[EVENTS_MAX];
	size_t event_count;
	struct jem_err fault; /* of recording; "": none */
};

/* --- opening ----------------------------------------------------------------------------------- */

/* A file of the kernel's as text, owned; NULL and *status: it cannot be read. */
static char *kernel_text(struct jem_recorder *recorder, const char *path, int *status)
{
	auto_free char *text = malloc(TEXT_BYTES); /* touched as far as it is filled */
	int len =
		text ? jem_instance_read(recorder->instance, path, text, TEXT_BYTES - 1) : -ENOMEM;

	if (len < 0) {
		*status = len;
		return NULL;
	}
	text[len] = '\0';
	return strdup(text);
}

static int read_events(struct jem_recorder *recorder, struct jem_sched_describer *describer,
		       struct jem_err *err)
{
	static const char *const names[][2] = {
#define SCHED_EVENT(type, system, event, ...) { system, event },
#include "tracer/sched/events.def"
#undef SCHED_EVENT
	};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct jem_dat_event *event = &recorder->events[recorder->event_count];
		int status = 0;

		if (i && !strcmp(names[i][1], names[i - 1][1]))
			continue; /* one that gives two of ours */
		snprintf(path, sizeof(path), "events/%s/%s/format", names[i][0], names[i][1]);
		event->system = names[i][0];
		event->text = kernel_text(recorder, path, &status);
		if (status == -ENOENT)
			continue; /* this kernel has none */
		if (status < 0)
			return jem_err_set(err, status, "%s: %s", path, strerror(-status));
		recorder->event_count++;
		status = jem_sched_describe_event(describer, event->system, event->text,
						  strlen(event->text), err);
		if (status < 0)
			return status;
	}
	return 0;
}

/* What a reader of the file must know; and that we could read it ourselves. */
static int read_descriptions(struct jem_recorder *recorder, struct jem_err *err)
{
	struct jem_sched_format *format = malloc(sizeof(*format));
	struct jem_sched_describer *describer = NULL;
	int status =
		format ? jem_sched_describer_create(format, sizeof(long), &describer) : -ENOMEM;

	if (!status)
		recorder->header_page = kernel_text(recorder, "events/header_page", &status);
	if (!status)
		recorder->header_event = kernel_text(recorder, "events/header_event", &status);
	if (!status)
		recorder->clocks = kernel_text(recorder, "trace_clock", &status);
	if (status < 0)
		jem_err_set(err, status, "descriptions of events: %s", strerror(-status));
	if (!status)
		status = jem_sched_describe_page(describer, recorder->header_page,
						 strlen(recorder->header_page), err);
	if (!status)
		status = read_events(recorder, describer, err);
	if (!status)
		status = jem_sched_format_check(format, err);
	if (!status)
		recorder->page_bytes = format->page_bytes;
	jem_sched_describer_destroy(describer);
	free(format);
	return status;
}

/* A file without a name, in the folder of the one to be: it is as large, and gone whatever happens. */
static int open_pages(const char *path)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof(folder), "%s", path);
	return open(dirname(folder), O_TMPFILE | O_RDWR | O_CLOEXEC, MODE);
}

static int open_cores(struct jem_recorder *recorder, struct jem_err *err)
{
	struct jem_instance *instance = recorder->instance;

	recorder->cores = calloc(instance->cpu_count, sizeof(*recorder->cores));
	if (!recorder->cores)
		return -ENOMEM;
	for (size_t i = 0; i < instance->cpu_count; i++)
		recorder->cores[i].pages = -1;
	for (size_t i = 0; i < instance->cpu_count; i++) {
		struct core *core = &recorder->cores[i];
		struct epoll_event event = { .events = EPOLLIN, .data.u64 = i };

		core->stage = malloc(STAGE_BYTES);
		core->pages = open_pages(recorder->path);
		if (!core->stage)
			return -ENOMEM;
		if (core->pages < 0)
			return jem_err_set(err, -errno, "a file beside %s: %s", recorder->path,
					   strerror(errno));
		if (epoll_ctl(recorder->epoll, EPOLL_CTL_ADD, instance->cpus[i].raw, &event) < 0)
			return jem_err_set(err, -errno, "epoll: %s", strerror(errno));
	}
	return 0;
}

/* Root may make what is missing, as every tool that traces does. */
static void mount_tracefs(void)
{
	char root[64];

	if (jem_instance_can_open(root, NULL) == -ENOENT)
		(void)mount("nodev", "/sys/kernel/tracing", "tracefs", 0, NULL);
}

static int open_parts(struct jem_recorder *recorder, const char *path, uint64_t buffer_bytes,
		      struct jem_err *err)
{
	int status;

	mount_tracefs();
	status = jem_instance_open(buffer_bytes, &recorder->instance, err);
	if (status < 0)
		return status;
	snprintf(recorder->path, sizeof(recorder->path), "%s", path);
	recorder->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, MODE);
	if (recorder->fd < 0)
		return jem_err_set(err, -errno, "%s: %s", path, strerror(errno));
	recorder->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (recorder->epoll < 0)
		return jem_err_set(err, -errno, "epoll: %s", strerror(errno));
	status = read_descriptions(recorder, err);
	if (!status && recorder->page_bytes > STAGE_BYTES)
		status = jem_err_set(err, -E2BIG, "pages of %u bytes", recorder->page_bytes);
	if (status < 0)
		return status;
	/* Not all there is: who reads as fast as it is written would read pages of one event. */
	recorder->burst = (size_t)(buffer_bytes / 4 / recorder->page_bytes + 1);
	return open_cores(recorder, err);
}

int jem_recorder_open(const char *path, uint64_t buffer_bytes, struct jem_recorder **ret,
		      struct jem_err *err)
{
	struct jem_recorder *recorder = calloc(1, sizeof(*recorder));
	int status;

	if (!recorder)
		return jem_err_set(err, -ENOMEM, "out of memory");
	recorder->fd = recorder->epoll = -1;
	status = open_parts(recorder, path, buffer_bytes, err);
	if (status < 0) {
		if (status == -ENOMEM)
			jem_err_set(err, status, "out of memory");
		jem_recorder_close(recorder);
		return status;
	}
	*ret = recorder;
	return 0;
}

void jem_recorder_close(struct jem_recorder *recorder)
{
	if (!recorder)
		return;
	for (size_t i = 0; recorder->cores && i < recorder->instance->cpu_count; i++) {
		if (recorder->cores[i].pages >= 0)
			close(recorder->cores[i].pages);
		free(recorder->cores[i].stage);
	}
	if (recorder->epoll >= 0)
		close(recorder->epoll);
	if (recorder->fd >= 0)
		close(recorder->fd);
	jem_instance_close(recorder->instance);
	for (size_t i = 0; i < recorder->event_count; i++)
		free((char *)recorder->events[i].text);
	free(recorder->header_page);
	free(recorder->header_event);
	free(recorder->cmdlines);
	free(recorder->clocks);
	free(recorder->cores);
	free(recorder);
}

/* --- recording --------------------------------------------------------------------------------- */

static void give_up(struct jem_recorder *recorder, const char *what)
{
	if (!recorder->fault.text[0])
		jem_err_set(&recorder->fault, 0, "%s: %s", what, strerror(errno));
	(void)jem_instance_stop(recorder->instance);
}

static void write_stage(struct jem_recorder *recorder, struct core *core)
{
	size_t done = 0;

	while (done < core->staged && !recorder->fault.text[0]) {
		ssize_t now = pwrite(core->pages, core->stage + done, core->staged - done,
				     (off_t)(core->size + done));

		if (now < 0 && errno == EINTR)
			continue;
		if (now < 0)
			give_up(recorder, "writing what is recorded");
		else
			done += (size_t)now;
	}
	/* Whole pages only: the rest of one would be taken for damage. */
	core->size += done - done % recorder->page_bytes;
	core->staged = 0;
}

/* At most so many pages of a core; 0: it has no more. */
static size_t read_core(struct jem_recorder *recorder, size_t index, size_t pages)
{
	struct core *core = &recorder->cores[index];
	int raw = recorder->instance->cpus[index].raw;
	size_t count = 0;

	while (count < pages && !recorder->fault.text[0]) {
		ssize_t got;

		if (core->staged + recorder->page_bytes > STAGE_BYTES)
			write_stage(recorder, core);
		got = read(raw, core->stage + core->staged, recorder->page_bytes);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno != EAGAIN)
			give_up(recorder, "reading events");
		if (got != (ssize_t)recorder->page_bytes)
			return 0; /* none, or the core's buffer is gone */
		core->staged += recorder->page_bytes;
		count++;
	}
	return count;
}

int jem_recorder_start(struct jem_recorder *recorder)
{
	return jem_instance_start(recorder->instance);
}

int jem_recorder_run(struct jem_recorder *recorder, int until, int (*on_ready)(void *context),
		     void *context)
{
	struct epoll_event ready[READY_MAX];
	struct epoll_event end = { .events = EPOLLIN, .data.u64 = UINT64_MAX };

	if (epoll_ctl(recorder->epoll, EPOLL_CTL_ADD, until, &end) < 0)
		return -errno;
	for (;;) {
		int count = epoll_wait(recorder->epoll, ready, READY_MAX, -1);

		if (count < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < count; i++) {
			int status;

			if (ready[i].data.u64 != UINT64_MAX) {
				read_core(recorder, ready[i].data.u64, recorder->burst);
				continue;
			}
			status = on_ready(context);
			if (status)
				return status;
		}
		/* With a fault buffers stay full, and would wake us for nothing. */
		for (size_t i = 0; recorder->fault.text[0] && i < recorder->instance->cpu_count;
		     i++)
			(void)epoll_ctl(recorder->epoll, EPOLL_CTL_DEL,
					recorder->instance->cpus[i].raw, NULL);
	}
}

/* --- the file ---------------------------------------------------------------------------------- */

static void drain(struct jem_recorder *recorder)
{
	for (size_t i = 0; i < recorder->instance->cpu_count; i++) {
		const struct jem_instance_cpu *cpu = &recorder->instance->cpus[i];
		struct core *core = &recorder->cores[i];
		ssize_t len;

		while (read_core(recorder, i, recorder->burst))
			;
		write_stage(recorder, core);
		len = pread(cpu->stats, core->stats, sizeof(core->stats) - 1, 0);
		core->stats[len > 0 ? len : 0] = '\0';
	}
}

static int write_topology(const struct jem_recorder *recorder, struct jem_err *err)
{
	struct jem_topology topology = { 0 };
	char path[PATH_MAX + 16];
	struct jem_buf text;
	int status = jem_topology_of_machine("", &topology, err);

	if (status < 0)
		return status;
	jem_buf_init(&text, 0);
	snprintf(path, sizeof(path), "%s.topology", recorder->path);
	status = jem_topology_write(&topology, &text);
	if (!status) {
		auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, MODE);

		if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len)
			status = -errno;
	}
	if (status < 0)
		jem_err_set(err, status, "%s: %s", path, strerror(-status));
	jem_buf_deinit(&text);
	jem_topology_deinit(&topology);
	return status;
}

static int write_file(struct jem_recorder *recorder, struct jem_err *err)
{
	size_t count = recorder->instance->cpu_count;
	struct jem_dat_core *cores = calloc(count, sizeof(*cores));
	struct utsname machine;
	char system[sizeof(machine)];
	int status;

	if (!cores)
		return jem_err_set(err, -ENOMEM, "out of memory");
	(void)uname(&machine);
	snprintf(system, sizeof(system), "%s %s %s %s", machine.sysname, machine.nodename,
		 machine.release, machine.machine);
	for (size_t i = 0; i < count; i++)
		cores[i] = (struct jem_dat_core){ recorder->instance->cpus[i].number,
						  recorder->cores[i].pages, recorder->cores[i].size,
						  recorder->cores[i].stats };
	status = jem_dat_write(recorder->fd,
			       &(struct jem_dat_recording){
				       .header_page = recorder->header_page,
				       .header_event = recorder->header_event,
				       .events = recorder->events,
				       .event_count = recorder->event_count,
				       .cmdlines = recorder->cmdlines ? recorder->cmdlines : "",
				       .clock_name = "mono",
				       .clocks = recorder->clocks,
				       .system = system,
				       .program = "jem " JEM_VERSION,
				       .page_bytes = recorder->page_bytes,
				       .cores = cores,
				       .core_count = count,
			       },
			       err);
	free(cores);
	return status;
}

int jem_recorder_finish(struct jem_recorder *recorder, struct jem_recorder_result *ret,
			struct jem_err *err)
{
	struct stat made;
	int status;

	(void)jem_instance_stop(recorder->instance);
	drain(recorder);
	/* Names of those that never switched; of the whole tracefs, and best effort. */
	recorder->cmdlines = kernel_text(recorder, "../../saved_cmdlines", &status);
	*ret = (struct jem_recorder_result){ .cores = (unsigned)recorder->instance->cpu_count };
	for (size_t i = 0; i < recorder->instance->cpu_count; i++)
		ret->lost += jem_instance_lost(recorder->instance, &recorder->instance->cpus[i]);
	status = write_file(recorder, err);
	if (!status)
		status = write_topology(recorder, err);
	if (!status && fstat(recorder->fd, &made) == 0)
		ret->bytes = (uint64_t)made.st_size;
	if (!status && recorder->fault.text[0])
		status = jem_err_set(err, -EIO, "not everything was recorded: %s",
				     recorder->fault.text);
	return status;
}
