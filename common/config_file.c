/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config_file.h"

#include "common/cleanup.h"
#include "common/config_internal.h"
#include "common/config_value.h"
#include "common/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

enum {
	FILE_BYTES_MAX = 1 << 20,
	LINE_BYTES_MAX = 8192,
	FAULTS_MAX = 100,
};

enum section_state {
	SECTION_NONE, /* before the first one */
	SECTION_OPTIONS,
	SECTION_RULE,
	SECTION_SKIPPED, /* its head was told as a fault already */
};

struct reader {
	struct jem_config *config; /* borrowed */
	const char *path;          /* borrowed */
	jem_fault_fn on_fault;
	void *arg;
	unsigned line;
	int faults;
	enum section_state state;
	char section[JEM_SHOWN_MAX]; /* of options: its name; of a rule: the rule's */
	unsigned section_line;
	int section_faults;              /* `faults` when the section began */
	unsigned seen[JEM_OPTION_COUNT]; /* line of a key that may stand once */
};

/* Tells "PATH:LINE: ..." (line 0: the file as a whole). */
static void __attribute__((format(printf, 3, 4)))
tell(struct reader *reader, unsigned line, const char *format, ...)
{
	auto_free char *text = NULL;
	auto_free char *whole = NULL;
	va_list args;
	int rc;

	if (reader->faults++ >= FAULTS_MAX)
		return;
	va_start(args, format);
	rc = vasprintf(&text, format, args);
	va_end(args);
	if (rc < 0)
		text = NULL;
	if (line)
		rc = asprintf(&whole, "%s:%u: %s", reader->path, line, text ? text : "fault");
	else
		rc = asprintf(&whole, "%s: %s", reader->path, text ? text : "fault");
	if (rc < 0) {
		whole = NULL;
		reader->on_fault(reader->arg, "configuration: no memory to tell a fault");
		return;
	}
	for (char *c = whole; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?'; /* the path may hold anything */
	reader->on_fault(reader->arg, whole);
}

static char *strip(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len && strchr(" \t\r", text[len - 1]))
		text[--len] = '\0';
	return text;
}

static int find_rule(const struct jem_config *config, const char *name)
{
	for (size_t i = 0; i < jem_config_rule_count(config); i++)
		if (!strcmp(jem_config_rule(config, i)->name, name))
			return (int)i;
	return -ENOENT;
}

/* A rule whose section ends is whole or goes; a fault inside it was told, and is reason enough. */
static void end_section(struct reader *reader)
{
	int i = -ENOENT;
	const struct jem_rule *rule = NULL;

	if (reader->state != SECTION_RULE)
		return;
	reader->state = SECTION_NONE;
	i = find_rule(reader->config, reader->section);
	if (i >= 0)
		rule = jem_config_rule(reader->config, (size_t)i);
	if (rule && !rule->log != !rule->when)
		return;
	if (reader->faults == reader->section_faults) {
		if (rule && rule->log)
			tell(reader, reader->section_line,
			     "[rule %s] has both log and when; make two rules of it",
			     reader->section);
		else
			tell(reader, reader->section_line,
			     "[rule %s] has neither log nor when; add the one it is about",
			     reader->section);
	}
	if (rule)
		jem_config_remove_rule(reader->config, (size_t)i);
}

static void begin_rule(struct reader *reader, const char *name)
{
	char shown[JEM_SHOWN_MAX];
	int i = find_rule(reader->config, name);

	if (i >= 0) {
		tell(reader, reader->line, "[rule %s] stands twice, first at %s; rename one", name,
		     jem_config_rule(reader->config, (size_t)i)->origin);
		return;
	}
	if (!*name || strlen(name) >= sizeof(reader->section)) {
		tell(reader, reader->line,
		     "[rule %s]: name it by 1 to 48 characters of A-Z, a-z, 0-9, _ and -",
		     jem_value_show(name, shown));
		return;
	}
	strcpy(reader->section, name);
	reader->state = SECTION_RULE;
}

