/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/calls/settings.h"

#include "common/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	VARIABLES_MAX = 128,
	PATTERNS_MAX = JEM_PATTERNS_MAX
};

static bool is_of_calls(int option)
{
	return !strcmp(jem_options[option].section, "calls");
}

/* --- changes ---------------------------------------------------------------------------------- */

int jem_calls_changes_init(struct jem_calls_changes *changes)
{
	memset(changes, 0, sizeof(*changes));
	return jem_config_create(&changes->config);
}

void jem_calls_changes_deinit(struct jem_calls_changes *changes)
{
	jem_config_destroy(changes->config);
	changes->config = NULL;
}

/* Copies what is set from one to another, all of section calls. */
static int copy_set(const struct jem_config *from, struct jem_config *to, enum jem_rank rank)
{
	int status = 0;

	for (int i = 0; i < JEM_OPTION_COUNT && status >= 0; i++) {
		enum jem_option option = (enum jem_option)i;
		const struct jem_option_info *info = &jem_options[i];

		if (!is_of_calls(i) || !jem_config_is_set(from, option))
			continue;
		if (info->type != JEM_SETTING_LIST) {
			status = jem_config_set(to, rank, "--set", info->section, info->key,
						jem_config_str(from, option), NULL);
			continue;
		}
		for (size_t k = 0; k < jem_config_list_size(from, option) && status >= 0; k++)
			status = jem_config_set(to, rank, "--set", info->section, info->key,
						jem_config_list_at(from, option, k), NULL);
	}
	return status;
}

/* What may change while processes run; the rest is taken when they start. */
static bool is_changeable(const char *key)
{
	static const char *const keys[] = { "include", "exclude",       "values", "depth",
					    "limit",   "process_limit", "off" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (!strcmp(keys[i], key))
			return true;
	return false;
}

static int take_one(struct jem_config *config, const char *assignment, bool *is_exclude_cleared,
		    struct jem_err *err)
{
	char key[32] = "";

	if (sscanf(assignment, "calls.%31[a-z_]", key) != 1 || !is_changeable(key))
		return jem_err_set(err, -EINVAL,
				   "%.64s cannot be changed while the job runs; calls.include, "
				   "exclude, values, depth, limit, process_limit and off can",
				   assignment);
	if (!strcmp(assignment, "calls.exclude=")) {
		*is_exclude_cleared = true;
		return 0;
	}
	if (!strcmp(key, "exclude"))
		*is_exclude_cleared = false;
	if (!strcmp(key, "include") || !strcmp(key, "exclude")) {
		int status = jem_pattern_check(assignment + strlen("calls.include="), err);

		if (status < 0)
			return status;
	}
	return jem_config_set_assignment(config, JEM_RANK_COMMAND_LINE, "jem control", assignment,
					 err);
}

int jem_calls_changes_take(struct jem_calls_changes *changes, const char *assignments, size_t len,
			   struct jem_err *err)
{
	struct jem_calls_changes next = { .is_exclude_cleared = changes->is_exclude_cleared };
	int status = jem_config_create(&next.config);

	/* What was set before has a lower rank, so that a list is replaced, not added to. */
	if (status == 0)
		status = copy_set(changes->config, next.config, JEM_RANK_ENVIRONMENT);
	if (status < 0)
		jem_err_set(err, status, "no memory");
	for (size_t at = 0; at < len && status >= 0; at += strlen(assignments + at) + 1)
		status = take_one(next.config, assignments + at, &next.is_exclude_cleared, err);
	if (status < 0) {
		jem_calls_changes_deinit(&next);
		return status;
	}
	jem_calls_changes_deinit(changes);
	*changes = next;
	return 0;
}

/* --- settings --------------------------------------------------------------------------------- */

static void destroy(struct jem_calls_settings *settings)
{
	jem_patterns_destroy(settings->patterns);
	jem_buf_deinit(&settings->include);
	jem_buf_deinit(&settings->exclude);
	free(settings);
}

struct jem_calls_settings *jem_calls_settings_ref(struct jem_calls_settings *settings)
{
	atomic_fetch_add(&settings->refs, 1);
	return settings;
}

void jem_calls_settings_unref(struct jem_calls_settings *settings)
{
	if (settings && atomic_fetch_sub(&settings->refs, 1) == 1)
		destroy(settings);
}

static void load_told(struct jem_config *config, const char *told, size_t len,
		      jem_fault_fn on_fault, void *arg)
{
	char *variables[VARIABLES_MAX + 1];
	size_t count = 0;

	for (size_t at = 0; at < len && count < VARIABLES_MAX; at += strlen(told + at) + 1)
		if (!strncmp(told + at, "JEM_CALLS", strlen("JEM_CALLS")))
			variables[count++] = (char *)(uintptr_t)(told + at);
	variables[count] = NULL;
	jem_config_load_environment(config, variables, on_fault, arg);
}

static size_t list_patterns(const struct jem_config *config, enum jem_option option,
			    const char *list[PATTERNS_MAX], struct jem_buf *buf)
{
	size_t count = jem_config_list_size(config, option);

	for (size_t i = 0; i < count && i < PATTERNS_MAX; i++) {
		list[i] = jem_config_list_at(config, option, i);
		jem_buf_add(buf, list[i], strlen(list[i]) + 1);
	}
	return count < PATTERNS_MAX ? count : PATTERNS_MAX;
}

static uint64_t hash(uint64_t state, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++)
		state = (state ^ at[i]) * 0x100000001b3u; /* FNV-1a */
	return state;
}

