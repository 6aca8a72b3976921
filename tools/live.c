/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/live.h"
#include "broker-client/settings.h"

#include "receiver/decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	RECORD_MAX = 8 << 20,
	CLOSE_MS = 500,
	URLS_MAX = 16,
};

/* A record that comes in parts. */
struct joining {
	char epoch[JEM_EPOCH_SIZE];
	enum jem_kind kind;
	uint32_t next; /* part */
	uint64_t t_us; /* of part 0 */
	struct jem_buf text;
};

struct jem_live {
	struct jem_live_options options;
	struct jem_client *client; /* owned */
	struct jem_decoder decoder;
	struct jem_json_doc joined; /* of a record in parts, or of a row */
	struct jem_buf row;
	struct joining joining[JEM_LIVE_STREAMS];
	size_t joining_next;
	void (*on_closed)(void *arg);
	void *closed_arg;
};

int jem_live_pattern(const char *job, char ret[JEM_TOPIC_MAX], struct jem_err *err)
{
	char name[JEM_NAME_MAX + 1];

	if (!strncmp(job, "jem.", 4) || strpbrk(job, "*#")) {
		if (!jem_pattern_is_valid(job, strlen(job)))
			return jem_err_set(err, -EINVAL,
					   "'%.60s' is no pattern: jem.<site>.<user>.<job>.<node>."
					   "<kind>, where * is one level and # any number",
					   job);
		strcpy(ret, job);
		return 0;
	}
	if (!*job)
		return jem_err_set(err, -EINVAL, "the job has no name");
	jem_name_reduce(job, name);
	snprintf(ret, JEM_TOPIC_MAX, "jem.*.*.%s.#", name);
	return 0;
}

static struct joining *find_joining(struct jem_live *live, const struct jem_head *head)
{
	struct joining *joining;

	for (size_t i = 0; i < JEM_LIVE_STREAMS; i++)
		if (live->joining[i].kind == head->kind &&
		    !strcmp(live->joining[i].epoch, head->epoch))
			return &live->joining[i];
	joining = &live->joining[live->joining_next++ % JEM_LIVE_STREAMS];
	memcpy(joining->epoch, head->epoch, sizeof(joining->epoch));
	joining->kind = head->kind;
	joining->next = 0;
	return joining;
}

/* Parts come in order; a hole leaves the record out. */
static void take_part(struct jem_live *live, struct jem_live_record *record,
		      const struct jem_record_part *part)
{
	struct joining *joining = find_joining(live, record->head);

	if (!part->part) {
		joining->next = 0;
		joining->t_us = record->t_us;
		jem_buf_deinit(&joining->text);
		jem_buf_init(&joining->text, RECORD_MAX);
	}
	if (part->part != joining->next ||
	    jem_json_get_text(record->doc, part->json, &joining->text) < 0) {
		joining->next = UINT32_MAX;
		return;
	}
	if (++joining->next < part->parts)
		return;
	joining->next = UINT32_MAX;
	record->t_us = joining->t_us;
	record->doc = &live->joined;
	record->token = 0;
	if (jem_json_read(&live->joined, joining->text.data, joining->text.len, NULL) == 0 &&
	    jem_batch_check_record(&live->joined, 0, NULL) == 0)
		live->options.events.on_record(live->options.arg, record);
	jem_buf_deinit(&joining->text);
}

static void take_records(struct jem_live *live, const struct jem_received *batch)
{
	const struct jem_head *head = &batch->head;
	const struct jem_json_doc *doc = batch->doc;
	uint64_t i = 0;

	for (uint32_t at = jem_json_first(doc, batch->records);
	     at < jem_json_end(doc, batch->records); at = jem_json_next(doc, at), i++) {
		uint64_t dt_ns = jem_batch_record_dt(doc, at);
		struct jem_live_record record = { head, i, head->t0_us + dt_ns / 1000, doc, at };
		struct jem_record_part part;

		if (jem_batch_record_part(doc, at, &part))
			take_part(live, &record, &part);
		else
			live->options.events.on_record(live->options.arg, &record);
	}
}

