/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redact.h"
#include "tests/unit/check.h"

CASE(knows_the_names_of_secrets)
{
	static const char *const secret[] = { "PASSWORD",   "X509_USER_PROXY", "BEARER_TOKEN_FILE",
					      "aws_secret", "sshKey",          "Authorization",
					      "creds" };
	static const char *const open[] = { "HOME", "PATH", "LANG", "file", "", "pas", "ke" };

	for (size_t i = 0; i < sizeof(secret) / sizeof(*secret); i++)
		if (!jem_redact_name_is_secret(secret[i], strlen(secret[i])))
			check_fail(__FILE__, __LINE__, "%s is not taken for a secret", secret[i]);
	for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++)
		if (jem_redact_name_is_secret(open[i], strlen(open[i])))
			check_fail(__FILE__, __LINE__, "%s is taken for a secret", open[i]);
	CHECK(!jem_redact_name_is_secret("tokens", 4));
}

static void check_bytes(struct jem_redactor *redactor, const char *text, size_t text_len,
			const char *wanted, size_t wanted_len)
{
	size_t len = text_len;
	const char *got = jem_redact(redactor, text, &len);

	if (len != wanted_len || memcmp(got, wanted, len))
		check_fail(__FILE__, __LINE__, "'%s' became '%.*s', wanted '%s'", text, (int)len,
			   got, wanted);
	if (text_len == wanted_len && !memcmp(text, wanted, text_len) && got != text)
		check_fail(__FILE__, __LINE__, "'%s' was copied for nothing", text);
}

static void check_text(struct jem_redactor *redactor, const char *text, const char *wanted)
{
	check_bytes(redactor, text, strlen(text), wanted, strlen(wanted));
}

struct example {
	const char *text, *wanted; /* wanted NULL: the text as it is */
};

/* Each at every alignment, in the middle of text, and redacted once more: nothing may change. */
static void check_examples(const struct example *examples, size_t count)
{
	struct jem_redactor *redactor;

	CHECK_OK(jem_redactor_create(NULL, 0, &redactor, NULL));
	for (size_t i = 0; i < count; i++) {
		const char *wanted = examples[i].wanted ? examples[i].wanted : examples[i].text;
		char text[512];
		char around[512];

		check_text(redactor, examples[i].text, wanted);
		check_text(redactor, wanted, wanted);
		snprintf(text, sizeof(text), "\n%s\nend", examples[i].text);
		snprintf(around, sizeof(around), "\n%s\nend", wanted);
		check_text(redactor, text, around);
	}
	jem_redactor_destroy(redactor);
}

#define CHECK_EXAMPLES(examples) check_examples(examples, sizeof(examples) / sizeof(*(examples)))

