/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/feeder.h"

#include "common/clock.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char job_folder[] = "site/user/job";

void feeder_init(struct feeder *feeder)
{
	*feeder = (struct feeder){ .names = { "site", "user", "job", "node" } };
	snprintf(feeder->out, sizeof(feeder->out), "%s/out", check_folder());
	CHECK_OK(uv_loop_init(&feeder->loop));
	CHECK_OK(jem_config_create(&feeder->config));
	memset(feeder->outcomes, -1, sizeof(feeder->outcomes));
}

void feeder_set(struct feeder *feeder, const char *section, const char *key, const char *value)
{
	struct jem_err err;

	if (jem_config_set(feeder->config, JEM_RANK_COMMAND_LINE, "test", section, key, value,
			   &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
}

static void on_settle(void *arg, uint64_t ticket, enum jem_outcome outcome)
{
	struct feeder *feeder = arg;

	feeder->outcomes[ticket] = (int)outcome;
	feeder->settled[ticket]++;
}

void feeder_open(struct feeder *feeder)
{
	struct jem_receiver_options options = {
		.loop = &feeder->loop,
		.config = feeder->config,
		.out = feeder->out,
		.job = feeder->is_single ? &feeder->names : NULL,
		.is_live = feeder->is_live,
		.on_settle = on_settle,
		.arg = feeder,
	};
	struct jem_err err;

	if (jem_receiver_create(&options, &feeder->receiver, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
}

void feeder_close(struct feeder *feeder)
{
	struct jem_receiver_stats stats = jem_receiver_stats(feeder->receiver);

	CHECK_EQ(stats.batches,
		 stats.written + stats.duplicates + stats.invalid + stats.released + stats.held);
	jem_receiver_close(feeder->receiver, NULL, NULL);
	uv_run(&feeder->loop, UV_RUN_DEFAULT);
	feeder->receiver = NULL;
	for (uint64_t ticket = 0; ticket < feeder->next_ticket; ticket++)
		CHECK_EQ(feeder->settled[ticket], 1);
}

void feeder_deinit(struct feeder *feeder)
{
	if (feeder->receiver)
		feeder_close(feeder);
	CHECK_EQ(uv_loop_close(&feeder->loop), 0);
	uv_library_shutdown();
	jem_config_destroy(feeder->config);
}

struct jem_head feeder_head(enum jem_kind kind, uint64_t seq, uint64_t first, uint64_t n)
{
	struct jem_head head = {
		.kind = kind,
		.schema = 1,
		.source.names = { "site", "user", "job", "node" },
		.epoch = "0123456789abcdef",
		.boot_id = "00000000-0000-0000-0000-000000000000",
		.seq = seq,
		.first = first,
		.n = n,
		.t0_us = 1700000000000000 + first * 1000,
		.mono_ns = 5000000000 + first * 1000000,
	};

	return head;
}

uint64_t feeder_send_body(struct feeder *feeder, const char *topic, const char *body, size_t len)
{
	struct jem_message message = { .topic = { topic, strlen(topic) }, .body = { body, len } };

	CHECK(feeder->next_ticket < FEEDER_TICKETS);
	jem_receiver_accept(feeder->receiver, &message, feeder->next_ticket);
	return feeder->next_ticket++;
}

uint64_t feeder_send(struct feeder *feeder, const struct jem_head *head, const char *records)
{
	char topic[JEM_TOPIC_MAX];
	struct jem_buf body;
	uint64_t ticket;

	jem_buf_init(&body, 0);
	jem_batch_encode_json(head, records, strlen(records), &body);
	jem_batch_topic(head, topic);
	ticket = feeder_send_body(feeder, topic, body.data, body.len);
	jem_buf_deinit(&body);
	return ticket;
}

uint64_t feeder_send_lines(struct feeder *feeder, uint64_t seq, uint64_t first, uint64_t n)
{
	struct jem_head head = feeder_head(JEM_KIND_log, seq, first, n);
	struct jem_buf records;
	uint64_t ticket;

	jem_buf_init(&records, 0);
	for (uint64_t i = 0; i < n; i++)
		jem_buf_printf(&records,
			       "%s{\"dt_ns\":%" PRIu64 ",\"file\":\"a.log\",\"offset\":%" PRIu64
			       ",\"text\":\"line %" PRIu64 "\"}",
			       i ? "," : "", i * 1000000, (first + i) * 10, first + i);
	ticket = feeder_send(feeder, &head, jem_buf_cstr(&records));
	jem_buf_deinit(&records);
	return ticket;
}

void feeder_pass(struct feeder *feeder)
{
	uv_run(&feeder->loop, UV_RUN_NOWAIT);
}

static void on_timeout(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

int feeder_wait(struct feeder *feeder, uint64_t ticket)
{
	bool is_over = false;
	uv_timer_t timer;

	uv_timer_init(&feeder->loop, &timer);
	timer.data = &is_over;
	uv_timer_start(&timer, on_timeout, 10000, 0);
	while (!feeder->settled[ticket] && !is_over)
		uv_run(&feeder->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&feeder->loop, UV_RUN_NOWAIT);
	return feeder->outcomes[ticket];
}

char *feeder_read(const struct feeder *feeder, const char *name)
{
	char path[600];
	struct stat st;
	FILE *file;
	char *text;

	snprintf(path, sizeof(path), "%s/%s/%s", feeder->out, feeder->is_single ? "." : job_folder,
		 name);
	file = fopen(path, "re");
	if (!file)
		return NULL;
	CHECK_OK(fstat(fileno(file), &st));
	text = malloc((size_t)st.st_size + 1);
	CHECK_EQ(fread(text, 1, (size_t)st.st_size, file), st.st_size);
	text[st.st_size] = '\0';
	fclose(file);
	return text;
}

void feeder_write_back(const struct feeder *feeder, const char *name, const char *text)
{
	char path[600];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/%s", feeder->out, feeder->is_single ? "." : job_folder,
		 name);
	file = fopen(path, "we");
	CHECK(file != NULL);
	CHECK_EQ(fputs(text, file) >= 0, true);
	CHECK_OK(fclose(file));
}

unsigned feeder_count(const char *text, const char *part)
{
	unsigned count = 0;

	for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
		count++;
	return count;
}
