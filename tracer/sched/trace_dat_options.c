/* SPDX-License-Identifier: Apache-2.0 */
/* Where versions 6 and 7 keep things: one after the other, or in sections that options point to. */
#include "tracer/sched/trace_dat_internal.h"

#include "common/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum option {
	OPTION_DONE = 0,
	OPTION_CPUSTAT = 2,
	OPTION_BUFFER = 3,
	OPTION_TRACECLOCK = 4,
	OPTION_CPUCOUNT = 8,
	OPTION_TSC2NSEC = 14,
	OPTION_HEADER_INFO = 16,
	OPTION_EVENT_FORMATS = 18,
};

enum {
	OPTION_BYTES_MAX = 4 << 20,
	OPTIONS_MAX = 65536,
	OPTION_SECTIONS_MAX = 256,
	CLOCKS_MAX = 4096
};

/* What options of either version tell. */
struct options {
	uint64_t header_info, event_formats; /* places of sections, 0: none */
	uint64_t next;                       /* section of options */
	bool has_clock;
	struct {
		uint64_t at;
		uint64_t cpus; /* 0: as many as the file */
		char name[64];
	} * instances; /* owned; of version 6 */
	size_t instance_count;
	size_t count;
};

/* An option's data as bytes; numbers and texts of it are read within. */
struct span {
	const uint8_t *at;
	size_t left;
};

static bool span_number(struct span *span, size_t size, uint64_t *ret)
{
	*ret = 0;
	if (span->left < size)
		return false;
	memcpy(ret, span->at, size);
	span->at += size;
	span->left -= size;
	return true;
}

static bool span_text(struct span *span, char *ret, size_t size)
{
	size_t len = strnlen((const char *)span->at, span->left);

	if (len == span->left)
		return false;
	snprintf(ret, size, "%.*s", (int)(len < size ? len : size), (const char *)span->at);
	span->at += len + 1;
	span->left -= len + 1;
	return true;
}

/* The number behind a word at the beginning of a line; 0: it is not there. */
static uint64_t line_number(struct span span, const char *word)
{
	const uint8_t *end = span.at + span.left;
	const uint8_t *at = memmem(span.at, span.left, word, strlen(word));
	uint64_t value = 0;

	if (!at)
		return 0;
	for (at += strlen(word); at < end && *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *at - '0', &value))
			return 0;
	return value;
}

static int on_instance(struct options *options, struct span span, struct jem_err *err)
{
	__typeof__(options->instances) instances;
	uint64_t at;
	char name[64];

	if (!span_number(&span, 8, &at) || !span_text(&span, name, sizeof(name)))
		return jem_err_set(err, -EBADMSG, "a buffer without name");
	if (options->instance_count >= JEM_DAT_BUFFERS_MAX)
		return jem_err_set(err, -EBADMSG, "more than %d buffers", JEM_DAT_BUFFERS_MAX);
	instances = realloc(options->instances, (options->instance_count + 1) * sizeof(*instances));
	if (!instances)
		return -ENOMEM;
	options->instances = instances;
	instances += options->instance_count++;
	instances->at = at;
	snprintf(instances->name, sizeof(instances->name), "%s", name);
	return 0;
}

