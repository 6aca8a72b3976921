/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/voice.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 1024 /* below PIPE_BUF: whole or not at all */
};

/* C0 controls, DEL and the C1 controls in their UTF-8 form could drive a terminal. */
static void make_harmless(char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];

		if (c < 0x20 || c == 0x7f)
			line[i] = ' ';
		else if (c == 0xc2 && i + 1 < len && (unsigned char)line[i + 1] < 0xa0)
			line[i] = line[i + 1] = ' ';
	}
}

__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list args)
{
	struct pollfd wait = { .fd = STDERR_FILENO, .events = POLLOUT };
	char line[LINE_MAX_BYTES] = "jem: ";
	size_t len = strlen(line);
	int n = vsnprintf(line + len, sizeof(line) - len - 1, format, args);

	if (n < 0)
		return;
	len = strlen(line);
	make_harmless(line, len);
	line[len++] = '\n';
	if (poll(&wait, 1, 0) != 1 || !(wait.revents & POLLOUT))
		return;
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nobody is left to tell */
}

void jem_voice_say(const struct jem_voice *voice, const char *format, ...)
{
	va_list args;

	if (voice->is_quiet)
		return;
	va_start(args, format);
	say(format, args);
	va_end(args);
}

void jem_voice_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

static uint32_t fnv1a(const char *s)
{
	uint32_t hash = 2166136261u;

	for (; *s; s++)
		hash = (hash ^ (unsigned char)*s) * 16777619u;
	return hash;
}

void jem_voice_fault(struct jem_voice *voice, const char *format, ...)
{
	char text[LINE_MAX_BYTES];
	uint32_t hash;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	hash = fnv1a(text);
	for (unsigned i = 0; i < voice->fault_count; i++)
		if (voice->told[i] == hash)
			return;
	if (voice->fault_count == JEM_FAULTS_MAX)
		return;
	voice->told[voice->fault_count++] = hash;
	jem_voice_say(voice, "%s", text);
}
