/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/calls/calls_source.h"

#include "common/clock.h"
#include "common/log.h"
#include "daemon/redaction.h"
#include "daemon/sources/calls/drain.h"
#include "daemon/sources/calls/hooks.h"
#include "daemon/sources/calls/listener.h"
#include "daemon/sources/calls/profile_records.h"
#include "daemon/sources/calls/settings.h"
#include "daemon/sources/calls/symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum {
	UNMATCHED_MAX = 64, /* that are told of, each once */
	FAULTS_MAX = 64,    /* that are published; then they are only in the log */
	LAST_WORD_MS = 300, /* for the drain after it was told to give up */
	MESSAGE_MAX = 1024
};

/* A process as the loop knows it. */
struct process {
	struct process *next;
	uint64_t token;
	pid_t pid;
	char *told; /* owned: the config of its hello */
	size_t told_len;
};

struct jem_calls_source {
	struct jem_calls_options options;
	struct jem_calls_changes changes;
	struct jem_listener *listener; /* owned, from here on; each may be NULL */
	struct jem_drain *drain;
	struct jem_symbols *symbols;
	struct process *processes;
	uint64_t next_token;
	struct jem_ticks ticks; /* the first pair */
	bool has_counter;
	int program; /* owned: the file of the job's program, -1: not known */
	char program_name[256];
	bool has_process; /* one has come */
	bool has_dead_end;
	bool is_stopped;
	unsigned faults;
	char *unmatched[UNMATCHED_MAX]; /* owned: told of, pattern and program */
	unsigned unmatched_count;
	uv_timer_t timer; /* of settling */
	bool is_giving_up;
	void (*on_settled)(void *arg);
	void *settled_arg;
};

/* --- what people are told --------------------------------------------------------------------- */

static void publish(struct jem_calls_source *source, const char *state, const char *level,
		    const char *text, const char *remedy)
{
	struct jem_record *record =
		jem_batcher_begin(source->options.batcher, JEM_KIND_status, jem_now_ns());

	jem_record_word(record, "state", state);
	jem_record_word(record, "what", "calls");
	if (level)
		jem_record_word(record, "level", level);
	jem_record_str(record, "text", text);
	if (remedy)
		jem_record_word(record, "remedy", remedy);
	jem_batcher_end(source->options.batcher, JEM_URGENT);
}

/* `of`: the file it is about, or NULL. */
static void tell_dead_end(struct jem_calls_source *source, enum jem_dead_end why, const char *of)
{
	const struct jem_dead_end_info *info = &jem_dead_ends[why];
	char text[MESSAGE_MAX];

	snprintf(text, sizeof(text), "%.720s%s%s", of ? of : "", of ? ": " : "", info->text);
	publish(source, "observing", info->level, text, info->remedy);
	source->has_dead_end = true;
}

void jem_calls_source_dead_end(struct jem_calls_source *source, enum jem_dead_end why)
{
	if (why < JEM_DEAD_END_COUNT)
		tell_dead_end(source, why, NULL);
}

/* Once for a pattern and a program, whatever number of processes run it. */
static void on_unmatched(void *arg, const char *program, const char *pattern)
{
	struct jem_calls_source *source = arg;
	char *text;

	if (source->unmatched_count == UNMATCHED_MAX ||
	    asprintf(&text, "'%.300s' in %.400s", pattern, program) < 0)
		return;
	for (unsigned i = 0; i < source->unmatched_count; i++) {
		if (!strcmp(source->unmatched[i], text)) {
			free(text);
			return;
		}
	}
	source->unmatched[source->unmatched_count++] = text;
	log_warning("calls: %s: %s", text, jem_dead_ends[JEM_DEAD_END_UNMATCHED].text);
	tell_dead_end(source, JEM_DEAD_END_UNMATCHED, text);
}

static void on_fault(void *arg, const char *text)
{
	struct jem_calls_source *source = arg;

	log_warning("calls: %s, ignoring", text);
	if (++source->faults <= FAULTS_MAX)
		publish(source, "degraded", NULL, text, NULL);
}

/* --- what the drain tells --------------------------------------------------------------------- */

static void on_rows(void *arg, const struct jem_column_rows *rows)
{
	struct jem_calls_source *source = arg;

	jem_batcher_push_columns(source->options.batcher, JEM_KIND_call, rows);
}

static void on_lost(void *arg, enum jem_cause cause, uint64_t n)
{
	struct jem_calls_source *source = arg;

	jem_batcher_drop(source->options.batcher, JEM_KIND_call, cause, n);
}

static void on_profile(void *arg, const struct jem_profile_rows *rows)
{
	struct jem_calls_source *source = arg;

	jem_profile_publish(source->options.batcher, rows, jem_now_ns());
}

static void on_module(void *arg, const struct jem_symbols_request *request)
{
	struct jem_calls_source *source = arg;

	jem_symbols_want(source->symbols, request);
}

static void process_destroy(struct process *process)
{
	free(process->told);
	free(process);
}