/* Buffer of version 7, with the places of its cores' data. */
static int on_buffer(struct jem_trace_dat *file, struct span span, struct jem_err *err)
{
	struct jem_dat_section section;
	struct jem_dat_buffer *buffer;
	uint64_t at, page_bytes, cpus;
	char clock[256];
	char name[64];
	int status;

	if (!span_number(&span, 8, &at) || !span_text(&span, name, sizeof(name)) ||
	    !span_text(&span, clock, sizeof(clock)) || !span_number(&span, 4, &page_bytes) ||
	    !span_number(&span, 4, &cpus))
		return jem_err_set(err, -EBADMSG, "the description of a buffer is too short");
	if (page_bytes < 64 || page_bytes > JEM_SCHED_PAGE_MAX)
		return jem_err_set(err, -EBADMSG, "buffer \"%s\" has pages of %" PRIu64 " bytes",
				   name, page_bytes);
	status = jem_dat_add_buffer(file, name, err);
	if (status < 0)
		return status;
	buffer = &file->buffers[file->buffer_count - 1];
	buffer->page_bytes = (uint32_t)page_bytes;
	jem_dat_set_clock(buffer, clock);
	if (jem_dat_section_head(&file->file, at, &section, NULL) < 0 ||
	    section.id != OPTION_BUFFER) {
		file->info.is_truncated = true;
		jem_dat_warn(file, "no data of buffer \"%s\" at %" PRIu64, name, at);
		return 0;
	}
	buffer->is_compressed = section.is_compressed;
	for (uint64_t i = 0; i < cpus; i++) {
		uint64_t cpu, start, size;

		if (!span_number(&span, 4, &cpu) || !span_number(&span, 8, &start) ||
		    !span_number(&span, 8, &size))
			return jem_err_set(err, -EBADMSG,
					   "buffer \"%s\" describes %" PRIu64 " of %" PRIu64
					   " cores",
					   name, i, cpus);
		status = jem_dat_add_lane(file, cpu, start, size, err);
		if (status < 0)
			return status;
	}
	return 0;
}

static void on_cycles(struct jem_trace_dat *file, struct span span)
{
	uint64_t multiplier, shift, offset;

	if (!span_number(&span, 4, &multiplier) || !span_number(&span, 4, &shift) ||
	    !span_number(&span, 8, &offset) || shift > 63)
		return;
	file->multiplier = (uint32_t)multiplier;
	file->shift = (uint32_t)shift;
	file->offset = offset;
}

static int on_option(struct jem_trace_dat *file, struct options *options, uint64_t id,
		     struct span span, struct jem_err *err)
{
	uint64_t value = 0;

	switch (id) {
	case OPTION_CPUSTAT:
		file->info.overrun +=
			line_number(span, "\noverrun: ") + line_number(span, "\ndropped events: ");
		return 0;
	case OPTION_BUFFER:
		return file->info.version == 6 ? on_instance(options, span, err)
					       : on_buffer(file, span, err);
	case OPTION_TRACECLOCK:
		options->has_clock = true;
		return 0;
	case OPTION_CPUCOUNT:
		if (span_number(&span, 4, &value) && value < JEM_SCHED_NO_CPU)
			file->info.cpus = (unsigned)value;
		return 0;
	case OPTION_TSC2NSEC:
		on_cycles(file, span);
		return 0;
	case OPTION_HEADER_INFO:
		span_number(&span, 8, &options->header_info);
		return 0;
	case OPTION_EVENT_FORMATS:
		span_number(&span, 8, &options->event_formats);
		return 0;
	default:
		return 0; /* not ours: newer writers add some */
	}
}

/* Options up to DONE, whose data go to options->next in version 7. */
static int read_options(struct jem_trace_dat *file, struct jem_dat_cursor *cursor,
			struct options *options, struct jem_err *err)
{
	auto_free uint8_t *data = NULL;

	while (options->count++ < OPTIONS_MAX) {
		uint64_t id, size;
		uint8_t *grown;
		int status = jem_dat_number(cursor, 2, &id, err);

		if (!status && id == OPTION_DONE && file->info.version == 6)
			return 0;
		if (!status)
			status = jem_dat_number(cursor, 4, &size, err);
		if (status < 0)
			return status;
		if (size > OPTION_BYTES_MAX)
			return jem_err_set(err, -EBADMSG,
					   "option %" PRIu64 " has %" PRIu64 " bytes", id, size);
		grown = realloc(data, size + 1);
		if (!grown)
			return -ENOMEM;
		data = grown;
		status = jem_dat_take(cursor, data, size, err);
		if (status < 0)
			return status;
		if (id == OPTION_DONE) {
			struct span span = { data, size };

			span_number(&span, 8, &options->next);
			return 0;
		}
		status = on_option(file, options, id, (struct span){ data, size }, err);
		if (status < 0)
			return status;
	}
	return jem_err_set(err, -EBADMSG, "more than %d options", OPTIONS_MAX);
}

/* "options", "flyrecord" or "latency" in ten bytes; options are read, what follows them is told. */
static int read_kind(struct jem_trace_dat *file, struct jem_dat_cursor *cursor,
		     struct options *options, struct jem_err *err)
{
	char kind[10];
	int status = jem_dat_take(cursor, kind, sizeof(kind), err);

