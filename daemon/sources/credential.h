/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credential_source: how long the job's grid proxy and bearer token still live.
 *
 * Flow:      the job's environment -> proxy file, token -> expiry -> status records, alerts
 * Thread:    loop thread
 * Ownership: batcher is borrowed and outlives it
 * Invariant: nothing of a credential but its end of validity is kept or published
 *
 * The proxy is X509_USER_PROXY, else /tmp/x509up_u<uid> if there is one. The token is found as
 * WLCG Bearer Token Discovery says: BEARER_TOKEN, BEARER_TOKEN_FILE, $XDG_RUNTIME_DIR/bt_u<uid>,
 * /tmp/bt_u<uid>. One status record each every 60 s; an alert once when the
 * time left falls under credential.warn, when it is over, and when it cannot be read.
 */
#ifndef JEM_DAEMON_SOURCES_CREDENTIAL_H
#define JEM_DAEMON_SOURCES_CREDENTIAL_H

#include "daemon/batcher.h"

#include <sys/types.h>

struct jem_credential_options {
	uv_loop_t *loop;
	struct jem_batcher *batcher;
	uint64_t warn_ns; /* credential.warn */
	pid_t pid;        /* of the job */
	const char *root; /* stands before /proc and the default places, "" */
};

struct jem_credential_source;

int jem_credential_source_create(const struct jem_credential_options *options,
				 struct jem_credential_source **ret);

/* Looks, says what it finds, and goes on every minute. */
void jem_credential_source_start(struct jem_credential_source *source);

/* Looks now, as if it were `now_s` (seconds since 1970). */
void jem_credential_source_look(struct jem_credential_source *source, int64_t now_s);

/* Frees in the loop's next pass. NULL is fine. */
void jem_credential_source_destroy(struct jem_credential_source *source);

#endif
