/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fleet URL [NODES [SECONDS [CONNECTIONS]]]: publishes as a fleet of daemons does, each with one job, over a few
 * connections.
 *
 * Every node sends a sample a second (a record of the node and one of the job, with every metric of the table), every
 * second one some lines, each one its first and last status, and a few an alert. Nodes take turns evenly through
 * the second. It tells the rate, how late the latest batch left, and what a batch cost; ended when all is accepted.
 */
#include "broker-client/client.h"
#include "common/clock.h"
#include "common/metric.h"
#include "daemon/batch_message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
	TICK_MS = 10,
	LINES = 5,
	CONNECTIONS_MAX = 64,
	CLOSE_MS = 5000,
	ALERT_EVERY = 997
};

static const enum jem_kind kinds[] = { JEM_KIND_status, JEM_KIND_metric, JEM_KIND_log,
				       JEM_KIND_alert };
enum {
	KINDS = sizeof(kinds) / sizeof(*kinds)
};

struct node {
	char epoch[JEM_EPOCH_SIZE];
	uint64_t seq[KINDS];
	uint64_t first[KINDS];
};

struct connection {
	struct fleet *fleet; /* borrowed */
	struct jem_client *client;
	struct node *nodes; /* owned */
	uint64_t base;      /* number of the first */
	uint64_t count;
	uint64_t turn; /* of node turn % count, in second turn / count */
	unsigned kind; /* the next of this turn */
	uint64_t settled;
	uint64_t sent;
	struct jem_batch *batch; /* owned: made, not taken yet */
};

struct fleet {
	uv_loop_t loop;
	uv_timer_t tick;
	struct connection connections[CONNECTIONS_MAX];
	uint64_t connection_count;
	uint64_t seconds;
	uint64_t start_ns; /* 0: not all are connected */
	uint64_t open;
	uint64_t bytes;
	uint64_t latest_ns;
	uint64_t refused;
	char identity[16]; /* of this run */
};

/* --- batches --------------------------------------------------------------------------------------- */

static bool has(const struct connection *connection, enum jem_kind kind, uint64_t node,
		uint64_t second)
{
	switch (kind) {
	case JEM_KIND_status:
		return second == 0 || second + 1 == connection->fleet->seconds;
	case JEM_KIND_log:
		return (node + second) % 2 == 0;
	case JEM_KIND_alert:
		return (node * 7 + second) % ALERT_EVERY == 0;
	default:
		return true;
	}
}

static void add_sample(struct jem_buf *records, const char *scope, unsigned scopes, uint64_t seed)
{
	const char *comma = "";

	jem_buf_printf(records, "{\"dt_ns\":%d,\"scope\":\"%s\",\"values\":{",
		       *scope == 'j' ? 1000 : 0, scope);
	for (int i = 0; i < JEM_METRIC_COUNT; i++) {
		if (!(jem_metrics[i].scopes & scopes))
			continue;
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		jem_buf_printf(records, "%s\"%s\":%" PRIu64, comma, jem_metrics[i].name,
			       seed >> 34);
		comma = ",";
	}
	jem_buf_add_str(records, "}}");
}

static uint64_t add_records(struct jem_buf *records, enum jem_kind kind, uint64_t node,
			    uint64_t second)
{
	switch (kind) {
	case JEM_KIND_status:
		jem_buf_printf(records, "{\"dt_ns\":0,\"state\":\"%s\",\"text\":\"the job\"}",
			       second ? "degraded" : "starting");
		return 1;
	case JEM_KIND_metric:
		add_sample(records, "node", JEM_SCOPE_NODE, node + second);
		jem_buf_add_char(records, ',');
		add_sample(records, "job", JEM_SCOPE_JOB, node * 3 + second);
		return 2;
	case JEM_KIND_log:
		for (int i = 0; i < LINES; i++)
			jem_buf_printf(records,
				       "%s{\"dt_ns\":%d,\"file\":\"job.out\",\"file_id\":\"8:1:1\","
				       "\"offset\":%" PRIu64 ",\"text\":\"INFO event %" PRIu64
				       ": 17 tracks, 3 jets, mass 91.1876 GeV\"}",
				       i ? "," : "", i * 1000, (second * LINES + (uint64_t)i) * 60,
				       second * LINES + (uint64_t)i);
		return LINES;
	default:
		jem_buf_add_str(records,
				"{\"dt_ns\":0,\"rule\":\"memory\",\"severity\":\"warning\","
				"\"text\":\"memory is at 0.91 of its limit\"}");
		return 1;
	}
}

