/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress: zstd (RFC 8878), the content-encoding of messages and the form of finished segments.
 *
 * Invariant: decompression never makes more than `max` bytes nor takes a window beyond 8 MiB
 *            (RFC 8878 section 3.1.1.1.2), whatever the frame says.
 */
#ifndef JEM_COMMON_COMPRESS_H
#define JEM_COMMON_COMPRESS_H

#include "common/buf.h"
#include "common/err.h"

#define JEM_CONTENT_ENCODING_ZSTD "zstd"

/* Appends one frame. 0, -ENOMEM, -ENOBUFS. */
int jem_compress(const void *data, size_t len, struct jem_buf *ret);

/* Appends what one whole frame holds. -EBADMSG with the reason, -ENOMEM. */
int jem_decompress(const void *data, size_t len, size_t max, struct jem_buf *ret,
		   struct jem_err *err);

#endif
