/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sched_options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	COLUMNS_LEAST = 50,
	COLUMNS_MOST = 16384,
};

#define CHOICE_FLAGS                                                                               \
	{ "output", "FILE", "the graph; .pdf, .svg, .png or .html chooses the format", 'o' },      \
		{ "after-sleep", NULL,                                                             \
		  "skip the sleep that stands before the command: 0 is its end", 0 },              \
		{ "forked", NULL, "only tasks that were made within the recording", 0 },           \
		{ "min", "SECONDS", "begin here", 0 }, { "max", "SECONDS", "end here", 0 },        \
		{ "cores", "LIST", "only these cores: 0-3,8", 0 },                                 \
		{ "columns", "NUMBER", "how fine times are resolved over the width", 0 },          \
		{ "episodes", NULL,                                                                \
		  "mark and list when a task waited for a core while another was idle", 0 },       \
	{                                                                                          \
		"stats", NULL, "print the numbers as JSON and draw nothing", 0                     \
	}

const struct jem_flag jem_dat2graph_flags[] = {
	CHOICE_FLAGS,
	{ "socket-order", NULL, "cores of a socket stand together, the first socket at the bottom",
	  0 },
	{ "topology", "FILE",
	  "which core is on which socket; else FILE.topology beside the first file, or this "
	  "machine",
	  0 },
	{ "target", "PREFIX", "colours for commands that begin so, all others are black", 0 },
	{ "color-by-command", NULL, "a colour for each command, and what each had", 0 },
	{ "color-by", "pid|command|parent", "what colours stand for; pid is that of a thread", 0 },
	{ "waiting", NULL, "a red line below a core while a task waits for it", 0 },
	{ "arrows", NULL, "arrows from who woke to who was woken", 0 },
	{ 0 },
};

const struct jem_flag jem_running_waiting_flags[] = {
	CHOICE_FLAGS,
	{ 0 },
};

static int take_seconds(const struct jem_flag *flag, const char *value, double *ret,
			struct jem_err *err)
{
	char *end;
	double seconds = strtod(value, &end);

	/* More than 300 years is no time of a recording. */
	if (end == value || *end || !isfinite(seconds) || fabs(seconds) > 9e9)
		return jem_err_set(err, -EINVAL, "\"%.40s\" are no seconds", value);
	*ret = seconds;
	return 0;
}

static int take_columns(const char *value, unsigned *ret, struct jem_err *err)
{
	char *end;
	unsigned long columns = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || columns < COLUMNS_LEAST ||
	    columns > COLUMNS_MOST)
		return jem_err_set(err, -EINVAL, "\"%.40s\" is no number from %d to %d", value,
				   COLUMNS_LEAST, COLUMNS_MOST);
	*ret = (unsigned)columns;
	return 0;
}

static int take_by(const char *value, enum jem_tint_by *ret, struct jem_err *err)
{
	static const char *const names[] = { "pid", "command", "parent" };

	for (unsigned i = 0; i < 3; i++)
		if (!strcmp(value, names[i])) {
			*ret = (enum jem_tint_by)i;
			return 0;
		}
	return jem_err_set(err, -EINVAL, "\"%.40s\" is none of pid, command and parent", value);
}

/* A number at *text up to the largest of a core; steps over it. */
static bool take_core(const char **text, unsigned *ret)
{
	char *end;
	unsigned long number = strtoul(*text, &end, 10);

	if (**text < '0' || **text > '9' || number >= JEM_SCHED_NO_CPU)
		return false;
	*text = end;
	*ret = (unsigned)number;
	return true;
}

/* 0-3,8 */
static int take_cores(struct jem_sched_options *options, const char *value, struct jem_err *err)
{
	const char *at = value;
	bool is_more = true;

	if (!options->cores)
		options->cores = calloc(JEM_SCHED_NO_CPU, sizeof(*options->cores));
	if (!options->cores)
		return jem_err_set(err, -ENOMEM, "no memory");
	options->core_count = 0;
	while (is_more) {
		unsigned first;
		unsigned last;

		if (!take_core(&at, &first))
			break;
		last = first;
		if (*at == '-') {
			at++;
			if (!take_core(&at, &last) || last < first)
				break;
		}
		if (options->core_count + (last - first + 1) > JEM_SCHED_NO_CPU)
			break;
		for (unsigned core = first; core <= last; core++)
			options->cores[options->core_count++] = (uint16_t)core;
		is_more = *at == ',';
		at += is_more;
		if (!is_more && !*at)
			return 0;
	}
	return jem_err_set(err, -EINVAL, "\"%.40s\" is no list such as 0-3,8", value);
}

/* The switches, which only say yes. */
static bool *find_switch(struct jem_sched_options *options, const char *name)
{
	const struct {
		const char *name;
		bool *is_on;
	} switches[] = {
		{ "after-sleep", &options->is_after_sleep },
		{ "forked", &options->is_forked },
		{ "socket-order", &options->is_socket_order },
		{ "waiting", &options->shows_waiting },
		{ "arrows", &options->shows_arrows },
		{ "episodes", &options->shows_episodes },
		{ "stats", &options->prints_stats },
	};

	for (size_t i = 0; i < sizeof(switches) / sizeof(*switches); i++)
		if (!strcmp(name, switches[i].name))
			return switches[i].is_on;
	return NULL;
}

int jem_sched_on_flag(void *arg, const struct jem_flag *flag, const char *value,
		      struct jem_err *err)
{
	struct jem_sched_options *options = arg;
	const char *name = flag->flag;
	bool *is_on = find_switch(options, name);

	if (is_on)
		*is_on = true;
	else if (!strcmp(name, "output"))
		options->output = value;
	else if (!strcmp(name, "target"))
		options->target = value;
	else if (!strcmp(name, "topology"))
		options->topology = value;
	else if (!strcmp(name, "color-by-command"))
		options->by = JEM_TINT_BY_COMMAND;
	else if (!strcmp(name, "color-by"))
		return take_by(value, &options->by, err);
	else if (!strcmp(name, "columns"))
		return take_columns(value, &options->columns, err);
	else if (!strcmp(name, "cores"))
		return take_cores(options, value, err);
	else if (!strcmp(name, "min"))
		return options->has_min = true, take_seconds(flag, value, &options->min_s, err);
	else
		return options->has_max = true, take_seconds(flag, value, &options->max_s, err);
	return 0;
}
