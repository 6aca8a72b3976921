/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/flags.h"

const struct jem_flag jem_daemon_flags[] = {
	[JEM_FLAG_PID] = { "pid", "PID", "watch the job whose first process this is", 'p' },
	[JEM_FLAG_FILENAME] = { "filename", "FILE", "write samples in the text format of prmon",
				'f' },
	[JEM_FLAG_JSON] = { "json-summary", "FILE", "write a summary in the JSON format of prmon",
			    'j' },
	[JEM_FLAG_LAUNCHER] = { "launcher-fd", "FD", "socket to `jem run`, which alone uses this",
				0 },
	[JEM_FLAG_COLLECTOR] = { "collector", "URL", "publish there too; `jem run` alone uses this",
				 0 },
	[JEM_FLAG_STDOUT] = { "stdout-copy", "FILE", "what --tee copies; `jem run` alone uses this",
			      0 },
	[JEM_FLAG_STDERR] = { "stderr-copy", "FILE", "what --tee copies; `jem run` alone uses this",
			      0 },
	[JEM_FLAGS_OF_PRMON] = { "log-filename", "FILE", "as prmon has it; does nothing", 'o' },
	{ "units", NULL, "as prmon has it; units are always written", 'u' },
	{ "netdev", "NAME", "as prmon has it; does nothing", 'n' },
	{ "disable", "MONITOR", "as prmon has it; does nothing", 'd' },
	{ "level", "LEVEL", "as prmon has it; does nothing", 'l' },
	{ "fast-memmon", NULL, "as prmon has it; does nothing", 'm' },
	{ "suppress-hw-info", NULL, "as prmon has it; does nothing", 's' },
	{ 0 },
};
