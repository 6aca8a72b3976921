/* SPDX-License-Identifier: Apache-2.0 */
/* base64: RFC 4648, both alphabets (sections 4 and 5), white space skipped, padding optional. */
#ifndef JEM_DAEMON_SOURCES_BASE64_H
#define JEM_DAEMON_SOURCES_BASE64_H

#include <stddef.h>
#include <sys/types.h>

/* The number of bytes written, -EBADMSG for a foreign character, -ENOSPC. */
ssize_t jem_base64_decode(const char *text, size_t len, unsigned char *ret, size_t size);

#endif
