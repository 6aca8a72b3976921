/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/terminal.h"

#include "common/utf8.h"
#include "receiver/record_text.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum {
	COLUMNS_MIN = 20,
	COLUMNS_MAX = 1000,
	ROWS_MIN = 5,
	ROWS_MAX = 500
};

void jem_terminal_measure(struct jem_terminal *terminal)
{
	struct winsize size = { 0 };

	if (ioctl(terminal->out, TIOCGWINSZ, &size) < 0 || !size.ws_col || !size.ws_row)
		size = (struct winsize){ .ws_col = 80, .ws_row = 24 };
	terminal->columns = size.ws_col < COLUMNS_MIN   ? COLUMNS_MIN
			    : size.ws_col > COLUMNS_MAX ? COLUMNS_MAX
							: size.ws_col;
	terminal->rows = size.ws_row < ROWS_MIN   ? ROWS_MIN
			 : size.ws_row > ROWS_MAX ? ROWS_MAX
						  : size.ws_row;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int jem_terminal_on(struct jem_terminal *terminal)
{
	static const char enter[] = "\033[?1049h\033[?25l\033[?7l\033[H\033[2J";
	const char *off = getenv("NO_COLOR");
	struct termios raw;

	terminal->out = STDOUT_FILENO;
	if (!isatty(terminal->out))
		return -ENOTTY;
	/* A description of our own: a loop makes it non-blocking, and the shell's must not be. */
	if (terminal->in <= 0)
		terminal->in = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	setlocale(LC_CTYPE, "");
	terminal->is_utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	terminal->is_colored = !(off && *off);
	if (terminal->in > 0 && tcgetattr(terminal->in, &terminal->saved) == 0) {
		raw = terminal->saved;
		/* Signals stay: ^C and ^Z mean what they mean. */
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		raw.c_cc[VMIN] = 0;
		raw.c_cc[VTIME] = 0;
		tcsetattr(terminal->in, TCSADRAIN, &raw);
	}
	jem_terminal_measure(terminal);
	terminal->is_on = true;
	return write_all(terminal->out, enter, sizeof(enter) - 1);
}

void jem_terminal_off(struct jem_terminal *terminal)
{
	static const char leave[] = "\033[0m\033[?7h\033[?25h\033[?1049l";

	if (!terminal->is_on)
		return;
	terminal->is_on = false;
	write_all(terminal->out, leave, sizeof(leave) - 1);
	if (terminal->in > 0)
		tcsetattr(terminal->in, TCSADRAIN, &terminal->saved);
}

void jem_terminal_deinit(struct jem_terminal *terminal)
{
	jem_terminal_off(terminal);
	if (terminal->in > 0)
		close(terminal->in);
	jem_buf_deinit(&terminal->text);
}

char jem_terminal_key(struct jem_terminal *terminal)
{
	char keys[32];
	ssize_t n = terminal->in <= 0 ? 0 : read(terminal->in, keys, sizeof(keys));

	/* An escape sequence (arrows and the like) comes whole, and is none of our keys. */
	if (n <= 0 || (n > 1 && keys[0] == '\033'))
		return 0;
	return keys[0] == '\033' || keys[0] == 4 ? 'q' : keys[0];
}

/* A screen */

void jem_terminal_begin(struct jem_terminal *terminal)
{
	jem_buf_clear(&terminal->text);
	jem_buf_add_str(&terminal->text, "\033[H");
	terminal->row = 0;
	terminal->column = 0;
}

void jem_terminal_show(struct jem_terminal *terminal)
{
	jem_buf_add_str(&terminal->text, "\033[J");
	if (!terminal->text.failed)
		write_all(terminal->out, terminal->text.data, terminal->text.len);
}

unsigned jem_terminal_rows_left(const struct jem_terminal *terminal)
{
	return terminal->rows - terminal->row;
}

unsigned jem_terminal_columns_left(const struct jem_terminal *terminal)
{
	return terminal->columns - terminal->column;
}

unsigned jem_text_columns(const char *text, size_t *len, unsigned max)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned columns = 0;
	size_t i = 0;

	while (i < *len) {
		unsigned n = jem_utf8_char(s + i, *len - i);
		wchar_t c = 0;
		int width = 1;

		if (n > 1) {
			c = (wchar_t)(s[i] & (0x7f >> n));
			for (unsigned k = 1; k < n; k++)
				c = c << 6 | (s[i + k] & 0x3f);
			width = wcwidth(c);
		}
		if (width < 0)
			width = 1;
		if (columns + (unsigned)width > max)
			break;
		columns += (unsigned)width;
		i += n ? n : 1;
	}
	*len = i;
	return columns;
}

