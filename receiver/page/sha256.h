/* SPDX-License-Identifier: Apache-2.0 */
/* sha256: FIPS 180-4, for naming style and script of a page in its Content-Security-Policy. */
#ifndef JEM_RECEIVER_PAGE_SHA256_H
#define JEM_RECEIVER_PAGE_SHA256_H

#include <stddef.h>

#define JEM_SHA256_BASE64 45 /* 44 characters and the NUL */

void jem_sha256_base64(const void *bytes, size_t len, char ret[JEM_SHA256_BASE64]);

#endif
