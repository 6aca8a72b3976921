/* SPDX-License-Identifier: Apache-2.0 */
/* dat2graph: which task ran on which core when. */
#include "tools/sched_options.h"

#include <limits.h>

static int run(const struct jem_tool_args *args)
{
	return jem_sched_tool_run(args, JEM_SCHED_CORES);
}

const struct jem_tool jem_tool_dat2graph = {
	.name = "dat2graph",
	.usage = "Usage: dat2graph [OPTION...] FILE...\n\n"
		 "Draws what ran on each core of recordings of scheduling: trace.dat files of "
		 "trace-cmd or\n"
		 "`jem record`, and folders of jobs. Several are drawn on the scale of the "
		 "longest.\n\n",
	.flags = jem_dat2graph_flags,
	.options_size = sizeof(struct jem_sched_options),
	.on_flag = jem_sched_on_flag,
	.words_min = 1,
	.words_max = INT_MAX,
	.reads_none = true,
	.run = run,
};