static void put_style(struct jem_terminal *terminal, const char *style)
{
	if (*style && terminal->is_colored)
		jem_buf_printf(&terminal->text, "\033[%sm", style);
}

/* Text that is printable as it is. */
static void put_plain(struct jem_terminal *terminal, const char *style, const char *text,
		      size_t len)
{
	terminal->column += jem_text_columns(text, &len, jem_terminal_columns_left(terminal));
	put_style(terminal, style);
	for (size_t i = 0; i < len;) {
		unsigned n = jem_utf8_char((const unsigned char *)text + i, len - i);

		if (n == 1 || (n && terminal->is_utf8))
			jem_buf_add(&terminal->text, text + i, n);
		else
			jem_buf_add_char(&terminal->text, '?');
		i += n ? n : 1;
	}
	if (*style)
		put_style(terminal, "0");
}

void jem_terminal_put(struct jem_terminal *terminal, const char *style, const char *text)
{
	struct jem_buf safe;

	if (terminal->row >= terminal->rows)
		return;
	jem_buf_init(&safe, 0);
	jem_text_escape(&safe, text, strlen(text));
	put_plain(terminal, style, jem_buf_cstr(&safe), safe.len);
	jem_buf_deinit(&safe);
}

void jem_terminal_putf(struct jem_terminal *terminal, const char *style, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	jem_terminal_put(terminal, style, text);
}

void jem_terminal_to(struct jem_terminal *terminal, unsigned column)
{
	while (terminal->row < terminal->rows && terminal->column < column &&
	       terminal->column < terminal->columns) {
		jem_buf_add_char(&terminal->text, ' ');
		terminal->column++;
	}
}

/* No newline behind the last line: it would scroll. */
void jem_terminal_end_line(struct jem_terminal *terminal)
{
	if (terminal->row >= terminal->rows)
		return;
	jem_buf_add_str(&terminal->text, "\033[K");
	if (++terminal->row < terminal->rows)
		jem_buf_add_str(&terminal->text, "\r\n");
	terminal->column = 0;
}

void jem_terminal_bar(struct jem_terminal *terminal, const char *style, double part, unsigned width)
{
	static const char *const eighths[] = { " ", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	unsigned left = jem_terminal_columns_left(terminal);
	double filled;
	char bar[4 * COLUMNS_MAX];
	size_t len = 0;

	if (width > left)
		width = left;
	filled = (part < 0 ? 0 : part > 1 ? 1 : part) * width;
	for (unsigned i = 0; i < width; i++) {
		double here = filled - i;
		const char *c = here >= 1 ? (terminal->is_utf8 ? "█" : "#") : " ";

		if (here > 0 && here < 1)
			c = terminal->is_utf8 ? eighths[(int)(here * 8)] : here >= 0.5 ? "#" : " ";
		len += (size_t)snprintf(bar + len, sizeof(bar) - len, "%s", c);
	}
	put_plain(terminal, style, bar, len);
}

void jem_terminal_curve(struct jem_terminal *terminal, const char *style, const double *values,
			size_t count, double top)
{
	static const char *const heights[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const plain[] = { "_", "_", ".", "-", "-", "=", "=", "#" };
	char curve[4 * COLUMNS_MAX];
	size_t len = 0;

	for (size_t i = 0; i < count && i < COLUMNS_MAX; i++) {
		int height = top > 0 ? (int)(values[i] / top * 8) : 0;
		const char *c;

		height = height < 0 ? 0 : height > 7 ? 7 : height;
		c = terminal->is_utf8 ? heights[height] : plain[height];
		len += (size_t)snprintf(curve + len, sizeof(curve) - len, "%s",
					values[i] < 0 ? " " : c);
	}
	put_plain(terminal, style, curve, len);
}