static void on_gone(void *arg, uint64_t token)
{
	struct jem_calls_source *source = arg;
	struct process **at = &source->processes;
	struct process *gone;

	while (*at && (*at)->token != token)
		at = &(*at)->next;
	gone = *at;
	if (!gone)
		return;
	*at = gone->next;
	process_destroy(gone);
}

static void on_image(void *arg, const struct jem_symbols_request *request,
		     struct jem_calls_image *image, enum jem_dead_end why, bool is_first)
{
	struct jem_calls_source *source = arg;

	/* A library without hooks is what most are; nothing is missing. */
	if (is_first && why != JEM_DEAD_END_COUNT && why != JEM_DEAD_END_NOT_TRACED)
		tell_dead_end(source, why, request->path);
	jem_drain_image(source->drain, request->process, request->module, image);
}

/* --- processes -------------------------------------------------------------------------------- */

/* The thread and the helper, once there is a process to trace. */
static int start_drain(struct jem_calls_source *source)
{
	const struct jem_drain_events events = {
		.on_rows = on_rows,
		.on_lost = on_lost,
		.on_profile = on_profile,
		.on_module = on_module,
		.on_gone = on_gone,
		.on_fault = on_fault,
		.on_unmatched = on_unmatched,
		.arg = source,
	};
	const struct jem_symbols_options symbols = {
		.loop = source->options.loop,
		.program = source->options.symbols,
		.on_image = on_image,
		.arg = source,
	};
	struct jem_redactor *redactor;
	struct jem_err err = { "" };
	bool hides_all;
	int status;

	if (source->drain)
		return 0;
	if (!source->symbols) {
		status = jem_symbols_create(&symbols, &source->symbols);
		if (status < 0)
			return status;
	}
	status = jem_redaction_create(source->options.config, &redactor, &hides_all, &err);
	if (status < 0)
		return status;
	return jem_drain_create(source->options.loop, redactor,
				source->has_counter ? &source->ticks : NULL, &events,
				&source->drain);
}

static int make_settings(struct jem_calls_source *source, const char *told, size_t len,
			 struct jem_calls_settings **ret)
{
	struct jem_err err = { "" };
	int status = jem_calls_settings_make(source->options.config, &source->changes, told, len,
					     on_fault, source, ret, &err);

	/* A bad pattern in the job's own environment: as if it had said nothing. */
	if (status == -EINVAL && len) {
		on_fault(source, err.text);
		status = jem_calls_settings_make(source->options.config, &source->changes, NULL, 0,
						 on_fault, source, ret, &err);
	}
	if (status < 0)
		on_fault(source, err.text);
	return status;
}

static struct process *add_process(struct jem_calls_source *source, const struct jem_hello_in *in)
{
	struct process *process = calloc(1, sizeof(*process));

	if (!process)
		return NULL;
	process->told = malloc(in->hello.config_len + 1);
	if (!process->told) {
		free(process);
		return NULL;
	}
	memcpy(process->told, in->hello.config, in->hello.config_len);
	process->told[in->hello.config_len] = '\0';
	process->told_len = in->hello.config_len;
	process->pid = in->pid;
	process->token = ++source->next_token;
	process->next = source->processes;
	source->processes = process;
	return process;
}

/* A process says hello again: it runs another program, and what it ran before has written its last. */
static void end_earlier(struct jem_calls_source *source, pid_t pid)
{
	for (struct process *process = source->processes; process && pid > 0;
	     process = process->next)
		if (process->pid == pid)
			jem_drain_end(source->drain, process->token);
}

static void on_hello(void *arg, struct jem_hello_in *in)
{
	struct jem_calls_source *source = arg;
	struct jem_calls_settings *settings;
	struct process *process;

	if (source->is_stopped || start_drain(source) < 0 ||
	    make_settings(source, in->hello.config, in->hello.config_len, &settings) < 0) {
		jem_hello_deinit(in);
		return;
	}
	end_earlier(source, in->pid);
	process = add_process(source, in);
	if (!process) {
		jem_calls_settings_unref(settings);
		jem_hello_deinit(in);
		return;
	}
	if (!source->has_process) {
		publish(source, "observing", settings->has_values ? "calls, values" : "calls",
			"calls of the job's C and C++ programs are traced", NULL);
		source->has_process = true;
	}
	(void)jem_drain_add(source->drain, process->token, in, settings);
}

static void on_refused(void *arg, pid_t pid, const char *why)
{
	char text[MESSAGE_MAX];

	snprintf(text, sizeof(text), "process %d is not traced: %s", (int)pid, why);
	on_fault(arg, text);
}

/* --- life ------------------------------------------------------------------------------------- */

bool jem_calls_source_is_wanted(const struct jem_config *config)
{
	return jem_config_list_size(config, JEM_OPTION_calls_include) > 0 &&
	       !jem_config_bool(config, JEM_OPTION_calls_off);
}