static void take_rows(struct jem_live *live, const struct jem_received *batch)
{
	const struct jem_head *head = &batch->head;
	const struct jem_column_view *dt = jem_columns_find(batch->columns, "dt_ns");

	for (uint64_t row = 0; dt && row < batch->columns->n; row++) {
		uint64_t dt_ns = jem_column_u64(dt, row);
		struct jem_live_record record = { head, row, head->t0_us + dt_ns / 1000,
						  &live->joined, 0 };

		jem_buf_clear(&live->row);
		jem_columns_row(batch->columns, row, &live->row);
		if (!live->row.failed &&
		    jem_json_read(&live->joined, live->row.data, live->row.len, NULL) == 0)
			live->options.events.on_record(live->options.arg, &record);
	}
}

static void on_message(void *arg, const struct jem_message *message, jem_delivery_id delivery)
{
	struct jem_live *live = arg;
	const struct jem_slice *body = &message->body;
	struct jem_received batch;

	jem_client_settle(live->client, delivery, JEM_OUTCOME_ACCEPTED);
	/* What nobody asked for is not even unpacked. */
	if (!live->options.has_columns && !live->options.events.on_head && body->len &&
	    body->data[0] != '{')
		return;
	if (jem_decode(&live->decoder, message, &batch, NULL) < 0)
		return;
	if (live->options.events.on_head)
		live->options.events.on_head(live->options.arg, &batch.head);
	if (batch.doc)
		take_records(live, &batch);
	else if (live->options.has_columns)
		take_rows(live, &batch);
}

static void on_state(void *arg, enum jem_client_state state, const char *text)
{
	struct jem_live *live = arg;

	if (live->options.events.on_state)
		live->options.events.on_state(live->options.arg, state, text);
}

static int open_client(struct jem_live *live, const struct jem_live_options *options,
		       struct jem_err *err)
{
	const char *urls[URLS_MAX] = { options->url };
	size_t count = options->url ? 1 : 0;
	char container[64];
	struct jem_client_options client = {
		.loop = options->loop,
		.urls = urls,
		.container_id = container,
		.access = jem_broker_access(options->config),
		.subscribe = options->pattern,
		.events = { .on_state = on_state, .on_message = on_message },
		.arg = live,
	};

	snprintf(container, sizeof(container), "jem-look-%d-%llx", (int)getpid(),
		 (unsigned long long)uv_hrtime());
	while (!options->url && count < URLS_MAX &&
	       count < jem_config_list_size(options->config, JEM_OPTION_broker_url)) {
		urls[count] = jem_config_list_at(options->config, JEM_OPTION_broker_url, count);
		count++;
	}
	client.url_count = count;
	if (!count)
		return jem_err_set(err, -EINVAL, "no broker is given; name one by --broker URL");
	return jem_client_create(&client, &live->client, err);
}

int jem_live_create(const struct jem_live_options *options, struct jem_live **ret,
		    struct jem_err *err)
{
	struct jem_live *live = calloc(1, sizeof(*live));
	int status;

	if (!live)
		return jem_err_set(err, -ENOMEM, "no memory");
	live->options = *options;
	jem_decoder_init(&live->decoder);
	jem_buf_init(&live->row, 0);
	jem_json_doc_init(&live->joined);
	status = open_client(live, options, err);
	if (status < 0) {
		free(live);
		return status;
	}
	*ret = live;
	return 0;
}

static void on_client_closed(void *arg)
{
	struct jem_live *live = arg;
	void (*on_closed)(void *arg) = live->on_closed;
	void *closed_arg = live->closed_arg;

	for (size_t i = 0; i < JEM_LIVE_STREAMS; i++)
		jem_buf_deinit(&live->joining[i].text);
	jem_decoder_deinit(&live->decoder);
	jem_buf_deinit(&live->row);
	jem_json_doc_deinit(&live->joined);
	free(live);
	if (on_closed)
		on_closed(closed_arg);
}

void jem_live_close(struct jem_live *live, void (*on_closed)(void *arg), void *arg)
{
	live->on_closed = on_closed;
	live->closed_arg = arg;
	jem_client_close(live->client, CLOSE_MS, on_client_closed);
}
