/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traps: our DEBUG trap beside the user's own traps and options.
 *
 * bash has one DEBUG trap, and its option functrace (set -T) carries it into functions and subshells. Ours
 * needs both; trap, set and shopt are wrapped so that scripts see and set their own: they list and change the
 * user's trap and option, and the user's trap runs where it would have run without us.
 *
 * functrace also carries a RETURN trap into functions, which without it stays outside. While a script has
 * a RETURN trap and has not asked for functrace, functions called then are not looked into.
 */
#ifndef JEM_TRACER_SCRIPT_BASH_TRAPS_H
#define JEM_TRACER_SCRIPT_BASH_TRAPS_H

#include <stdbool.h>

/* Wraps the builtins; 0, or -1 when this bash does not have what is needed. */
int traps_init(const char *ours);

/* Whether our trap is what runs now. */
bool traps_is_ours(void);

/* The command of the script's trap (not DEBUG) that runs now, and its name; NULL: none does. */
const char *traps_running(bool is_thorough, const char **name);

/* Sets our trap in place of what the shell has now. While set -v holds it is not set: the shell would print it. */
void traps_take(void);

/* Before a command: whether functions it calls are looked into, then the user's own DEBUG trap; its status. */
int traps_before(const char *command, int depth);

#endif
