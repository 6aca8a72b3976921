/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jem watch: a running job live in the terminal, a recorded one from its folder.
 *
 * Flow:   broker (of the job's folder, or --broker) or data/ -> records -> screen, lines or JSON
 * Thread: one loop
 */
#include "common/clock.h"
#include "common/log.h"
#include "receiver/draw.h"
#include "receiver/replay.h"
#include "tools/live.h"
#include "tools/recorded.h"
#include "tools/selection.h"
#include "tools/tool.h"
#include "tools/watch_lines.h"
#include "tools/watch_screen.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>

enum {
	JOBS_MAX = 32, /* kept for the screen; more are counted */
	DRAW_MS = 200,
	CLOCK_MS = 1000,
	SIGNALS = 6,
};

struct watch_options {
	const char *job;
	const char *kinds;
	bool is_raw;
};

enum mode {
	MODE_SCREEN,
	MODE_LINES
};

struct watch {
	const struct jem_tool_args *args;
	enum mode mode;
	uv_loop_t loop;
	struct jem_live *live;        /* owned, or NULL */
	struct jem_recorded recorded; /* of a folder */
	bool has_folder;
	bool is_live;
	bool is_ending;
	bool is_told; /* that there is no connection */
	int status;
	char source[256]; /* for the foot */

	struct jem_streams seen;                /* what the folder told before the broker did */
	struct jem_job_model *models[JOBS_MAX]; /* owned; screen only */
	size_t model_count;
	uint64_t hidden;

	struct jem_terminal terminal;
	bool is_dirty;
	uint64_t drawn_ms;
	uv_timer_t timer;
	uv_poll_t keys;
	bool has_keys;
	uv_check_t flush;
	uv_signal_t signals[SIGNALS];

	struct jem_watch_lines lines;
	struct jem_json_doc doc;
};

/* Ending */

static void close_handles(struct watch *watch)
{
	uv_close((uv_handle_t *)&watch->timer, NULL);
	uv_close((uv_handle_t *)&watch->flush, NULL);
	if (watch->has_keys)
		uv_close((uv_handle_t *)&watch->keys, NULL);
	for (int i = 0; i < SIGNALS; i++)
		uv_close((uv_handle_t *)&watch->signals[i], NULL);
}

static void on_live_closed(void *arg)
{
	struct watch *watch = arg;

	watch->live = NULL;
	if (watch->is_ending)
		close_handles(watch);
}

static void finish(struct watch *watch, int status)
{
	if (watch->is_ending)
		return;
	watch->is_ending = true;
	watch->status = status;
	jem_terminal_off(&watch->terminal);
	if (watch->live)
		jem_live_close(watch->live, on_live_closed, watch);
	else
		close_handles(watch);
}

/* Printing */

static void flush(struct watch *watch)
{
	if (fflush(stdout) && !watch->is_ending)
		finish(watch, errno == EPIPE ? EX_OK : EX_IOERR);
}

static void on_pass_end(uv_check_t *check)
{
	flush(check->data);
}

/* Models */

static bool is_job_of(const struct jem_job_model *model, const struct jem_source_names *names)
{
	const struct jem_source_names *ours = &model->identity.names;

	return !strcmp(ours->job, names->job) && !strcmp(ours->user, names->user) &&
	       !strcmp(ours->site, names->site);
}

static struct jem_job_model *find_model(struct watch *watch, const struct jem_identity *source)
{
	struct jem_job_model *model;

	for (size_t i = 0; i < watch->model_count; i++)
		if (is_job_of(watch->models[i], &source->names))
			return watch->models[i];
	if (watch->model_count == JOBS_MAX) {
		/* An ended job makes room for one that runs. */
		for (size_t i = 0; i < JOBS_MAX; i++)
			if (watch->models[i]->monitor_ended) {
				jem_model_destroy(watch->models[i]);
				watch->models[i] = watch->models[--watch->model_count];
				watch->hidden++;
				break;
			}
	}
	if (watch->model_count == JOBS_MAX || jem_model_create(&model) < 0)
		return NULL;
	jem_model_set_identity(model, source);
	return watch->models[watch->model_count++] = model;
}

static void feed(struct watch *watch, const struct jem_live_record *record)
{
	const struct jem_head *head = record->head;
	struct jem_job_model *model = find_model(watch, &head->source);

	if (model)
		jem_model_feed(model, head->source.names.node, head->kind, record->t_us * 1000,
			       record->doc, record->token);
	if (model && head->kind == JEM_KIND_profile)
		jem_model_feed_profile(model, head->epoch, record->t_us * 1000, record->doc,
				       record->token);
	watch->is_dirty = true;
}

static void take(struct watch *watch, const struct jem_live_record *record)
{
	if (watch->mode == MODE_SCREEN)
		feed(watch, record);
	else if (jem_watch_print(&watch->lines, record) < 0)
		flush(watch);
}

static void on_record(void *arg, const struct jem_live_record *record)
{
	struct watch *watch = arg;
	const struct jem_head *head = record->head;
	const struct jem_stream *seen = jem_streams_find(&watch->seen, head->epoch, head->kind);

	if (watch->is_ending || (seen && jem_stream_has_seen(seen, head->seq)))
		return;
	take(watch, record);
}

static void on_head(void *arg, const struct jem_head *head)
{
	struct watch *watch = arg;
	struct jem_job_model *model = find_model(watch, &head->source);

	if (model)
		jem_model_note_head(model, head);
	watch->is_dirty = true;
}

/* Records of the folder */

static void note_seen(struct watch *watch, const struct jem_replay_record *record)
{
	struct jem_stream *stream = jem_streams_find(&watch->seen, record->at.epoch, record->kind);

	if (!stream)
		stream = jem_streams_add(&watch->seen, "", record->at.epoch, record->kind);
	if (stream)
		jem_stream_find(stream, record->at.seq, record->at.i);
}

static void replay_record(struct watch *watch, const struct jem_replay_record *record)
{
	const struct jem_stream *stream =
		jem_streams_find(&watch->recorded.streams, record->at.epoch, record->kind);
	struct jem_head head = { .kind = record->kind,
				 .source = watch->recorded.identity,
				 .seq = record->at.seq,
				 .t0_us = record->at.t_us };
	struct jem_live_record live = { &head, record->at.i, record->at.t_us, &watch->doc, 0 };

	if (jem_json_read(&watch->doc, record->line, record->len, NULL) < 0)
		return;
	memcpy(head.epoch, record->at.epoch, sizeof(head.epoch));
	if (stream)
		memcpy(head.source.names.node, stream->node, sizeof(stream->node));
	note_seen(watch, record);
	take(watch, &live);
}

static int replay(struct watch *watch)
{
	auto_replay struct jem_replay *replay = NULL;
	struct jem_replay_record record;
	uint32_t kinds = watch->mode == MODE_SCREEN ? JEM_KIND_MASK_HUMAN : watch->lines.kinds;
	int status = jem_replay_open(watch->recorded.data, kinds, 0, &replay);

	while (status == 0 && !watch->is_ending &&
	       (status = jem_replay_next(replay, &record)) > 0) {
		status = 0;
		replay_record(watch, &record);
	}
	if (status < 0)
		log_error("not all of the folder could be read: %s", strerror(-status));
	if (watch->model_count)
		jem_model_note_streams(watch->models[0], &watch->recorded.streams);
	return status;
}

/* The screen */

static void draw(struct watch *watch)
{
	const struct jem_watch_foot foot = { watch->source, watch->is_live };
	uint64_t now_ns = jem_wall_ns();

	if (!watch->is_live && watch->model_count == 1)
		now_ns = watch->models[0]->last_ns;
	if (watch->model_count == 1 && !watch->hidden)
		jem_watch_draw_job(&watch->terminal, watch->models[0], &foot, now_ns);
	else
		jem_watch_draw_jobs(&watch->terminal, watch->models, watch->model_count,
				    watch->hidden, &foot, now_ns);
	watch->is_dirty = false;
	watch->drawn_ms = jem_now_ns() / 1000000;
}

static void on_timer(uv_timer_t *timer)
{
	struct watch *watch = timer->data;
	uint64_t now_ms = jem_now_ns() / 1000000;

	if (watch->terminal.is_on && !watch->is_ending &&
	    (watch->is_dirty || (watch->is_live && now_ms - watch->drawn_ms >= CLOCK_MS)))
		draw(watch);
}

static void on_key(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;
	char key = jem_terminal_key(&watch->terminal);

	(void)events;
	if (status < 0 || key == 'q')
		finish(watch, EX_OK);
	else if (key == '\f' || key == 'r')
		draw(watch);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct watch *watch = handle->data;

	switch (number) {
	case SIGWINCH:
		jem_terminal_measure(&watch->terminal);
		break;
	case SIGTSTP: /* the shell gets its terminal back before we stop */
		if (watch->mode == MODE_SCREEN)
			jem_terminal_off(&watch->terminal);
		raise(SIGSTOP);
		return;
	case SIGCONT:
		if (watch->mode == MODE_SCREEN && !watch->terminal.is_on)
			jem_terminal_on(&watch->terminal);
		break;
	default:
		finish(watch, EX_OK);
		return;
	}
	if (watch->terminal.is_on)
		draw(watch);
}

static void watch_signals(struct watch *watch)
{
	static const int numbers[SIGNALS] = { SIGTERM, SIGINT, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT };

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < SIGNALS; i++) {
		uv_signal_init(&watch->loop, &watch->signals[i]);
		watch->signals[i].data = watch;
		uv_signal_start(&watch->signals[i], on_signal, numbers[i]);
	}
}

