/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/calls_check.h"

#include "common/patterns.h"

int jem_calls_check(const struct jem_config *config, jem_fault_fn on_fault, void *arg)
{
	static const enum jem_option lists[] = { JEM_OPTION_calls_include,
						 JEM_OPTION_calls_exclude };
	int faults = 0;

	for (size_t k = 0; k < sizeof(lists) / sizeof(*lists); k++)
		for (size_t i = 0; i < jem_config_list_size(config, lists[k]); i++) {
			struct jem_err err;
			char line[sizeof(err) + 256];

			if (jem_pattern_check(jem_config_list_at(config, lists[k], i), &err) >= 0)
				continue;
			snprintf(line, sizeof(line), "%.128s: calls.%s: %s",
				 jem_config_list_origin(config, lists[k], i),
				 jem_options[lists[k]].key, err.text);
			on_fault(arg, line);
			faults++;
		}
	return faults;
}
