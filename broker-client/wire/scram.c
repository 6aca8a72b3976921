/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/wire/scram.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	HASH = 32,
	SALT_MAX = 128,
	SALT = 16,
	NONCE_BYTES = 18,
	ROUNDS = 4096,
	ROUNDS_MAX = 1000000,
};

struct keys {
	uint8_t client[HASH];
	uint8_t stored[HASH];
	uint8_t server[HASH];
};

static void hmac(const uint8_t *key, const void *text, size_t len, uint8_t ret[HASH])
{
	unsigned size = HASH;

	HMAC(EVP_sha256(), key, HASH, text, len, ret, &size);
}

static void make_keys(const char *password, const uint8_t *salt, size_t salt_len, int rounds,
		      struct keys *ret)
{
	uint8_t salted[HASH];

	PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, (int)salt_len, rounds,
			  EVP_sha256(), HASH, salted);
	hmac(salted, "Client Key", 10, ret->client);
	hmac(salted, "Server Key", 10, ret->server);
	EVP_Digest(ret->client, HASH, ret->stored, NULL, EVP_sha256(), NULL);
	OPENSSL_cleanse(salted, sizeof(salted));
}

static int base64(const uint8_t *bytes, size_t len, char *ret, size_t size)
{
	if ((len + 2) / 3 * 4 + 1 > size)
		return -EMSGSIZE;
	EVP_EncodeBlock((unsigned char *)ret, bytes, (int)len);
	return 0;
}

/* How many bytes, or -EBADMSG. EVP_DecodeBlock counts the padding as bytes. */
static int unbase64(const char *text, size_t len, uint8_t *ret, size_t size)
{
	int got;

	if (!len || len % 4 || len / 4 * 3 > size)
		return -EBADMSG;
	got = EVP_DecodeBlock(ret, (const unsigned char *)text, (int)len);
	if (got < 0)
		return -EBADMSG;
	return got - (text[len - 1] == '=') - (text[len - 2] == '=');
}

static int fresh_nonce(const char *given, char *ret, size_t size)
{
	uint8_t bytes[NONCE_BYTES];

	if (given)
		return snprintf(ret, size, "%s", given) < (int)size ? 0 : -EMSGSIZE;
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -errno;
	return base64(bytes, sizeof(bytes), ret, size);
}

/* The value of `name=` at *at, up to a comma or the end; steps over it. NULL: it is not there. */
static const char *attribute(const char **at, char name, size_t *ret_len)
{
	const char *text = *at;

	if (text[0] != name || text[1] != '=')
		return NULL;
	text += 2;
	*ret_len = strcspn(text, ",");
	*at = text + *ret_len + (text[*ret_len] == ',');
	return text;
}

static int copy_text(char *ret, size_t size, const char *text, size_t len)
{
	if (len >= size || memchr(text, '\0', len))
		return -EBADMSG;
	memcpy(ret, text, len);
	ret[len] = '\0';
	return 0;
}

/* AuthMessage of RFC 5802 section 3, and both signatures over it. */
static int sign(const struct jem_scram *scram, const struct keys *keys, const char *final_bare,
		uint8_t client[HASH], uint8_t server[HASH])
{
	char text[3 * JEM_SCRAM_MESSAGE_MAX];
	int len = snprintf(text, sizeof(text), "%s,%s,%s", scram->first_bare, scram->first_server,
			   final_bare);

	if (len >= (int)sizeof(text))
		return -EMSGSIZE;
	hmac(keys->stored, text, (size_t)len, client);
	hmac(keys->server, text, (size_t)len, server);
	return 0;
}

static void exclusive_or(uint8_t *bytes, const uint8_t *others)
{
	for (int i = 0; i < HASH; i++)
		bytes[i] ^= others[i];
}

/* --- client ---------------------------------------------------------------------------------------- */

static int escape_user(const char *user, char *ret, size_t size)
{
	size_t len = 0;

	for (; *user; user++) {
		const char *part = *user == ',' ? "=2C" : *user == '=' ? "=3D" : NULL;
		size_t more = part ? 3 : 1;

		if (len + more >= size)
			return -EMSGSIZE;
		memcpy(ret + len, part ? part : user, more);
		len += more;
	}
	ret[len] = '\0';
	return 0;
}

