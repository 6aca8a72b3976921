/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_amqp_broker: any bytes into a connection of the broker. The first byte chooses what came
 * before: 0 nothing, else a peer that has opened a connection, publishes and subscribes to
 * everything, so that what follows are frames in the middle of a life. The broker must end the
 * connection, and give back all of its memory.
 */
#include "broker-client/broker/broker_internal.h"
#include "broker-client/wire/dial.h"

#include <proton/connection.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	INPUT_MAX = 65536,
	PASSES_MAX = 1000
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char prologue[4096];
static size_t prologue_len;
static uv_loop_t loop;

/* What proton itself sends to open a connection, a session and two links. */
static void make_prologue(void)
{
	pn_connection_driver_t driver;
	pn_session_t *session;
	pn_link_t *link;
	pn_bytes_t bytes;

	pn_connection_driver_init(&driver, NULL, NULL);
	pn_connection_set_container(driver.connection, "fuzz");
	pn_connection_open(driver.connection);
	session = pn_session(driver.connection);
	pn_session_open(session);
	link = pn_sender(session, "publish");
	pn_terminus_set_type(pn_link_target(link), PN_TARGET);
	pn_link_open(link);
	link = pn_receiver(session, "subscribe");
	pn_terminus_set_address(pn_link_source(link), "#");
	pn_link_open(link);
	pn_link_flow(link, 100);
	while (pn_connection_driver_next_event(&driver))
		continue;
	bytes = pn_connection_driver_write_buffer(&driver);
	prologue_len = bytes.size < sizeof(prologue) ? bytes.size : sizeof(prologue);
	memcpy(prologue, bytes.start, prologue_len);
	pn_connection_driver_destroy(&driver);
}

static void on_local(void *arg, const struct jem_message *message, jem_broker_ticket ticket)
{
	(void)message;
	jem_broker_settle(*(struct jem_broker **)arg, ticket, JEM_OUTCOME_ACCEPTED);
}

static void on_closed(void *arg)
{
	*(struct jem_broker **)arg = NULL;
}

static void write_all(int fd, const void *bytes, size_t size)
{
	if (size && write(fd, bytes, size) != (ssize_t)size)
		abort();
}

static void run(struct jem_broker *broker, int fd)
{
	char ignored[65536];

	for (unsigned i = 0; broker->connection_count; i++) {
		if (i == PASSES_MAX)
			abort(); /* the connection's other end is closed: it has to end */
		uv_run(&loop, UV_RUN_NOWAIT);
		while (read(fd, ignored, sizeof(ignored)) > 0)
			continue;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jem_broker_options options = { .loop = &loop, .queue_bytes = 1 << 20 };
	struct jem_broker *broker;
	int fds[2];
	int room = 4 * INPUT_MAX;

	if (!size || size > INPUT_MAX)
		return 0;
	if (!prologue_len) {
		signal(SIGPIPE, SIG_IGN);
		uv_loop_init(&loop);
		make_prologue();
	}
	if (jem_broker_create(&options, &broker) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
		abort();
	jem_broker_set_local(broker, on_local, &broker);
	setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	jem_connection_accept(broker, jem_dial_stream(&loop, fds[0], true), false);
	if (data[0])
		write_all(fds[1], prologue, prologue_len);
	write_all(fds[1], data + 1, size - 1);
	shutdown(fds[1], SHUT_WR);
	run(broker, fds[1]);
	close(fds[1]);
	if (broker->partial_bytes || broker->stats.bytes_queued || broker->router.count)
		abort();
	jem_broker_close(broker, 0, on_closed, &broker);
	uv_run(&loop, UV_RUN_DEFAULT);
	if (broker)
		abort();
	return 0;
}
