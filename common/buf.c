/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void jem_buf_init(struct jem_buf *buf, size_t max)
{
	*buf = (struct jem_buf){ .max = max };
}

void jem_buf_deinit(struct jem_buf *buf)
{
	free(buf->data);
	*buf = (struct jem_buf){ .max = buf->max };
}

void jem_buf_clear(struct jem_buf *buf)
{
	buf->len = 0;
	buf->failed = false;
}

int jem_buf_reserve(struct jem_buf *buf, size_t more)
{
	size_t need;
	size_t cap;
	char *data;

	if (buf->failed)
		return -ENOBUFS;
	if (__builtin_add_overflow(buf->len, more, &need) || (buf->max && need > buf->max)) {
		buf->failed = true;
		return -ENOBUFS;
	}
	if (need <= buf->cap)
		return 0;
	cap = buf->cap ? buf->cap : 256;
	while (cap < need)
		cap += cap / 2 + 64;
	if (buf->max && cap > buf->max)
		cap = buf->max;
	data = realloc(buf->data, cap);
	if (!data) {
		buf->failed = true;
		return -ENOMEM;
	}
	buf->data = data;
	buf->cap = cap;
	return 0;
}

char *jem_buf_extend(struct jem_buf *buf, size_t more)
{
	char *room;

	if (jem_buf_reserve(buf, more) < 0)
		return NULL;
	room = buf->data + buf->len;
	buf->len += more;
	return room;
}

void jem_buf_printf(struct jem_buf *buf, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	/* vsnprintf ends its text with a NUL, so one byte more is reserved and not counted. */
	if (len < 0 || jem_buf_reserve(buf, (size_t)len + 1) < 0)
		return;
	va_start(args, format);
	vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
	va_end(args);
	buf->len += (size_t)len;
}

const char *jem_buf_cstr(struct jem_buf *buf)
{
	if (jem_buf_reserve(buf, 1) < 0)
		return "";
	buf->data[buf->len] = '\0';
	return buf->data;
}
