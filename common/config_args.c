/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config.h"

#include "common/cleanup.h"
#include "common/config_internal.h"
#include "common/config_value.h"

#include <errno.h>
#include <string.h>

enum {
	FLAG_MAX = 66
};

/* One option of the command line, taken apart. */
struct word {
	const char *name;         /* as given, up to a `=` */
	size_t name_len;          /* with its dashes */
	const char *inline_value; /* after `=`, or behind a letter; NULL: none */
	char **next;              /* the following words */
	int taken;                /* how many of them belong to the option */
};

static void take_apart(char **argv, struct word *ret)
{
	*ret = (struct word){ .name = *argv, .next = argv + 1 };
	if (ret->name[1] != '-') {
		ret->name_len = 2;
		ret->inline_value = ret->name[2] ? ret->name + 2 : NULL;
		return;
	}
	ret->name_len = strcspn(ret->name, "=");
	if (ret->name[ret->name_len])
		ret->inline_value = ret->name + ret->name_len + 1;
}

static bool word_is(const struct word *word, const char *flag, char letter)
{
	if (word->name[1] != '-')
		return letter && word->name[1] == letter;
	return flag && word->name_len == strlen(flag) + 2 &&
	       !memcmp(word->name + 2, flag, strlen(flag));
}

/* The option's own argument: after `=` or the next word, whatever it looks like. */
static const char *take_value(struct word *word)
{
	if (word->inline_value)
		return word->inline_value;
	if (!*word->next)
		return NULL;
	word->taken = 1;
	return *word->next;
}

/* -ENOENT is for an option that is unknown itself. */
static int refuse(const struct word *word, int code, const char *why, struct jem_err *err)
{
	return jem_err_set(err, code == -ENOENT ? -EINVAL : code, "%.*s: %s", (int)word->name_len,
			   word->name, why);
}

static int want_value(const struct word *word, const char *argument, struct jem_err *err)
{
	return jem_err_set(err, -EINVAL, "%.*s needs a value; give %.*s %s", (int)word->name_len,
			   word->name, (int)word->name_len, word->name, argument);
}

static int take_common(struct jem_config *config, struct word *word, struct jem_err *err)
{
	struct jem_err why;
	bool is_set = word_is(word, "set", 0);
	const char *value;
	int rc;

	if (word_is(word, "help", 'h'))
		return JEM_ARGS_HELP;
	if (word_is(word, "version", 'V'))
		return JEM_ARGS_VERSION;
	if (!is_set && !word_is(word, "config", 0))
		return -ENOENT;
	value = take_value(word);
	if (!value || !*value)
		return want_value(word, is_set ? "SECTION.KEY=VALUE" : "FILE", err);
	if (!is_set)
		return jem_config_set_file(config, JEM_RANK_COMMAND_LINE, value);
	rc = jem_config_set_assignment(config, JEM_RANK_COMMAND_LINE, "--set", value, &why);
	return rc < 0 ? refuse(word, rc, why.text, err) : 0;
}

static int take_option(struct jem_config *config, unsigned programs, struct word *word,
		       struct jem_err *err)
{
	struct jem_err why;
	char origin[FLAG_MAX];
	int i = 0;
	const char *value;
	int rc;

	while (i < JEM_OPTION_COUNT &&
	       !((jem_options[i].programs & programs) && word_is(word, jem_options[i].flag, 0)))
		i++;
	if (i == JEM_OPTION_COUNT)
		return -ENOENT;
	if (jem_options[i].type == JEM_SETTING_BOOL)
		value = word->inline_value ? word->inline_value : "yes";
	else
		value = take_value(word);
	if (!value)
		return want_value(word, jem_options[i].argument, err);
	snprintf(origin, sizeof(origin), "--%s", jem_options[i].flag);
	rc = jem_config_set_option(config, JEM_RANK_COMMAND_LINE, origin, (enum jem_option)i, value,
				   &why);
	return rc < 0 ? refuse(word, rc, why.text, err) : 0;
}

