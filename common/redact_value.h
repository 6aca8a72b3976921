/* SPDX-License-Identifier: Apache-2.0 */
/* redact_value: the value of a name that says it is secret (inside the redactor only). */
#ifndef JEM_COMMON_REDACT_VALUE_H
#define JEM_COMMON_REDACT_VALUE_H

#include "common/redact_text.h"

/*
 * The value of the name around `at`. *name_end is where the name ends, whether it has a value or
 * not: the same name need not be looked at again. The name does not begin before `from`.
 */
bool jem_redact_named_value(struct jem_redact_text text, size_t from, size_t at, size_t *name_end,
			    struct jem_redact_range *ret);

#endif
