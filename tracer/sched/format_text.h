/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format_text: the description of an event or a page, cut down to what is wanted of it and to the form
 * that the kernel writes.
 *
 * Descriptions in a file are anybody's; libtraceevent, which reads them, was made for the kernel's: it
 * leaks and reads on where others end in the middle. It is given nothing but well-formed lines.
 *
 * Bound: lines that are longer than a kernel writes are left out; the result is not larger than the text
 */
#ifndef JEM_TRACER_SCHED_FORMAT_TEXT_H
#define JEM_TRACER_SCHED_FORMAT_TEXT_H

#include "common/buf.h"

#include <stdint.h>

#define JEM_SCHED_EVENT_NAME 64

/* The event's name, or -EBADMSG. */
int jem_sched_format_name(const char *text, char ret[JEM_SCHED_EVENT_NAME]);

/* Is the field wanted? `name` without what is in brackets behind it. */
typedef bool (*jem_sched_wants_fn)(const void *context, const char *name);

/* Appends the description with the common fields and the wanted ones, and nothing of how it is printed. */
int jem_sched_format_reduce(const char *text, jem_sched_wants_fn wants, const void *context,
			    struct jem_buf *ret);

/* The same of a page: timestamp, commit, data. *page_bytes: where the data end. */
int jem_sched_format_reduce_page(const char *text, struct jem_buf *ret, uint32_t *page_bytes);

#endif
