/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/sched/sched_drain.h"

#include "common/clock.h"
#include "daemon/sources/sched/feed.h"
#include "daemon/sources/sched/sampling.h"
#include "daemon/sources/sched/sched_live.h"
#include "daemon/sources/sched/sched_mail.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	OUT_MAX = 8 << 20,
	STACK_BYTES = 256 << 10,
	READER_NICE = -10,
};

#define TAIL_NS   INT64_C(250000000) /* between two readings of buffers that no event has filled */
#define SECOND_NS INT64_C(1000000000)

struct jem_sched_drain {
	struct jem_sched_drain_options options;
	char why[256];
	uv_async_t async;
	uv_thread_t thread;
	int wake; /* owned: eventfd */
	void (*on_finished)(void *arg);
	atomic_bool has_begun, is_ending;

	uv_mutex_t lock;
	struct jem_sched_mail *first, **last; /* under it, as all here */
	size_t bytes;
	bool is_deaf; /* nobody reads what comes, and the loop must not be woken */
	bool is_left; /* by the loop: the thread frees */
	bool is_done; /* the thread is: the loop frees */

	/* the thread's own, each owned */
	struct jem_sched_feed *feed;
	struct jem_sched_live *live;
	struct jem_switches *switches;
	struct jem_sampling *sampling;
};

/* --- to the loop ------------------------------------------------------------------------------ */

/* The mail is taken. False: it was dropped, for its bytes. */
static bool tell(struct jem_sched_drain *drain, struct jem_sched_mail *mail)
{
	bool is_taken = false;

	if (!mail)
		return false;
	uv_mutex_lock(&drain->lock);
	if (!drain->is_deaf && drain->bytes + mail->rows.len <= OUT_MAX) {
		*drain->last = mail;
		drain->last = &mail->next;
		drain->bytes += mail->rows.len;
		is_taken = true;
		uv_async_send(&drain->async);
	}
	uv_mutex_unlock(&drain->lock);
	if (!is_taken)
		jem_sched_mail_destroy(mail);
	return is_taken;
}

static void on_lost(void *arg, enum jem_cause cause, uint64_t n)
{
	struct jem_sched_mail *mail = jem_sched_mail_create(JEM_SCHED_MAIL_LOST);

	if (mail) {
		mail->cause = cause;
		mail->n = n;
	}
	(void)tell(arg, mail);
}

static void on_rows(void *arg, const struct jem_column_rows *rows)
{
	struct jem_sched_mail *mail = jem_sched_mail_create(JEM_SCHED_MAIL_ROWS);

	if (!mail) {
		free((void *)(uintptr_t)rows->map);
		on_lost(arg, JEM_CAUSE_no_memory, rows->n);
		return;
	}
	mail->rows = *rows;
	if (!tell(arg, mail))
		on_lost(arg, JEM_CAUSE_queue_full, rows->n);
}

static void tell_text(struct jem_sched_drain *drain, enum jem_sched_mail_type type,
		      enum jem_sched_level level, const char *text)
{
	struct jem_sched_mail *mail = jem_sched_mail_create(type);

	if (mail) {
		mail->level = level;
		snprintf(mail->text, sizeof(mail->text), "%s", text);
	}
	(void)tell(drain, mail);
}

/* --- levels ----------------------------------------------------------------------------------- */

static enum jem_sched_level open_level(struct jem_sched_drain *drain)
{
	const struct jem_sched_drain_options *options = &drain->options;
	struct jem_err err = { "" };

	if (options->tries_tracefs) {
		if (jem_sched_live_open(options->buffer_bytes, jem_sched_feed_names(drain->feed),
					&drain->live, &err) == 0)
			return JEM_SCHED_LEVEL_TRACEFS;
		snprintf(drain->why, sizeof(drain->why), "%s", err.text);
	}
	if (drain->switches)
		return JEM_SCHED_LEVEL_SWITCHES;
	if (options->tries_tracefs && options->job &&
	    jem_switches_open(options->job, &drain->switches, &err) == 0)
		return JEM_SCHED_LEVEL_SWITCHES;
	if (options->tries_tracefs && options->job)
		snprintf(drain->why, sizeof(drain->why), "%s", err.text);
	return JEM_SCHED_LEVEL_SAMPLING;
}

static int begin(struct jem_sched_drain *drain)
{
	const struct jem_sched_feed_options feed = {
		.redactor = drain->options.redactor,
		.job = drain->options.job,
		.launcher = drain->options.launcher,
		.is_node = drain->options.is_node,
		.shows_comm = drain->options.shows_comm,
		.on_rows = on_rows,
		.on_lost = on_lost,
		.arg = drain,
	};
	int status = jem_sched_feed_create(&feed, &drain->feed);
	enum jem_sched_level level;

	if (status < 0)
		return status;
	level = open_level(drain);
	if (level == JEM_SCHED_LEVEL_SAMPLING)
		status = jem_sampling_create("/proc", drain->options.job, &drain->sampling);
	if (status == 0)
		status = jem_sched_feed_begin(
			drain->feed, level, drain->live ? jem_sched_live_states(drain->live) : NULL,
			(int64_t)jem_now_ns());
	if (status == 0)
		tell_text(drain, JEM_SCHED_MAIL_LEVEL, level, drain->why);
	return status;
}

