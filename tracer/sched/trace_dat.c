/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/sched/trace_dat.h"

#include "common/cleanup.h"
#include "tracer/sched/trace_dat_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	TEXT_MAX = 256 << 10, /* of one description */
	SYSTEMS_MAX = 4096,
	EVENTS_MAX = 65536,
	MAGIC_BYTES = 10
};

static const char magic[MAGIC_BYTES] = { 0x17, 0x08, 0x44, 't', 'r', 'a', 'c', 'i', 'n', 'g' };

void jem_dat_warn(struct jem_trace_dat *file, const char *format, ...)
{
	va_list args;

	if (file->info.warning.text[0])
		return;
	va_start(args, format);
	vsnprintf(file->info.warning.text, sizeof(file->info.warning.text), format, args);
	va_end(args);
}

int jem_dat_add_buffer(struct jem_trace_dat *file, const char *name, struct jem_err *err)
{
	struct jem_dat_buffer *buffers;

	if (file->buffer_count >= JEM_DAT_BUFFERS_MAX)
		return jem_err_set(err, -EBADMSG, "more than %d buffers", JEM_DAT_BUFFERS_MAX);
	buffers = realloc(file->buffers, (file->buffer_count + 1) * sizeof(*buffers));
	if (!buffers)
		return -ENOMEM;
	file->buffers = buffers;
	buffers += file->buffer_count++;
	*buffers = (struct jem_dat_buffer){ .page_bytes = file->page_size };
	snprintf(buffers->name, sizeof(buffers->name), "%s", name);
	return 0;
}

int jem_dat_add_lane(struct jem_trace_dat *file, uint64_t cpu, uint64_t at, uint64_t size,
		     struct jem_err *err)
{
	struct jem_dat_lane *lanes;

	if (cpu >= JEM_SCHED_NO_CPU)
		return jem_err_set(err, -EBADMSG, "core number %" PRIu64, cpu);
	if (cpu >= file->info.cpus)
		file->info.cpus = (unsigned)cpu + 1;
	if (!size)
		return 0;
	if (at > file->file.size || size > file->file.size - at) {
		file->info.is_truncated = true;
		jem_dat_warn(file,
			     "the data of core %" PRIu64 " end at %" PRIu64
			     ", the file at %" PRIu64,
			     cpu, at > UINT64_MAX - size ? UINT64_MAX : at + size, file->file.size);
		if (at >= file->file.size)
			return 0;
		size = file->file.size - at;
	}
	/* Else a small file could name the same bytes for as many cores as it likes. */
	file->data_bytes += size;
	if (file->data_bytes > file->file.size)
		return jem_err_set(err, -EBADMSG, "the data of its cores overlap");
	if (file->lane_count >= JEM_DAT_LANES_MAX)
		return jem_err_set(err, -EBADMSG, "more than %d cores", JEM_DAT_LANES_MAX);
	if (!(file->lane_count & (file->lane_count - 1))) {
		lanes = realloc(file->lanes,
				(file->lane_count ? file->lane_count * 2 : 1) * sizeof(*lanes));
		if (!lanes)
			return -ENOMEM;
		file->lanes = lanes;
	}
	file->lanes[file->lane_count++] =
		(struct jem_dat_lane){ at, size, (uint16_t)cpu,
				       (uint16_t)(file->buffer_count - 1) };
	return 0;
}

void jem_dat_set_clock(struct jem_dat_buffer *buffer, const char *text)
{
	const char *open = strchr(text, '[');
	size_t len;

	text = open ? open + 1 : text;
	len = strcspn(text, "] \n");
	if (len >= sizeof(buffer->clock))
		len = sizeof(buffer->clock) - 1;
	memcpy(buffer->clock, text, len);
	buffer->clock[len] = '\0';
}

/* A description with its size before it; the caller's to free. */
static int take_text(struct jem_dat_cursor *cursor, char **ret, size_t *len, struct jem_err *err)
{
	auto_free char *text = NULL;
	uint64_t size;
	int status = jem_dat_number(cursor, 8, &size, err);

	if (status < 0)
		return status;
	if (size > TEXT_MAX)
		return jem_err_set(err, -EBADMSG, "%" PRIu64 " bytes of description at %" PRIu64,
				   size, cursor->at);
	text = malloc(size + 1);
	if (!text)
		return -ENOMEM;
	status = jem_dat_take(cursor, text, size, err);
	if (status < 0)
		return status;
	text[size] = '\0';
	*len = size;
	*ret = jem_take(text);
	return 0;
}