static void begin_options(struct reader *reader, const char *name)
{
	char shown[JEM_SHOWN_MAX];
	const char *near = NULL;
	unsigned least = 3;

	for (unsigned i = 0; i < JEM_OPTION_COUNT; i++) {
		unsigned distance = jem_value_distance(name, jem_options[i].section);

		if (!distance) {
			strcpy(reader->section, jem_options[i].section);
			reader->state = SECTION_OPTIONS;
			return;
		}
		if (distance < least) {
			least = distance;
			near = jem_options[i].section;
		}
	}
	jem_value_show(name, shown);
	if (!strcmp(name, "rule"))
		tell(reader, reader->line, "[rule] lacks its name; write [rule NAME]");
	else if (near)
		tell(reader, reader->line, "[%s]: unknown section; did you mean [%s]?", shown,
		     near);
	else
		tell(reader, reader->line, "[%s]: unknown section; see jem.conf(5) for all of them",
		     shown);
}

static void take_head(struct reader *reader, char *text)
{
	size_t len = strlen(text);
	char shown[JEM_SHOWN_MAX];
	char *name;

	end_section(reader);
	reader->state = SECTION_SKIPPED;
	reader->section_line = reader->line;
	reader->section_faults = reader->faults;
	if (text[len - 1] != ']' || len < 3) {
		tell(reader, reader->line, "\"%s\" is no section; write [NAME] and nothing behind",
		     jem_value_show(text, shown));
		return;
	}
	text[len - 1] = '\0';
	name = strip(text + 1);
	if (!strncmp(name, "rule", 4) && strchr(" \t", name[4]) && name[4])
		begin_rule(reader, strip(name + 4));
	else
		begin_options(reader, name);
}

static bool is_quoted(const char *value)
{
	size_t len = strlen(value);

	return len >= 2 && strchr("\"'", *value) && value[len - 1] == *value;
}

static void take_option(struct reader *reader, const char *key, const char *value)
{
	struct jem_err err;
	auto_free char *origin = NULL;
	int option = jem_config_find(reader->section, key, &err);
	enum jem_option_type type;

	if (option < 0) {
		tell(reader, reader->line, "%s", err.text);
		return;
	}
	type = jem_options[option].type;
	if (type != JEM_SETTING_LIST && reader->seen[option]) {
		tell(reader, reader->line, "%s.%s stands twice, first in line %u; keep one",
		     reader->section, key, reader->seen[option]);
		return;
	}
	reader->seen[option] = reader->line;
	if ((type == JEM_SETTING_STRING || type == JEM_SETTING_PATH) && is_quoted(value)) {
		tell(reader, reader->line, "%s.%s: quotes are part of a value here; write it bare",
		     reader->section, key);
		return;
	}
	if (asprintf(&origin, "%s:%u", reader->path, reader->line) < 0)
		origin = NULL;
	if (jem_config_set(reader->config, JEM_RANK_FILE, origin ? origin : reader->path,
			   reader->section, key, value, &err) < 0)
		tell(reader, reader->line, "%s", err.text);
}

static void take_rule_key(struct reader *reader, const char *key, const char *value)
{
	struct jem_err err;
	auto_free char *origin = NULL;

	if (asprintf(&origin, "%s:%u", reader->path, reader->section_line) < 0)
		origin = NULL;
	if (jem_config_set_rule(reader->config, origin ? origin : reader->path, reader->section,
				key, value, &err) >= 0)
		return;
	tell(reader, reader->line, "%s", err.text);
	/* A rule that cannot be made would tell the same for each of its keys. */
	if (find_rule(reader->config, reader->section) < 0)
		reader->state = SECTION_SKIPPED;
}

static void take_assignment(struct reader *reader, char *text)
{
	char shown[JEM_SHOWN_MAX];
	char *equals = strchr(text, '=');
	char *key = text;

	if (equals)
		*equals = '\0';
	key = strip(key);
	if (!equals)
		tell(reader, reader->line, "\"%s\" is neither [section] nor NAME = VALUE",
		     jem_value_show(key, shown));
	else if (!*key)
		tell(reader, reader->line, "no name stands before the =; write NAME = VALUE");
	else if (reader->state == SECTION_NONE)
		tell(reader, reader->line, "%s stands in no section; put [run] or another above it",
		     jem_value_show(key, shown));
	else if (reader->state == SECTION_OPTIONS)
		take_option(reader, key, strip(equals + 1));
	else if (reader->state == SECTION_RULE)
		take_rule_key(reader, key, strip(equals + 1));
}

