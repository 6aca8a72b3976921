/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config_check.h"

#include "common/cleanup.h"
#include "common/config_value.h"
#include "common/log_rule.h"
#include "common/redact.h"
#include "common/threshold.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

struct checker {
	const struct jem_config *config; /* borrowed */
	jem_fault_fn on_fault;
	void *arg;
	int faults;
};

/* Tells "WHERE: what". */
static void __attribute__((format(printf, 3, 4)))
tell(struct checker *checker, const char *where, const char *format, ...)
{
	auto_free char *what = NULL;
	auto_free char *line = NULL;
	va_list args;

	checker->faults++;
	va_start(args, format);
	if (vasprintf(&what, format, args) < 0)
		what = NULL;
	va_end(args);
	if (!what || asprintf(&line, "%s: %s", where, what) < 0)
		line = NULL;
	for (char *c = line; c && *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?'; /* paths may hold anything */
	checker->on_fault(checker->arg, line ? line : "configuration: no memory to tell a fault");
}

/* Tells a fault of one option, at the place of its value. */
#define tell_option(checker, option, format, ...)                                                  \
	tell(checker, jem_config_origin((checker)->config, option), "%s.%s" format,                \
	     jem_options[option].section, jem_options[option].key, ##__VA_ARGS__)

/* Calls `check` for each element of a list; its reason becomes a fault at the element's place. */
static void check_elements(struct checker *checker, enum jem_option option,
			   int (*check)(const char *element, struct jem_err *err))
{
	for (size_t i = 0; i < jem_config_list_size(checker->config, option); i++) {
		struct jem_err err;

		if (check(jem_config_list_at(checker->config, option, i), &err) < 0)
			tell(checker, jem_config_list_origin(checker->config, option, i),
			     "%s.%s: %s", jem_options[option].section, jem_options[option].key,
			     err.text);
	}
}

static int check_redact_pattern(const char *pattern, struct jem_err *err)
{
	struct jem_redactor *redactor;
	struct jem_err why;
	int rc = jem_redactor_create(&pattern, 1, &redactor, &why);

	if (rc < 0)
		return jem_err_set(err, rc, "%s; mend it, all text is hidden until then", why.text);
	jem_redactor_destroy(redactor);
	return 0;
}

static int check_watched_folder(const char *path, struct jem_err *err)
{
	char shown[JEM_SHOWN_MAX];
	struct stat st;

	if (stat(path, &st) < 0)
		return jem_err_set(err, -errno, "%s: %s; name a folder that is there",
				   jem_value_show(path, shown), strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return jem_err_set(err, -ENOTDIR, "%s is no folder; name the folder it is in",
				   jem_value_show(path, shown));
	return 0;
}

static int check_followed_file(const char *path, struct jem_err *err)
{
	char shown[JEM_SHOWN_MAX];
	struct stat st;

	/* It may appear later, so only what is there can be wrong. */
	if (stat(path, &st) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return jem_err_set(err, -EISDIR, "%s is a folder; name files in it, as %s/*.log",
				   jem_value_show(path, shown), shown);
	if (!S_ISREG(st.st_mode))
		return jem_err_set(err, -EINVAL, "%s is no regular file; only those are followed",
				   jem_value_show(path, shown));
	if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) < 0)
		return jem_err_set(err, -EACCES, "%s cannot be read; mend its permissions",
				   jem_value_show(path, shown));
	return 0;
}

/* A folder that we are to write: it is there and can be written, or its parent can. */
static int check_own_folder(const char *path, struct jem_err *err)
{
	char shown[JEM_SHOWN_MAX];
	auto_free char *copy = strdup(path);
	struct stat st;

	if (!copy)
		return jem_err_set(err, -ENOMEM, "no memory");
	for (char *at = copy; stat(at, &st) < 0; at = dirname(at)) {
		if (errno != ENOENT || !strcmp(at, "/") || !strcmp(at, "."))
			return jem_err_set(err, -errno, "%s: %s; choose another folder",
					   jem_value_show(path, shown), strerror(errno));
	}
	if (!S_ISDIR(st.st_mode))
		return jem_err_set(err, -ENOTDIR,
				   "%s is, or lies under, a file; choose another folder",
				   jem_value_show(path, shown));
	if (faccessat(AT_FDCWD, copy, W_OK | X_OK, AT_EACCESS) < 0)
		return jem_err_set(err, -EACCES,
				   "%s cannot be written; choose another folder or mend its "
				   "permissions",
				   jem_value_show(path, shown));
	return 0;
}

static void check_path(struct checker *checker, enum jem_option option,
		       int (*check)(const char *path, struct jem_err *err))
{
	const char *path = jem_config_str(checker->config, option);
	struct jem_err err;

	if (path && check(path, &err) < 0)
		tell_option(checker, option, ": %s", err.text);
}

static void check_paths(struct checker *checker)
{
	check_path(checker, JEM_OPTION_run_out, check_own_folder);
	check_path(checker, JEM_OPTION_receiver_out, check_own_folder);
	check_elements(checker, JEM_OPTION_metrics_folders, check_watched_folder);
	check_elements(checker, JEM_OPTION_log_files, check_followed_file);
	check_elements(checker, JEM_OPTION_privacy_redact, check_redact_pattern);
}

static void check_doubles(struct checker *checker)
{
	for (int option = 0; option < JEM_OPTION_COUNT; option++) {
		size_t count = jem_config_list_size(checker->config, (enum jem_option)option);

		for (size_t i = 1; i < count; i++) {
			const char *element =
				jem_config_list_at(checker->config, (enum jem_option)option, i);
			char shown[JEM_SHOWN_MAX];
			size_t j = 0;

			while (strcmp(element, jem_config_list_at(checker->config,
								  (enum jem_option)option, j)))
				j++;
			if (j < i)
				tell(checker,
				     jem_config_list_origin(checker->config,
							    (enum jem_option)option, i),
				     "%s.%s: %s stands twice; keep one",
				     jem_options[option].section, jem_options[option].key,
				     jem_value_show(element, shown));
		}
	}
}

static void check_log_rule(struct checker *checker, const struct jem_rule *rule)
{
	struct jem_log_rule *compiled;
	struct jem_err err;

	if (jem_log_rule_create(rule, &compiled, &err) < 0)
		tell(checker, rule->origin, "[rule %s] %s; mend it, or take the rule out",
		     rule->name, err.text);
	else
		jem_log_rule_destroy(compiled);
	if (rule->text && !rule->severity)
		tell(checker, rule->origin,
		     "[rule %s] has a text but makes no alert; add severity, or take text out",
		     rule->name);
}

static void check_threshold_rule(struct checker *checker, const struct jem_rule *rule)
{
	struct jem_threshold threshold;
	struct jem_err err;

	if (jem_threshold_parse(rule->when, &threshold, &err) < 0)
		tell(checker, rule->origin, "[rule %s] when: %s", rule->name, err.text);
	else if (!strcmp(threshold.name, "pss_bytes") &&
		 !strcmp(jem_config_str(checker->config, JEM_OPTION_metrics_pss), "off"))
		tell(checker, rule->origin,
		     "[rule %s] watches pss_bytes, but metrics.pss is off; set it to auto",
		     rule->name);
	if (rule->level || rule->file)
		tell(checker, rule->origin,
		     "[rule %s] has %s, which is for log rules; take it out, or write log for when",
		     rule->name, rule->level ? "level" : "file");
}

static void check_rules(struct checker *checker)
{
	for (size_t i = 0; i < jem_config_rule_count(checker->config); i++) {
		const struct jem_rule *rule = jem_config_rule(checker->config, i);

		if (rule->log)
			check_log_rule(checker, rule);
		else
			check_threshold_rule(checker, rule);
	}
}

static bool has_log_rule(const struct jem_config *config)
{
	for (size_t i = 0; i < jem_config_rule_count(config); i++)
		if (jem_config_rule(config, i)->log)
			return true;
	return false;
}

/* Settings that contradict one another, or do nothing as they stand. */
static void check_contradictions(struct checker *checker)
{
	const struct jem_config *config = checker->config;
	bool has_calls = jem_config_list_size(config, JEM_OPTION_calls_include) > 0;

	if (jem_config_bool(config, JEM_OPTION_calls_values) && !has_calls)
		tell_option(checker, JEM_OPTION_calls_values,
			    " does nothing without calls.include; name what to trace there");
	if (!strcmp(jem_config_str(config, JEM_OPTION_metrics_pss), "off") &&
	    jem_config_is_set(config, JEM_OPTION_metrics_pss_stall))
		tell_option(checker, JEM_OPTION_metrics_pss_stall,
			    " does nothing while metrics.pss is off; take one of them out");
	if (jem_config_ns(config, JEM_OPTION_metrics_process_every) <
	    jem_config_ns(config, JEM_OPTION_metrics_interval))
		tell_option(checker, JEM_OPTION_metrics_process_every,
			    " is shorter than metrics.interval; make it at least as long");
	if (!strcmp(jem_config_str(config, JEM_OPTION_log_publish), "matched") &&
	    jem_config_list_size(config, JEM_OPTION_log_files) > 0 && !has_log_rule(config))
		tell_option(checker, JEM_OPTION_log_publish,
			    " is matched, but there is no [rule NAME] with log; add one, or "
			    "write all");
	if (jem_config_is_set(config, JEM_OPTION_receiver_queue) &&
	    !jem_config_list_size(config, JEM_OPTION_broker_url))
		tell_option(checker, JEM_OPTION_receiver_queue,
			    " names a queue of no broker; set broker.url");
}

int jem_config_check(const struct jem_config *config, jem_fault_fn on_fault, void *arg)
{
	struct checker checker = { .config = config, .on_fault = on_fault, .arg = arg };

	check_paths(&checker);
	check_doubles(&checker);
	check_rules(&checker);
	check_contradictions(&checker);
	return checker.faults;
}
