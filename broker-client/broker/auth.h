/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth: the broker's side of SASL: ANONYMOUS for peers of our own user, EXTERNAL for those whose
 * certificate was checked, SCRAM-SHA-256 and PLAIN for those who have to show credentials. Proton's own server side has no PLAIN. Other mechanisms find their place
 * in this file.
 */
#ifndef JEM_BROKER_CLIENT_BROKER_AUTH_H
#define JEM_BROKER_CLIENT_BROKER_AUTH_H

#include "broker-client/credentials.h"
#include "broker-client/wire/scram.h"
#include "broker-client/wire/tls.h"

#include <proton/transport.h>

struct jem_auth {
	const struct jem_credentials
		*credentials; /* borrowed, outlives us; NULL: no password fits */
	bool is_trusted;      /* may come without credentials */
	bool is_refused;      /* has shown wrong ones */
	struct jem_tls *tls;  /* borrowed from the engine; NULL: none */
	struct jem_scram scram;
	bool is_challenged; /* SCRAM: its answer is awaited */
};

/* Before the transport is bound. `auth` is borrowed and outlives the transport. */
void jem_auth_setup(pn_transport_t *transport, struct jem_auth *auth);

#endif
