/* SPDX-License-Identifier: Apache-2.0 */
/* calls: what the views of `jem calls` share: a recorded job, and what of it is asked for. */
#ifndef JEM_TOOLS_CALLS_H
#define JEM_TOOLS_CALLS_H

#include "receiver/calls/call.h"
#include "receiver/calls/job_profile.h"
#include "tools/recorded.h"
#include "tools/selection.h"

struct jem_calls {
	struct jem_recorded recorded;
	struct jem_selection selection; /* of functions by name, and of calls by time */
	uint64_t found;                 /* calls or functions that were asked for */
	uint64_t damaged;               /* batches and lines that could not be read */
	FILE *out;                      /* borrowed */
};

/* Whether a function is asked for. */
bool jem_calls_wants(const struct jem_calls *calls, const char *name, size_t len);

/* Each writes a view to `out`: 0 or negative errno. */
int jem_calls_lines(struct jem_calls *calls);
int jem_calls_chrome(struct jem_calls *calls);
int jem_calls_profile(struct jem_calls *calls);
int jem_calls_tree(struct jem_calls *calls);
int jem_calls_folded(struct jem_calls *calls);

/* Writes what is in the buffer and clears it: 0 or negative errno. */
int jem_calls_put(const struct jem_calls *calls, struct jem_buf *buf);

#endif
