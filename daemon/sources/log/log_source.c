/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/log/log_source.h"

#include "common/cleanup.h"
#include "common/log.h"
#include "daemon/sources/log/pattern.h"
#include "daemon/sources/log/tell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum {
	PATTERNS_MAX = 64,
	TICK_MS = 500
};

struct jem_log_source {
	struct jem_log_options options; /* its strings are owned */
	struct jem_follow_env env;
	struct jem_rules *rules; /* owned */
	struct jem_log_publisher publisher;
	struct jem_follow_sink sink;
	struct jem_follow *follows[JEM_LOG_FILES_MAX]; /* owned */
	size_t follow_count;
	size_t next; /* whose turn it is */
	struct jem_log_pattern patterns[PATTERNS_MAX];
	size_t pattern_count;
	enum jem_follow_from from;     /* for names that are new to us */
	struct jem_file_id our_stderr; /* never followed: what we log about it would follow */
	uint64_t poll_ns;
	uint64_t polled_ns;
	uint64_t told_wall_ns;   /* inotify has told us all before this time */
	uint64_t polled_wall_ns; /* and this is when we looked ourselves */
	uint64_t saved_ns;
	uint64_t saved_bytes;
	bool has_told_full;
	bool is_started;
	bool is_freed;
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

/* Strings are copied: the caller's may be gone when the file is written at the end. */
static int copy_strings(struct jem_log_source *source)
{
	const char **const strings[] = { &source->options.folder, &source->options.exclude,
					 &source->options.offsets_path };
	int r = 0;

	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++) {
		if (!*strings[i])
			continue;
		*strings[i] = strdup(*strings[i]);
		if (!*strings[i])
			r = -ENOMEM;
	}
	return r;
}

static void free_source(struct jem_log_source *source)
{
	jem_log_publisher_deinit(&source->publisher);
	jem_rules_destroy(source->rules);
	jem_seen_destroy(source->env.seen);
	free(source->env.chunk);
	free((char *)source->options.folder);
	free((char *)source->options.exclude);
	free((char *)source->options.offsets_path);
	free(source);
}

int jem_log_source_create(const struct jem_log_options *options, struct jem_log_source **ret)
{
	struct jem_log_source *source = calloc(1, sizeof(*source));
	struct jem_file_info info;
	int r;

	if (!source)
		return -ENOMEM;
	source->options = *options;
	r = copy_strings(source);
	source->env.line_max = jem_config_u64(options->config, JEM_OPTION_log_line_max);
	source->env.chunk = malloc(JEM_TAIL_GUARD + JEM_TAIL_CHUNK);
	if (!source->env.chunk)
		r = -ENOMEM;
	if (!r)
		r = jem_seen_create(&source->env.seen);
	if (!r)
		r = jem_rules_create(options->config, jem_log_tell_rule, options->batcher,
				     &source->rules);
	if (r) {
		free_source(source);
		return r;
	}
	source->poll_ns = jem_config_ns(options->config, JEM_OPTION_log_poll);
	source->from = JEM_FROM_END;
	if (!jem_file_info(STDERR_FILENO, "", &info))
		source->our_stderr = info.id;
	jem_log_publisher_init(&source->publisher, options->batcher, options->redactor,
			       source->rules, policy_of(options->config));
	source->publisher.job = options->job;
	source->sink = jem_log_publisher_sink(&source->publisher);
	uv_timer_init(options->loop, &source->tick);
	uv_idle_init(options->loop, &source->idle);
	source->tick.data = source;
	source->idle.data = source;
	source->open_handles = 2;
	*ret = source;
	return 0;
}

