/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redact_credential.h"

#include <stdint.h>
#include <string.h>

typedef struct jem_redact_text text_t;

enum {
	USERINFO_MAX = 1024, /* looked at for the @ behind a / */
	BASIC_MIN = 8,       /* shorter base64 decodes to user:password by chance */
	JWT_MIN = 16,
};

static bool is_port_only(text_t t, size_t start, size_t end)
{
	const char *colon = memrchr(t.s + start, ':', end - start);

	if (!colon)
		return true;
	for (size_t i = (size_t)(colon - t.s) + 1; i < end; i++)
		if (!jem_redact_is_digit(t.s[i]))
			return t.s[start] == '['; /* an IPv6 address */
	return true;
}

bool jem_redact_userinfo(text_t t, size_t at, struct jem_redact_range *ret)
{
	size_t i = at;
	size_t last = 0;
	size_t limit;

	while (i < t.len && !jem_redact_is_space(t.s[i]) && !jem_redact_is_quote(t.s[i]) &&
	       !strchr("/?#<>\\", t.s[i])) {
		if (t.s[i] == '@')
			last = i;
		i++;
	}
	/* A password with a / in it, not encoded as it should be (RFC 3986 section 3.2.1). */
	if (!last && i < t.len && (t.s[i] == '/' || t.s[i] == '?' || t.s[i] == '#') &&
	    !is_port_only(t, at, i)) {
		limit = t.len - i < USERINFO_MAX ? t.len : i + USERINFO_MAX;
		while (i < limit && !jem_redact_is_space(t.s[i]) && !jem_redact_is_quote(t.s[i])) {
			if (t.s[i] == '@')
				last = i;
			i++;
		}
	}
	*ret = (struct jem_redact_range){ at, last };
	return last > at;
}

static bool is_base64(char c)
{
	return jem_redact_is_letter(c) || jem_redact_is_digit(c) || c == '+' || c == '/' ||
	       c == '-' || c == '_';
}

static size_t base64_end(text_t t, size_t i)
{
	while (i < t.len && is_base64(t.s[i]))
		i++;
	return i;
}

static int base64_value(char c)
{
	if (jem_redact_is_upper(c))
		return c - 'A';
	if (jem_redact_is_lower(c))
		return c - 'a' + 26;
	if (jem_redact_is_digit(c))
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : 63;
}

/* Whether it decodes to printable text with a colon: user and password (RFC 7617). */
static bool is_user_and_password(text_t t, size_t start, size_t end)
{
	bool has_colon = false;
	uint32_t bits = 0;
	unsigned count = 0;

	for (size_t i = start; i < end; i++) {
		unsigned char c;

		bits = bits << 6 | (uint32_t)base64_value(t.s[i]);
		count += 6;
		if (count < 8)
			continue;
		count -= 8;
		c = (unsigned char)(bits >> count);
		if (c < 0x20 || c == 0x7f)
			return false;
		has_colon |= c == ':';
	}
	return has_colon;
}

bool jem_redact_bearer(text_t t, size_t at, struct jem_redact_range *ret)
{
	size_t start =
		jem_redact_skip_blanks(t, at + (at < t.len && (t.s[at] == ':' || t.s[at] == '=')));
	size_t end = start;

	/* The token of RFC 6750 section 2.1, and whatever else stands there without a blank. */
	while (end < t.len && !jem_redact_is_space(t.s[end]) && !jem_redact_is_quote(t.s[end]) &&
	       t.s[end] != '\\')
		end++;
	*ret = (struct jem_redact_range){ start, end };
	return start > at && end > start;
}

bool jem_redact_basic(text_t t, size_t at, struct jem_redact_range *ret)
{
	size_t start = jem_redact_skip_blanks(t, at);
	size_t end = base64_end(t, start);

	if (start == at || end - start < BASIC_MIN || !is_user_and_password(t, start, end))
		return false;
	while (end < t.len && t.s[end] == '=')
		end++;
	*ret = (struct jem_redact_range){ start, end };
	return true;
}

bool jem_redact_jwt(text_t t, size_t at, struct jem_redact_range *ret)
{
	size_t end = at;

	if (memcmp(t.s + at, "eyJ", 3) != 0)
		return false;
	while (end < t.len && (is_base64(t.s[end]) || t.s[end] == '.'))
		end++;
	while (end > at && t.s[end - 1] == '.')
		end--;
	*ret = (struct jem_redact_range){ at, end };
	return end - at >= JWT_MIN;
}
