/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail: what loop and drain thread tell each other.
 *
 * Thread:    push and pop from any; a mail belongs to whoever holds it
 * Ownership: a box owns what is in it; destroying a mail frees what was not taken out of it
 */
#ifndef JEM_DAEMON_SOURCES_CALLS_MAIL_H
#define JEM_DAEMON_SOURCES_CALLS_MAIL_H

#include "common/kind.h"
#include "daemon/batcher.h"
#include "daemon/sources/calls/hello.h"
#include "daemon/sources/calls/profile.h"
#include "daemon/sources/calls/symbols.h"

#include <uv.h>

enum jem_mail_type {
	/* to the drain */
	JEM_MAIL_PROCESS,
	JEM_MAIL_END,
	JEM_MAIL_SETTINGS,
	JEM_MAIL_IMAGE,
	JEM_MAIL_FINISH,
	JEM_MAIL_STOP,
	/* to the loop */
	JEM_MAIL_ROWS,
	JEM_MAIL_LOST,
	JEM_MAIL_PROFILE,
	JEM_MAIL_MODULE,
	JEM_MAIL_GONE,
	JEM_MAIL_FAULT,
	JEM_MAIL_UNMATCHED,
	JEM_MAIL_FINISHED,
};

struct jem_mail {
	struct jem_mail *next;
	enum jem_mail_type type;
	size_t bytes;   /* that it holds, as the box counts them */
	uint64_t token; /* of a process, 0: none */
	union {
		struct {
			struct jem_hello_in in;
			struct jem_calls_settings *settings;
			bool is_taken; /* hello and settings are somebody else's now */
		} process;
		struct jem_calls_settings *settings;
		struct {
			uint32_t module;
			struct jem_calls_image *image;
		} image;
		bool gives_up;
		struct {
			struct jem_column_rows rows; /* its map is owned */
		} rows;
		struct {
			enum jem_cause cause;
			uint64_t n;
		} lost;
		struct jem_profile_rows profile;
		struct jem_symbols_request module;
		char fault[512];
		struct {
			char program[512];
			char pattern[JEM_PATTERN_BYTES];
		} unmatched;
	};
};

/* NULL: no memory. */
struct jem_mail *jem_mail_create(enum jem_mail_type type, size_t bytes);
void jem_mail_destroy(struct jem_mail *mail);

struct jem_mailbox {
	uv_mutex_t mutex;
	struct jem_mail *first, **last;
	size_t bytes;
};

void jem_mailbox_init(struct jem_mailbox *box);
void jem_mailbox_deinit(struct jem_mailbox *box);
/* Whether it was empty before: then its reader has to be woken. */
bool jem_mailbox_push(struct jem_mailbox *box, struct jem_mail *mail);
/* The oldest, NULL: empty. */
struct jem_mail *jem_mailbox_pop(struct jem_mailbox *box);
size_t jem_mailbox_bytes(struct jem_mailbox *box);

#endif
