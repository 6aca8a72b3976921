/* SPDX-License-Identifier: Apache-2.0 */
/* flags: the options of jemd that are no settings; its manual page is filled from them, too. */
#ifndef JEM_DAEMON_FLAGS_H
#define JEM_DAEMON_FLAGS_H

#include "common/config.h"

enum jem_daemon_flag {
	JEM_FLAG_PID,
	JEM_FLAG_FILENAME,
	JEM_FLAG_JSON,
	JEM_FLAG_LAUNCHER,
	JEM_FLAG_COLLECTOR,
	JEM_FLAG_STDOUT,
	JEM_FLAG_STDERR,
	JEM_FLAGS_OF_PRMON /* from here on: what prmon takes and we do without */
};

/* In the order of the enum, up to one without a flag. */
extern const struct jem_flag jem_daemon_flags[];

#endif
