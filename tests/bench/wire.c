/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire: what a message costs its sender, the embedded broker and its receiver.
 *
 * Publisher, broker and subscriber are processes of their own on a unix socket, as in a job; CPU
 * is theirs by rusage. Beside them python3-qpid-proton does the same through the same broker
 * (tests/bench/wire_peer.py). `wire latency` publishes 1000 messages a second.
 */
#include "broker-client/broker.h"
#include "broker-client/client.h"
#include "common/clock.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

enum {
	LATENCIES = 5000,
	LATENCY_RATE = 1000,
	GAP_MS = 1500 /* nothing for so long after the sender ended: that was all */
};

static char folder[] = "/tmp/jem-bench-XXXXXX";
static char unix_url[64];
static char tcp_url[64];
static const char *url = unix_url; /* of clients */
static uint64_t to_publish;
static size_t body_len;

struct result {
	double seconds;
	double cpu_us; /* of a message */
	uint64_t messages;
	long rss_kb;
};

struct sender {
	struct jem_client *client;
	struct jem_message message;
	uint64_t sent;
	uint64_t settled;
	uint64_t wanted;
	uint64_t start_ns;
};

struct receiver {
	uv_loop_t loop;
	struct jem_client *client;
	uv_timer_t gap;
	uint64_t messages;
	uint64_t dropped;
	uint64_t first_ns;
	uint64_t last_ns;
	int ready;
};

