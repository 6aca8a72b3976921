/* SPDX-License-Identifier: Apache-2.0 */
#include "common/compress.h"
#include "daemon/packing.h"
#include "tests/unit/check.h"

static struct jem_batch *batch_of(enum jem_kind kind, const char *body, size_t len)
{
	struct jem_batch *batch = calloc(1, sizeof(*batch) + len + 1);

	batch->head.kind = kind;
	batch->head.seq = 7;
	batch->head.n = 3;
	batch->len = len;
	memcpy(batch->body, body, len);
	return batch;
}

CASE(packs_columns_into_one_frame)
{
	char body[5000];
	struct jem_batch *batch;
	struct jem_buf whole;
	struct jem_err err;

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)(i % 40);
	batch = jem_batch_pack(batch_of(JEM_KIND_call, body, sizeof(body)));
	CHECK(jem_batch_is_packed(batch));
	CHECK_LE(batch->len, sizeof(body) / 4);
	CHECK_EQ(batch->head.seq, 7);
	CHECK_EQ(batch->head.n, 3);
	jem_buf_init(&whole, 0);
	CHECK_OK(jem_decompress(batch->body, batch->len, JEM_BATCH_MAX, &whole, &err));
	CHECK_EQ(whole.len, sizeof(body));
	CHECK(!memcmp(whole.data, body, sizeof(body)));
	jem_buf_deinit(&whole);
	free(batch);
}

CASE(leaves_alone_what_is_small_json_or_dense)
{
	char body[5000] = "";
	struct jem_batch *batch = jem_batch_pack(batch_of(JEM_KIND_call, body, 200));
	uint32_t state = 1;

	CHECK_EQ(batch->len, 200);
	CHECK(!jem_batch_is_packed(batch));
	free(batch);
	batch = jem_batch_pack(batch_of(JEM_KIND_log, body, sizeof(body)));
	CHECK_EQ(batch->len, sizeof(body));
	free(batch);
	for (size_t i = 0; i < sizeof(body); i++) {
		state = state * 1664525u + 1013904223u;
		body[i] = (char)(state >> 24);
	}
	batch = jem_batch_pack(batch_of(JEM_KIND_call, body, sizeof(body)));
	CHECK_EQ(batch->len, sizeof(body));
	CHECK(!memcmp(batch->body, body, sizeof(body)));
	free(batch);
}

TESTS(T(packs_columns_into_one_frame), T(leaves_alone_what_is_small_json_or_dense))
