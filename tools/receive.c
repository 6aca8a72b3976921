/* SPDX-License-Identifier: Apache-2.0 */
/* jem receive: takes jobs' streams from a broker and writes a folder for each. */
#include "broker-client/client.h"
#include "common/log.h"
#include "receiver/receiver.h"
#include "tools/tool.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	CLOSE_MS = 5000, /* for the broker to take the last settlements */
	URLS_MAX = 16,
	WINDOW = 1000, /* messages under way; the receiver settles them once a pass */
};

struct receive_options {
	const char *job; /* of --job: a job's name with `*` for any; NULL: all */
};

struct receive {
	const struct jem_tool_args *args;
	uv_loop_t loop;
	struct jem_client *client;     /* owned */
	struct jem_receiver *receiver; /* owned */
	uv_signal_t signals[2];
	bool is_connected;
	bool is_told;
	bool is_ending;
};

static void on_state(void *arg, enum jem_client_state state, const char *text)
{
	struct receive *receive = arg;

	if (state == JEM_CLIENT_OPEN)
		log_info("receiving from %s", text);
	else if (state == JEM_CLIENT_WAITING && (receive->is_connected || !receive->is_told))
		log_warning("no broker: %s, retrying", text);
	receive->is_told |= state == JEM_CLIENT_WAITING;
	receive->is_connected = state == JEM_CLIENT_OPEN;
}

static void on_message(void *arg, const struct jem_message *message, jem_delivery_id delivery)
{
	struct receive *receive = arg;

	jem_receiver_accept(receive->receiver, message, delivery);
}

static void on_settle(void *arg, uint64_t ticket, enum jem_outcome outcome)
{
	struct receive *receive = arg;

	if (receive->client)
		jem_client_settle(receive->client, ticket, outcome);
}

static void on_receiver_closed(void *arg)
{
	struct receive *receive = arg;

	for (size_t i = 0; i < sizeof(receive->signals) / sizeof(*receive->signals); i++)
		uv_close((uv_handle_t *)&receive->signals[i], NULL);
}

static void on_client_closed(void *arg)
{
	struct receive *receive = arg;

	receive->client = NULL;
	jem_receiver_close(receive->receiver, on_receiver_closed, receive);
}

/* The first signal ends it in order: files, settlements, last pages. A second one at once. */
static void on_signal(uv_signal_t *handle, int number)
{
	struct receive *receive = handle->data;

	if (receive->is_ending) {
		signal(number, SIG_DFL);
		raise(number);
		return;
	}
	receive->is_ending = true;
	jem_receiver_flush(receive->receiver);
	jem_receiver_finish(receive->receiver, 0);
	jem_client_close(receive->client, CLOSE_MS, on_client_closed);
}

static void watch_signals(struct receive *receive)
{
	static const int numbers[] = { SIGTERM, SIGINT };

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		uv_signal_init(&receive->loop, &receive->signals[i]);
		receive->signals[i].data = receive;
		uv_signal_start(&receive->signals[i], on_signal, numbers[i]);
	}
}

/* One job's topics, whatever its site and user: jem.*.*.JOB.*.* */
static int make_pattern(const char *job, char *pattern, size_t size, struct jem_err *err)
{
	int len = job ? snprintf(pattern, size, "jem.*.*.%s.#", job)
		      : snprintf(pattern, size, "jem.#");

	if (len < 0 || (size_t)len >= size || !jem_pattern_is_valid(pattern, (size_t)len))
		return jem_err_set(err, -EINVAL,
				   "--job wants a name of A-Z a-z 0-9 _ -, or *, not \"%s\"", job);
	return 0;
}

static int open_client(struct receive *receive, const char *pattern, struct jem_err *err)
{
	const struct jem_config *config = receive->args->config;
	const char *urls[URLS_MAX];
	char container_id[64];
	struct jem_client_options options = {
		.loop = &receive->loop,
		.urls = urls,
		.url_count = jem_config_list_size(config, JEM_OPTION_broker_url),
		.container_id = container_id,
		.credentials = jem_config_str(config, JEM_OPTION_broker_credentials),
		.subscribe = pattern,
		.queue = jem_config_str(config, JEM_OPTION_receiver_queue),
		.idle_timeout_ms = jem_config_ns(config, JEM_OPTION_broker_idle_timeout) / 1000000,
		.receive_window = WINDOW,
		.events = { .on_state = on_state, .on_message = on_message },
		.arg = receive,
	};

	if (!options.url_count)
		return jem_err_set(err, -EINVAL, "no broker: give --broker URL");
	if (options.url_count > URLS_MAX)
		options.url_count = URLS_MAX;
	for (size_t i = 0; i < options.url_count; i++)
		urls[i] = jem_config_list_at(config, JEM_OPTION_broker_url, i);
	snprintf(container_id, sizeof(container_id), "jem-receive/%d/%llx", (int)getpid(),
		 (unsigned long long)uv_hrtime());
	return jem_client_create(&options, &receive->client, err);
}

static int run(const struct jem_tool_args *args)
{
	const struct receive_options *own = args->options;
	struct receive receive = { .args = args };
	struct jem_receiver_options options = {
		.loop = &receive.loop,
		.config = args->config,
		.out = jem_config_str(args->config, JEM_OPTION_receiver_out),
		.is_live = !jem_config_str(args->config, JEM_OPTION_receiver_queue),
		.on_settle = on_settle,
		.arg = &receive,
	};
	char pattern[JEM_TOPIC_MAX];
	struct jem_err err = { "" };

	if (!options.out) {
		log_error("no folder: give --out OUT");
		return EX_USAGE;
	}
	if (make_pattern(own->job, pattern, sizeof(pattern), &err) < 0) {
		log_error("%s", err.text);
		return EX_USAGE;
	}
	uv_loop_init(&receive.loop);
	if (jem_receiver_create(&options, &receive.receiver, &err) < 0) {
		log_error("%s", err.text);
		return EX_CANTCREAT;
	}
	if (open_client(&receive, pattern, &err) < 0) {
		log_error("%s", err.text);
		return EX_USAGE;
	}
	watch_signals(&receive);
	uv_run(&receive.loop, UV_RUN_DEFAULT);
	uv_loop_close(&receive.loop);
	return EX_OK;
}

static const struct jem_flag flags[] = {
	{ "job", "PATTERN", "only jobs of this name; * stands for any", 'j' },
	{ 0 },
};

static int on_flag(void *arg, const struct jem_flag *flag, const char *value, struct jem_err *err)
{
	struct receive_options *own = arg;

	(void)flag, (void)err;
	own->job = value;
	return 0;
}

const struct jem_tool jem_tool_receive = {
	.name = "receive",
	.usage = "Usage: jem receive --broker URL [--job PATTERN] [--queue NAME] --out OUT\n\n"
		 "Writes OUT/SITE/USER/JOB/ for every job that it hears of, and an index of them,\n"
		 "until SIGTERM or SIGINT. A batch is settled once it stands in the files.\n\n",
	.programs = JEM_FOR_RECEIVE | JEM_FOR_CLIENT,
	.flags = flags,
	.options_size = sizeof(struct receive_options),
	.on_flag = on_flag,
	.run = run,
};
