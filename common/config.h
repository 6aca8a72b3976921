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
 * config_file (libc only, too), patterns are checked by config_check (PCRE2).
 *
 * Values: COUNT digits; SECONDS a number, with us, ms, s, m, h or d; BYTES a number, with kB, MB,
 * GB, TB (of 1000) or KiB, MiB, GiB, TiB, k, M, G, T (of 1024); BOOL yes, no, true, false, on,
 * off, 1, 0; LIST one element, set again for more.
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
	JEM_SETTING_STRING,
	JEM_SETTING_PATH,
	JEM_SETTING_BOOL,
	JEM_SETTING_COUNT,
	JEM_SETTING_SECONDS,
	JEM_SETTING_BYTES,
	JEM_SETTING_LIST,
	JEM_SETTING_CHOICE,
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
	char *origin;   /* FILE:LINE of the section */
};

#define JEM_RULES_MAX 128

struct jem_config;

int jem_config_create(struct jem_config **ret);
void jem_config_destroy(struct jem_config *config);

/*
 * Sets one value from text. LIST: the first value of a higher rank replaces those of lower ranks,
 * the following ones are added. 0 also when a higher rank holds already; -ENOENT unknown key (the
 * reason names the nearest known one), -EINVAL not of its type, -ERANGE, -E2BIG one more than the
 * list takes, -ENOMEM. `origin` is remembered ("FILE:LINE", "JEM_RUN_OUT", "--out"); the reason
 * starts with section.key, the place is the caller's to say.
 */
int jem_config_set(struct jem_config *config, enum jem_rank rank, const char *origin,
		   const char *section, const char *key, const char *value, struct jem_err *err);

/* Sets "section.key=value" (--set). */
int jem_config_set_assignment(struct jem_config *config, enum jem_rank rank, const char *origin,
			      const char *assignment, struct jem_err *err);

/* A key of a section [rule NAME]: -EEXIST when it is set already; else as jem_config_set. */
int jem_config_set_rule(struct jem_config *config, const char *origin, const char *rule,
			const char *key, const char *value, struct jem_err *err);

/* Takes a rule out again (one that is not whole). */
void jem_config_remove_rule(struct jem_config *config, size_t i);

/*
 * Takes JEM_<SECTION>_<KEY> and the short forms JEM_JOB (run.job), JEM_CALLS (calls.include) and
 * JEM_CONFIG (--config). Elements of a LIST are separated by commas (`\,` is a comma). An empty
 * variable is none. Every fault goes to `on_fault` as one line; returns how many there were.
 */
typedef void (*jem_fault_fn)(void *arg, const char *line);
int jem_config_load_environment(struct jem_config *config, char *const *environment,
				jem_fault_fn on_fault, void *arg);

/* An option of one tool alone: no setting, no key. */
struct jem_flag {
	const char *flag;     /* long, without the dashes */
	const char *argument; /* its argument's name, NULL for a switch */
	const char *help;
	char letter; /* short form, or 0 */
};

struct jem_args {
	unsigned programs;            /* enum jem_program, or-ed: whose flags of the table */
	const struct jem_flag *flags; /* borrowed; up to one without a flag; or NULL */
	/* Takes a flag of `flags`; `value` is NULL for a switch. Negative errno: refused, and why. */
	int (*on_flag)(void *arg, const struct jem_flag *flag, const char *value,
		       struct jem_err *err);
	void *arg;
	bool is_mixed; /* words may stand before options: `jem log DIR --json` */
};

/*
 * Takes the options from argv[1..] up to `--` or the first word that is no option; knows --set,
 * --config, --help (-h) and --version (-V) too. `--flag value` and `--flag=value`. Returns the
 * index of the first word left (is_mixed: argv is reordered, words last), a negative errno with
 * the reason, or JEM_ARGS_HELP or JEM_ARGS_VERSION, which are the caller's to do.
 */
#define JEM_ARGS_HELP    (-10000)
#define JEM_ARGS_VERSION (-10001)
int jem_config_parse(struct jem_config *config, const struct jem_args *args, int argc, char **argv,
		     struct jem_err *err);

/* The same for a program that has the flags of the table only. */
int jem_config_parse_args(struct jem_config *config, unsigned programs, int argc, char **argv,
			  struct jem_err *err);

/* The path of --config (command line), else JEM_CONFIG, else NULL. */
const char *jem_config_file(const struct jem_config *config);

bool jem_config_bool(const struct jem_config *config, enum jem_option option);
uint64_t jem_config_u64(const struct jem_config *config, enum jem_option option); /* COUNT, BYTES */
uint64_t jem_config_ns(const struct jem_config *config, enum jem_option option);  /* SECONDS */
const char *jem_config_str(const struct jem_config *config, enum jem_option option); /* or NULL */
size_t jem_config_list_size(const struct jem_config *config, enum jem_option option);
const char *jem_config_list_at(const struct jem_config *config, enum jem_option option, size_t i);
bool jem_config_is_set(const struct jem_config *config, enum jem_option option); /* not default */

/* Where the value, or element i of a LIST, came from; "default". */
const char *jem_config_origin(const struct jem_config *config, enum jem_option option);
const char *jem_config_list_origin(const struct jem_config *config, enum jem_option option,
				   size_t i);

size_t jem_config_rule_count(const struct jem_config *config);
const struct jem_rule *jem_config_rule(const struct jem_config *config, size_t i);

/* The options part of --help and of the manual page, from the tables; `flags` may be NULL. */
void jem_config_print_help(FILE *out, unsigned programs, const struct jem_flag *flags);
void jem_config_print_man(FILE *out, unsigned programs, const struct jem_flag *flags); /* man(7) */
void jem_config_print_man_keys(FILE *out); /* every key, for jem.conf(5) */

#endif
