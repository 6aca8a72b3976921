/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/folder.h"

#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum {
	FOLDER_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
};

static int make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int rc;

		*slash = '\0';
		rc = mkdir(path, 0700);
		*slash = '/';
		if (rc < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

int jem_folder_open_out(const char *path, struct jem_err *err)
{
	char copy[PATH_MAX];
	int status = 0;
	int fd;

	if (!*path || strlen(path) >= sizeof(copy))
		return jem_err_set(err, -EINVAL, "'%.60s' is no path of a folder", path);
	strcpy(copy, path);
	if (mkdir(copy, 0700) < 0 && errno == ENOENT) {
		status = make_parents(copy);
		if (status == 0 && mkdir(copy, 0700) < 0 && errno != EEXIST)
			status = -errno;
	}
	fd = status < 0 ? -1 : open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0) {
		status = -errno;
		close(fd);
	} else if (fd >= 0) {
		return fd;
	} else if (status == 0) {
		status = -errno;
	}
	return jem_err_set(err, status, "cannot write into %.180s: %s", path, strerror(-status));
}

int jem_folder_open(int parent, const char *name, bool is_made)
{
	int fd;

	if (!jem_name_is_valid(name, strlen(name)))
		return -EINVAL;
	fd = openat(parent, name, FOLDER_FLAGS);
	if (fd < 0 && errno == ENOENT && is_made) {
		if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
			return -errno;
		fd = openat(parent, name, FOLDER_FLAGS);
	}
	return fd < 0 ? -errno : fd;
}

int jem_folder_open_job(int out, const struct jem_source_names *names, bool may_make, bool *made)
{
	auto_close int site = jem_folder_open(out, names->site, may_make);
	auto_close int user = site < 0 ? site : jem_folder_open(site, names->user, may_make);
	int job = user < 0 ? user : jem_folder_open(user, names->job, false);

	*made = job == -ENOENT && may_make;
	if (*made)
		return jem_folder_open(user, names->job, true);
	return job == -ENOENT ? -EDQUOT : job;
}

/* The folders `depth` levels below this one. */
static uint64_t count_folders(int folder, int depth)
{
	int copy = openat(folder, ".", FOLDER_FLAGS);
	auto_closedir DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;
	uint64_t count = 0;

	if (!dir && copy >= 0)
		close(copy);
	while (dir && (entry = readdir(dir))) {
		auto_close int inner = -1;

		if (!jem_name_is_valid(entry->d_name, strlen(entry->d_name)) ||
		    (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
			continue;
		inner = depth > 1 ? jem_folder_open(folder, entry->d_name, false) : -1;
		count += depth > 1 ? (inner < 0 ? 0 : count_folders(inner, depth - 1)) : 1;
	}
	return count;
}

uint64_t jem_folder_count_jobs(int out)
{
	return count_folders(out, 3);
}

int jem_folder_open_file(int folder, const char *name, int flags)
{
	struct stat st;
	int fd;

	if (!*name || strchr(name, '/'))
		return -EINVAL;
	/* O_NONBLOCK: a planted FIFO must not hold us up. */
	fd = openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

int jem_folder_write_at(int fd, const char *bytes, size_t len, uint64_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(fd, bytes + done, len - done, (off_t)(offset + done));
		int status = n < 0 ? -errno : -ENOSPC;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (ftruncate(fd, (off_t)offset) < 0)
				return -errno;
			return status;
		}
		done += (size_t)n;
	}
	return 0;
}

int jem_folder_replace(int folder, const char *name, const char *text, size_t len)
{
	char temporary[NAME_MAX + 1];
	auto_close int fd = -1;
	int status;

	if (snprintf(temporary, sizeof(temporary), "%s.tmp", name) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	fd = jem_folder_open_file(folder, temporary, O_WRONLY | O_CREAT | O_TRUNC);
	if (fd < 0)
		return fd;
	status = jem_folder_write_at(fd, text, len, 0);
	if (status == 0 && renameat(folder, temporary, folder, name) < 0)
		status = -errno;
	if (status < 0)
		unlinkat(folder, temporary, 0);
	return status;
}

/* File systems without locks on folders (some NFS) say EBADF or ENOLCK: then there is none. */
int jem_folder_lock(int folder)
{
	return flock(folder, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK ? -EBUSY : 0;
}
