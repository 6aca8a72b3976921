/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow: the loadable builtin __jem, which our DEBUG trap runs before every simple command.
 *
 * Flow:   DEBUG trap -> the command before has ended -> functions entered and left -> this one begins
 * Thread: the shell's only one
 * Memory: static; a command's texts are copied, cut to bounds
 *
 * A record is written when its command has ended, which is when the next one begins or the shell ends. What may
 * take long (all but the shell's own quick builtins) is announced by a line `start`, so that the daemon knows
 * where a script hangs. Stages of a pipeline are kept until it ends, when PIPESTATUS has their statuses.
 */
#include "tracer/script/bash/expand.h"
#include "tracer/script/bash/rates.h"
#include "tracer/script/bash/shell.h"
#include "tracer/script/bash/traps.h"
#include "tracer/script/bash/wire.h"
#include "tracer/script/bash/xtrace.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TEXT_MAX = 1024,
	FILE_MAX = 256,
	NAME_MAX = 96,
	STAGES_MAX = 8,
	FRAMES_MAX = 64
};

struct command {
	bool is_open;    /* it runs */
	bool is_parents; /* it is the parent's, which records it */
	bool is_stage;   /* another stage of its pipeline began after it, or before */
	bool has_expanded;
	uint64_t t, end;
	int line, depth;
	pid_t async, made; /* the last processes in the background and of all when it began */
	unsigned forks, forks_made; /* processes that are its own, and that were made since */
	struct rate_place *counted; /* over the limit: only counted */
	const char *trap;           /* name of the trap that it runs in; NULL: in none */
	char file[FILE_MAX], function[NAME_MAX], text[TEXT_MAX], expanded[TEXT_MAX];
};

struct frame {
	uint64_t t;
	int line;
	struct rate_place *counted;
	char file[FILE_MAX], function[NAME_MAX];
};

static struct {
	struct command now;
	struct command stages[STAGES_MAX];
	int stage_count;
	struct frame frames[FRAMES_MAX];
	int depth, context; /* functions and sourced files; functions alone */
	int base;           /* depth where this process began */
	bool is_ready, is_on;
} follow;

/* --- records ---------------------------------------------------------------------------------- */

static void put_place(const char *file, int line, const char *function, int depth)
{
	wire_number("depth", (uint64_t)depth);
	if (subshell_level > 0)
		wire_number("subshell", (uint64_t)subshell_level);
	if (*file)
		wire_text("file", file, FILE_MAX);
	wire_number("line", line > 0 ? (uint64_t)line : 0);
	if (*function)
		wire_text("function", function, NAME_MAX);
}

static void put_text(const struct command *command)
{
	wire_text("text", command->text, TEXT_MAX);
	if (command->has_expanded)
		wire_text("expanded", command->expanded, TEXT_MAX);
}

/* Heads of loops and choices end nowhere that shows a status. */
static bool has_status(const struct command *command)
{
	return strncmp(command->text, "for ", 4) && strncmp(command->text, "case ", 5) &&
	       strncmp(command->text, "select ", 7);
}

/* `status`: -1 when it is not known. */
static void write_command(const struct command *command, int status, bool is_background,
			  const char *note)
{
	uint64_t duration = command->end > command->t ? command->end - command->t : 0;

	if (command->counted) {
		rates_count(command->counted, duration);
		return;
	}
	wire_begin("command", command->end);
	put_place(command->file, command->line, command->function, command->depth);
	put_text(command);
	if (status >= 0 && has_status(command))
		wire_number("status", (uint64_t)(status & 255));
	wire_number("duration_ns", duration);
	if (is_background)
		wire_flag("background");
	if (command->is_stage)
		wire_flag("pipeline");
	if (command->trap)
		wire_text("note", command->trap, NAME_MAX);
	else if (note)
		wire_text("note", note, NAME_MAX);
	wire_end();
}

/* --- the end of a command --------------------------------------------------------------------- */

static int pipe_status(int stage)
{
	const char *text = shell_element("PIPESTATUS", stage);

	return text ? atoi(text) : -1;
}

/*
 * Whether more stages of the pipeline come. The shell has put that aside while a trap runs; it takes system calls
 * to see it, so only who has made a process is asked.
 */
static bool is_in_pipeline(void)
{
	bool is_building;

	if (!traps_is_ours())
		return false;
	restore_pipeline(0);
	is_building = already_making_children;
	save_pipeline(1);
	already_making_children = 0;
	return is_building;
}

/* Only where every stage of the pipeline was seen is it known which status is whose. */
static void end_stages(bool is_background)
{
	int count = follow.stage_count;
	bool is_known = !is_background && pipe_status(count - 1) >= 0 && pipe_status(count) < 0;

	for (int i = 0; i < count; i++)
		write_command(&follow.stages[i], is_known ? pipe_status(i) : -1, is_background,
			      NULL);
	follow.stage_count = 0;
}

