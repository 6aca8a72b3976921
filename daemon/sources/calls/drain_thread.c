/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/calls/drain_internal.h"

#include "common/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	OUT_MAX = 8 << 20,      /* then records stay in their rings */
	OUT_DROP = 2 * OUT_MAX, /* beyond, where none may wait */
	BUSY_MS = 1,
	IDLE_MS = 50,
	FLUSH_MS = 250,
	CHECK_MS = 100, /* whether processes live, whether there are new modules */
	PROFILE_MS = 1000,
	RAISED_MS = 5000,    /* after a ring was filling */
	NODES_EVERY = 5,     /* profiles */
	FUNCTIONS_MAX = 500, /* of one profile */
	NODES_MAX = 2000,
	ROWS_LAST_MAX = 40000 /* of the last one */
};

#define MS_NS 1000000ull

/* --- to the loop ------------------------------------------------------------------------------ */

static void tell(struct jem_drain *drain, struct jem_mail *mail)
{
	if (mail && jem_mailbox_push(&drain->out, mail))
		uv_async_send(&drain->async);
}

static void tell_lost(struct jem_drain *drain, enum jem_cause cause, uint64_t n)
{
	struct jem_mail *mail = n ? jem_mail_create(JEM_MAIL_LOST, 0) : NULL;

	if (!mail)
		return;
	mail->lost.cause = cause;
	mail->lost.n = n;
	tell(drain, mail);
}

/* The rows so far become one batch. */
static void take_rows(void *arg)
{
	struct jem_drain *drain = arg;
	struct jem_rows *rows = drain->shared.rows;
	struct jem_mail *mail;
	struct jem_buf map;
	uint64_t base_ns;
	uint64_t n;
	int status;

	drain->flush_ns = jem_now_ns() + FLUSH_MS * MS_NS;
	if (!rows->n)
		return;
	jem_buf_init(&map, 0);
	status = jem_rows_take(rows, &base_ns, &n, &map);
	drain->rows += n;
	mail = status < 0 ? NULL : jem_mail_create(JEM_MAIL_ROWS, map.len);
	if (!mail) {
		jem_buf_deinit(&map);
		tell_lost(drain, JEM_CAUSE_no_memory, n);
	} else if (jem_mailbox_bytes(&drain->out) > OUT_DROP) {
		jem_buf_deinit(&map);
		free(mail);
		tell_lost(drain, JEM_CAUSE_queue_full, n);
	} else {
		mail->rows.rows = (struct jem_column_rows){ base_ns, n, map.data, map.len };
		tell(drain, mail);
	}
}

static void on_module(void *arg, const struct jem_symbols_request *request)
{
	struct jem_drain *drain = arg;
	struct jem_mail *mail = jem_mail_create(JEM_MAIL_MODULE, 0);

	if (!mail) {
		if (request->fd >= 0)
			close(request->fd);
		jem_calls_settings_unref(request->settings);
		return;
	}
	mail->module = *request;
	tell(drain, mail);
}

static void on_fault(void *arg, const char *text)
{
	struct jem_mail *mail = jem_mail_create(JEM_MAIL_FAULT, 0);

	if (!mail)
		return;
	snprintf(mail->fault, sizeof(mail->fault), "%s", text);
	tell(arg, mail);
}

static void on_unmatched(void *arg, const char *program, const char *pattern)
{
	struct jem_mail *mail = jem_mail_create(JEM_MAIL_UNMATCHED, 0);

	if (!mail)
		return;
	snprintf(mail->unmatched.program, sizeof(mail->unmatched.program), "%s", program);
	snprintf(mail->unmatched.pattern, sizeof(mail->unmatched.pattern), "%s", pattern);
	tell(arg, mail);
}

static void tell_profile(struct jem_drain *drain, bool of_nodes, size_t max)
{
	struct jem_mail *mail = jem_mail_create(JEM_MAIL_PROFILE, 0);

	if (!mail)
		return;
	if (jem_profile_take(drain->shared.profile, of_nodes, max, &mail->profile) < 0 ||
	    !mail->profile.count)
		jem_mail_destroy(mail);
	else
		tell(drain, mail);
}

/* --- processes -------------------------------------------------------------------------------- */

static struct jem_traced *find(struct jem_drain *drain, uint64_t token)
{
	struct jem_traced *traced = drain->list;

	while (traced && traced->token != token)
		traced = traced->next;
	return traced;
}

static void tell_losses(struct jem_drain *drain, struct jem_traced *traced)
{
	struct jem_traced_losses losses;

	jem_traced_losses(traced, &losses);
	tell_lost(drain, JEM_CAUSE_queue_full, losses.dropped);
	tell_lost(drain, JEM_CAUSE_rate_limited, losses.limited);
	tell_lost(drain, JEM_CAUSE_invalid, losses.broken);
	tell_lost(drain, JEM_CAUSE_no_memory, losses.unslotted);
}