static int expect(struct jem_dat_cursor *cursor, const char *word, struct jem_err *err)
{
	char found[16];
	int status = jem_dat_text(cursor, found, sizeof(found), err);

	if (status < 0)
		return status;
	return strcmp(found, word) ? jem_err_set(err, -EBADMSG, "no %s in it", word) : 0;
}

int jem_dat_read_header_info(struct jem_dat_cursor *cursor, struct jem_sched_describer *describer,
			     struct jem_err *err)
{
	auto_free char *text = NULL;
	uint64_t size = 0;
	size_t len;
	int status = expect(cursor, "header_page", err);

	if (!status)
		status = take_text(cursor, &text, &len, err);
	if (!status)
		status = jem_sched_describe_page(describer, text, len, err);
	if (!status)
		status = expect(cursor, "header_event", err);
	if (!status)
		status = jem_dat_number(cursor, 8, &size, err);
	return status < 0 ? status : jem_dat_skip(cursor, size, err);
}

int jem_dat_skip_ftrace_formats(struct jem_dat_cursor *cursor, struct jem_err *err)
{
	uint64_t count;
	uint64_t size;
	int status = jem_dat_number(cursor, 4, &count, err);

	if (!status && count > EVENTS_MAX)
		return jem_err_set(err, -EBADMSG, "%" PRIu64 " events of ftrace", count);
	for (uint64_t i = 0; !status && i < count; i++) {
		status = jem_dat_number(cursor, 8, &size, err);
		if (!status)
			status = jem_dat_skip(cursor, size, err);
	}
	return status;
}

static int read_system(struct jem_dat_cursor *cursor, struct jem_sched_describer *describer,
		       struct jem_err *err)
{
	char system[256];
	uint64_t count;
	uint64_t size;
	int status = jem_dat_text(cursor, system, sizeof(system), err);

	if (!status)
		status = jem_dat_number(cursor, 4, &count, err);
	if (!status && count > EVENTS_MAX)
		return jem_err_set(err, -EBADMSG, "%" PRIu64 " events of one system", count);
	for (uint64_t i = 0; !status && i < count; i++) {
		auto_free char *text = NULL;
		size_t len;

		if (!jem_sched_format_wants(system, NULL)) {
			status = jem_dat_number(cursor, 8, &size, err);
			if (!status)
				status = jem_dat_skip(cursor, size, err);
			continue;
		}
		status = take_text(cursor, &text, &len, err);
		if (!status)
			status = jem_sched_describe_event(describer, system, text, len, err);
		if (status > 0)
			status = 0;
	}
	return status;
}

int jem_dat_read_formats(struct jem_dat_cursor *cursor, struct jem_sched_describer *describer,
			 struct jem_err *err)
{
	uint64_t count;
	int status = jem_dat_number(cursor, 4, &count, err);

	if (!status && count > SYSTEMS_MAX)
		return jem_err_set(err, -EBADMSG, "%" PRIu64 " systems of events", count);
	for (uint64_t i = 0; !status && i < count; i++)
		status = read_system(cursor, describer, err);
	return status;
}

/* Magic, version, byte order, sizes. Returns where it ends. */
static int64_t read_start(struct jem_trace_dat *file, struct jem_err *err)
{
	struct jem_dat_cursor cursor;
	char version[8];
	uint64_t big_endian = 0, long_size = 0, page_size = 0;
	char start[MAGIC_BYTES];
	int status;

	jem_dat_cursor_init(&cursor, &file->file, 0, file->file.size);
	status = jem_dat_take(&cursor, start, sizeof(start), NULL);
	if (status < 0 || memcmp(start, magic, sizeof(magic))) {
		jem_dat_cursor_deinit(&cursor);
		return jem_err_set(err, -EBADMSG, "not a file of trace-cmd");
	}
	status = jem_dat_text(&cursor, version, sizeof(version), err);
	if (!status)
		status = jem_dat_number(&cursor, 1, &big_endian, err);
	if (!status)
		status = jem_dat_number(&cursor, 1, &long_size, err);
	if (!status)
		status = jem_dat_number(&cursor, 4, &page_size, err);
	jem_dat_cursor_deinit(&cursor);
	if (status < 0)
		return status;
	if (strcmp(version, "6") && strcmp(version, "7"))
		return jem_err_set(err, -EOPNOTSUPP, "version %s of the format; 6 and 7 are read",
				   version);
	if (big_endian)
		return jem_err_set(err, -EOPNOTSUPP, "recorded on a big-endian machine");
	if ((long_size != 4 && long_size != 8) || page_size < 64 || page_size > JEM_SCHED_PAGE_MAX)
		return jem_err_set(err, -EBADMSG, "long of %" PRIu64 " bytes, pages of %" PRIu64,
				   long_size, page_size);
	file->info.version = (unsigned)(version[0] - '0');
	file->long_size = (unsigned)long_size;
	file->page_size = (uint32_t)page_size;
	return (int64_t)cursor.at;
}

