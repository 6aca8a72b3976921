/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/base64.h"
#include "daemon/sources/credential.h"
#include "daemon/sources/expiry.h"
#include "tests/unit/check.h"
#include "tests/unit/log_bench.h"
#include "tests/unit/tree.h"

#include <errno.h>
#include <unistd.h>

/* Two real certificates: one with a UTCTime, one with a GeneralizedTime. Their key is gone. */
static const char user_pem[] = "-----BEGIN CERTIFICATE-----\n"
			       "MIIB2DCCAX+gAwIBAgIUC4SLoi057PLSfYah93BmXo6Fj/UwCgYIKoZIzj0EAwIw\n"
			       "QjETMBEGCgmSJomT8ixkARkWA29yZzEXMBUGCgmSJomT8ixkARkWB2V4YW1wbGUx\n"
			       "EjAQBgNVBAMMCVRlc3QgVXNlcjAeFw0yNjExMjEwNTAxMTFaFw0zNzExMDMwNTAx\n"
			       "MTFaMEIxEzARBgoJkiaJk/IsZAEZFgNvcmcxFzAVBgoJkiaJk/IsZAEZFgdleGFt\n"
			       "cGxlMRIwEAYDVQQDDAlUZXN0IFVzZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"
			       "AAThx36aokuDGUIzmzMwtJzU2jPHQahaOcjjvwdgDzgJ9Nk5czY7aITxmlQR7RfS\n"
			       "4ZNU2189H8ImOTzBPfikN393o1MwUTAdBgNVHQ4EFgQUIQSryEmER34lUa444c3K\n"
			       "M7aIdb4wHwYDVR0jBBgwFoAUIQSryEmER34lUa444c3KM7aIdb4wDwYDVR0TAQH/\n"
			       "BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiA7Ru8q3IVaDJHBAo9eb9FohJ0eZ6PT\n"
			       "jFExMADAawB19QIgX9Zh/bAEaUVFn6Wu/8pcEUI4Oah/3MrdrQr9WLCrwZE=\n"
			       "-----END CERTIFICATE-----\n";
static const char ca_pem[] = "-----BEGIN CERTIFICATE-----\n"
			     "MIIB2DCCAX2gAwIBAgIUFyhWsbFTUdvmdxymb2VLl6+QS+wwCgYIKoZIzj0EAwIw\n"
			     "QDETMBEGCgmSJomT8ixkARkWA29yZzEXMBUGCgmSJomT8ixkARkWB2V4YW1wbGUx\n"
			     "EDAOBgNVBAMMB1Rlc3QgQ0EwIBcNMjYxMTIxMDUwMTExWhgPMjEwOTAxMTAwNTAx\n"
			     "MTFaMEAxEzARBgoJkiaJk/IsZAEZFgNvcmcxFzAVBgoJkiaJk/IsZAEZFgdleGFt\n"
			     "cGxlMRAwDgYDVQQDDAdUZXN0IENBMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n"
			     "4cd+mqJLgxlCM5szMLSc1Nozx0GoWjnI478HYA84CfTZOXM2O2iE8ZpUEe0X0uGT\n"
			     "VNtfPR/CJjk8wT34pDd/d6NTMFEwHQYDVR0OBBYEFCEEq8hJhEd+JVGuOOHNyjO2\n"
			     "iHW+MB8GA1UdIwQYMBaAFCEEq8hJhEd+JVGuOOHNyjO2iHW+MA8GA1UdEwEB/wQF\n"
			     "MAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAPZ0Umt15j2lreyPxf5H8vDkYA8EU0tG\n"
			     "481Rjjji/YMuAiEA79HVa8ebVYfIsw7PzKYx+1MvUaDVZX251TW4G62XcGs=\n"
			     "-----END CERTIFICATE-----\n";
static const char key_pem[] = "-----BEGIN EC PRIVATE KEY-----\n"
			      "bm90IGEga2V5IGF0IGFsbCwgYnV0IHBsYW50ZWQ=\n"
			      "-----END EC PRIVATE KEY-----\n";

enum {
	USER_UNTIL = 2140837271,
	JOB = 4321
};
#define CA_UNTIL 4387237271

static struct log_bench bench;
static struct jem_credential_source *source;

static int proxy(const char *text, int64_t *ret)
{
	return jem_expiry_of_proxy(text, strlen(text), ret);
}

static int token(const char *text, int64_t *ret)
{
	return jem_expiry_of_token(text, strlen(text), ret);
}

