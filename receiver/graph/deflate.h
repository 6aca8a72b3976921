/* SPDX-License-Identifier: Apache-2.0 */
/* deflate: a zlib stream (RFC 1950) in one go, for PDF and PNG. Equal bytes in, equal bytes out. */
#ifndef JEM_RECEIVER_GRAPH_DEFLATE_H
#define JEM_RECEIVER_GRAPH_DEFLATE_H

#include "common/buf.h"

/* Appends the compressed bytes: 0 or -ENOMEM. */
int jem_deflate(struct jem_buf *out, const void *bytes, size_t len);

#endif
