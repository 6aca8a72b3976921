/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/broker/auth.h"

#include "broker-client/wire/sasl_rest.h"

#include <proton/sasl.h>
#include <string.h>

enum {
	USER_MAX = 128
};

static const char *list_mechanisms(pn_transport_t *transport)
{
	static const char *const lists[] = {
		"PLAIN",
		"ANONYMOUS",
		JEM_SCRAM_NAME " PLAIN",
		JEM_SCRAM_NAME " PLAIN ANONYMOUS",
		"EXTERNAL PLAIN",
		"EXTERNAL PLAIN ANONYMOUS",
		"EXTERNAL " JEM_SCRAM_NAME " PLAIN",
		"EXTERNAL " JEM_SCRAM_NAME " PLAIN ANONYMOUS",
	};
	const struct jem_auth *auth = pnx_sasl_get_context(transport);
	bool is_known = auth->tls && jem_tls_peer(auth->tls)[0];

	return lists[auth->is_trusted + 2 * (auth->credentials != NULL) + 4 * is_known];
}

static bool init_server(pn_transport_t *transport)
{
	pnx_sasl_set_desired_state(transport, SASL_POSTED_MECHANISMS);
	return true;
}

/* RFC 4616: [authzid] NUL authcid NUL passwd. Acting for another user is not offered. */
static bool check_plain(const struct jem_auth *auth, const pn_bytes_t *bytes, char *ret_user)
{
	const char *end = bytes->start + bytes->size;
	const char *user = bytes->size ? memchr(bytes->start, '\0', bytes->size) : NULL;
	const char *password;
	size_t user_len;

	if (!user)
		return false;
	user++;
	password = memchr(user, '\0', (size_t)(end - user));
	if (!password)
		return false;
	user_len = (size_t)(password - user);
	password++;
	if (!user_len || user_len >= USER_MAX || !auth->credentials)
		return false;
	if (user - 1 > bytes->start && ((size_t)(user - 1 - bytes->start) != user_len ||
					memcmp(bytes->start, user, user_len) != 0))
		return false;
	if (!jem_credentials_check(auth->credentials, user, user_len, password,
				   (size_t)(end - password)))
		return false;
	memcpy(ret_user, user, user_len);
	ret_user[user_len] = '\0';
	return true;
}

static void post(pn_transport_t *transport, struct jem_auth *auth, enum pnx_sasl_state state)
{
	pnx_sasl_set_bytes_out(transport,
			       pn_bytes(strlen(auth->scram.message), auth->scram.message));
	pnx_sasl_set_desired_state(transport, state);
}

static void challenge(pn_transport_t *transport, struct jem_auth *auth)
{
	auth->is_challenged = true;
	post(transport, auth, SASL_POSTED_CHALLENGE);
}

/* The answer to the challenge of SCRAM; other mechanisms have none. */
static void process_response(pn_transport_t *transport, const pn_bytes_t *bytes)
{
	struct jem_auth *auth = pnx_sasl_get_context(transport);
	const char *user;
	const char *password = NULL;

	if (auth->is_challenged &&
	    !jem_credentials_find(auth->credentials, auth->scram.user, &user, &password))
		password = NULL;
	if (!auth->is_challenged ||
	    jem_scram_server_final(&auth->scram, password, bytes->start, bytes->size) < 0) {
		auth->is_refused = true;
		pnx_sasl_set_failed(transport);
		pnx_sasl_set_desired_state(transport, SASL_POSTED_OUTCOME);
		return;
	}
	auth->is_challenged = false;
	pnx_sasl_set_succeeded(transport, auth->scram.user, NULL);
	post(transport, auth, SASL_POSTED_OUTCOME);
}

static void process_init(pn_transport_t *transport, const char *mechanism, const pn_bytes_t *bytes)
{
	struct jem_auth *auth = pnx_sasl_get_context(transport);
	char user[USER_MAX];

	if (!strcmp(mechanism, JEM_SCRAM_NAME) && auth->credentials &&
	    jem_scram_server_first(&auth->scram, bytes->start, bytes->size, NULL, NULL) >= 0) {
		challenge(transport, auth);
		return;
	}
	if (!strcmp(mechanism, "ANONYMOUS") && auth->is_trusted) {
		pnx_sasl_set_succeeded(transport, "anonymous", NULL);
	} else if (!strcmp(mechanism, "EXTERNAL") && auth->tls && jem_tls_peer(auth->tls)[0]) {
		pnx_sasl_set_succeeded(transport, jem_tls_peer(auth->tls), NULL);
	} else if (!strcmp(mechanism, "PLAIN") && check_plain(auth, bytes, user)) {
		pnx_sasl_set_succeeded(transport, user, NULL);
	} else {
		auth->is_refused = true;
		pnx_sasl_set_failed(transport);
	}
	pnx_sasl_set_desired_state(transport, SASL_POSTED_OUTCOME);
}

static bool process_mechanisms(pn_transport_t *transport, const char *mechanisms)
{
	(void)transport, (void)mechanisms;
	return false;
}

static const pnx_sasl_implementation implementation = {
	.free = jem_sasl_ignore,
	.list_mechanisms = list_mechanisms,
	.init_server = init_server,
	.init_client = jem_sasl_no,
	.prepare_write = jem_sasl_ignore,
	.process_init = process_init,
	.process_response = process_response,
	.process_mechanisms = process_mechanisms,
	.process_challenge = jem_sasl_ignore_bytes,
	.process_outcome = jem_sasl_ignore_bytes,
	.can_encrypt = jem_sasl_no,
	.max_encrypt_size = jem_sasl_no_size,
	.encode = jem_sasl_no_coding,
	.decode = jem_sasl_no_coding,
};

void jem_auth_setup(pn_transport_t *transport, struct jem_auth *auth)
{
	pn_sasl_t *sasl = pn_sasl(transport);

	pnx_sasl_set_implementation(transport, &implementation, auth);
	/* Under TLS the peer's name is not known yet: the offer is made when it is asked for. */
	pn_sasl_allowed_mechs(sasl,
			      auth->tls ? "EXTERNAL PLAIN ANONYMOUS" : list_mechanisms(transport));
	pn_sasl_set_allow_insecure_mechs(sasl, true); /* within the machine or under our TLS */
	pn_transport_require_auth(transport, !auth->is_trusted);
}