static void end_command(uint64_t now)
{
	struct command *command = &follow.now;
	bool is_background = command->async != last_asynchronous_pid;
	bool goes_on = !is_background && command->made != last_made_pid && is_in_pipeline();

	if (!command->is_open)
		return;
	command->is_open = false;
	command->end = now;
	if (command->is_parents)
		return;
	if (goes_on || command->is_stage) {
		command->is_stage = true;
		if (follow.stage_count == STAGES_MAX)
			end_stages(true);
		follow.stages[follow.stage_count++] = *command;
		if (!goes_on)
			end_stages(is_background);
		return;
	}
	/* A builtin or group at the pipeline's end has its status. */
	if (pipe_status(1) >= 0 && !is_background) {
		command->is_stage = true;
		write_command(command, -1, false, NULL);
		return;
	}
	write_command(command, is_background ? -1 : last_command_exit_value, is_background, NULL);
}

/* --- functions and sourced files -------------------------------------------------------------- */

static void copy(char *ret, size_t size, const char *text)
{
	size_t len = text ? strnlen(text, size - 1) : 0;

	memcpy(ret, text ? text : "", len);
	ret[len] = '\0';
}

static void enter(int depth, uint64_t now, const char *function)
{
	const struct command *by = &follow.now;
	struct frame *frame = depth <= FRAMES_MAX ? &follow.frames[depth - 1] : NULL;
	struct rate_place *counted;

	counted = rates_take(by->file, by->line, function, true, now);
	if (frame) {
		frame->t = now;
		frame->line = by->line;
		frame->counted = counted;
		copy(frame->file, sizeof(frame->file), by->file);
		copy(frame->function, sizeof(frame->function), function);
	}
	if (counted)
		return;
	wire_begin("call", now);
	put_place(by->file, by->line, function, depth - 1);
	put_text(by);
	wire_end();
}

static void leave(int depth, uint64_t now)
{
	const struct frame *frame = depth <= FRAMES_MAX ? &follow.frames[depth - 1] : NULL;

	if (!frame)
		return;
	if (frame->counted) {
		rates_count(frame->counted, now - frame->t);
		return;
	}
	wire_begin("return", now);
	put_place(frame->file, frame->line, frame->function, depth - 1);
	wire_number("status", (uint64_t)(last_command_exit_value & 255));
	wire_number("duration_ns", now - frame->t);
	wire_end();
}

/* --- the begin of a command ------------------------------------------------------------------- */

/* Builtins that end at once, whatever they are given. */
static bool is_quick(const char *text)
{
	static const char *const slow[] = { "read",    "wait",      "exec",   "exit",
					    "mapfile", "readarray", "kill",   "select",
					    "fg",      "suspend",   "return", "logout" };
	size_t len = strcspn(text, " \t\n");
	char word[32];

	if (strpbrk(text, "`<>") || strstr(text, "$("))
		return false;
	if (!len || len >= sizeof(word))
		return false;
	memcpy(word, text, len);
	word[len] = '\0';
	for (size_t i = 0; i < sizeof(slow) / sizeof(*slow); i++)
		if (!strcmp(word, slow[i]))
			return false;
	if (!strcmp(word, "[[") || !strncmp(word, "((", 2) || !strcmp(word, "for") ||
	    !strcmp(word, "case") || strchr(word, '='))
		return true;
	return find_shell_builtin(word) || find_function(word);
}

/* exec with a command: nobody comes back to tell how it ended. */
static bool replaces_shell(const char *text)
{
	const char *word = text + 5;

	if (strncmp(text, "exec ", 5))
		return false;
	word += strspn(word, " 0123456789");
	return *word && *word != '<' && *word != '>' && *word != '{' && *word != '&';
}

static void announce(const struct command *command)
{
	if (!command->counted) {
		wire_begin("start", command->t);
		put_place(command->file, command->line, command->function, command->depth);
		put_text(command);
		wire_end();
	}
	wire_flush();
}

static void begin_command(uint64_t now, int depth)
{
	struct command *command = &follow.now;
	const char *file = shell_element("BASH_SOURCE", 0);
	const char *function = depth ? shell_element("FUNCNAME", 0) : NULL;
	const char *trap, *name;
	const char *text = the_printed_command_except_trap ? the_printed_command_except_trap : "";

	if (!file || !*file)
		file = dollar_vars[0] ? dollar_vars[0] : "";
	command->is_open = true;
	command->is_parents = false;
	command->is_stage = follow.stage_count > 0;
	command->t = now;
	command->line = executing_line_number();
	command->depth = depth;
	command->async = last_asynchronous_pid;
	command->made = last_made_pid;
	command->forks_made = 0;
	command->counted = rates_take(file, command->line, "", false, now);
	copy(command->file, sizeof(command->file), file);
	/* In a trap BASH_COMMAND stays what ran before it. */
	command->trap = NULL;
	trap = traps_running(!strncmp(command->text, text, TEXT_MAX - 1), &name);
	if (trap) {
		text = trap;
		command->trap = name;
	}
	copy(command->text, sizeof(command->text), text);
	if (!command->counted) {
		copy(command->function, sizeof(command->function), function);
		command->has_expanded =
			expand_text(command->text, command->expanded, sizeof(command->expanded));
	}
	command->forks = expand_forks(command->text);
	if (replaces_shell(command->text)) {
		command->end = now;
		command->is_open = false;
		write_command(command, -1, false, "the command takes the shell's place");
		wire_flush();
	} else if (!is_quick(command->text)) {
		announce(command);
	}
}

