/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf: a byte buffer that grows up to a stated bound.
 *
 * Ownership: owns its bytes; jem_buf_deinit frees them, jem_buf_clear keeps the memory.
 * Invariant: once an append did not fit (bound or memory), `failed` stays set and nothing more is
 *            appended, so a writer checks once at the end instead of at every step.
 */
#ifndef JEM_COMMON_BUF_H
#define JEM_COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct jem_buf {
	char *data; /* owned; NULL until the first append */
	size_t len;
	size_t cap;
	size_t max; /* bound in bytes, 0: none */
	bool failed;
};

void jem_buf_init(struct jem_buf *buf, size_t max);
void jem_buf_deinit(struct jem_buf *buf);

/* Forgets the content and the failure, keeps the memory. */
void jem_buf_clear(struct jem_buf *buf);

/* Makes room for `more` bytes: 0, -ENOBUFS beyond the bound, -ENOMEM. Sets `failed` on error. */
int jem_buf_reserve(struct jem_buf *buf, size_t more);

/* Room for `more` bytes at the end, already counted in len; NULL on failure. */
char *jem_buf_extend(struct jem_buf *buf, size_t more);

void jem_buf_printf(struct jem_buf *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A NUL-terminated view of the content (the NUL is not counted); "" after a failure. */
const char *jem_buf_cstr(struct jem_buf *buf);

static inline void jem_buf_add(struct jem_buf *buf, const void *bytes, size_t len)
{
	if (len > buf->cap - buf->len || buf->failed) {
		char *room = jem_buf_extend(buf, len);

		if (room && len)
			memcpy(room, bytes, len);
		return;
	}
	if (len)
		memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
}

static inline void jem_buf_add_char(struct jem_buf *buf, char c)
{
	jem_buf_add(buf, &c, 1);
}

static inline void jem_buf_add_str(struct jem_buf *buf, const char *s)
{
	jem_buf_add(buf, s, strlen(s));
}

#endif
