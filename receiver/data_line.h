/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data_line: one record as a line of data/KIND.jsonl (DESIGN section 7).
 *
 *	{"t":1700000000.123456,"epoch":"0123456789abcdef","seq":12,"i":0,<the record's own members>}
 *
 * `i` counts the records of the batch from 0. Lines of script, call and sched also have "mono_s" after `i`. The own
 * members are spliced as they came; jem_batch_decode_json has checked that none is called t, epoch,
 * seq or i. White space that would end the line becomes a space.
 */
#ifndef JEM_RECEIVER_DATA_LINE_H
#define JEM_RECEIVER_DATA_LINE_H

#include "common/batch.h"

/* What the lines of one batch have in common. */
struct jem_data_writer {
	char epoch_seq[64]; /* ,"epoch":"...","seq":N,"i": */
	size_t len;
	bool has_mono;
	uint64_t t0_us;
	uint64_t mono_ns;
};

void jem_data_writer_init(struct jem_data_writer *writer, const struct jem_head *head);

/* Appends the line of the i-th record, whose text is an object with at least one member. */
void jem_data_writer_add(const struct jem_data_writer *writer, struct jem_buf *buf, uint64_t i,
			 uint64_t dt_ns, const char *record, size_t len);

/* What a line begins with. */
struct jem_data_line {
	uint64_t t_us;
	uint64_t seq;
	uint64_t i;
	char epoch[JEM_EPOCH_SIZE];
};

/* Reads the beginning of a line (without its newline): 0, or -EBADMSG when it is none of ours. */
int jem_data_line_read(const char *line, size_t len, struct jem_data_line *ret);

#endif
