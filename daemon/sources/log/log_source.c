/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/log/log_source.h"

#include "common/cleanup.h"
#include "common/log.h"
#include "daemon/sources/log/names.h"
#include "daemon/sources/log/tell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum {
	TICK_MS = 500,
	/* A file is dated before it can be seen: by how much, on a machine that is overloaded. */
	UNSEEN_MS = 1000
};

struct jem_log_source {
	struct jem_log_options options;
	char *offsets_path; /* owned; NULL: none */
	struct jem_follow_env env;
	struct jem_rules *rules; /* owned */
	struct jem_log_publisher publisher;
	struct jem_follow_sink sink;
	struct jem_log_names names;
	struct jem_spooled_reader *spooled; /* owned; NULL once started, or never needed */
	size_t next;                        /* whose turn it is */
	uint64_t poll_ns;
	uint64_t polled_ns;
	uint64_t told_wall_ns;   /* inotify has told us all before this time */
	uint64_t polled_wall_ns; /* and this is when we looked ourselves */
	uint64_t saved_ns;
	uint64_t saved_bytes;
	bool is_started;
	unsigned open_handles;
	uv_timer_t tick;
	uv_idle_t idle; /* there is more to read: the loop must not wait */
};

static void process(struct jem_log_source *source);
static void note_positions(struct jem_log_source *source);
static void save_offsets(struct jem_log_source *source);

static enum jem_log_policy policy_of(const struct jem_config *config)
{
	const char *word = jem_config_str(config, JEM_OPTION_log_publish);

	return !strcmp(word, "off")   ? JEM_LOG_OFF
	       : !strcmp(word, "all") ? JEM_LOG_ALL
				      : JEM_LOG_MATCHED;
}

static void on_tick(uv_timer_t *timer);
static void on_idle(uv_idle_t *idle);

static void free_source(struct jem_log_source *source)
{
	jem_spooled_reader_destroy(source->spooled);
	jem_log_publisher_deinit(&source->publisher);
	jem_rules_destroy(source->rules);
	jem_seen_destroy(source->env.seen);
	free(source->env.chunk);
	jem_log_names_deinit(&source->names);
	free(source->offsets_path);
	free(source);
}

/* What the others stand on; a half-built one is freed by the caller. */
static int create_parts(struct jem_log_source *source)
{
	const struct jem_log_options *options = &source->options;
	struct jem_log_names_options names = {
		.env = &source->env,
		.batcher = options->batcher,
		.folder = options->folder,
		.exclude = options->exclude,
	};
	int r;

	source->env.line_max = jem_config_u64(options->config, JEM_OPTION_log_line_max);
	source->env.chunk = malloc(JEM_TAIL_GUARD + JEM_TAIL_CHUNK);
	if (options->offsets_path)
		source->offsets_path = strdup(options->offsets_path);
	if (!source->env.chunk || (options->offsets_path && !source->offsets_path))
		return -ENOMEM;
	r = jem_seen_create(&source->env.seen);
	if (!r)
		r = jem_rules_create(options->config, jem_log_tell_rule, options->batcher,
				     &source->rules);
	names.rules = source->rules;
	return r ? r : jem_log_names_init(&source->names, &names);
}

int jem_log_source_create(const struct jem_log_options *options, struct jem_log_source **ret)
{
	struct jem_log_source *source = calloc(1, sizeof(*source));
	int r;

	if (!source)
		return -ENOMEM;
	source->options = *options;
	r = create_parts(source);
	if (r) {
		free_source(source);
		return r;
	}
	source->poll_ns = jem_config_ns(options->config, JEM_OPTION_log_poll);
	jem_log_publisher_init(&source->publisher, options->batcher, options->redactor,
			       source->rules, policy_of(options->config));
	source->publisher.job = options->job;
	source->publisher.spooled = jem_seen_spooled(source->env.seen);
	source->sink = jem_log_publisher_sink(&source->publisher);
	uv_timer_init(options->loop, &source->tick);
	uv_idle_init(options->loop, &source->idle);
	source->tick.data = source;
	source->idle.data = source;
	source->open_handles = 2;
	*ret = source;
	return 0;
}

static void on_event(void *arg, int wd, uint32_t mask, const char *name)
{
	struct jem_log_source *source = arg;

	jem_log_names_on_event(&source->names, wd, mask, name);
}

static void on_overflow(void *arg)
{
	struct jem_log_source *source = arg;

	jem_log_names_on_overflow(&source->names);
}

static void on_drained(void *arg, uint64_t wall_ns)
{
	struct jem_log_source *source = arg;

	if (wall_ns)
		source->told_wall_ns = wall_ns;
	process(source);
}

