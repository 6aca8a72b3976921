/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/folder.h"

#include "common/cleanup.h"
#include "tools/run/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	TRIES_MAX = 10000,
	BACKLOG = 64
};

void jem_run_folder_init(struct jem_run_folder *folder)
{
	*folder = (struct jem_run_folder){ .fd = -1, .lock = -1, .socket = -1, .log = -1 };
}

void jem_run_folder_deinit(struct jem_run_folder *folder)
{
	jem_fd_close(&folder->fd);
	jem_fd_close(&folder->lock);
	jem_fd_close(&folder->socket);
	jem_fd_close(&folder->log);
	folder->shown[0] = '\0';
}

static bool is_empty(int fd)
{
	auto_closedir DIR *dir = fdopendir(dup(fd));
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			return false;
	return dir != NULL;
}

/* An empty folder of our own that nobody else may write into: somebody made it for us. */
static bool may_take(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && st.st_uid == geteuid() && !(st.st_mode & 022) && is_empty(fd);
}

/* Opens, locks. -EEXIST when it is somebody else's. */
static int take(struct jem_run_folder *folder, const char *path, bool is_new)
{
	int fd = jem_fd_open(path, O_RDONLY | O_DIRECTORY);
	int lock;

	if (fd < 0)
		return is_new ? fd : -EEXIST;
	if (!is_new && !may_take(fd)) {
		close(fd);
		return -EEXIST;
	}
	lock = openat(fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	lock = lock < 0 ? -errno : jem_fd_raise(lock);
	if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) < 0) {
		int rc = errno == EWOULDBLOCK ? -EEXIST : 0; /* no locks on this file system */

		if (rc < 0) {
			close(lock);
			lock = rc;
		}
	}
	if (lock < 0) {
		close(fd);
		return lock;
	}
	folder->fd = fd;
	folder->lock = lock;
	return 0;
}

/* One candidate: the folder, and under a pilot the link to it. */
static int try_path(struct jem_run_folder *folder, const char *path, const char *link,
		    bool is_given)
{
	bool is_new = !mkdir(path, 0700);
	int rc;

	if (!is_new && (errno != EEXIST || !is_given))
		return -errno;
	if (is_new && link &&
	    symlink(strrchr(path, '/') ? strrchr(path, '/') + 1 : path, link) < 0) {
		rc = -errno;
		rmdir(path);
		return rc;
	}
	rc = take(folder, path, is_new);
	if (rc < 0 && is_new) {
		if (link)
			unlink(link);
		rmdir(path);
	}
	return rc;
}

/*
 * The first free one of PATH, PATH-2, PATH-3 ... `prefix` is put before the last name for the
 * folder itself, which `shown` then only links to.
 */
static int make_first_free(struct jem_run_folder *folder, const char *where, const char *name,
			   const char *prefix, bool is_given)
{
	char path[PATH_MAX];
	int rc = -EEXIST;

	for (int i = 1; i < TRIES_MAX && rc == -EEXIST; i++) {
		char number[16] = "";
		int n;

		if (i > 1)
			snprintf(number, sizeof(number), "-%d", i);
		n = snprintf(folder->shown, PATH_MAX, "%s%s%s", where, name, number);
		if (n < 0 || n >= PATH_MAX)
			return -ENAMETOOLONG;
		n = snprintf(path, PATH_MAX, "%s%s%s%s", where, prefix, name, number);
		if (n < 0 || n >= PATH_MAX)
			return -ENAMETOOLONG;
		rc = try_path(folder, path, *prefix ? folder->shown : NULL, is_given);
	}
	if (rc < 0)
		return rc;
	if (path[0] == '/' || !getcwd(folder->path, PATH_MAX)) {
		strcpy(folder->path, path);
	} else {
		size_t len = strlen(folder->path);
		int n = snprintf(folder->path + len, PATH_MAX - len, "%s%s",
				 len && folder->path[len - 1] == '/' ? "" : "/", path);

		if (n < 0 || (size_t)n >= PATH_MAX - len)
			return -ENAMETOOLONG;
	}
	return 0;
}

/* unix(7) has room for 107 characters; through the descriptor every folder is near enough. */
static int listen_in(struct jem_run_folder *folder)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t before;
	int fd = jem_fd_raise(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	int rc;

	if (fd < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/broker.sock",
		 folder->fd);
	before = umask(0177);
	rc = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(before);
	if (!rc && listen(fd, BACKLOG) < 0)
		rc = -errno;
	if (rc < 0) {
		close(fd);
		return rc;
	}
	folder->socket = fd;
	return 0;
}

static int fill(struct jem_run_folder *folder, struct jem_err *err)
{
	int rc = listen_in(folder);

	if (rc < 0)
		return jem_err_set(err, rc, "cannot listen at %.100s/broker.sock: %s",
				   folder->shown, strerror(-rc));
	rc = openat(folder->fd, "monitor.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	folder->log = rc < 0 ? -errno : jem_fd_raise(rc);
	if (folder->log < 0)
		return jem_err_set(err, folder->log, "cannot write %.100s/monitor.log: %s",
				   folder->shown, strerror(-folder->log));
	return 0;
}

/* "/a/b/" is split into "/a/" and "b". */
static int split(const char *out, char where[PATH_MAX], char name[PATH_MAX])
{
	size_t len = strlen(out);
	const char *slash;

	while (len > 1 && out[len - 1] == '/')
		len--;
	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	slash = memrchr(out, '/', len);
	slash = slash ? slash + 1 : out;
	snprintf(where, PATH_MAX, "%.*s", (int)(slash - out), out);
	snprintf(name, PATH_MAX, "%.*s", (int)(len - (size_t)(slash - out)), slash);
	return 0;
}

static int make_given(struct jem_run_folder *folder, const char *out, struct jem_err *err)
{
	char where[PATH_MAX];
	char name[PATH_MAX];
	int rc = split(out, where, name);

	if (rc == 0)
		rc = make_first_free(folder, where, name, "", true);
	if (rc < 0)
		return jem_err_set(err, rc,
				   "cannot make the folder %.150s: %s; name another by "
				   "--out",
				   out, strerror(-rc));
	return fill(folder, err);
}

static int make_default(struct jem_run_folder *folder, const struct jem_job_id *id,
			struct jem_err *err)
{
	const char *prefix = id->is_panda ? "memory_" : "";
	const char *temporary = getenv("TMPDIR");
	char where[PATH_MAX];
	char name[JEM_NAME_MAX + 8];
	int rc;

	snprintf(name, sizeof(name), "jem-%s", id->name);
	rc = make_first_free(folder, "", name, prefix, false);
	if (rc < 0) {
		snprintf(where, sizeof(where), "%s/", temporary && *temporary ? temporary : "/tmp");
		if (!make_first_free(folder, where, name, prefix, false))
			return fill(folder, err);
		return jem_err_set(err, rc, "cannot make the folder %s here: %s; name one by --out",
				   name, strerror(-rc));
	}
	return fill(folder, err);
}

int jem_run_folder_make(struct jem_run_folder *folder, const char *out, const struct jem_job_id *id,
			struct jem_err *err)
{
	int rc = out ? make_given(folder, out, err) : make_default(folder, id, err);

	if (rc < 0)
		jem_run_folder_deinit(folder);
	return rc;
}

bool jem_run_folder_has(const struct jem_run_folder *folder, const char *name)
{
	return folder->fd >= 0 && !faccessat(folder->fd, name, F_OK, 0);
}
