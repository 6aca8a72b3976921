/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/graph/escape.h"

#include "common/utf8.h"
#include "receiver/graph/canvas.h"

static const char *reference(unsigned char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	case 0x7f:
		return "\u2421";
	default:
		return NULL;
	}
}

/* C1 controls, the marks, embeddings and isolates of UAX 9, a stray byte order mark, non-characters. */
static bool is_harmful(uint32_t c)
{
	return (c >= 0x80 && c <= 0x9f) || c == 0x61c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff ||
	       (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

/* One character that is not plain ASCII; returns its length in bytes. */
static size_t escape_char(struct jem_buf *buf, const char *text, size_t len)
{
	unsigned n = jem_utf8_char((const unsigned char *)text, len);
	char copy[5] = { 0 };
	const char *at = copy;

	if (!n) {
		jem_buf_add_str(buf, "\ufffd");
		return 1;
	}
	memcpy(copy, text, n);
	if (is_harmful(jem_text_next(&at)))
		jem_buf_add_str(buf, "\ufffd");
	else
		jem_buf_add(buf, copy, n);
	return n;
}

void jem_escape_markup(struct jem_buf *buf, const char *text, size_t len)
{
	size_t plain = 0; /* start of what needs no escape */
	size_t i = 0;

	while (i < len) {
		unsigned char c = (unsigned char)text[i];
		const char *instead = reference(c);

		if (!instead && ((c >= 0x20 && c < 0x80) || c == '\t' || c == '\n')) {
			i++;
			continue;
		}
		jem_buf_add(buf, text + plain, i - plain);
		if (instead) {
			jem_buf_add_str(buf, instead);
			i++;
		} else if (c < 0x20) {
			const char picture[] = { (char)0xe2, (char)0x90, (char)(0x80 + c) };

			jem_buf_add(buf, picture, sizeof(picture));
			i++;
		} else {
			i += escape_char(buf, text + i, len - i);
		}
		plain = i;
	}
	jem_buf_add(buf, text + plain, len - plain);
}