static void remove_process(struct jem_drain *drain, struct jem_traced *traced)
{
	struct jem_traced **at = &drain->list;
	struct jem_mail *mail = jem_mail_create(JEM_MAIL_GONE, 0);

	while (*at != traced)
		at = &(*at)->next;
	*at = traced->next;
	drain->count--;
	jem_traced_profile(traced, true);
	drain->is_profile_due = true;
	tell_losses(drain, traced);
	jem_drain_count(&drain->gone, traced);
	if (mail) {
		mail->token = traced->token;
		tell(drain, mail);
	}
	jem_traced_destroy(traced);
}

static void add_process(struct jem_drain *drain, struct jem_mail *mail)
{
	struct jem_traced *traced;
	struct jem_mail *gone;
	struct jem_err err = { "" };
	char text[sizeof(err) + 64];
	int status = -EMFILE;

	if (drain->count == JEM_DRAIN_PROCESSES)
		jem_err_set(&err, status, "too many processes are traced");
	else
		status = jem_traced_create(&drain->shared, mail->token, &mail->process.in,
					   mail->process.settings, &traced, &err);
	if (drain->count < JEM_DRAIN_PROCESSES)
		mail->process.is_taken = true;
	if (status < 0) {
		snprintf(text, sizeof(text), "process %d is not traced: %s",
			 (int)mail->process.in.pid, err.text);
		on_fault(drain, text);
		gone = jem_mail_create(JEM_MAIL_GONE, 0);
		if (gone) {
			gone->token = mail->token;
			tell(drain, gone);
		}
		return;
	}
	traced->next = drain->list;
	drain->list = traced;
	drain->count++;
	drain->processes++;
	jem_traced_look_at_modules(traced);
}

static void take_mail(struct jem_drain *drain, struct jem_mail *mail)
{
	struct jem_traced *traced = mail->token ? find(drain, mail->token) : NULL;

	switch (mail->type) {
	case JEM_MAIL_PROCESS:
		add_process(drain, mail);
		break;
	case JEM_MAIL_END:
		if (traced)
			traced->has_ended = true;
		break;
	case JEM_MAIL_SETTINGS:
		if (traced) {
			jem_traced_set(traced, mail->settings);
			mail->settings = NULL;
		}
		break;
	case JEM_MAIL_IMAGE:
		if (traced)
			jem_traced_take_image(traced, mail->image.module, mail->image.image);
		break;
	case JEM_MAIL_FINISH:
		drain->is_finishing = true;
		drain->has_finished = false;
		drain->gives_up |= mail->gives_up;
		break;
	case JEM_MAIL_STOP:
		drain->is_ending = true;
		break;
	default:
		break;
	}
}

/* Which processes have ended: one system call for all of them. */
static void look_for_ends(struct jem_drain *drain)
{
	uint32_t n = 0;

	if (drain->count > drain->polled_cap) {
		struct pollfd *more =
			reallocarray(drain->polled, drain->count, sizeof(*drain->polled));

		if (!more)
			return;
		drain->polled = more;
		drain->polled_cap = drain->count;
	}
	for (struct jem_traced *traced = drain->list; traced; traced = traced->next)
		drain->polled[n++] = (struct pollfd){ traced->pid_fd, POLLIN, 0 };
	if (poll(drain->polled, n, 0) <= 0)
		return;
	n = 0;
	for (struct jem_traced *traced = drain->list; traced; traced = traced->next)
		traced->has_ended |= !!drain->polled[n++].revents;
}

/* --- passes ----------------------------------------------------------------------------------- */

static uint64_t drain_all(struct jem_drain *drain)
{
	uint64_t bytes = 0;
	struct jem_traced *next;

	for (struct jem_traced *traced = drain->list; traced; traced = next) {
		/* What ended before this reading has written all that it ever will. */
		bool has_ended = traced->has_ended;
		uint64_t more = jem_traced_drain(traced);

		next = traced->next;
		bytes += more;
		/* Threads that come and go by hundreds have few slots, and wait for none. */
		if (more)
			jem_traced_sweep(traced, jem_now_ns());
		if (drain->gives_up)
			jem_traced_give_up(traced);
		if (has_ended && !more && !jem_traced_holds(traced) &&
		    (drain->gives_up || !jem_traced_is_in_doubt(traced)))
			remove_process(drain, traced);
	}
	return bytes;
}

static void check(struct jem_drain *drain, uint64_t now)
{
	look_for_ends(drain);
	for (struct jem_traced *traced = drain->list; traced; traced = traced->next) {
		jem_traced_look_at_modules(traced);
		jem_traced_sweep(traced, now);
		tell_losses(drain, traced);
	}
	jem_drain_tell_account(drain);
	drain->check_ns = now + CHECK_MS * MS_NS;
}

static void profile(struct jem_drain *drain, uint64_t now)
{
	for (struct jem_traced *traced = drain->list; traced; traced = traced->next)
		jem_traced_profile(traced, false);
	tell_profile(drain, false, FUNCTIONS_MAX);
	if (++drain->profiles % NODES_EVERY == 0)
		tell_profile(drain, true, NODES_MAX);
	drain->profile_ns = now + PROFILE_MS * MS_NS;
	drain->is_profile_due = false;
}

