/* SPDX-License-Identifier: Apache-2.0 */
#include "common/config.h"

#include "common/config_value.h"

#include <ctype.h>
#include <string.h>

enum {
	HELP_INDENT = 26, /* where texts start */
	HELP_WIDTH = 79
};

/* What every program takes besides its own. */
static const struct jem_flag common_flags[] = {
	{ "config", "FILE", "read settings from this file, see jem.conf(5)", 0 },
	{ "set", "SECTION.KEY=VALUE", "change any setting; repeat for more", 0 },
	{ "help", NULL, "print this help and exit", 'h' },
	{ "version", NULL, "print the version and exit", 'V' },
	{ 0 },
};

/* "default 1 s, 0.05 to 3600 s": what the table knows beyond the help text; "" for nothing. */
static void format_limits(const struct jem_option_info *info, char *ret, size_t size)
{
	char range[JEM_RANGE_MAX];
	bool has_unit = info->type == JEM_SETTING_SECONDS && info->default_text &&
			strspn(info->default_text, "0123456789.") == strlen(info->default_text);
	int len = 0;

	jem_value_range(info, range);
	ret[0] = '\0';
	if (info->default_text)
		len = snprintf(ret, size, "default %s%s", info->default_text, has_unit ? " s" : "");
	if (*range && info->type != JEM_SETTING_BOOL && info->type != JEM_SETTING_CHOICE)
		snprintf(ret + len, size - (size_t)len, "%s%s", len ? ", " : "", range);
}

/* Fills the lines from column HELP_INDENT; `column` is where the cursor stands. */
static void print_wrapped(FILE *out, const char *text, int column)
{
	if (column + 2 > HELP_INDENT) {
		fprintf(out, "\n");
		column = 0;
	}
	fprintf(out, "%*s", HELP_INDENT - column, "");
	column = HELP_INDENT;
	while (*text) {
		int len = (int)strcspn(text, " ");

		if (column > HELP_INDENT && column + 1 + len > HELP_WIDTH) {
			fprintf(out, "\n%*s", HELP_INDENT, "");
			column = HELP_INDENT;
		} else if (column > HELP_INDENT) {
			fprintf(out, " ");
			column++;
		}
		fprintf(out, "%.*s", len, text);
		column += len;
		text += len;
		text += strspn(text, " ");
	}
	fprintf(out, "\n");
}

static void print_help_line(FILE *out, const char *flag, const char *argument, char letter,
			    const char *text)
{
	char head[100];
	char short_form[8] = "    ";

	if (letter)
		snprintf(short_form, sizeof(short_form), "-%c, ", letter);
	snprintf(head, sizeof(head), "  %s--%s%s%s", short_form, flag, argument ? " " : "",
		 argument ? argument : "");
	fprintf(out, "%s", head);
	print_wrapped(out, text, (int)strlen(head));
}

/* Whether a tool has a flag of its own of that name. */
static bool has_flag(const struct jem_flag *flags, const char *flag)
{
	for (; flags && flags->flag; flags++)
		if (!strcmp(flags->flag, flag))
			return true;
	return false;
}

/* All but those that `except` has too. */
static void print_help_flags(FILE *out, const struct jem_flag *flags, const struct jem_flag *except)
{
	for (; flags && flags->flag; flags++)
		if (!has_flag(except, flags->flag))
			print_help_line(out, flags->flag, flags->argument, flags->letter,
					flags->help);
}

/* "help (default 1 s, ...)" */
static void format_help(const struct jem_option_info *info, char *ret, size_t size)
{
	char limits[160];

	format_limits(info, limits, sizeof(limits));
	if (*limits && info->type != JEM_SETTING_BOOL)
		snprintf(ret, size, "%s (%s)", info->help, limits);
	else
		snprintf(ret, size, "%s", info->help);
}

void jem_config_print_help(FILE *out, unsigned programs, const struct jem_flag *flags)
{
	print_help_flags(out, flags, NULL);
	for (unsigned i = 0; i < JEM_OPTION_COUNT; i++) {
		const struct jem_option_info *info = &jem_options[i];
		char text[400];

		if (!info->flag || !(info->programs & programs))
			continue;
		format_help(info, text, sizeof(text));
		print_help_line(out, info->flag,
				info->type == JEM_SETTING_BOOL ? NULL : info->argument, 0, text);
	}
	print_help_flags(out, common_flags, flags);
}

/* man(7): a dash that is typed is \-, a backslash \e; no line may start with a control. */
static void print_man_text(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text; text++) {
		if (*text == '-')
			fputs("\\-", out);
		else if (*text == '\\')
			fputs("\\e", out);
		else
			fputc(*text, out);
	}
}

static void print_man_head(FILE *out, const char *flag, const char *argument, char letter)
{
	fputs(".TP\n", out);
	if (letter)
		fprintf(out, "\\fB\\-%c\\fR, ", letter);
	fputs("\\fB\\-\\-", out);
	print_man_text(out, flag);
	fputs("\\fR", out);
	if (argument) {
		fputs(" \\fI", out);
		print_man_text(out, argument);
		fputs("\\fR", out);
	}
	fputc('\n', out);
}

static void print_sentence(FILE *out, const char *text)
{
	char first[2] = { (char)toupper((unsigned char)*text), '\0' };

	print_man_text(out, first);
	print_man_text(out, text + 1);
	fputs(".\n", out);
}

static void print_man_flags(FILE *out, const struct jem_flag *flags, const struct jem_flag *except)
{
	for (; flags && flags->flag; flags++) {
		if (has_flag(except, flags->flag))
			continue;
		print_man_head(out, flags->flag, flags->argument, flags->letter);
		print_sentence(out, flags->help);
	}
}

void jem_config_print_man(FILE *out, unsigned programs, const struct jem_flag *flags)
{
	print_man_flags(out, flags, NULL);
	for (unsigned i = 0; i < JEM_OPTION_COUNT; i++) {
		const struct jem_option_info *info = &jem_options[i];
		char limits[160];

		if (!info->flag || !(info->programs & programs))
			continue;
		print_man_head(out, info->flag,
			       info->type == JEM_SETTING_BOOL ? NULL : info->argument, 0);
		print_sentence(out, info->help);
		format_limits(info, limits, sizeof(limits));
		if (*limits)
			print_sentence(out, limits);
		fprintf(out, "Key \\fB%s.%s\\fR.\n", info->section, info->key);
	}
	print_man_flags(out, common_flags, flags);
}

void jem_config_print_man_keys(FILE *out)
{
	const char *section = "";

	for (unsigned i = 0; i < JEM_OPTION_COUNT; i++) {
		const struct jem_option_info *info = &jem_options[i];
		char limits[160];

		if (strcmp(section, info->section)) {
			section = info->section;
			fprintf(out, ".SS [%s]\n", section);
		}
		fprintf(out, ".TP\n\\fB%s\\fR = \\fI", info->key);
		print_man_text(out, info->type == JEM_SETTING_BOOL ? "yes|no" : info->argument);
		fputs("\\fR\n", out);
		print_sentence(out, info->help);
		format_limits(info, limits, sizeof(limits));
		if (*limits)
			print_sentence(out, limits);
		if (info->type == JEM_SETTING_LIST)
			fputs("May be given several times.\n", out);
		if (info->flag) {
			fputs("Option \\fB\\-\\-", out);
			print_man_text(out, info->flag);
			fputs("\\fR.\n", out);
		}
	}
}