static int before_command(void)
{
	uint64_t now = wire_now_ns();
	int depth = variable_context + sourcelevel;
	bool is_entry = variable_context > follow.context;

	if (depth > follow.depth) {
		/* What runs is the call itself, not a command of its own. */
		const char *name = shell_element("FUNCNAME", 0);

		follow.now.is_open = false;
		for (int at = follow.depth + 1; at <= depth; at++)
			enter(at, now, name ? name : "source");
	} else {
		end_command(now);
	}
	for (int at = follow.depth; at > depth && at > follow.base; at--)
		leave(at, now);
	if (depth < follow.base)
		follow.base = depth;
	follow.depth = depth;
	follow.context = variable_context;
	if (!is_entry)
		begin_command(now, depth);
	rates_tell(now, false);
	wire_flush_old(now);
	return traps_before(follow.now.text, depth);
}

/* --- life ------------------------------------------------------------------------------------- */

/*
 * A group in parentheses has no DEBUG trap of its own: the process made for it tells that the command before has
 * ended, unless it is another stage of the same pipeline.
 */
static void on_fork(void)
{
	struct command *command = &follow.now;

	if (command->is_open && !command->is_parents && !the_pipeline &&
	    command->forks_made++ == command->forks)
		end_command(wire_now_ns());
}

static void on_forked(void)
{
	follow.now.is_parents = true;
	follow.stage_count = 0;
	follow.base = follow.depth;
	wire_forked();
	rates_forked();
}

static void on_exit_of_shell(void)
{
	uint64_t now = wire_now_ns();
	int status = errno;

	if (!follow.is_on)
		return;
	end_command(now);
	end_stages(false);
	for (int at = follow.depth; at > follow.base; at--)
		leave(at, now);
	rates_tell(now, true);
	wire_flush();
	errno = status;
}

/* The user's own BASH_ENV, as the shell would have read it. */
static void run_users_file(void)
{
	const char *name = getenv("JEM_SCRIPTS_BASH_ENV");
	char *path;

	if (!name || !*name)
		return;
	path = expand_string_unsplit_to_string((char *)name, 1);
	if (path && *path)
		maybe_execute_file(path, 1);
	free(path);
}

static bool is_known_version(void)
{
	return dist_version && (dist_version[0] == '5' || !strncmp(dist_version, "4.4", 3));
}

/* Why this shell is not followed; NULL: nothing hinders. */
static const char *look(void)
{
	if (!is_known_version())
		return "this version of bash cannot be followed; 4.4 to 5.x can";
	if (traps_init("__jem \"${_-}\"") < 0)
		return "this bash lacks builtins that are needed to follow it";
	return NULL;
}

static void tell_hindrance(const char *text)
{
	wire_begin("note", wire_now_ns());
	wire_text("what", "bash", NAME_MAX);
	wire_text("text", text, NAME_MAX);
	wire_end();
	wire_flush();
}

/* Within env.sh, whose commands are nobody's business. */
static void start(void)
{
	const char *address = getenv("JEM_SCRIPTS_SOCKET");
	static char kept[256];
	const char *why;

	if (echo_command_at_execute)
		xtrace_take();
	xtrace_is(XTRACE_OURS);
	if (!address || !*address || strlen(address) >= sizeof(kept))
		return;
	copy(kept, sizeof(kept), address);
	if (wire_open(kept) < 0)
		return;
	why = look();
	if (why)
		tell_hindrance(why);
	follow.is_ready = !why;
}

/* The end of env.sh: the script begins. */
static void begin(void)
{
	const char *limit = getenv("JEM_SCRIPTS_LIMIT");

	unbind_variable("JEM_SCRIPTS_LAST");
	xtrace_is(XTRACE_SCRIPTS);
	run_users_file();
	xtrace_is(XTRACE_BY_TRAP);
	if (!follow.is_ready)
		return;
	rates_init(limit ? strtoull(limit, NULL, 10) : 200);
	pthread_atfork(on_fork, NULL, on_forked);
	atexit(on_exit_of_shell);
	follow.is_on = true;
	follow.now.is_parents = true;
	traps_take();
}

static int run(WORD_LIST *list)
{
	const char *word = list && list->word && list->word->word ? list->word->word : "";
	int before = errno;
	int status = 0;

	if (follow.is_on)
		status = traps_is_ours() ? before_command() : 0;
	else if (!strcmp(word, "start"))
		start();
	else if (!strcmp(word, "begin"))
		begin();
	errno = before;
	return status;
}

static char *const help[] = { (char *)"Tells the Job Execution Monitor what this shell does.",
			      NULL };

/* The name that enable -f looks for. */
extern struct builtin __jem_struct;
__attribute__((visibility("default"))) struct builtin __jem_struct = { (char *)"__jem", run,
								       BUILTIN_ENABLED, help,
								       "__jem [word]",  NULL };