static void start_watch(struct jem_log_source *source)
{
	struct jem_watch_options options = {
		.loop = source->options.loop,
		.on_event = on_event,
		.on_overflow = on_overflow,
		.on_drained = on_drained,
		.arg = source,
	};

	if (!source->options.polls_only)
		jem_watch_create(&options, &source->env.watch);
}

static void load_offsets(struct jem_log_source *source)
{
	struct jem_err err;
	int r;

	if (!source->offsets_path)
		return;
	r = jem_seen_load(source->env.seen, source->offsets_path, &err);
	if (!r)
		source->names.from = JEM_FROM_RESTART;
	else if (r != -ENOENT)
		jem_log_tell_degraded(source->options.batcher, source->offsets_path, err.text);
}

void jem_log_source_note_spooled(struct jem_log_source *source, const char *body, size_t len)
{
	if (!source->spooled &&
	    jem_spooled_reader_create(jem_seen_spooled(source->env.seen), &source->spooled) < 0)
		return;
	jem_spooled_read(source->spooled, body, len);
}

int jem_log_source_start(struct jem_log_source *source)
{
	const struct jem_config *config = source->options.config;

	if (source->is_started)
		return 0;
	source->is_started = true;
	source->publisher.now_ns = jem_now_ns();
	source->told_wall_ns = jem_clock_read_ns(CLOCK_REALTIME_COARSE);
	source->polled_wall_ns = source->told_wall_ns;
	start_watch(source);
	load_offsets(source);
	jem_spooled_reader_destroy(source->spooled);
	source->spooled = NULL;
	for (size_t i = 0; i < jem_config_list_size(config, JEM_OPTION_log_files); i++)
		jem_log_names_add_entry(&source->names,
					jem_config_list_at(config, JEM_OPTION_log_files, i));
	source->names.from = JEM_FROM_BEGINNING;
	source->saved_ns = source->polled_ns = jem_now_ns();
	if (jem_config_list_size(config, JEM_OPTION_log_files))
		jem_log_tell_start(source->options.batcher, source->names.count,
				   jem_rules_count(source->rules), source->env.watch != NULL);
	note_positions(source);
	save_offsets(source); /* from here on nothing is lost, however we end */
	process(source);
	return 0;
}

int jem_log_source_add(struct jem_log_source *source, const char *path, bool from_start)
{
	int r = jem_log_names_add(&source->names, path,
				  from_start ? JEM_FROM_BEGINNING : JEM_FROM_END);

	if (!r)
		process(source);
	return r;
}

int jem_log_source_add_stream(struct jem_log_source *source, pid_t pid, int stream,
			      const char *copy)
{
	int r = jem_log_names_add_stream(&source->names, pid, stream, copy);

	if (!r)
		process(source);
	return r == -EEXIST ? 0 : r;
}

void jem_log_source_hold_streams(struct jem_log_source *source)
{
	jem_log_names_hold_streams(&source->names);
}

void jem_log_source_release_streams(struct jem_log_source *source, uint64_t from)
{
	jem_log_names_release_streams(&source->names, from);
	process(source);
}

static bool needs_tick(const struct jem_log_source *source)
{
	return jem_log_names_needs_tick(&source->names) ||
	       (source->offsets_path && source->saved_bytes != source->publisher.account.bytes);
}

/* No wake-ups while everything is watched and nothing is pending. */
static void arm_tick(struct jem_log_source *source)
{
	uint64_t poll_ms = source->poll_ns / 1000000;

	if (!needs_tick(source))
		uv_timer_stop(&source->tick);
	else if (!uv_is_active((uv_handle_t *)&source->tick))
		uv_timer_start(&source->tick, on_tick, poll_ms < TICK_MS ? poll_ms : TICK_MS, 0);
}

/* A chunk of each in turn, until the time of a pass is over; true when there is more. */
static bool read_in_turn(struct jem_log_source *source, uint64_t start_ns)
{
	uint64_t now_ns = start_ns;
	size_t idle = 0; /* in a row, with nothing to read */

	while (idle < source->names.count) {
		size_t turn = source->next++ % source->names.count;
		struct jem_follow *follow = source->names.follows[turn];

		source->publisher.now_ns = now_ns;
		idle = jem_follow_read(follow, now_ns, &source->sink) ? 0 : idle + 1;
		if (follow->read_fault)
			jem_log_names_tell_unreadable(&source->names, follow);
		if (follow->wants_look) {
			jem_log_names_look_at(&source->names, follow);
			idle = 0; /* it may have opened something */
		}
		now_ns = jem_now_ns();
		if (now_ns - start_ns > JEM_LOG_PASS_NS)
			return true;
	}
	return false;
}

static void process(struct jem_log_source *source)
{
	uint64_t now_ns = jem_now_ns();
	bool has_more;

	if (!source->is_started)
		return;
	jem_log_publisher_begin_pass(&source->publisher, now_ns);
	jem_log_names_look(&source->names);
	has_more = read_in_turn(source, now_ns);
	jem_log_publisher_end_pass(&source->publisher);
	if (has_more)
		uv_idle_start(&source->idle, on_idle);
	else
		uv_idle_stop(&source->idle);
	arm_tick(source);
}

