/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/script/bash/traps.h"

#include "tracer/script/bash/shell.h"
#include "tracer/script/bash/xtrace.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	OTHERS = 3
}; /* traps of the shell beside DEBUG */

static struct {
	char *ours; /* the trap's command */
	char *user; /* owned: the user's own; NULL: none */
	int user_depth;
	pid_t user_pid; /* the shell that set it */
	bool user_functrace, is_on;
	bool is_silent;                      /* set -v: the shell has its own trap */
	int others[OTHERS], debug, returned; /* numbers of the traps */
	sh_builtin_func_t *trap, *set, *shopt;
} traps;

/* --- what the script sees --------------------------------------------------------------------- */

static void give_back(void)
{
	if (traps.user)
		set_debug_trap(traps.user);
	else
		restore_default_signal(traps.debug);
}

static int depth_now(void)
{
	return variable_context + sourcelevel;
}

void traps_take(void)
{
	char *now = signal_is_trapped(traps.debug) ? trap_list[traps.debug] : NULL;
	bool is_same;

	/* An ignored trap is no text (SIG_IGN). */
	if (now == (char *)1)
		now = (char *)"";
	is_same = now && (!strcmp(now, traps.ours) || (traps.user && !strcmp(now, traps.user)));
	if (!is_same) {
		free(traps.user);
		traps.user = now ? strdup(now) : NULL;
		traps.user_depth = depth_now();
		traps.user_pid = getpid();
	}
	if (!traps.is_on)
		traps.user_functrace = function_trace_mode;
	traps.is_on = true;
	traps.is_silent = echo_input_at_read;
	if (traps.is_silent) {
		give_back();
		function_trace_mode = traps.user_functrace;
		return;
	}
	set_debug_trap(traps.ours);
	function_trace_mode = 1;
}

bool traps_is_ours(void)
{
	return traps.is_on && !traps.is_silent && signal_in_progress(traps.debug);
}

const char *traps_running(bool is_thorough, const char **name)
{
	static const char *const names[OTHERS] = { "EXIT trap", "ERR trap", "RETURN trap" };

	for (size_t i = 0; i < OTHERS; i++) {
		int sig = traps.others[i];

		*name = names[i];
		if (sig >= 0 && signal_in_progress(sig) && (uintptr_t)trap_list[sig] > 1)
			return trap_list[sig];
	}
	if (!is_thorough)
		return NULL;
	*name = "trap of a signal";
	for (int sig = 1; sig < traps.debug; sig++)
		if (signal_in_progress(sig) && (uintptr_t)trap_list[sig] > 1)
			return trap_list[sig];
	return NULL;
}

static int wrapped_trap(WORD_LIST *list)
{
	int status;

	if (!traps.is_on)
		return traps.trap(list);
	if (!traps.is_silent)
		give_back();
	status = traps.trap(list);
	traps_take();
	return status;
}

static int with_own_functrace(sh_builtin_func_t *function, WORD_LIST *list)
{
	int ours = function_trace_mode;
	int status;

	if (!traps.is_on)
		return function(list);
	function_trace_mode = traps.user_functrace;
	status = function(list);
	traps.user_functrace = function_trace_mode;
	function_trace_mode = ours;
	if (echo_command_at_execute)
		xtrace_take();
	if (!traps.is_silent == !!echo_input_at_read)
		traps_take();
	else if (traps.is_silent)
		function_trace_mode = traps.user_functrace;
	return status;
}

static int wrapped_set(WORD_LIST *list)
{
	return with_own_functrace(traps.set, list);
}

static int wrapped_shopt(WORD_LIST *list)
{
	return with_own_functrace(traps.shopt, list);
}

static int wrap(const char *name, sh_builtin_func_t *by, sh_builtin_func_t **before)
{
	struct builtin *builtin = builtin_address_internal((char *)name, 1);

	if (!builtin || !builtin->function)
		return -1;
	*before = builtin->function;
	builtin->function = by;
	return 0;
}

int traps_init(const char *ours)
{
	traps.ours = (char *)ours;
	traps.debug = decode_signal((char *)"DEBUG", DSIG_NOCASE);
	traps.returned = decode_signal((char *)"RETURN", DSIG_NOCASE);
	traps.others[0] = decode_signal((char *)"EXIT", DSIG_NOCASE);
	traps.others[1] = decode_signal((char *)"ERR", DSIG_NOCASE);
	traps.others[2] = traps.returned;
	if (traps.debug <= 0 || traps.returned <= 0)
		return -1;
	return wrap("trap", wrapped_trap, &traps.trap) + wrap("set", wrapped_set, &traps.set) +
	       wrap("shopt", wrapped_shopt, &traps.shopt);
}

/* --- before a command ------------------------------------------------------------------------- */

/* The option would be seen in these. */
static bool shows_options(const char *command)
{
	return strstr(command, "$-") || strstr(command, "${-") || strstr(command, "SHELLOPTS");
}

/* Without functrace a DEBUG trap is not carried into functions, sourced files and subshells. */
static bool is_due(int depth)
{
	return traps.user && *traps.user &&
	       (traps.user_functrace || (depth <= traps.user_depth && getpid() == traps.user_pid));
}

/* The next trace goes where we have not been yet: nobody would keep our trap out of it. */
static bool moves_traces(const char *command)
{
	return echo_command_at_execute && strstr(command, "BASH_XTRACEFD");
}

int traps_before(const char *command, int depth)
{
	int status;

	function_trace_mode = traps.user_functrace ||
			      !(signal_is_trapped(traps.returned) || shows_options(command));
	if (moves_traces(command)) {
		traps.is_silent = true;
		give_back();
	}
	if (!is_due(depth))
		return 0;
	xtrace_is(XTRACE_SCRIPTS);
	indirection_level--; /* one less than without us: the shell counts ours too */
	status = parse_and_execute(strdup(traps.user), "debug trap", SEVAL_NONINT | SEVAL_NOHIST);
	indirection_level++;
	xtrace_is(XTRACE_BY_TRAP);
	return debugging_mode ? status : 0;
}
