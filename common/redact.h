/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redact: the one redactor every published text passes (DESIGN section 3, privacy).
 *
 * Hides the values of names that match pass|secret|token|key|cred|auth|cookie|proxy (NAME=value,
 * name: value, "name": "value", <name>value, --name value), userinfo in URLs, Bearer and Basic
 * credentials, JWTs, PEM blocks, and what the patterns of privacy.redact match. A hidden value
 * becomes `***`. In running text a few everyday words that contain such a name (passed, author,
 * keyword, credit) and the names of exceptions (KeyError: ...) hide nothing.
 *
 * Ownership: owns its compiled patterns and its scratch memory.
 * Thread:    one redactor belongs to one thread.
 * Cost:      text without any such word is looked at once, two bytes at a time, and not copied.
 * Bounds:    linear in the text whatever it holds; patterns have a limit of steps, and where one
 *            reaches it the rest of the text is hidden.
 */
#ifndef JEM_COMMON_REDACT_H
#define JEM_COMMON_REDACT_H

#include "common/buf.h"
#include "common/err.h"

#include <stdbool.h>

struct jem_redactor;

/* `patterns` (PCRE2) may be NULL. -EINVAL: the reason names the pattern and the position. */
int jem_redactor_create(const char *const *patterns, size_t count, struct jem_redactor **ret,
			struct jem_err *err);
void jem_redactor_destroy(struct jem_redactor *redactor);

/*
 * The text as it may be published: `text` itself when nothing had to be hidden (the common case, no
 * copy), else a view of the redactor's own memory, valid until its next call. *len is updated.
 *
 * Pass what belongs together in one call: a command line is one text, its arguments separated by
 * NUL or blanks, or `--password` and its value are never seen side by side. Who has only one line of
 * a PEM block at a time keeps account of the block: a BEGIN without its END hides to the end of the
 * text, and what comes next is the caller's to hide.
 */
const char *jem_redact(struct jem_redactor *redactor, const char *text, size_t *len);

/* Whether a variable or option of this name holds a secret. */
bool jem_redact_name_is_secret(const char *name, size_t len);

#endif
