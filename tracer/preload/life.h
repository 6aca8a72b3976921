/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life: from the first hook call of a process to its end.
 *
 * Flow:      first hook -> environment -> socket or file -> rings and plan -> modules -> hello -> on
 * Thread:    one starts it, the others return meanwhile (their calls are counted as unslotted)
 * Bound:     a connect that does not wait, one packet; again a few times at growing distance; then off
 * Invariant: whatever fails means off, and leaves no descriptor, mapping or signal behind. Before the first
 *            hook call nothing is done at all.
 *
 * Descriptors: made at the lowest free number, as the kernel does, moved to 200 or above at once, and
 * closed before the hook returns.
 */
#ifndef JEM_TRACER_PRELOAD_LIFE_H
#define JEM_TRACER_PRELOAD_LIFE_H

#include "tracer/preload/state.h"

/*
 * What entry.S does not decide: a start, a new plan, a pause. Non-zero: on with the hook, with the plan as
 * it is now. Called with all registers saved; keeps errno.
 */
int jem_life_cold(void);

/* False once the program has put itself under seccomp: a system call of ours might be its end. */
bool jem_life_may_call(void);

#endif
