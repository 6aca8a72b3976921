/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: every setting, from one table (common/config.def).
 *
 * Flow:      default < file < environment < command line, each value with its origin
 * Ownership: a config owns its strings; getters lend them until the next set or destroy
 * Invariant: a value that was set is valid; a fault leaves the earlier value, and is told in one
 *            line that names where, what and how to mend it
 *
 * This file needs libc only: the launcher parses its command line with it. Files are read by
 * config_file (libinih), patterns are checked by config_check (PCRE2).
 */
#ifndef JEM_COMMON_CONFIG_H
#define JEM_COMMON_CONFIG_H

#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum jem_option {
#define OPTION(section, key, type, def, min, max, unit, programs, flag, argument, help)            \
	JEM_OPTION_##section##_##key,
#include "common/config.def"
#undef OPTION
	JEM_OPTION_COUNT
};

enum jem_option_type {
	JEM_TYPE_STRING,
	JEM_TYPE_PATH,
	JEM_TYPE_BOOL,
	JEM_TYPE_COUNT,
	JEM_TYPE_SECONDS,
	JEM_TYPE_BYTES,
	JEM_TYPE_LIST,
	JEM_TYPE_CHOICE,
};

/* Who takes an option's flag on its command line. */
enum jem_program {
	JEM_FOR_RUN = 1,
	JEM_FOR_DAEMON = 2,
	JEM_FOR_RECEIVE = 4,
	JEM_FOR_BROKER = 8,
	JEM_FOR_CLIENT = 16, /* every tool that connects to a broker */
};

struct jem_option_info {
	const char *section;
	const char *key;
	const char *flag;     /* long option, or NULL */
	const char *argument; /* its argument's name, NULL for a switch */
	const char *unit;     /* of CHOICE: the words, separated by | */
	const char *help;
	const char *default_text; /* or NULL */
	enum jem_option_type type;
	unsigned programs;
	double min;
	double max;
};

extern const struct jem_option_info jem_options[JEM_OPTION_COUNT];

/* Where a value came from; a higher rank wins whatever the order of setting. */
enum jem_rank {
	JEM_RANK_DEFAULT,
	JEM_RANK_FILE,
	JEM_RANK_ENVIRONMENT,
	JEM_RANK_COMMAND_LINE
};

/* A rule of the configuration file: section [rule NAME]. All strings owned by the config. */
struct jem_rule {
	char *name;
	char *log;      /* PCRE2 pattern on log lines; exactly one of log and when is set */
	char *file;     /* shell pattern: only lines of these files, NULL: all */
	char *when;     /* threshold, as `rss_bytes > 0.9 limit for 30 s` */
	char *level;    /* of the log record: debug|info|warning|error|fatal, or NULL */
	char *severity; /* makes an alert: info|warning|critical, NULL: none for log rules */
	char *text;     /* of the alert; ${name} stands for a named capture; NULL: the line */
	char *origin;   /* file:line of the section */
};

struct jem_config;

int jem_config_create(struct jem_config **ret);
void jem_config_destroy(struct jem_config *config);

/*
 * Sets one value from text. LIST: the first value of a higher rank replaces those of lower ranks,
 * the following ones are added. 0 also when a higher rank holds already; -ENOENT unknown key (the
 * reason names the nearest known one), -EINVAL not of its type, -ERANGE, -ENOMEM.
 */
int jem_config_set(struct jem_config *config, enum jem_rank rank, const char *origin,
		   const char *section, const char *key, const char *value, struct jem_err *err);

/* Sets "section.key=value" (--set). */
int jem_config_set_assignment(struct jem_config *config, enum jem_rank rank, const char *origin,
			      const char *assignment, struct jem_err *err);

/* A key of a section [rule NAME]; errors as for jem_config_set. */
int jem_config_set_rule(struct jem_config *config, const char *origin, const char *rule,
			const char *key, const char *value, struct jem_err *err);

/* Every fault goes to `on_fault` as one line; returns how many there were. */
typedef void (*jem_fault_fn)(void *arg, const char *line);
int jem_config_load_environment(struct jem_config *config, char *const *environment,
				jem_fault_fn on_fault, void *arg);

/*
 * Takes the options of `program` from argv[1..] up to `--` or the first word that is no option;
 * knows --set too. Returns the index of the first word left, or a negative errno.
 * --help and --config are the caller's: they end the parse with their own return values.
 */
#define JEM_ARGS_HELP    (-10000)
#define JEM_ARGS_VERSION (-10001)
int jem_config_parse_args(struct jem_config *config, enum jem_program program, int argc,
			  char **argv, struct jem_err *err);

/* The path of --config (command line), else JEM_CONFIG, else NULL. */
const char *jem_config_file(const struct jem_config *config);

bool jem_config_bool(const struct jem_config *config, enum jem_option option);
uint64_t jem_config_u64(const struct jem_config *config, enum jem_option option); /* COUNT, BYTES */
uint64_t jem_config_ns(const struct jem_config *config, enum jem_option option);  /* SECONDS */
const char *jem_config_str(const struct jem_config *config, enum jem_option option); /* or NULL */
size_t jem_config_list_size(const struct jem_config *config, enum jem_option option);
const char *jem_config_list_at(const struct jem_config *config, enum jem_option option, size_t i);
bool jem_config_is_set(const struct jem_config *config, enum jem_option option); /* not default */

size_t jem_config_rule_count(const struct jem_config *config);
const struct jem_rule *jem_config_rule(const struct jem_config *config, size_t i);

/* The options part of --help and of the manual page, from the table. */
void jem_config_print_help(FILE *out, enum jem_program program);
void jem_config_print_man(FILE *out, enum jem_program program); /* man(7) */
void jem_config_print_man_keys(FILE *out);                      /* every key, for jem.conf(5) */

#endif
