/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/wire/login.h"

#include "broker-client/wire/sasl_rest.h"

#include <proton/sasl.h>
#include <stdio.h>
#include <string.h>

#define MECHANISMS "EXTERNAL " JEM_SCRAM_NAME " PLAIN ANONYMOUS"

static const char *list_mechanisms(pn_transport_t *transport)
{
	return MECHANISMS;
}

static bool init_client(pn_transport_t *transport)
{
	return true;
}

static bool offers(const char *offered, const char *mechanism)
{
	size_t len = strlen(mechanism);

	for (const char *at = offered; (at = strstr(at, mechanism)); at += len)
		if ((at == offered || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	return false;
}

static const char *choose(const struct jem_login *login, const char *offered)
{
	if (login->has_certificate && !login->user && offers(offered, "EXTERNAL"))
		return "EXTERNAL";
	if (login->user && offers(offered, JEM_SCRAM_NAME))
		return JEM_SCRAM_NAME;
	if (login->user && offers(offered, "PLAIN"))
		return "PLAIN";
	if (!login->user && offers(offered, "ANONYMOUS"))
		return "ANONYMOUS";
	return NULL;
}

static bool begin(pn_transport_t *transport, struct jem_login *login)
{
	if (!strcmp(login->mechanism, JEM_SCRAM_NAME)) {
		if (jem_scram_client_first(&login->scram, login->user, NULL) < 0)
			return false;
		pnx_sasl_set_bytes_out(
			transport, pn_bytes(strlen(login->scram.message), login->scram.message));
	} else if (!strcmp(login->mechanism, "PLAIN")) {
		int len = snprintf(login->plain, sizeof(login->plain), "%c%s%c%s", 0, login->user,
				   0, login->password);

		if (len >= (int)sizeof(login->plain))
			return false;
		pnx_sasl_set_bytes_out(transport, pn_bytes((size_t)len, login->plain));
	} else {
		pnx_sasl_set_bytes_out(transport, pn_bytes(0, ""));
	}
	return true;
}

/* Proton has left out of the offer what is not among our mechanisms. */
static void tell_offer(struct jem_login *login, const char *offered)
{
	snprintf(login->why, sizeof(login->why), "the broker offers no login %s, only %s",
		 login->user ? "with a password" : "without user and password", offered);
}

static bool process_mechanisms(pn_transport_t *transport, const char *offered)
{
	struct jem_login *login = pnx_sasl_get_context(transport);

	login->mechanism = choose(login, offered);
	if (!login->mechanism)
		tell_offer(login, offered);
	if (!login->mechanism || !begin(transport, login))
		return false;
	pnx_sasl_set_selected_mechanism(transport, login->mechanism);
	pnx_sasl_set_desired_state(transport, SASL_POSTED_INIT);
	return true;
}

static bool is_scram(const struct jem_login *login)
{
	return login->mechanism && !strcmp(login->mechanism, JEM_SCRAM_NAME);
}

static void refuse(pn_transport_t *transport, const char *why)
{
	struct jem_login *login = pnx_sasl_get_context(transport);

	snprintf(login->why, sizeof(login->why), "%s", why);
	pnx_sasl_error(transport, why, "amqp:unauthorized-access");
	pnx_sasl_set_desired_state(transport, SASL_ERROR);
}

static void process_challenge(pn_transport_t *transport, const pn_bytes_t *bytes)
{
	struct jem_login *login = pnx_sasl_get_context(transport);
	struct jem_scram *scram = &login->scram;

	if (!is_scram(login) ||
	    (scram->is_signed ? jem_scram_client_verify(scram, bytes->start, bytes->size)
			      : jem_scram_client_final(scram, login->password, bytes->start,
						       bytes->size)) < 0) {
		refuse(transport, "the broker's part of the login makes no sense");
		return;
	}
	/* Its signature may come as a last challenge, which is answered with nothing. */
	if (scram->is_signed && bytes->size > 1 && bytes->start[0] == 'v') {
		login->mechanism = "";
		pnx_sasl_set_bytes_out(transport, pn_bytes(0, ""));
	} else {
		pnx_sasl_set_bytes_out(transport, pn_bytes(strlen(scram->message), scram->message));
	}
	pnx_sasl_set_desired_state(transport, SASL_POSTED_RESPONSE);
}

static void process_outcome(pn_transport_t *transport, const pn_bytes_t *bytes)
{
	struct jem_login *login = pnx_sasl_get_context(transport);

	explicit_bzero(login->plain, sizeof(login->plain));
	if (pn_sasl_outcome(pn_sasl(transport)) != PN_SASL_OK)
		return;
	if (!login->mechanism)
		refuse(transport, "the broker calls the login a success before there was one");
	if (!is_scram(login))
		return;
	if (!bytes || jem_scram_client_verify(&login->scram, bytes->start, bytes->size) < 0)
		refuse(transport, "the broker does not know the password that it asks for");
}

static void no_init(pn_transport_t *transport, const char *mechanism, const pn_bytes_t *bytes)
{
}

static const pnx_sasl_implementation implementation = {
	.free = jem_sasl_ignore,
	.list_mechanisms = list_mechanisms,
	.init_server = jem_sasl_no,
	.init_client = init_client,
	.prepare_write = jem_sasl_ignore,
	.process_init = no_init,
	.process_response = jem_sasl_ignore_bytes,
	.process_mechanisms = process_mechanisms,
	.process_challenge = process_challenge,
	.process_outcome = process_outcome,
	.can_encrypt = jem_sasl_no,
	.max_encrypt_size = jem_sasl_no_size,
	.encode = jem_sasl_no_coding,
	.decode = jem_sasl_no_coding,
};

void jem_login_setup(pn_transport_t *transport, struct jem_login *login)
{
	pn_sasl_t *sasl = pn_sasl(transport);

	pnx_sasl_set_implementation(transport, &implementation, login);
	pn_sasl_allowed_mechs(sasl, MECHANISMS);
	pn_sasl_set_allow_insecure_mechs(sasl, true); /* see above */
}
