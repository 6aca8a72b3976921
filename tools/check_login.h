/* SPDX-License-Identifier: Apache-2.0 */
/* check_login: one connection to one broker, opened and closed in order. */
#ifndef JEM_TOOLS_CHECK_LOGIN_H
#define JEM_TOOLS_CHECK_LOGIN_H

#include "common/err.h"

/*
 * Connects, logs in and attaches a sending link: 0, -ETIMEDOUT after 5 s, or a negative errno with
 * the broker's own reason. Runs a loop of its own.
 */
int jem_check_login(const char *url, const char *credentials, struct jem_err *err);

#endif
