/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/base64.h"

#include <errno.h>
#include <stdint.h>

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

ssize_t jem_base64_decode(const char *text, size_t len, unsigned char *ret, size_t size)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	for (size_t i = 0; i < len && text[i] != '='; i++) {
		int value = digit(text[i]);

		if (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t')
			continue;
		if (value < 0)
			return -EBADMSG;
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have < 8)
			continue;
		if (n == size)
			return -ENOSPC;
		have -= 8;
		ret[n++] = (unsigned char)(bits >> have);
	}
	return (ssize_t)n;
}
