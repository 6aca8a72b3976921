/* SPDX-License-Identifier: Apache-2.0 */
/* running_waiting: how many tasks run and how many wait for a core. */
#include "tools/sched_options.h"

#include <limits.h>

static int run(const struct jem_tool_args *args)
{
	return jem_sched_tool_run(args, JEM_SCHED_COUNTS);
}

const struct jem_tool jem_tool_running_waiting = {
	.name = "running_waiting",
	.usage = "Usage: running_waiting [OPTION...] FILE...\n\n"
		 "Draws how many tasks ran (green) and could run (red), and the number of cores "
		 "(dotted), of\n"
		 "recordings of scheduling: trace.dat files of trace-cmd or `jem record`, and "
		 "folders of jobs.\n\n",
	.flags = jem_running_waiting_flags,
	.options_size = sizeof(struct jem_sched_options),
	.on_flag = jem_sched_on_flag,
	.words_min = 1,
	.words_max = INT_MAX,
	.reads_none = true,
	.run = run,
};
