/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals: our SIGSEGV and SIGBUS handler underneath the program's own dispositions.
 *
 * Flow:      fault -> in a guarded load: go on behind it; else to the program's handler by a jump, so that
 *            it sees the identical siginfo, context, mask, stack and return path; or by default
 *            action: the default is restored and the faulting instruction run again
 * Thread:    any; safe in signal handlers, after fork, in a vfork child
 * Bound:     nothing is installed and every interposer passes on until jem_signals_start
 * Invariant: what sigaction and its kin report is the program's own; the mask is never changed. A
 *            thread may rely on the handler only while jem_signals_ready says so
 *
 * The kernel's action for the two signals is the program's with our handler in its place: its mask, its
 * alternate stack, its SA_NODEFER and SA_RESTART are done by the kernel. Other signals whose handler runs
 * with one of the two blocked are entered by a jump too, which only notes that the mask must be asked for.
 *
 * Interposed, to be exported by the library: signals_interpose.h has the list.
 */
#ifndef JEM_TRACER_PRELOAD_SIGNALS_H
#define JEM_TRACER_PRELOAD_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

#define JEM_SIGNALS_TRUST_TICKS (1u << 20) /* 0.4 ms of a time-stamp counter, 1 ms of nanoseconds */

#define JEM_HIDDEN __attribute__((visibility("hidden")))
/* Runs in threads that libc and the sanitizers know nothing of, or in the handler. */
#define JEM_ALONE __attribute__((no_sanitize("address", "undefined", "thread")))
#define JEM_TLS   __thread __attribute__((tls_model("initial-exec")))

/* Until when this thread relies on the handler; 0: the kernel must be asked. */
extern JEM_HIDDEN JEM_TLS uint64_t jem_signals_until;

/* Puts our handler underneath, in this process. False: not possible here (ignored SIGSEGV, seccomp). */
bool jem_signals_start(void);

bool jem_signals_ask(uint64_t ticks);

/*
 * True while a bad load in this thread is redirected: SIGSEGV and SIGBUS are not blocked here and the
 * handler in place is ours. Asks the kernel once in a while, and after everything that may have
 * changed it; else it costs a comparison.
 */
static inline bool jem_signals_ready(uint64_t ticks)
{
	return __builtin_expect(ticks < jem_signals_until, 1) || jem_signals_ask(ticks);
}

/* False once the program has put itself under seccomp: no system call of ours may be made. */
bool jem_signals_may_call(void);

/* False once the time-stamp counter faults: under strict seccomp, or by prctl. No hook may read a clock. */
bool jem_signals_may_read_clock(void);

/* Grows in the child of a fork: what had threads must be started anew. A vfork child does not count. */
uint32_t jem_signals_forks(void);

/* --- for the interposers -------------------------------------------------------------------------- */

/* As the kernel has it. */
struct jem_signals_action {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

bool jem_signals_is_on(void);

/* rt_sigaction as the program means it; 0 or a negative errno. */
int jem_signals_change(int sig, const struct jem_signals_action *act,
		       struct jem_signals_action *old);

/* After a change of libc's that bypassed the above: ours goes underneath again where it must. */
void jem_signals_adopt(int sig);

/* The program's handler where the kernel's is ours. */
void (*jem_signals_shown(int sig, void (*handler)(int)))(int);

enum jem_signals_forbidden {
	JEM_FORBIDDEN_CALLS = 1,
	JEM_FORBIDDEN_CLOCK = 2,
};

/* From now on none of these; a set. */
void jem_signals_forbid(unsigned what);

/* `react` is called with what will be forbidden, just before it is. */
void jem_signals_on_forbidden(void (*react)(unsigned what));

/* The return path that libc gives to handlers. */
void (*jem_signals_restorer(void))(void);

static inline bool jem_signals_blocks(uint64_t mask)
{
	return mask & (1ull << (11 - 1) | 1ull << (7 - 1)); /* SIGSEGV, SIGBUS */
}

#endif