static int take_flag(const struct jem_args *args, struct word *word, struct jem_err *err)
{
	const struct jem_flag *flag = args->flags;
	const char *value = NULL;
	struct jem_err why = { "" };
	int rc;

	while (flag && flag->flag && !word_is(word, flag->flag, flag->letter))
		flag++;
	if (!flag || !flag->flag)
		return -ENOENT;
	if (!flag->argument && word->inline_value)
		return refuse(word, -EINVAL, "takes no value; leave it out", err);
	if (flag->argument) {
		value = take_value(word);
		if (!value)
			return want_value(word, flag->argument, err);
	}
	rc = args->on_flag(args->arg, flag, value, &why);
	return rc < 0 ? refuse(word, rc, why.text, err) : 0;
}

static void keep_nearer(const struct word *word, const char *flag, unsigned *least,
			const char **near)
{
	char given[FLAG_MAX];
	unsigned distance;

	snprintf(given, sizeof(given), "%.*s", (int)word->name_len - 2, word->name + 2);
	distance = flag ? jem_value_distance(given, flag) : *least;
	if (distance < *least) {
		*least = distance;
		*near = flag;
	}
}

static int refuse_unknown(const struct jem_args *args, const struct word *word, struct jem_err *err)
{
	static const char *const common[] = { "set", "config", "help", "version" };
	char shown[JEM_SHOWN_MAX];
	unsigned least = 4;
	const char *near = NULL;

	if (word->name[1] == '-') {
		for (int i = 0; i < JEM_OPTION_COUNT; i++)
			if (jem_options[i].programs & args->programs)
				keep_nearer(word, jem_options[i].flag, &least, &near);
		for (const struct jem_flag *flag = args->flags; flag && flag->flag; flag++)
			keep_nearer(word, flag->flag, &least, &near);
		for (unsigned i = 0; i < sizeof(common) / sizeof(*common); i++)
			keep_nearer(word, common[i], &least, &near);
	}
	jem_value_show(word->name, shown);
	if (near)
		return jem_err_set(err, -ENOENT, "%s: unknown option; did you mean --%s?", shown,
				   near);
	return jem_err_set(err, -ENOENT, "%s: unknown option; --help lists all", shown);
}

static int take_word(struct jem_config *config, const struct jem_args *args, struct word *word,
		     struct jem_err *err)
{
	int rc = take_flag(args, word, err);

	if (rc == -ENOENT)
		rc = take_option(config, args->programs, word, err);
	if (rc == -ENOENT)
		rc = take_common(config, word, err);
	return rc == -ENOENT ? refuse_unknown(args, word, err) : rc;
}

int jem_config_parse(struct jem_config *config, const struct jem_args *args, int argc, char **argv,
		     struct jem_err *err)
{
	auto_free char **words = calloc((size_t)argc + 1, sizeof(*words));
	int word_count = 0;
	int i = 1;

	if (!words)
		return jem_err_set(err, -ENOMEM, "no memory");
	while (i < argc && strcmp(argv[i], "--")) {
		struct word word;
		int rc;

		if (argv[i][0] != '-' || !argv[i][1]) {
			if (!args->is_mixed)
				return i;
			words[word_count++] = argv[i++];
			continue;
		}
		take_apart(argv + i, &word);
		rc = take_word(config, args, &word, err);
		if (rc < 0)
			return rc;
		i += 1 + word.taken;
	}
	/* What stands behind `--` is words only; those from before it go in front of them. */
	i += i < argc;
	memcpy(argv + i - word_count, words, (size_t)word_count * sizeof(*words));
	return i - word_count;
}

int jem_config_parse_args(struct jem_config *config, unsigned programs, int argc, char **argv,
			  struct jem_err *err)
{
	struct jem_args args = { .programs = programs };

	return jem_config_parse(config, &args, argc, argv, err);
}
