/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/wire/scram.h"
#include "tests/unit/check.h"

#include <errno.h>

/* The exchange of RFC 7677 section 3. */
static const uint8_t salt[16] = { 0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e,
				  0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81 };
static const char first[] = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
static const char challenge[] = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
				"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
static const char final[] = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
			    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
static const char verifier[] = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

CASE(the_exchange_of_the_rfc)
{
	struct jem_scram client;
	struct jem_scram server;

	CHECK_OK(jem_scram_client_first(&client, "user", "rOprNGfwEbeRWgbNEkqO"));
	CHECK_STR(client.message, first);
	CHECK_OK(jem_scram_server_first(&server, client.message, strlen(client.message), salt,
					"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"));
	CHECK_STR(server.user, "user");
	CHECK_STR(server.message, challenge);
	CHECK_OK(jem_scram_client_final(&client, "pencil", challenge, strlen(challenge)));
	CHECK_STR(client.message, final);
	CHECK_OK(jem_scram_server_final(&server, "pencil", final, strlen(final)));
	CHECK_STR(server.message, verifier);
	CHECK_OK(jem_scram_client_verify(&client, verifier, strlen(verifier)));
}

/* 0, or what the server says to the client's proof. */
static int exchange(const char *user, const char *theirs, const char *ours,
		    struct jem_scram *client)
{
	struct jem_scram server;
	int rc;

	CHECK_OK(jem_scram_client_first(client, user, NULL));
	CHECK_OK(jem_scram_server_first(&server, client->message, strlen(client->message), NULL,
					NULL));
	CHECK_STR(server.user, user);
	CHECK_OK(jem_scram_client_final(client, theirs, server.message, strlen(server.message)));
	rc = jem_scram_server_final(&server, ours, client->message, strlen(client->message));
	if (rc >= 0)
		rc = jem_scram_client_verify(client, server.message, strlen(server.message));
	return rc;
}

CASE(both_sides_agree_or_refuse)
{
	struct jem_scram client;

	CHECK_OK(exchange("jane", "secret", "secret", &client));
	CHECK_OK(exchange("a,b=c", "", "", &client));
	CHECK_EQ(exchange("jane", "secret", "other", &client), -EACCES);
	CHECK_EQ(exchange("jane", "secret", NULL, &client), -EACCES);
	/* A server that does not know the password is found out. */
	CHECK_EQ(jem_scram_client_verify(&client, verifier, strlen(verifier)), -EACCES);
}

CASE(what_is_no_message_is_refused)
{
	static const char *const inits[] = { "",
					     "n,,",
					     "n,,n=,r=x",
					     "p=x,,n=u,r=x",
					     "n,a=other,n=u,r=x",
					     "n,,n=u=00,r=x",
					     "n,,n=u",
					     "n,,n=u,r=",
					     "n,,m=x,n=u,r=x" };
	static const char *const challenges[] = {
		"",
		"r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		"r=mine,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		"r=mineand,s=,i=4096",
		"r=mineand,s=!!!!,i=4096",
		"r=mineand,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1",
		"r=mineand,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999",
		"r=mineand,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096x",
		"r=mineand,s=W22ZaJ0SNY7soEsUEjb6gQ==",
	};
	static const char *const finals[] = { "",
					      "c=biws",
					      "c=biws,r=wrong,p=AAAA",
					      "c=AAAA,r=mineyours,p=AAAA",
					      "c=biws,r=mineyours",
					      "c=biws,r=mineyours,p=AAAA" };
	struct jem_scram scram;

	for (size_t i = 0; i < sizeof(inits) / sizeof(*inits); i++)
		CHECK_EQ(jem_scram_server_first(&scram, inits[i], strlen(inits[i]), NULL, NULL),
			 -EBADMSG);
	for (size_t i = 0; i < sizeof(challenges) / sizeof(*challenges); i++) {
		CHECK_OK(jem_scram_client_first(&scram, "u", "mine"));
		CHECK_EQ(jem_scram_client_final(&scram, "p", challenges[i], strlen(challenges[i])),
			 -EBADMSG);
	}
	for (size_t i = 0; i < sizeof(finals) / sizeof(*finals); i++) {
		CHECK_OK(jem_scram_server_first(&scram, "n,,n=u,r=mine", 13, NULL, "yours"));
		CHECK_EQ(jem_scram_server_final(&scram, "p", finals[i], strlen(finals[i])),
			 -EBADMSG);
	}
	CHECK_EQ(jem_scram_server_first(&scram, "n,,n=u\0,r=x", 11, NULL, NULL), -EBADMSG);
}

TESTS(T(the_exchange_of_the_rfc), T(both_sides_agree_or_refuse), T(what_is_no_message_is_refused))
