/* SPDX-License-Identifier: Apache-2.0 */
/* jem calls: the recorded calls of a job as a tree, as a profile, and for other programs. */
#include "tools/calls.h"

#include "common/cleanup.h"
#include "common/log.h"
#include "receiver/batches.h"
#include "receiver/calls/call_lines.h"
#include "tools/calls_file.h"
#include "tools/scratch.h"
#include "tools/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

enum view {
	VIEW_LINES,
	VIEW_PROFILE,
	VIEW_TREE,
	VIEW_CHROME,
	VIEW_FOLDED,
};

struct calls_options {
	enum view view;
	const char *file; /* of the views for other programs; NULL or "-": standard output */
	const char *function;
	const char *since;
};

static int (*const views[])(struct jem_calls *) = {
	[VIEW_LINES] = jem_calls_lines,   [VIEW_PROFILE] = jem_calls_profile,
	[VIEW_TREE] = jem_calls_tree,     [VIEW_CHROME] = jem_calls_chrome,
	[VIEW_FOLDED] = jem_calls_folded,
};

bool jem_calls_wants(const struct jem_calls *calls, const char *name, size_t len)
{
	return jem_selection_matches(&calls->selection, name, len);
}

int jem_calls_put(const struct jem_calls *calls, struct jem_buf *buf)
{
	int status = 0;

	if (buf->failed)
		status = -ENOMEM;
	else if (buf->len && fwrite(buf->data, 1, buf->len, calls->out) != buf->len)
		status = errno ? -errno : -EIO;
	jem_buf_clear(buf);
	return status;
}

static bool is_wanted(void *arg, const struct jem_call *call)
{
	struct jem_calls *calls = arg;

	if (call->t_us < calls->selection.since_us ||
	    !jem_calls_wants(calls, call->function.at ? call->function.at : "", call->function.len))
		return false;
	calls->found++;
	return true;
}

int jem_calls_lines(struct jem_calls *calls)
{
	auto_batches struct jem_batches *batches = NULL;
	const struct jem_columns *columns;
	const struct jem_head *head;
	struct jem_call_lines lines;
	struct jem_call_rows rows;
	struct jem_buf text;
	int status = jem_batches_open(calls->recorded.data, JEM_KIND_call, 0, &batches);

	jem_call_lines_init(&lines);
	lines.is_wanted = is_wanted;
	lines.arg = calls;
	jem_buf_init(&text, 0);
	while (status == 0 && (status = jem_batches_next(batches, &columns, &head)) > 0) {
		jem_call_rows_begin(&rows, columns, head);
		jem_call_lines_add(&lines, head,
				   calls->recorded.has_nodes ? head->source.names.node : "", &rows,
				   0, &text);
		status = lines.left_out ? -ENOMEM : jem_calls_put(calls, &text);
	}
	if (batches)
		calls->damaged = jem_batches_damaged(batches);
	jem_buf_deinit(&text);
	jem_call_lines_deinit(&lines);
	return status;
}

/* Opens what is written to; the file is the user's own. */
static FILE *open_out(const char *name)
{
	int fd;
	FILE *file;

	if (!name || !strcmp(name, "-"))
		return stdout;
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file && fd >= 0)
		close(fd);
	return file;
}

static int close_out(FILE *out)
{
	bool is_bad = fflush(out) || ferror(out);

	if (out != stdout)
		is_bad |= fclose(out) != 0;
	return is_bad ? -errno : 0;
}

/* What is not here because of the bound on the folder, a temporary one included. */
static void tell_evicted(const struct jem_recorded *recorded)
{
	uint64_t evicted = 0;

	for (size_t i = 0; i < recorded->streams.count; i++)
		if (recorded->streams.at[i]->kind == JEM_KIND_call)
			evicted += recorded->streams.at[i]->records_evicted;
	if (evicted)
		log_warning("%" PRIu64 " older records of calls were left out: report.max_bytes, "
			    "or a twentieth of the free space, had no room for them",
			    evicted);
}

static int show(struct jem_calls *calls, const struct calls_options *options)
{
	int status;
	int closed;

	calls->out = open_out(options->file);
	if (!calls->out) {
		log_error("%s: %s", options->file, strerror(errno));
		return EX_CANTCREAT;
	}
	tell_evicted(&calls->recorded);
	status = views[options->view](calls);
	closed = close_out(calls->out);
	if (status == 0)
		status = closed;
	if (calls->damaged)
		log_warning("%" PRIu64 " damaged batches or lines, ignoring", calls->damaged);
	if (status < 0 && status != -EPIPE) {
		log_error("not everything could be written: %s", strerror(-status));
		return EX_IOERR;
	}
	return options->function && !calls->found ? 1 : EX_OK;
}

