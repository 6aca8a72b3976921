/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/sched/dat_write.h"

#include "common/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>
#include <zstd.h>

enum {
	LEVEL = 3,
	CHUNK_PAGES = 10, /* as trace-cmd does: what a reader unpacks at a time */
	SECTION_HEAD = 16,
	SIZE_AT = 8, /* of a section, in its head */
};

enum { /* sections and options of trace-cmd.dat.v7(5) */
	DONE = 0,
	CPUSTAT = 2,
	BUFFER = 3,
	TRACECLOCK = 4,
	UNAME = 5,
	CPUCOUNT = 8,
	VERSION = 9,
	HEADER_INFO = 16,
	FTRACE_FORMATS = 17,
	EVENT_FORMATS = 18,
	KALLSYMS = 19,
	PRINTK = 20,
	CMDLINES = 21,
};

struct writer {
	int fd; /* borrowed */
	uint64_t at;
	ZSTD_CCtx *zstd;     /* owned */
	struct jem_buf pack; /* of one section or chunk */
	struct jem_err *err;
};

static int put_at(struct writer *writer, uint64_t at, const void *bytes, size_t len)
{
	const char *from = bytes;

	while (len > 0) {
		ssize_t done = pwrite(writer->fd, from, len, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return jem_err_set(writer->err, done ? -errno : -EIO, "writing: %s",
					   done ? strerror(errno) : "nothing is taken");
		from += done;
		at += (uint64_t)done;
		len -= (size_t)done;
	}
	return 0;
}

static int put(struct writer *writer, const void *bytes, size_t len)
{
	int status = put_at(writer, writer->at, bytes, len);

	if (!status)
		writer->at += len;
	return status;
}

static void add_number(struct jem_buf *buf, uint64_t value, unsigned size)
{
	jem_buf_add(buf, &value, size); /* little-endian, as we are */
}

static void add_text(struct jem_buf *buf, const char *text)
{
	jem_buf_add(buf, text, strlen(text) + 1);
}

static void add_option(struct jem_buf *options, unsigned id, const void *data, size_t len)
{
	add_number(options, id, 2);
	add_number(options, len, 4);
	jem_buf_add(options, data, len);
}

static void add_option_text(struct jem_buf *options, unsigned id, const char *text)
{
	add_option(options, id, text, strlen(text) + 1);
}

static void add_option_number(struct jem_buf *options, unsigned id, uint64_t value, size_t size)
{
	add_option(options, id, &value, size);
}

/* Packed and unpacked size, then the packed bytes. Returns how many, or what went wrong. */
static ssize_t put_packed(struct writer *writer, const void *bytes, size_t len)
{
	size_t bound = ZSTD_compressBound(len);
	uint32_t sizes[2];
	size_t packed;
	int status;

	jem_buf_clear(&writer->pack);
	if (jem_buf_reserve(&writer->pack, bound) < 0)
		return -ENOMEM;
	packed = ZSTD_compressCCtx(writer->zstd, writer->pack.data, bound, bytes, len, LEVEL);
	if (ZSTD_isError(packed))
		return -ENOMEM;
	sizes[0] = (uint32_t)packed;
	sizes[1] = (uint32_t)len;
	status = put(writer, sizes, sizeof(sizes));
	if (!status)
		status = put(writer, writer->pack.data, packed);
	return status < 0 ? status : (ssize_t)(packed + sizeof(sizes));
}

static int put_section_head(struct writer *writer, unsigned id, bool is_packed, uint64_t size)
{
	uint8_t head[SECTION_HEAD] = { (uint8_t)id, 0, is_packed };

	memcpy(head + SIZE_AT, &size, sizeof(size));
	return put(writer, head, sizeof(head));
}

static int put_section(struct writer *writer, unsigned id, struct jem_buf *data,
		       struct jem_buf *options)
{
	uint64_t place = writer->at;
	ssize_t packed;
	uint64_t size;
	int status;

	if (data->failed)
		return -ENOMEM;
	status = put_section_head(writer, id, true, 0);
	if (status < 0)
		return status;
	packed = put_packed(writer, data->data, data->len);
	if (packed < 0)
		return (int)packed;
	size = (uint64_t)packed;
	add_option_number(options, id, place, sizeof(place));
	return put_at(writer, place + SIZE_AT, &size, sizeof(size));
}

static void header_info(const struct jem_dat_recording *recording, struct jem_buf *ret)
{
	add_text(ret, "header_page");
	add_number(ret, strlen(recording->header_page), 8);
	jem_buf_add_str(ret, recording->header_page);
	add_text(ret, "header_event");
	add_number(ret, strlen(recording->header_event), 8);
	jem_buf_add_str(ret, recording->header_event);
}

/* How many events from there on are of the same system. */
static size_t system_end(const struct jem_dat_recording *recording, size_t first)
{
	size_t end = first;

	while (end < recording->event_count &&
	       !strcmp(recording->events[end].system, recording->events[first].system))
		end++;
	return end;
}

static void event_formats(const struct jem_dat_recording *recording, struct jem_buf *ret)
{
	size_t systems = 0;

	for (size_t i = 0; i < recording->event_count; i = system_end(recording, i))
		systems++;
	add_number(ret, systems, 4);
	for (size_t i = 0; i < recording->event_count;) {
		size_t end = system_end(recording, i);

		add_text(ret, recording->events[i].system);
		add_number(ret, end - i, 4);
		for (; i < end; i++) {
			add_number(ret, strlen(recording->events[i].text), 8);
			jem_buf_add_str(ret, recording->events[i].text);
		}
	}
}

static int put_metadata(struct writer *writer, const struct jem_dat_recording *recording,
			struct jem_buf *options)
{
	static const struct {
		unsigned id, width;
	} empty[] = { { FTRACE_FORMATS, 4 }, { KALLSYMS, 4 }, { PRINTK, 4 } };
	struct jem_buf data;
	int status;

	jem_buf_init(&data, 0);
	header_info(recording, &data);
	status = put_section(writer, HEADER_INFO, &data, options);
	for (size_t i = 0; !status && i < sizeof(empty) / sizeof(*empty); i++) {
		jem_buf_clear(&data);
		add_number(&data, 0, empty[i].width);
		status = put_section(writer, empty[i].id, &data, options);
	}
	jem_buf_clear(&data);
	event_formats(recording, &data);
	if (!status)
		status = put_section(writer, EVENT_FORMATS, &data, options);
	jem_buf_clear(&data);
	add_number(&data, strlen(recording->cmdlines), 8);
	jem_buf_add_str(&data, recording->cmdlines);
	if (!status)
		status = put_section(writer, CMDLINES, &data, options);
	jem_buf_deinit(&data);
	return status;
}

static int read_pages(struct writer *writer, int fd, uint64_t at, uint8_t *ret, size_t len)
{
	while (len > 0) {
		ssize_t got = pread(fd, ret, len, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return jem_err_set(writer->err, got ? -errno : -EIO,
					   "reading what was recorded: %s",
					   got ? strerror(errno) : "it has become shorter");
		ret += got;
		at += (uint64_t)got;
		len -= (size_t)got;
	}
	return 0;
}

/* The chunks of a core. *size leaves out the count before them: so trace-cmd has it. */
static int put_core(struct writer *writer, const struct jem_dat_core *core, size_t chunk,
		    uint8_t *bytes, uint64_t *size)
{
	uint32_t count = (uint32_t)((core->size + chunk - 1) / chunk);
	int status = put(writer, &count, sizeof(count));

	*size = 0;
	for (uint64_t at = 0; !status && at < core->size;) {
		size_t len = core->size - at < chunk ? (size_t)(core->size - at) : chunk;
		ssize_t packed;

		status = read_pages(writer, core->pages, at, bytes, len);
		if (status < 0)
			return status;
		packed = put_packed(writer, bytes, len);
		if (packed < 0)
			return (int)packed;
		*size += (uint64_t)packed;
		at += len;
	}
	return status;
}

static int align(struct writer *writer, uint32_t page_bytes)
{
	writer->at = (writer->at + page_bytes - 1) / page_bytes * page_bytes; /* a hole of zeros */
	return 0;
}

/* The cores' data, and the option that tells where they are. */
static int put_buffer(struct writer *writer, const struct jem_dat_recording *recording,
		      struct jem_buf *options)
{
	size_t chunk = (size_t)recording->page_bytes * CHUNK_PAGES;
	auto_free uint8_t *bytes = malloc(chunk);
	uint64_t place = writer->at;
	struct jem_buf option;
	uint64_t size;
	int status = bytes ? put_section_head(writer, BUFFER, true, 0) : -ENOMEM;

	jem_buf_init(&option, 0);
	add_number(&option, place, 8);
	add_text(&option, "");
	add_text(&option, recording->clock_name);
	add_number(&option, recording->page_bytes, 4);
	add_number(&option, recording->core_count, 4);
	for (size_t i = 0; !status && i < recording->core_count; i++) {
		uint64_t start;

		align(writer, recording->page_bytes);
		start = writer->at;
		status = put_core(writer, &recording->cores[i], chunk, bytes, &size);
		add_number(&option, recording->cores[i].number, 4);
		add_number(&option, start, 8);
		add_number(&option, size, 8);
	}
	size = writer->at - place - SECTION_HEAD;
	if (!status)
		status = put_at(writer, place + SIZE_AT, &size, sizeof(size));
	if (!status && option.failed)
		status = -ENOMEM;
	if (!status)
		add_option(options, BUFFER, option.data, option.len);
	jem_buf_deinit(&option);
	return status;
}

static void add_facts(const struct jem_dat_recording *recording, struct jem_buf *options)
{
	unsigned most = 0;

	for (size_t i = 0; i < recording->core_count; i++) {
		struct jem_buf text;

		jem_buf_init(&text, 0);
		jem_buf_printf(&text, "CPU: %u\n%s", recording->cores[i].number,
			       recording->cores[i].stats);
		add_option_text(options, CPUSTAT, jem_buf_cstr(&text));
		jem_buf_deinit(&text);
		if (recording->cores[i].number >= most)
			most = recording->cores[i].number + 1u;
	}
	add_option_text(options, TRACECLOCK, recording->clocks);
	add_option_text(options, UNAME, recording->system);
	add_option_text(options, VERSION, recording->program);
	add_option_number(options, CPUCOUNT, most, 4);
}

/* All options, in one section, which the file's head points to. */
static int put_options(struct writer *writer, struct jem_buf *options, uint64_t pointer)
{
	uint64_t place = writer->at;
	int status;

	add_option_number(options, DONE, 0, 8);
	if (options->failed)
		return -ENOMEM;
	status = put_section_head(writer, DONE, false, options->len);
	if (!status)
		status = put(writer, options->data, options->len);
	return status < 0 ? status : put_at(writer, pointer, &place, sizeof(place));
}

static int put_all(struct writer *writer, const struct jem_dat_recording *recording,
		   struct jem_buf *options)
{
	struct jem_buf head;
	uint64_t pointer;
	int status;

	jem_buf_init(&head, 0);
	jem_buf_add(&head, "\x17\x08\x44tracing7", 12);
	add_number(&head, 0, 1); /* little-endian */
	add_number(&head, sizeof(long), 1);
	add_number(&head, recording->page_bytes, 4);
	add_text(&head, "zstd");
	add_text(&head, ZSTD_VERSION_STRING);
	pointer = head.len;
	add_number(&head, 0, 8);
	status = head.failed ? -ENOMEM : put(writer, head.data, head.len);
	jem_buf_deinit(&head);
	if (!status)
		status = put_metadata(writer, recording, options);
	add_facts(recording, options);
	if (!status)
		status = put_buffer(writer, recording, options);
	return status < 0 ? status : put_options(writer, options, pointer);
}

int jem_dat_write(int fd, const struct jem_dat_recording *recording, struct jem_err *err)
{
	struct jem_err why = { "out of memory" };
	struct writer writer = { .fd = fd, .zstd = ZSTD_createCCtx(), .err = &why };
	struct jem_buf options;
	int status;

	jem_buf_init(&writer.pack, 0);
	jem_buf_init(&options, 0);
	status = writer.zstd ? put_all(&writer, recording, &options) : -ENOMEM;
	jem_buf_deinit(&options);
	jem_buf_deinit(&writer.pack);
	ZSTD_freeCCtx(writer.zstd);
	return status < 0 ? jem_err_set(err, status, "%s", why.text) : 0;
}
