/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expand: a command's text with the values that its plain variables have.
 *
 * Only what expands without a side effect is expanded: $name, ${name}, positional parameters, $#, $? and $@.
 * Substitutions, arithmetic and patterns stay as they are written, as does what stands in single quotes. Values of
 * variables whose names say they are secret are `***`.
 */
#ifndef JEM_TRACER_SCRIPT_BASH_EXPAND_H
#define JEM_TRACER_SCRIPT_BASH_EXPAND_H

#include <stdbool.h>
#include <stddef.h>

/* False: nothing was expanded. The text ends in NUL, cut to `size`. */
bool expand_text(const char *text, char *ret, size_t size);

/* How many processes the shell itself makes for a command: its substitutions, and it where it is no builtin. */
unsigned expand_forks(const char *text);

#endif
