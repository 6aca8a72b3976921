/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run: the launcher, `jem run [OPTION...] -- COMMAND [ARG...]`.
 *
 * Flow:    options -> folder -> job (forked, held) -> monitors -> release -> wait -> drain -> end
 * Process: parent and sub-reaper of the job; one thread, one poll loop (run/loop.c)
 * Promise: the job's exit status, signals, streams and descriptors are its own. Whatever a monitor
 *          does or does not do costs at most run.start_wait at the start and run.drain at the end,
 *          and never changes the status.
 *
 * It is libc only, and stays small: its resident memory is the floor of the job's ru_maxrss.
 */
#ifndef JEM_TOOLS_RUN_RUN_H
#define JEM_TOOLS_RUN_RUN_H

/* The exit status when nothing was started, as env(1) has it. */
#define JEM_EXIT_NOT_RUN      125
#define JEM_EXIT_NOT_RUNNABLE 126
#define JEM_EXIT_NOT_FOUND    127

/* argv[0] is "run". Returns an exit status, or ends by the job's own signal. */
int jem_run_main(int argc, char **argv);

#endif