/* A name as it is to be opened; names are meant from the job's folder. */
static int full_path(const struct jem_log_source *source, const char *path, char ret[PATH_MAX])
{
	const char *folder = source->options.folder;
	int len = *path == '/' || !folder ? snprintf(ret, PATH_MAX, "%s", path)
					  : snprintf(ret, PATH_MAX, "%s/%s", folder, path);

	return len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static const char *label_of(const struct jem_log_source *source, const char *path)
{
	const char *folder = source->options.folder;
	size_t len = folder ? strlen(folder) : 0;

	return len && !strncmp(path, folder, len) && path[len] == '/' ? path + len + 1 : path;
}

static bool is_ours(const struct jem_log_source *source, const char *path)
{
	const char *exclude = source->options.exclude;
	auto_free char *real = realpath(path, NULL);
	auto_free char *ours = exclude ? realpath(exclude, NULL) : NULL;
	size_t len = ours ? strlen(ours) : 0;
	struct jem_file_info info;

	if (real && len && !strncmp(real, ours, len) && (real[len] == '/' || !real[len]))
		return true;
	return !jem_file_info(AT_FDCWD, path, &info) &&
	       jem_file_id_equals(&info.id, &source->our_stderr);
}

/* Tells a name's fault when it changes; a file that is not there yet has none. */
static void look(struct jem_log_source *source, struct jem_follow *follow,
		 enum jem_follow_from from)
{
	int before = follow->fault;
	int r = jem_follow_look(follow, from);
	char text[PATH_MAX + 100];

	if (r == before || r == 0 || r == -ENOENT || r == -ENOTDIR)
		return;
	snprintf(text, sizeof(text), "%s cannot be followed: %s", follow->label,
		 r == -EINVAL ? "it is no regular file" : strerror(-r));
	jem_log_tell_degraded(source->options.batcher, follow->label, text);
}

static int add_follow(struct jem_log_source *source, const char *path, const char *label,
		      struct jem_follow **ret)
{
	struct jem_follow *follow;
	int r;

	if (source->follow_count == JEM_LOG_FILES_MAX) {
		if (!source->has_told_full)
			jem_log_tell_degraded(source->options.batcher, label,
					      "512 files are followed, further ones are not");
		source->has_told_full = true;
		return -ENOSPC;
	}
	r = jem_follow_create(&source->env, path, label, &follow);
	if (r)
		return r;
	jem_rules_scope_of(source->rules, label, &follow->scope);
	source->follows[source->follow_count++] = follow;
	*ret = follow;
	return 0;
}

static int add_path(struct jem_log_source *source, const char *path, enum jem_follow_from from)
{
	struct jem_follow *follow;
	int r;

	for (size_t i = 0; i < source->follow_count; i++)
		if (source->follows[i]->path && !strcmp(source->follows[i]->path, path))
			return 0;
	if (is_ours(source, path))
		return -EPERM;
	r = add_follow(source, path, label_of(source, path), &follow);
	if (!r)
		look(source, follow, from);
	return r;
}

static void on_expanded(void *arg, const char *path)
{
	struct jem_log_source *source = arg;

	add_path(source, path, source->from);
}

static void add_entry(struct jem_log_source *source, const char *entry)
{
	char path[PATH_MAX];
	struct jem_log_pattern *pattern = &source->patterns[source->pattern_count];

	if (full_path(source, entry, path)) {
		jem_log_tell_degraded(source->options.batcher, entry, "the name is too long");
		return;
	}
	if (!jem_log_pattern_is_magic(entry)) {
		add_path(source, path, source->from);
		return;
	}
	if (source->pattern_count == PATTERNS_MAX || jem_log_pattern_init(pattern, path))
		return;
	source->pattern_count++;
	jem_log_pattern_watch(pattern, source->env.watch);
	jem_log_pattern_expand(pattern, on_expanded, source);
}

static void on_event(void *arg, int wd, uint32_t mask, const char *name)
{
	struct jem_log_source *source = arg;

	for (size_t i = 0; i < source->follow_count; i++) {
		jem_follow_on_file_event(source->follows[i], wd);
		jem_follow_on_folder_event(source->follows[i], wd, mask, name);
	}
	for (size_t i = 0; i < source->pattern_count; i++)
		jem_log_pattern_on_event(&source->patterns[i], wd, mask, name);
}

static void on_overflow(void *arg)
{
	struct jem_log_source *source = arg;

	for (size_t i = 0; i < source->follow_count; i++) {
		struct jem_follow *follow = source->follows[i];

		follow->wants_look = true;
		follow->scans_left = 2;
		for (struct jem_follow_file *file = follow->files; file; file = file->next)
			file->is_ready = true;
	}
	for (size_t i = 0; i < source->pattern_count; i++)
		source->patterns[i].wants_scan = true;
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

	if (!source->options.offsets_path)
		return;
	r = jem_seen_load(source->env.seen, source->options.offsets_path, &err);
	if (!r)
		source->from = JEM_FROM_RESTART;
	else if (r != -ENOENT)
		jem_log_tell_degraded(source->options.batcher, source->options.offsets_path,
				      err.text);
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
	for (size_t i = 0; i < jem_config_list_size(config, JEM_OPTION_log_files); i++)
		add_entry(source, jem_config_list_at(config, JEM_OPTION_log_files, i));
	source->from = JEM_FROM_BEGINNING;
	source->saved_ns = source->polled_ns = jem_now_ns();
	if (jem_config_list_size(config, JEM_OPTION_log_files))
		jem_log_tell_start(source->options.batcher, source->follow_count,
				   jem_rules_count(source->rules), source->env.watch != NULL);
	note_positions(source);
	save_offsets(source); /* from here on nothing is lost, however we end */
	process(source);
	return 0;
}

int jem_log_source_add(struct jem_log_source *source, const char *path, bool from_start)
{
	char full[PATH_MAX];
	int r = full_path(source, path, full);

	if (!r)
		r = add_path(source, full, from_start ? JEM_FROM_BEGINNING : JEM_FROM_END);
	if (!r)
		process(source);
	return r;
}

int jem_log_source_add_stream(struct jem_log_source *source, pid_t pid, int stream,
			      const char *copy)
{
	const char *name = stream == STDOUT_FILENO ? "stdout" : "stderr";
	char target[PATH_MAX] = "";
	struct jem_follow *follow = NULL;
	char path[PATH_MAX];
	int r;

	source->publisher.now_ns = jem_now_ns();
	if (copy)
		snprintf(path, sizeof(path), "%s", copy);
	else
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, stream);
	if (copy)
		snprintf(target, sizeof(target), "%s", copy);
	if (!copy && readlink(path, target, sizeof(target) - 1) < 0)
		r = -errno;
	else if (!copy && is_ours(source, path))
		r = -EPERM;
	else
		r = add_follow(source, NULL, name, &follow);
	if (!r) {
		r = jem_follow_stream(follow, path, copy ? JEM_FROM_BEGINNING : JEM_FROM_END);
		if (r) {
			source->follow_count--;
			jem_follow_destroy(follow);
		}
	}
	jem_log_tell_stream(source->options.batcher, name, target, r);
	if (!r)
		process(source);
	return r == -EEXIST ? 0 : r;
}

