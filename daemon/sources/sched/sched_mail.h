/* SPDX-License-Identifier: Apache-2.0 */
/* sched_mail: what the thread of scheduling tells the loop. */
#ifndef JEM_DAEMON_SOURCES_SCHED_MAIL_H
#define JEM_DAEMON_SOURCES_SCHED_MAIL_H

#include "daemon/batcher.h"
#include "daemon/sources/sched/level.h"

#include <stdint.h>
#include <stdlib.h>

enum jem_sched_mail_type {
	JEM_SCHED_MAIL_ROWS,
	JEM_SCHED_MAIL_LOST,
	JEM_SCHED_MAIL_LEVEL,
	JEM_SCHED_MAIL_FAULT,
	JEM_SCHED_MAIL_FINISHED,
};

struct jem_sched_mail {
	struct jem_sched_mail *next;
	enum jem_sched_mail_type type;
	struct jem_column_rows rows; /* its map is owned */
	enum jem_cause cause;
	uint64_t n;
	enum jem_sched_level level;
	char text[256];
};

/* NULL: no memory. */
static inline struct jem_sched_mail *jem_sched_mail_create(enum jem_sched_mail_type type)
{
	struct jem_sched_mail *mail = calloc(1, sizeof(*mail));

	if (mail)
		mail->type = type;
	return mail;
}

static inline void jem_sched_mail_destroy(struct jem_sched_mail *mail)
{
	free((void *)(uintptr_t)mail->rows.map);
	free(mail);
}

#endif
