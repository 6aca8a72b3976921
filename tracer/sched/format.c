/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/sched/format.h"

#include "common/cleanup.h"
#include "tracer/sched/event.h"
#include "tracer/sched/format_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <traceevent/event-parse.h>

enum {
	TEXT_MAX = 256 << 10,
	TIMESTAMP_BYTES = 8,
	PAGE_MIN = 64
};

struct line {
	uint8_t type;
	const char *system, *event;
	const char *pid, *other, *detail, *detail_low, *comm, *pid_comm;
};

static const struct line lines[] = {
#define SCHED_EVENT(type, system, event, pid, other, detail, detail_low, comm, pid_comm)           \
	{ JEM_SCHED_##type, system, event, pid, other, detail, detail_low, comm, pid_comm },
#include "tracer/sched/events.def"
#undef SCHED_EVENT
};

enum {
	LINES = sizeof(lines) / sizeof(*lines)
};
_Static_assert((int)LINES < (int)JEM_SCHED_LAYOUTS, "a layout for each line, and the empty one");

struct jem_sched_describer {
	struct jem_sched_format *format; /* borrowed, outlives us */
	struct tep_handle *tep;          /* owned */
};

int jem_sched_describer_create(struct jem_sched_format *format, int long_size,
			       struct jem_sched_describer **ret)
{
	struct jem_sched_describer *describer = calloc(1, sizeof(*describer));

	if (!describer)
		return -ENOMEM;
	describer->tep = tep_alloc();
	if (!describer->tep) {
		free(describer);
		return -ENOMEM;
	}
	tep_set_loglevel(TEP_LOG_NONE); /* what is wrong with a file is ours to say, once */
	tep_set_long_size(describer->tep, long_size);
	tep_set_file_bigendian(describer->tep, TEP_LITTLE_ENDIAN);
	memset(format, 0, sizeof(*format));
	describer->format = format;
	*ret = describer;
	return 0;
}

void jem_sched_describer_destroy(struct jem_sched_describer *describer)
{
	if (!describer)
		return;
	tep_free(describer->tep);
	free(describer);
}

bool jem_sched_format_wants(const char *system, const char *event)
{
	for (size_t i = 0; i < LINES; i++)
		if (!strcmp(lines[i].system, system) && (!event || !strcmp(lines[i].event, event)))
			return true;
	return false;
}

int jem_sched_describe_page(struct jem_sched_describer *describer, const char *text, size_t len,
			    struct jem_err *err)
{
	struct jem_sched_format *format = describer->format;
	auto_free char *copy = len < TEXT_MAX ? strndup(text, len) : NULL;
	uint32_t page_bytes = 0;
	struct jem_buf page;
	int commit_size;
	int status;

	if (len >= TEXT_MAX)
		return jem_err_set(err, -EBADMSG, "header_page: %zu bytes of description", len);
	if (!copy)
		return -ENOMEM;
	jem_buf_init(&page, 0);
	status = jem_sched_format_reduce_page(copy, &page, &page_bytes);
	if (!status && tep_parse_header_page(describer->tep, page.data, page.len,
					     tep_get_long_size(describer->tep)))
		status = -EBADMSG;
	jem_buf_deinit(&page);
	if (status < 0 || page_bytes < PAGE_MIN || page_bytes > JEM_SCHED_PAGE_MAX)
		return status == -ENOMEM ? status
					 : jem_err_set(err, -EBADMSG,
						       "header_page: no description of a page");
	commit_size = tep_get_header_page_size(describer->tep);
	if (tep_get_header_timestamp_size(describer->tep) != TIMESTAMP_BYTES ||
	    (commit_size != 4 && commit_size != 8))
		return jem_err_set(err, -EOPNOTSUPP,
				   "header_page: timestamp of %d bytes, commit of %d",
				   tep_get_header_timestamp_size(describer->tep), commit_size);
	format->commit_size = (uint16_t)commit_size;
	format->page_bytes = page_bytes;
	return 0;
}

/* The place of a field, and how far the event must reach for it. */
static struct jem_sched_field place(struct tep_event *event, const char *name, bool is_text,
				    uint16_t *need)
{
	struct tep_format_field *found = name ? tep_find_any_field(event, name) : NULL;
	struct jem_sched_field field = { 0, 0, JEM_SCHED_ABSENT };

	if (!found || found->offset < 0 || found->size <= 0 || found->size > 255 ||
	    found->offset > INT16_MAX)
		return field;
	field = (struct jem_sched_field){ (uint16_t)found->offset, (uint8_t)found->size,
					  JEM_SCHED_FIXED };
	if (found->flags & TEP_FIELD_IS_DYNAMIC)
		field.place = found->flags & TEP_FIELD_IS_RELATIVE ? JEM_SCHED_REL_LOC
								   : JEM_SCHED_DATA_LOC;
	if (is_text ? field.place != JEM_SCHED_FIXED && field.size != 4
		    : field.place != JEM_SCHED_FIXED || (field.size != 1 && field.size != 2 &&
							 field.size != 4 && field.size != 8))
		return (struct jem_sched_field){ 0, 0, JEM_SCHED_ABSENT };
	if (found->offset + found->size > *need)
		*need = (uint16_t)(found->offset + found->size);
	return field;
}

/* The letters of states as the print format lists them: { 0x00000001, "S" }, ... */
static void read_states(struct jem_sched_format *format, const char *text)
{
	const char *at = strstr(text, "__print_flags(");

	while (at && (at = strchr(at, '{'))) {
		char letters[4];
		char *end;
		unsigned long mask = strtoul(++at, &end, 0);
		unsigned bit = mask ? (unsigned)__builtin_ctzl(mask) : JEM_SCHED_STATES;

		if (bit < JEM_SCHED_STATES && mask == 1ul << bit &&
		    sscanf(end, " , \"%3[^\"]\"", letters) == 1)
			strcpy(format->state_text[bit], letters);
	}
	for (unsigned bit = 0; bit < JEM_SCHED_STATES; bit++)
		format->states[bit] = format->state_text[bit];
	for (unsigned bit = JEM_SCHED_STATES; bit > 0 && !format->states[bit - 1][0]; bit--)
		format->states[bit - 1] = NULL;
}

static int add_layout(struct jem_sched_format *format, struct tep_event *event,
		      const struct line *line, struct jem_err *err)
{
	struct jem_sched_layout layout = { .type = line->type };
	unsigned index = format->layout_count ? format->layout_count : 1;
	uint8_t *slot = &format->of_id[event->id];

	layout.pid = place(event, line->pid ? line->pid : "common_pid", false, &layout.need);
	layout.other = place(event, line->other, false, &layout.need);
	layout.detail = place(event, line->detail, false, &layout.need);
	layout.detail_low = place(event, line->detail_low, false, &layout.need);
	layout.comm = place(event, line->comm, true, &layout.need);
	layout.pid_comm = place(event, line->pid_comm, true, &layout.need);
	/* Newer kernels leave the task out where it is always the current one. */
	if (!layout.other.place && line->type == JEM_SCHED_RENAME)
		layout.other = place(event, "common_pid", false, &layout.need);
	if (!layout.pid.place || !layout.other.place || (line->detail && !layout.detail.place) ||
	    (line->detail_low && !layout.detail_low.place))
		return jem_err_set(err, -EBADMSG, "the description of %s lacks a field",
				   line->event);
	if (index >= JEM_SCHED_LAYOUTS)
		return jem_err_set(err, -EBADMSG, "%s is described again", line->event);
	layout.also = *slot;
	*slot = (uint8_t)index;
	format->layouts[index] = layout;
	format->layout_count = index + 1;
	format->seen |= 1u << (line - lines);
	return 0;
}

static int add_event(struct jem_sched_format *format, struct tep_event *event, const char *system,
		     const char *text, struct jem_err *err)
{
	uint16_t need = 0;
	int count = 0;

	if (event->id <= 0 || (size_t)event->id >= sizeof(format->of_id))
		return jem_err_set(err, -EBADMSG, "%s has number %d", event->name, event->id);
	format->id = place(event, "common_type", false, &need);
	format->common_pid = place(event, "common_pid", false, &need);
	format->common_end = need;
	if (format->id.size != 2 || format->common_pid.size != 4)
		return jem_err_set(err, -EBADMSG,
				   "%s: the description lacks common_type or "
				   "common_pid",
				   event->name);
	for (size_t i = LINES; i-- > 0;) { /* from the end: `also` leads on to later lines */
		int status;

		if (strcmp(lines[i].system, system) || strcmp(lines[i].event, event->name))
			continue;
		if (format->seen & 1u << i)
			return 0; /* described twice: the first holds */
		status = add_layout(format, event, &lines[i], err);
		if (status < 0)
			return status;
		if (lines[i].type == JEM_SCHED_SWITCH)
			read_states(format, text);
		count++;
	}
	return count > 0;
}

/* A field that some line of the event's names. */
static bool wants_field(const void *context, const char *name)
{
	const char *event = context;

	for (size_t i = 0; i < LINES; i++) {
		const char *const fields[] = { lines[i].pid,    lines[i].other,
					       lines[i].detail, lines[i].detail_low,
					       lines[i].comm,   lines[i].pid_comm };

		for (size_t f = 0; f < sizeof(fields) / sizeof(*fields); f++)
			if (fields[f] && !strcmp(lines[i].event, event) && !strcmp(fields[f], name))
				return true;
	}
	return false;
}

int jem_sched_describe_event(struct jem_sched_describer *describer, const char *system,
			     const char *text, size_t len, struct jem_err *err)
{
	auto_free char *copy = len < TEXT_MAX ? strndup(text, len) : NULL;
	struct tep_event *event = NULL;
	char name[JEM_SCHED_EVENT_NAME];
	struct jem_buf reduced;
	int status;

	if (len >= TEXT_MAX)
		return jem_err_set(err, -EBADMSG, "%s: %zu bytes of an event's description", system,
				   len);
	if (!copy)
		return -ENOMEM;
	if (jem_sched_format_name(copy, name) < 0 || !jem_sched_format_wants(system, name))
		return 0;
	jem_buf_init(&reduced, 0);
	status = jem_sched_format_reduce(copy, wants_field, name, &reduced);
	if (!status && !tep_parse_event(describer->tep, reduced.data, reduced.len, system))
		event = tep_find_event_by_name(describer->tep, system, name);
	jem_buf_deinit(&reduced);
	if (status == -ENOMEM)
		return status;
	if (!event || event->flags & TEP_EVENT_FL_FAILED)
		return jem_err_set(err, -EBADMSG, "%s: no description of an event", name);
	return add_event(describer->format, event, system, copy, err);
}

int jem_sched_format_check(const struct jem_sched_format *format, struct jem_err *err)
{
	if (!format->page_bytes || !format->commit_size)
		return jem_err_set(err, -EBADMSG, "no description of pages");
	for (size_t i = 0; i < LINES; i++)
		if (lines[i].type == JEM_SCHED_SWITCH && !(format->seen & 1u << i))
			return jem_err_set(err, -EBADMSG,
					   "no description of sched_switch: "
					   "the events of the scheduler were not recorded");
	return 0;
}
