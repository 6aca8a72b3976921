/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/run/calls.h"

#include "common/cleanup.h"
#include "common/find.h"
#include "tools/run/job_socket.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum {
	INTERPRETERS_MAX = 4, /* as the kernel follows them */
	SEGMENTS_MAX = 256,
	NAME_SIZE = 64
};

/* --- the program ------------------------------------------------------------------------------ */

/* The file that execvp would run, open; or a negative errno. */
static int open_program(const char *program)
{
	const char *path = getenv("PATH");
	char candidate[PATH_MAX];

	if (strchr(program, '/') || !*program)
		return open(program, O_RDONLY | O_CLOEXEC);
	if (!path)
		path = "/bin:/usr/bin"; /* as execvp(3) */
	for (;;) {
		size_t len = strcspn(path, ":");
		int n = snprintf(candidate, sizeof(candidate), "%.*s%s%s", (int)len, path,
				 len ? "/" : "", program);

		if (n > 0 && n < (int)sizeof(candidate) && !access(candidate, X_OK)) {
			int fd = open(candidate, O_RDONLY | O_CLOEXEC);
			struct stat st;

			if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
				return fd;
			if (fd >= 0)
				close(fd);
		}
		if (!path[len])
			return -1;
		path += len + 1;
	}
}

/* The same in both classes: the fields that we look at. */
struct program_header {
	uint16_t machine;
	uint8_t class;
	uint64_t segments;
	unsigned segment_size, segment_count;
};

static bool read_header(int fd, struct program_header *ret)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf64_Ehdr wide;
		Elf32_Ehdr narrow;
	} header;
	ssize_t n = pread(fd, &header, sizeof(header), 0);

	memset(ret, 0, sizeof(*ret));
	if (n < (ssize_t)sizeof(header.narrow) || memcmp(header.ident, ELFMAG, SELFMAG))
		return false;
	ret->class = header.ident[EI_CLASS];
	ret->machine = header.narrow.e_machine; /* at the same place in both */
	if (ret->class == ELFCLASS64 && n == (ssize_t)sizeof(header)) {
		ret->segments = header.wide.e_phoff;
		ret->segment_size = header.wide.e_phentsize;
		ret->segment_count = header.wide.e_phnum;
	} else {
		ret->segments = header.narrow.e_phoff;
		ret->segment_size = header.narrow.e_phentsize;
		ret->segment_count = header.narrow.e_phnum;
	}
	return true;
}

/* A program without an interpreter segment is its own loader: nobody preloads into it. */
static bool is_static(int fd, const struct program_header *header)
{
	unsigned count =
		header->segment_count < SEGMENTS_MAX ? header->segment_count : SEGMENTS_MAX;

	for (unsigned i = 0; i < count; i++) {
		uint32_t type;

		if (pread(fd, &type, sizeof(type),
			  (off_t)(header->segments + (uint64_t)i * header->segment_size)) !=
		    (ssize_t)sizeof(type))
			break;
		if (type == PT_INTERP)
			return false;
	}
	return true;
}

/* Whether exec makes it a secure one (ld.so(8)): then LD_PRELOAD is not heeded. */
static bool is_secure(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	if ((st.st_mode & S_ISUID) && st.st_uid != getuid())
		return true;
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getgid())
		return true;
	return getuid() && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

/* The interpreter of a script, from its first line; false when it is none. */
static bool read_interpreter(int fd, char ret[PATH_MAX])
{
	char line[256];
	ssize_t n = pread(fd, line, sizeof(line) - 1, 0);
	char *start;

	if (n < 3 || line[0] != '#' || line[1] != '!')
		return false;
	line[n] = '\0';
	start = line + 2 + strspn(line + 2, " \t");
	start[strcspn(start, " \t\n")] = '\0';
	if (!*start)
		return false;
	snprintf(ret, PATH_MAX, "%s", start);
	return true;
}

static void name_program(struct jem_run_calls *calls, int fd)
{
	char link[64];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, calls->program, sizeof(calls->program) - 1);
	calls->program[len < 0 ? 0 : len] = '\0';
}

static enum jem_dead_end look_at(int fd, const struct program_header *theirs,
				 const struct program_header *ours)
{
	if (theirs->machine != ours->machine || theirs->class != ours->class)
		return JEM_DEAD_END_FOREIGN;
	if (is_static(fd, theirs))
		return JEM_DEAD_END_STATIC;
	return is_secure(fd) ? JEM_DEAD_END_SETUID : JEM_DEAD_END_COUNT;
}

/* Whether the library can be preloaded into the program: COUNT, or why not. */
static enum jem_dead_end look(struct jem_run_calls *calls, const char *program)
{
	auto_close int own = open(calls->library, O_RDONLY | O_CLOEXEC);
	auto_close int fd = open_program(program);
	struct program_header ours;
	struct program_header theirs;
	char interpreter[PATH_MAX];

