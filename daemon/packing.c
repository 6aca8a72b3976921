/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/packing.h"

#include "common/compress.h"

#include <stdlib.h>
#include <string.h>

enum {
	LEAST = 1024 /* bytes: below, a message's own cost is the greater one */
};

bool jem_batch_is_packed(const struct jem_batch *batch)
{
	static const char magic[4] = "\x28\xb5\x2f\xfd"; /* RFC 8878 section 3.1.1 */

	return batch->len >= sizeof(magic) && !memcmp(batch->body, magic, sizeof(magic));
}

struct jem_batch *jem_batch_pack(struct jem_batch *batch)
{
	struct jem_batch *packed;
	struct jem_buf frame;

	if (batch->len < LEAST || jem_kinds[batch->head.kind].encoding != JEM_ENCODING_CBOR)
		return batch;
	jem_buf_init(&frame, 0);
	if (jem_compress(batch->body, batch->len, &frame) < 0 || frame.len >= batch->len) {
		jem_buf_deinit(&frame);
		return batch;
	}
	packed = malloc(sizeof(*packed) + frame.len + 1);
	if (packed) {
		*packed = *batch;
		packed->len = frame.len;
		memcpy(packed->body, frame.data, frame.len);
		packed->body[frame.len] = '\0';
		free(batch);
	}
	jem_buf_deinit(&frame);
	return packed ? packed : batch;
}
