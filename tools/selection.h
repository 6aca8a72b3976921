/* SPDX-License-Identifier: Apache-2.0 */
/* selection: which records a person asks for: kinds, a time, a pattern. */
#ifndef JEM_TOOLS_SELECTION_H
#define JEM_TOOLS_SELECTION_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jem_selection {
	uint32_t kinds; /* mask */
	uint64_t since_us;
	void *pattern; /* owned; compiled PCRE2, or NULL */
	void *match;   /* owned */
	void *limits;  /* owned; a pattern must not hang on a long line */
};

/* Each text may be NULL. -EINVAL with the reason, and nothing to deinit. */
int jem_selection_init(struct jem_selection *selection, const char *kinds, const char *since,
		       const char *grep, struct jem_err *err);
void jem_selection_deinit(struct jem_selection *selection);

/* Whether the pattern is in the text; true without one. */
bool jem_selection_matches(const struct jem_selection *selection, const char *text, size_t len);

/* "log,alert" -> mask. */
int jem_selection_kinds(const char *text, uint32_t *ret, struct jem_err *err);

/* "90s", "10m", "2h", "1d" before `now_us`; "12:34[:56]" of today, "2026-03-01[ 12:34[:56]]", UTC. */
int jem_selection_time(const char *text, uint64_t now_us, uint64_t *ret, struct jem_err *err);

/* A terminal, and nobody asked for NO_COLOR. */
bool jem_is_colored(int fd);

#endif
