/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/credentials.h"

#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

enum {
	FILE_SIZE_MAX = 65536
};

struct entry {
	char *user; /* borrowed from the text */
	char *password;
};

struct jem_credentials {
	char *text; /* owned */
	size_t size;
	struct entry *entries; /* owned */
	size_t count;
};

void jem_credentials_destroy(struct jem_credentials *credentials)
{
	if (!credentials)
		return;
	if (credentials->text)
		explicit_bzero(credentials->text, credentials->size);
	free(credentials->text);
	free(credentials->entries);
	free(credentials);
}

JEM_DEFINE_AUTO(auto_credentials_destroy, struct jem_credentials, jem_credentials_destroy)
#define auto_credentials __attribute__((cleanup(auto_credentials_destroy)))

static int check_file(int fd, const char *path, size_t *size, struct jem_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return jem_err_set(err, -errno, "%s: %s; check the path", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return jem_err_set(err, -EINVAL, "%s: not a regular file; name one", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return jem_err_set(err, -EPERM,
				   "%s: belongs to another user (uid %u); use a copy of your own",
				   path, st.st_uid);
	if (st.st_mode & 077)
		return jem_err_set(err, -EPERM,
				   "%s: others may read it (mode %04o); do `chmod 600` on it", path,
				   st.st_mode & 07777);
	if (st.st_size > FILE_SIZE_MAX)
		return jem_err_set(err, -EFBIG, "%s: larger than %d bytes; is it the right file?",
				   path, FILE_SIZE_MAX);
	*size = (size_t)st.st_size;
	return 0;
}

static int read_file(const char *path, struct jem_credentials *credentials, struct jem_err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t size = 0;
	ssize_t n;
	int rc;

	if (fd < 0)
		return jem_err_set(err, -errno, "%s: %s; check the path", path, strerror(errno));
	rc = check_file(fd, path, &size, err);
	if (rc < 0)
		return rc;
	credentials->size = size + 1;
	credentials->text = calloc(1, credentials->size);
	if (!credentials->text)
		return -ENOMEM;
	for (size_t at = 0; at < size; at += (size_t)n) {
		n = read(fd, credentials->text + at, size - at);
		if (n <= 0)
			return jem_err_set(err, n < 0 ? -errno : -EIO, "%s: cannot be read", path);
	}
	if (strlen(credentials->text) != size)
		return jem_err_set(err, -EINVAL, "%s: has a NUL byte in it", path);
	return 0;
}

static int add_line(struct jem_credentials *credentials, char *line, const char *path,
		    unsigned number, struct jem_err *err)
{
	char *colon;
	struct entry *grown;

	line[strcspn(line, "\r")] = '\0';
	if (!*line || *line == '#')
		return 0;
	colon = strchr(line, ':');
	if (!colon || colon == line || !colon[1])
		return jem_err_set(err, -EINVAL, "%s:%u: a line is `USER:PASSWORD`", path, number);
	grown = reallocarray(credentials->entries, credentials->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*colon = '\0';
	credentials->entries = grown;
	grown[credentials->count++] = (struct entry){ line, colon + 1 };
	return 0;
}

int jem_credentials_load(const char *path, struct jem_credentials **ret, struct jem_err *err)
{
	auto_credentials struct jem_credentials *credentials = calloc(1, sizeof(*credentials));
	unsigned number = 0;
	char *rest;
	char *line;
	int rc;

	if (!credentials)
		return -ENOMEM;
	rc = read_file(path, credentials, err);
	if (rc < 0)
		return rc;
	rest = credentials->text;
	while ((line = strsep(&rest, "\n")) != NULL) {
		rc = add_line(credentials, line, path, ++number, err);
		if (rc < 0)
			return rc;
	}
	if (!credentials->count)
		return jem_err_set(err, -EINVAL, "%s: has no line `USER:PASSWORD`", path);
	*ret = jem_take(credentials);
	return 0;
}

bool jem_credentials_find(const struct jem_credentials *credentials, const char *user,
			  const char **ret_user, const char **ret_password)
{
	for (size_t i = 0; i < credentials->count; i++) {
		const struct entry *entry = &credentials->entries[i];

		if (user && *user && strcmp(entry->user, user) != 0)
			continue;
		*ret_user = entry->user;
		*ret_password = entry->password;
		return true;
	}
	return false;
}

static bool is_same(const char *known, const char *given, size_t given_len)
{
	size_t known_len = strlen(known);
	uint8_t difference = known_len != given_len;

	for (size_t i = 0; i < given_len; i++)
		difference |= (uint8_t)(given[i] ^ known[i < known_len ? i : 0]);
	return !difference;
}

bool jem_credentials_check(const struct jem_credentials *credentials, const char *user,
			   size_t user_len, const char *password, size_t password_len)
{
	bool is_right = false;

	for (size_t i = 0; i < credentials->count; i++) {
		bool is_user = is_same(credentials->entries[i].user, user, user_len);
		bool is_password =
			is_same(credentials->entries[i].password, password, password_len);

		is_right |= is_user & is_password;
	}
	return is_right;
}
