/* SPDX-License-Identifier: Apache-2.0 */
/*
 * modules: what is mapped where, for the daemon (the table in the rings) and for us (jem_state.tables).
 *
 * Flow:      at the start, when a hook call comes from nowhere known, and after dlclose: dl_iterate_phdr ->
 *            new ones are entered, those that are gone closed. dlopen is not interposed: it looks at who
 *            calls it
 * Thread:    one scans, another one that comes leaves it a note to scan again
 * Bound:     JEM_MODULES_MAX entries; when all are used the one closed first is used again, and when none
 *            is closed the module is counted in modules_lost
 * Invariant: an entry is complete before its state says OPEN; a number is never used twice
 */
#ifndef JEM_TRACER_PRELOAD_MODULES_H
#define JEM_TRACER_PRELOAD_MODULES_H

#include "tracer/preload/state.h"

/* Looks at everything; asks for system calls (path of the program). */
void jem_modules_scan(void);

/* The module with this address in its text; NULL: not a known one. */
const struct jem_module *jem_modules_find(uint64_t pc);

/* The same after a scan, if the loader has mapped or unmapped anything since the last one. */
const struct jem_module *jem_modules_look_again(uint64_t pc);

#endif
