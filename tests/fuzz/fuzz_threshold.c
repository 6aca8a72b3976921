/* SPDX-License-Identifier: Apache-2.0 */
/* A threshold is taken whole or refused with one line. */
#include "common/threshold.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct jem_threshold threshold = { .metric = -2 };
	struct jem_err err = { "" };

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (jem_threshold_parse(text, &threshold, &err) < 0) {
		if (!err.text[0] || strpbrk(err.text, "\n\r\x1b") || threshold.metric != -2)
			abort();
	} else if (!isfinite(threshold.bound) || threshold.metric >= JEM_METRIC_COUNT ||
		   (threshold.metric < 0 && !jem_metric_is_numbered(threshold.name))) {
		abort();
	}
	free(text);
	return 0;
}
