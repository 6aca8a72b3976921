/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/wire/tls.h"

#include "common/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
	DEPTH = 9,
	PEER_SIZE = 512
};

struct jem_tls_context {
	SSL_CTX *ssl;
	unsigned users;
	bool is_server;
};

struct jem_tls {
	struct jem_tls_context *context; /* shared */
	SSL *ssl;                        /* owns the two BIOs */
	BIO *in;
	BIO *out;
	bool is_failed;
	char reason[256];
	char peer[PEER_SIZE];
};

/* --- context -------------------------------------------------------------------------------------- */

static int ssl_error(struct jem_err *err, int code, const char *what, const char *path)
{
	unsigned long number = ERR_peek_last_error();
	const char *reason = number ? ERR_reason_error_string(number) : NULL;

	ERR_clear_error();
	return jem_err_set(err, code, "%s %s: %s", what, path, reason ? reason : "cannot be used");
}

/* The key of a connection is no secret once others can read its file. */
static int check_key_file(const char *path, struct jem_err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return jem_err_set(err, -errno, "key %s: %s", path, strerror(errno));
	if (st.st_mode & 077)
		return jem_err_set(err, -EPERM, "key %s: others can read it; chmod 600 it", path);
	return 0;
}

static int load_identity(SSL_CTX *ssl, const struct jem_tls_settings *settings, struct jem_err *err)
{
	const char *key = settings->key ? settings->key : settings->cert;
	int rc;

	if (!settings->cert)
		return 0;
	rc = check_key_file(key, err);
	if (rc < 0)
		return rc;
	if (SSL_CTX_use_certificate_chain_file(ssl, settings->cert) != 1)
		return ssl_error(err, -EINVAL, "certificate", settings->cert);
	if (SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1)
		return ssl_error(err, -EINVAL, "key", key);
	if (SSL_CTX_check_private_key(ssl) != 1)
		return ssl_error(err, -EINVAL, "key that does not belong to", settings->cert);
	return 0;
}

static int load_authorities(SSL_CTX *ssl, const struct jem_tls_settings *settings,
			    struct jem_err *err)
{
	struct stat st;
	bool is_folder;

	if (!settings->ca) {
		SSL_CTX_set_default_verify_paths(ssl);
		return 0;
	}
	if (stat(settings->ca, &st) < 0)
		return jem_err_set(err, -errno, "authorities %s: %s", settings->ca,
				   strerror(errno));
	is_folder = S_ISDIR(st.st_mode);
	if (SSL_CTX_load_verify_locations(ssl, is_folder ? NULL : settings->ca,
					  is_folder ? settings->ca : NULL) != 1)
		return ssl_error(err, -EINVAL, "authorities", settings->ca);
	return 0;
}

static void set_checks(SSL_CTX *ssl, const struct jem_tls_settings *settings, bool is_server)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ssl);
	unsigned long flags = 0;

	if (settings->needs_crl)
		flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
	if (settings->takes_proxy)
		flags |= X509_V_FLAG_ALLOW_PROXY_CERTS;
	X509_VERIFY_PARAM_set_flags(param, flags);
	X509_VERIFY_PARAM_set_depth(param, DEPTH);
	if (is_server && !settings->wants_peer)
		SSL_CTX_set_verify(ssl, SSL_VERIFY_NONE, NULL);
	else
		SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

int jem_tls_context_create(const struct jem_tls_settings *settings, bool is_server,
			   struct jem_tls_context **ret, struct jem_err *err)
{
	struct jem_tls_context *context = calloc(1, sizeof(*context));
	int rc;

	if (!context)
		return jem_err_set(err, -ENOMEM, "no memory for TLS");
	context->users = 1;
	context->is_server = is_server;
	context->ssl = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	if (!context->ssl) {
		free(context);
		return jem_err_set(err, -ENOMEM, "no memory for TLS");
	}
	SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION);
	SSL_CTX_set_mode(context->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
					       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					       SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(context->ssl, SSL_OP_NO_RENEGOTIATION);
	rc = load_authorities(context->ssl, settings, err);
	if (rc >= 0)
		rc = load_identity(context->ssl, settings, err);
	if (rc < 0) {
		jem_tls_context_unref(context);
		return rc;
	}
	set_checks(context->ssl, settings, is_server);
	*ret = context;
	return 0;
}

void jem_tls_context_unref(struct jem_tls_context *context)
{
	if (!context || --context->users)
		return;
	SSL_CTX_free(context->ssl);
	free(context);
}

/* --- connection ------------------------------------------------------------------------------------ */

static int expect_host(SSL *ssl, const char *host)
{
	struct in6_addr address;
	bool is_address =
		inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;

	if (is_address)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1 ? 0 : -EINVAL;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (SSL_set1_host(ssl, host) != 1 || SSL_set_tlsext_host_name(ssl, host) != 1)
		return -EINVAL;
	return 0;
}

