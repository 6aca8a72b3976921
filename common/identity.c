/* SPDX-License-Identifier: Apache-2.0 */
#include "common/identity.h"

#include "common/cleanup.h"
#include "common/clock.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

static void set_name(char name[JEM_NAME_MAX + 1], char truth[JEM_TRUE_NAME_SIZE], const char *value)
{
	truth[0] = '\0';
	if (jem_name_reduce(value, name))
		snprintf(truth, JEM_TRUE_NAME_SIZE, "%s", value);
}

static const char *user_name(char *buffer, size_t size)
{
	struct passwd entry;
	struct passwd *found = NULL;
	char strings[1024];

	if (!getpwuid_r(geteuid(), &entry, strings, sizeof(strings), &found) && found)
		snprintf(buffer, size, "%s", entry.pw_name);
	else
		snprintf(buffer, size, "uid%u", (unsigned)geteuid());
	return buffer;
}

static const char *node_name(char *buffer, size_t size)
{
	if (gethostname(buffer, size) < 0 || !buffer[0])
		snprintf(buffer, size, "unknown");
	buffer[size - 1] = '\0';
	return buffer;
}

void jem_identity_init(struct jem_identity *identity, const struct jem_config *config)
{
	const char *site = jem_config_str(config, JEM_OPTION_identity_site);
	const char *user = jem_config_str(config, JEM_OPTION_identity_user);
	const char *node = jem_config_str(config, JEM_OPTION_identity_node);
	const char *job = jem_config_str(config, JEM_OPTION_run_job);
	char buffer[JEM_TRUE_NAME_SIZE];

	set_name(identity->names.site, identity->true_site, site);
	set_name(identity->names.user, identity->true_user,
		 user ? user : user_name(buffer, sizeof(buffer)));
	set_name(identity->names.node, identity->true_node,
		 node ? node : node_name(buffer, sizeof(buffer)));
	set_name(identity->names.job, identity->true_job, job ? job : "-");
}

void jem_epoch_make(char ret[JEM_EPOCH_SIZE])
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = jem_wall_ns() ^ (uint64_t)getpid() << 40;
	snprintf(ret, JEM_EPOCH_SIZE, "%016" PRIx64, random);
}

void jem_boot_id_read(char ret[JEM_BOOT_ID_SIZE])
{
	auto_close int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, ret, JEM_BOOT_ID_SIZE - 1) != JEM_BOOT_ID_SIZE - 1)
		snprintf(ret, JEM_BOOT_ID_SIZE, "00000000-0000-0000-0000-000000000000");
	ret[JEM_BOOT_ID_SIZE - 1] = '\0';
}
