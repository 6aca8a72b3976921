/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls: TLS 1.2 and 1.3 between socket and proton, by OpenSSL on buffers in memory.
 *
 * Proton's own layer refuses grid proxies (RFC 3820) and chains deeper than one; this one takes a folder
 * of authorities with hashed names and CRLs as the IGTF distributes it, checks host names and IP
 * addresses (RFC 6125), and tells in one line why a certificate is refused.
 *
 * Flow:      socket -> jem_tls_feed -> jem_tls_read -> proton -> jem_tls_write -> jem_tls_output -> socket
 * Thread:    loop thread; nothing blocks
 * Ownership: a context is shared by its connections; the last to leave frees it
 * Bound:     a connection holds at most what was fed and not read (one read of the engine) and what was
 *            written and not sent (one buffer of proton's)
 */
#ifndef JEM_BROKER_CLIENT_WIRE_TLS_H
#define JEM_BROKER_CLIENT_WIRE_TLS_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct jem_tls_settings {
	const char *ca;   /* file or folder of authorities; NULL: of the system */
	const char *cert; /* file with our certificate and its chain, or NULL */
	const char *key;  /* file of mode 0600 with its key; NULL: in `cert` */
	bool needs_crl;   /* a certificate without a CRL of its authority is refused */
	bool takes_proxy; /* RFC 3820 proxy certificates of peers */
	bool wants_peer;  /* server: clients must show a certificate */
};

struct jem_tls_context;
struct jem_tls;

/* -errno with the file that is wrong and why. */
int jem_tls_context_create(const struct jem_tls_settings *settings, bool is_server,
			   struct jem_tls_context **ret, struct jem_err *err);
void jem_tls_context_unref(struct jem_tls_context *context);

/* `host`: of a client, the name or address that the server must have; NULL for a server. */
int jem_tls_create(struct jem_tls_context *context, const char *host, struct jem_tls **ret);
void jem_tls_destroy(struct jem_tls *tls);

/* Bytes from the socket; -ENOMEM. */
int jem_tls_feed(struct jem_tls *tls, const void *bytes, size_t len);
/* Plain bytes out: their number, 0: none now, -EPIPE: the peer has ended, -EPROTO: see jem_tls_reason. */
ssize_t jem_tls_read(struct jem_tls *tls, void *room, size_t size);
/* Plain bytes in: how many were taken, 0 while the handshake lasts; -EPROTO. */
ssize_t jem_tls_write(struct jem_tls *tls, const void *bytes, size_t len);
/* What is to be written to the socket; valid until the next call. Take back what was written. */
size_t jem_tls_output(struct jem_tls *tls, const char **ret);
void jem_tls_output_done(struct jem_tls *tls, size_t len);
/* Says goodbye to the peer; output follows. */
void jem_tls_shutdown(struct jem_tls *tls);

bool jem_tls_is_ready(const struct jem_tls *tls);
/* Why it failed, in one line for people. */
const char *jem_tls_reason(const struct jem_tls *tls);
/* The subject of the peer's certificate as RFC 4514 writes it (of a proxy: of its owner); "" without one. */
const char *jem_tls_peer(struct jem_tls *tls);

#endif
