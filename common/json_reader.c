/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_reader.h"

#include "common/utf8.h"

#include <errno.h>
#include <stdlib.h>

struct reader {
	struct jem_json_doc *doc;
	const char *text;
	uint32_t pos;
	uint32_t len;
	unsigned depth;
	struct jem_err *err;
};

void jem_json_doc_init(struct jem_json_doc *doc)
{
	*doc = (struct jem_json_doc){ 0 };
}

void jem_json_doc_deinit(struct jem_json_doc *doc)
{
	free(doc->tokens);
	*doc = (struct jem_json_doc){ 0 };
}

static int bad(struct reader *r, const char *what)
{
	return jem_err_set(r->err, -EBADMSG, "JSON: %s at byte %u", what, r->pos);
}

static int add_token(struct reader *r, enum jem_json_type type, uint32_t *index)
{
	struct jem_json_doc *doc = r->doc;

	if (doc->count == doc->cap) {
		uint32_t cap = doc->cap ? doc->cap * 2 : 256;
		struct jem_json_token *tokens;

		if (doc->count >= JEM_JSON_TOKENS_MAX)
			return jem_err_set(r->err, -E2BIG, "JSON: more than %u values",
					   JEM_JSON_TOKENS_MAX);
		tokens = realloc(doc->tokens, cap * sizeof(*tokens));
		if (!tokens)
			return -ENOMEM;
		doc->tokens = tokens;
		doc->cap = cap;
	}
	*index = doc->count;
	doc->tokens[doc->count++] =
		(struct jem_json_token){ .start = r->pos, .type = (uint8_t)type };
	return 0;
}

static void skip_space(struct reader *r)
{
	while (r->pos < r->len) {
		char c = r->text[r->pos];

		if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
			return;
		r->pos++;
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int hex4(const char *s, uint32_t *ret)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(s[i]);

		if (digit < 0)
			return -EINVAL;
		value = value << 4 | (uint32_t)digit;
	}
	*ret = value;
	return 0;
}

/* The code point of the \u escape at s (after the u), with its second half: bytes read, or 0. */
static unsigned unicode_escape(const char *s, size_t len, uint32_t *code)
{
	uint32_t low;

	if (len < 4 || hex4(s, code) < 0)
		return 0;
	if (*code < 0xd800 || *code > 0xdfff)
		return 4;
	if (*code > 0xdbff || len < 10 || s[4] != '\\' || s[5] != 'u' || hex4(s + 6, &low) < 0 ||
	    low < 0xdc00 || low > 0xdfff)
		return 0;
	*code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
	return 10;
}

static int read_escape(struct reader *r)
{
	char c = r->pos + 1 < r->len ? r->text[r->pos + 1] : '\0';

	if (c == 'u') {
		uint32_t code;
		unsigned n = unicode_escape(r->text + r->pos + 2, r->len - r->pos - 2, &code);

		if (!n)
			return bad(r, "broken \\u escape");
		r->pos += 2 + n;
		return 0;
	}
	if (!c || !strchr("\"\\/bfnrt", c))
		return bad(r, "unknown escape");
	r->pos += 2;
	return 0;
}

static int read_string(struct reader *r, uint32_t *index)
{
	const unsigned char *s = (const unsigned char *)r->text;
	bool escaped = false;
	int ret;

	r->pos++;
	ret = add_token(r, JEM_JSON_STRING, index);
	if (ret < 0)
		return ret;
	for (;;) {
		if (r->pos >= r->len)
			return bad(r, "string without end");
		if (s[r->pos] == '"')
			break;
		if (s[r->pos] == '\\') {
			escaped = true;
			ret = read_escape(r);
			if (ret < 0)
				return ret;
		} else if (s[r->pos] < 0x20) {
			return bad(r, "control character in a string");
		} else {
			unsigned n = jem_utf8_char(s + r->pos, r->len - r->pos);

			if (!n)
				return bad(r, "bytes that are not UTF-8");
			r->pos += n;
		}
	}
	r->doc->tokens[*index].escaped = escaped;
	r->doc->tokens[*index].end = r->pos++;
	r->doc->tokens[*index].next = r->doc->count;
	return 0;
}

static uint32_t digits(struct reader *r)
{
	uint32_t start = r->pos;

	while (r->pos < r->len && r->text[r->pos] >= '0' && r->text[r->pos] <= '9')
		r->pos++;
	return r->pos - start;
}

