/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_url: any text as a broker URL; what is taken has its parts within their bounds. */
#include "broker-client/wire/url.h"
#include "common/cleanup.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = malloc(size + 1);
	struct jem_err err = { "" };
	struct jem_url url;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (jem_url_parse(text, &url, &err) < 0) {
		if (!err.text[0])
			abort();
	} else if (url.is_unix ? !url.path[0] : (!url.host[0] || !url.port)) {
		abort();
	}
	(void)jem_url_parse_listen(text, &url, &err);
	return 0;
}
