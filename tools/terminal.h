/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal: a whole screen of lines on the controlling terminal, given back as it was.
 *
 * Plain ECMA-48: alternate screen, cursor addressing, colours; no library, no terminfo. Text is cut
 * by columns (wcwidth), because a log line may hold any character.
 *
 * Ownership: between on and off the terminal is ours: no echo, no line editing. jem_terminal_off may
 *            be called at any time, and is what every way out has to do.
 */
#ifndef JEM_TOOLS_TERMINAL_H
#define JEM_TOOLS_TERMINAL_H

#include "common/buf.h"

#include <stdint.h>
#include <termios.h>

struct jem_terminal {
	int in; /* keys; -1: none */
	int out;
	struct termios saved;
	bool is_on;
	bool is_utf8;
	bool is_colored;
	unsigned columns;
	unsigned rows;
	/* The screen being written. */
	struct jem_buf text;
	unsigned row;
	unsigned column;
};

/* Takes the terminal on standard input and output: 0, -ENOTTY. */
int jem_terminal_on(struct jem_terminal *terminal);
void jem_terminal_off(struct jem_terminal *terminal);
void jem_terminal_deinit(struct jem_terminal *terminal);

/* Asks for the size again (SIGWINCH). */
void jem_terminal_measure(struct jem_terminal *terminal);

/* A key, or 0 when there is none; 'q' also for the end of input. */
char jem_terminal_key(struct jem_terminal *terminal);

/* A screen: begin, lines, show. What does not fit is left out. */
void jem_terminal_begin(struct jem_terminal *terminal);
void jem_terminal_show(struct jem_terminal *terminal);

unsigned jem_terminal_rows_left(const struct jem_terminal *terminal);
unsigned jem_terminal_columns_left(const struct jem_terminal *terminal);

/* Appends text to the line, escaped and cut at the edge; `style` is an SGR code, "" plain. */
void jem_terminal_put(struct jem_terminal *terminal, const char *style, const char *text);
void jem_terminal_putf(struct jem_terminal *terminal, const char *style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Moves on to a column, if the line is not there yet. */
void jem_terminal_to(struct jem_terminal *terminal, unsigned column);
void jem_terminal_end_line(struct jem_terminal *terminal);

/* A bar of `width` columns, filled to `part` (0 to 1). */
void jem_terminal_bar(struct jem_terminal *terminal, const char *style, double part,
		      unsigned width);
/* A curve of `count` values, one a column, from 0 to `top`; negative: none there. */
void jem_terminal_curve(struct jem_terminal *terminal, const char *style, const double *values,
			size_t count, double top);

/* The columns that well-formed or broken UTF-8 takes, cut at `max`; *len is cut with it. */
unsigned jem_text_columns(const char *text, size_t *len, unsigned max);

#endif
