/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_credentials: any text as a credentials file; what is taken can be found and checked. */
#include "broker-client/credentials.h"
#include "common/cleanup.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_close int fd = memfd_create("credentials", MFD_CLOEXEC);
	struct jem_credentials *credentials;
	struct jem_err err = { "" };
	const char *password;
	const char *user;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || fchmod(fd, 0600) < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (jem_credentials_load(path, &credentials, &err) < 0) {
		if (!err.text[0])
			abort();
		return 0;
	}
	if (!jem_credentials_find(credentials, NULL, &user, &password) || !*user || !*password ||
	    !jem_credentials_check(credentials, user, strlen(user), password, strlen(password)))
		abort();
	jem_credentials_destroy(credentials);
	return 0;
}
