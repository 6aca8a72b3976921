/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xtrace: keeps what we run out of the script's own set -x.
 *
 * bash prints each command that it executes under set -x, also those of traps: ours too. Its stream of traces goes
 * through one of ours, which leaves out what is printed while xtrace_hide holds. Lines are passed on whole, to where
 * they would have gone.
 */
#ifndef JEM_TRACER_SCRIPT_BASH_XTRACE_H
#define JEM_TRACER_SCRIPT_BASH_XTRACE_H

#include <stdbool.h>

/* Puts our stream in front of the shell's, where it is not yet. */
void xtrace_take(void);

/* What is printed from now on is ours, even outside of our trap; or is the script's, even inside of it. */
enum xtrace_of {
	XTRACE_BY_TRAP, /* ours while the DEBUG trap runs */
	XTRACE_OURS,
	XTRACE_SCRIPTS
};
void xtrace_is(enum xtrace_of whose);

#endif
