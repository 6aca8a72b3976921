/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record_text: a record as one line for people, in job.log, `jem log` and `jem watch`.
 *
 *	2026-03-01 12:34:56.789 log     ERROR analysis.log: cannot open events.dat
 *
 * UTC, kind, and what the kind is about; what a person does not need (offsets, identities, named
 * captures) is left out. Other fields follow as name=value.
 *
 * Invariant: the line is well-formed UTF-8 and has no control character, C1 control or character
 *            that turns the direction of writing: they are shown as \n, \x1b, \u202e. A terminal
 *            shows it as it is, whatever the job wrote.
 */
#ifndef JEM_RECEIVER_RECORD_TEXT_H
#define JEM_RECEIVER_RECORD_TEXT_H

#include "common/json_reader.h"
#include "common/kind.h"

struct jem_text_style {
	bool is_colored;
	size_t width; /* bytes of a line at most; a longer one ends "... (N bytes)"; 0: no bound */
	/* The last second that was formatted, because lines come in order of time. */
	uint64_t second;
	char stamp[24];
};

/* Appends the line without a newline. `node` is told when it is not "". */
void jem_record_write_text(struct jem_text_style *style, struct jem_buf *buf, enum jem_kind kind,
			   uint64_t t_us, const char *node, const struct jem_json_doc *doc,
			   uint32_t record);

/* Appends text with everything that is not a visible character shown as an escape. */
void jem_text_escape(struct jem_buf *buf, const char *text, size_t len);

/* Appends digits. By hand: printf would be half of what a line costs. */
void jem_text_number(struct jem_buf *buf, uint64_t number);

/* Appends `2026-03-01 12:34:56.789`. */
void jem_text_stamp(struct jem_text_style *style, struct jem_buf *buf, uint64_t t_us);

#endif
