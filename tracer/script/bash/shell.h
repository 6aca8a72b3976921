/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell: what of bash itself this library uses, as bash 4.4 to 5.x have it.
 *
 * bash exports these names to its loadable builtins. They are declared here and not taken from its headers, so
 * that the library is built without them and one build serves all these versions; follow.c looks at the version
 * before anything else. Layouts are of bash's command.h, builtins.h and variables.h.
 */
#ifndef JEM_TRACER_SCRIPT_BASH_SHELL_H
#define JEM_TRACER_SCRIPT_BASH_SHELL_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

typedef struct word_desc {
	char *word;
	int flags;
} WORD_DESC;

typedef struct word_list {
	struct word_list *next;
	WORD_DESC *word;
} WORD_LIST;

typedef int sh_builtin_func_t(WORD_LIST *list);

struct builtin {
	char *name;
	sh_builtin_func_t *function;
	int flags;
	char *const *long_doc;
	const char *short_doc;
	char *handle;
};

enum {
	BUILTIN_ENABLED = 1
};

typedef struct variable {
	char *name;
	char *value;
	char *exportstr;
	struct variable *(*dynamic_value)(struct variable *self);
	struct variable *(*assign_func)(struct variable *self, char *value, intmax_t at, char *key);
	int attributes;
	int context;
} SHELL_VAR;

enum {
	ATT_ARRAY = 0x4,
	ATT_ASSOC = 0x40,
	ATT_NAMEREF = 0x800,
	ATT_INVISIBLE = 0x1000
};

/* parse_and_execute */
enum {
	SEVAL_NONINT = 0x001,
	SEVAL_NOHIST = 0x004
};

/* decode_signal */
enum {
	DSIG_NOCASE = 0x02
};

/* The library hides its own names; these are the shell's. */
#pragma GCC visibility push(default)
extern char *dist_version;
extern char *the_printed_command_except_trap;
extern char *dollar_vars[];
extern char *trap_list[];
extern WORD_LIST *rest_of_args;
extern FILE *xtrace_fp;
extern int already_making_children, debugging_mode, echo_command_at_execute, echo_input_at_read,
	indirection_level, function_trace_mode, last_command_exit_value, sourcelevel,
	subshell_level, variable_context;
extern pid_t last_asynchronous_pid, last_made_pid;

extern char *array_reference(void *array, intmax_t at);
extern struct builtin *builtin_address_internal(char *name, int disabled_too);
extern SHELL_VAR *bind_variable(const char *name, char *value, int flags);
extern int decode_signal(char *name, int flags);
extern int executing_line_number(void);
extern char *expand_string_unsplit_to_string(char *text, int quoted);
extern void *find_function(const char *name);
extern sh_builtin_func_t *find_shell_builtin(char *name);
extern void *shell_variables, *the_pipeline;
extern SHELL_VAR *var_lookup(const char *name, void *where);
extern int unbind_variable(const char *name);
extern SHELL_VAR *find_variable(const char *name);
extern int maybe_execute_file(const char *name, int is_forced);
extern int number_of_args(void);
extern int parse_and_execute(char *text, const char *from, int flags);
extern void restore_default_signal(int sig);
extern void set_debug_trap(char *command);
extern void restore_pipeline(int is_discarded);
extern void save_pipeline(int is_cleared);
extern int signal_in_progress(int sig);
extern int signal_is_trapped(int sig);

#pragma GCC visibility pop

/* The value of an element of one of bash's own arrays (FUNCNAME, ...); NULL: none. */
static inline const char *shell_element(const char *name, int at)
{
	SHELL_VAR *var = find_variable(name);

	if (!var || !(var->attributes & ATT_ARRAY) || !var->value)
		return 0;
	return array_reference(var->value, at);
}

#endif
