/* SPDX-License-Identifier: Apache-2.0 */
/* profile_records: rows of the profile as records of kind `profile`. Loop thread. */
#ifndef JEM_DAEMON_SOURCES_CALLS_PROFILE_RECORDS_H
#define JEM_DAEMON_SOURCES_CALLS_PROFILE_RECORDS_H

#include "daemon/batcher.h"
#include "daemon/sources/calls/profile.h"

/* `mono_ns`: when they were so. */
void jem_profile_publish(struct jem_batcher *batcher, const struct jem_profile_rows *rows,
			 uint64_t mono_ns);

#endif