static int compare_lanes(const void *a, const void *b)
{
	const struct jem_dat_lane *left = a;
	const struct jem_dat_lane *right = b;

	if (left->cpu != right->cpu)
		return left->cpu < right->cpu ? -1 : 1;
	return (left->buffer > right->buffer) - (left->buffer < right->buffer);
}

/* The clock of the first buffer with data is that of the file; others cannot be laid over it. */
static void choose_clock(struct jem_trace_dat *file)
{
	const struct jem_dat_buffer *first =
		file->lane_count ? &file->buffers[file->lanes[0].buffer] : file->buffers;
	size_t kept = 0;

	if (!first)
		return;
	for (size_t i = 0; i < file->lane_count; i++) {
		const struct jem_dat_buffer *own = &file->buffers[file->lanes[i].buffer];

		if (!strcmp(own->clock, first->clock))
			file->lanes[kept++] = file->lanes[i];
		else
			jem_dat_warn(file, "buffer \"%s\" has clock %s, not %s: left out",
				     own->name, own->clock, first->clock);
	}
	file->lane_count = kept;
	snprintf(file->info.clock_name, sizeof(file->info.clock_name), "%s",
		 first->clock[0] ? first->clock : "local");
	file->info.clock = !strcmp(file->info.clock_name, "mono")    ? JEM_CLOCK_MONO
			   : !strcmp(file->info.clock_name, "local") ? JEM_CLOCK_LOCAL
								     : JEM_CLOCK_OTHER;
	if (!strcmp(file->info.clock_name, "x86-tsc") && !file->multiplier)
		jem_dat_warn(file, "the clock counts processor cycles, and the file does not say "
				   "how long one is: taken for nanoseconds");
	if (strcmp(file->info.clock_name, "x86-tsc") && strcmp(file->info.clock_name, "tsc2nsec"))
		file->multiplier = 0;
}

static int read_head(struct jem_trace_dat *file, struct jem_err *err)
{
	struct jem_sched_describer *describer;
	int64_t at = read_start(file, err);
	int status;

	if (at < 0)
		return (int)at;
	status = jem_sched_describer_create(&file->format, (int)file->long_size, &describer);
	if (status < 0)
		return status;
	snprintf(file->info.compression, sizeof(file->info.compression), "none");
	status = file->info.version == 6 ? jem_dat_read_v6(file, (uint64_t)at, describer, err)
					 : jem_dat_read_v7(file, (uint64_t)at, describer, err);
	jem_sched_describer_destroy(describer);
	if (!status)
		status = jem_sched_format_check(&file->format, err);
	if (status < 0)
		return status;
	if (file->lane_count)
		qsort(file->lanes, file->lane_count, sizeof(*file->lanes), compare_lanes);
	file->info.instances = (unsigned)file->buffer_count;
	choose_clock(file);
	return 0;
}

int jem_trace_dat_open(const char *path, struct jem_trace_dat **ret, struct jem_err *err)
{
	struct jem_trace_dat *file = calloc(1, sizeof(*file));
	struct stat found;
	int status;

	if (!file)
		return -ENOMEM;
	file->file.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (file->file.fd < 0 || fstat(file->file.fd, &found) < 0)
		status = jem_err_set(err, -errno, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(found.st_mode))
		status = jem_err_set(err, -EINVAL, "%s: not a regular file", path);
	else {
		struct jem_err why = { "out of memory" };

		file->file.size = (uint64_t)found.st_size;
		status = read_head(file, &why);
		if (status < 0)
			jem_err_set(err, status, "%s: %s", path, why.text);
	}
	if (status < 0) {
		jem_trace_dat_close(file);
		return status;
	}
	*ret = file;
	return 0;
}

void jem_trace_dat_close(struct jem_trace_dat *file)
{
	if (!file)
		return;
	if (file->file.fd >= 0)
		close(file->file.fd);
	free(file->buffers);
	free(file->lanes);
	free(file);
}

const struct jem_trace_dat_info *jem_trace_dat_info(const struct jem_trace_dat *file)
{
	return &file->info;
}

const char *const *jem_trace_dat_states(const struct jem_trace_dat *file)
{
	return file->format.states[0] ? file->format.states : NULL;
}