static void open_screen(struct watch *watch)
{
	uv_timer_start(&watch->timer, on_timer, 0, DRAW_MS);
	if (jem_terminal_on(&watch->terminal) < 0)
		return;
	if (watch->terminal.in > 0 &&
	    uv_poll_init(&watch->loop, &watch->keys, watch->terminal.in) == 0) {
		watch->keys.data = watch;
		watch->has_keys = true;
		uv_poll_start(&watch->keys, UV_READABLE, on_key);
	}
	watch->is_dirty = true;
}

/* The connection */

/* The broker of a job's folder goes when the job has ended: what it was is in the folder. */
static void go_offline(struct watch *watch)
{
	jem_live_close(watch->live, on_live_closed, watch);
	watch->is_live = false;
	watch->is_dirty = true;
	snprintf(watch->source, sizeof(watch->source), "%.250s", watch->args->words[0]);
	if (watch->mode != MODE_SCREEN)
		finish(watch, EX_OK);
}

static void on_state(void *arg, enum jem_client_state state, const char *text)
{
	struct watch *watch = arg;

	if (watch->is_ending)
		return;
	if (state == JEM_CLIENT_OPEN) {
		watch->is_told = false;
		snprintf(watch->source, sizeof(watch->source), "%s", text);
	} else if (state == JEM_CLIENT_WAITING && watch->has_folder) {
		if (watch->live && watch->is_live)
			go_offline(watch);
	} else if (state == JEM_CLIENT_WAITING) {
		if (watch->mode != MODE_SCREEN && !watch->is_told)
			log_warning("no broker: %s, retrying", text);
		watch->is_told = true;
		snprintf(watch->source, sizeof(watch->source), "%s", text);
	}
	watch->is_dirty = true;
}

