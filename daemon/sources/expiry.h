/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expiry: until when a credential is valid, and nothing else of it.
 *
 * Nothing is verified: whether the credential is good is for its users to say. Both readers are
 * for hostile bytes. OpenSSL would do for certificates, but reading one date through it costs the
 * daemon more memory than all its sources together.
 */
#ifndef JEM_DAEMON_SOURCES_EXPIRY_H
#define JEM_DAEMON_SOURCES_EXPIRY_H

#include <stddef.h>
#include <stdint.h>

#define JEM_CREDENTIAL_SIZE_MAX (256u << 10)

/*
 * The earliest notAfter (RFC 5280 section 4.1.2.5) of all certificates in a PEM text, which is a
 * grid proxy with its chain: seconds since 1970. -ENODATA: there is none, -EBADMSG.
 */
int jem_expiry_of_proxy(const char *pem, size_t len, int64_t *ret_s);

/* `exp` (RFC 7519 section 4.1.4) of a JSON Web Token. -ENODATA: no such token, or without `exp`. */
int jem_expiry_of_token(const char *token, size_t len, int64_t *ret_s);

#endif
