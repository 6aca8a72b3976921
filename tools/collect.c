/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jem-tool collect: embedded broker and receiver on one loop, for one job.
 *
 * Flow:      jemd -> broker -> receiver -> files; jem watch subscribes to the same broker
 * Thread:    one loop
 * Invariant: a batch is accepted from jemd only when it stands in the job's files
 *
 * Started by `jem run`, which hands over a listening socket in the job's folder and a link. It
 * ends when the launcher says `finish`, or when the launcher is gone and jemd has closed its
 * connection, or after GONE_MS.
 */
#include "broker-client/broker.h"
#include "common/clock.h"
#include "common/identity.h"
#include "common/launch_link.h"
#include "common/log.h"
#include "receiver/receiver.h"
#include "tools/tool.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	CLOSE_MS = 200,  /* for the close frames of connections */
	GONE_MS = 10000, /* for jemd to finish when the launcher is gone */
};

struct collect_options {
	long launcher_fd;
	long listen_fd;
	const char *out;
};

struct collector {
	const struct jem_tool_args *args;
	uv_loop_t loop;
	struct jem_broker *broker;     /* owned */
	struct jem_receiver *receiver; /* owned */
	struct jem_link *link;         /* owned, NULL without a launcher */
	uv_signal_t signals[2];
	uv_timer_t gone_timer;
	unsigned connections;
	bool launcher_is_gone;
	bool is_ending;
};

static void on_message(void *arg, const struct jem_message *message, jem_broker_ticket ticket)
{
	struct collector *collector = arg;

	jem_receiver_accept(collector->receiver, message, ticket);
}

static void on_settle(void *arg, uint64_t ticket, enum jem_outcome outcome)
{
	struct collector *collector = arg;

	if (collector->broker)
		jem_broker_settle(collector->broker, ticket, outcome);
}

/* Nobody listens any more; the socket was made by the launcher. */
static void remove_socket(const struct collector *collector)
{
	const struct collect_options *own = collector->args->options;
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/broker.sock", own->out) < sizeof(path))
		(void)unlink(path);
}

static void on_receiver_closed(void *arg)
{
	struct collector *collector = arg;

	remove_socket(collector);
	jem_link_send(collector->link, "done");
	jem_link_close(collector->link);
	for (size_t i = 0; i < sizeof(collector->signals) / sizeof(*collector->signals); i++)
		uv_close((uv_handle_t *)&collector->signals[i], NULL);
	uv_close((uv_handle_t *)&collector->gone_timer, NULL);
}

static void on_broker_closed(void *arg)
{
	struct collector *collector = arg;

	collector->broker = NULL;
	jem_receiver_close(collector->receiver, on_receiver_closed, collector);
}

/* Writes what came, lets subscribers go, draws the last pages, in this order. */
static void finish(struct collector *collector)
{
	uint64_t drain_ns = jem_config_ns(collector->args->config, JEM_OPTION_run_drain);
	size_t undrawn;

	if (collector->is_ending)
		return;
	collector->is_ending = true;
	uv_timer_stop(&collector->gone_timer);
	jem_receiver_flush(collector->receiver);
	undrawn = jem_receiver_finish(collector->receiver, jem_now_ns() + drain_ns / 2);
	if (undrawn)
		log_warning("no time to draw; jem report draws the pages");
	jem_broker_close(collector->broker, CLOSE_MS, on_broker_closed, collector);
}

static void on_connections(void *arg, unsigned count)
{
	struct collector *collector = arg;

	collector->connections = count;
	if (collector->launcher_is_gone && !count)
		finish(collector);
}

static void on_link_message(void *arg, const char *message)
{
	if (jem_link_is(message, "finish"))
		finish(arg);
}

static void on_gone_long(uv_timer_t *timer)
{
	finish(timer->data);
}

static void on_launcher_gone(void *arg)
{
	struct collector *collector = arg;

	collector->launcher_is_gone = true;
	if (collector->is_ending)
		return;
	log_warning("the launcher is gone, ending when jemd has");
	uv_timer_start(&collector->gone_timer, on_gone_long, GONE_MS, 0);
	if (!collector->connections)
		finish(collector);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct collector *collector = handle->data;

	(void)number;
	/* While the job lives a SIGTERM means: bring what you hold to disk. */
	if (collector->link && !collector->launcher_is_gone)
		jem_receiver_flush(collector->receiver);
	else
		finish(collector);
}