static int open_live(struct watch *watch, const char *url, const char *pattern, struct jem_err *err)
{
	const struct jem_live_options options = {
		.loop = &watch->loop,
		.config = watch->args->config,
		.url = url,
		.pattern = pattern,
		.has_columns =
			watch->mode == MODE_LINES && (watch->lines.kinds & ~JEM_KIND_MASK_HUMAN),
		.events = { .on_record = on_record,
			    .on_head = watch->mode == MODE_SCREEN ? on_head : NULL,
			    .on_state = on_state },
		.arg = watch,
	};
	int status = jem_live_create(&options, &watch->live, err);

	watch->is_live = status == 0;
	return status;
}

/* Whether somebody listens on the socket: a file of that name may be left over. */
static bool is_listening(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool is_up = false;

	if (fd >= 0 && strlen(path) < sizeof(address.sun_path)) {
		strcpy(address.sun_path, path);
		is_up = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
			errno == EAGAIN;
	}
	if (fd >= 0)
		close(fd);
	return is_up;
}

static int open_folder(struct watch *watch, const char *path, struct jem_err *err)
{
	char url[300];
	int status = jem_recorded_open(&watch->recorded, path, err);
	bool is_up;

	snprintf(url, sizeof(url), "unix:%.250s/broker.sock", path);
	is_up = is_listening(url + 5);
	/* A job that has just begun has a broker, and no data yet. */
	if (status < 0 && !is_up)
		return status;
	watch->has_folder = true;
	snprintf(watch->source, sizeof(watch->source), "%.250s", path);
	if (status == 0 && (watch->mode == MODE_SCREEN || !is_up))
		replay(watch);
	if (is_up)
		return open_live(watch, url, "jem.#", err);
	if (watch->mode != MODE_SCREEN)
		finish(watch, EX_OK);
	return 0;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int open_source(struct watch *watch, struct jem_err *err)
{
	const struct watch_options *own = watch->args->options;
	const char *word = watch->args->count ? watch->args->words[0] : NULL;
	bool has_broker = jem_config_list_size(watch->args->config, JEM_OPTION_broker_url) > 0;
	const char *job = own->job ? own->job : word;
	char pattern[JEM_TOPIC_MAX] = "jem.#";
	int status = 0;

	if (word && !own->job && (is_folder(word) || !has_broker))
		return open_folder(watch, word, err);
	if (!has_broker)
		return jem_err_set(err, -EINVAL,
				   "what shall be watched? name the folder of a job, or give "
				   "--broker URL and --job");
	if (job)
		status = jem_live_pattern(job, pattern, err);
	watch->lines.is_many = !job || strpbrk(job, "*#.");
	return status < 0 ? status : open_live(watch, NULL, pattern, err);
}

static void init(struct watch *watch, const struct jem_tool_args *args)
{
	const struct watch_options *own = args->options;

	watch->args = args;
	watch->recorded.folder = watch->recorded.data = -1;
	watch->mode = !own->is_raw && isatty(STDOUT_FILENO) ? MODE_SCREEN : MODE_LINES;
	watch->lines.is_raw = own->is_raw;
	watch->lines.kinds = JEM_KIND_MASK_ALL;
	if (!own->is_raw)
		watch->lines.kinds =
			JEM_KIND_MASK_HUMAN & ~(1u << JEM_KIND_metric | 1u << JEM_KIND_profile);
	jem_json_doc_init(&watch->doc);
	uv_loop_init(&watch->loop);
	uv_timer_init(&watch->loop, &watch->timer);
	uv_check_init(&watch->loop, &watch->flush);
	watch->timer.data = watch->flush.data = watch;
	uv_check_start(&watch->flush, on_pass_end);
	uv_unref((uv_handle_t *)&watch->flush);
	watch_signals(watch);
}

static void deinit(struct watch *watch)
{
	jem_terminal_deinit(&watch->terminal);
	for (size_t i = 0; i < watch->model_count; i++)
		jem_model_destroy(watch->models[i]);
	jem_streams_deinit(&watch->seen);
	jem_recorded_close(&watch->recorded);
	jem_json_doc_deinit(&watch->doc);
	jem_buf_deinit(&watch->lines.text);
	uv_loop_close(&watch->loop);
}

static int run(const struct jem_tool_args *args)
{
	const struct watch_options *own = args->options;
	struct watch *watch = calloc(1, sizeof(*watch));
	struct jem_err err = { "no memory" };
	int status;

	if (!watch)
		return EX_OSERR;
	init(watch, args);
	status = own->kinds ? jem_selection_kinds(own->kinds, &watch->lines.kinds, &err) : 0;
	if (status == 0)
		status = open_source(watch, &err);
	if (status < 0) {
		log_error("%s", err.text);
		finish(watch, status == -EINVAL ? EX_USAGE : EX_NOINPUT);
	} else if (watch->mode == MODE_SCREEN) {
		open_screen(watch);
	}
	uv_run(&watch->loop, UV_RUN_DEFAULT);
	flush(watch);
	status = watch->status;
	deinit(watch);
	free(watch);
	return status;
}

static const struct jem_flag flags[] = {
	{ "job", "PATTERN", "the job at the broker: its name, or a pattern of topics", 'j' },
	{ "kind", "K,..", "only these kinds, in a pipe and with --raw", 'k' },
	{ "raw", NULL, "one JSON object a line: topic, t, epoch, seq, i and the record's members",
	  'r' },
	{ 0 },
};

static int on_flag(void *arg, const struct jem_flag *flag, const char *value, struct jem_err *err)
{
	struct watch_options *own = arg;

	(void)err;
	if (flag->letter == 'j')
		own->job = value;
	else if (flag->letter == 'k')
		own->kinds = value;
	else
		own->is_raw = true;
	return 0;
}

const struct jem_tool jem_tool_watch = {
	.name = "watch",
	.usage = "Usage: jem watch DIR [--kind K,..] [--raw]\n"
		 "       jem watch [JOB] --broker URL [--job PATTERN] [--kind K,..] [--raw]\n\n"
		 "Follows a running job, or all jobs of a broker: on a terminal a screen with the "
		 "last minutes\n"
		 "(q quits), in a pipe a line for each record. Of a job that has ended it shows "
		 "what was\n"
		 "recorded. Times are UTC.\n\n",
	.programs = JEM_FOR_CLIENT,
	.flags = flags,
	.options_size = sizeof(struct watch_options),
	.on_flag = on_flag,
	.words_max = 1,
	.run = run,
};
