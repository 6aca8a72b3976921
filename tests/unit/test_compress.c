/* SPDX-License-Identifier: Apache-2.0 */
#include "common/compress.h"
#include "tests/unit/check.h"

#include <errno.h>

CASE(gives_back_what_it_took)
{
	struct jem_buf packed;
	struct jem_buf back;
	char data[100000];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * i >> 7);
	jem_buf_init(&packed, 0);
	jem_buf_init(&back, 0);
	jem_buf_add_str(&back, "before");
	CHECK_OK(jem_compress(data, sizeof(data), &packed));
	CHECK_LE(packed.len, sizeof(data) / 2);
	CHECK_OK(jem_decompress(packed.data, packed.len, sizeof(data), &back, NULL));
	CHECK_EQ(back.len, 6 + sizeof(data));
	CHECK(!memcmp(back.data + 6, data, sizeof(data)));
	jem_buf_deinit(&packed);
	jem_buf_deinit(&back);
}

CASE(stops_at_the_bound)
{
	enum {
		BOMB = 64 << 20,
		MAX = 1 << 20
	};
	struct jem_err err = { "" };
	struct jem_buf packed;
	struct jem_buf back;
	char *zeros = calloc(1, BOMB);

	CHECK(zeros != NULL);
	jem_buf_init(&packed, 0);
	jem_buf_init(&back, 0);
	CHECK_OK(jem_compress(zeros, BOMB, &packed));
	CHECK_LE(packed.len, 16384);
	CHECK_EQ(jem_decompress(packed.data, packed.len, MAX, &back, &err), -EBADMSG);
	CHECK_STR(err.text, "zstd: more than 1048576 bytes");
	CHECK_LE(back.cap, 4 * MAX);
	free(zeros);
	jem_buf_deinit(&packed);
	jem_buf_deinit(&back);
}

CASE(refuses_broken_frames)
{
	struct jem_err err = { "" };
	struct jem_buf packed;
	struct jem_buf back;

	jem_buf_init(&packed, 0);
	jem_buf_init(&back, 0);
	CHECK_OK(jem_compress("hello hello hello hello", 23, &packed));
	for (size_t len = 0; len < packed.len; len++)
		CHECK_EQ(jem_decompress(packed.data, len, 1000, &back, &err), -EBADMSG);
	CHECK_CONTAINS(err.text, "the frame is cut");
	CHECK_EQ(jem_decompress("{\"head\":{}}", 11, 1000, &back, &err), -EBADMSG);
	jem_buf_add_char(&packed, 'x');
	CHECK_EQ(jem_decompress(packed.data, packed.len, 1000, &back, &err), -EBADMSG);
	CHECK_CONTAINS(err.text, "bytes behind the frame");
	jem_buf_deinit(&packed);
	jem_buf_deinit(&back);
}

TESTS(T(gives_back_what_it_took), T(stops_at_the_bound), T(refuses_broken_frames))
