/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/outlets.h"

#include "broker-client/settings.h"
#include "common/log.h"
#include "daemon/packing.h"
#include "daemon/spool_place.h"

#include <errno.h>
#include <stdlib.h>

enum {
	OUTLETS_MAX = 2,
	URLS_MAX = 16
};

struct outlet {
	struct jem_outlets *outlets; /* borrowed: we are part of it */
	const char *what;
	struct jem_publisher *publisher; /* owned; NULL once closed */
	bool is_connected;
	bool was_told;
};

struct jem_outlets {
	struct jem_outlets_options options;
	struct outlet list[OUTLETS_MAX];
	size_t count;
	size_t open_count;
	struct jem_account sum;
	struct jem_spool_place place;
	struct jem_spool_last previous[JEM_KIND_COUNT];
	void (*on_closed)(void *arg);
};

static void on_lost(void *arg, const struct jem_head *head, enum jem_cause cause)
{
	struct outlet *outlet = arg;

	outlet->outlets->options.on_lost(outlet->outlets->options.arg, head, cause);
}

/* Changes are told, and the first failure; not every attempt. */
static void on_state(void *arg, bool is_connected, const char *text)
{
	struct outlet *outlet = arg;

	if (is_connected)
		log_info("publishing to %s %s", outlet->what, text);
	else if (outlet->is_connected || !outlet->was_told)
		log_warning("no %s: %s, retrying", outlet->what, text);
	outlet->was_told = true;
	outlet->is_connected = is_connected;
}

static void on_drained(void *arg)
{
	struct outlet *outlet = arg;

	if (jem_outlets_are_drained(outlet->outlets))
		outlet->outlets->options.on_drained(outlet->outlets->options.arg);
}

/* The youngest of what all spools found. */
static void note_previous(struct jem_outlets *outlets, const struct jem_publisher *publisher)
{
	const struct jem_spool *spool = jem_publisher_spool(publisher);

	for (int kind = 0; spool && kind < JEM_KIND_COUNT; kind++)
		if (jem_spool_previous(spool)[kind].epoch)
			outlets->previous[kind] = jem_spool_previous(spool)[kind];
}

static int open_outlet(struct jem_outlets *outlets, const char *what, const char *const *urls,
		       size_t url_count, const struct jem_broker_access *access,
		       struct jem_err *err)
{
	const struct jem_config *config = outlets->options.config;
	struct outlet *outlet = &outlets->list[outlets->count];
	struct jem_publisher_options options = {
		.loop = outlets->options.loop,
		.urls = urls,
		.url_count = url_count,
		.container_id = outlets->options.container_id,
		.access = *access,
		.on_lost = on_lost,
		.on_state = on_state,
		.on_drained = on_drained,
		.arg = outlet,
	};
	int status;

	outlet->outlets = outlets;
	outlet->what = what;
	/* A daemon that is to publish to nobody spools only where it was told to. */
	if (url_count || jem_config_list_size(config, JEM_OPTION_broker_url) ||
	    jem_config_is_set(config, JEM_OPTION_spool_dir))
		options.spool = jem_spool_place_options(&outlets->place, what);
	status = jem_publisher_create(&options, &outlet->publisher, err);
	if (status < 0)
		return status;
	note_previous(outlets, outlet->publisher);
	outlets->count++;
	outlets->open_count++;
	return 0;
}

/* The URLs that are such; the others were told as faults of the configuration. */
static size_t good_urls(const struct jem_config *config, const char *ret[URLS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < jem_config_list_size(config, JEM_OPTION_broker_url); i++) {
		const char *url = jem_config_list_at(config, JEM_OPTION_broker_url, i);

		if (count < URLS_MAX && jem_client_check_url(url, NULL) >= 0)
			ret[count++] = url;
	}
	return count;
}

int jem_outlets_create(const struct jem_outlets_options *options, struct jem_outlets **ret,
		       struct jem_err *err)
{
	struct jem_outlets *outlets = calloc(1, sizeof(*outlets));
	struct jem_broker_access access = jem_broker_access(options->config);
	const char *urls[URLS_MAX];
	size_t count;
	int status = 0;

