/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/graph/deflate.h"

#include <errno.h>
#include <zlib.h>

int jem_deflate(struct jem_buf *out, const void *bytes, size_t len)
{
	size_t before = out->len;
	uLongf size = compressBound(len);
	char *room = jem_buf_extend(out, size);

	if (!room || compress2((Bytef *)room, &size, bytes, len, 6) != Z_OK)
		return -ENOMEM;
	out->len = before + size;
	return 0;
}
