/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/check_login.h"

#include "broker-client/client.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	LOGIN_MS = 5000,
	CLOSE_MS = 1000
};

struct login {
	struct jem_client *client; /* owned; freed after on_closed */
	uv_timer_t timer;          /* time-out, then the end */
	bool is_known;             /* `result` is final */
	int result;
	struct jem_err why; /* the last reason why it failed */
};

static void on_closed(void *arg)
{
	struct login *login = arg;

	uv_close((uv_handle_t *)&login->timer, NULL);
}

static void on_end(uv_timer_t *timer)
{
	struct login *login = timer->data;

	jem_client_close(login->client, CLOSE_MS, on_closed);
}

/* Ends in the next turn of the loop: the client is not closed from its own callback. */
static void finish(struct login *login, int result)
{
	if (login->is_known)
		return;
	login->is_known = true;
	login->result = result;
	uv_timer_start(&login->timer, on_end, 0, 0);
}

static void on_timeout(uv_timer_t *timer)
{
	struct login *login = timer->data;

	jem_err_set(&login->why, 0, "no answer within %d s; is a broker listening there?",
		    LOGIN_MS / 1000);
	finish(login, -ETIMEDOUT);
}

static void on_state(void *arg, enum jem_client_state state, const char *text)
{
	struct login *login = arg;

	if (state == JEM_CLIENT_OPEN) {
		finish(login, 0);
	} else if (state == JEM_CLIENT_WAITING) {
		const char *retry = strstr(text, ", retrying in ");

		jem_err_set(&login->why, 0, "%.*s; is a broker there that takes this user?",
			    retry ? (int)(retry - text) : (int)strlen(text), text);
		finish(login, -ECONNREFUSED);
	}
}

static void on_writable(void *arg)
{
}

static void on_outcome(void *arg, uint64_t tag, enum jem_outcome outcome, const char *text)
{
}

static void on_message(void *arg, const struct jem_message *message, jem_delivery_id delivery)
{
}

int jem_check_login(const char *url, const struct jem_broker_access *access, struct jem_err *err)
{
	struct login login = { .result = -ECONNREFUSED };
	char name[64];
	uv_loop_t loop;
	struct jem_client_options options = {
		.loop = &loop,
		.urls = &url,
		.url_count = 1,
		.container_id = name,
		.access = *access,
		.is_publisher = true,
		.events = { on_state, on_writable, on_outcome, on_message },
		.arg = &login,
	};
	int rc = uv_loop_init(&loop);

	signal(SIGPIPE, SIG_IGN); /* a broker may close while we write to it */
	if (rc < 0)
		return jem_err_set(err, rc, "no event loop: %s", uv_strerror(rc));
	snprintf(name, sizeof(name), "jem-check-%d", (int)getpid());
	uv_timer_init(&loop, &login.timer);
	login.timer.data = &login;
	rc = jem_client_create(&options, &login.client, err);
	if (rc < 0)
		uv_close((uv_handle_t *)&login.timer, NULL);
	else
		uv_timer_start(&login.timer, on_timeout, LOGIN_MS, 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	if (rc < 0)
		return rc;
	return login.result < 0 ? jem_err_set(err, login.result, "%s", login.why.text) : 0;
}