	if (!outlets)
		return jem_err_set(err, -ENOMEM, "no memory for the publishers");
	outlets->options = *options;
	jem_spool_place_find(options->config, options->job, &outlets->place);
	count = good_urls(options->config, urls);
	/* What is wrong with a broker costs the broker, not what else works; records wait on disk for a better one. */
	if (count && open_outlet(outlets, "broker", urls, count, &access, err) < 0) {
		log_error("%s, ignoring", err->text);
		count = 0;
	}
	if (!count && jem_config_list_size(options->config, JEM_OPTION_broker_url))
		(void)open_outlet(outlets, "broker", NULL, 0, &access, err);
	if (options->collector) {
		/* A socket in a folder of our own: no password goes there, and it is one of ours. */
		access.credentials = NULL;
		access.dialect = JEM_DIALECT_EMBEDDED;
		status = open_outlet(outlets, "collector", &options->collector, 1, &access, err);
		if (status < 0)
			log_error("%s, ignoring", err->text);
	}
	if (!outlets->count)
		status = open_outlet(outlets, "broker", NULL, 0, &access, err);
	if (!outlets->count) {
		free(outlets);
		return status;
	}
	*ret = outlets;
	return 0;
}

void jem_outlets_push(struct jem_outlets *outlets, struct jem_batch *batch)
{
	size_t size;

	batch = jem_batch_pack(batch);
	size = sizeof(*batch) + batch->len + 1;
	for (size_t i = 0; i + 1 < outlets->count; i++) {
		struct jem_batch *copy = malloc(size);

		if (copy) {
			memcpy(copy, batch, size);
			jem_publisher_push(outlets->list[i].publisher, copy);
		} else {
			outlets->options.on_lost(outlets->options.arg, &batch->head,
						 JEM_CAUSE_no_memory);
		}
	}
	jem_publisher_push(outlets->list[outlets->count - 1].publisher, batch);
}

bool jem_outlets_are_drained(const struct jem_outlets *outlets)
{
	for (size_t i = 0; i < outlets->count; i++)
		if (!jem_publisher_is_drained(outlets->list[i].publisher))
			return false;
	return true;
}

const struct jem_account *jem_outlets_account(struct jem_outlets *outlets)
{
	outlets->sum = (struct jem_account){ 0 };
	for (size_t i = 0; i < outlets->count; i++) {
		const struct jem_account *one = jem_publisher_account(outlets->list[i].publisher);

		outlets->sum.in += one->in;
		outlets->sum.out += one->out;
		outlets->sum.held += one->held;
		for (int cause = 0; cause < JEM_CAUSE_COUNT; cause++)
			outlets->sum.dropped[cause] += one->dropped[cause];
	}
	return &outlets->sum;
}

static void on_publisher_closed(void *arg)
{
	struct outlet *outlet = arg;
	struct jem_outlets *outlets = outlet->outlets;
	void (*on_closed)(void *) = outlets->on_closed;
	void *user = outlets->options.arg;

	outlet->publisher = NULL;
	if (--outlets->open_count)
		return;
	jem_spool_place_leave(&outlets->place);
	free(outlets);
	on_closed(user);
}

void jem_outlets_each_late(struct jem_outlets *outlets, enum jem_kind kind, jem_spool_late_fn fn,
			   void *arg)
{
	jem_publisher_each_late(outlets->list[outlets->count - 1].publisher, kind, fn, arg);
}

const struct jem_spool_last *jem_outlets_previous(const struct jem_outlets *outlets)
{
	return outlets->previous;
}

const char *jem_outlets_spool(const struct jem_outlets *outlets)
{
	for (size_t i = 0; i < outlets->count; i++)
		if (outlets->list[i].publisher && jem_publisher_spool(outlets->list[i].publisher))
			return outlets->place.folder;
	return NULL;
}

const char *jem_outlets_fault(const struct jem_outlets *outlets)
{
	for (size_t i = 0; i < outlets->count; i++)
		if (jem_publisher_spool_fault(outlets->list[i].publisher))
			return jem_publisher_spool_fault(outlets->list[i].publisher);
	return NULL;
}

void jem_outlets_close(struct jem_outlets *outlets, uint64_t timeout_ms,
		       void (*on_closed)(void *arg))
{
	size_t count = outlets->count;
	struct jem_publisher *publishers[OUTLETS_MAX];

	outlets->on_closed = on_closed;
	for (size_t i = 0; i < count; i++)
		publishers[i] = outlets->list[i].publisher;
	/* The last one to close may free us at once. */
	for (size_t i = 0; i < count; i++)
		jem_publisher_close(publishers[i], timeout_ms, on_publisher_closed);
}
