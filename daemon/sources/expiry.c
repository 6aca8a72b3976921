/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/expiry.h"

#include "common/cleanup.h"
#include "common/json_reader.h"
#include "daemon/sources/base64.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* DER (X.690): what is left of an element's content. */
struct der {
	const unsigned char *at;
	const unsigned char *end;
};

enum {
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_VERSION = 0xa0 /* [0] EXPLICIT */
};

/* The next element's tag and content; false at the end, or when it is not well-formed. */
static bool der_next(struct der *der, unsigned *tag, struct der *content)
{
	size_t left = (size_t)(der->end - der->at);
	size_t len;
	size_t head = 2;

	if (left < 2)
		return false;
	*tag = der->at[0];
	len = der->at[1];
	if (len & 0x80) {
		size_t bytes = len & 0x7f;

		if (!bytes || bytes > 4 || left < 2 + bytes)
			return false;
		len = 0;
		for (size_t i = 0; i < bytes; i++)
			len = len << 8 | der->at[2 + i];
		head += bytes;
	}
	if (len > left - head)
		return false;
	content->at = der->at + head;
	content->end = content->at + len;
	der->at = content->end;
	return true;
}

static bool der_enter(struct der *der, struct der *content)
{
	unsigned tag;

	return der_next(der, &tag, content) && tag == DER_SEQUENCE;
}

static int two_digits(const unsigned char *at)
{
	if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
		return -1;
	return (at[0] - '0') * 10 + at[1] - '0';
}

/* RFC 5280 wants seconds and Z in both forms. */
static int read_time(unsigned tag, const struct der *content, int64_t *ret_s)
{
	size_t year_digits = tag == DER_GENERALIZED_TIME ? 4 : 2;
	const unsigned char *at = content->at;
	int parts[7] = { 0 };
	size_t count = year_digits / 2 + 5;
	struct tm tm = { 0 };

	if ((tag != DER_UTC_TIME && tag != DER_GENERALIZED_TIME) ||
	    (size_t)(content->end - at) != 2 * count + 1 || at[2 * count] != 'Z')
		return -EBADMSG;
	for (size_t i = 0; i < count; i++) {
		parts[i] = two_digits(at + 2 * i);
		if (parts[i] < 0)
			return -EBADMSG;
	}
	if (year_digits == 4)
		tm.tm_year = parts[0] * 100 + parts[1] - 1900;
	else
		tm.tm_year = parts[0] < 50 ? parts[0] + 100 : parts[0];
	at += year_digits;
	tm.tm_mon = two_digits(at) - 1;
	tm.tm_mday = two_digits(at + 2);
	tm.tm_hour = two_digits(at + 4);
	tm.tm_min = two_digits(at + 6);
	tm.tm_sec = two_digits(at + 8);
	*ret_s = timegm(&tm);
	return 0;
}

/* Certificate > TBSCertificate > validity > notAfter */
static int read_certificate(const unsigned char *bytes, size_t len, int64_t *ret_s)
{
	struct der der = { bytes, bytes + len };
	struct der certificate;
	struct der tbs;
	struct der validity;
	struct der element;
	unsigned tag;

	if (!der_enter(&der, &certificate) || !der_enter(&certificate, &tbs) ||
	    !der_next(&tbs, &tag, &element)) /* version or serial number */
		return -EBADMSG;
	if (tag == DER_VERSION && !der_next(&tbs, &tag, &element))
		return -EBADMSG;
	if (!der_enter(&tbs, &element) /* signature algorithm */ ||
	    !der_enter(&tbs, &element) /* issuer */ || !der_enter(&tbs, &validity) ||
	    !der_next(&validity, &tag, &element) /* notBefore */ ||
	    !der_next(&validity, &tag, &element))
		return -EBADMSG;
	return read_time(tag, &element, ret_s);
}

int jem_expiry_of_proxy(const char *pem, size_t len, int64_t *ret_s)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	static const char end[] = "-----END CERTIFICATE-----";
	const char *at = pem;
	const char *stop = pem + len;
	auto_free unsigned char *bytes = malloc(len ? len : 1);
	int64_t earliest = INT64_MAX;

	if (!bytes)
		return -ENOMEM;
	while ((at = memmem(at, (size_t)(stop - at), begin, sizeof(begin) - 1))) {
		const char *close;
		int64_t until = 0;
		ssize_t n;
		int r;

		at += sizeof(begin) - 1;
		close = memmem(at, (size_t)(stop - at), end, sizeof(end) - 1);
		if (!close)
			return -EBADMSG;
		n = jem_base64_decode(at, (size_t)(close - at), bytes, len);
		r = n < 0 ? (int)n : read_certificate(bytes, (size_t)n, &until);
		if (r)
			return r;
		if (until < earliest)
			earliest = until;
		at = close;
	}
	if (earliest == INT64_MAX)
		return -ENODATA;
	*ret_s = earliest;
	return 0;
}

/* A NumericDate may have a fraction. */
static int read_exp(const char *json, size_t len, int64_t *ret_s)
{
	struct jem_json_doc doc;
	double seconds;
	int r = -ENODATA;

	jem_json_doc_init(&doc);
	if (!jem_json_read(&doc, json, len, NULL)) {
		uint32_t exp = jem_json_member(&doc, 0, "exp");

		if (exp && !jem_json_get_real(&doc, exp, &seconds) && seconds > -1e15 &&
		    seconds < 1e15) {
			*ret_s = (int64_t)seconds;
			r = 0;
		}
	}
	jem_json_doc_deinit(&doc);
	return r;
}

int jem_expiry_of_token(const char *token, size_t len, int64_t *ret_s)
{
	const char *end = token + len;
	const char *claims = memchr(token, '.', len);
	const char *signature = claims ? memchr(claims + 1, '.', (size_t)(end - claims - 1)) : NULL;
	auto_free unsigned char *json = NULL;
	ssize_t n;
	int r;

	if (!signature || len > JEM_CREDENTIAL_SIZE_MAX)
		return -ENODATA;
	claims++;
	json = malloc(len);
	if (!json)
		return -ENOMEM;
	n = jem_base64_decode(claims, (size_t)(signature - claims), json, len);
	if (n < 0)
		return -ENODATA;
	r = read_exp((const char *)json, (size_t)n, ret_s);
	explicit_bzero(json, (size_t)n);
	return r;
}