int jem_tls_create(struct jem_tls_context *context, const char *host, struct jem_tls **ret)
{
	struct jem_tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		return -ENOMEM;
	tls->context = context;
	context->users++;
	tls->ssl = SSL_new(context->ssl);
	tls->in = BIO_new(BIO_s_mem());
	tls->out = BIO_new(BIO_s_mem());
	if (!tls->ssl || !tls->in || !tls->out || (host && expect_host(tls->ssl, host) < 0)) {
		BIO_free(tls->in);
		BIO_free(tls->out);
		SSL_free(tls->ssl);
		jem_tls_context_unref(context);
		free(tls);
		return -ENOMEM;
	}
	/* An empty buffer is "later", not the end. */
	BIO_set_mem_eof_return(tls->in, -1);
	SSL_set_bio(tls->ssl, tls->in, tls->out);
	if (context->is_server)
		SSL_set_accept_state(tls->ssl);
	else
		SSL_set_connect_state(tls->ssl);
	*ret = tls;
	return 0;
}

void jem_tls_destroy(struct jem_tls *tls)
{
	if (!tls)
		return;
	SSL_free(tls->ssl);
	jem_tls_context_unref(tls->context);
	free(tls);
}

/* What OpenSSL says is for its makers; the verification's own words come first. */
static void note_failure(struct jem_tls *tls)
{
	long verified = SSL_get_verify_result(tls->ssl);
	unsigned long number = ERR_get_error();
	const char *reason = number ? ERR_reason_error_string(number) : NULL;

	ERR_clear_error();
	if (tls->is_failed)
		return;
	tls->is_failed = true;
	if (verified != X509_V_OK)
		snprintf(tls->reason, sizeof(tls->reason), "the %s's certificate is refused: %s",
			 tls->context->is_server ? "client" : "broker",
			 X509_verify_cert_error_string(verified));
	else
		snprintf(tls->reason, sizeof(tls->reason), "TLS: %s",
			 reason ? reason : "the peer ended the handshake");
}

/* 0: later, -EPIPE: the end, -EPROTO. */
static ssize_t explain(struct jem_tls *tls, int rc)
{
	switch (SSL_get_error(tls->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		return -EPIPE;
	default:
		note_failure(tls);
		return -EPROTO;
	}
}

int jem_tls_feed(struct jem_tls *tls, const void *bytes, size_t len)
{
	size_t written;

	return BIO_write_ex(tls->in, bytes, len, &written) == 1 && written == len ? 0 : -ENOMEM;
}

static ssize_t shake_hands(struct jem_tls *tls)
{
	int rc;

	if (tls->is_failed)
		return -EPROTO;
	if (SSL_is_init_finished(tls->ssl))
		return 1;
	ERR_clear_error();
	rc = SSL_do_handshake(tls->ssl);
	return rc == 1 ? 1 : explain(tls, rc);
}

ssize_t jem_tls_read(struct jem_tls *tls, void *room, size_t size)
{
	ssize_t ready = shake_hands(tls);
	size_t got;
	int rc;

	if (ready <= 0)
		return ready;
	ERR_clear_error();
	rc = SSL_read_ex(tls->ssl, room, size, &got);
	return rc == 1 ? (ssize_t)got : explain(tls, rc);
}

ssize_t jem_tls_write(struct jem_tls *tls, const void *bytes, size_t len)
{
	ssize_t ready = shake_hands(tls);
	size_t taken;
	int rc;

	if (ready <= 0)
		return ready;
	ERR_clear_error();
	rc = SSL_write_ex(tls->ssl, bytes, len, &taken);
	return rc == 1 ? (ssize_t)taken : explain(tls, rc);
}

size_t jem_tls_output(struct jem_tls *tls, const char **ret)
{
	char *data = NULL;
	long len = BIO_get_mem_data(tls->out, &data);

	*ret = data;
	return len > 0 ? (size_t)len : 0;
}

void jem_tls_output_done(struct jem_tls *tls, size_t len)
{
	char scratch[4096];

	while (len) {
		int got = BIO_read(tls->out, scratch,
				   (int)(len < sizeof(scratch) ? len : sizeof(scratch)));

		if (got <= 0)
			break;
		len -= (size_t)got;
	}
}

void jem_tls_shutdown(struct jem_tls *tls)
{
	if (!tls->is_failed && SSL_is_init_finished(tls->ssl))
		(void)SSL_shutdown(tls->ssl);
	ERR_clear_error();
}

bool jem_tls_is_ready(const struct jem_tls *tls)
{
	return SSL_is_init_finished(tls->ssl) && !tls->is_failed;
}

const char *jem_tls_reason(const struct jem_tls *tls)
{
	return tls->reason;
}

/* A proxy is signed by its owner: the first certificate of the chain that is none names the person. */
static X509 *owner(struct jem_tls *tls)
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(tls->ssl);

	for (int i = 0; chain && i < sk_X509_num(chain); i++)
		if (!(X509_get_extension_flags(sk_X509_value(chain, i)) & EXFLAG_PROXY))
			return sk_X509_value(chain, i);
	return NULL;
}

const char *jem_tls_peer(struct jem_tls *tls)
{
	X509 *certificate = owner(tls);
	BIO *text;
	int len;

	tls->peer[0] = '\0';
	if (!certificate)
		return tls->peer;
	text = BIO_new(BIO_s_mem());
	if (!text)
		return tls->peer;
	X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
	len = BIO_read(text, tls->peer, PEER_SIZE - 1);
	tls->peer[len > 0 ? len : 0] = '\0';
	BIO_free(text);
	return tls->peer;
}
