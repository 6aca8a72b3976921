/* SPDX-License-Identifier: Apache-2.0 */
/* watch_lines: what `jem watch` prints where there is no screen: a line for each record. */
#ifndef JEM_TOOLS_WATCH_LINES_H
#define JEM_TOOLS_WATCH_LINES_H

#include "receiver/record_text.h"
#include "tools/live.h"

struct jem_watch_lines {
	uint32_t kinds; /* printed ones, a mask */
	bool is_many;   /* of several jobs: lines tell which */
	bool is_raw;    /* JSON: {"topic":"jem....",<a line as in data/>} */
	struct jem_text_style style;
	struct jem_buf text;
};

/* Prints a record to standard output: 0, or -errno when that is gone. */
int jem_watch_print(struct jem_watch_lines *lines, const struct jem_live_record *record);

#endif
