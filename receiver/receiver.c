/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/receiver.h"

#include "common/clock.h"
#include "common/log.h"
#include "receiver/folder.h"
#include "receiver/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUCKETS = 1024, /* a power of two */
	TICK_MS = 1000,
	SILENT_MS = 600000,    /* a recording is closed after ten silent minutes */
	INDEX_COST = 500,      /* as for drawings: 0.2 % of a core at most */
	REFUSED_KEPT = 64,     /* jobs whose folder cannot be had, remembered for a second */
	REFUSAL_LOG_MS = 5000, /* warnings about bad batches are told this seldom */
	CATCH_UP_NS = 2000000  /* in a pass of the loop: what comes in goes first */
};

struct refused {
	struct jem_source_names names;
	uint64_t until_ms;
};

struct jem_receiver {
	struct jem_receiver_options options;
	struct jem_source_names only; /* with common.is_single */
	struct jem_recording_common common;
	int out; /* owned; the lock on it too */

	struct jem_recording *buckets[BUCKETS]; /* owned */
	struct jem_recording *newest;           /* by time last heard of */
	struct jem_recording *oldest;
	struct refused refused[REFUSED_KEPT];
	size_t refused_next;

	struct jem_recording *dirty[64]; /* with something to write in this pass */
	size_t dirty_count;
	uint64_t *to_release; /* owned; tickets that wait for the next tick */
	size_t release_count;
	size_t release_cap;

	struct jem_decoder decoder;
	uv_timer_t tick;
	uv_check_t check; /* ends a pass of the loop */
	uv_idle_t idle;   /* keeps the loop from sleeping before it */
	unsigned handles; /* still open while closing */
	void (*on_closed)(void *arg);
	void *closed_arg;

	uint64_t refusal_told_ms;
	uint64_t refusals; /* since it was told */
	uint64_t next_index_ms;
	bool is_index_failing; /* told once */
};

static uint64_t now_ms(void)
{
	return jem_now_ns() / 1000000;
}

/* Settling */

/* A released batch comes again at once: it is held for the next tick, which slows its sender. */
static void on_settle(void *arg, uint64_t ticket, enum jem_outcome outcome)
{
	struct jem_receiver *receiver = arg;

	if (outcome != JEM_OUTCOME_RELEASED) {
		receiver->common.stats.held--;
		receiver->options.on_settle(receiver->options.arg, ticket, outcome);
		return;
	}
	if (receiver->release_count == receiver->release_cap) {
		size_t cap = receiver->release_cap ? receiver->release_cap * 2 : 256;
		uint64_t *tickets = realloc(receiver->to_release, cap * sizeof(*tickets));

		if (!tickets) {
			receiver->common.stats.held--;
			receiver->common.stats.released++;
			receiver->options.on_settle(receiver->options.arg, ticket, outcome);
			return;
		}
		receiver->to_release = tickets;
		receiver->release_cap = cap;
	}
	receiver->to_release[receiver->release_count++] = ticket;
}

static void release_waiting(struct jem_receiver *receiver)
{
	uint64_t *tickets = receiver->to_release;
	size_t count = receiver->release_count;

	receiver->to_release = NULL;
	receiver->release_count = receiver->release_cap = 0;
	receiver->common.stats.held -= count;
	receiver->common.stats.released += count;
	for (size_t i = 0; i < count; i++)
		receiver->options.on_settle(receiver->options.arg, tickets[i],
					    JEM_OUTCOME_RELEASED);
	free(tickets);
}

static void release(struct jem_receiver *receiver, uint64_t ticket)
{
	on_settle(receiver, ticket, JEM_OUTCOME_RELEASED);
}

/* What cannot be read will not be readable later: refused for good, and told now and then. */
static void reject(struct jem_receiver *receiver, uint64_t ticket, const char *why)
{
	uint64_t now = now_ms();

	receiver->common.stats.invalid++;
	receiver->refusals++;
	if (now - receiver->refusal_told_ms >= REFUSAL_LOG_MS) {
		log_warning("%" PRIu64 " batches refused, the last one: %s, ignoring",
			    receiver->refusals, why);
		receiver->refusal_told_ms = now;
		receiver->refusals = 0;
	}
	on_settle(receiver, ticket, JEM_OUTCOME_REJECTED);
}

