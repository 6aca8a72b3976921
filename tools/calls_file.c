/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/calls_file.h"

#include "common/cleanup.h"
#include "common/identity.h"
#include "common/log.h"
#include "daemon/batcher.h"
#include "daemon/redaction.h"
#include "daemon/sources/calls/profile_records.h"
#include "daemon/sources/calls/traced.h"
#include "receiver/receiver.h"
#include "tools/calls_copy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>

enum {
	PLAN_BYTES = 64 << 20, /* sparse, as the process has it */
	ROWS_MAX = 40000,      /* of the profile */
	TOKEN = 1,
};

#define YEAR_NS (365ull * 86400 * 1000000000)

struct reading {
	const struct jem_calls_file_options *options;
	struct jem_identity identity;
	struct jem_clock clock; /* of the process, which may have run on another machine */
	uv_loop_t loop;
	struct jem_redactor *redactor; /* owned, from here on */
	struct jem_batcher *batcher;
	struct jem_receiver *receiver;
	struct jem_symbols *symbols;
	struct jem_traced_shared shared;
	struct jem_traced *traced;
	uint64_t last_ns; /* of the process's clock: latest record */
	uint64_t rows, refused;
};

/* --- to the receiver -------------------------------------------------------------------------- */

static void on_batch(void *arg, struct jem_batch *batch)
{
	struct reading *reading = arg;
	char topic[JEM_TOPIC_MAX];
	struct jem_message message = { .body = { batch->body, batch->len } };

	jem_batch_topic(&batch->head, topic);
	message.topic = (struct jem_slice){ topic, strlen(topic) };
	jem_receiver_accept(reading->receiver, &message, batch->head.seq);
	free(batch);
}

static void on_settle(void *arg, uint64_t ticket, enum jem_outcome outcome)
{
	struct reading *reading = arg;

	(void)ticket;
	if (outcome != JEM_OUTCOME_ACCEPTED)
		reading->refused++;
}

static void take_rows(void *arg)
{
	struct reading *reading = arg;
	struct jem_rows *rows = reading->shared.rows;
	struct jem_column_rows columns;
	struct jem_buf map;
	uint64_t last_ns = rows->last_ns;
	int status;

	if (!rows->n)
		return;
	jem_buf_init(&map, 0);
	status = jem_rows_take(rows, &columns.base_ns, &columns.n, &map);
	columns.map = map.data;
	columns.len = map.len;
	if (last_ns > reading->last_ns)
		reading->last_ns = last_ns;
	if (status == 0) {
		jem_batcher_push_columns(reading->batcher, JEM_KIND_call, &columns);
		reading->rows += columns.n;
	} else {
		jem_batcher_drop(reading->batcher, JEM_KIND_call, JEM_CAUSE_no_memory, columns.n);
	}
	jem_buf_deinit(&map);
}

static void publish_profile(struct reading *reading, bool of_nodes)
{
	struct jem_profile_rows rows;

	if (jem_profile_take(reading->shared.profile, of_nodes, ROWS_MAX, &rows) < 0)
		return;
	jem_profile_publish(reading->batcher, &rows, reading->last_ns);
	jem_profile_rows_deinit(&rows);
}

/* --- symbols ---------------------------------------------------------------------------------- */

static void on_image(void *arg, const struct jem_symbols_request *request,
		     struct jem_calls_image *image, enum jem_dead_end why, bool is_first)
{
	struct reading *reading = arg;

	if (is_first && why != JEM_DEAD_END_COUNT && why != JEM_DEAD_END_NOT_TRACED)
		log_warning("%s: %s; %s", request->path, jem_dead_ends[why].text,
			    jem_dead_ends[why].remedy);
	jem_traced_take_image(reading->traced, request->module, image);
}

static void on_module(void *arg, const struct jem_symbols_request *request)
{
	struct reading *reading = arg;

	jem_symbols_want(reading->symbols, request);
}

static void on_fault(void *arg, const char *text)
{
	(void)arg;
	log_warning("%s, ignoring", text);
}

static void on_unmatched(void *arg, const char *program, const char *pattern)
{
	(void)arg;
	log_warning("'%s' in %s: %s; %s", pattern, program,
		    jem_dead_ends[JEM_DEAD_END_UNMATCHED].text,
		    jem_dead_ends[JEM_DEAD_END_UNMATCHED].remedy);
}

/* --- what it works with ----------------------------------------------------------------------- */