static int open_broker(struct collector *collector, const struct collect_options *own,
		       struct jem_err *err)
{
	const struct jem_config *config = collector->args->config;
	const struct jem_broker_options options = {
		.loop = &collector->loop,
		.queue_bytes = jem_config_u64(config, JEM_OPTION_listen_queue_bytes),
		.connections = (unsigned)jem_config_u64(config, JEM_OPTION_listen_connections),
	};
	int status = jem_broker_create(&options, &collector->broker);

	if (status < 0)
		return jem_err_set(err, status, "no broker: %s", strerror(-status));
	jem_broker_set_local(collector->broker, on_message, collector);
	jem_broker_on_connections(collector->broker, on_connections, collector);
	return jem_broker_listen_fd(collector->broker, (int)own->listen_fd, err);
}

static int open_receiver(struct collector *collector, const struct collect_options *own,
			 struct jem_err *err)
{
	struct jem_identity identity;
	struct jem_receiver_options options = {
		.loop = &collector->loop,
		.config = collector->args->config,
		.out = own->out,
		.job = &identity.names,
		.on_settle = on_settle,
		.arg = collector,
	};

	jem_identity_init(&identity, collector->args->config);
	return jem_receiver_create(&options, &collector->receiver, err);
}

static int open_link(struct collector *collector, const struct collect_options *own)
{
	static const struct jem_link_events events = { .on_message = on_link_message,
						       .on_gone = on_launcher_gone };

	if (own->launcher_fd < 0)
		return 0;
	return jem_link_open(&collector->loop, (int)own->launcher_fd, &events, collector,
			     &collector->link);
}

static void watch_signals(struct collector *collector)
{
	static const int numbers[] = { SIGTERM, SIGINT };

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		uv_signal_init(&collector->loop, &collector->signals[i]);
		collector->signals[i].data = collector;
		uv_signal_start(&collector->signals[i], on_signal, numbers[i]);
	}
	uv_timer_init(&collector->loop, &collector->gone_timer);
	collector->gone_timer.data = collector;
}

static int run(const struct jem_tool_args *args)
{
	const struct collect_options *own = args->options;
	struct collector collector = { .args = args };
	struct jem_err err = { "" };
	int status;

	if (own->listen_fd <= 0 || !own->out) {
		log_error("jem run starts this; use jem receive or jem broker");
		return EX_USAGE;
	}
	uv_loop_init(&collector.loop);
	watch_signals(&collector);
	status = open_link(&collector, own);
	if (status < 0) {
		log_error("no link to the launcher: %s", strerror(-status));
		return EX_OSERR;
	}
	status = open_receiver(&collector, own, &err);
	if (status >= 0)
		status = open_broker(&collector, own, &err);
	if (status < 0) {
		log_error("%s", err.text);
		jem_link_send(collector.link, "fault %s", err.text);
		return EX_CANTCREAT; /* the kernel takes back what is open */
	}
	jem_link_send(collector.link, "ready");
	uv_run(&collector.loop, UV_RUN_DEFAULT);
	uv_loop_close(&collector.loop);
	return EX_OK;
}

enum own_flag {
	FLAG_LAUNCHER,
	FLAG_LISTEN,
	FLAG_OUT
};

static const struct jem_flag flags[] = {
	[FLAG_LAUNCHER] = { "launcher-fd", "FD", "link to jem run", 0 },
	[FLAG_LISTEN] = { "listen-fd", "FD", "listening socket of the broker", 0 },
	[FLAG_OUT] = { "folder", "DIR", "the job's folder", 0 },
	{ 0 },
};

static int on_flag(void *arg, const struct jem_flag *flag, const char *value, struct jem_err *err)
{
	struct collect_options *own = arg;
	char *end;
	long number;

	if (flag == &flags[FLAG_OUT]) {
		own->out = value;
		return 0;
	}
	number = strtol(value, &end, 10);
	if (end == value || *end || number < 3 || number > INT32_MAX)
		return jem_err_set(err, -EINVAL, "--%s wants a descriptor, not \"%s\"", flag->flag,
				   value);
	if (flag == &flags[FLAG_LAUNCHER])
		own->launcher_fd = number;
	else
		own->listen_fd = number;
	return 0;
}

const struct jem_tool jem_tool_collect = {
	.name = "collect",
	.usage = "Usage: jem-tool collect --listen-fd=FD --folder=DIR [--launcher-fd=FD]\n\n"
		 "Embedded broker and receiver of one job; jem run starts it.\n\n",
	.programs = JEM_FOR_RUN,
	.flags = flags,
	.options_size = sizeof(struct collect_options),
	.on_flag = on_flag,
	.keeps_going = true,
	.run = run,
};