static void take_line(struct reader *reader, const char *line, size_t len)
{
	char copy[LINE_BYTES_MAX + 1];
	size_t blanks = 0;
	char *text;

	while (blanks < len && strchr(" \t\r", line[blanks]) && line[blanks])
		blanks++;
	if (blanks == len || line[blanks] == '#' || line[blanks] == ';')
		return;
	if (len > LINE_BYTES_MAX) {
		tell(reader, reader->line, "the line has %zu bytes; %d are allowed, shorten it",
		     len, LINE_BYTES_MAX);
		return;
	}
	if (memchr(line, '\0', len)) {
		tell(reader, reader->line, "a NUL byte stands in the line; take it out");
		return;
	}
	if (jem_utf8_prefix(line, len) != len) {
		tell(reader, reader->line, "the line is not UTF-8 from byte %zu on; convert it",
		     jem_utf8_prefix(line, len) + 1);
		return;
	}
	memcpy(copy, line, len);
	copy[len] = '\0';
	text = strip(copy);
	if (*text == '[')
		take_head(reader, text);
	else
		take_assignment(reader, text);
}

static void take_text(struct reader *reader, const char *text, size_t len)
{
	if (len >= 2 && (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2))) {
		tell(reader, 1, "the file is UTF-16; convert it to UTF-8");
		return;
	}
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		len -= 3;
	}
	while (len && reader->faults < FAULTS_MAX) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;

		reader->line++;
		take_line(reader, text, n);
		n += end != NULL;
		text += n;
		len -= n;
	}
	end_section(reader);
}

int jem_config_load_text(struct jem_config *config, const char *name, const char *text, size_t len,
			 jem_fault_fn on_fault, void *arg)
{
	struct reader reader = { .config = config, .path = name, .on_fault = on_fault, .arg = arg };

	take_text(&reader, text, len);
	return reader.faults;
}

static const char *remedy(int code)
{
	switch (code) {
	case -ENOENT:
	case -ENOTDIR:
		return "no such file; check the path";
	case -EACCES:
	case -EPERM:
		return "permission denied; make it readable for this user";
	case -EISDIR:
		return "is a folder; name a file in it";
	case -EINVAL:
		return "is no regular file; copy its text into one";
	case -EFBIG:
		return "is larger than 1 MiB; is it the right file?";
	case -ELOOP:
		return "goes round in symbolic links; name the file itself";
	default:
		return NULL;
	}
}

/* Reads a whole file, at most one byte over the bound; the count or a negative errno. */
static ssize_t read_whole(const char *path, char **ret)
{
	/* A FIFO must not hold us up. */
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	auto_free char *bytes = NULL;
	struct stat st;
	size_t len = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode)) /* /dev/null is a fine empty file */
		return -EINVAL;
	bytes = malloc(FILE_BYTES_MAX + 1);
	if (!bytes)
		return -ENOMEM;
	while (len <= FILE_BYTES_MAX) {
		ssize_t n = read(fd, bytes + len, FILE_BYTES_MAX + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			*ret = jem_take(bytes);
			return (ssize_t)len;
		}
		len += (size_t)n;
	}
	return -EFBIG;
}

int jem_config_load_file(struct jem_config *config, const char *path, jem_fault_fn on_fault,
			 void *arg)
{
	auto_free char *text = NULL;
	ssize_t len = read_whole(path, &text);
	struct reader reader = { .config = config, .path = path, .on_fault = on_fault, .arg = arg };

	if (len < 0 && remedy((int)len))
		tell(&reader, 0, "%s", remedy((int)len));
	else if (len < 0)
		tell(&reader, 0, "cannot be read (%s); check the file", strerror((int)-len));
	else
		take_text(&reader, text, (size_t)len);
	return len < 0 ? (int)len : reader.faults;
}