static int read_number(struct reader *r)
{
	uint32_t index;
	bool leading_zero;
	int ret = add_token(r, JEM_JSON_NUMBER, &index);

	if (ret < 0)
		return ret;
	if (r->text[r->pos] == '-')
		r->pos++;
	leading_zero = r->pos < r->len && r->text[r->pos] == '0';
	switch (digits(r)) {
	case 0:
		return bad(r, "number without digits");
	case 1:
		break;
	default:
		if (leading_zero)
			return bad(r, "number with a leading zero");
	}
	if (r->pos < r->len && r->text[r->pos] == '.') {
		r->pos++;
		if (!digits(r))
			return bad(r, "fraction without digits");
	}
	if (r->pos < r->len && (r->text[r->pos] | 0x20) == 'e') {
		r->pos++;
		if (r->pos < r->len && (r->text[r->pos] == '+' || r->text[r->pos] == '-'))
			r->pos++;
		if (!digits(r))
			return bad(r, "exponent without digits");
	}
	r->doc->tokens[index].end = r->pos;
	r->doc->tokens[index].next = r->doc->count;
	return 0;
}

static int read_word(struct reader *r, const char *word, enum jem_json_type type)
{
	uint32_t len = (uint32_t)strlen(word);
	uint32_t index;
	int ret;

	if (r->len - r->pos < len || memcmp(r->text + r->pos, word, len))
		return bad(r, "unknown word");
	ret = add_token(r, type, &index);
	if (ret < 0)
		return ret;
	r->pos += len;
	r->doc->tokens[index].end = r->pos;
	r->doc->tokens[index].next = r->doc->count;
	return 0;
}

static int read_value(struct reader *r);

static int read_member(struct reader *r)
{
	uint32_t name;
	int ret;

	if (r->pos >= r->len || r->text[r->pos] != '"')
		return bad(r, "a member's name is missing");
	ret = read_string(r, &name);
	if (ret < 0)
		return ret;
	skip_space(r);
	if (r->pos >= r->len || r->text[r->pos] != ':')
		return bad(r, "':' is missing");
	r->pos++;
	return read_value(r);
}

static int read_container(struct reader *r, enum jem_json_type type)
{
	char close = type == JEM_JSON_OBJECT ? '}' : ']';
	uint32_t index;
	int ret = add_token(r, type, &index);

	if (ret < 0)
		return ret;
	if (++r->depth > JEM_JSON_DEPTH_MAX)
		return jem_err_set(r->err, -E2BIG, "JSON: nested deeper than %d",
				   JEM_JSON_DEPTH_MAX);
	r->pos++;
	skip_space(r);
	if (r->pos >= r->len || r->text[r->pos] != close) {
		for (;;) {
			skip_space(r);
			ret = type == JEM_JSON_OBJECT ? read_member(r) : read_value(r);
			if (ret < 0)
				return ret;
			skip_space(r);
			if (r->pos < r->len && r->text[r->pos] == close)
				break;
			if (r->pos >= r->len || r->text[r->pos] != ',')
				return bad(r, "',' or the end of a container is missing");
			r->pos++;
		}
	}
	r->pos++;
	r->depth--;
	r->doc->tokens[index].end = r->pos;
	r->doc->tokens[index].next = r->doc->count;
	return 0;
}

static int read_value(struct reader *r)
{
	uint32_t index;

	skip_space(r);
	if (r->pos >= r->len)
		return bad(r, "a value is missing");
	switch (r->text[r->pos]) {
	case '{':
		return read_container(r, JEM_JSON_OBJECT);
	case '[':
		return read_container(r, JEM_JSON_ARRAY);
	case '"':
		return read_string(r, &index);
	case 't':
		return read_word(r, "true", JEM_JSON_TRUE);
	case 'f':
		return read_word(r, "false", JEM_JSON_FALSE);
	case 'n':
		return read_word(r, "null", JEM_JSON_NULL);
	default:
		if (r->text[r->pos] != '-' && (r->text[r->pos] < '0' || r->text[r->pos] > '9'))
			return bad(r, "unexpected character");
		return read_number(r);
	}
}

int jem_json_read(struct jem_json_doc *doc, const char *text, size_t len, struct jem_err *err)
{
	struct reader r = { .doc = doc, .text = text, .err = err };
	int ret;

	doc->text = text;
	doc->count = 0;
	if (len >= UINT32_MAX)
		return jem_err_set(err, -E2BIG, "JSON: text over 4 GiB");
	r.len = (uint32_t)len;
	ret = read_value(&r);
	if (ret < 0)
		return ret;
	skip_space(&r);
	return r.pos == r.len ? 0 : bad(&r, "text after the value");
}

uint32_t jem_json_member(const struct jem_json_doc *doc, uint32_t object, const char *name)
{
	if (doc->tokens[object].type != JEM_JSON_OBJECT)
		return 0;
	for (uint32_t i = object + 1; i < doc->tokens[object].next; i = doc->tokens[i + 1].next)
		if (jem_json_equals(doc, i, name))
			return i + 1;
	return 0;
}

