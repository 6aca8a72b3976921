/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals_interpose: libc's functions on signals and masks, as the program calls them.
 *
 * Flow:      program -> here -> the next function of the name, found by dlsym at its first call; or,
 *            while our handler is underneath, jem_signals_change
 * Thread:    any; as safe in signal handlers as what is interposed
 * Invariant: results, errno, cancellation and what the program can see are libc's
 *
 * The list is what the library must export. sigpause is a macro of <signal.h>, which calls __sigpause.
 */
#ifndef JEM_TRACER_PRELOAD_SIGNALS_INTERPOSE_H
#define JEM_TRACER_PRELOAD_SIGNALS_INTERPOSE_H

/* JUMP(name, its place in the list): passed on by a jump, for they save or replace registers. */
#define JEM_INTERPOSED_JUMPS(JUMP)                                                                 \
	JUMP(setcontext, 5)                                                                        \
	JUMP(swapcontext, 6)

/* Those of them that leave frames for good: the shadow stack is told before. */
#define JEM_INTERPOSED_LEAVES(LEAVE)                                                               \
	LEAVE(longjmp, 1)                                                                          \
	LEAVE(_longjmp, 2)                                                                         \
	LEAVE(siglongjmp, 3)                                                                       \
	LEAVE(__longjmp_chk, 4)

/* Beside those: aliases __sigaction, bsd_signal, ssignal, sysv_signal. */
#define JEM_INTERPOSED_ALL(NAME)                                                                   \
	NAME(syscall)                                                                              \
	NAME(longjmp)                                                                              \
	NAME(_longjmp)                                                                             \
	NAME(siglongjmp)                                                                           \
	NAME(__longjmp_chk)                                                                        \
	NAME(setcontext)                                                                           \
	NAME(swapcontext)                                                                          \
	NAME(sigaction)                                                                            \
	NAME(signal)                                                                               \
	NAME(__sysv_signal)                                                                        \
	NAME(siginterrupt)                                                                         \
	NAME(sigset)                                                                               \
	NAME(sigignore)                                                                            \
	NAME(sigprocmask)                                                                          \
	NAME(pthread_sigmask)                                                                      \
	NAME(sigblock)                                                                             \
	NAME(sigsetmask)                                                                           \
	NAME(sighold)                                                                              \
	NAME(sigsuspend)                                                                           \
	NAME(__sigsuspend)                                                                         \
	NAME(__sigpause)                                                                           \
	NAME(ppoll)                                                                                \
	NAME(__ppoll_chk)                                                                          \
	NAME(pselect)                                                                              \
	NAME(epoll_pwait)                                                                          \
	NAME(epoll_pwait2)                                                                         \
	NAME(sigaltstack)                                                                          \
	NAME(prctl)

#endif