CASE(hides_values_of_secret_names)
{
	static const struct example examples[] = {
		{ "PASSWORD=hunter2", "PASSWORD=***" },
		{ "PASSWORD=hunter2 & more|of it", "PASSWORD=***" },
		{ "run with db_password=hunter2 and n=5", "run with db_password=*** and n=5" },
		{ "password=hunter2 for bob", "password=*** for bob" },
		{ "prog '--token=two words' --n '5'", "prog '--token=***' --n '5'" },
		{ "password = two words", "password = ***" },
		{ "x TOKEN=abc,def) y", "x TOKEN=***) y" },
		{ "f(user=a, token=b, n=3)", "f(user=a, token=***, n=3)" },
		{ "token = abc", "token = ***" },
		{ "  api_key: abc # old", "  api_key: *** # old" },
		{ "password: correct horse battery", "password: ***" },
		{ "12:00:01 INFO password: correct horse, user: jane",
		  "12:00:01 INFO password: ***, user: jane" },
		{ "{\"password\": \"hun ter2\", \"n\": 5}", "{\"password\": \"***\", \"n\": 5}" },
		{ "{\"password\":12345,\"n\":5}", "{\"password\":***,\"n\":5}" },
		{ "{\"auth\": {\"user\": \"}\", \"pw\": \"x\"}, \"n\": 5}",
		  "{\"auth\": ***, \"n\": 5}" },
		{ "{\"tokens\": [\"a\", \"b]\"], \"n\": 5}", "{\"tokens\": ***, \"n\": 5}" },
		{ "{'secretKey': 'a\\'b', 'n': 5}", "{'secretKey': '***', 'n': 5}" },
		{ "{\\\"token\\\":\\\"abc\\\",\\\"n\\\":5}",
		  "{\\\"token\\\":\\\"***\\\",\\\"n\\\":5}" },
		{ "\"token\":\n  \"abc\"", "\"token\":\n  \"***\"" },
		{ "export AWS_SECRET_ACCESS_KEY=ab/cd+ef", "export AWS_SECRET_ACCESS_KEY=***" },
		{ "set -x: + X509_USER_PROXY=/tmp/x509up_u1000 ./run",
		  "set -x: + X509_USER_PROXY=*** ./run" },
		{ "curl --token abc --verbose", "curl --token *** --verbose" },
		{ "curl --token=abc --verbose", "curl --token=*** --verbose" },
		{ "java -storepass 'a b' -v", "java -storepass '***' -v" },
		{ "prog --password \"a b\"c d", "prog --password *** d" },
		{ "prog --use-token --n 5", NULL },
		{ "os.environ['MY_TOKEN'] = 'abc'", "os.environ['MY_TOKEN'] = '***'" },
		{ "config[password]=b'abc'", "config[password]=b'***'" },
		{ "password: str = \"abc\"", "password: ***" },
		{ "x token: str = \"abc\" y", "x token: ***\" y" },
		{ "GET /x?token=abc&n=5 HTTP/1.1", "GET /x?token=***&n=5 HTTP/1.1" },
		{ "GET /x?token%3Dabc%26n", "GET /x?token%3D***" },
		{ "<password>hunter2</password><n>5</n>", "<password>***</password><n>5</n>" },
		{ "<a password=\"hunter2\" n=\"5\"/>", "<a password=\"***\" n=\"5\"/>" },
		{ "Cookie: a=b; c=d, e", "Cookie: ***" },
		{ "< Set-Cookie: sid=31; Path=/", "< Set-Cookie: ***" },
		{ "curl -H 'Authorization: Bearer abc' https://x/",
		  "curl -H 'Authorization: ***' https://x/" },
		{ "Proxy-Authorization: Basic abc def", "Proxy-Authorization: ***" },
		{ "auth=Bearer abc next", "auth=*** next" },
		{ "echo \"token=abc\" \"next\"", "echo \"token=***\" \"next\"" },
		{ "proxy := http://x:1", "proxy := ***" },
		{ "http_proxy=http://u:p@x:1", "http_proxy=***" },
		{ "key => 'abc'", "key => '***'" },
		{ "MyCredential=\xc3\xa9t\xc3\xa9.", "MyCredential=***" },
	};

	CHECK_EXAMPLES(examples);
}

CASE(leaves_prose_alone)
{
	static const struct example examples[] = {
		{ "the key to success is a token effort", NULL },
		{ "KeyError: 'pt'", NULL },
		{ "AuthenticationException: no route", NULL },
		{ "events passed: 1234 of 5000", NULL },
		{ "nPassed=12 tests passing=13", NULL },
		{ "author: Jane Doe", NULL },
		{ "keywords: physics, root", NULL },
		{ "Token::parse at key->next", NULL },
		{ "std::vector<Token> 5 < 6", NULL },
		{ "password incorrect for user jane", NULL },
		{ "tokens per second", NULL },
		{ "credit: nobody", NULL },
		{ "key:", NULL },
		{ "key=\n", NULL },
		{ "\"token=\" was empty", NULL },
		{ "see https://example.org/author?x=1#key", NULL },
		{ "--- secret ---", NULL },
		{ "2024-05-01 12:34:56.789 INFO  step 5: 12 tracks, pt=3.4", NULL },
	};

	CHECK_EXAMPLES(examples);
}

CASE(hides_credentials_known_by_their_shape)
{
	static const struct example examples[] = {
		{ "amqp://jane:pw@host:5672/x", "amqp://***@host:5672/x" },
		{ "postgres://jane:p/w@host/db and", "postgres://***@host/db and" },
		{ "https://ghp_abc@host/x@y", "https://***@host/x@y" },
		{ "https://u:p@ss@host", "https://***@host" },
		{ "root://eos.cern.ch:1094//eos/jane@x", NULL },
		{ "http://[::1]:80/@x", NULL },
		{ "file:///home/jane@x", NULL },
		{ "https://medium.com/@jane", NULL },
		{ "://", NULL },
		{ "sent Bearer abc.def_x~1 to", "sent Bearer *** to" },
		{ "bearer: x y", "bearer: *** y" },
		{ "Basic amFuZTpzZWNyZXQ= done", "Basic *** done" },
		{ "Basic understanding of basic selection", NULL },
		{ "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln-_ ok", "jwt *** ok" },
		{ "seen eyJhbGciOiJIUzI1NiJ9.", "seen ***." },
		{ "they said heyJude", NULL },
	};

	CHECK_EXAMPLES(examples);
}

CASE(hides_all_behind_a_quote_that_never_closes)
{
	struct jem_redactor *redactor;

	CHECK_OK(jem_redactor_create(NULL, 0, &redactor, NULL));
	check_text(redactor, "password=\"cut\nhere", "password=\"***");
	check_text(redactor, "token: [\"cut\", \nhere", "token: ***");
	check_text(redactor, "-----BEGIN KEY-----\nMII", "-----BEGIN KEY-----***");
	jem_redactor_destroy(redactor);
}