static int level_fd(const struct jem_sched_drain *drain)
{
	if (drain->live)
		return jem_sched_live_fd(drain->live);
	return drain->switches ? jem_switches_fd(drain->switches) : -1;
}

static int read_level(struct jem_sched_drain *drain, int64_t *safe_ns)
{
	if (drain->live)
		return jem_sched_live_read(drain->live, drain->feed, safe_ns);
	if (drain->switches)
		return jem_switches_read(drain->switches, drain->feed, safe_ns);
	*safe_ns = (int64_t)jem_now_ns();
	return 0;
}

static void tell_lost(struct jem_sched_drain *drain)
{
	if (drain->live)
		jem_sched_feed_lost(drain->feed, jem_sched_live_lost(drain->live));
	else if (drain->switches)
		jem_sched_feed_lost(drain->feed, jem_switches_lost(drain->switches));
}

static int sample(struct jem_sched_drain *drain)
{
	struct jem_sched_sampled sampled;
	int64_t now_ns = (int64_t)jem_now_ns();
	int status = jem_sampling_take(drain->sampling, now_ns, &sampled);

	if (status == 0)
		jem_sched_feed_sampled(drain->feed, &sampled, now_ns);
	return status;
}

/* --- the thread ------------------------------------------------------------------------------- */

static void wait(const struct jem_sched_drain *drain, int64_t until_ns)
{
	struct pollfd polled[] = { { drain->wake, POLLIN, 0 }, { level_fd(drain), POLLIN, 0 } };
	int64_t left_ns = until_ns - (int64_t)jem_now_ns();
	struct timespec timeout = { 0, 0 };
	uint64_t count;

	if (left_ns > 0) {
		timeout.tv_sec = left_ns / SECOND_NS;
		timeout.tv_nsec = left_ns % SECOND_NS;
	}
	if (ppoll(polled, 2, &timeout, NULL) > 0 && polled[0].revents &&
	    read(drain->wake, &count, sizeof(count)) < 0)
		return;
}

/*
 * The daemon is nice to the job; here that loses events: beside two busy tasks a core we would come to read
 * after the buffer is full. What we take is a part of what the job's own switches cost, never more.
 */
static void hurry(void)
{
	const struct sched_param least = { .sched_priority = 1 };

	if (!sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &least))
		return;
	if (setpriority(PRIO_PROCESS, (id_t)gettid(), READER_NICE) < 0)
		(void)setpriority(PRIO_PROCESS, (id_t)gettid(), 0);
}

static int run_events(struct jem_sched_drain *drain)
{
	int64_t second_ns = (int64_t)jem_now_ns() + SECOND_NS;
	int64_t tail_ns = second_ns - SECOND_NS + TAIL_NS;
	int64_t safe_ns;
	int status = 0;

	if (drain->live)
		hurry();
	while (!drain->is_ending && status == 0) {
		int64_t now_ns;

		wait(drain, tail_ns);
		status = read_level(drain, &safe_ns);
		now_ns = (int64_t)jem_now_ns();
		if (now_ns < tail_ns)
			continue;
		tail_ns = now_ns + TAIL_NS;
		if (now_ns < second_ns) {
			jem_sched_feed_flush(drain->feed);
			continue;
		}
		second_ns += (now_ns - second_ns) / SECOND_NS * SECOND_NS + SECOND_NS;
		tell_lost(drain);
		jem_sched_feed_second(drain->feed, safe_ns);
	}
	if (drain->live)
		jem_sched_live_stop(drain->live);
	if (status == 0)
		status = read_level(drain, &safe_ns);
	tell_lost(drain);
	jem_sched_feed_finish(drain->feed, safe_ns);
	return status;
}

static int run_sampling(struct jem_sched_drain *drain)
{
	int64_t second_ns = (int64_t)jem_now_ns();
	int status = sample(drain);

	while (!drain->is_ending && status == 0) {
		second_ns += SECOND_NS;
		while (!drain->is_ending && (int64_t)jem_now_ns() < second_ns)
			wait(drain, second_ns);
		status = sample(drain);
	}
	return status;
}

static void free_drain(struct jem_sched_drain *drain)
{
	while (drain->first) {
		struct jem_sched_mail *mail = drain->first;

		drain->first = mail->next;
		jem_sched_mail_destroy(mail);
	}
	if (drain->wake >= 0)
		close(drain->wake);
	uv_mutex_destroy(&drain->lock);
	free(drain);
}

/* What the thread has worked with; the files first, so that nothing is recorded any longer. */
static void close_level(struct jem_sched_drain *drain)
{
	jem_sched_live_close(drain->live);
	jem_switches_close(drain->switches);
	jem_sampling_destroy(drain->sampling);
	jem_sched_feed_destroy(drain->feed);
	jem_redactor_destroy(drain->options.redactor);
}