/* Recordings: a hash by name, and a list by the time they were last heard of */

static size_t bucket_of(const struct jem_source_names *names)
{
	const char *parts[] = { names->site, names->user, names->job };
	uint32_t hash = 2166136261u;

	for (int i = 0; i < 3; i++) {
		for (const char *c = parts[i]; *c; c++)
			hash = (hash ^ (unsigned char)*c) * 16777619u;
		hash = (hash ^ '/') * 16777619u;
	}
	return (hash ^ hash >> 16) & (BUCKETS - 1);
}

static bool is_same_job(const struct jem_source_names *a, const struct jem_source_names *b)
{
	return !strcmp(a->job, b->job) && !strcmp(a->user, b->user) && !strcmp(a->site, b->site);
}

static void list_remove(struct jem_receiver *receiver, struct jem_recording *recording)
{
	if (recording->newer)
		recording->newer->older = recording->older;
	else
		receiver->newest = recording->older;
	if (recording->older)
		recording->older->newer = recording->newer;
	else
		receiver->oldest = recording->newer;
	recording->newer = recording->older = NULL;
}

static void list_add(struct jem_receiver *receiver, struct jem_recording *recording)
{
	recording->older = receiver->newest;
	if (receiver->newest)
		receiver->newest->newer = recording;
	else
		receiver->oldest = recording;
	receiver->newest = recording;
}

static bool is_dirty(const struct jem_receiver *receiver, const struct jem_recording *recording)
{
	for (size_t i = 0; i < receiver->dirty_count; i++)
		if (receiver->dirty[i] == recording)
			return true;
	return false;
}

/* The ones heard of longest ago give up their descriptors, so that others can have them. */
static void suspend_oldest(struct jem_receiver *receiver)
{
	for (struct jem_recording *recording = receiver->oldest;
	     recording && receiver->common.open > JEM_RECORDINGS_OPEN; recording = recording->newer)
		if (recording->folder >= 0 && !is_dirty(receiver, recording))
			jem_recording_suspend(recording);
}

static void write_dirty(struct jem_receiver *receiver)
{
	uint64_t now = now_ms();

	while (receiver->dirty_count)
		jem_recording_write(receiver->dirty[--receiver->dirty_count], now);
	suspend_oldest(receiver);
	if (receiver->common.behind)
		return; /* passes go on */
	uv_check_stop(&receiver->check);
	uv_idle_stop(&receiver->idle);
}

/* What was put off, a little of it in each pass. False: none of it can be done now. */
static bool catch_up(struct jem_receiver *receiver)
{
	uint64_t until_ns = jem_now_ns() + CATCH_UP_NS;
	bool has_moved = false;

	for (struct jem_recording *recording = receiver->newest;
	     recording && receiver->common.behind && jem_now_ns() < until_ns;
	     recording = recording->older)
		has_moved |= jem_recording_catch_up(recording, until_ns);
	return has_moved;
}

static void end_recording(struct jem_receiver *receiver, struct jem_recording *recording,
			  bool is_drawn)
{
	struct jem_recording **at = &receiver->buckets[bucket_of(&recording->identity.names)];

	if (is_dirty(receiver, recording))
		write_dirty(receiver);
	while (*at != recording)
		at = &(*at)->hash_next;
	*at = recording->hash_next;
	list_remove(receiver, recording);
	jem_recording_finish(recording, now_ms());
	if (is_drawn && recording->is_drawable && recording->folder >= 0) {
		jem_recording_draw(recording, now_ms(), false);
		jem_recording_finish(recording, now_ms()); /* what had to go for it is told */
	}
	receiver->common.stats.recordings--;
	jem_recording_close(recording);
}

static bool is_refused(struct jem_receiver *receiver, const struct jem_source_names *names)
{
	uint64_t now = now_ms();

	for (int i = 0; i < REFUSED_KEPT; i++)
		if (receiver->refused[i].until_ms > now &&
		    is_same_job(&receiver->refused[i].names, names))
			return true;
	return false;
}

