/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patch: takes hook calls of excluded sites out of the program's text, and puts them back.
 *
 * Flow:      an excluded site is executed -> the instruction before its return address is a call of our
 *            hook, for certain -> its first byte is changed: the call becomes a comparison of the same
 *            length, whose result nobody looks at
 * Bytes:     E8 rel32 (call)       -> A9 imm32 (test $imm32, %eax)
 *            FF 15 disp32 (call *) -> 3B 15 disp32 (cmp disp(%rip), %edx)
 *            One byte each: every other thread executes the old or the new instruction, wherever it
 *            stands (a jump over the call would need two, and an aligned word around them); and it costs
 *            no branch. Flags and edx are not kept by a call either, so the compiler expects nothing of them
 * Thread:    any; one at a time, the others leave it for the next time
 * Bound:     JEM_PATCHES_MAX sites; system calls only the first time at a site
 * Invariant: nothing is written unless the instruction's target has been followed to our own hook, and
 *            the page never loses its right to be executed
 *
 * Exits that are reached by a jump (JEM_SITE_TAIL) stay: the hook does not see where the jump stands.
 */
#ifndef JEM_TRACER_PRELOAD_PATCH_H
#define JEM_TRACER_PRELOAD_PATCH_H

#include "tracer/preload/state.h"

/* An excluded site was hit; by a jump from entry.S. */
void jem_patch_site(const struct jem_plan_site *site, bool is_exit);

/* There is a new plan, which allows patching or not. */
void jem_patch_allow(bool is_allowed);

/* Puts back what the plan includes now, forgets what was in modules that are closed. */
void jem_patch_renew(void);

#endif
