/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/data_line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	DIGITS_MAX = 20,
	PREFIX_MAX = 160 /* t, epoch, seq, i, mono_s and their names */
};

void jem_data_writer_init(struct jem_data_writer *writer, const struct jem_head *head)
{
	int len = snprintf(writer->epoch_seq, sizeof(writer->epoch_seq),
			   ",\"epoch\":\"%s\",\"seq\":%" PRIu64 ",\"i\":", head->epoch, head->seq);

	writer->len = (size_t)len;
	writer->has_mono = head->kind == JEM_KIND_script || head->kind == JEM_KIND_call ||
			   head->kind == JEM_KIND_sched;
	writer->t0_us = head->t0_us;
	writer->mono_ns = head->mono_ns;
}

/* Decimal digits, at least `width` of them: this runs twice for every record. */
static char *put_number(char *at, uint64_t value, int width)
{
	char digits[DIGITS_MAX];
	int n = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value || n < width);
	while (n)
		*at++ = digits[--n];
	return at;
}

static char *put(char *at, const char *text, size_t len)
{
	memcpy(at, text, len);
	return at + len;
}

void jem_data_writer_add(const struct jem_data_writer *writer, struct jem_buf *buf, uint64_t i,
			 uint64_t dt_ns, const char *record, size_t len)
{
	uint64_t t_us = writer->t0_us + dt_ns / 1000;
	uint64_t mono_ns = writer->mono_ns + dt_ns;
	size_t before = buf->len;
	char *start = jem_buf_extend(buf, PREFIX_MAX + len);
	char *at = start;

	if (!start)
		return;
	at = put(at, "{\"t\":", 5);
	at = put_number(at, t_us / 1000000, 1);
	*at++ = '.';
	at = put_number(at, t_us % 1000000, 6);
	at = put(at, writer->epoch_seq, writer->len);
	at = put_number(at, i, 1);
	if (writer->has_mono) {
		at = put(at, ",\"mono_s\":", 10);
		at = put_number(at, mono_ns / 1000000000, 1);
		*at++ = '.';
		at = put_number(at, mono_ns % 1000000000, 9);
	}
	*at++ = ',';
	memcpy(at, record + 1, len - 1);
	for (char *c = at; (c = memchr(c, '\n', (size_t)(at + len - 1 - c)));)
		*c++ = ' ';
	at += len - 1;
	*at++ = '\n';
	buf->len = before + (size_t)(at - start);
}

static bool take(const char **at, const char *end, const char *text, size_t len)
{
	if ((size_t)(end - *at) < len || memcmp(*at, text, len))
		return false;
	*at += len;
	return true;
}

/* Digits up to 2^53: more than any line of ours has. */
static bool take_number(const char **at, const char *end, uint64_t *ret)
{
	const char *start = *at;
	uint64_t value = 0;

	while (*at < end && **at >= '0' && **at <= '9' && value <= JEM_NUMBER_MAX / 10)
		value = value * 10 + (uint64_t)(*(*at)++ - '0');
	*ret = value;
	return *at > start;
}

int jem_data_line_read(const char *line, size_t len, struct jem_data_line *ret)
{
	const char *at = line;
	const char *end = line + len;
	const char *fraction;
	uint64_t seconds;
	uint64_t micros;

	if (!len || end[-1] != '}' || !take(&at, end, "{\"t\":", 5) ||
	    !take_number(&at, end, &seconds) || seconds > JEM_NUMBER_MAX / 1000000 ||
	    !take(&at, end, ".", 1))
		return -EBADMSG;
	fraction = at;
	if (!take_number(&at, end, &micros) || at - fraction != 6 ||
	    !take(&at, end, ",\"epoch\":\"", 10) || end - at < JEM_EPOCH_SIZE - 1)
		return -EBADMSG;
	memcpy(ret->epoch, at, JEM_EPOCH_SIZE - 1);
	ret->epoch[JEM_EPOCH_SIZE - 1] = '\0';
	at += JEM_EPOCH_SIZE - 1;
	if (strspn(ret->epoch, "0123456789abcdef") != JEM_EPOCH_SIZE - 1 ||
	    !take(&at, end, "\",\"seq\":", 8) || !take_number(&at, end, &ret->seq) ||
	    !take(&at, end, ",\"i\":", 5) || !take_number(&at, end, &ret->i) ||
	    !take(&at, end, ",", 1))
		return -EBADMSG;
	ret->t_us = seconds * 1000000 + micros;
	return 0;
}