/* Every number is copied out first: the text has no NUL that strto* could rely on. */
static int number_text(const struct jem_json_doc *doc, uint32_t token, char *text, size_t size)
{
	const struct jem_json_token *t = &doc->tokens[token];

	if (t->type != JEM_JSON_NUMBER || t->end - t->start >= size)
		return -EINVAL;
	memcpy(text, doc->text + t->start, t->end - t->start);
	text[t->end - t->start] = '\0';
	return 0;
}

int jem_json_get_u64(const struct jem_json_doc *doc, uint32_t token, uint64_t *ret)
{
	const struct jem_json_token *t = &doc->tokens[token];
	uint64_t value = 0;

	if (t->type != JEM_JSON_NUMBER)
		return -EINVAL;
	for (uint32_t i = t->start; i < t->end; i++) {
		unsigned digit = (unsigned)(doc->text[i] - '0');

		if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return -EINVAL;
	}
	*ret = value;
	return 0;
}

int jem_json_get_i64(const struct jem_json_doc *doc, uint32_t token, int64_t *ret)
{
	char text[32];
	char *end;
	long long value;

	if (number_text(doc, token, text, sizeof(text)) < 0)
		return -EINVAL;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || *end)
		return -EINVAL;
	*ret = value;
	return 0;
}

int jem_json_get_real(const struct jem_json_doc *doc, uint32_t token, double *ret)
{
	char text[64];

	if (number_text(doc, token, text, sizeof(text)) < 0)
		return -EINVAL;
	*ret = strtod(text, NULL);
	return 0;
}

int jem_json_get_bool(const struct jem_json_doc *doc, uint32_t token, bool *ret)
{
	uint8_t type = doc->tokens[token].type;

	if (type != JEM_JSON_TRUE && type != JEM_JSON_FALSE)
		return -EINVAL;
	*ret = type == JEM_JSON_TRUE;
	return 0;
}

static void add_code_point(struct jem_buf *buf, uint32_t c)
{
	char out[4];
	unsigned n = 0;

	if (c < 0x80) {
		out[n++] = (char)c;
	} else if (c < 0x800) {
		out[n++] = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		out[n++] = (char)(0xe0 | c >> 12);
		out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		out[n++] = (char)(0xf0 | c >> 18);
		out[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	}
	if (c >= 0x80)
		out[n++] = (char)(0x80 | (c & 0x3f));
	jem_buf_add(buf, out, n);
}

int jem_json_get_text(const struct jem_json_doc *doc, uint32_t token, struct jem_buf *ret)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	const struct jem_json_token *t = &doc->tokens[token];
	const char *s = doc->text;

	if (t->type != JEM_JSON_STRING)
		return -EINVAL;
	if (!t->escaped) {
		jem_buf_add(ret, s + t->start, t->end - t->start);
		return ret->failed ? -ENOBUFS : 0;
	}
	for (uint32_t i = t->start; i < t->end;) {
		uint32_t code;

		if (s[i] != '\\') {
			jem_buf_add_char(ret, s[i++]);
		} else if (s[i + 1] == 'u') {
			i += 2 + unicode_escape(s + i + 2, t->end - i - 2, &code);
			add_code_point(ret, code);
		} else {
			jem_buf_add_char(ret, to[strchr(from, s[i + 1]) - from]);
			i += 2;
		}
	}
	return ret->failed ? -ENOBUFS : 0;
}

int jem_json_get_str(const struct jem_json_doc *doc, uint32_t token, char *ret, size_t size)
{
	struct jem_buf buf;
	int status;

	jem_buf_init(&buf, 0);
	status = jem_json_get_text(doc, token, &buf);
	if (status == 0 && buf.len >= size)
		status = -ENOSPC;
	if (status == 0 && buf.len && memchr(buf.data, '\0', buf.len))
		status = -EINVAL;
	if (status == 0) {
		if (buf.len)
			memcpy(ret, buf.data, buf.len);
		ret[buf.len] = '\0';
	}
	jem_buf_deinit(&buf);
	return status;
}

bool jem_json_equals(const struct jem_json_doc *doc, uint32_t token, const char *text)
{
	const struct jem_json_token *t = &doc->tokens[token];
	size_t len = strlen(text);
	struct jem_buf buf;
	bool same;

	if (t->type != JEM_JSON_STRING)
		return false;
	if (!t->escaped)
		return t->end - t->start == len && !memcmp(doc->text + t->start, text, len);
	jem_buf_init(&buf, 0);
	jem_json_get_text(doc, token, &buf);
	same = buf.len == len && !memcmp(buf.data, text, len);
	jem_buf_deinit(&buf);
	return same;
}
