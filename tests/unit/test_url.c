/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include "broker-client/wire/url.h"

#include <errno.h>

static struct jem_url parse(const char *text)
{
	struct jem_url url;
	struct jem_err err = { "" };

	if (jem_url_parse(text, &url, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s: %s", text, err.text);
	return url;
}

static const char *refuse(const char *text)
{
	static struct jem_err err;
	struct jem_url url;

	err.text[0] = '\0';
	if (jem_url_parse(text, &url, &err) != -EINVAL)
		check_fail(__FILE__, __LINE__, "`%s` is taken", text);
	return err.text;
}

CASE(takes_host_and_port)
{
	struct jem_url url = parse("amqp://broker.example.org:5673");

	CHECK(!url.is_unix && !url.is_tls);
	CHECK_STR(url.host, "broker.example.org");
	CHECK_EQ(url.port, 5673);
	CHECK_STR(url.user, "");
}

CASE(knows_the_default_ports)
{
	CHECK_EQ(parse("amqp://h").port, 5672);
	CHECK_EQ(parse("amqps://h").port, 5671);
	CHECK(parse("amqps://h").is_tls);
}

CASE(takes_a_user)
{
	struct jem_url url = parse("amqp://job42@127.0.0.1");

	CHECK_STR(url.user, "job42");
	CHECK_STR(url.host, "127.0.0.1");
}

CASE(takes_ipv6_in_brackets_only)
{
	struct jem_url url = parse("amqp://u@[::1]:7");

	CHECK_STR(url.host, "::1");
	CHECK_EQ(url.port, 7);
	CHECK_STR(parse("amqp://[fe80::1:2]").host, "fe80::1:2");
	CHECK_CONTAINS(refuse("amqp://::1"), "[ADDRESS]");
	CHECK_CONTAINS(refuse("amqp://[::1"), "ends in `]`");
	CHECK_CONTAINS(refuse("amqp://[::1]x"), "ends in `]`");
	CHECK_CONTAINS(refuse("amqp://[h]"), "no IPv6 address");
}

CASE(takes_a_unix_path_with_blanks)
{
	struct jem_url url = parse("unix:/tmp/a b/broker.sock");

	CHECK(url.is_unix);
	CHECK_STR(url.path, "/tmp/a b/broker.sock");
	CHECK_STR(parse("unix:relative.sock").path, "relative.sock");
}

CASE(refuses_a_password_without_repeating_it)
{
	const char *reason = refuse("amqp://user:s3cret@host");

	CHECK_CONTAINS(reason, "--credentials");
	CHECK(!strstr(reason, "s3cret"));
	CHECK(!strstr(refuse("http://user:s3cret@host"), "s3cret"));
}

CASE(refuses_what_is_no_url)
{
	static const char *const wrong[] = { "",
					     "host",
					     "host:5672",
					     "http://host",
					     "amqp://",
					     "amqp://:5672",
					     "amqp://h:",
					     "amqp://h:0",
					     "amqp://h:65536",
					     "amqp://h:99999999999999999999",
					     "amqp://h:5x",
					     "amqp://h:-1",
					     "amqp://h/path",
					     "amqp://h ost",
					     "amqp://h\n",
					     "amqp://@h",
					     "unix:",
					     "unix:/tmp/" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		CHECK(refuse(wrong[i])[0] != '\0');
}

CASE(refuses_what_is_too_long)
{
	char text[2048];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "unix:", 5);
	refuse(text);
	memcpy(text, "amqp://", 7);
	refuse(text);
	text[600] = '\0';
	refuse(text);
	text[300] = '@';
	refuse(text);
}

CASE(listens_on_host_and_port_without_a_scheme)
{
	struct jem_url url;
	struct jem_err err;

	CHECK_OK(jem_url_parse_listen("127.0.0.1:0", &url, &err));
	CHECK_EQ(url.port, 0);
	CHECK_STR(url.host, "127.0.0.1");
	CHECK_OK(jem_url_parse_listen("amqp://[::1]:0", &url, &err));
	CHECK_STR(url.host, "::1");
	CHECK_OK(jem_url_parse_listen("unix:x.sock", &url, &err));
	CHECK_EQ(jem_url_parse_listen("me@127.0.0.1:1", &url, &err), -EINVAL);
	CHECK_EQ(jem_url_parse_listen("http://127.0.0.1:1", &url, &err), -EINVAL);
}

TESTS(T(takes_host_and_port), T(knows_the_default_ports), T(takes_a_user),
      T(takes_ipv6_in_brackets_only), T(takes_a_unix_path_with_blanks),
      T(refuses_a_password_without_repeating_it), T(refuses_what_is_no_url),
      T(refuses_what_is_too_long), T(listens_on_host_and_port_without_a_scheme))
