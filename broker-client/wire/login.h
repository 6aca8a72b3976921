/* SPDX-License-Identifier: Apache-2.0 */
/*
 * login: the client's side of SASL (AMQP 1.0 part 5, section 5.3): EXTERNAL where a certificate was
 * shown, SCRAM-SHA-256, PLAIN, ANONYMOUS, the first of them that the server offers and that we can.
 *
 * Nothing less is done than was configured: with a user, no way in without its password is taken, and
 * no success that the broker reports before there was a login.
 *
 * Proton's own has no SCRAM. PLAIN is for the caller to allow: only under TLS or within the machine.
 */
#ifndef JEM_BROKER_CLIENT_WIRE_LOGIN_H
#define JEM_BROKER_CLIENT_WIRE_LOGIN_H

#include "broker-client/wire/scram.h"

#include <proton/transport.h>
#include <stdbool.h>

#define JEM_LOGIN_WHY_SIZE 160

struct jem_login {
	const char *user; /* borrowed, as the password; NULL: no password is used */
	const char *password;
	bool has_certificate; /* the connection is under TLS and showed one */
	struct jem_scram scram;
	char plain[1024];             /* what PLAIN sends; wiped once the server has answered */
	const char *mechanism;        /* that was chosen */
	char why[JEM_LOGIN_WHY_SIZE]; /* it was given up by us, not by the broker; "" if it was not */
};

/* Before the transport is bound; `login` is borrowed and outlives the transport. */
void jem_login_setup(pn_transport_t *transport, struct jem_login *login);

#endif
