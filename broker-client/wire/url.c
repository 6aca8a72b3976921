/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/wire/url.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum {
	TEXT_MAX = 1100,
	PORT_DIGITS_MAX = 5
};

static bool has_prefix(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return false;
	return true;
}

static int parse_port(const char *digits, const char *text, bool is_listen, struct jem_url *url,
		      struct jem_err *err)
{
	unsigned long port = 0;
	size_t len = strlen(digits);

	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)digits[i]))
			return jem_err_set(err, -EINVAL, "%s: the port `%s` is no number", text,
					   digits);
		if (i < PORT_DIGITS_MAX)
			port = port * 10 + (unsigned long)(digits[i] - '0');
	}
	if (!len || len > PORT_DIGITS_MAX || port > UINT16_MAX || (!port && !is_listen))
		return jem_err_set(err, -EINVAL, "%s: a port is a number from %d to 65535", text,
				   is_listen ? 0 : 1);
	url->port = (uint16_t)port;
	return 0;
}

/* The end of HOST and the start of PORT's digits (NULL: none). */
static int split_host(const char *text, const char *rest, const char **host, size_t *len,
		      const char **port, struct jem_err *err)
{
	const char *end;

	if (*rest == '[') {
		end = strchr(rest, ']');
		if (!end || (end[1] && end[1] != ':'))
			return jem_err_set(err, -EINVAL, "%s: an IPv6 address ends in `]`", text);
		*host = rest + 1;
		*len = (size_t)(end - rest) - 1;
		*port = end[1] ? end + 2 : NULL;
		for (size_t i = 0; i < *len; i++)
			if (!isxdigit((unsigned char)(*host)[i]) && !strchr(":.", (*host)[i]))
				return jem_err_set(err, -EINVAL, "%s: no IPv6 address in `[...]`",
						   text);
		return 0;
	}
	end = strchr(rest, ':');
	if (end && strchr(end + 1, ':'))
		return jem_err_set(err, -EINVAL, "%s: write an IPv6 address as [ADDRESS]", text);
	*host = rest;
	*len = end ? (size_t)(end - rest) : strlen(rest);
	*port = end ? end + 1 : NULL;
	for (size_t i = 0; i < *len; i++)
		if (!isalnum((unsigned char)rest[i]) && !strchr("-_.", rest[i]))
			return jem_err_set(err, -EINVAL, "%s: `%c` cannot be in a host name", text,
					   rest[i]);
	return 0;
}

static int parse_user(const char *text, const char **rest, struct jem_url *url, struct jem_err *err)
{
	const char *at = strrchr(*rest, '@');
	size_t len;

	if (!at)
		return 0;
	len = (size_t)(at - *rest);
	/* The text may hold a password, so the reason does not repeat it. */
	if (memchr(*rest, ':', len))
		return jem_err_set(err, -EINVAL,
				   "a broker URL with a password is refused: put `USER:PASSWORD` "
				   "into a file of mode 0600 and name it by --credentials");
	if (!len || len >= sizeof(url->user))
		return jem_err_set(err, -EINVAL, "%s: a user name has 1 to %zu characters", text,
				   sizeof(url->user) - 1);
	memcpy(url->user, *rest, len);
	*rest = at + 1;
	return 0;
}

static int parse_host_port(const char *text, const char *rest, bool is_listen, struct jem_url *url,
			   struct jem_err *err)
{
	const char *host = NULL;
	const char *port = NULL;
	size_t len = 0;
	int rc = split_host(text, rest, &host, &len, &port, err);

	if (rc < 0)
		return rc;
	if (!len || len >= sizeof(url->host))
		return jem_err_set(err, -EINVAL, "%s: the host name is missing or too long", text);
	memcpy(url->host, host, len);
	url->port = url->is_tls ? JEM_PORT_AMQPS : JEM_PORT_AMQP;
	return port ? parse_port(port, text, is_listen, url, err) : 0;
}

static int parse_unix(const char *text, struct jem_url *url, struct jem_err *err)
{
	const char *path = text + strlen("unix:");
	size_t len;

	if (has_prefix(path, "//"))
		path += 2;
	len = strlen(path);
	if (!len || len >= sizeof(url->path) || path[len - 1] == '/')
		return jem_err_set(err, -EINVAL, "%.64s: write unix:PATH with the path of a socket",
				   text);
	url->is_unix = true;
	memcpy(url->path, path, len + 1);
	return 0;
}

static int parse(const char *text, bool is_listen, struct jem_url *ret, struct jem_err *err)
{
	struct jem_url url = { 0 };
	const char *rest = text;
	int rc;

	if (!text || !*text || strlen(text) > TEXT_MAX)
		return jem_err_set(err, -EINVAL, "a broker URL is missing or too long");
	if (has_prefix(text, "unix:")) {
		rc = parse_unix(text, &url, err);
	} else if (!is_printable(text)) {
		rc = jem_err_set(err, -EINVAL, "a broker URL has no blanks or control characters");
	} else {
		url.is_tls = has_prefix(text, "amqps://");
		if (url.is_tls || has_prefix(text, "amqp://"))
			rest = strstr(text, "://") + 3;
		else if (!is_listen || strstr(text, "://"))
			return jem_err_set(err, -EINVAL,
					   "a broker URL is amqp://HOST[:PORT] or unix:PATH, "
					   "not `%.64s`",
					   strchr(text, '@') ? "..." : text);
		rc = parse_user(text, &rest, &url, err);
		if (rc >= 0)
			rc = parse_host_port(text, rest, is_listen, &url, err);
	}
	if (rc >= 0)
		*ret = url;
	return rc;
}

int jem_url_parse(const char *text, struct jem_url *ret, struct jem_err *err)
{
	return parse(text, false, ret, err);
}

int jem_url_parse_listen(const char *text, struct jem_url *ret, struct jem_err *err)
{
	int rc = parse(text, true, ret, err);

	if (rc >= 0 && ret->user[0])
		return jem_err_set(err, -EINVAL, "%s: an address to listen on has no user", text);
	return rc;
}