static void make_key(struct jem_calls_settings *settings)
{
	const uint32_t numbers[] = { settings->has_values, settings->depth, settings->string_bytes,
				     settings->items, (uint32_t)settings->include.len };
	uint64_t key = hash(0xcbf29ce484222325u, numbers, sizeof(numbers));

	key = hash(key, settings->include.data, settings->include.len);
	settings->key = hash(key, settings->exclude.data, settings->exclude.len);
}

static uint32_t guard_of(const struct jem_config *config)
{
	const char *word = jem_config_str(config, JEM_OPTION_calls_guard);

	if (!strcmp(word, "readv"))
		return JEM_GUARD_READV;
	return strcmp(word, "victim") ? JEM_GUARD_FAULT : JEM_GUARD_VICTIM;
}

static int fill(struct jem_calls_settings *settings, const struct jem_config *config,
		bool is_exclude_cleared, struct jem_err *err)
{
	const char *include[PATTERNS_MAX];
	const char *exclude[PATTERNS_MAX];
	size_t include_count =
		list_patterns(config, JEM_OPTION_calls_include, include, &settings->include);
	size_t exclude_count = is_exclude_cleared ? 0
						  : list_patterns(config, JEM_OPTION_calls_exclude,
								  exclude, &settings->exclude);

	settings->is_off = jem_config_bool(config, JEM_OPTION_calls_off);
	settings->has_values = jem_config_bool(config, JEM_OPTION_calls_values);
	settings->may_patch = jem_config_bool(config, JEM_OPTION_calls_patch);
	settings->depth = (uint32_t)jem_config_u64(config, JEM_OPTION_calls_depth);
	settings->string_bytes = (uint32_t)jem_config_u64(config, JEM_OPTION_calls_string_bytes);
	settings->items = (uint32_t)jem_config_u64(config, JEM_OPTION_calls_items);
	settings->limit = (uint32_t)jem_config_u64(config, JEM_OPTION_calls_limit);
	settings->process_limit = (uint32_t)jem_config_u64(config, JEM_OPTION_calls_process_limit);
	settings->guard = guard_of(config);
	if (settings->include.failed || settings->exclude.failed)
		return jem_err_set(err, -ENOMEM, "no memory");
	make_key(settings);
	return jem_patterns_create(include, include_count, exclude, exclude_count,
				   &settings->patterns, err);
}

int jem_calls_settings_make(const struct jem_config *config,
			    const struct jem_calls_changes *changes, const char *told, size_t len,
			    jem_fault_fn on_fault, void *arg, struct jem_calls_settings **ret,
			    struct jem_err *err)
{
	struct jem_calls_settings *settings = calloc(1, sizeof(*settings));
	struct jem_config *all = NULL;
	int status = settings ? jem_config_create(&all) : -ENOMEM;

	if (status < 0) {
		free(settings);
		return jem_err_set(err, status, "no memory");
	}
	atomic_init(&settings->refs, 1);
	jem_buf_init(&settings->include, 0);
	jem_buf_init(&settings->exclude, 0);
	status = copy_set(config, all, JEM_RANK_FILE);
	if (status >= 0) {
		load_told(all, told, len, on_fault, arg);
		status = copy_set(changes->config, all, JEM_RANK_COMMAND_LINE);
	}
	if (status >= 0)
		status = fill(settings, all, changes->is_exclude_cleared, err);
	jem_config_destroy(all);
	if (status < 0) {
		destroy(settings);
		return status;
	}
	*ret = settings;
	return 0;
}

bool jem_calls_settings_select(const struct jem_calls_settings *settings, const char *module,
			       const struct jem_image *image, uint32_t function)
{
	const struct jem_image_function *info = &image->functions[function];
	const char *name = jem_image_string(image, info->name);
	const char *signature = jem_image_string(image, info->signature);
	const char *call = strstr(signature, name); /* what stands before is the type it returns */
	const struct jem_pattern_subject subject = {
		.name = name,
		.call = call ? call : name,
		.file = jem_image_string(image, info->file),
		.module = module,
	};

	return jem_patterns_take(settings->patterns, &subject);
}
