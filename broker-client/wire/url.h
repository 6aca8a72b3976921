/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url: where a broker is: amqp[s]://[USER@]HOST[:PORT] or unix:PATH.
 *
 * HOST is a name, an IPv4 address or an IPv6 address in brackets. A password is refused: command
 * lines and configuration files are read by others; it comes from a file of mode 0600.
 */
#ifndef JEM_BROKER_CLIENT_WIRE_URL_H
#define JEM_BROKER_CLIENT_WIRE_URL_H

#include "common/err.h"

#include <stdbool.h>
#include <stdint.h>

#define JEM_URL_USER_SIZE 128
#define JEM_URL_HOST_SIZE 256
#define JEM_URL_PATH_SIZE 1024

#define JEM_PORT_AMQP  5672
#define JEM_PORT_AMQPS 5671

struct jem_url {
	bool is_unix;
	bool is_tls;
	uint16_t port;
	char user[JEM_URL_USER_SIZE]; /* "": none */
	char host[JEM_URL_HOST_SIZE]; /* without brackets */
	char path[JEM_URL_PATH_SIZE];
};

/* -EINVAL with the reason for anything that is no such URL. */
int jem_url_parse(const char *text, struct jem_url *ret, struct jem_err *err);

/* The same for an address to listen on: HOST:PORT is allowed too, port 0 is a free one. */
int jem_url_parse_listen(const char *text, struct jem_url *ret, struct jem_err *err);

#endif