static double own_cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* VmHWM, unlike ru_maxrss, does not begin with the parent's. */
static long peak_rss_kb(void)
{
	char line[256];
	long kb = 0;
	FILE *file = fopen("/proc/self/status", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmHWM: %ld", &kb) == 1)
			break;
	if (file)
		fclose(file);
	return kb;
}

static struct jem_slice slice(const char *text)
{
	return (struct jem_slice){ text, strlen(text) };
}

/* A message as the daemon's publisher makes it. */
static void describe(struct jem_message *message, const char *body, size_t len)
{
	*message = (struct jem_message){
		.topic = slice("jem.local.someone.1234567.node-17.metric"),
		.message_id = slice("node-17/0123456789abcdef/1234567/metric/4711"),
		.content_type = slice("application/json"),
		.creation_time_ms = 1700000000000,
		.properties = { { .name = slice("kind"), .text = slice("metric") },
				{ .name = slice("site"), .text = slice("local") },
				{ .name = slice("user"), .text = slice("someone") },
				{ .name = slice("job"), .text = slice("1234567") },
				{ .name = slice("node"), .text = slice("node-17") },
				{ .name = slice("epoch"), .text = slice("0123456789abcdef") },
				{ .name = slice("seq"), .number = 4711 },
				{ .name = slice("first"), .number = 47110 },
				{ .name = slice("n"), .number = 10 },
				{ .name = slice("schema"), .number = 1 } },
		.property_count = 10,
		.body = { body, len },
	};
}

static void send_more(struct sender *sender)
{
	while (sender->sent < sender->wanted &&
	       !jem_client_send(sender->client, &sender->message, sender->sent))
		sender->sent++;
}

static void on_writable(void *arg)
{
	struct sender *sender = arg;

	if (!sender->start_ns)
		sender->start_ns = jem_now_ns();
	send_more(sender);
}

static void on_outcome(void *arg, uint64_t tag, enum jem_outcome outcome, const char *text)
{
	struct sender *sender = arg;

	(void)tag, (void)text;
	if (outcome != JEM_OUTCOME_ACCEPTED) {
		fprintf(stderr, "wire: a message was not accepted\n");
		exit(EXIT_FAILURE);
	}
	if (++sender->settled == sender->wanted)
		jem_client_close(sender->client, 1000, NULL);
}

static struct jem_client *open_client(struct jem_client_options options)
{
	const char *urls[] = { url };
	struct jem_client *client;
	struct jem_err err;

	options.urls = urls;
	options.url_count = 1;
	if (jem_client_create(&options, &client, &err) < 0) {
		fprintf(stderr, "wire: %s\n", err.text);
		exit(EXIT_FAILURE);
	}
	return client;
}

static void say_ready(int out)
{
	char ready[sizeof(tcp_url)] = "";

	snprintf(ready, sizeof(ready), "%s", tcp_url);
	if (write(out, ready, sizeof(ready)) != sizeof(ready))
		_exit(EXIT_FAILURE);
}

static _Noreturn void end_with(int out, const void *result, size_t size)
{
	_exit(write(out, result, size) == (ssize_t)size ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void publish(int out)
{
	static char body[65536];
	struct sender sender = { .wanted = to_publish };
	double cpu_us = own_cpu_us();
	struct result result;
	uv_loop_t loop;

	say_ready(out);
	memset(body, 'x', sizeof(body));
	describe(&sender.message, body, body_len);
	uv_loop_init(&loop);
	sender.client = open_client((struct jem_client_options){
		.loop = &loop,
		.is_publisher = true,
		.events = { .on_writable = on_writable, .on_outcome = on_outcome },
		.arg = &sender });
	uv_run(&loop, UV_RUN_DEFAULT);
	result = (struct result){ .seconds = (double)(jem_now_ns() - sender.start_ns) * 1e-9,
				  .cpu_us = (own_cpu_us() - cpu_us) / (double)to_publish,
				  .messages = to_publish,
				  .rss_kb = peak_rss_kb() };
	end_with(out, &result, sizeof(result));
}

static void on_gap(uv_timer_t *timer)
{
	struct receiver *receiver = timer->data;

	jem_client_close(receiver->client, 1000, NULL);
	uv_close((uv_handle_t *)timer, NULL);
}

static void on_message(void *arg, const struct jem_message *message, jem_delivery_id delivery)
{
	struct receiver *receiver = arg;

	receiver->last_ns = jem_now_ns();
	if (!receiver->messages++)
		receiver->first_ns = receiver->last_ns;
	for (size_t i = 0; i < message->property_count && message->properties[i].name.len > 10; i++)
		receiver->dropped = (uint64_t)message->properties[i].number;
	jem_client_settle(receiver->client, delivery, JEM_OUTCOME_ACCEPTED);
	if (receiver->messages % 1000 == 1)
		uv_timer_start(&receiver->gap, on_gap, GAP_MS, 0);
}

static void on_receiver_state(void *arg, enum jem_client_state state, const char *text)
{
	struct receiver *receiver = arg;

	(void)text;
	if (state == JEM_CLIENT_OPEN)
		say_ready(receiver->ready);
}

/* A subscriber in a process of its own; its result comes through the pipe. */
static void subscribe(int out)
{
	struct receiver receiver = { .ready = out };
	double cpu_us = own_cpu_us();
	struct result result;

	uv_loop_init(&receiver.loop);
	uv_timer_init(&receiver.loop, &receiver.gap);
	receiver.gap.data = &receiver;
	receiver.client = open_client((struct jem_client_options){
		.loop = &receiver.loop,
		.subscribe = "jem.#",
		.receive_window = 1000,
		.events = { .on_state = on_receiver_state, .on_message = on_message },
		.arg = &receiver });
	uv_run(&receiver.loop, UV_RUN_DEFAULT);
	result = (struct result){
		.seconds = (double)(receiver.last_ns - receiver.first_ns) * 1e-9,
		.cpu_us = (own_cpu_us() - cpu_us) / (double)(receiver.messages + 1),
		.messages = receiver.messages,
		.rss_kb = peak_rss_kb(),
	};
	end_with(out, &result, sizeof(result));
}

static void on_term(uv_signal_t *handle, int number)
{
	(void)number;
	uv_stop(handle->loop);
}

/* The broker's end tells its CPU seconds and its counters. */
struct broker_result {
	double cpu_us;
	struct jem_broker_stats stats;
	long rss_kb;
};

static void serve(int out)
{
	struct jem_broker_options options = { 0 };
	struct broker_result result;
	struct jem_broker *broker;
	double cpu_us = own_cpu_us();
	uv_signal_t term;
	uv_loop_t loop;

	uv_loop_init(&loop);
	options.loop = &loop;
	if (jem_broker_create(&options, &broker) < 0 ||
	    jem_broker_listen(broker, unix_url, NULL) < 0 ||
	    jem_broker_listen(broker, "127.0.0.1:0", NULL) < 0)
		_exit(EXIT_FAILURE);
	snprintf(tcp_url, sizeof(tcp_url), "%s", jem_broker_url(broker, 1));
	say_ready(out);
	uv_signal_init(&loop, &term);
	uv_signal_start(&term, on_term, SIGTERM);
	uv_run(&loop, UV_RUN_DEFAULT);
	result.cpu_us = own_cpu_us() - cpu_us;
	result.stats = jem_broker_stats(broker);
	result.rss_kb = peak_rss_kb();
	unlink(unix_url + strlen("unix:"));
	end_with(out, &result, sizeof(result));
}

struct child {
	pid_t pid;
	int pipe;
};

static void read_all(int fd, void *bytes, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = read(fd, (char *)bytes + at, len - at);

		if (n <= 0) {
			fprintf(stderr, "wire: a child failed\n");
			exit(EXIT_FAILURE);
		}
		at += (size_t)n;
	}
}

/* Returns once the child says that it is ready. */
static struct child start(void (*run)(int out))
{
	struct child child;
	int fds[2];

	if (pipe(fds) < 0)
		exit(EXIT_FAILURE);
	child.pid = fork();
	if (!child.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		run(fds[1]);
	}
	close(fds[1]);
	child.pipe = fds[0];
	read_all(child.pipe, tcp_url, sizeof(tcp_url));
	return child;
}

static void finish(struct child *child, void *result, size_t size)
{
	read_all(child->pipe, result, size);
	close(child->pipe);
	waitpid(child->pid, NULL, 0);
}

static void measure(uint64_t count, size_t len, bool has_subscriber, bool is_tcp)
{
	struct child broker = start(serve);
	struct child subscriber = { 0 };
	struct child publisher;
	struct broker_result served;
	struct result sent;
	struct result got = { 0 };

	to_publish = count;
	body_len = len;
	url = is_tcp ? tcp_url : unix_url;
	if (has_subscriber)
		subscriber = start(subscribe);
	publisher = start(publish);
	finish(&publisher, &sent, sizeof(sent));
	if (has_subscriber)
		finish(&subscriber, &got, sizeof(got));
	kill(broker.pid, SIGTERM);
	finish(&broker, &served, sizeof(served));
	printf("%6zu B %s %s %9.0f msg/s in %7.1f MB/s %9.0f msg/s out   us/msg %5.2f / %5.2f / "
	       "%5.2f "
	       "  "
	       "MB %4.1f / %4.1f / %4.1f   dropped %" PRIu64 "\n",
	       len, has_subscriber ? "1 -> 1" : "1 -> 0", is_tcp ? "tcp " : "unix",
	       (double)sent.messages / sent.seconds,
	       (double)sent.messages * (double)len / sent.seconds / 1e6,
	       got.seconds > 0 ? (double)got.messages / got.seconds : 0, sent.cpu_us,
	       served.cpu_us / (double)count, got.cpu_us, (double)sent.rss_kb / 1024,
	       (double)served.rss_kb / 1024, (double)got.rss_kb / 1024,
	       served.stats.messages_dropped);
	fflush(stdout);
}

struct latency {
	struct sender sender;
	uv_timer_t timer;
	struct jem_client *subscriber;
	uint64_t body;
	uint32_t got;
	double us[LATENCIES];
};

static void on_latency_timer(uv_timer_t *timer)
{
	struct latency *latency = timer->data;

	latency->body = jem_now_ns();
	latency->sender.message.body.data = (char *)&latency->body;
	(void)jem_client_send(latency->sender.client, &latency->sender.message, 0);
}

static void on_latency_message(void *arg, const struct jem_message *message, jem_delivery_id id)
{
	struct latency *latency = arg;
	uint64_t sent_ns;

	memcpy(&sent_ns, message->body.data, sizeof(sent_ns));
	latency->us[latency->got++] = (double)(jem_now_ns() - sent_ns) * 1e-3;
	jem_client_settle(latency->subscriber, id, JEM_OUTCOME_ACCEPTED);
	if (latency->got == LATENCIES)
		uv_stop(latency->timer.loop);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure_latency(void)
{
	static struct latency latency;
	struct child broker = start(serve);
	struct broker_result served;
	uv_loop_t loop;

	uv_loop_init(&loop);
	describe(&latency.sender.message, "", sizeof(uint64_t));
	latency.subscriber = open_client(
		(struct jem_client_options){ .loop = &loop,
					     .subscribe = "jem.#",
					     .events = { .on_message = on_latency_message },
					     .arg = &latency });
	latency.sender.client = open_client((struct jem_client_options){
		.loop = &loop, .is_publisher = true, .arg = &latency });
	uv_timer_init(&loop, &latency.timer);
	latency.timer.data = &latency;
	uv_timer_start(&latency.timer, on_latency_timer, 200, 1000 / LATENCY_RATE);
	uv_run(&loop, UV_RUN_DEFAULT);
	kill(broker.pid, SIGTERM);
	finish(&broker, &served, sizeof(served));
	qsort(latency.us, latency.got, sizeof(*latency.us), compare);
	printf("latency at %d msg/s: p50 %.0f us, p99 %.0f us, max %.0f us\n", LATENCY_RATE,
	       latency.us[latency.got / 2], latency.us[latency.got * 99 / 100],
	       latency.us[latency.got - 1]);
}

static void measure_python(void)
{
	const char *top = getenv("top_srcdir");
	struct child broker = start(serve);
	struct broker_result served;
	char command[512];

	snprintf(command, sizeof(command), "/usr/bin/python3 %s/tests/bench/wire_peer.py %s",
		 top ? top : ".", tcp_url);
	fflush(stdout);
	if (system(command))
		printf("python3-qpid-proton: not measured\n");
	kill(broker.pid, SIGTERM);
	finish(&broker, &served, sizeof(served));
}

int main(void)
{
	if (!mkdtemp(folder))
		return EXIT_FAILURE;
	snprintf(unix_url, sizeof(unix_url), "unix:%s/b", folder);
	printf("CPU and greatest RSS: publisher / broker / subscriber\n");
	measure(2000000, 300, false, false);
	measure(2000000, 300, true, false);
	measure(2000000, 300, true, true);
	measure(500000, 4096, true, false);
	measure(60000, 65000, true, false);
	measure(60000, 65000, true, true);
	url = unix_url;
	measure_latency();
	measure_python();
	rmdir(folder);
	return EXIT_SUCCESS;
}