static void refuse_for_now(struct jem_receiver *receiver, const struct jem_source_names *names,
			   const char *why)
{
	struct refused *entry = &receiver->refused[receiver->refused_next++ % REFUSED_KEPT];

	if (entry->until_ms + TICK_MS < now_ms() || !is_same_job(&entry->names, names))
		log_warning("job %s/%s/%s: %s, retrying every second", names->site, names->user,
			    names->job, why);
	entry->names = *names;
	entry->until_ms = now_ms() + TICK_MS;
}

static struct jem_recording *find_recording(struct jem_receiver *receiver,
					    const struct jem_identity *identity)
{
	struct jem_recording *recording = receiver->buckets[bucket_of(&identity->names)];
	struct jem_err err;

	while (recording && !is_same_job(&recording->identity.names, &identity->names))
		recording = recording->hash_next;
	if (recording) {
		list_remove(receiver, recording);
		list_add(receiver, recording);
		return recording;
	}
	if (is_refused(receiver, &identity->names))
		return NULL;
	if (jem_recording_open(&receiver->common, identity, &recording, &err) < 0) {
		refuse_for_now(receiver, &identity->names, err.text);
		return NULL;
	}
	recording->hash_next = receiver->buckets[bucket_of(&identity->names)];
	receiver->buckets[bucket_of(&identity->names)] = recording;
	list_add(receiver, recording);
	suspend_oldest(receiver);
	if (receiver->common.stats.recordings > JEM_RECORDINGS_KEPT)
		end_recording(receiver, receiver->oldest, true);
	return recording;
}

/* Messages */

static void on_pass_end(uv_check_t *check)
{
	struct jem_receiver *receiver = check->data;

	write_dirty(receiver);
	if (receiver->common.behind && !catch_up(receiver)) {
		uv_check_stop(&receiver->check); /* the next tick tries again */
		uv_idle_stop(&receiver->idle);
	}
}

static void on_idle(uv_idle_t *idle)
{
	(void)idle; /* it only keeps the loop from sleeping */
}

static void keep_awake(struct jem_receiver *receiver)
{
	uv_check_start(&receiver->check, on_pass_end);
	uv_idle_start(&receiver->idle, on_idle);
}

static void note_dirty(struct jem_receiver *receiver, struct jem_recording *recording)
{
	if (is_dirty(receiver, recording))
		return;
	if (receiver->dirty_count == sizeof(receiver->dirty) / sizeof(*receiver->dirty))
		write_dirty(receiver);
	if (!receiver->dirty_count)
		keep_awake(receiver);
	receiver->dirty[receiver->dirty_count++] = recording;
}

static int decode(struct jem_receiver *receiver, const struct jem_message *message,
		  struct jem_received *ret, struct jem_err *err)
{
	int status = jem_decode(&receiver->decoder, message, ret, err);
	const struct jem_source_names *names = &ret->head.source.names;

	if (status == 0 && receiver->common.is_single && !is_same_job(&receiver->only, names))
		return jem_err_set(err, -EBADMSG, "it is of job %s, not of %s", names->job,
				   receiver->only.job);
	return status;
}

void jem_receiver_accept(struct jem_receiver *receiver, const struct jem_message *message,
			 uint64_t ticket)
{
	struct jem_recording *recording;
	struct jem_received received;
	struct jem_err err;
	uint64_t now = now_ms();
	int status;

	receiver->common.stats.batches++;
	receiver->common.stats.held++;
	status = decode(receiver, message, &received, &err);
	if (status == -ENOMEM) {
		release(receiver, ticket);
		return;
	}
	if (status < 0) {
		reject(receiver, ticket, err.text);
		return;
	}
	recording = find_recording(receiver, &received.head.source);
	if (!recording || (recording->failed_ms && now - recording->failed_ms < JEM_RETRY_MS)) {
		release(receiver, ticket);
		return;
	}
	status = jem_recording_accept(recording, &received, ticket, now);
	if (status == -EPROTO) {
		reject(receiver, ticket, "more streams than a job has, or an epoch of two nodes");
		return;
	}
	note_dirty(receiver, recording);
	if (status < 0)
		release(receiver, ticket);
	else if (jem_recording_pending(recording) >= receiver->common.write_bytes)
		write_dirty(receiver);
}

