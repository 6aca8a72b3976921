/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum jem_log_level jem_log_threshold = JEM_LOG_INFO;

static const char *program_name = "jem";
static bool under_systemd;

static const struct {
	const char *name;
	const char *priority; /* sd-daemon(3) */
} levels[] = {
	[JEM_LOG_ERROR] = { "error", "<3>" },
	[JEM_LOG_WARNING] = { "warning", "<4>" },
	[JEM_LOG_INFO] = { "info", "<6>" },
	[JEM_LOG_DEBUG] = { "debug", "<7>" },
};

void jem_log_init(const char *program, enum jem_log_level level)
{
	const char *wanted = getenv("JEM_LOG");

	program_name = program;
	jem_log_threshold = level;
	under_systemd = getenv("JOURNAL_STREAM") != NULL;
	for (unsigned i = 0; wanted && i < sizeof(levels) / sizeof(*levels); i++)
		if (!strcmp(wanted, levels[i].name))
			jem_log_threshold = (enum jem_log_level)i;
}

/* The text is cut rather than split: one event is one line, whatever bytes it quotes. */
void jem_log_write(enum jem_log_level level, const char *format, ...)
{
	char line[1024];
	struct timespec now;
	struct tm utc;
	size_t len;
	int n;
	va_list args;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	if (under_systemd)
		n = snprintf(line, sizeof(line), "%s", levels[level].priority);
	else
		n = snprintf(line, sizeof(line), "%02d:%02d:%02d.%03ld %s: %s: ", utc.tm_hour,
			     utc.tm_min, utc.tm_sec, now.tv_nsec / 1000000, program_name,
			     levels[level].name);
	len = (size_t)n;
	va_start(args, format);
	n = vsnprintf(line + len, sizeof(line) - len - 1, format, args);
	va_end(args);
	if (n > 0)
		len += (size_t)n < sizeof(line) - len - 1 ? (size_t)n : sizeof(line) - len - 2;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = ' ';
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nobody is left to tell */
}
