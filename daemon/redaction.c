/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/redaction.h"

#include <errno.h>

enum {
	PATTERNS_MAX = 64
};

int jem_redaction_create(const struct jem_config *config, struct jem_redactor **ret,
			 bool *hides_all, struct jem_err *err)
{
	const char *patterns[PATTERNS_MAX];
	size_t count = jem_config_list_size(config, JEM_OPTION_privacy_redact);
	int status;

	if (count > PATTERNS_MAX)
		count = PATTERNS_MAX;
	for (size_t i = 0; i < count; i++)
		patterns[i] = jem_config_list_at(config, JEM_OPTION_privacy_redact, i);
	status = jem_redactor_create(patterns, count, ret, err);
	*hides_all = status == -EINVAL;
	if (!*hides_all)
		return status;
	patterns[0] = "(?s).+";
	return jem_redactor_create(patterns, 1, ret, err);
}
