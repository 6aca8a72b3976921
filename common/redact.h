/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redact: the one redactor every published text passes (DESIGN section 3, privacy).
 *
 * Hides: values of names that match pass|secret|token|key|cred|auth|cookie|proxy (NAME=value,
 * name: value, "name": "value", --name value), userinfo in URLs, Bearer and Basic tokens, JWTs, PEM
 * blocks, and what the patterns of privacy.redact match. A hidden value becomes `***`.
 *
 * Ownership: owns its compiled patterns and its scratch memory.
 * Thread:    one redactor belongs to one thread.
 */
#ifndef JEM_COMMON_REDACT_H
#define JEM_COMMON_REDACT_H

#include "common/buf.h"
#include "common/err.h"

struct jem_redactor;

/* `patterns` (PCRE2) may be NULL. -EINVAL: the reason names the pattern and the position. */
int jem_redactor_create(const char *const *patterns, size_t count, struct jem_redactor **ret,
			struct jem_err *err);
void jem_redactor_destroy(struct jem_redactor *redactor);

/*
 * The text as it may be published: `text` itself when nothing had to be hidden (the common case, no
 * copy), else a view of the redactor's own memory, valid until its next call. *len is updated.
 */
const char *jem_redact(struct jem_redactor *redactor, const char *text, size_t *len);

/* Whether a variable or option of this name holds a secret. */
bool jem_redact_name_is_secret(const char *name, size_t len);

#endif
