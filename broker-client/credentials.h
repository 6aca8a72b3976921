/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credentials: users and passwords from a file, never from a command line or the environment.
 *
 * One `USER:PASSWORD` a line; blank lines and lines that begin with `#` are skipped. The file must
 * be ours (or root's), a regular file, closed to group and others, and small.
 *
 * Ownership: owns the texts, which are wiped before they are freed.
 */
#ifndef JEM_BROKER_CLIENT_CREDENTIALS_H
#define JEM_BROKER_CLIENT_CREDENTIALS_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>

struct jem_credentials;

/* A negative errno with the reason, which never repeats a password. */
int jem_credentials_load(const char *path, struct jem_credentials **ret, struct jem_err *err);
void jem_credentials_destroy(struct jem_credentials *credentials);

/* The entry of `user`, or the first one when it is NULL or empty. False: no such user. */
bool jem_credentials_find(const struct jem_credentials *credentials, const char *user,
			  const char **ret_user, const char **ret_password);

/* Whether the password is this user's; takes the same time for any wrong one of a length. */
bool jem_credentials_check(const struct jem_credentials *credentials, const char *user,
			   size_t user_len, const char *password, size_t password_len);

#endif