static void listen_at(struct jem_calls_source *source)
{
	const struct jem_listener_events events = {
		.on_hello = on_hello,
		.on_refused = on_refused,
		.arg = source,
	};
	const char *address = source->options.address;
	struct jem_err err = { "" };

	if (!source->options.is_launched && source->options.pid > 0)
		tell_dead_end(source, JEM_DEAD_END_RUNNING, NULL);
	if (!address) {
		if (source->options.is_launched)
			tell_dead_end(source, JEM_DEAD_END_NO_SOCKET, NULL);
		return;
	}
	if (jem_listener_open(source->options.loop, address, source->options.pid, &events,
			      &source->listener, &err) >= 0)
		return;
	log_warning("calls: %s, ignoring", err.text);
	tell_dead_end(source, JEM_DEAD_END_NO_SOCKET, NULL);
}

int jem_calls_source_create(const struct jem_calls_options *options, struct jem_calls_source **ret)
{
	struct jem_calls_source *source = calloc(1, sizeof(*source));
	int status;

	if (!source)
		return -ENOMEM;
	source->options = *options;
	source->program = -1;
	source->has_counter = jem_ticks_init(&source->ticks);
	status = jem_calls_changes_init(&source->changes);
	if (status < 0) {
		free(source);
		return status;
	}
	uv_timer_init(options->loop, &source->timer);
	source->timer.data = source;
	listen_at(source);
	*ret = source;
	return 0;
}

void jem_calls_source_program(struct jem_calls_source *source, const char *path)
{
	if (source->program >= 0)
		close(source->program);
	/* Now: at the job's end its name may be another file's. */
	source->program = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	snprintf(source->program_name, sizeof(source->program_name), "%s", path);
}

static void settled(struct jem_calls_source *source)
{
	void (*on_settled)(void *arg) = source->on_settled;

	uv_timer_stop(&source->timer);
	source->on_settled = NULL;
	if (on_settled)
		on_settled(source->settled_arg);
}

static void on_finished(void *arg)
{
	settled(arg);
}

static void on_settle_late(uv_timer_t *timer)
{
	struct jem_calls_source *source = timer->data;

	if (source->is_giving_up) {
		settled(source);
		return;
	}
	source->is_giving_up = true;
	jem_drain_finish(source->drain, true, on_finished);
	uv_timer_start(timer, on_settle_late, LAST_WORD_MS, 0);
}

/* Nobody has reported, and nothing else has been said: why, as far as the program's file tells. */
static void tell_silence(struct jem_calls_source *source)
{
	bool is_traced;

	if (source->has_process || source->has_dead_end || !source->listener)
		return;
	is_traced = source->program < 0 || jem_hooks_are_in(source->program);
	tell_dead_end(source, is_traced ? JEM_DEAD_END_IGNORED : JEM_DEAD_END_NOT_TRACED,
		      *source->program_name ? source->program_name : NULL);
}

void jem_calls_source_settle(struct jem_calls_source *source, uint64_t deadline_ns,
			     void (*on_settled)(void *arg), void *arg)
{
	uint64_t now = jem_now_ns();
	uint64_t left_ms = deadline_ns > now ? (deadline_ns - now) / 1000000 : 0;

	if (source->listener)
		jem_listener_take(source->listener);
	tell_silence(source);
	source->on_settled = on_settled;
	source->settled_arg = arg;
	if (!source->drain) {
		settled(source);
		return;
	}
	uv_timer_start(&source->timer, on_settle_late, left_ms, 0);
	jem_drain_finish(source->drain, false, on_finished);
}

int jem_calls_source_control(struct jem_calls_source *source, const char *assignments, size_t len,
			     struct jem_err *err)
{
	int status = jem_calls_changes_take(&source->changes, assignments, len, err);

	for (struct process *process = source->processes; process && status == 0;
	     process = process->next) {
		struct jem_calls_settings *settings;

		status = make_settings(source, process->told, process->told_len, &settings);
		if (status == 0)
			jem_drain_set(source->drain, process->token, settings);
	}
	return status;
}

bool jem_calls_source_account(struct jem_calls_source *source, struct jem_calls_account *ret)
{
	if (!source->drain)
		return false;
	jem_drain_account(source->drain, ret);
	return true;
}

void jem_calls_source_stop(struct jem_calls_source *source)
{
	if (source->is_stopped)
		return;
	source->is_stopped = true;
	jem_listener_close(source->listener);
	source->listener = NULL;
	if (source->symbols)
		jem_symbols_stop(source->symbols);
	if (source->drain)
		jem_drain_stop(source->drain);
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void jem_calls_source_destroy(struct jem_calls_source *source)
{
	if (!source)
		return;
	source->on_settled = NULL;
	jem_calls_source_stop(source);
	jem_drain_destroy(source->drain);
	jem_symbols_destroy(source->symbols);
	while (source->processes) {
		struct process *process = source->processes;

		source->processes = process->next;
		process_destroy(process);
	}
	for (unsigned i = 0; i < source->unmatched_count; i++)
		free(source->unmatched[i]);
	jem_calls_changes_deinit(&source->changes);
	if (source->program >= 0)
		close(source->program);
	uv_close((uv_handle_t *)&source->timer, on_timer_closed);
}
