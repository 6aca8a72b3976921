/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/client.h"

#include "broker-client/client/client_internal.h"
#include "broker-client/wire/message_codec.h"
#include "common/cleanup.h"
#include "common/name.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

enum {
	SEND_MAX = 1 << 20,
	IN_FLIGHT_DEFAULT = 4 << 20,
	IN_FLIGHT_COUNT = 128,
	IN_FLIGHT_SPREAD = 4096, /* numbers between the oldest and the newest in flight */
	WINDOW_DEFAULT = 256,
	WINDOW_MAX = 32768,
	WINDOW_BYTES = 8 << 20,
	HEAD_MAX = 65536,
	HANDSHAKE_MS = 10000,
	ORDERLY_END_MS = 1000,
	URLS_MAX = 64
};

static void start_attempt(struct jem_client *client);

static const char *url_of(const struct jem_client *client)
{
	return client->url_texts[client->url_at];
}

static void set_state(struct jem_client *client, enum jem_client_state state, const char *text)
{
	client->state = state;
	if (client->options.events.on_state)
		client->options.events.on_state(client->options.arg, state, text);
}

static void tell_outcome(struct jem_client *client, uint64_t tag, enum jem_outcome outcome,
			 const char *text)
{
	if (client->options.events.on_outcome)
		client->options.events.on_outcome(client->options.arg, tag, outcome, text);
}

static void on_wait_over(uv_timer_t *timer)
{
	start_attempt(timer->data);
}

static void wait_and_retry(struct jem_client *client, const char *reason)
{
	uint64_t wait_ms = jem_backoff_next_ms(&client->backoff);
	char text[JEM_REASON_SIZE + JEM_URL_PATH_SIZE];

	snprintf(text, sizeof(text), "%s: %s, retrying in %.1f s", url_of(client), reason,
		 (double)wait_ms / 1000);
	client->url_at = (client->url_at + 1) % client->url_count;
	uv_timer_start(&client->timer, on_wait_over, wait_ms, 0);
	set_state(client, JEM_CLIENT_WAITING, text);
}

static void on_handshake_late(uv_timer_t *timer)
{
	struct jem_client *client = timer->data;

	if (client->session) {
		jem_session_drop(client->session, "no answer within 10 s");
		return;
	}
	jem_dial_cancel(client->dial);
	client->dial = NULL;
	wait_and_retry(client, "no connection within 10 s");
}

static void on_dialled(void *arg, uv_stream_t *stream, bool is_local, int status)
{
	struct jem_client *client = arg;
	struct jem_err err = { "out of memory" };

	client->dial = NULL;
	if (!stream) {
		wait_and_retry(client, uv_strerror(status));
		return;
	}
	if (jem_session_create(client, stream, is_local, &err) < 0) {
		jem_dial_drop(stream);
		wait_and_retry(client, err.text);
	}
}

static void start_attempt(struct jem_client *client)
{
	if (client->session) { /* its handles still close: one more pass */
		uv_timer_start(&client->timer, on_wait_over, 10, 0);
		return;
	}
	if (jem_dial_start(client->timer.loop, &client->urls[client->url_at], on_dialled, client,
			   &client->dial) < 0) {
		wait_and_retry(client, "out of memory");
		return;
	}
	uv_timer_start(&client->timer, on_handshake_late, HANDSHAKE_MS, 0);
	set_state(client, JEM_CLIENT_CONNECTING, url_of(client));
}

static char *copy(const char *text, bool *failed)
{
	char *copied = text ? strdup(text) : NULL;

	*failed |= text && !copied;
	return copied;
}

static void free_client(struct jem_client *client)
{
	for (size_t i = 0; client->url_texts && i < client->url_count; i++)
		free(client->url_texts[i]);
	free(client->url_texts);
	free(client->urls);
	jem_credentials_destroy(client->credentials);
	jem_tls_context_unref(client->tls);
	free((char *)client->options.container_id);
	free((char *)client->options.access.exchange);
	free((char *)client->options.subscribe);
	free((char *)client->options.queue);
	jem_window_deinit(&client->sent);
	jem_window_deinit(&client->received);
	jem_buf_deinit(&client->head);
	jem_buf_deinit(&client->rest);
	jem_buf_deinit(&client->incoming);
	free(client);
}

int jem_client_check_url(const char *url, struct jem_err *err)
{
	struct jem_url parsed;

	return jem_url_parse(url, &parsed, err);
}

static int copy_urls(struct jem_client *client, const struct jem_client_options *options,
		     struct jem_err *err)
{
	bool failed = false;

	if (!options->url_count || options->url_count > URLS_MAX)
		return jem_err_set(err, -EINVAL, "from 1 to %d broker URLs are needed", URLS_MAX);
	client->url_count = options->url_count;
	client->urls = calloc(client->url_count, sizeof(*client->urls));
	client->url_texts = calloc(client->url_count, sizeof(*client->url_texts));
	if (!client->urls || !client->url_texts)
		return -ENOMEM;
	for (size_t i = 0; i < client->url_count; i++) {
		int rc = jem_url_parse(options->urls[i], &client->urls[i], err);

		if (rc < 0)
			return rc;
		client->url_texts[i] = copy(options->urls[i], &failed);
	}
	return failed ? -ENOMEM : 0;
}