static int show_folder(struct jem_calls *calls, const char *path,
		       const struct calls_options *options)
{
	struct jem_err err;
	int status;

	if (jem_recorded_open(&calls->recorded, path, &err) < 0) {
		log_error("%s", err.text);
		return EX_NOINPUT;
	}
	status = show(calls, options);
	jem_recorded_close(&calls->recorded);
	return status;
}

/* A file that a traced program wrote itself: the folder that jem expand makes of it, for now. */
static int show_file(struct jem_calls *calls, const struct jem_tool_args *args)
{
	auto_free char *folder = NULL;
	struct jem_scratch scratch;
	struct jem_calls_file_options options = { .config = args->config, .path = args->words[0] };
	struct jem_calls_file_result result;
	struct jem_err err = { "" };
	int status = jem_config_set(args->config, JEM_RANK_COMMAND_LINE, "jem calls", "receiver",
				    "files", "data", &err);

	if (status == 0)
		status = jem_scratch_open(&scratch, &err);
	if (status < 0) {
		log_error("%s", err.text);
		return EX_CANTCREAT;
	}
	if (asprintf(&folder, "%s/job", scratch.path) < 0)
		folder = NULL;
	options.out = folder;
	status = folder ? jem_calls_file_record(&options, &result, &err)
			: jem_err_set(&err, -ENOMEM, "no memory");
	if (status < 0) {
		log_error("%s", err.text);
		status = jem_calls_file_exit_status(status);
	} else {
		jem_calls_file_tell_losses(&result, stderr);
		status = show_folder(calls, folder, args->options);
	}
	jem_scratch_close(&scratch);
	return status;
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int run(const struct jem_tool_args *args)
{
	const struct calls_options *options = args->options;
	struct jem_calls calls = { 0 };
	struct jem_err err;
	int status;

	if (jem_selection_init(&calls.selection, NULL, options->since, options->function, &err) <
	    0) {
		log_error("%s", err.text);
		return EX_USAGE;
	}
	status = is_file(args->words[0]) ? show_file(&calls, args)
					 : show_folder(&calls, args->words[0], options);
	jem_selection_deinit(&calls.selection);
	return status;
}

static const struct jem_flag flags[] = {
	{ "profile", NULL, "a table of functions by time of their own, all calls counted", 'p' },
	{ "tree", NULL, "the tree of callers and what they call, with times", 't' },
	{ "chrome", "FILE", "write trace events (JSON), for Perfetto and chrome://tracing", 'c' },
	{ "folded", "FILE", "write folded stacks with microseconds, for flame graph programs",
	  'd' },
	{ "function", "RE",
	  "only functions whose name matches this pattern (PCRE2), in trees with what is above and "
	  "below; exit status 1 if none does",
	  'f' },
	{ "since", "T",
	  "only calls from then on: 90s, 10m, 2h ago, 12:34:56, or 2026-03-01 12:34:56 (UTC); "
	  "profile and tree are always of the whole job",
	  's' },
	{ 0 },
};

static int set_view(struct calls_options *options, enum view view, const char *file,
		    struct jem_err *err)
{
	if (options->view != VIEW_LINES)
		return jem_err_set(err, -EINVAL,
				   "only one of --profile, --tree, --chrome and --folded");
	options->view = view;
	options->file = file;
	return 0;
}

static int on_flag(void *arg, const struct jem_flag *flag, const char *value, struct jem_err *err)
{
	struct calls_options *options = arg;

	switch (flag->letter) {
	case 'p':
		return set_view(options, VIEW_PROFILE, NULL, err);
	case 't':
		return set_view(options, VIEW_TREE, NULL, err);
	case 'c':
		return set_view(options, VIEW_CHROME, value, err);
	case 'd':
		return set_view(options, VIEW_FOLDED, value, err);
	case 'f':
		options->function = value;
		break;
	default:
		options->since = value;
	}
	return 0;
}

const struct jem_tool jem_tool_calls = {
	.name = "calls",
	.usage =
		"Usage: jem calls PATH [--profile | --tree | --chrome FILE | --folded FILE]\n"
		"                 [--function RE] [--since T]\n\n"
		"Prints the recorded calls of a job as a tree with their values. PATH is the job's "
		"folder, or a\n"
		"file that a traced program wrote without a daemon (JEM_CALLS_FILE). Times are "
		"UTC.\n\n",
	.flags = flags,
	.options_size = sizeof(struct calls_options),
	.on_flag = on_flag,
	.words_min = 1,
	.words_max = 1,
	.run = run,
};
