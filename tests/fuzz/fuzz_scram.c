/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_scram: any bytes as each message of an exchange; no wrong proof is taken. */
#include "broker-client/wire/scram.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct jem_scram scram;

	(void)jem_scram_server_first(&scram, text, size, NULL, NULL);
	if (jem_scram_server_first(&scram, "n,,n=u,r=mine", 13, NULL, NULL) < 0)
		abort();
	if (jem_scram_server_final(&scram, NULL, text, size) >= 0)
		abort();
	if (jem_scram_client_first(&scram, "u", "mine") < 0)
		abort();
	/* Rounds are the peer's choice within a bound: not the subject here. */
	if (!memmem(text, size, ",i=", 3) || memmem(text, size, ",i=4096", 7))
		(void)jem_scram_client_final(&scram, "p", text, size);
	(void)jem_scram_client_verify(&scram, text, size);
	return 0;
}
