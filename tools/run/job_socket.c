/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/job_socket.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

int jem_run_job_socket(const struct jem_run_folder *folder, const char *name, char ret[PATH_MAX])
{
	uint64_t secret[2];

	if (folder->fd >= 0) {
		int n = snprintf(ret, PATH_MAX, "%s/%s.sock", folder->path, name);

		if (n > 0 && n < (int)sizeof(((struct sockaddr_un *)NULL)->sun_path))
			return 0;
	}
	*ret = '\0';
	if (getrandom(secret, sizeof(secret), GRND_NONBLOCK) != sizeof(secret))
		return -ENXIO;
	snprintf(ret, PATH_MAX, "@jem-%s-%016" PRIx64 "%016" PRIx64, name, secret[0], secret[1]);
	return 0;
}
