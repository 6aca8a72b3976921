/* SPDX-License-Identifier: Apache-2.0 */
/* redaction: the redactor as the configuration asks for it; one for each thread that needs one. */
#ifndef JEM_DAEMON_REDACTION_H
#define JEM_DAEMON_REDACTION_H

#include "common/config.h"
#include "common/redact.h"

/*
 * Nobody knows what a broken pattern was to hide. The job is watched all the same, but every text is
 * hidden until the pattern is mended (*hides_all): numbers and words of our own go out.
 */
int jem_redaction_create(const struct jem_config *config, struct jem_redactor **ret,
			 bool *hides_all, struct jem_err *err);

#endif
