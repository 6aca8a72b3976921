/* SPDX-License-Identifier: Apache-2.0 */
/* check_login: one connection to one broker, opened and closed in order. */
#ifndef JEM_TOOLS_CHECK_LOGIN_H
#define JEM_TOOLS_CHECK_LOGIN_H

#include "broker-client/client.h"

/*
 * Connects, logs in and attaches a sending link: 0, -ETIMEDOUT after 5 s, or a negative errno with
 * the broker's own reason. Runs a loop of its own.
 */
int jem_check_login(const char *url, const struct jem_broker_access *access, struct jem_err *err);

#endif
