/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sched_page: graphs of scheduling as one HTML file that loads nothing and can be looked into.
 *
 * The slices are in it (pack.h), and the script that draws them; legend and marks are tables that can
 * be read without script.
 *
 * Size: about 6 bytes a slice
 */
#ifndef JEM_RECEIVER_SCHED_SCHED_PAGE_H
#define JEM_RECEIVER_SCHED_SCHED_PAGE_H

#include "receiver/sched/view.h"

enum jem_sched_graph {
	JEM_SCHED_CORES,
	JEM_SCHED_COUNTS,
};

/* One section for each view: 0, -ENOMEM, -E2BIG: more than JEM_PACK_SLICES_MAX slices. `title` is of the page, hostile text. */
int jem_sched_page_make(const char *title, enum jem_sched_graph graph,
			const struct jem_sched_view *views, size_t count, struct jem_buf *page);

#endif