static void run(void *arg)
{
	struct jem_sched_drain *drain = arg;
	bool is_left;
	int status;

	(void)prctl(PR_SET_NAME, "jem-sched");
	status = begin(drain);
	if (status == 0) {
		drain->has_begun = true;
		status = drain->sampling ? run_sampling(drain) : run_events(drain);
	}
	if (status < 0)
		tell_text(drain, JEM_SCHED_MAIL_FAULT, JEM_SCHED_LEVEL_COUNT, strerror(-status));
	tell_text(drain, JEM_SCHED_MAIL_FINISHED, JEM_SCHED_LEVEL_COUNT, "");
	close_level(drain);
	uv_mutex_lock(&drain->lock);
	drain->is_done = true;
	is_left = drain->is_left;
	uv_mutex_unlock(&drain->lock);
	if (is_left)
		free_drain(drain);
}

/* --- the loop --------------------------------------------------------------------------------- */

static struct jem_sched_mail *next_mail(struct jem_sched_drain *drain)
{
	struct jem_sched_mail *mail;

	uv_mutex_lock(&drain->lock);
	mail = drain->is_deaf ? NULL : drain->first;
	if (mail) {
		drain->first = mail->next;
		if (!drain->first)
			drain->last = &drain->first;
		drain->bytes -= mail->rows.len;
	}
	uv_mutex_unlock(&drain->lock);
	return mail;
}

static void on_mail(uv_async_t *async)
{
	struct jem_sched_drain *drain = async->data;
	const struct jem_sched_drain_options *events = &drain->options;
	struct jem_sched_mail *mail;

	while ((mail = next_mail(drain))) {
		switch (mail->type) {
		case JEM_SCHED_MAIL_ROWS:
			events->on_rows(events->arg, &mail->rows);
			break;
		case JEM_SCHED_MAIL_LOST:
			events->on_lost(events->arg, mail->cause, mail->n);
			break;
		case JEM_SCHED_MAIL_LEVEL:
			events->on_level(events->arg, mail->level, mail->text);
			break;
		case JEM_SCHED_MAIL_FAULT:
			events->on_fault(events->arg, mail->text);
			break;
		case JEM_SCHED_MAIL_FINISHED:
			if (drain->on_finished)
				drain->on_finished(events->arg);
			drain->on_finished = NULL;
			break;
		}
		jem_sched_mail_destroy(mail);
	}
}

static int start_thread(struct jem_sched_drain *drain)
{
	const uv_thread_options_t thread = { .flags = UV_THREAD_HAS_STACK_SIZE,
					     .stack_size = STACK_BYTES };

	drain->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (drain->wake < 0)
		return -errno;
	uv_async_init(drain->options.loop, &drain->async, on_mail);
	drain->async.data = drain;
	return uv_thread_create_ex(&drain->thread, &thread, run, drain);
}

/* The loop lets go; the thread, or the last of the two, frees. */
static void on_async_closed(uv_handle_t *handle)
{
	struct jem_sched_drain *drain = handle->data;
	uv_thread_t thread = drain->thread;
	bool is_done;

	uv_mutex_lock(&drain->lock);
	drain->is_left = true;
	is_done = drain->is_done;
	uv_mutex_unlock(&drain->lock);
	if (!is_done) {
		(void)pthread_detach(thread);
		return;
	}
	uv_thread_join(&thread);
	free_drain(drain);
}

static void on_failed_closed(uv_handle_t *handle)
{
	free_drain(handle->data);
}

int jem_sched_drain_create(const struct jem_sched_drain_options *options,
			   struct jem_sched_drain **ret)
{
	struct jem_sched_drain *drain = calloc(1, sizeof(*drain));
	int status;

	if (!drain || uv_mutex_init(&drain->lock) < 0) {
		jem_redactor_destroy(options->redactor);
		jem_switches_close(options->switches);
		free(drain);
		return -ENOMEM;
	}
	drain->options = *options;
	snprintf(drain->why, sizeof(drain->why), "%s", options->why);
	drain->switches = options->switches;
	drain->last = &drain->first;
	status = start_thread(drain);
	if (status == 0) {
		*ret = drain;
		return 0;
	}
	close_level(drain);
	if (drain->wake < 0)
		free_drain(drain);
	else
		uv_close((uv_handle_t *)&drain->async, on_failed_closed);
	return status;
}

static void end(struct jem_sched_drain *drain)
{
	const uint64_t one = 1;

	drain->is_ending = true;
	if (write(drain->wake, &one, sizeof(one)) < 0)
		return; /* full: it is awake */
}

bool jem_sched_drain_finish(struct jem_sched_drain *drain, void (*on_finished)(void *arg))
{
	bool is_done;

	uv_mutex_lock(&drain->lock);
	is_done = drain->is_done && !drain->first;
	uv_mutex_unlock(&drain->lock);
	if (is_done || !drain->has_begun)
		return false;
	drain->on_finished = on_finished;
	end(drain);
	return true;
}

void jem_sched_drain_destroy(struct jem_sched_drain *drain)
{
	if (!drain)
		return;
	drain->on_finished = NULL;
	uv_mutex_lock(&drain->lock);
	drain->is_deaf = true;
	uv_mutex_unlock(&drain->lock);
	end(drain);
	uv_close((uv_handle_t *)&drain->async, on_async_closed);
}
