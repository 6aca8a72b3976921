/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/wire/engine.h"

#include <errno.h>
#include <proton/transport.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	READ_SIZE = JEM_FRAME_MAX + 1024,
	READ_PER_PASS =
		256 << 10, /* bytes; then others get their turn: who reads on fills queues */
	WRITES_PER_PASS = 16,
	REASON_SIZE = 256
};

static void pump(struct jem_engine *engine);

const char *jem_engine_condition(pn_condition_t *condition, const char *otherwise, char *text,
				 size_t size)
{
	const char *description;

	if (!condition || !pn_condition_is_set(condition))
		return otherwise;
	description = pn_condition_get_description(condition);
	snprintf(text, size, "%s%s%s", pn_condition_get_name(condition),
		 description && *description ? ": " : "", description ? description : "");
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?'; /* the peer wrote it */
	return text;
}

static void drain_events(struct jem_engine *engine)
{
	pn_event_t *event;

	while (!engine->is_closing &&
	       (event = pn_connection_driver_next_event(&engine->driver)) != NULL)
		engine->handler->on_event(engine->arg, event);
}

/* Handles events until on_drained makes no more of them. */
static void drain(struct jem_engine *engine)
{
	engine->is_draining = true;
	drain_events(engine);
	while (!engine->is_closing) {
		if (engine->handler->on_drained)
			engine->handler->on_drained(engine->arg);
		if (!pn_connection_driver_has_event(&engine->driver))
			break;
		drain_events(engine);
	}
	engine->is_draining = false;
}

static void end(struct jem_engine *engine)
{
	pn_transport_t *transport = engine->driver.transport;
	char text[REASON_SIZE];

	if (engine->has_ended || engine->is_closing)
		return;
	engine->has_ended = true;
	uv_read_stop(engine->stream);
	engine->handler->on_end(engine->arg, jem_engine_condition(pn_transport_condition(transport),
								  "the connection was closed", text,
								  sizeof(text)));
}

static void fail(struct jem_engine *engine, const char *what, int status)
{
	pn_connection_driver_errorf(&engine->driver, what, "%s", uv_strerror(status));
	pn_connection_driver_close(&engine->driver);
	drain(engine);
	end(engine);
}

/* The alert that tells the peer why goes out if the socket takes it at once. */
static void fail_tls(struct jem_engine *engine)
{
	const char *bytes;
	size_t len = jem_tls_output(engine->tls, &bytes);
	uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)len);

	if (len && !engine->write_len)
		(void)uv_try_write(engine->stream, &buf, 1);
	pn_connection_driver_errorf(&engine->driver, "amqp:connection:tls", "%s",
				    jem_tls_reason(engine->tls));
	pn_connection_driver_close(&engine->driver);
	drain(engine);
	end(engine);
}

static void on_tick(uv_timer_t *timer)
{
	struct jem_engine *engine = timer->data;

	engine->tick_at_ms = 0;
	pump(engine);
}

/* Re-arms only for an earlier deadline: a later one is seen when the timer fires in vain. */
static void tick(struct jem_engine *engine)
{
	uint64_t now = uv_now(engine->tick.loop);
	uint64_t deadline = (uint64_t)pn_transport_tick(engine->driver.transport, (int64_t)now);

	if (!deadline || (engine->tick_at_ms && engine->tick_at_ms <= deadline))
		return;
	engine->tick_at_ms = deadline;
	uv_timer_start(&engine->tick, on_tick, deadline > now ? deadline - now : 0, 0);
}

static void on_written(uv_write_t *write, int status)
{
	struct jem_engine *engine = write->data;
	size_t len = engine->write_len;

	engine->write_len = 0;
	if (engine->is_closing || engine->has_ended)
		return;
	if (status < 0) {
		fail(engine, "write", status);
		return;
	}
	if (engine->tls)
		jem_buf_clear(&engine->sending);
	else
		pn_connection_driver_write_done(&engine->driver, len);
	pump(engine);
}

static void write_later(struct jem_engine *engine, pn_bytes_t bytes)
{
	uv_buf_t buf = uv_buf_init((char *)bytes.start, (unsigned)bytes.size);
	int rc = uv_write(&engine->write, engine->stream, &buf, 1, on_written);

	if (rc < 0)
		fail(engine, "write", rc);
	else
		engine->write_len = bytes.size;
}