	if (!status && !memcmp(kind, "options  ", sizeof(kind))) {
		status = read_options(file, cursor, options, err);
		if (!status)
			status = jem_dat_take(cursor, kind, sizeof(kind), err);
	}
	if (status < 0)
		return status;
	if (!memcmp(kind, "latency  ", sizeof(kind)))
		return jem_err_set(err, -EOPNOTSUPP, "a latency tracer's text, not events");
	if (memcmp(kind, "flyrecord", sizeof(kind)))
		return jem_err_set(err, -EBADMSG, "neither options nor data at %" PRIu64,
				   cursor->at - sizeof(kind));
	return 0;
}

static int read_cpus(struct jem_trace_dat *file, struct jem_dat_cursor *cursor, struct jem_err *err)
{
	unsigned cpus = file->info.cpus;
	int status = 0;

	for (unsigned cpu = 0; !status && cpu < cpus; cpu++) {
		uint64_t at, size;

		status = jem_dat_number(cursor, 8, &at, err);
		if (!status)
			status = jem_dat_number(cursor, 8, &size, err);
		if (!status)
			status = jem_dat_add_lane(file, cpu, at, size, err);
	}
	return status;
}

/* The clock stands behind the data's places; a bug of old writers let it get lost. */
static void read_clock(struct jem_dat_cursor *cursor, struct jem_dat_buffer *buffer)
{
	char text[CLOCKS_MAX];
	uint64_t size;

	if (jem_dat_number(cursor, 8, &size, NULL) < 0 || size >= sizeof(text) ||
	    jem_dat_take(cursor, text, size, NULL) < 0)
		return;
	text[size] = '\0';
	jem_dat_set_clock(buffer, text);
}

/* The instances of version 6 have the clock of the file. */
static int read_instances(struct jem_trace_dat *file, const struct options *options,
			  struct jem_err *err)
{
	unsigned cpus = file->info.cpus;
	int status = 0;

	for (size_t i = 0; !status && i < options->instance_count; i++) {
		struct jem_dat_cursor cursor;
		struct options own = { 0 };

		status = jem_dat_add_buffer(file, options->instances[i].name, err);
		if (status < 0)
			break;
		memcpy(file->buffers[i + 1].clock, file->buffers[0].clock,
		       sizeof(file->buffers[0].clock));
		jem_dat_cursor_init(&cursor, &file->file, options->instances[i].at,
				    file->file.size);
		file->info.cpus = cpus;
		status = read_kind(file, &cursor, &own, err);
		if (!status)
			status = read_cpus(file, &cursor, err);
		if (file->info.cpus < cpus)
			file->info.cpus = cpus;
		free(own.instances);
		jem_dat_cursor_deinit(&cursor);
		if (status == -EBADMSG) { /* what comes before it is whole */
			file->info.is_truncated = true;
			jem_dat_warn(file, "buffer \"%s\" is not there",
				     options->instances[i].name);
			status = 0;
		}
	}
	return status;
}

/* kallsyms, printk formats, names of tasks: all skipped; the number of cores. */
static int skip_to_cpus(struct jem_trace_dat *file, struct jem_dat_cursor *cursor,
			struct jem_err *err)
{
	static const unsigned widths[] = { 4, 4, 8 };
	uint64_t value;
	int status = 0;

	for (size_t i = 0; !status && i < sizeof(widths) / sizeof(*widths); i++) {
		status = jem_dat_number(cursor, widths[i], &value, err);
		if (!status)
			status = jem_dat_skip(cursor, value, err);
	}
	if (!status)
		status = jem_dat_number(cursor, 4, &value, err);
	if (status < 0)
		return status;
	if (value > JEM_SCHED_NO_CPU)
		return jem_err_set(err, -EBADMSG,
				   "%" PRIu64 " cores at %" PRIu64
				   ": the file is out of step with itself",
				   value, cursor->at - 4);
	file->info.cpus = (unsigned)value;
	return 0;
}

