/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/sched/sched_source.h"

#include "common/clock.h"
#include "common/log.h"
#include "daemon/redaction.h"
#include "daemon/sources/sched/instance.h"
#include "daemon/sources/sched/sched_drain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct jem_sched_source {
	struct jem_sched_source_options options;
	struct jem_sched_drain *drain; /* owned; NULL once stopped */
	uv_timer_t timer;              /* of settling */
	void (*on_settled)(void *arg);
	void *settled_arg;
};

/* --- what people are told --------------------------------------------------------------------- */

static void on_level(void *arg, enum jem_sched_level level, const char *why)
{
	struct jem_sched_source *source = arg;
	const struct jem_sched_level_info *info = &jem_sched_levels[level];
	struct jem_record *record =
		jem_batcher_begin(source->options.batcher, JEM_KIND_status, jem_now_ns());
	char text[768];

	snprintf(text, sizeof(text), "%s%s%s", why, *why ? ": " : "", info->text);
	jem_record_word(record, "state", "observing");
	jem_record_word(record, "what", "sched");
	jem_record_word(record, "level", info->word);
	jem_record_str(record, "text", text);
	if (info->remedy)
		jem_record_word(record, "remedy", info->remedy);
	jem_batcher_end(source->options.batcher, JEM_URGENT);
}

static void on_fault(void *arg, const char *text)
{
	struct jem_sched_source *source = arg;
	struct jem_record *record =
		jem_batcher_begin(source->options.batcher, JEM_KIND_status, jem_now_ns());
	char line[320];

	snprintf(line, sizeof(line), "scheduling is observed no longer: %s", text);
	log_warning("%s, ignoring", line);
	jem_record_word(record, "state", "degraded");
	jem_record_word(record, "what", "sched");
	jem_record_str(record, "text", line);
	jem_batcher_end(source->options.batcher, JEM_URGENT);
}

static void on_rows(void *arg, const struct jem_column_rows *rows)
{
	struct jem_sched_source *source = arg;

	jem_batcher_push_columns(source->options.batcher, JEM_KIND_sched, rows);
}

static void on_lost(void *arg, enum jem_cause cause, uint64_t n)
{
	struct jem_sched_source *source = arg;

	jem_batcher_drop(source->options.batcher, JEM_KIND_sched, cause, n);
}

/* --- life ------------------------------------------------------------------------------------- */

static bool is_level(const struct jem_config *config, const char *word)
{
	const char *level = jem_config_str(config, JEM_OPTION_sched_level);

	return level && !strcmp(level, word);
}

bool jem_sched_source_is_wanted(const struct jem_config *config)
{
	return !is_level(config, "off");
}

static int start_drain(struct jem_sched_source *source)
{
	const struct jem_config *config = source->options.config;
	const char *foreign = jem_config_str(config, JEM_OPTION_privacy_foreign);
	struct jem_sched_drain_options drain = {
		.loop = source->options.loop,
		.job = source->options.pid,
		.launcher = source->options.launcher,
		.is_node = is_level(config, "node") || !source->options.pid,
		.shows_comm = foreign && !strcmp(foreign, "comm"),
		.buffer_bytes = jem_config_u64(config, JEM_OPTION_sched_buffer),
		.why = "",
		.on_rows = on_rows,
		.on_lost = on_lost,
		.on_level = on_level,
		.on_fault = on_fault,
		.arg = source,
	};
	struct jem_err no_tracefs = { "" };
	struct jem_err no_switches = { "" };
	char root[64];
	bool hides_all;
	int status = jem_redaction_create(config, &drain.redactor, &hides_all, NULL);

	if (status < 0)
		return status;
	drain.tries_tracefs = jem_instance_can_open(root, &no_tracefs) == 0;
	if (!drain.tries_tracefs) {
		drain.why = no_tracefs.text;
		if (source->options.pid > 0 &&
		    jem_switches_open(source->options.pid, &drain.switches, &no_switches) < 0)
			drain.why = no_switches.text;
	}
	return jem_sched_drain_create(&drain, &source->drain);
}

int jem_sched_source_create(const struct jem_sched_source_options *options,
			    struct jem_sched_source **ret)
{
	struct jem_sched_source *source = calloc(1, sizeof(*source));
	int status;

	if (!source)
		return -ENOMEM;
	source->options = *options;
	status = start_drain(source);
	if (status < 0) {
		free(source);
		return status;
	}
	uv_timer_init(options->loop, &source->timer);
	source->timer.data = source;
	*ret = source;
	return 0;
}

static void settled(struct jem_sched_source *source)
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
	settled(timer->data);
}

void jem_sched_source_settle(struct jem_sched_source *source, uint64_t deadline_ns,
			     void (*on_settled)(void *arg), void *arg)
{
	uint64_t now = jem_now_ns();
	uint64_t left_ms = deadline_ns > now ? (deadline_ns - now) / 1000000 : 0;

	source->on_settled = on_settled;
	source->settled_arg = arg;
	if (source->drain && jem_sched_drain_finish(source->drain, on_finished))
		uv_timer_start(&source->timer, on_settle_late, left_ms, 0);
	else
		settled(source);
}

void jem_sched_source_stop(struct jem_sched_source *source)
{
	jem_sched_drain_destroy(source->drain);
	source->drain = NULL;
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void jem_sched_source_destroy(struct jem_sched_source *source)
{
	if (!source)
		return;
	source->on_settled = NULL;
	jem_sched_source_stop(source);
	uv_close((uv_handle_t *)&source->timer, on_timer_closed);
}
