/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config.h"

#include "common/cleanup.h"
#include "common/config_internal.h"
#include "common/config_value.h"
#include "common/name.h"

#include <errno.h>
#include <string.h>

const struct jem_option_info jem_options[JEM_OPTION_COUNT] = {
#define OPTION(section, key, type, def, min, max, unit, programs, flag, argument, help)            \
	{ #section,           #key,     flag,          argument,     unit, help, def,              \
	  JEM_SETTING_##type, programs, (double)(min), (double)(max) },
#include "common/config.def"
#undef OPTION
};

struct element {
	char *text;   /* owned */
	char *origin; /* owned */
};

struct setting {
	enum jem_rank rank;
	struct element value;     /* of all types but LIST; text NULL: none */
	uint64_t number;          /* what jem_value_parse gave */
	struct element *elements; /* of LIST, owned */
	size_t element_count;
};

struct jem_config {
	struct setting settings[JEM_OPTION_COUNT];
	struct jem_rule *rules; /* owned */
	size_t rule_count;
	char *file; /* owned */
	enum jem_rank file_rank;
};

static void element_deinit(struct element *element)
{
	free(element->text);
	free(element->origin);
	*element = (struct element){ 0 };
}

static int element_init(struct element *ret, const char *text, const char *origin)
{
	ret->text = strdup(text);
	ret->origin = strdup(origin);
	if (ret->text && ret->origin)
		return 0;
	element_deinit(ret);
	return -ENOMEM;
}

static void setting_clear(struct setting *setting)
{
	element_deinit(&setting->value);
	for (size_t i = 0; i < setting->element_count; i++)
		element_deinit(&setting->elements[i]);
	free(setting->elements);
	setting->elements = NULL;
	setting->element_count = 0;
}

static void rule_deinit(struct jem_rule *rule)
{
	free(rule->name);
	free(rule->log);
	free(rule->file);
	free(rule->when);
	free(rule->level);
	free(rule->severity);
	free(rule->text);
	free(rule->origin);
}

void jem_config_destroy(struct jem_config *config)
{
	if (!config)
		return;
	for (unsigned i = 0; i < JEM_OPTION_COUNT; i++)
		setting_clear(&config->settings[i]);
	for (size_t i = 0; i < config->rule_count; i++)
		rule_deinit(&config->rules[i]);
	free(config->rules);
	free(config->file);
	free(config);
}

int jem_config_create(struct jem_config **ret)
{
	struct jem_config *config = calloc(1, sizeof(*config));
	int rc = config ? 0 : -ENOMEM;

	for (unsigned i = 0; i < JEM_OPTION_COUNT && rc == 0; i++)
		if (jem_options[i].default_text)
			rc = jem_config_set_option(config, JEM_RANK_DEFAULT, "default",
						   (enum jem_option)i, jem_options[i].default_text,
						   NULL);
	if (rc < 0) {
		jem_config_destroy(config);
		return rc;
	}
	*ret = config;
	return 0;
}

static int set_single(struct setting *setting, enum jem_rank rank, const char *origin,
		      const char *value, uint64_t number)
{
	struct element element;
	int rc = element_init(&element, value, origin);

	if (rc < 0)
		return rc;
	element_deinit(&setting->value);
	setting->value = element;
	setting->number = number;
	setting->rank = rank;
	return 0;
}

static int add_element(struct setting *setting, enum jem_rank rank, const char *origin,
		       const char *value)
{
	struct element *elements;
	struct element element;
	int rc = element_init(&element, value, origin);

	if (rc < 0)
		return rc;
	if (rank > setting->rank)
		setting_clear(setting);
	elements = reallocarray(setting->elements, setting->element_count + 1, sizeof(*elements));
	if (!elements) {
		element_deinit(&element);
		return -ENOMEM;
	}
	elements[setting->element_count++] = element;
	setting->elements = elements;
	setting->rank = rank;
	return 0;
}

int jem_config_set_option(struct jem_config *config, enum jem_rank rank, const char *origin,
			  enum jem_option option, const char *value, struct jem_err *err)
{
	const struct jem_option_info *info = &jem_options[option];
	struct setting *setting = &config->settings[option];
	uint64_t number;
	int rc = jem_value_parse(info, value, &number, err);

	if (rc < 0)
		return rc;
	if (rank < setting->rank)
		return 0;
	if (info->type != JEM_SETTING_LIST)
		rc = set_single(setting, rank, origin, value, number);
	else if (rank == setting->rank && (double)setting->element_count >= info->max)
		return jem_err_set(err, -E2BIG, "more than %.0f are given; take some out",
				   info->max);
	else
		rc = add_element(setting, rank, origin, value);
	return rc < 0 ? jem_err_set(err, rc, "no memory; nothing was set") : 0;
}

int jem_config_set_file(struct jem_config *config, enum jem_rank rank, const char *path)
{
	char *copy;

	if (rank < config->file_rank)
		return 0;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	free(config->file);
	config->file = copy;
	config->file_rank = rank;
	return 0;
}

/* The known key nearest to a wrong one, or NULL when none is near. */
static const struct jem_option_info *nearest_option(const char *section, const char *key)
{
	const struct jem_option_info *best = NULL;
	unsigned least = (unsigned)(strlen(section) + strlen(key)) / 3 + 1;

	for (unsigned i = 0; i < JEM_OPTION_COUNT; i++) {
		const struct jem_option_info *info = &jem_options[i];
		unsigned distance = jem_value_distance(info->key, key);

		/* A right key in a wrong section is likelier than two wrong words. */
		distance += strcmp(info->key, key) ? jem_value_distance(info->section, section)
						   : strcmp(info->section, section) != 0;
		if (distance < least) {
			least = distance;
			best = info;
		}
	}
	return best;
}

int jem_config_find(const char *section, const char *key, struct jem_err *err)
{
	char shown[2][JEM_SHOWN_MAX];
	const struct jem_option_info *near;

	for (int i = 0; i < JEM_OPTION_COUNT; i++)
		if (!strcmp(jem_options[i].section, section) && !strcmp(jem_options[i].key, key))
			return i;
	near = nearest_option(section, key);
	jem_value_show(section, shown[0]);
	jem_value_show(key, shown[1]);
	if (near)
		return jem_err_set(err, -ENOENT, "%s.%s: unknown key; did you mean %s.%s?",
				   shown[0], shown[1], near->section, near->key);
	return jem_err_set(err, -ENOENT, "%s.%s: unknown key; see jem.conf(5) for all of them",
			   shown[0], shown[1]);
}

int jem_config_set(struct jem_config *config, enum jem_rank rank, const char *origin,
		   const char *section, const char *key, const char *value, struct jem_err *err)
{
	struct jem_err why;
	int option = jem_config_find(section, key, err);
	int rc;

	if (option < 0)
		return option;
	rc = jem_config_set_option(config, rank, origin, (enum jem_option)option, value, &why);
	if (rc < 0)
		return jem_err_set(err, rc, "%s.%s: %s", section, key, why.text);
	return 0;
}

int jem_config_set_assignment(struct jem_config *config, enum jem_rank rank, const char *origin,
			      const char *assignment, struct jem_err *err)
{
	char name[2 * JEM_SHOWN_MAX];
	char shown[JEM_SHOWN_MAX];
	size_t len = strcspn(assignment, "=");
	char *dot;

	if (!assignment[len] || len >= sizeof(name) || !memchr(assignment, '.', len))
		return jem_err_set(err, -EINVAL, "\"%s\": write SECTION.KEY=VALUE",
				   jem_value_show(assignment, shown));
	memcpy(name, assignment, len);
	name[len] = '\0';
	dot = strchr(name, '.');
	*dot = '\0';
	return jem_config_set(config, rank, origin, name, dot + 1, assignment + len + 1, err);
}

/* The rule of that name, made when there is none. */
static int obtain_rule(struct jem_config *config, const char *origin, const char *name,
		       struct jem_rule **ret, struct jem_err *err)
{
	char shown[JEM_SHOWN_MAX];
	struct jem_rule rule = { 0 };
	struct jem_rule *rules;

	for (size_t i = 0; i < config->rule_count; i++)
		if (!strcmp(config->rules[i].name, name)) {
			*ret = &config->rules[i];
			return 0;
		}
	if (!jem_name_is_valid(name, strlen(name)))
		return jem_err_set(err, -EINVAL,
				   "[rule %s]: name it by 1 to %d characters of A-Z, a-z, 0-9, _ "
				   "and -",
				   jem_value_show(name, shown), JEM_NAME_MAX);
	if (config->rule_count == JEM_RULES_MAX)
		return jem_err_set(err, -E2BIG, "[rule %s]: more than %d rules; take some out",
				   name, JEM_RULES_MAX);
	rules = reallocarray(config->rules, config->rule_count + 1, sizeof(*rules));
	if (rules)
		config->rules = rules;
	rule.name = strdup(name);
	rule.origin = strdup(origin);
	if (!rules || !rule.name || !rule.origin) {
		rule_deinit(&rule);
		return jem_err_set(err, -ENOMEM, "[rule %s]: no memory; the rule is left out",
				   name);
	}
	rules[config->rule_count] = rule;
	*ret = &rules[config->rule_count++];
	return 0;
}

static const struct {
	const char *key;
	struct jem_option_info info; /* type and words of the value */
	size_t member;
} rule_keys[] = {
	{ "log", { .type = JEM_SETTING_STRING }, offsetof(struct jem_rule, log) },
	{ "file", { .type = JEM_SETTING_STRING }, offsetof(struct jem_rule, file) },
	{ "when", { .type = JEM_SETTING_STRING }, offsetof(struct jem_rule, when) },
	{ "level",
	  { .type = JEM_SETTING_CHOICE, .unit = "debug|info|warning|error|fatal" },
	  offsetof(struct jem_rule, level) },
	{ "severity",
	  { .type = JEM_SETTING_CHOICE, .unit = "info|warning|critical" },
	  offsetof(struct jem_rule, severity) },
	{ "text", { .type = JEM_SETTING_STRING }, offsetof(struct jem_rule, text) },
};

#define RULE_KEY_COUNT (sizeof(rule_keys) / sizeof(*rule_keys))

static int find_rule_key(const char *rule, const char *key, struct jem_err *err)
{
	char shown[JEM_SHOWN_MAX];
	unsigned least = 3;
	const char *near = NULL;

	for (unsigned i = 0; i < RULE_KEY_COUNT; i++) {
		unsigned distance = jem_value_distance(rule_keys[i].key, key);

		if (!distance)
			return (int)i;
		if (distance < least) {
			least = distance;
			near = rule_keys[i].key;
		}
	}
	jem_value_show(key, shown);
	if (near)
		return jem_err_set(err, -ENOENT, "[rule %s] %s: unknown key; did you mean %s?",
				   rule, shown, near);
	return jem_err_set(err, -ENOENT,
			   "[rule %s] %s: unknown key; a rule has log or when, and file, level, "
			   "severity, text",
			   rule, shown);
}

int jem_config_set_rule(struct jem_config *config, const char *origin, const char *rule,
			const char *key, const char *value, struct jem_err *err)
{
	struct jem_rule *found = NULL;
	struct jem_err why;
	uint64_t number;
	char **member;
	char *copy;
	int i;
	int rc = obtain_rule(config, origin, rule, &found, err);

	if (rc < 0)
		return rc;
	i = find_rule_key(rule, key, err);
	if (i < 0)
		return i;
	member = (char **)((char *)found + rule_keys[i].member);
	if (*member)
		return jem_err_set(err, -EEXIST, "[rule %s] %s: is given twice; keep one", rule,
				   key);
	rc = jem_value_parse(&rule_keys[i].info, value, &number, &why);
	if (rc < 0)
		return jem_err_set(err, rc, "[rule %s] %s: %s", rule, key, why.text);
	copy = strdup(value);
	if (!copy)
		return jem_err_set(err, -ENOMEM, "[rule %s] %s: no memory; left out", rule, key);
	*member = copy;
	return 0;
}

void jem_config_remove_rule(struct jem_config *config, size_t i)
{
	rule_deinit(&config->rules[i]);
	config->rule_count--;
	memmove(&config->rules[i], &config->rules[i + 1],
		(config->rule_count - i) * sizeof(*config->rules));
}

const char *jem_config_file(const struct jem_config *config)
{
	return config->file;
}

bool jem_config_bool(const struct jem_config *config, enum jem_option option)
{
	return config->settings[option].number != 0;
}

uint64_t jem_config_u64(const struct jem_config *config, enum jem_option option)
{
	return config->settings[option].number;
}

uint64_t jem_config_ns(const struct jem_config *config, enum jem_option option)
{
	return config->settings[option].number;
}

const char *jem_config_str(const struct jem_config *config, enum jem_option option)
{
	return config->settings[option].value.text;
}

size_t jem_config_list_size(const struct jem_config *config, enum jem_option option)
{
	return config->settings[option].element_count;
}

const char *jem_config_list_at(const struct jem_config *config, enum jem_option option, size_t i)
{
	return config->settings[option].elements[i].text;
}

bool jem_config_is_set(const struct jem_config *config, enum jem_option option)
{
	return config->settings[option].rank > JEM_RANK_DEFAULT;
}

const char *jem_config_origin(const struct jem_config *config, enum jem_option option)
{
	const struct setting *setting = &config->settings[option];

	if (setting->element_count)
		return setting->elements[0].origin;
	return setting->value.origin ? setting->value.origin : "default";
}

const char *jem_config_list_origin(const struct jem_config *config, enum jem_option option,
				   size_t i)
{
	return config->settings[option].elements[i].origin;
}

size_t jem_config_rule_count(const struct jem_config *config)
{
	return config->rule_count;
}

const struct jem_rule *jem_config_rule(const struct jem_config *config, size_t i)
{
	return &config->rules[i];
}
