/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/script/bash/xtrace.h"

#include "tracer/script/bash/shell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
	FILE *ours;
	FILE *inner; /* the script's own (BASH_XTRACEFD), ours to close; NULL: standard error */
	enum xtrace_of whose;
	int debug;
} xtrace = { .debug = -1 };

static bool is_hidden(void)
{
	if (xtrace.whose != XTRACE_BY_TRAP)
		return xtrace.whose == XTRACE_OURS;
	return signal_in_progress(xtrace.debug);
}

static ssize_t on_write(void *cookie, const char *text, size_t len)
{
	size_t done = 0;

	(void)cookie;
	if (is_hidden())
		return (ssize_t)len;
	if (xtrace.inner) {
		done = fwrite(text, 1, len, xtrace.inner);
		(void)fflush(xtrace.inner);
		return (ssize_t)done;
	}
	while (done < len) {
		ssize_t n = write(STDERR_FILENO, text + done, len - done);

		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)len; /* as with a stream that nobody looks at for errors */
}

static int on_close(void *cookie)
{
	(void)cookie;
	if (xtrace.inner)
		fclose(xtrace.inner);
	xtrace.inner = NULL;
	xtrace.ours = NULL;
	return 0;
}

void xtrace_take(void)
{
	const cookie_io_functions_t functions = { .write = on_write, .close = on_close };
	FILE *before = xtrace_fp;

	if (xtrace.ours && xtrace_fp == xtrace.ours)
		return;
	if (xtrace.debug < 0)
		xtrace.debug = decode_signal((char *)"DEBUG", DSIG_NOCASE);
	if (!xtrace.ours)
		xtrace.ours = fopencookie(NULL, "w", functions);
	if (!xtrace.ours)
		return;
	/* The shell does not flush all of its lines. */
	(void)setvbuf(xtrace.ours, NULL, _IOLBF, BUFSIZ);
	xtrace.inner = before && before != stderr ? before : NULL;
	xtrace_fp = xtrace.ours;
}

void xtrace_is(enum xtrace_of whose)
{
	if (xtrace.ours)
		(void)fflush(xtrace.ours);
	xtrace.whose = whose;
}
