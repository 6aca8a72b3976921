/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/spool/crc32c.h"

#include <pthread.h>
#include <string.h>

enum {
	POLYNOMIAL = 0x82f63b78, /* reflected */
};

static uint32_t table[256];

static void make_table(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;

		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ (uint32_t)POLYNOMIAL : crc >> 1;
		table[byte] = crc;
	}
}

uint32_t jem_crc32c_table(uint32_t crc, const void *bytes, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const uint8_t *at = bytes;

	pthread_once(&once, make_table);
	crc = ~crc;
	while (len--)
		crc = crc >> 8 ^ table[(crc ^ *at++) & 0xff];
	return ~crc;
}

#ifdef __x86_64__

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const void *bytes,
								 size_t len)
{
	const uint8_t *at = bytes;
	uint64_t sum = ~crc;

	for (; len >= 8; at += 8, len -= 8) {
		uint64_t word;

		memcpy(&word, at, 8);
		sum = __builtin_ia32_crc32di(sum, word);
	}
	for (; len; at++, len--)
		sum = __builtin_ia32_crc32qi((uint32_t)sum, *at);
	return ~(uint32_t)sum;
}

uint32_t jem_crc32c(uint32_t crc, const void *bytes, size_t len)
{
	if (__builtin_cpu_supports("sse4.2"))
		return by_instruction(crc, bytes, len);
	return jem_crc32c_table(crc, bytes, len);
}

#else

uint32_t jem_crc32c(uint32_t crc, const void *bytes, size_t len)
{
	return jem_crc32c_table(crc, bytes, len);
}

#endif
