/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format: where pages and events keep what is read of them, from the kernel's own descriptions.
 *
 * Flow:      texts of events/header_page and events/SYSTEM/EVENT/format (tracefs, or a trace.dat file)
 *            -> libtraceevent, once -> offsets and sizes -> page
 * Thread:    filled by one; then only read
 * Ownership: plain data, no pointer out of it
 * Bound:     texts of TEXT_MAX; an offset that does not fit an event is refused here, so that decoding
 *            compares one length an event
 */
#ifndef JEM_TRACER_SCHED_FORMAT_H
#define JEM_TRACER_SCHED_FORMAT_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	JEM_SCHED_LAYOUTS = 16, /* lines of events.def, and the empty one */
	JEM_SCHED_STATES = 16,  /* bits of prev_state that have a name */
	JEM_SCHED_PAGE_MAX =
		512 << 10, /* bytes of a sub-buffer: the kernel takes 128 pages at most */
};

enum jem_sched_place {
	JEM_SCHED_ABSENT,
	JEM_SCHED_FIXED,
	JEM_SCHED_DATA_LOC, /* 16 bits of length, 16 of offset in the event */
	JEM_SCHED_REL_LOC,  /* the same, from the field's end */
};

struct jem_sched_field {
	uint16_t offset;
	uint8_t size; /* of a number 1, 2, 4, 8; of a fixed text at most 255 */
	uint8_t place;
};

struct jem_sched_layout {
	uint8_t type;  /* enum jem_sched_type */
	uint8_t also;  /* layout of a second event from the same bytes; 0: none */
	uint16_t need; /* bytes that all fields but the ends of texts take */
	struct jem_sched_field pid, other, detail, detail_low, comm, pid_comm;
};

struct jem_sched_format {
	struct jem_sched_layout layouts[JEM_SCHED_LAYOUTS]; /* 0 is none */
	unsigned layout_count;
	uint16_t commit_size; /* 8, or 4 of a 32-bit kernel; after the 8 bytes of the timestamp */
	uint32_t page_bytes;  /* of a sub-buffer, as the description says */
	uint16_t common_end;  /* bytes with the event's number and the task's */
	struct jem_sched_field id, common_pid;
	uint32_t seen; /* of the lines of events.def */
	char state_text[JEM_SCHED_STATES][4];
	const char *states[JEM_SCHED_STATES + 1]; /* by bit, into state_text, up to NULL */
	uint8_t of_id[65536];                     /* layout of an event's number */
};

struct jem_sched_describer;

/* Descriptions are given to it in any order but the page first; `long_size` 4 or 8. 0, -ENOMEM. */
int jem_sched_describer_create(struct jem_sched_format *format, int long_size,
			       struct jem_sched_describer **ret);
void jem_sched_describer_destroy(struct jem_sched_describer *describer);

/* Is this event read at all? Others need not be given. */
bool jem_sched_format_wants(const char *system, const char *event);

/* -EBADMSG with what is wrong, -EOPNOTSUPP, -ENOMEM. */
int jem_sched_describe_page(struct jem_sched_describer *describer, const char *text, size_t len,
			    struct jem_err *err);
/* 1 taken, 0 not one that is read. */
int jem_sched_describe_event(struct jem_sched_describer *describer, const char *system,
			     const char *text, size_t len, struct jem_err *err);

/* Everything needed is there (page and sched_switch), or -EBADMSG. */
int jem_sched_format_check(const struct jem_sched_format *format, struct jem_err *err);

#endif