int jem_dat_read_v6(struct jem_trace_dat *file, uint64_t at, struct jem_sched_describer *describer,
		    struct jem_err *err)
{
	struct options options = { 0 };
	struct jem_dat_cursor cursor;
	int status;

	jem_dat_cursor_init(&cursor, &file->file, at, file->file.size);
	status = jem_dat_read_header_info(&cursor, describer, err);
	if (!status)
		status = jem_dat_skip_ftrace_formats(&cursor, err);
	if (!status)
		status = jem_dat_read_formats(&cursor, describer, err);
	if (!status)
		status = skip_to_cpus(file, &cursor, err);
	if (!status)
		status = jem_dat_add_buffer(file, "", err);
	if (!status)
		status = read_kind(file, &cursor, &options, err);
	if (!status)
		status = read_cpus(file, &cursor, err);
	if (!status && options.has_clock)
		read_clock(&cursor, &file->buffers[0]);
	if (!status)
		status = read_instances(file, &options, err);
	jem_dat_cursor_deinit(&cursor);
	free(options.instances);
	return status;
}

static int set_compression(struct jem_trace_dat *file, const char *name, struct jem_err *err)
{
	static const char *const names[] = {
		[JEM_DAT_NONE] = "none",
		[JEM_DAT_ZLIB] = "zlib",
		[JEM_DAT_ZSTD] = "zstd",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i], name))
			continue;
		file->file.compression = (enum jem_dat_compression)i;
		snprintf(file->info.compression, sizeof(file->info.compression), "%s", names[i]);
		return 0;
	}
	return jem_err_set(err, -EOPNOTSUPP, "compression %s; none, zlib and zstd are read", name);
}

/* All sections of options, the last of which may have been cut off. */
static int read_option_sections(struct jem_trace_dat *file, uint64_t first, struct options *options,
				struct jem_err *err)
{
	options->next = first;
	for (unsigned i = 0; options->next && i < OPTION_SECTIONS_MAX; i++) {
		struct jem_dat_cursor cursor;
		int status = jem_dat_cursor_section(&cursor, &file->file, options->next,
						    OPTION_DONE, err);

		options->next = 0;
		if (!status)
			status = read_options(file, &cursor, options, err);
		jem_dat_cursor_deinit(&cursor);
		if (status < 0)
			return status;
	}
	return 0;
}

static int read_section(struct jem_trace_dat *file, uint64_t at, unsigned id,
			int (*read)(struct jem_dat_cursor *, struct jem_sched_describer *,
				    struct jem_err *),
			struct jem_sched_describer *describer, struct jem_err *err)
{
	struct jem_dat_cursor cursor;
	int status;

	if (!at)
		return jem_err_set(err, -EBADMSG, "no section %u", id);
	status = jem_dat_cursor_section(&cursor, &file->file, at, id, err);
	if (!status)
		status = read(&cursor, describer, err);
	jem_dat_cursor_deinit(&cursor);
	return status;
}

int jem_dat_read_v7(struct jem_trace_dat *file, uint64_t at, struct jem_sched_describer *describer,
		    struct jem_err *err)
{
	struct options options = { 0 };
	struct jem_dat_cursor cursor;
	char name[32];
	char version[64];
	uint64_t first = 0;
	int status;

	jem_dat_cursor_init(&cursor, &file->file, at, file->file.size);
	status = jem_dat_text(&cursor, name, sizeof(name), err);
	if (!status)
		status = jem_dat_text(&cursor, version, sizeof(version), err);
	if (!status)
		status = jem_dat_number(&cursor, 8, &first, err);
	jem_dat_cursor_deinit(&cursor);
	if (!status)
		status = set_compression(file, name, err);
	if (!status)
		status = read_option_sections(file, first, &options, err);
	free(options.instances);
	if (!status)
		status = read_section(file, options.header_info, OPTION_HEADER_INFO,
				      jem_dat_read_header_info, describer, err);
	if (!status)
		status = read_section(file, options.event_formats, OPTION_EVENT_FORMATS,
				      jem_dat_read_formats, describer, err);
	if (!status && !file->buffer_count)
		status = jem_err_set(err, -EBADMSG, "no buffer of events: the file was cut off");
	return status;
}
