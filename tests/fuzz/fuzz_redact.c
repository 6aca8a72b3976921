/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_redact: any bytes as text, and as lines. Well-formed UTF-8 stays so, and what is returned is
 * the text itself or not much longer than it. Secrets in lines of their own behind it never leave,
 * whatever the bytes before them are.
 */
#include "common/redact.h"
#include "common/utf8.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(struct jem_redactor *redactor, const char *line, size_t len)
{
	size_t redacted = len;
	const char *got = jem_redact(redactor, line, &redacted);

	if (got == line && redacted != len)
		abort();
	if (jem_utf8_prefix(line, len) == len && jem_utf8_prefix(got, redacted) != redacted)
		abort();
	if (got == line)
		return;
	/* Every stage only replaces by three stars: never more than three bytes for one. */
	if (redacted > 3 * len + 3)
		abort();
}

static const char planted[] = "\nPASSWORD=qZ9planted9Zq\n  x --token qZ9planted9Zq\n"
			      "get https://u:qZ9planted9Zq@host/ with Bearer qZ9planted9Zq\n";

static void check_planted(struct jem_redactor *redactor, const uint8_t *data, size_t size)
{
	size_t len = size + sizeof(planted) - 1;
	char *text = malloc(len);
	const char *got;

	if (!text)
		return;
	if (size)
		memcpy(text, data, size);
	memcpy(text + size, planted, sizeof(planted) - 1);
	got = jem_redact(redactor, text, &len);
	for (const char *p = got;
	     len > 11 && (p = memmem(p, len - (size_t)(p - got), "9planted9", 9)); p++)
		if (!size || !memmem(data, size, "planted", 7))
			abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const patterns[] = { "[0-9]{6,}", "se.ret\\b" };
	struct jem_redactor *redactor;
	const char *text = (const char *)data;

	if (jem_redactor_create(patterns, 2, &redactor, NULL) < 0)
		return 0;
	check_line(redactor, text, size);
	check_planted(redactor, data, size);
	for (size_t at = 0; at < size;) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t len = end ? (size_t)(end - text) - at : size - at;

		check_line(redactor, text + at, len);
		at += len + 1;
	}
	jem_redactor_destroy(redactor);
	return 0;
}
