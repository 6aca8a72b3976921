/* SPDX-License-Identifier: Apache-2.0 */
#include "common/compress.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <zstd.h>

enum {
	LEVEL = 1, /* 67 ns a record of typed columns to half its size; 3 takes twice as long for 4 % */
	WINDOW_LOG_MAX = 23,
	CHUNK = 64 << 10,
	WHOLE_MAX = 256 << 10, /* bytes: so much may be claimed that is not there */
};

/*
 * A thread's contexts: zstd's own calls make one each time, half a megabyte that the kernel has to clear.
 * They go with their thread; the main thread's stay.
 */
struct contexts {
	ZSTD_CCtx *compress;
	ZSTD_DCtx *decompress;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;

static void free_contexts(void *data)
{
	struct contexts *contexts = data;

	ZSTD_freeCCtx(contexts->compress);
	ZSTD_freeDCtx(contexts->decompress);
	free(contexts);
}

static void make_key(void)
{
	has_key = pthread_key_create(&key, free_contexts) == 0;
}

/* NULL: no memory. */
static struct contexts *get_contexts(void)
{
	struct contexts *contexts;

	if (pthread_once(&once, make_key) || !has_key)
		return NULL;
	contexts = pthread_getspecific(key);
	if (contexts)
		return contexts;
	contexts = calloc(1, sizeof(*contexts));
	if (contexts && pthread_setspecific(key, contexts)) {
		free(contexts);
		return NULL;
	}
	return contexts;
}

static ZSTD_CCtx *compressor(void)
{
	struct contexts *contexts = get_contexts();

	if (contexts && !contexts->compress)
		contexts->compress = ZSTD_createCCtx();
	return contexts ? contexts->compress : NULL;
}

static ZSTD_DCtx *decompressor(void)
{
	struct contexts *contexts = get_contexts();

	if (contexts && !contexts->decompress)
		contexts->decompress = ZSTD_createDCtx();
	return contexts ? contexts->decompress : NULL;
}

int jem_compress(const void *data, size_t len, struct jem_buf *ret)
{
	size_t bound = ZSTD_compressBound(len);
	size_t before = ret->len;
	ZSTD_CCtx *context = compressor();
	size_t got;
	int status;

	if (!context) {
		ret->failed = true;
		return -ENOMEM;
	}
	status = jem_buf_reserve(ret, bound);
	if (status < 0)
		return status;
	got = ZSTD_compressCCtx(context, ret->data + before, bound, data, len, LEVEL);
	if (ZSTD_isError(got)) {
		ret->failed = true;
		return -ENOMEM; /* the room is enough, so nothing else is left to go wrong */
	}
	ret->len = before + got;
	return 0;
}

/* Feeds the frame chunk by chunk: memory grows with what comes out, not with what is claimed. */
static int decompress_frame(ZSTD_DCtx *context, ZSTD_inBuffer *in, size_t max, struct jem_buf *ret,
			    struct jem_err *err)
{
	size_t start = ret->len;
	size_t left = 1;

	while (left) {
		ZSTD_outBuffer out;
		size_t in_before = in->pos;

		if (jem_buf_reserve(ret, CHUNK) < 0)
			return -ENOMEM;
		out = (ZSTD_outBuffer){ ret->data + ret->len, CHUNK, 0 };
		left = ZSTD_decompressStream(context, &out, in);
		if (ZSTD_isError(left))
			return jem_err_set(err, -EBADMSG, "zstd: %s", ZSTD_getErrorName(left));
		ret->len += out.pos;
		if (ret->len - start > max)
			return jem_err_set(err, -EBADMSG, "zstd: more than %zu bytes", max);
		if (left && in->pos == in->size && in->pos == in_before && !out.pos)
			return jem_err_set(err, -EBADMSG, "zstd: the frame is cut");
	}
	if (in->pos != in->size)
		return jem_err_set(err, -EBADMSG, "zstd: bytes behind the frame");
	return 0;
}

/* A frame that says how much is in it: at once. */
static int decompress_whole(ZSTD_DCtx *context, const void *data, size_t len, size_t size,
			    struct jem_buf *ret, struct jem_err *err)
{
	size_t got;

	if (jem_buf_reserve(ret, size) < 0)
		return -ENOMEM;
	got = ZSTD_decompressDCtx(context, ret->data + ret->len, size, data, len);
	if (ZSTD_isError(got))
		return jem_err_set(err, -EBADMSG, "zstd: %s", ZSTD_getErrorName(got));
	ret->len += got;
	return 0;
}

int jem_decompress(const void *data, size_t len, size_t max, struct jem_buf *ret,
		   struct jem_err *err)
{
	ZSTD_inBuffer in = { data, len, 0 };
	unsigned long long size = ZSTD_getFrameContentSize(data, len);
	ZSTD_DCtx *context;
	int status;

	if (size <= WHOLE_MAX && size <= max && ZSTD_findFrameCompressedSize(data, len) == len) {
		context = decompressor();
		return context ? decompress_whole(context, data, len, (size_t)size, ret, err)
			       : -ENOMEM;
	}
	/* Its window may be large: no context to be kept. */
	context = ZSTD_createDCtx();
	if (!context)
		return -ENOMEM;
	ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	status = decompress_frame(context, &in, max, ret, err);
	ZSTD_freeDCtx(context);
	return status;
}