CASE(finds_the_earliest_end_in_a_chain)
{
	char text[8192];
	int64_t until = 0;

	CHECK_OK(proxy(user_pem, &until));
	CHECK_EQ(until, USER_UNTIL);
	CHECK_OK(proxy(ca_pem, &until));
	CHECK_EQ(until, CA_UNTIL);
	snprintf(text, sizeof(text), "%s%s%s", ca_pem, key_pem, user_pem);
	CHECK_OK(proxy(text, &until));
	CHECK_EQ(until, USER_UNTIL);
}

CASE(refuses_what_is_no_certificate)
{
	char text[4096];
	int64_t until = 7;

	CHECK_EQ(proxy("", &until), -ENODATA);
	CHECK_EQ(proxy(key_pem, &until), -ENODATA);
	CHECK_EQ(proxy("-----BEGIN CERTIFICATE-----\nMIIB", &until), -EBADMSG);
	CHECK_EQ(proxy("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", &until),
		 -EBADMSG);
	CHECK_EQ(proxy("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----", &until),
		 -EBADMSG);
	/* Every byte changed in its turn: anything but a crash. */
	for (size_t i = 28; i + 26 < strlen(user_pem); i++) {
		strcpy(text, user_pem);
		text[i] ^= 5;
		proxy(text, &until);
	}
	CHECK(until != 7);
}

CASE(reads_when_a_token_ends)
{
	int64_t until = 0;

	/* {"alg":"none"} . {"exp":1900000000,"sub":"me"} . x */
	CHECK_OK(token("eyJhbGciOiJub25lIn0.eyJleHAiOjE5MDAwMDAwMDAsInN1YiI6Im1lIn0.x", &until));
	CHECK_EQ(until, 1900000000);
	CHECK_OK(token("e30.eyJleHAiOjEuOWU5fQ.\n", &until)); /* {"exp":1.9e9} */
	CHECK_EQ(until, 1900000000);
	CHECK_EQ(token("e30.e30.x", &until), -ENODATA);
	CHECK_EQ(token("e30.eyJleHAiOiJ4In0.x", &until), -ENODATA); /* {"exp":"x"} */
	CHECK_EQ(token("opaque", &until), -ENODATA);
	CHECK_EQ(token("a.b", &until), -ENODATA);
	CHECK_EQ(token("..", &until), -ENODATA);
	CHECK_EQ(token("e30.!!.x", &until), -ENODATA);
}

CASE(decodes_both_alphabets)
{
	unsigned char bytes[8];

	CHECK_EQ(jem_base64_decode("-_+/", 4, bytes, sizeof(bytes)), 3);
	CHECK(!memcmp(bytes, "\xfb\xff\xbf", 3));
	CHECK_EQ(jem_base64_decode("Y W\nI=", 6, bytes, sizeof(bytes)), 2);
	CHECK(!memcmp(bytes, "ab", 2));
	CHECK_EQ(jem_base64_decode("YWJj", 4, bytes, 2), -ENOSPC);
	CHECK_EQ(jem_base64_decode("Y$", 2, bytes, 2), -EBADMSG);
}

static void start(const char *variables, size_t len)
{
	struct jem_credential_options options = {
		.loop = &bench.loop,
		.warn_ns = 3600000000000u,
		.pid = JOB,
		.root = check_folder(),
	};
	FILE *file;

	log_bench_open(&bench);
	options.batcher = bench.batcher;
	tree_write("/proc/4321/stat", "\n");
	file = fopen(log_bench_path("proc/4321/environ"), "w");
	fwrite(variables, 1, len, file);
	fclose(file);
	CHECK_OK(jem_credential_source_create(&options, &source));
}

static void look(int64_t now_s)
{
	jem_credential_source_look(source, now_s);
	jem_batcher_flush_all(bench.batcher);
}

static void end(void)
{
	jem_credential_source_destroy(source);
	for (size_t i = 0; i < bench.count; i++) {
		CHECK(!strstr(bench.records[i].json, "planted"));
		CHECK(!strstr(bench.records[i].json, "MIIB"));
		CHECK(!strstr(bench.records[i].json, "eyJ"));
	}
	log_bench_close(&bench);
}

static const struct log_bench_record *status(size_t i)
{
	return log_bench_get(&bench, JEM_KIND_status, i);
}