static struct jem_batch *make_batch(struct connection *connection, unsigned k, uint64_t node,
				    uint64_t second)
{
	struct node *state = &connection->nodes[node - connection->base];
	struct jem_head head = {
		.kind = kinds[k],
		.schema = 1,
		.source.names = { "site", "user", "", "" },
		.boot_id = "00000000-0000-0000-0000-000000000000",
		.seq = state->seq[k],
		.first = state->first[k],
		.t0_us = jem_wall_ns() / 1000,
		.mono_ns = jem_now_ns(),
	};
	struct jem_batch *batch = NULL;
	struct jem_buf records;
	struct jem_buf body;
	struct jem_err err = { "" };

	snprintf(head.source.names.job, sizeof(head.source.names.job), "%s-%" PRIu64,
		 connection->fleet->identity, node);
	snprintf(head.source.names.node, sizeof(head.source.names.node), "node-%" PRIu64, node);
	strcpy(head.epoch, state->epoch);
	jem_buf_init(&records, 0);
	jem_buf_init(&body, 0);
	head.n = add_records(&records, head.kind, node, second);
	jem_batch_encode_json(&head, records.data, records.len, &body);
	if (jem_batch_of_body(head.kind, body.data, body.len, &batch, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(EXIT_FAILURE);
	}
	state->seq[k]++;
	state->first[k] += head.n;
	connection->fleet->bytes += body.len;
	jem_buf_deinit(&records);
	jem_buf_deinit(&body);
	return batch;
}

/* --- sending --------------------------------------------------------------------------------------- */

/* False: no room, it is tried again. */
static bool send_batch(struct connection *connection)
{
	struct jem_batch_message message;

	jem_batch_message_make(connection->batch, &message);
	if (jem_client_send(connection->client, &message.message, connection->sent) < 0)
		return false;
	connection->sent++;
	free(connection->batch);
	connection->batch = NULL;
	return true;
}

static bool is_over(const struct connection *connection)
{
	return connection->turn == connection->count * connection->fleet->seconds;
}

static void send_due(struct connection *connection)
{
	struct fleet *fleet = connection->fleet;
	uint64_t now_ns = jem_now_ns();

	while (fleet->start_ns && !is_over(connection)) {
		uint64_t second = connection->turn / connection->count;
		uint64_t node = connection->base + connection->turn % connection->count;
		uint64_t due_ns = fleet->start_ns + (uint64_t)((double)connection->turn * 1e9 /
							       (double)connection->count);

		if (due_ns > now_ns)
			return;
		for (; connection->kind < KINDS; connection->kind++) {
			if (!has(connection, kinds[connection->kind], node, second))
				continue;
			if (!connection->batch)
				connection->batch =
					make_batch(connection, connection->kind, node, second);
			if (!send_batch(connection))
				return;
		}
		if (jem_now_ns() - due_ns > fleet->latest_ns)
			fleet->latest_ns = jem_now_ns() - due_ns;
		connection->kind = 0;
		connection->turn++;
	}
}

static void on_closed(void *arg)
{
	(void)arg;
}

static void on_tick(uv_timer_t *timer)
{
	struct fleet *fleet = timer->data;
	bool is_done = fleet->start_ns != 0;

	for (uint64_t i = 0; i < fleet->connection_count; i++) {
		struct connection *connection = &fleet->connections[i];

		send_due(connection);
		is_done &= is_over(connection) && connection->settled == connection->sent;
	}
	if (!is_done)
		return;
	uv_timer_stop(timer);
	uv_close((uv_handle_t *)timer, NULL);
	for (uint64_t i = 0; i < fleet->connection_count; i++)
		jem_client_close(fleet->connections[i].client, CLOSE_MS, on_closed);
}

static void on_state(void *arg, enum jem_client_state state, const char *text)
{
	struct connection *connection = arg;
	struct fleet *fleet = connection->fleet;

	if (state == JEM_CLIENT_WAITING) {
		fprintf(stderr, "%s\n", text);
		exit(EXIT_FAILURE);
	}
	if (state == JEM_CLIENT_OPEN && ++fleet->open == fleet->connection_count)
		fleet->start_ns = jem_now_ns();
}

static void on_writable(void *arg)
{
	send_due(arg);
}

static void on_outcome(void *arg, uint64_t tag, enum jem_outcome outcome, const char *text)
{
	struct connection *connection = arg;

	(void)tag;
	(void)text;
	connection->settled++;
	connection->fleet->refused += outcome != JEM_OUTCOME_ACCEPTED;
}

static void open_connection(struct fleet *fleet, uint64_t i, uint64_t nodes, const char *url)
{
	struct connection *connection = &fleet->connections[i];
	struct jem_client_options options = {
		.loop = &fleet->loop,
		.urls = &url,
		.url_count = 1,
		.is_publisher = true,
		.events = { .on_state = on_state,
			    .on_writable = on_writable,
			    .on_outcome = on_outcome },
		.arg = connection,
	};
	struct jem_err err = { "no memory" };

	connection->fleet = fleet;
	connection->base = i * nodes / fleet->connection_count;
	connection->count = (i + 1) * nodes / fleet->connection_count - connection->base;
	connection->nodes = calloc(connection->count, sizeof(*connection->nodes));
	if (!connection->nodes || jem_client_create(&options, &connection->client, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(EXIT_FAILURE);
	}
	for (uint64_t n = 0; n < connection->count; n++)
		snprintf(connection->nodes[n].epoch, JEM_EPOCH_SIZE, "%016" PRIx64,
			 jem_wall_ns() / 1000000 << 24 | (connection->base + n));
}

static void tell(const struct fleet *fleet, uint64_t nodes)
{
	double seconds = (double)(jem_now_ns() - fleet->start_ns) / 1e9;
	struct rusage usage;
	uint64_t sent = 0;
	double cpu_s;

	getrusage(RUSAGE_SELF, &usage);
	cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	for (uint64_t i = 0; i < fleet->connection_count; i++)
		sent += fleet->connections[i].sent;
	printf("nodes %" PRIu64 " batches %" PRIu64 " refused %" PRIu64
	       " seconds %.1f rate %.0f/s %.2f MB/s latest %.0f ms cpu %.1f us a batch\n",
	       nodes, sent, fleet->refused, seconds, (double)sent / seconds,
	       (double)fleet->bytes / seconds / 1e6, (double)fleet->latest_ns / 1e6,
	       cpu_s * 1e6 / (double)sent);
}

static uint64_t number(int argc, char **argv, int i, uint64_t other)
{
	uint64_t value = argc > i ? strtoull(argv[i], NULL, 10) : other;

	return value ? value : other;
}

int main(int argc, char **argv)
{
	static struct fleet fleet;
	uint64_t nodes = number(argc, argv, 2, 2000);

	if (argc < 2) {
		fprintf(stderr, "fleet URL [NODES [SECONDS [CONNECTIONS]]]\n");
		return EXIT_FAILURE;
	}
	fleet.seconds = number(argc, argv, 3, 30);
	fleet.connection_count = number(argc, argv, 4, 4);
	if (fleet.connection_count > CONNECTIONS_MAX || fleet.connection_count > nodes)
		fleet.connection_count = 1;
	snprintf(fleet.identity, sizeof(fleet.identity), "%d", (int)getpid());
	uv_loop_init(&fleet.loop);
	for (uint64_t i = 0; i < fleet.connection_count; i++)
		open_connection(&fleet, i, nodes, argv[1]);
	uv_timer_init(&fleet.loop, &fleet.tick);
	fleet.tick.data = &fleet;
	uv_timer_start(&fleet.tick, on_tick, TICK_MS, TICK_MS);
	uv_run(&fleet.loop, UV_RUN_DEFAULT);
	tell(&fleet, nodes);
	for (uint64_t i = 0; i < fleet.connection_count; i++)
		free(fleet.connections[i].nodes);
	uv_loop_close(&fleet.loop);
	return fleet.refused ? EXIT_FAILURE : EXIT_SUCCESS;
}
