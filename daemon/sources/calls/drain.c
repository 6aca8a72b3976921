/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/calls/drain.h"

#include "daemon/sources/calls/drain_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void on_mail(uv_async_t *async)
{
	struct jem_drain *drain = async->data;
	const struct jem_drain_events *events = &drain->events;
	struct jem_mail *mail;

	while (!drain->is_closing && (mail = jem_mailbox_pop(&drain->out))) {
		switch (mail->type) {
		case JEM_MAIL_ROWS:
			events->on_rows(events->arg, &mail->rows.rows);
			break;
		case JEM_MAIL_LOST:
			events->on_lost(events->arg, mail->lost.cause, mail->lost.n);
			break;
		case JEM_MAIL_PROFILE:
			events->on_profile(events->arg, &mail->profile);
			break;
		case JEM_MAIL_MODULE:
			events->on_module(events->arg, &mail->module);
			mail->module.fd = -1; /* taken */
			mail->module.settings = NULL;
			break;
		case JEM_MAIL_GONE:
			events->on_gone(events->arg, mail->token);
			break;
		case JEM_MAIL_FAULT:
			events->on_fault(events->arg, mail->fault);
			break;
		case JEM_MAIL_UNMATCHED:
			events->on_unmatched(events->arg, mail->unmatched.program,
					     mail->unmatched.pattern);
			break;
		case JEM_MAIL_FINISHED:
			if (drain->on_finished)
				drain->on_finished(events->arg);
			break;
		default:
			break;
		}
		jem_mail_destroy(mail);
	}
}

static void post(struct jem_drain *drain, struct jem_mail *mail)
{
	uint64_t one = 1;

	if (jem_mailbox_push(&drain->in, mail) && write(drain->wake, &one, sizeof(one)) < 0)
		return; /* it is awake as often as that */
}

static void free_drain(struct jem_drain *drain)
{
	jem_mailbox_deinit(&drain->in);
	jem_mailbox_deinit(&drain->out);
	jem_rows_destroy(drain->shared.rows);
	jem_value_destroy(drain->shared.values);
	jem_profile_destroy(drain->shared.profile);
	jem_redactor_destroy(drain->redactor);
	free(drain->polled);
	uv_mutex_destroy(&drain->account_lock);
	if (drain->wake >= 0)
		close(drain->wake);
	free(drain);
}

static void on_async_closed(uv_handle_t *handle)
{
	free_drain(handle->data);
}

int jem_drain_create(uv_loop_t *loop, struct jem_redactor *redactor, const struct jem_ticks *ticks,
		     const struct jem_drain_events *events, struct jem_drain **ret)
{
	const uv_thread_options_t thread = { .flags = UV_THREAD_HAS_STACK_SIZE,
					     .stack_size = 512 << 10 };
	struct jem_drain *drain = calloc(1, sizeof(*drain));
	int status;

	if (!drain) {
		jem_redactor_destroy(redactor);
		return -ENOMEM;
	}
	drain->events = *events;
	drain->loop = loop;
	drain->loop_tid = gettid();
	drain->redactor = redactor;
	drain->shared.has_counter = ticks != NULL;
	if (ticks)
		drain->shared.ticks = *ticks;
	else
		(void)jem_ticks_init(&drain->shared.ticks);
	if (uv_mutex_init(&drain->account_lock) < 0) {
		jem_redactor_destroy(redactor);
		free(drain);
		return -ENOMEM;
	}
	jem_mailbox_init(&drain->in);
	jem_mailbox_init(&drain->out);
	drain->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	status = drain->wake < 0 ? -errno : jem_drain_prepare(drain);
	if (status == 0) {
		uv_async_init(loop, &drain->async, on_mail);
		drain->async.data = drain;
		status = uv_thread_create_ex(&drain->thread, &thread, jem_drain_run, drain);
		if (status < 0) {
			uv_close((uv_handle_t *)&drain->async, on_async_closed);
			return status;
		}
		*ret = drain;
		return 0;
	}
	free_drain(drain);
	return status;
}

int jem_drain_add(struct jem_drain *drain, uint64_t token, const struct jem_hello_in *in,
		  struct jem_calls_settings *settings)
{
	struct jem_mail *mail = jem_mail_create(JEM_MAIL_PROCESS, 0);
	struct jem_hello_in taken = *in;

	if (!mail) {
		jem_hello_deinit(&taken);
		jem_calls_settings_unref(settings);
		return -ENOMEM;
	}
	mail->token = token;
	mail->process.in = *in;
	mail->process.settings = settings;
	post(drain, mail);
	return 0;
}

void jem_drain_end(struct jem_drain *drain, uint64_t token)
{
	struct jem_mail *mail = jem_mail_create(JEM_MAIL_END, 0);

	if (!mail)
		return;
	mail->token = token;
	post(drain, mail);
}

void jem_drain_set(struct jem_drain *drain, uint64_t token, struct jem_calls_settings *settings)
{
	struct jem_mail *mail = jem_mail_create(JEM_MAIL_SETTINGS, 0);

	if (!mail) {
		jem_calls_settings_unref(settings);
		return;
	}
	mail->token = token;
	mail->settings = settings;
	post(drain, mail);
}

void jem_drain_image(struct jem_drain *drain, uint64_t token, uint32_t module,
		     struct jem_calls_image *image)
{
	struct jem_mail *mail = jem_mail_create(JEM_MAIL_IMAGE, 0);

	if (!mail)
		return;
	mail->token = token;
	mail->image.module = module;
	mail->image.image = image;
	post(drain, mail);
}

void jem_drain_finish(struct jem_drain *drain, bool give_up, void (*on_finished)(void *arg))
{
	struct jem_mail *mail = jem_mail_create(JEM_MAIL_FINISH, 0);

	if (!mail) {
		if (on_finished)
			on_finished(drain->events.arg);
		return;
	}
	drain->on_finished = on_finished;
	mail->gives_up = give_up;
	post(drain, mail);
}

void jem_drain_stop(struct jem_drain *drain)
{
	struct jem_mail *mail;
	uint64_t one = 1;

	if (drain->is_stopped)
		return;
	drain->is_stopped = true;
	jem_drain_finish(drain, true, NULL);
	mail = jem_mail_create(JEM_MAIL_STOP, 0);
	if (mail)
		post(drain, mail);
	else
		drain->is_ending = true;
	if (write(drain->wake, &one, sizeof(one)) < 0 && errno != EAGAIN)
		return;
	uv_thread_join(&drain->thread);
	on_mail(&drain->async);
}

void jem_drain_destroy(struct jem_drain *drain)
{
	if (!drain)
		return;
	drain->is_closing = true;
	jem_drain_stop(drain);
	uv_close((uv_handle_t *)&drain->async, on_async_closed);
}