void jem_receiver_flush(struct jem_receiver *receiver)
{
	write_dirty(receiver);
}

/* Time */

static void write_index(struct jem_receiver *receiver, uint64_t now, bool is_last)
{
	const struct jem_page_options options = {
		.now_ns = jem_wall_ns(),
		.refresh_s = is_last ? 0 : (unsigned)((receiver->common.redraw_ms + 999) / 1000),
	};
	uint64_t start = jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	uint64_t wait_ms = receiver->common.redraw_ms;
	uint64_t cost_ms;
	int status;

	if (!receiver->common.index || (!is_last && now < receiver->next_index_ms))
		return;
	status = jem_index_write(receiver->common.index, &options, receiver->out);
	if (status < 0 && !receiver->is_index_failing)
		log_warning("cannot write the page of all jobs: %s, retrying", strerror(-status));
	receiver->is_index_failing = status < 0;
	cost_ms = (jem_clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - start) * INDEX_COST / 1000000;
	receiver->next_index_ms = now + (cost_ms > wait_ms ? cost_ms : wait_ms);
}

static void on_tick(uv_timer_t *timer)
{
	struct jem_receiver *receiver = timer->data;
	uint64_t now = now_ms();

	release_waiting(receiver);
	write_dirty(receiver);
	if (receiver->common.behind)
		keep_awake(receiver);
	for (struct jem_recording *recording = receiver->newest; recording;
	     recording = recording->older) {
		jem_recording_tick(recording, now);
		if (jem_recording_is_draw_due(recording, now))
			jem_recording_draw(recording, now, false);
	}
	write_index(receiver, now, false);
	while (receiver->oldest && !receiver->common.is_single &&
	       now - receiver->oldest->heard_ms > SILENT_MS)
		end_recording(receiver, receiver->oldest, true);
	suspend_oldest(receiver);
}

size_t jem_receiver_finish(struct jem_receiver *receiver, uint64_t deadline_ns)
{
	size_t undrawn = 0;

	write_dirty(receiver);
	for (struct jem_recording *recording = receiver->newest; recording;
	     recording = recording->older) {
		jem_recording_finish(recording, now_ms());
		if (!recording->model || (recording->is_drawn_last && !recording->is_drawable))
			continue;
		if (deadline_ns && jem_now_ns() > deadline_ns)
			undrawn++;
		else
			jem_recording_draw(recording, now_ms(), true);
	}
	write_index(receiver, now_ms(), true);
	return undrawn;
}

struct jem_receiver_stats jem_receiver_stats(const struct jem_receiver *receiver)
{
	struct jem_receiver_stats stats = receiver->common.stats;

	stats.behind = receiver->common.behind;
	return stats;
}

/* Life */

static unsigned files_of(const struct jem_config *config, struct jem_err *err)
{
	static const char *const names[] = { "log",    "data", "metrics", "prmon",
					     "graphs", "page", "calls" };
	size_t count = jem_config_list_size(config, JEM_OPTION_receiver_files);
	unsigned files = 0;

	for (size_t i = 0; i < count; i++) {
		const char *name = jem_config_list_at(config, JEM_OPTION_receiver_files, i);
		unsigned n = 0;

		while (n < sizeof(names) / sizeof(*names) && strcmp(names[n], name))
			n++;
		if (n == sizeof(names) / sizeof(*names)) {
			jem_err_set(err, -EINVAL,
				    "receiver.files: there is no '%.40s'; log, data, metrics, "
				    "prmon, graphs, page and calls are",
				    name);
			return 0;
		}
		files |= 1u << n;
	}
	return count ? files : JEM_FILE_ALL;
}