int jem_scram_client_first(struct jem_scram *scram, const char *user, const char *nonce)
{
	char escaped[JEM_SCRAM_USER_MAX * 3];
	int rc;

	*scram = (struct jem_scram){ .is_signed = false };
	rc = fresh_nonce(nonce, scram->nonce, sizeof(scram->nonce));
	if (rc >= 0)
		rc = escape_user(user, escaped, sizeof(escaped));
	if (rc < 0)
		return rc;
	rc = snprintf(scram->first_bare, sizeof(scram->first_bare), "n=%s,r=%s", escaped,
		      scram->nonce);
	if (rc >= (int)sizeof(scram->first_bare))
		return -EMSGSIZE;
	rc = snprintf(scram->message, sizeof(scram->message), "n,,%s", scram->first_bare);
	return rc < (int)sizeof(scram->message) ? 0 : -EMSGSIZE;
}

struct challenge {
	uint8_t salt[SALT_MAX];
	size_t salt_len;
	int rounds;
};

static int read_challenge(struct jem_scram *scram, struct challenge *ret)
{
	const char *at = scram->first_server;
	size_t mine = strlen(scram->nonce);
	size_t len;
	const char *value = attribute(&at, 'r', &len);
	int got;
	char *end;
	long rounds;

	/* Their nonce begins with ours and adds to it, or somebody repeats an old exchange. */
	if (!value || len <= mine || memcmp(value, scram->nonce, mine) != 0 ||
	    copy_text(scram->nonce, sizeof(scram->nonce), value, len) < 0)
		return -EBADMSG;
	value = attribute(&at, 's', &len);
	got = value ? unbase64(value, len, ret->salt, sizeof(ret->salt)) : -EBADMSG;
	if (got <= 0)
		return -EBADMSG;
	ret->salt_len = (size_t)got;
	value = attribute(&at, 'i', &len);
	rounds = value ? strtol(value, &end, 10) : 0;
	if (!value || end != value + len || rounds < ROUNDS || rounds > ROUNDS_MAX)
		return -EBADMSG;
	ret->rounds = (int)rounds;
	return 0;
}

int jem_scram_client_final(struct jem_scram *scram, const char *password, const char *challenge,
			   size_t len)
{
	struct challenge read;
	struct keys keys;
	uint8_t proof[HASH];
	char bare[JEM_SCRAM_MESSAGE_MAX];
	char text[64];
	int rc = copy_text(scram->first_server, sizeof(scram->first_server), challenge, len);

	if (rc >= 0)
		rc = read_challenge(scram, &read);
	if (rc < 0)
		return rc;
	make_keys(password, read.salt, read.salt_len, read.rounds, &keys);
	snprintf(bare, sizeof(bare), "c=biws,r=%s", scram->nonce);
	rc = sign(scram, &keys, bare, proof, scram->server_signature);
	if (rc >= 0) {
		exclusive_or(proof, keys.client);
		rc = base64(proof, HASH, text, sizeof(text));
	}
	OPENSSL_cleanse(&keys, sizeof(keys));
	if (rc < 0)
		return rc;
	scram->is_signed = true;
	rc = snprintf(scram->message, sizeof(scram->message), "%s,p=%s", bare, text);
	return rc < (int)sizeof(scram->message) ? 0 : -EMSGSIZE;
}

int jem_scram_client_verify(struct jem_scram *scram, const char *text, size_t len)
{
	uint8_t shown[HASH + 1];

	if (len < 2 || text[0] != 'v' || text[1] != '=')
		return -EBADMSG;
	if (!scram->is_signed || unbase64(text + 2, len - 2, shown, sizeof(shown)) != HASH ||
	    CRYPTO_memcmp(shown, scram->server_signature, HASH) != 0)
		return -EACCES;
	return 0;
}

/* --- server ---------------------------------------------------------------------------------------- */

static int read_user(const char *text, size_t len, char *ret, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '=') {
			if (len - i < 3)
				return -EBADMSG;
			c = !memcmp(text + i, "=2C", 3)   ? ','
			    : !memcmp(text + i, "=3D", 3) ? '='
							  : 0;
			if (!c)
				return -EBADMSG;
			i += 2;
		}
		if (at + 1 >= size)
			return -EBADMSG;
		ret[at++] = c;
	}
	ret[at] = '\0';
	return at ? 0 : -EBADMSG;
}