	if (own < 0 || !read_header(own, &ours))
		return JEM_DEAD_END_NO_LIBRARY;
	for (int i = 0; fd >= 0 && i < INTERPRETERS_MAX; i++) {
		if (read_header(fd, &theirs)) {
			name_program(calls, fd);
			return look_at(fd, &theirs, &ours);
		}
		if (!read_interpreter(fd, interpreter))
			break;
		close(fd);
		fd = open(interpreter, O_RDONLY | O_CLOEXEC);
	}
	/* Not to be read, or a script without its line, which a shell runs: nothing speaks against. */
	return JEM_DEAD_END_COUNT;
}

void jem_run_calls_prepare(struct jem_run_calls *calls, const struct jem_config *config,
			   const struct jem_run_folder *folder, const char *program)
{
	*calls = (struct jem_run_calls){ .config = config, .why = JEM_DEAD_END_COUNT };
	calls->is_wanted = jem_config_list_size(config, JEM_OPTION_calls_include) > 0 &&
			   !jem_config_bool(config, JEM_OPTION_calls_off);
	if (!calls->is_wanted)
		return;
	if (jem_run_job_socket(folder, "calls", calls->socket) < 0)
		calls->why = JEM_DEAD_END_NO_SOCKET;
	if (jem_find_library("libjemtrace.so", calls->library) < 0)
		calls->why = JEM_DEAD_END_NO_LIBRARY;
	else if (strpbrk(calls->library, ": \t\n"))
		calls->why = JEM_DEAD_END_BAD_PATH;
	else if (calls->why == JEM_DEAD_END_COUNT)
		calls->why = look(calls, program);
}

/* --- the environment -------------------------------------------------------------------------- */

static void give_preload(const char *library)
{
	const char *before = getenv("LD_PRELOAD");
	auto_free char *all = NULL;

	if (before && *before && asprintf(&all, "%s:%s", library, before) < 0)
		all = NULL;
	setenv("LD_PRELOAD", all ? all : library, 1);
}

/* Elements separated by commas, `\,` is one: as common/config_env.c reads it. */
static void give_list(const struct jem_config *config, enum jem_option option, const char *name)
{
	size_t count = jem_config_list_size(config, option);
	size_t size = 1;
	auto_free char *text = NULL;
	char *end;

	for (size_t i = 0; i < count; i++)
		size += 2 * strlen(jem_config_list_at(config, option, i)) + 1;
	text = malloc(size);
	if (!text)
		return;
	end = text;
	for (size_t i = 0; i < count; i++) {
		if (i)
			*end++ = ',';
		for (const char *c = jem_config_list_at(config, option, i); *c; c++) {
			if (*c == ',')
				*end++ = '\\';
			*end++ = *c;
		}
	}
	*end = '\0';
	setenv(name, text, 1);
}

/* Plain numbers, so that the library need not know units. */
static void give_setting(const struct jem_config *config, enum jem_option option, const char *name)
{
	char text[32];

	switch (jem_options[option].type) {
	case JEM_SETTING_LIST:
		give_list(config, option, name);
		return;
	case JEM_SETTING_BOOL:
		snprintf(text, sizeof(text), "%d", jem_config_bool(config, option));
		break;
	case JEM_SETTING_COUNT:
	case JEM_SETTING_BYTES:
		snprintf(text, sizeof(text), "%" PRIu64, jem_config_u64(config, option));
		break;
	case JEM_SETTING_SECONDS:
		snprintf(text, sizeof(text), "%g", (double)jem_config_ns(config, option) * 1e-9);
		break;
	default:
		setenv(name, jem_config_str(config, option), 1);
		return;
	}
	setenv(name, text, 1);
}

void jem_run_calls_give(const struct jem_run_calls *calls)
{
	if (!calls || !calls->is_wanted || calls->why != JEM_DEAD_END_COUNT)
		return;
	for (int i = 0; i < JEM_OPTION_COUNT; i++) {
		char name[NAME_SIZE];

		if (strcmp(jem_options[i].section, "calls") ||
		    !jem_config_is_set(calls->config, (enum jem_option)i))
			continue;
		snprintf(name, sizeof(name), "JEM_CALLS_%s", jem_options[i].key);
		for (char *c = name; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		/* The short form is the switch of the library; twice would be the list twice. */
		if (i == JEM_OPTION_calls_include) {
			unsetenv(name);
			strcpy(name, "JEM_CALLS");
		}
		give_setting(calls->config, (enum jem_option)i, name);
	}
	setenv("JEM_CALLS_SOCKET", calls->socket, 1);
	give_preload(calls->library);
}
