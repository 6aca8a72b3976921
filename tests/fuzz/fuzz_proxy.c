/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_proxy: any text as a grid proxy; an end of validity is only given with success. */
#include "daemon/sources/expiry.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t until = INT64_MIN;
	int r = jem_expiry_of_proxy((const char *)data, size, &until);

	if ((r == 0) != (until != INT64_MIN))
		abort();
	return 0;
}
