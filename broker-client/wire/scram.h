/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scram: SASL SCRAM-SHA-256 (RFC 5802, RFC 7677), both sides, without channel binding.
 *
 * A server learns nothing that lets it act for the user elsewhere, and must show that it knows the password
 * too. User names with `,` and `=` are escaped; passwords are taken as they are (no SASLprep).
 *
 * Bound: messages of JEM_SCRAM_MESSAGE_MAX bytes, 4,096 to 1,000,000 rounds
 * Errors: -EBADMSG for what is no message of the exchange, -EACCES where a proof is wrong
 */
#ifndef JEM_BROKER_CLIENT_WIRE_SCRAM_H
#define JEM_BROKER_CLIENT_WIRE_SCRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JEM_SCRAM_NAME        "SCRAM-SHA-256"
#define JEM_SCRAM_MESSAGE_MAX 1024
#define JEM_SCRAM_USER_MAX    256

struct jem_scram {
	char nonce[256];                        /* of both sides, once it is known */
	char first_bare[JEM_SCRAM_MESSAGE_MAX]; /* the client's first message without its head */
	char first_server[JEM_SCRAM_MESSAGE_MAX];
	char user[JEM_SCRAM_USER_MAX];
	uint8_t server_signature[32];
	char message[JEM_SCRAM_MESSAGE_MAX]; /* the last that was made */
	bool is_signed;                      /* server_signature is what the server must show */
};

/* Each makes `message`. `nonce` is NULL but in tests. */
int jem_scram_client_first(struct jem_scram *scram, const char *user, const char *nonce);
int jem_scram_client_final(struct jem_scram *scram, const char *password, const char *challenge,
			   size_t len);
/* The server's last word: 0 if it knows the password. */
int jem_scram_client_verify(struct jem_scram *scram, const char *text, size_t len);

/* `salt` of 16 bytes and `nonce` are NULL but in tests. The user is in `user` afterwards. */
int jem_scram_server_first(struct jem_scram *scram, const char *init, size_t len,
			   const uint8_t *salt, const char *nonce);
/* `password` NULL: no such user, which takes as long and is -EACCES. */
int jem_scram_server_final(struct jem_scram *scram, const char *password, const char *response,
			   size_t len);

#endif
