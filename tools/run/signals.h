/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals: what the launcher takes over from its caller, and hands on to the job unchanged.
 *
 * The launcher blocks every signal and reads them from a signalfd. The job gets the mask, the
 * disposition of SIGCHLD (ignored would take its exit status from us) and the interval timers
 * that it would have had: execve keeps all three, fork does not keep timers.
 */
#ifndef JEM_TOOLS_RUN_SIGNALS_H
#define JEM_TOOLS_RUN_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <sys/time.h>

struct jem_inherited {
	sigset_t mask;
	struct sigaction on_child;
	struct itimerval timers[3]; /* ITIMER_REAL, _VIRTUAL, _PROF */
};

/* Takes it over: from here on no signal but SIGKILL and SIGSTOP has an effect on us. */
void jem_inherited_take(struct jem_inherited *inherited);

/* Gives it back, just before the job's exec: what is pending strikes here. */
void jem_inherited_give(const struct jem_inherited *inherited);

/* A descriptor that reads every signal, moved up; or a negative errno. */
int jem_signals_open(void);

/* Whether a person or a batch system asks the job to end. */
bool jem_signal_asks_to_end(int sig);

/* Whether it comes from the terminal, and so went to the whole foreground process group. */
bool jem_signal_is_terminals(const struct signalfd_siginfo *info);

/* Does to this process what `sig` does by default, whatever is blocked; returns if it survives. */
void jem_signal_suffer(int sig);

#endif
