/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/calls/mail.h"

#include <stdlib.h>
#include <unistd.h>

struct jem_mail *jem_mail_create(enum jem_mail_type type, size_t bytes)
{
	struct jem_mail *mail = calloc(1, sizeof(*mail));

	if (!mail)
		return NULL;
	mail->type = type;
	mail->bytes = bytes;
	if (type == JEM_MAIL_MODULE)
		mail->module.fd = -1;
	return mail;
}

void jem_mail_destroy(struct jem_mail *mail)
{
	switch (mail->type) {
	case JEM_MAIL_PROCESS:
		if (mail->process.is_taken)
			break;
		jem_hello_deinit(&mail->process.in);
		jem_calls_settings_unref(mail->process.settings);
		break;
	case JEM_MAIL_SETTINGS:
		jem_calls_settings_unref(mail->settings);
		break;
	case JEM_MAIL_ROWS:
		free((void *)(uintptr_t)mail->rows.rows.map);
		break;
	case JEM_MAIL_PROFILE:
		jem_profile_rows_deinit(&mail->profile);
		break;
	case JEM_MAIL_MODULE:
		if (mail->module.fd >= 0)
			close(mail->module.fd);
		jem_calls_settings_unref(mail->module.settings);
		break;
	default:
		break;
	}
	free(mail);
}

void jem_mailbox_init(struct jem_mailbox *box)
{
	uv_mutex_init(&box->mutex);
	box->first = NULL;
	box->last = &box->first;
	box->bytes = 0;
}

void jem_mailbox_deinit(struct jem_mailbox *box)
{
	struct jem_mail *mail;

	while ((mail = jem_mailbox_pop(box)))
		jem_mail_destroy(mail);
	uv_mutex_destroy(&box->mutex);
}

bool jem_mailbox_push(struct jem_mailbox *box, struct jem_mail *mail)
{
	bool was_empty;

	uv_mutex_lock(&box->mutex);
	was_empty = !box->first;
	*box->last = mail;
	box->last = &mail->next;
	box->bytes += mail->bytes;
	uv_mutex_unlock(&box->mutex);
	return was_empty;
}

struct jem_mail *jem_mailbox_pop(struct jem_mailbox *box)
{
	struct jem_mail *mail;

	uv_mutex_lock(&box->mutex);
	mail = box->first;
	if (mail) {
		box->first = mail->next;
		if (!box->first)
			box->last = &box->first;
		box->bytes -= mail->bytes;
		mail->next = NULL;
	}
	uv_mutex_unlock(&box->mutex);
	return mail;
}

size_t jem_mailbox_bytes(struct jem_mailbox *box)
{
	size_t bytes;

	uv_mutex_lock(&box->mutex);
	bytes = box->bytes;
	uv_mutex_unlock(&box->mutex);
	return bytes;
}