/* Under TLS what proton wants to send becomes records; they are copied, as OpenSSL may move its own. */
static pn_bytes_t encrypt(struct jem_engine *engine)
{
	pn_bytes_t plain = pn_connection_driver_write_buffer(&engine->driver);
	ssize_t taken = jem_tls_write(engine->tls, plain.start, plain.size);
	const char *bytes;
	size_t len;

	if (taken > 0)
		pn_connection_driver_write_done(&engine->driver, (size_t)taken);
	if (taken == -EPROTO) {
		fail_tls(engine);
		return pn_bytes(0, NULL);
	}
	len = jem_tls_output(engine->tls, &bytes);
	jem_buf_add(&engine->sending, bytes, len);
	if (engine->sending.failed) {
		fail(engine, "write", UV_ENOMEM);
		return pn_bytes(0, NULL);
	}
	jem_tls_output_done(engine->tls, len);
	return pn_bytes(engine->sending.len, engine->sending.data);
}

static pn_bytes_t output(struct jem_engine *engine)
{
	return engine->tls ? encrypt(engine) : pn_connection_driver_write_buffer(&engine->driver);
}

/* What is left of the output after `len` bytes of it were written. */
static pn_bytes_t output_done(struct jem_engine *engine, size_t len)
{
	if (!engine->tls)
		return pn_connection_driver_write_done(&engine->driver, len);
	memmove(engine->sending.data, engine->sending.data + len, engine->sending.len - len);
	engine->sending.len -= len;
	return pn_bytes(engine->sending.len, engine->sending.data);
}

/* Returns whether there may be more to write at once. */
static bool write_some(struct jem_engine *engine, bool is_last)
{
	pn_bytes_t bytes = output(engine);
	uv_buf_t buf = uv_buf_init((char *)bytes.start, (unsigned)bytes.size);
	int rc;

	if (!bytes.size)
		return false;
	/* The last write of a pass is queued: its callback brings the next pass. */
	rc = is_last ? UV_EAGAIN : uv_try_write(engine->stream, &buf, 1);
	if (rc < 0 && rc != UV_EAGAIN) {
		fail(engine, "write", rc);
		return false;
	}
	if (rc > 0)
		bytes = output_done(engine, (size_t)rc);
	if (rc > 0 && (size_t)rc == buf.len)
		return true;
	write_later(engine, bytes);
	return false;
}

/* Events and output, until there is nothing of either. */
static void pump(struct jem_engine *engine)
{
	/* A reader that is paused waits for the next pass: whoever comes first must not stop that. */
	if (engine->read_len < READ_PER_PASS)
		uv_prepare_stop(&engine->flush);
	if (!engine->stream || engine->is_closing || engine->has_ended)
		return;
	tick(engine);
	for (unsigned i = 1;; i++) {
		bool has_written;

		drain(engine);
		if (engine->is_closing || engine->has_ended || engine->write_len)
			return;
		has_written = write_some(engine, i >= WRITES_PER_PASS);
		if (engine->is_closing || engine->has_ended || engine->write_len)
			return;
		if (!has_written && !pn_connection_driver_has_event(&engine->driver))
			break;
	}
	if (pn_connection_driver_finished(&engine->driver))
		end(engine);
}

static pn_rwbytes_t read_room(struct jem_engine *engine)
{
	pn_rwbytes_t room = pn_connection_driver_read_buffer_sized(&engine->driver, READ_SIZE);

	/* A frame greater than that is waiting in part: the plain call makes the buffer grow. */
	return room.size ? room : pn_connection_driver_read_buffer(&engine->driver);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct jem_engine *engine = handle->data;
	pn_rwbytes_t room;

	(void)suggested;
	if (engine->tls) {
		jem_buf_clear(&engine->cipher);
		(void)jem_buf_reserve(&engine->cipher, READ_SIZE);
		*ret = uv_buf_init(engine->cipher.data, (unsigned)engine->cipher.cap);
		return;
	}
	room = read_room(engine);
	*ret = uv_buf_init(room.start, (unsigned)room.size);
}

static void end_of_stream(struct jem_engine *engine)
{
	uv_read_stop(engine->stream);
	/*
	 * What came last may be understood only when proton is asked for output: the outcome of a
	 * login, which says more than that the connection ended.
	 */
	pump(engine);
	if (engine->is_closing || engine->has_ended)
		return;
	/* Proton does not see the end of a stream within a frame: it is told. */
	if (!pn_connection_driver_read_closed(&engine->driver))
		pn_connection_driver_errorf(&engine->driver, "amqp:connection:framing-error", "%s",
					    "the connection ended without a close");
	pn_connection_driver_close(&engine->driver);
}