CASE(hides_every_argument_of_a_list)
{
	static const char list[] = "prog\0--password\0two words\0--token=a b\0SECRET=x y\0-n\0"
				   "5";
	static const char wanted[] = "prog\0--password\0***\0--token=***\0SECRET=***\0-n\0"
				     "5";
	struct jem_redactor *redactor;

	CHECK_OK(jem_redactor_create(NULL, 0, &redactor, NULL));
	check_bytes(redactor, list, sizeof(list) - 1, wanted, sizeof(wanted) - 1);
	jem_redactor_destroy(redactor);
}

#define PEM_LINE "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MhgHcTz6sE2I2yPB"

CASE(hides_pem_blocks)
{
	static const struct example examples[] = {
		{ "a -----BEGIN RSA PRIVATE KEY-----\n" PEM_LINE
		  "\nabc=\n-----END RSA PRIVATE KEY----- b",
		  "a -----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY----- b" },
		{ "\"-----BEGIN CERTIFICATE-----\\nMIIE\\n-----END CERTIFICATE-----\\n\"",
		  "\"-----BEGIN CERTIFICATE-----***-----END CERTIFICATE-----\\n\"" },
		{ "-----BEGIN of the run", NULL },
	};

	CHECK_EXAMPLES(examples);
}

CASE(hides_what_the_patterns_match)
{
	static const char *const patterns[] = { "DE\\d{4,}", "patient\\s+\\w+", "^$|q*" };
	struct jem_redactor *redactor;

	CHECK_OK(jem_redactor_create(patterns, 3, &redactor, NULL));
	check_text(redactor, "nothing here", "nothing here");
	check_text(redactor, "iban DE12345 and DE9876.", "iban *** and ***.");
	check_text(redactor, "patient  Miller DE55555 token=x", "*** *** token=***");
	check_text(redactor, "", "");
	check_text(redactor, "\xff\xfe DE12345 \xff", "\xff\xfe *** \xff");
	jem_redactor_destroy(redactor);
}

CASE(hides_the_rest_when_a_pattern_runs_away)
{
	static const char *const patterns[] = { "(a+)+$" };
	struct jem_redactor *redactor;
	char text[4096];
	size_t len = sizeof(text);

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = 'b';
	CHECK_OK(jem_redactor_create(patterns, 1, &redactor, NULL));
	const char *got = jem_redact(redactor, text, &len);

	CHECK_LE(len, 3);
	CHECK(!memcmp(got, "***", len));
	jem_redactor_destroy(redactor);
}

CASE(says_what_is_wrong_with_a_pattern)
{
	static const char *const patterns[] = { "fine", "a(b" };
	struct jem_redactor *redactor = NULL;
	struct jem_err err = { "" };

	CHECK(jem_redactor_create(patterns, 2, &redactor, &err) < 0);
	CHECK_CONTAINS(err.text, "'a(b'");
	CHECK_CONTAINS(err.text, "at character 3");
	CHECK(redactor == NULL);
}

/* What a line of a job could be made of to keep us busy; quadratic time would not end in 60 s. */
CASE(stays_linear_whatever_comes)
{
	static const char *const pieces[] = { "key",         "key=",       "\"key\":", "://",
					      "\\",          "key\\",      "--key ",   "key:{\"",
					      "-----BEGIN ", "eyJ",        "Bearer ",  "key=\"",
					      "<key>",       "passed=",    "key ",     "key: a, ",
					      "://a:b/",     "Basic abc:", "key%3D" };
	enum {
		SIZE = 1 << 20
	};
	struct jem_redactor *redactor;
	char *text = malloc(SIZE);

	CHECK(text != NULL);
	CHECK_OK(jem_redactor_create(NULL, 0, &redactor, NULL));
	for (size_t p = 0; p < sizeof(pieces) / sizeof(*pieces); p++) {
		size_t n = strlen(pieces[p]);
		size_t len = SIZE / n * n;

		for (size_t i = 0; i + n <= SIZE; i += n)
			memcpy(text + i, pieces[p], n);
		jem_redact(redactor, text, &len);
		CHECK_GE(len, 1);
	}
	jem_redactor_destroy(redactor);
	free(text);
}

TESTS(T(knows_the_names_of_secrets), T(hides_values_of_secret_names), T(leaves_prose_alone),
      T(hides_credentials_known_by_their_shape), T(hides_all_behind_a_quote_that_never_closes),
      T(hides_every_argument_of_a_list), T(hides_pem_blocks), T(hides_what_the_patterns_match),
      T(hides_the_rest_when_a_pattern_runs_away), T(says_what_is_wrong_with_a_pattern),
      T(stays_linear_whatever_comes))