static void on_idle(uv_idle_t *idle)
{
	process(idle->data);
}

/* Files born before this are known to us, by the one way of looking or the other. */
static uint64_t horizon_ns(const struct jem_log_source *source)
{
	bool is_polled = !source->env.watch;
	uint64_t told_ns = source->told_wall_ns;

	for (size_t i = 0; i < source->names.count; i++)
		is_polled |= source->names.follows[i]->is_polled;
	if (is_polled && source->polled_wall_ns < told_ns)
		told_ns = source->polled_wall_ns;
	return told_ns - UNSEEN_MS * 1000000ull;
}

static void save_offsets(struct jem_log_source *source)
{
	int r;

	if (!source->offsets_path)
		return;
	r = jem_seen_save(source->env.seen, source->offsets_path, horizon_ns(source));
	if (r)
		log_debug("%s: %s", source->offsets_path, strerror(-r));
	source->saved_bytes = source->publisher.account.bytes;
}

static void note_positions(struct jem_log_source *source)
{
	for (size_t i = 0; i < source->names.count; i++)
		jem_follow_note_positions(source->names.follows[i]);
}

static void on_tick(uv_timer_t *timer)
{
	struct jem_log_source *source = timer->data;
	uint64_t now_ns = jem_now_ns();
	bool is_poll_due = now_ns - source->polled_ns + 1000000 >= source->poll_ns;

	jem_log_publisher_begin_pass(&source->publisher, now_ns);
	if (is_poll_due) {
		source->polled_ns = now_ns;
		source->polled_wall_ns = jem_clock_read_ns(CLOCK_REALTIME_COARSE);
	}
	for (size_t i = 0; i < source->names.count; i++)
		jem_follow_tick(source->names.follows[i], now_ns, &source->sink);
	if (is_poll_due)
		jem_log_names_poll(&source->names);
	process(source);
	if (now_ns - source->saved_ns < JEM_SEEN_SAVE_MS * 1000000ull)
		return;
	/*
	 * What is saved is how far we had read a second ago: its records have left by now, so that
	 * a daemon that is killed leaves none out. What it reads twice the next one knows by the spool.
	 */
	save_offsets(source);
	note_positions(source);
	source->saved_ns = now_ns;
}

void jem_log_source_flush(struct jem_log_source *source, uint64_t deadline_ns)
{
	if (!source->is_started)
		return;
	jem_log_publisher_begin_pass(&source->publisher, jem_now_ns());
	jem_log_names_look(&source->names);
	for (size_t i = 0; i < source->names.count; i++) {
		source->publisher.now_ns = jem_now_ns();
		if (!jem_follow_finish(source->names.follows[i], deadline_ns, &source->sink))
			jem_log_tell_left(source->options.batcher, source->names.follows[i]);
	}
	jem_log_publisher_end_pass(&source->publisher);
}

void jem_log_source_stop(struct jem_log_source *source)
{
	if (!source->is_started)
		return;
	source->is_started = false;
	uv_timer_stop(&source->tick);
	uv_idle_stop(&source->idle);
	/* Whatever has come by now is known to the next one, read or not. */
	source->told_wall_ns = source->polled_wall_ns = jem_clock_read_ns(CLOCK_REALTIME_COARSE);
	jem_log_names_want_look(&source->names);
	jem_log_names_look(&source->names);
	note_positions(source);
	save_offsets(source);
	jem_log_names_clear(&source->names);
	jem_watch_destroy(source->env.watch);
	source->env.watch = NULL;
}

static void on_closed(uv_handle_t *handle)
{
	struct jem_log_source *source = handle->data;

	if (!--source->open_handles)
		free_source(source);
}

void jem_log_source_destroy(struct jem_log_source *source)
{
	if (!source)
		return;
	jem_log_source_stop(source);
	uv_close((uv_handle_t *)&source->tick, on_closed);
	uv_close((uv_handle_t *)&source->idle, on_closed);
}

const struct jem_log_account *jem_log_source_account(const struct jem_log_source *source)
{
	return &source->publisher.account;
}

struct offsets_call {
	jem_log_offset_fn fn;
	void *arg;
};

static void on_seen(void *arg, const struct jem_seen_file *file)
{
	const struct offsets_call *call = arg;

	if (!file->is_foreign)
		call->fn(call->arg, &file->id, file->position.offset);
}

void jem_log_source_offsets(struct jem_log_source *source, jem_log_offset_fn fn, void *arg)
{
	struct offsets_call call = { fn, arg };

	note_positions(source);
	jem_seen_each(source->env.seen, on_seen, &call);
}
