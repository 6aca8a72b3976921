/* SPDX-License-Identifier: Apache-2.0 */
/* jem log: the recorded stream, sorted by time, for people or as JSON lines. */
#include "common/log.h"
#include "receiver/record_text.h"
#include "receiver/replay.h"
#include "tools/recorded.h"
#include "tools/selection.h"
#include "tools/tool.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct log_options {
	const char *kinds;
	const char *since;
	const char *grep;
	bool is_json;
};

/* What is printed, and how. */
struct printer {
	const struct jem_recorded *recorded;
	const struct jem_selection *selection;
	struct jem_text_style style;
	struct jem_json_doc doc;
	struct jem_buf line;
	bool is_json;
	uint64_t printed;
};

/* {"kind":"log","node":"n1",<the line's own members>}; of a profile "host", as its nodes are others. */
static void put_json(struct printer *printer, const struct jem_replay_record *record)
{
	const struct jem_stream *stream =
		jem_streams_find(&printer->recorded->streams, record->at.epoch, record->kind);

	jem_buf_printf(&printer->line, "{\"kind\":\"%s\",", jem_kinds[record->kind].name);
	if (stream && *stream->node)
		jem_buf_printf(&printer->line, "\"%s\":\"%s\",",
			       record->kind == JEM_KIND_profile ? "host" : "node", stream->node);
	jem_buf_add(&printer->line, record->line + 1, record->len - 1);
}

static int print(struct printer *printer, const struct jem_replay_record *record)
{
	struct jem_buf *line = &printer->line;

	jem_buf_clear(line);
	if (jem_json_read(&printer->doc, record->line, record->len, NULL) < 0)
		return 0; /* damaged on disk: counted with the others at the end */
	if (printer->is_json)
		put_json(printer, record);
	else
		jem_record_write_text(
			&printer->style, line, record->kind, record->at.t_us,
			jem_recorded_node(printer->recorded, record->at.epoch, record->kind),
			&printer->doc, 0);
	if (!jem_selection_matches(printer->selection, line->data, line->len))
		return 0;
	jem_buf_add_char(line, '\n');
	printer->printed++;
	return line->failed || fwrite(line->data, 1, line->len, stdout) == line->len ? 0 : -errno;
}

static int print_all(struct printer *printer)
{
	auto_replay struct jem_replay *replay = NULL;
	struct jem_replay_record record;
	int status = jem_replay_open(printer->recorded->data, printer->selection->kinds,
				     printer->selection->since_us, &replay);

	while (status == 0 && (status = jem_replay_next(replay, &record)) > 0)
		status = print(printer, &record);
	if (status == 0 && fflush(stdout))
		status = -errno;
	if (replay && jem_replay_damaged(replay))
		log_warning("%llu damaged lines, ignoring",
			    (unsigned long long)jem_replay_damaged(replay));
	return status;
}

static int run(const struct jem_tool_args *args)
{
	const struct log_options *options = args->options;
	struct jem_selection selection;
	struct jem_recorded recorded;
	struct printer printer = { .recorded = &recorded,
				   .selection = &selection,
				   .is_json = options->is_json };
	struct jem_err err;
	int status;

	if (jem_selection_init(&selection, options->kinds, options->since, options->grep, &err) <
	    0) {
		log_error("%s", err.text);
		return EX_USAGE;
	}
	if (jem_recorded_open(&recorded, args->words[0], &err) < 0) {
		log_error("%s", err.text);
		jem_selection_deinit(&selection);
		return EX_NOINPUT;
	}
	printer.style.is_colored = jem_is_colored(STDOUT_FILENO);
	jem_json_doc_init(&printer.doc);
	jem_buf_init(&printer.line, 0);
	status = print_all(&printer);
	if (status < 0 && status != -EPIPE)
		log_error("not everything could be printed: %s", strerror(-status));
	jem_buf_deinit(&printer.line);
	jem_json_doc_deinit(&printer.doc);
	jem_recorded_close(&recorded);
	jem_selection_deinit(&selection);
	if (status < 0)
		return status == -EPIPE ? EX_OK : EX_IOERR;
	return options->grep && !printer.printed ? 1 : EX_OK;
}

static const struct jem_flag flags[] = {
	{ "kind", "K,..", "only these kinds: status, metric, log, script, call, alert, ...", 'k' },
	{ "since", "T",
	  "only from then on: 90s, 10m, 2h ago, 12:34:56, or 2026-03-01 12:34:56 (UTC)", 's' },
	{ "grep", "RE", "only lines that match this pattern (PCRE2); exit status 1 if none does",
	  'g' },
	{ "json", NULL, "JSON lines: the recorded ones, with kind and node in front", 'j' },
	{ 0 },
};

static int on_flag(void *arg, const struct jem_flag *flag, const char *value, struct jem_err *err)
{
	struct log_options *options = arg;

	(void)err;
	switch (flag->letter) {
	case 'k':
		options->kinds = value;
		break;
	case 's':
		options->since = value;
		break;
	case 'g':
		options->grep = value;
		break;
	default:
		options->is_json = true;
	}
	return 0;
}

const struct jem_tool jem_tool_log = {
	.name = "log",
	.usage = "Usage: jem log DIR [--kind K,..] [--since T] [--grep RE] [--json]\n\n"
		 "Prints what was recorded of a job, all kinds sorted by time. Times are UTC.\n\n",
	.flags = flags,
	.options_size = sizeof(struct log_options),
	.on_flag = on_flag,
	.words_min = 1,
	.words_max = 1,
	.run = run,
};