static const struct log_bench_record *alert(size_t i)
{
	return log_bench_get(&bench, JEM_KIND_alert, i);
}

CASE(says_nothing_where_there_is_nothing)
{
	start("HOME=/nowhere", 14);
	look(1000);
	CHECK_EQ(bench.count, 0);
	end();
}

CASE(warns_once_when_little_is_left_and_once_when_it_is_over)
{
	char variables[300];
	int len = snprintf(variables, sizeof(variables), "A=b%cX509_USER_PROXY=%s/proxy", 0,
			   check_folder());

	tree_write("/proxy", "%s%s%s", user_pem, key_pem, ca_pem);
	start(variables, (size_t)len + 1);
	look(USER_UNTIL - 43200);
	CHECK_CONTAINS(status(0)->json, "\"name\":\"X509_USER_PROXY\",\"remaining_s\":43200,");
	CHECK_STR(status(0)->text, "X509_USER_PROXY is valid for another 12 h 00 min");
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_alert), 0);
	look(USER_UNTIL - 3599);
	look(USER_UNTIL - 3000);
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_alert), 1);
	CHECK_CONTAINS(alert(0)->json, "\"severity\":\"warning\"");
	CHECK_CONTAINS(alert(0)->json, "\"remaining_s\":3599");
	look(USER_UNTIL + 61);
	look(USER_UNTIL + 121);
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_alert), 2);
	CHECK_CONTAINS(alert(1)->json, "\"severity\":\"critical\"");
	CHECK_STR(alert(1)->text, "X509_USER_PROXY expired 0 h 01 min ago");
	/* Renewed, it is no trouble; low again, it is a new one. */
	tree_write("/proxy", "%s", ca_pem);
	look(USER_UNTIL + 181);
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_alert), 2);
	look(CA_UNTIL - 60);
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_alert), 3);
	end();
}

CASE(alerts_when_a_proxy_cannot_be_read)
{
	char variables[300];
	int len =
		snprintf(variables, sizeof(variables), "X509_USER_PROXY=%s/proxy", check_folder());

	start(variables, (size_t)len + 1);
	look(1000);
	look(1060);
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_alert), 1);
	CHECK_STR(alert(0)->text, "X509_USER_PROXY cannot be read: No such file or directory");
	CHECK(!strstr(status(0)->json, "remaining_s"));
	tree_write("/proxy", "%s", key_pem);
	look(1120);
	CHECK_STR(status(2)->text, "X509_USER_PROXY holds no certificate that can be read");
	end();
}

CASE(finds_tokens_where_wlcg_puts_them)
{
	static const char from_variable[] =
		"BEARER_TOKEN=e30.eyJleHAiOjE5MDAwMDAwMDB9.planted\0BEARER_TOKEN_FILE=/none";
	char path[64];

	start(from_variable, sizeof(from_variable));
	look(1900000000 - 100);
	CHECK_CONTAINS(status(0)->json, "\"name\":\"BEARER_TOKEN\",\"remaining_s\":100,");
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_alert), 1);
	end();

	snprintf(path, sizeof(path), "/tmp/bt_u%u", (unsigned)geteuid());
	tree_write(path, "e30.eyJleHAiOjE5MDAwMDAwMDB9.planted\n");
	start("", 0);
	look(1900000000 - 5000);
	CHECK_CONTAINS(status(0)->json, "\"name\":\"BEARER_TOKEN_FILE\",\"remaining_s\":5000,");
	tree_remove(path);
	look(1900000000 - 4940); /* it was there, and is gone */
	CHECK_STR(alert(0)->text, "BEARER_TOKEN_FILE cannot be read: No such file or directory");
	end();
}

CASE(leaves_tokens_of_other_kinds_alone)
{
	start("BEARER_TOKEN=planted-opaque", 28);
	look(1000);
	CHECK_STR(status(0)->text, "BEARER_TOKEN does not say until when it is valid");
	CHECK_EQ(log_bench_count(&bench, JEM_KIND_alert), 0);
	end();
}

TESTS(T(finds_the_earliest_end_in_a_chain), T(refuses_what_is_no_certificate),
      T(reads_when_a_token_ends), T(decodes_both_alphabets), T(says_nothing_where_there_is_nothing),
      T(warns_once_when_little_is_left_and_once_when_it_is_over),
      T(alerts_when_a_proxy_cannot_be_read), T(finds_tokens_where_wlcg_puts_them),
      T(leaves_tokens_of_other_kinds_alone))