static int make_settings(const struct jem_calls_file_options *options,
			 struct jem_calls_settings **ret, struct jem_err *err)
{
	struct jem_calls_changes changes;
	struct jem_buf words;
	int status = jem_calls_changes_init(&changes);

	if (status < 0)
		return jem_err_set(err, status, "no memory");
	jem_buf_init(&words, 0);
	jem_buf_add(&words, "calls.off=no", sizeof("calls.off=no"));
	jem_buf_add(&words, "calls.values=no", sizeof("calls.values=no"));
	for (size_t i = 0; i < options->pattern_count; i++) {
		jem_buf_printf(&words, "calls.include=%s", options->patterns[i]);
		jem_buf_add_char(&words, '\0');
	}
	if (!options->pattern_count &&
	    !jem_config_list_size(options->config, JEM_OPTION_calls_include))
		jem_buf_add(&words, "calls.include=*", sizeof("calls.include=*"));
	status = words.failed ? jem_err_set(err, -ENOMEM, "no memory")
			      : jem_calls_changes_take(&changes, words.data, words.len, err);
	if (status == 0)
		status = jem_calls_settings_make(options->config, &changes, NULL, 0, on_fault, NULL,
						 ret, err);
	jem_buf_deinit(&words);
	jem_calls_changes_deinit(&changes);
	return status;
}

static int open_shared(struct reading *reading)
{
	const struct jem_value_config values = { .redactor = reading->redactor };
	struct jem_traced_shared *shared = &reading->shared;
	int status = jem_rows_create(reading->redactor, &shared->rows);

	if (status == 0)
		status = jem_value_create(&values, &shared->values);
	if (status == 0)
		status = jem_profile_create(&shared->profile);
	shared->on_full = take_rows;
	shared->on_module = on_module;
	shared->on_fault = on_fault;
	shared->on_unmatched = on_unmatched;
	shared->arg = reading;
	return status;
}

