/* SPDX-License-Identifier: Apache-2.0 */
/*
 * threads SIZE: four threads compress and expand at once, each its own data at its own level. What a thread
 * calls depends on nothing but its number.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
	THREADS = 4,
	PIECE = 20000
};

struct task {
	unsigned number, size;
	unsigned long check;
};

static void fill(unsigned char *text, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245 + 12345;
		text[i] = (unsigned char)(seed >> 28 ? 'a' + i % 23 : seed >> 20);
	}
}

static void *work(void *arg)
{
	struct task *task = arg;
	size_t len = (size_t)PIECE * task->size;
	unsigned char *text = malloc(len), *back = malloc(len);
	uLongf packed_len = compressBound(len), back_len = len;
	unsigned char *packed = malloc(packed_len);

	if (!text || !back || !packed)
		exit(2);
	fill(text, len, task->number);
	if (compress2(packed, &packed_len, text, len, (int)(1 + 2 * task->number)) != Z_OK ||
	    uncompress(back, &back_len, packed, packed_len) != Z_OK || back_len != len ||
	    memcmp(back, text, len) != 0)
		exit(3);
	task->check = crc32(adler32(1, packed, (uInt)packed_len), back, (uInt)len);
	free(text);
	free(back);
	free(packed);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	struct task tasks[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		tasks[i] = (struct task){ i, argc > 1 ? (unsigned)atoi(argv[1]) : 1, 0 };
		if (pthread_create(&threads[i], NULL, work, &tasks[i]) != 0)
			return 4;
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		printf("%lx\n", tasks[i].check);
	}
	return 0;
}
