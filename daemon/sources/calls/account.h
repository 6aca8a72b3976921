/* SPDX-License-Identifier: Apache-2.0 */
/* account: what tracing of calls has done, lost and cost so far, over all processes of the job. */
#ifndef JEM_DAEMON_SOURCES_CALLS_ACCOUNT_H
#define JEM_DAEMON_SOURCES_CALLS_ACCOUNT_H

#include <stdint.h>

struct jem_calls_account {
	uint64_t processes;    /* that have reported */
	uint64_t rows;         /* records that were published, or lost behind the drain */
	uint64_t unselected;   /* recorded in ignorance, of functions that are not asked for */
	uint64_t cpu_ns;       /* of the drain's thread */
	uint64_t profile_lost; /* calls without room in the profile */
	/* as the processes count them (ring.h) */
	uint64_t seen, dropped, limited, unslotted, unwound, edges_lost;
	uint64_t broken; /* records in rings that were overwritten */
	uint64_t plan_faults, patched, unpatchable, modules_lost;
};

#endif
