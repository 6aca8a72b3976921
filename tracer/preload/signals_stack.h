/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals_stack: an alternate stack for the threads of a program that knows of none.
 *
 * When a thread's own stack is full, only a handler on another one can run, and without it the kernel
 * replaces si_code and si_addr of the fault by its own. So threads get one of ours while the fault's
 * action is the default, until the program begins to use such stacks itself.
 *
 * Thread:    any, in hooks and interposers; system calls only
 * Bound:     JEM_SIGNALS_STACKS of them, of threads that are alive; the others have none
 * Invariant: the program sees none of ours, and none of its handlers is meant to run on one
 */
#ifndef JEM_TRACER_PRELOAD_SIGNALS_STACK_H
#define JEM_TRACER_PRELOAD_SIGNALS_STACK_H

#include <signal.h>
#include <stdbool.h>

#define JEM_SIGNALS_STACKS 64

/* This thread gets one if it has none, or gives it back when the program has its own by now. */
void jem_signals_stack_offer(void);

/* The program uses such stacks itself from now on. */
void jem_signals_stack_withdraw(void);

/* In a fork's child: those of the parent's threads are free, but for this thread's. */
void jem_signals_stack_forked(void);

/* True if it is one of ours. */
bool jem_signals_stack_is_ours(const stack_t *stack);

#endif