static int make_container_id(char **ret)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -errno;
	return asprintf(ret, "jem-%ld-%016llx", (long)getpid(), (unsigned long long)number) < 0
		       ? -ENOMEM
		       : 0;
}

/* Files of certificates and authorities are read now: what is wrong with them is told at the start. */
static int make_tls(struct jem_client *client, const struct jem_tls_settings *settings,
		    struct jem_err *err)
{
	bool is_wanted = false;

	client->has_certificate = settings->cert != NULL;
	client->options.access.tls = (struct jem_tls_settings){ .ca = NULL };
	for (size_t i = 0; i < client->url_count; i++)
		is_wanted |= client->urls[i].is_tls;
	return is_wanted ? jem_tls_context_create(settings, false, &client->tls, err) : 0;
}

static int copy_options(struct jem_client *client, const struct jem_client_options *options,
			struct jem_err *err)
{
	bool failed = false;
	int rc;

	client->options = *options;
	client->options.urls = NULL;
	client->options.access.credentials = NULL;
	client->options.access.exchange = copy(options->access.exchange, &failed);
	client->options.subscribe = copy(options->subscribe, &failed);
	client->options.queue = copy(options->queue, &failed);
	client->options.container_id = copy(options->container_id, &failed);
	if (!client->options.access.in_flight_max)
		client->options.access.in_flight_max = IN_FLIGHT_DEFAULT;
	if (!client->options.receive_window)
		client->options.receive_window = WINDOW_DEFAULT;
	if (client->options.receive_window > WINDOW_MAX)
		client->options.receive_window = WINDOW_MAX;
	if (failed)
		return -ENOMEM;
	if (options->subscribe &&
	    !jem_pattern_is_valid(options->subscribe, strlen(options->subscribe)))
		return jem_err_set(err, -EINVAL,
				   "`%s` is no pattern of topics: names, `*` and `#` with dots "
				   "between them",
				   options->subscribe);
	if (!options->container_id) {
		rc = make_container_id((char **)&client->options.container_id);
		if (rc < 0)
			return rc;
	}
	if (options->access.credentials) {
		rc = jem_credentials_load(options->access.credentials, &client->credentials, err);
		if (rc < 0)
			return rc;
	}
	return make_tls(client, &options->access.tls, err);
}

static uint64_t random_seed(void)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = uv_hrtime() ^ (uint64_t)getpid() << 32;
	return seed;
}

int jem_client_create(const struct jem_client_options *options, struct jem_client **ret,
		      struct jem_err *err)
{
	struct jem_client *client = calloc(1, sizeof(*client));
	int rc;

	if (!client)
		return -ENOMEM;
	jem_window_init(&client->sent, IN_FLIGHT_SPREAD);
	jem_window_init(&client->received, WINDOW_MAX * 2);
	jem_buf_init(&client->head, HEAD_MAX);
	jem_buf_init(&client->rest, 0);
	jem_buf_init(&client->incoming, JEM_MESSAGE_MAX);
	rc = copy_urls(client, options, err);
	if (rc >= 0)
		rc = copy_options(client, options, err);
	if (rc < 0) {
		free_client(client);
		return rc;
	}
	jem_credit_init(&client->credit, WINDOW_BYTES, client->options.receive_window);
	jem_backoff_init(&client->backoff,
			 options->backoff_seed ? options->backoff_seed : random_seed());
	client->state = JEM_CLIENT_CONNECTING;
	uv_timer_init(options->loop, &client->timer);
	client->timer.data = client;
	uv_timer_start(&client->timer, on_wait_over, 0, 0);
	*ret = client;
	return 0;
}

bool jem_client_can_send(const struct jem_client *client, size_t bytes)
{
	const struct jem_session *session = client->session;
	size_t in_flight = client->sent.bytes;

	return client->state == JEM_CLIENT_OPEN && !client->is_closing && session->sender &&
	       !session->reason[0] && pn_link_credit(session->sender) > 0 && !client->rest.len &&
	       client->sent.count < IN_FLIGHT_COUNT && !jem_window_is_full(&client->sent) &&
	       (!in_flight || in_flight + bytes <= client->options.access.in_flight_max);
}

/* How much of the body goes with the head: all, or the first part. */
static size_t first_part(const struct jem_client *client, size_t body_len)
{
	size_t head_len = client->head.len;

	if (head_len + body_len <= JEM_SEND_PART)
		return body_len;
	return head_len < JEM_SEND_PART ? JEM_SEND_PART - head_len : 0;
}

static void send_bytes(struct jem_client *client, struct jem_slice body, size_t now)
{
	struct jem_session *session = client->session;

	pn_link_send(session->sender, client->head.data, client->head.len);
	pn_link_send(session->sender, body.data, now);
	client->rest_sent = 0;
	if (now < body.len)
		jem_buf_add(&client->rest, body.data + now, body.len - now);
	else
		pn_link_advance(session->sender);
	jem_engine_wake(&session->engine);
}

