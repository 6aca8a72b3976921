/* SPDX-License-Identifier: Apache-2.0 */
/* jem report: draws graphs and page again from a recorded folder, or tells it as text. */
#include "common/clock.h"
#include "common/log.h"
#include "receiver/draw.h"
#include "receiver/index.h"
#include "receiver/job_prmon.h"
#include "receiver/page/page.h"
#include "receiver/replay.h"
#include "tools/recorded.h"
#include "tools/summary.h"
#include "tools/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct report_options {
	bool is_text;
};

static int print(const struct jem_job_model *model)
{
	struct jem_buf buf;
	bool is_bad;

	jem_buf_init(&buf, 0);
	jem_summary_all(model, model->last_ns, &buf);
	jem_summary_details(model, &buf);
	is_bad = buf.failed || fwrite(buf.data, 1, buf.len, stdout) != buf.len || fflush(stdout);
	jem_buf_deinit(&buf);
	return is_bad ? -EIO : 0;
}

/* A job of a receiver's OUT has a line in the page of all jobs, and its page a link there. */
static const char *find_index(const struct jem_recorded *recorded)
{
	struct jem_index_entry entry;
	struct jem_buf text;
	bool has_index;

	jem_buf_init(&text, 0);
	has_index = jem_index_load(recorded->data, &text, &entry) == 0;
	jem_buf_deinit(&text);
	return has_index ? "../../../index.html" : NULL;
}

static int feed_prmon(const struct jem_recorded *recorded, struct jem_job_prmon *prmon)
{
	const uint32_t kinds = 1u << JEM_KIND_metric | 1u << JEM_KIND_status;
	const struct jem_streams *streams = &recorded->streams;
	const char *first = streams->count ? streams->at[0]->node : "";
	auto_replay struct jem_replay *replay = NULL;
	struct jem_replay_record record;
	struct jem_json_doc doc;
	int status = jem_replay_open(recorded->data, kinds, 0, &replay);

	if (status < 0)
		return status;
	jem_json_doc_init(&doc);
	while ((status = jem_replay_next(replay, &record)) > 0) {
		const char *node = jem_recorded_node(recorded, record.at.epoch, record.kind);

		if ((!*node || !strcmp(node, first)) &&
		    jem_json_read(&doc, record.line, record.len, NULL) == 0)
			jem_job_prmon_add(prmon, record.kind, record.at.t_us, &doc, 0);
	}
	jem_json_doc_deinit(&doc);
	return status;
}

/*
 * Makes prmon's files where both are missing. One that is there stays: a receiver may be writing it,
 * and it may tell of samples that are not in data/ any more.
 */
static int make_prmon(const struct jem_recorded *recorded)
{
	struct jem_job_prmon prmon;
	int status;

	if (!faccessat(recorded->folder, "prmon.txt", F_OK, AT_SYMLINK_NOFOLLOW) ||
	    !faccessat(recorded->folder, "prmon.json", F_OK, AT_SYMLINK_NOFOLLOW))
		return 0;
	jem_job_prmon_init(&prmon);
	status = feed_prmon(recorded, &prmon);
	if (status == 0)
		status = jem_job_prmon_write(&prmon, recorded->folder);
	if (status == 0)
		status = jem_job_prmon_save(&prmon, recorded->folder);
	jem_job_prmon_deinit(&prmon);
	return status;
}

static int draw_with(const struct jem_recorded *recorded, const struct jem_job_model *model,
		     const struct jem_job_sched *sched, const char *path)
{
	const struct jem_page_options options = { .now_ns = jem_wall_ns(),
						  .sched = sched,
						  .index = find_index(recorded) };
	int graphs = jem_graphs_write(model, JEM_GRAPH_SVG | JEM_GRAPH_PNG | JEM_GRAPH_PDF,
				      recorded->folder);
	int status = graphs < 0 ? graphs : make_prmon(recorded);

	if (status == 0)
		status = jem_job_sched_graphs_write(
			sched, JEM_GRAPH_SVG | JEM_GRAPH_PNG | JEM_GRAPH_PDF, recorded->folder);
	if (status > 0)
		status = 0;
	if (status == 0)
		status = jem_job_profile_csv(model, recorded->folder);

	/* The page links to the files that are there: it is the last. */
	if (status == 0)
		status = jem_page_write_job(model, &options, recorded->folder);
	if (status == 0)
		printf("%s%sindex.html\n", path, path[strlen(path) - 1] == '/' ? "" : "/");
	return status == 0 && fflush(stdout) ? -errno : status;
}

static int draw(const struct jem_recorded *recorded, const struct jem_job_model *model,
		const char *path)
{
	struct jem_job_sched sched;
	int status = jem_job_sched_load(&sched, model, recorded->data);

	if (status == 0)
		status = draw_with(recorded, model, &sched, path);
	jem_job_sched_deinit(&sched);
	return status;
}

static int run(const struct jem_tool_args *args)
{
	const struct report_options *options = args->options;
	const char *path = args->words[0];
	struct jem_recorded recorded;
	struct jem_job_model *model = NULL;
	struct jem_err err;
	int status;

	if (jem_recorded_open(&recorded, path, &err) < 0) {
		log_error("%s", err.text);
		return EX_NOINPUT;
	}
	status = jem_recorded_model(&recorded, &model);
	if (status < 0)
		log_error("%s cannot be read: %s", path, strerror(-status));
	else if (!model->records)
		log_warning("nothing is recorded in %s, drawing an empty page", path);
	if (status == 0)
		status = options->is_text ? print(model) : draw(&recorded, model, path);
	if (status < 0)
		log_error("no report of %s: %s", path, strerror(-status));
	jem_model_destroy(model);
	jem_recorded_close(&recorded);
	return status < 0 ? EX_CANTCREAT : EX_OK;
}

static const struct jem_flag flags[] = {
	{ "text", NULL, "tell the report on standard output, and draw nothing", 't' },
	{ 0 },
};

static int on_flag(void *arg, const struct jem_flag *flag, const char *value, struct jem_err *err)
{
	struct report_options *options = arg;

	(void)flag;
	(void)value;
	(void)err;
	options->is_text = true;
	return 0;
}

const struct jem_tool jem_tool_report = {
	.name = "report",
	.usage = "Usage: jem report DIR [--text]\n\n"
		 "Draws graphs (SVG, PNG, PDF) and page again from what is recorded in DIR, makes "
		 "prmon.txt and\n"
		 "prmon.json where both are missing, and prints the path of the page.\n\n",
	.flags = flags,
	.options_size = sizeof(struct report_options),
	.on_flag = on_flag,
	.words_min = 1,
	.words_max = 1,
	.run = run,
};
