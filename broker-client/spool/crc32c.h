/* SPDX-License-Identifier: Apache-2.0 */
/* crc32c: CRC-32 with Castagnoli's polynomial (RFC 3720 section 12.1), by instruction where there is one. */
#ifndef JEM_BROKER_CLIENT_SPOOL_CRC32C_H
#define JEM_BROKER_CLIENT_SPOOL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of `bytes` after what gave `crc` (0 at the beginning). */
uint32_t jem_crc32c(uint32_t crc, const void *bytes, size_t len);

/* The same by table, for machines without the instruction and for the test of it. */
uint32_t jem_crc32c_table(uint32_t crc, const void *bytes, size_t len);

#endif