static int encode_head(struct jem_client *client, const struct jem_message *message)
{
	struct jem_message addressed = *message;
	char to[JEM_DIALECT_ADDRESS_MAX];

	if (client->session->dialect == JEM_DIALECT_ACTIVEMQ) {
		jem_dialect_to(client->session->dialect, message->topic.data, message->topic.len,
			       to);
		addressed.to = (struct jem_slice){ to, strlen(to) };
		message = &addressed;
	}
	return jem_message_encode_head(message, &client->head);
}

int jem_client_send(struct jem_client *client, const struct jem_message *message, uint64_t tag)
{
	struct jem_window_slot slot = { .tag = tag };
	uint64_t number;
	size_t now;
	int rc;

	if (message->body.len > SEND_MAX)
		return -EMSGSIZE;
	if (!jem_client_can_send(client, message->body.len)) {
		client->wants_write = true;
		return -EAGAIN;
	}
	jem_buf_clear(&client->head);
	rc = encode_head(client, message);
	if (rc < 0)
		return rc == -ENOBUFS ? -EMSGSIZE : rc;
	now = first_part(client, message->body.len);
	if (jem_buf_reserve(&client->rest, message->body.len - now) < 0) {
		jem_buf_clear(&client->rest);
		return -ENOMEM;
	}
	slot.bytes = client->head.len + message->body.len;
	number = jem_window_push(&client->sent, slot);
	if (!number)
		return -ENOMEM;
	pn_delivery(client->session->sender, pn_dtag((const char *)&number, sizeof(number)));
	send_bytes(client, message->body, now);
	return 0;
}

void jem_client_settle(struct jem_client *client, jem_delivery_id delivery,
		       enum jem_outcome outcome)
{
	static const uint64_t states[] = { [JEM_OUTCOME_ACCEPTED] = PN_ACCEPTED,
					   [JEM_OUTCOME_REJECTED] = PN_REJECTED,
					   [JEM_OUTCOME_RELEASED] = PN_RELEASED };
	struct jem_window_slot slot;

	if (!jem_window_take(&client->received, delivery, &slot))
		return; /* of a lost connection: the broker delivers it again */
	pn_delivery_update(slot.delivery, states[outcome]);
	pn_delivery_settle(slot.delivery);
	jem_engine_wake(&client->session->engine);
}

size_t jem_client_in_flight_bytes(const struct jem_client *client)
{
	return client->sent.bytes;
}

/* The broker did something for us: the next loss of the connection is a new one. */
void jem_client_progress(struct jem_client *client)
{
	jem_backoff_reset(&client->backoff);
}

void jem_client_session_opened(struct jem_client *client)
{
	uv_timer_stop(&client->timer);
	set_state(client, JEM_CLIENT_OPEN, url_of(client));
	client->wants_write = true; /* whoever waited for the connection */
}

void jem_client_session_ending(struct jem_client *client)
{
	if (!client->is_closing)
		uv_timer_start(&client->timer, on_handshake_late, ORDERLY_END_MS, 0);
}

static void release_all(struct jem_client *client)
{
	struct jem_window_slot slot;

	while (jem_window_take_oldest(&client->sent, &slot))
		tell_outcome(client, slot.tag, JEM_OUTCOME_UNKNOWN, "the connection was lost");
	while (jem_window_take_oldest(&client->received, &slot))
		continue;
}

void jem_client_session_over(struct jem_client *client, const char *reason)
{
	client->state = JEM_CLIENT_WAITING; /* nothing is taken from now on */
	jem_buf_clear(&client->rest);
	jem_buf_deinit(&client->incoming);
	jem_credit_init(&client->credit, WINDOW_BYTES, client->options.receive_window);
	uv_timer_stop(&client->timer);
	release_all(client);
	if (!client->is_closing)
		wait_and_retry(client, reason);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct jem_client *client = handle->data;
	void (*on_closed)(void *arg) = client->on_closed;
	void *arg = client->options.arg;

	set_state(client, JEM_CLIENT_CLOSED, "closed");
	free_client(client);
	if (on_closed)
		on_closed(arg);
}

void jem_client_session_gone(struct jem_client *client)
{
	client->session = NULL;
	if (client->is_closing)
		uv_close((uv_handle_t *)&client->timer, on_timer_closed);
}

static void on_close_late(uv_timer_t *timer)
{
	struct jem_client *client = timer->data;

	if (client->session)
		jem_session_drop(client->session, "closed");
}

void jem_client_close(struct jem_client *client, uint64_t timeout_ms, void (*on_closed)(void *arg))
{
	if (client->is_closing)
		return;
	client->is_closing = true;
	client->on_closed = on_closed;
	if (client->dial) {
		jem_dial_cancel(client->dial);
		client->dial = NULL;
	}
	if (!client->session) {
		uv_close((uv_handle_t *)&client->timer, on_timer_closed);
		return;
	}
	uv_timer_start(&client->timer, on_close_late, timeout_ms, 0);
	jem_session_close_in_order(client->session);
}