static void init_handles(struct jem_receiver *receiver)
{
	uv_loop_t *loop = receiver->options.loop;

	uv_timer_init(loop, &receiver->tick);
	uv_check_init(loop, &receiver->check);
	uv_idle_init(loop, &receiver->idle);
	receiver->tick.data = receiver->check.data = receiver->idle.data = receiver;
	uv_timer_start(&receiver->tick, on_tick, TICK_MS, TICK_MS);
	/* A receiver alone keeps no program running: what it waits for comes from a connection. */
	uv_unref((uv_handle_t *)&receiver->tick);
}

static int open_out(struct jem_receiver *receiver, const char *path, struct jem_err *err)
{
	receiver->out = jem_folder_open_out(path, err);
	if (receiver->out < 0)
		return receiver->out;
	if (jem_folder_lock(receiver->out) < 0)
		return jem_err_set(err, -EBUSY, "another receiver writes into %.180s", path);
	receiver->common.out = receiver->out;
	if (receiver->common.is_single)
		return 0;
	receiver->common.folders = jem_folder_count_jobs(receiver->out);
	if ((receiver->common.files & JEM_FILE_PAGE) &&
	    jem_index_create(receiver->out, &receiver->common.index) < 0)
		return jem_err_set(err, -ENOMEM, "no memory");
	return 0;
}

int jem_receiver_create(const struct jem_receiver_options *options, struct jem_receiver **ret,
			struct jem_err *err)
{
	struct jem_receiver *receiver = calloc(1, sizeof(*receiver));
	int status;

	if (!receiver)
		return jem_err_set(err, -ENOMEM, "no memory");
	receiver->options = *options;
	receiver->common = (struct jem_recording_common){
		.is_single = options->job != NULL,
		.is_live = options->is_live,
		.files = files_of(options->config, err),
		.max_bytes = jem_config_u64(options->config, JEM_OPTION_report_max_bytes),
		.write_bytes = JEM_WRITE_BYTES,
		.folders_max = JEM_RECORDINGS_MAX,
		.redraw_ms = jem_config_ns(options->config, JEM_OPTION_report_redraw) / 1000000,
		.on_settle = on_settle,
		.arg = receiver,
	};
	/* What comes in one pass stands above the bound until its end: no more than can be helped. */
	if (receiver->common.max_bytes / 16 < JEM_WRITE_BYTES)
		receiver->common.write_bytes = receiver->common.max_bytes / 16;
	if (options->job)
		receiver->only = *options->job;
	jem_decoder_init(&receiver->decoder);
	status = receiver->common.files ? open_out(receiver, options->out, err) : -EINVAL;
	if (status == 0 && jem_packer_create(options->loop, &receiver->common.packer) < 0)
		status = jem_err_set(err, -ENOMEM, "no memory");
	if (status < 0) {
		if (receiver->out > 0)
			close(receiver->out);
		free(receiver);
		return status;
	}
	init_handles(receiver);
	*ret = receiver;
	return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct jem_receiver *receiver = handle->data;
	void (*on_closed)(void *arg) = receiver->on_closed;
	void *arg = receiver->closed_arg;

	if (--receiver->handles)
		return;
	free(receiver);
	if (on_closed)
		on_closed(arg);
}

void jem_receiver_close(struct jem_receiver *receiver, void (*on_closed)(void *arg), void *arg)
{
	uv_handle_t *handles[] = { (uv_handle_t *)&receiver->tick, (uv_handle_t *)&receiver->check,
				   (uv_handle_t *)&receiver->idle };

	write_dirty(receiver);
	while (receiver->oldest)
		end_recording(receiver, receiver->oldest, false);
	release_waiting(receiver);
	jem_packer_close(receiver->common.packer);
	jem_index_destroy(receiver->common.index);
	jem_decoder_deinit(&receiver->decoder);
	close(receiver->out);
	receiver->on_closed = on_closed;
	receiver->closed_arg = arg;
	receiver->handles = sizeof(handles) / sizeof(*handles);
	for (unsigned i = 0; i < sizeof(handles) / sizeof(*handles); i++)
		uv_close(handles[i], on_handle_closed);
}
