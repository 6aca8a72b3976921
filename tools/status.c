/* SPDX-License-Identifier: Apache-2.0 */
/* jem status: a job's state in five or six lines, from its folder or from a broker. */
#include "common/clock.h"
#include "common/log.h"
#include "tools/live.h"
#include "tools/recorded.h"
#include "tools/summary.h"
#include "tools/tool.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

enum {
	WAIT_MS = 3000, /* for three samples of the default interval */
	SAMPLES = 2,    /* in between comes a profile, if there is one */
};

struct status_options {
	const char *job;
};

static int print(const struct jem_job_model *model)
{
	struct jem_buf buf;
	bool is_bad;

	jem_buf_init(&buf, 0);
	jem_summary_all(model, jem_wall_ns(), &buf);
	is_bad = buf.failed || fwrite(buf.data, 1, buf.len, stdout) != buf.len || fflush(stdout);
	jem_buf_deinit(&buf);
	return is_bad ? EX_IOERR : EX_OK;
}

static int tell_folder(const char *path)
{
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
	status = status < 0 ? EX_IOERR : print(model);
	jem_model_destroy(model);
	jem_recorded_close(&recorded);
	return status;
}

/* From a broker: the last status is given to every new subscriber, samples come within a second. */
struct asker {
	uv_loop_t loop;
	uv_timer_t timer;
	struct jem_live *live;
	struct jem_job_model *model;
	char job[JEM_NAME_MAX + 1]; /* the first one heard of */
	bool has_status;
	unsigned samples;
	bool is_ending;
	char no_broker[256]; /* why there is no connection */
};

static void on_closed(void *arg)
{
	struct asker *asker = arg;

	uv_close((uv_handle_t *)&asker->timer, NULL);
}

static void finish(struct asker *asker)
{
	if (asker->is_ending)
		return;
	asker->is_ending = true;
	uv_timer_stop(&asker->timer);
	jem_live_close(asker->live, on_closed, asker);
}

static void on_timeout(uv_timer_t *timer)
{
	finish(timer->data);
}

static bool has_all(const struct asker *asker)
{
	const struct jem_job_model *model = asker->model;

	if (!asker->has_status)
		return false;
	if (model->state == JEM_JOB_ENDED)
		return true;
	return asker->samples >= SAMPLES && (!jem_model_has_calls(model) || model->moved_count > 1);
}

/* Of all that came: what is not the job's that we tell of is left out. */
static bool is_ours(struct asker *asker, const struct jem_identity *source)
{
	if (asker->is_ending)
		return false;
	if (!*asker->job) {
		strcpy(asker->job, source->names.job);
		jem_model_set_identity(asker->model, source);
	}
	return !strcmp(asker->job, source->names.job);
}

static void on_head(void *arg, const struct jem_head *head)
{
	struct asker *asker = arg;

	if (is_ours(asker, &head->source))
		jem_model_note_head(asker->model, head);
}

static void on_record(void *arg, const struct jem_live_record *record)
{
	struct asker *asker = arg;
	const struct jem_head *head = record->head;
	uint32_t scope = jem_json_member(record->doc, record->token, "scope");

	if (!is_ours(asker, &head->source))
		return;
	jem_model_feed(asker->model, head->source.names.node, head->kind, record->t_us * 1000,
		       record->doc, record->token);
	if (head->kind == JEM_KIND_profile)
		jem_model_feed_profile(asker->model, head->epoch, record->t_us * 1000, record->doc,
				       record->token);
	asker->has_status |= head->kind == JEM_KIND_status;
	asker->samples += scope && jem_json_equals(record->doc, scope, "job");
	if (has_all(asker))
		finish(asker);
}

static void on_state(void *arg, enum jem_client_state state, const char *text)
{
	struct asker *asker = arg;

	if (state != JEM_CLIENT_WAITING || asker->is_ending)
		return;
	snprintf(asker->no_broker, sizeof(asker->no_broker), "%s", text);
	finish(asker);
}

static int tell_broker(const struct jem_tool_args *args, const char *job)
{
	struct asker asker = { 0 };
	char pattern[JEM_TOPIC_MAX];
	struct jem_live_options options = {
		.loop = &asker.loop,
		.config = args->config,
		.pattern = pattern,
		.events = { .on_record = on_record, .on_head = on_head, .on_state = on_state },
		.arg = &asker,
	};
	struct jem_err err;
	int status;

	if (jem_live_pattern(job, pattern, &err) < 0 || jem_model_create(&asker.model) < 0 ||
	    uv_loop_init(&asker.loop) < 0) {
		log_error("%s", err.text);
		return EX_USAGE;
	}
	uv_timer_init(&asker.loop, &asker.timer);
	asker.timer.data = &asker;
	if (jem_live_create(&options, &asker.live, &err) < 0) {
		log_error("%s", err.text);
		uv_close((uv_handle_t *)&asker.timer, NULL);
		uv_run(&asker.loop, UV_RUN_DEFAULT);
		uv_loop_close(&asker.loop);
		jem_model_destroy(asker.model);
		return EX_USAGE;
	}
	uv_timer_start(&asker.timer, on_timeout, WAIT_MS, 0);
	uv_run(&asker.loop, UV_RUN_DEFAULT);
	uv_loop_close(&asker.loop);
	if (asker.model->records) {
		status = print(asker.model);
	} else if (*asker.no_broker) {
		log_error("no broker: %s", asker.no_broker);
		status = EX_UNAVAILABLE;
	} else {
		log_error("nothing was heard of %s within %d s", job, WAIT_MS / 1000);
		status = 1;
	}
	jem_model_destroy(asker.model);
	return status;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int run(const struct jem_tool_args *args)
{
	const struct status_options *options = args->options;
	const char *word = args->count ? args->words[0] : options->job;
	bool has_broker = jem_config_list_size(args->config, JEM_OPTION_broker_url) > 0;

	if (!word) {
		log_error("which job? name its folder, or give --broker URL and --job");
		return EX_USAGE;
	}
	if (args->count && (!has_broker || is_folder(word)))
		return tell_folder(word);
	return tell_broker(args, word);
}

static const struct jem_flag flags[] = {
	{ "job", "PATTERN", "the job to ask a broker for: its name, or a pattern of topics", 'j' },
	{ 0 },
};

static int on_flag(void *arg, const struct jem_flag *flag, const char *value, struct jem_err *err)
{
	struct status_options *options = arg;

	(void)flag;
	(void)err;
	options->job = value;
	return 0;
}

const struct jem_tool jem_tool_status = {
	.name = "status",
	.usage =
		"Usage: jem status DIR\n"
		"       jem status --broker URL --job JOB\n\n"
		"Tells a job's state in five lines, with a sixth where calls are traced: from its\n"
		"folder, running or ended, or from a broker.\n\n",
	.programs = JEM_FOR_CLIENT,
	.flags = flags,
	.options_size = sizeof(struct status_options),
	.on_flag = on_flag,
	.words_max = 1,
	.run = run,
};