/* Once nothing comes any more and nothing waits: the last profile, and the word that it is done. */
static void maybe_finish(struct jem_drain *drain, uint64_t bytes)
{
	struct jem_mail *mail;

	if (!drain->is_finishing || drain->has_finished || (bytes && !drain->gives_up))
		return;
	for (struct jem_traced *traced = drain->list; traced; traced = traced->next)
		if ((jem_traced_holds(traced) || jem_traced_is_in_doubt(traced)) &&
		    !drain->gives_up)
			return;
	mail = jem_mail_create(JEM_MAIL_FINISHED, 0);
	if (!mail)
		return;
	drain->has_finished = true;
	take_rows(drain);
	for (struct jem_traced *traced = drain->list; traced; traced = traced->next) {
		jem_traced_profile(traced, true);
		tell_losses(drain, traced);
	}
	tell_profile(drain, false, ROWS_LAST_MAX);
	tell_profile(drain, true, ROWS_LAST_MAX);
	jem_drain_tell_account(drain);
	tell(drain, mail);
}

/* Whether rows wait that the loop has no time for: what is in the rings waits there then. */
static bool is_held_up(void *arg)
{
	struct jem_drain *drain = arg;

	return !drain->gives_up && !drain->is_ending && jem_mailbox_bytes(&drain->out) > OUT_MAX;
}

/* With rings that fill both threads ask for as much of a processor as the job has; see the header. */
static void keep_pace(struct jem_drain *drain, uint64_t now)
{
	bool is_wanted;

	if (drain->shared.is_crowded)
		drain->crowded_ns = now;
	drain->shared.is_crowded = false;
	is_wanted = drain->crowded_ns && now - drain->crowded_ns < RAISED_MS * MS_NS;
	if (is_wanted == drain->is_raised || drain->may_not_raise || drain->nice <= 0)
		return;
	/* setpriority(2): in Linux this is of one thread alone. */
	if (setpriority(PRIO_PROCESS, 0, is_wanted ? 0 : drain->nice) < 0) {
		drain->may_not_raise = true;
		return;
	}
	(void)setpriority(PRIO_PROCESS, (id_t)drain->loop_tid, is_wanted ? 0 : drain->nice);
	drain->is_raised = is_wanted;
}

static void wait(struct jem_drain *drain, int timeout_ms)
{
	struct pollfd wake = { drain->wake, POLLIN, 0 };
	uint64_t count;

	if (poll(&wake, 1, timeout_ms) > 0 && read(drain->wake, &count, sizeof(count)) < 0)
		return;
}

/* Whether there is anything to come back for unasked. */
static bool has_work(const struct jem_drain *drain)
{
	return drain->list || drain->shared.rows->n || drain->is_profile_due ||
	       (drain->is_finishing && !drain->has_finished);
}

void jem_drain_run(void *arg)
{
	struct jem_drain *drain = arg;
	int period_ms = IDLE_MS;

	jem_ticks_take(&drain->shared.ticks, 0);
	drain->nice = getpriority(PRIO_PROCESS, 0);
	while (!drain->is_ending) {
		struct jem_mail *mail;
		uint64_t bytes;
		uint64_t now;

		wait(drain, has_work(drain) ? period_ms : -1);
		drain->shared.now_ns = jem_now_ns();
		jem_ticks_keep(&drain->shared.ticks);
		while ((mail = jem_mailbox_pop(&drain->in))) {
			take_mail(drain, mail);
			jem_mail_destroy(mail);
			period_ms = BUSY_MS;
		}
		now = jem_now_ns();
		if (now >= drain->check_ns || (drain->is_finishing && !drain->has_finished))
			check(drain, now);
		bytes = is_held_up(drain) ? 1 : drain_all(drain);
		keep_pace(drain, now);
		drain->is_profile_due |= bytes > 0;
		if (now >= drain->flush_ns)
			take_rows(drain);
		if (now >= drain->profile_ns && (drain->list || drain->is_profile_due))
			profile(drain, now);
		maybe_finish(drain, bytes);
		if (bytes)
			period_ms = BUSY_MS;
		else if (period_ms < IDLE_MS)
			period_ms = period_ms * 2 < IDLE_MS ? period_ms * 2 : IDLE_MS;
	}
	drain->crowded_ns = 0;
	keep_pace(drain, jem_now_ns());
	jem_drain_tell_account(drain);
	while (drain->list) {
		struct jem_traced *traced = drain->list;

		drain->list = traced->next;
		jem_traced_destroy(traced);
	}
}

int jem_drain_prepare(struct jem_drain *drain)
{
	const struct jem_value_config config = { .redactor = drain->redactor };
	struct jem_traced_shared *shared = &drain->shared;
	int status = jem_rows_create(drain->redactor, &shared->rows);

	if (status == 0)
		status = jem_value_create(&config, &shared->values);
	if (status == 0)
		status = jem_profile_create(&shared->profile);
	shared->on_full = take_rows;
	shared->is_held_up = is_held_up;
	shared->on_module = on_module;
	shared->on_fault = on_fault;
	shared->on_unmatched = on_unmatched;
	shared->arg = drain;
	return status;
}
