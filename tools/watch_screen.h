/* SPDX-License-Identifier: Apache-2.0 */
/* watch_screen: what `jem watch` shows on a terminal. */
#ifndef JEM_TOOLS_WATCH_SCREEN_H
#define JEM_TOOLS_WATCH_SCREEN_H

#include "receiver/model.h"
#include "tools/terminal.h"

/* What stands at the lower edge: where it comes from, and how that goes. */
struct jem_watch_foot {
	const char *source;
	bool is_live;
};

/* One job, with curves of the last minutes, alerts and lines. */
void jem_watch_draw_job(struct jem_terminal *terminal, const struct jem_job_model *model,
			const struct jem_watch_foot *foot, uint64_t now_ns);

/* Several jobs, a line each; `hidden` more are not kept. */
void jem_watch_draw_jobs(struct jem_terminal *terminal, struct jem_job_model *const *models,
			 size_t count, uint64_t hidden, const struct jem_watch_foot *foot,
			 uint64_t now_ns);

#endif