static bool needs_tick(const struct jem_log_source *source)
{
	for (size_t i = 0; i < source->follow_count; i++)
		if (jem_follow_needs_tick(source->follows[i]))
			return true;
	for (size_t i = 0; i < source->pattern_count; i++)
		if (jem_log_pattern_is_polled(&source->patterns[i]))
			return true;
	return source->options.offsets_path &&
	       source->saved_bytes != source->publisher.account.bytes;
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

static void look_again(struct jem_log_source *source)
{
	for (size_t i = 0; i < source->follow_count; i++)
		if (source->follows[i]->wants_look)
			look(source, source->follows[i], JEM_FROM_BEGINNING);
	for (size_t i = 0; i < source->pattern_count; i++) {
		struct jem_log_pattern *pattern = &source->patterns[i];

		if (!pattern->wants_scan)
			continue;
		jem_log_pattern_watch(pattern, source->env.watch);
		jem_log_pattern_expand(pattern, on_expanded, source);
	}
}

/* A chunk of each in turn, until the time of a pass is over; true when there is more. */
static bool read_in_turn(struct jem_log_source *source, uint64_t start_ns)
{
	uint64_t now_ns = start_ns;
	size_t idle = 0; /* in a row, with nothing to read */

	while (idle < source->follow_count) {
		struct jem_follow *follow = source->follows[source->next++ % source->follow_count];

		source->publisher.now_ns = now_ns;
		idle = jem_follow_read(follow, now_ns, &source->sink) ? 0 : idle + 1;
		if (follow->wants_look) {
			look(source, follow, JEM_FROM_BEGINNING);
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
	look_again(source);
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

	for (size_t i = 0; i < source->follow_count; i++)
		is_polled |= source->follows[i]->is_polled;
	return is_polled && source->polled_wall_ns < source->told_wall_ns ? source->polled_wall_ns
									  : source->told_wall_ns;
}

static void save_offsets(struct jem_log_source *source)
{
	int r;

	if (!source->options.offsets_path)
		return;
	r = jem_seen_save(source->env.seen, source->options.offsets_path, horizon_ns(source));
	if (r)
		log_debug("%s: %s", source->options.offsets_path, strerror(-r));
	source->saved_bytes = source->publisher.account.bytes;
}

static void note_positions(struct jem_log_source *source)
{
	for (size_t i = 0; i < source->follow_count; i++)
		jem_follow_note_positions(source->follows[i]);
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
	for (size_t i = 0; i < source->follow_count; i++) {
		jem_follow_tick(source->follows[i], now_ns, &source->sink);
		if (is_poll_due)
			jem_follow_poll(source->follows[i]);
	}
	for (size_t i = 0; is_poll_due && i < source->pattern_count; i++)
		source->patterns[i].wants_scan |= jem_log_pattern_is_polled(&source->patterns[i]);
	process(source);
	if (now_ns - source->saved_ns < JEM_SEEN_SAVE_MS * 1000000ull)
		return;
	/*
	 * What is saved is how far we had read a second ago: its records have left by now, so that
	 * a daemon that is killed reads some lines twice, but loses none.
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
	look_again(source);
	for (size_t i = 0; i < source->follow_count; i++) {
		source->publisher.now_ns = jem_now_ns();
		if (!jem_follow_finish(source->follows[i], deadline_ns, &source->sink))
			jem_log_tell_left(source->options.batcher, source->follows[i]);
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
	for (size_t i = 0; i < source->follow_count; i++)
		jem_follow_look(source->follows[i], JEM_FROM_BEGINNING);
	note_positions(source);
	save_offsets(source);
	for (size_t i = 0; i < source->follow_count; i++)
		jem_follow_destroy(source->follows[i]);
	for (size_t i = 0; i < source->pattern_count; i++)
		jem_log_pattern_deinit(&source->patterns[i]);
	source->follow_count = 0;
	source->pattern_count = 0;
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
