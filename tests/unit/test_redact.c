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

static void check_text(struct jem_redactor *redactor, const char *text, const char *wanted)
{
	size_t len = strlen(text);
	const char *got = jem_redact(redactor, text, &len);

	if (len != strlen(wanted) || memcmp(got, wanted, len))
		check_fail(__FILE__, __LINE__, "%s became %.*s, wanted %s", text, (int)len, got,
			   wanted);
	if (!strcmp(text, wanted) && got != text)
		check_fail(__FILE__, __LINE__, "%s was copied for nothing", text);
}

CASE(hides_what_the_patterns_match)
{
	static const char *const patterns[] = { "DE\\d{4,}", "patient\\s+\\w+", "^$|q*" };
	struct jem_redactor *redactor;

	CHECK_OK(jem_redactor_create(patterns, 3, &redactor, NULL));
	check_text(redactor, "nothing here", "nothing here");
	check_text(redactor, "iban DE12345 and DE9876.", "iban *** and ***.");
	check_text(redactor, "patient  Miller DE55555", "*** ***");
	check_text(redactor, "", "");
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

TESTS(T(knows_the_names_of_secrets), T(hides_what_the_patterns_match),
      T(says_what_is_wrong_with_a_pattern))