int jem_scram_server_first(struct jem_scram *scram, const char *init, size_t len,
			   const uint8_t *salt, const char *nonce)
{
	uint8_t fresh[SALT];
	char salt_text[64];
	char mine[64];
	char text[JEM_SCRAM_MESSAGE_MAX];
	const char *at = text;
	const char *value;
	int rc;

	*scram = (struct jem_scram){ .is_signed = false };
	/* n: no channel binding; acting for another user is not offered. */
	if (copy_text(text, sizeof(text), init, len) < 0 ||
	    (strncmp(text, "n,,", 3) && strncmp(text, "y,,", 3)))
		return -EBADMSG;
	snprintf(scram->first_bare, sizeof(scram->first_bare), "%s", text + 3);
	at += 3;
	value = attribute(&at, 'n', &len);
	if (!value || read_user(value, len, scram->user, sizeof(scram->user)) < 0)
		return -EBADMSG;
	value = attribute(&at, 'r', &len);
	if (!value || !len || len > 128)
		return -EBADMSG;
	rc = fresh_nonce(nonce, mine, sizeof(mine));
	if (rc >= 0 && !salt && getrandom(fresh, sizeof(fresh), 0) != sizeof(fresh))
		rc = -errno;
	if (rc >= 0)
		rc = base64(salt ? salt : fresh, SALT, salt_text, sizeof(salt_text));
	if (rc < 0)
		return rc;
	if (snprintf(scram->nonce, sizeof(scram->nonce), "%.*s%s", (int)len, value, mine) >=
		    (int)sizeof(scram->nonce) ||
	    snprintf(scram->first_server, sizeof(scram->first_server), "r=%s,s=%s,i=%d",
		     scram->nonce, salt_text, ROUNDS) >= (int)sizeof(scram->first_server))
		return -EMSGSIZE;
	memcpy(scram->message, scram->first_server, sizeof(scram->message));
	return 0;
}

/* The client's proof is its key under the signature: taken off, its hash is what we have stored. */
static bool is_proof(const uint8_t proof[HASH], const uint8_t signature[HASH],
		     const struct keys *keys)
{
	uint8_t key[HASH];
	uint8_t stored[HASH];
	bool is_right;

	memcpy(key, proof, HASH);
	exclusive_or(key, signature);
	EVP_Digest(key, HASH, stored, NULL, EVP_sha256(), NULL);
	is_right = CRYPTO_memcmp(stored, keys->stored, HASH) == 0;
	OPENSSL_cleanse(key, sizeof(key));
	return is_right;
}

int jem_scram_server_final(struct jem_scram *scram, const char *password, const char *response,
			   size_t len)
{
	char text[JEM_SCRAM_MESSAGE_MAX];
	char *proof_at;
	uint8_t proof[HASH + 1];
	uint8_t signature[HASH];
	uint8_t salt[SALT_MAX];
	struct keys keys;
	const char *at = text;
	const char *value;
	int rc;

	if (copy_text(text, sizeof(text), response, len) < 0)
		return -EBADMSG;
	value = attribute(&at, 'c', &len);
	if (!value || (strncmp(value, "biws", len) && strncmp(value, "eSws", len)))
		return -EBADMSG;
	value = attribute(&at, 'r', &len);
	if (!value || len != strlen(scram->nonce) || memcmp(value, scram->nonce, len) != 0)
		return -EBADMSG;
	proof_at = strstr(text, ",p=");
	if (!proof_at || unbase64(proof_at + 3, strlen(proof_at + 3), proof, sizeof(proof)) != HASH)
		return -EBADMSG;
	*proof_at = '\0';
	value = strstr(scram->first_server, ",s=") + 3;
	rc = unbase64(value, strcspn(value, ","), salt, sizeof(salt));
	if (rc < 0)
		return rc;
	make_keys(password ? password : "", salt, (size_t)rc, ROUNDS, &keys);
	rc = sign(scram, &keys, text, signature, scram->server_signature);
	if (rc >= 0 && (!is_proof(proof, signature, &keys) || !password))
		rc = -EACCES;
	OPENSSL_cleanse(&keys, sizeof(keys));
	if (rc < 0)
		return rc;
	memcpy(scram->message, "v=", 3);
	return base64(scram->server_signature, HASH, scram->message + 2,
		      sizeof(scram->message) - 2);
}