static int open_traced(struct reading *reading, struct jem_err *err)
{
	struct jem_hello_in in = { .pid = 0 };
	struct jem_calls_settings *settings;
	struct jem_ring_header header;
	int status = jem_calls_copy_open(reading->options->path, &in.rings, &in.rings_bytes, err);

	if (status < 0)
		return status;
	memcpy(&header, in.rings, sizeof(header));
	in.plan_bytes = PLAN_BYTES;
	in.plan = mmap(NULL, in.plan_bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (in.plan == MAP_FAILED) {
		in.plan = NULL;
		jem_hello_deinit(&in);
		return jem_err_set(err, -ENOMEM, "no memory");
	}
	status = make_settings(reading->options, &settings, err);
	if (status < 0) {
		jem_hello_deinit(&in);
		return status;
	}
	/* A process that runs for a year from its first call on has other worries. */
	reading->shared.now_ns = header.start_mono_ns + YEAR_NS / 10;
	reading->last_ns = header.start_mono_ns;
	reading->clock.offset_ns = (int64_t)(header.start_ticks - header.start_mono_ns);
	return jem_traced_create(&reading->shared, TOKEN, &in, settings, &reading->traced, err);
}

static int open_stages(struct reading *reading, struct jem_err *err)
{
	const struct jem_calls_file_options *options = reading->options;
	char epoch[JEM_EPOCH_SIZE];
	const struct jem_receiver_options receiver = {
		.loop = &reading->loop,
		.config = options->config,
		.out = options->out,
		.job = &reading->identity.names,
		.on_settle = on_settle,
		.arg = reading,
	};
	const struct jem_batcher_options batcher = {
		.loop = &reading->loop,
		.identity = &reading->identity,
		.clock = &reading->clock,
		.redactor = reading->redactor,
		.epoch = epoch,
		.boot_id = "00000000-0000-0000-0000-000000000000",
		.on_batch = on_batch,
		.arg = reading,
	};
	const struct jem_symbols_options symbols = {
		.loop = &reading->loop,
		.on_image = on_image,
		.arg = reading,
	};
	int status;

	if (mkdir(options->out, 0777) < 0)
		return jem_err_set(err, -errno, "%s: %s", options->out, strerror(errno));
	status = jem_receiver_create(&receiver, &reading->receiver, err);
	if (status < 0)
		return status;
	jem_epoch_make(epoch);
	status = jem_batcher_create(&batcher, &reading->batcher);
	if (status == 0)
		status = jem_symbols_create(&symbols, &reading->symbols);
	return status < 0 ? jem_err_set(err, status, "no memory") : 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void tell_losses(struct reading *reading, struct jem_calls_file_result *ret)
{
	struct jem_traced_losses losses;
	struct jem_batcher *batcher = reading->batcher;

	jem_traced_losses(reading->traced, &losses);
	jem_batcher_drop(batcher, JEM_KIND_call, JEM_CAUSE_queue_full, losses.dropped);
	jem_batcher_drop(batcher, JEM_KIND_call, JEM_CAUSE_rate_limited, losses.limited);
	jem_batcher_drop(batcher, JEM_KIND_call, JEM_CAUSE_invalid, losses.broken);
	jem_batcher_drop(batcher, JEM_KIND_call, JEM_CAUSE_no_memory, losses.unslotted);
	ret->dropped = losses.dropped;
	ret->limited = losses.limited;
	ret->lost = losses.broken + losses.unslotted;
}

static int read_all(struct reading *reading, struct jem_calls_file_result *ret, struct jem_err *err)
{
	jem_traced_look_at_modules(reading->traced);
	while (jem_symbols_are_busy(reading->symbols))
		uv_run(&reading->loop, UV_RUN_ONCE);
	jem_traced_drain(reading->traced);
	jem_traced_give_up(reading->traced);
	take_rows(reading);
	jem_traced_profile(reading->traced, true);
	publish_profile(reading, false);
	publish_profile(reading, true);
	tell_losses(reading, ret);
	ret->rows = reading->rows;
	ret->unselected = reading->traced->unselected;
	jem_batcher_finish(reading->batcher);
	jem_receiver_flush(reading->receiver);
	if (reading->options->is_drawn)
		jem_receiver_finish(reading->receiver, 0);
	if (reading->refused)
		return jem_err_set(err, -EIO, "%s: %" PRIu64 " batches could not be written",
				   reading->options->out, reading->refused);
	return 0;
}

static void on_closed(void *arg)
{
	(void)arg;
}

static void close_all(struct reading *reading)
{
	jem_traced_destroy(reading->traced);
	if (reading->symbols)
		jem_symbols_stop(reading->symbols);
	jem_symbols_destroy(reading->symbols);
	jem_batcher_destroy(reading->batcher);
	if (reading->receiver)
		jem_receiver_close(reading->receiver, on_closed, NULL);
	uv_run(&reading->loop, UV_RUN_DEFAULT);
	uv_loop_close(&reading->loop);
	jem_rows_destroy(reading->shared.rows);
	jem_value_destroy(reading->shared.values);
	jem_profile_destroy(reading->shared.profile);
	jem_redactor_destroy(reading->redactor);
}

int jem_calls_file_record(const struct jem_calls_file_options *options,
			  struct jem_calls_file_result *ret, struct jem_err *err)
{
	struct reading reading = { .options = options };
	struct jem_calls_file_result result = { 0 };
	bool hides_all;
	int status;

	jem_identity_init(&reading.identity, options->config);
	uv_loop_init(&reading.loop);
	status = jem_redaction_create(options->config, &reading.redactor, &hides_all, err);
	if (status == 0 && (status = open_shared(&reading)) < 0)
		jem_err_set(err, status, "no memory");
	if (status == 0)
		status = open_traced(&reading, err);
	if (status == 0)
		status = open_stages(&reading, err);
	if (status == 0)
		status = read_all(&reading, &result, err);
	close_all(&reading);
	if (status == 0)
		*ret = result;
	return status;
}

void jem_calls_file_tell_losses(const struct jem_calls_file_result *result, FILE *out)
{
	if (result->dropped)
		fprintf(out,
			"%" PRIu64 " more found their buffers full; JEM_CALLS_RING_BYTES and "
			"JEM_CALLS_MEMORY make them larger\n",
			result->dropped);
	if (result->limited)
		fprintf(out,
			"%" PRIu64 " more were over JEM_CALLS_PROCESS_LIMIT; 0 takes it away\n",
			result->limited);
	if (result->lost)
		fprintf(out, "%" PRIu64 " more are lost: damaged, or of threads without a buffer\n",
			result->lost);
}

int jem_calls_file_exit_status(int status)
{
	switch (status) {
	case -EINVAL:
		return EX_USAGE;
	case -EBADMSG:
		return EX_DATAERR;
	case -EEXIST:
	case -EIO:
		return EX_CANTCREAT;
	default:
		return EX_NOINPUT;
	}
}
