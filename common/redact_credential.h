/* SPDX-License-Identifier: Apache-2.0 */
/* redact_credential: credentials that are known by their own shape (inside the redactor only). */
#ifndef JEM_COMMON_REDACT_CREDENTIAL_H
#define JEM_COMMON_REDACT_CREDENTIAL_H

#include "common/redact_text.h"

/* The userinfo after "://", which ends at `at`. */
bool jem_redact_userinfo(struct jem_redact_text text, size_t at, struct jem_redact_range *ret);

/* The credentials after "Bearer" or "Basic", which ends at `at`. */
bool jem_redact_bearer(struct jem_redact_text text, size_t at, struct jem_redact_range *ret);
bool jem_redact_basic(struct jem_redact_text text, size_t at, struct jem_redact_range *ret);

/* The JSON Web Token that begins at `at` (RFC 7519). */
bool jem_redact_jwt(struct jem_redact_text text, size_t at, struct jem_redact_range *ret);

#endif