/* What came, decrypted, into proton. */
static void decrypt(struct jem_engine *engine, const char *bytes, size_t len)
{
	if (jem_tls_feed(engine->tls, bytes, len) < 0) {
		fail(engine, "read", UV_ENOMEM);
		return;
	}
	while (!engine->is_closing && !engine->has_ended) {
		pn_rwbytes_t room = read_room(engine);
		ssize_t got = room.size ? jem_tls_read(engine->tls, room.start, room.size) : 0;

		if (got > 0) {
			pn_connection_driver_read_done(&engine->driver, (size_t)got);
			drain(engine);
			continue;
		}
		if (got == -EPIPE)
			end_of_stream(engine);
		else if (got < 0)
			fail_tls(engine);
		return;
	}
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
	struct jem_engine *engine = stream->data;

	if (engine->is_closing || engine->has_ended || !nread)
		return;
	if (nread == UV_ENOBUFS && pn_connection_driver_read_closed(&engine->driver)) {
		uv_read_stop(stream); /* proton wants no more: after a close frame or an error */
	} else if (nread == UV_EOF) {
		end_of_stream(engine);
	} else if (nread < 0) {
		fail(engine, "read", (int)nread);
		return;
	} else {
		if (engine->tls)
			decrypt(engine, buf->base, (size_t)nread);
		else
			pn_connection_driver_read_done(&engine->driver, (size_t)nread);
		engine->read_len += (size_t)nread;
		if (engine->is_closing || engine->has_ended)
			return;
		if (engine->read_len >= READ_PER_PASS)
			uv_read_stop(stream); /* the pump of the next pass goes on */
	}
	drain(engine);
	jem_engine_wake(engine);
}

/* In a new pass: with a new allowance, and reading again if the last one was used up. */
static void read_on(struct jem_engine *engine)
{
	bool was_paused = engine->read_len >= READ_PER_PASS;
	int rc;

	engine->read_len = 0;
	if (!was_paused || engine->is_closing || engine->has_ended)
		return;
	rc = uv_read_start(engine->stream, on_alloc, on_read);
	if (rc < 0)
		fail(engine, "read", rc);
}

static void on_flush(uv_prepare_t *flush)
{
	read_on(flush->data);
	pump(flush->data);
}

void jem_engine_wake(struct jem_engine *engine)
{
	if (!engine->is_closing && !engine->has_ended && engine->stream)
		uv_prepare_start(&engine->flush, on_flush);
}

void jem_engine_flush(struct jem_engine *engine)
{
	if (!engine->is_draining)
		pump(engine);
}

int jem_engine_init(struct jem_engine *engine, uv_loop_t *loop,
		    const struct jem_engine_handler *handler, void *arg)
{
	*engine = (struct jem_engine){ .handler = handler, .arg = arg };
	if (pn_connection_driver_init(&engine->driver, NULL, NULL)) {
		pn_connection_driver_destroy(&engine->driver);
		return -ENOMEM;
	}
	pn_transport_set_max_frame(engine->driver.transport, JEM_FRAME_MAX);
	uv_timer_init(loop, &engine->tick);
	uv_prepare_init(loop, &engine->flush);
	engine->tick.data = engine->flush.data = engine->write.data = engine;
	engine->open_handles = 2;
	return 0;
}

void jem_engine_start(struct jem_engine *engine, uv_stream_t *stream)
{
	int rc;

	engine->stream = stream;
	engine->open_handles++;
	stream->data = engine;
	rc = uv_read_start(stream, on_alloc, on_read);
	if (rc < 0)
		fail(engine, "read", rc);
	else
		jem_engine_wake(engine);
}

void jem_engine_start_tls(struct jem_engine *engine, uv_stream_t *stream, struct jem_tls *tls)
{
	engine->tls = tls;
	jem_engine_start(engine, stream);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct jem_engine *engine = handle->data;

	if (handle == (uv_handle_t *)engine->stream)
		free(handle);
	if (--engine->open_handles)
		return;
	pn_connection_driver_destroy(&engine->driver);
	jem_tls_destroy(engine->tls);
	jem_buf_deinit(&engine->cipher);
	jem_buf_deinit(&engine->sending);
	engine->handler->on_closed(engine->arg);
}

void jem_engine_close(struct jem_engine *engine)
{
	if (engine->is_closing)
		return;
	engine->is_closing = true;
	uv_close((uv_handle_t *)&engine->tick, on_handle_closed);
	uv_close((uv_handle_t *)&engine->flush, on_handle_closed);
	if (engine->stream)
		uv_close((uv_handle_t *)engine->stream, on_handle_closed);
}
