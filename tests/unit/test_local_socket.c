/* SPDX-License-Identifier: Apache-2.0 */
#include "common/local_socket.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	ROUNDS = 2000
};

struct race {
	char path[300];
	atomic_bool is_over;
	int status; /* of the first connection that was not for want of the name */
};

/* Connects as soon as there is a name to connect to. */
static void *connect_at_once(void *arg)
{
	struct race *race = arg;
	struct jem_err err;
	int fd;

	do
		fd = jem_local_connect(race->path, &err);
	while (fd == -ENOENT && !race->is_over);
	race->status = fd < 0 ? fd : 0;
	if (fd >= 0)
		close(fd);
	return NULL;
}

CASE(takes_connections_as_soon_as_its_name_is_there)
{
	static struct race race;
	struct jem_err err;

	snprintf(race.path, sizeof(race.path), "%s/socket", check_folder());
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t thread;
		int fd;

		race.is_over = false;
		CHECK_EQ(pthread_create(&thread, NULL, connect_at_once, &race), 0);
		fd = jem_local_listen(race.path, &err);
		CHECK_OK(fd);
		race.is_over = true;
		pthread_join(thread, NULL);
		/* A thread that came too late saw the end before the name. */
		CHECK(race.status == 0 || race.status == -ENOENT);
		CHECK_OK(unlink(race.path));
		close(fd);
	}
}

CASE(takes_no_name_that_somebody_has)
{
	char path[300], hidden[302];
	struct stat st;
	struct jem_err err;
	int fd;

	snprintf(path, sizeof(path), "%s/socket", check_folder());
	snprintf(hidden, sizeof(hidden), "%s~", path);
	fd = jem_local_listen(path, &err);
	CHECK_OK(fd);
	CHECK_EQ(jem_local_listen(path, &err), -EADDRINUSE);
	CHECK_CONTAINS(err.text, "socket");
	CHECK_EQ(stat(hidden, &st), -1);
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	/* What a daemon left that died in between is no hindrance. */
	CHECK_OK(unlink(path));
	CHECK_OK(symlink("nowhere", hidden));
	close(fd);
	fd = jem_local_listen(path, &err);
	CHECK_OK(fd);
	close(fd);
}

TESTS(T(takes_connections_as_soon_as_its_name_is_there), T(takes_no_name_that_somebody_has))
