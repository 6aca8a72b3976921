/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live: what a broker tells of jobs, record by record, for tools that look on.
 *
 * Flow:      client -> batch -> (parts joined) -> on_record
 * Thread:    loop thread
 * Ownership: owns its client; a record is valid during the call
 * Bounds:    one record in parts per stream and JEM_LIVE_STREAMS streams at a time, 8 MiB each;
 *            what is beyond them is left out. Looking on settles at once, and is no receiver.
 *            Batches of columns (kinds call and sched) become records only where that is asked for.
 */
#ifndef JEM_TOOLS_LIVE_H
#define JEM_TOOLS_LIVE_H

#include "broker-client/client.h"
#include "common/batch.h"
#include "common/config.h"

enum {
	JEM_LIVE_STREAMS = 16
};

struct jem_live;

/* A record, with its number in the batch; of one that came in parts it is that of the last. */
struct jem_live_record {
	const struct jem_head *head;
	uint64_t i;
	uint64_t t_us;
	const struct jem_json_doc *doc;
	uint32_t token;
};

struct jem_live_events {
	void (*on_record)(void *arg, const struct jem_live_record *record);
	/* May be NULL: of each batch before its records, those of columns too; nothing was checked for gaps. */
	void (*on_head)(void *arg, const struct jem_head *head);
	/* May be NULL; as that of the client. */
	void (*on_state)(void *arg, enum jem_client_state state, const char *text);
};

struct jem_live_options {
	uv_loop_t *loop;
	const struct jem_config *config; /* broker.* */
	const char *url;                 /* instead of broker.url; or NULL */
	const char *pattern;             /* of topics */
	bool has_columns;                /* of the fire-hose kinds, too */
	struct jem_live_events events;
	void *arg;
};

int jem_live_create(const struct jem_live_options *options, struct jem_live **ret,
		    struct jem_err *err);
/* Ends the connection; frees and calls back from the loop. */
void jem_live_close(struct jem_live *live, void (*on_closed)(void *arg), void *arg);

/* The pattern of a job's topics, from its name, or a whole pattern as it is. -EINVAL. */
int jem_live_pattern(const char *job, char ret[JEM_TOPIC_MAX], struct jem_err *err);

#endif
