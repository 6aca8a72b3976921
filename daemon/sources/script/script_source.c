/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/script/script_source.h"

#include "common/clock.h"
#include "common/log.h"
#include "daemon/sources/script/places.h"
#include "daemon/sources/script/script_peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	TICK_MS = 1000,
	NOTES_MAX = 16,
	FAULTS_MAX = 8,
	RUNNING_MAX = 1024
};

static const uint64_t LONG_NS = 1000000000;

#define CANNOT_SEE                                                                                 \
	"not followed: sh, bash with --posix, -p or -i, scripts that begin with an empty "         \
	"environment (env -i), python with -E or -I, and programs that run as another user"

/* A command that has begun and not ended. */
struct running {
	uint64_t pid; /* 0: free */
	uint64_t t;   /* when it began */
	char *text;   /* owned: its line, JSON */
	size_t len;
	bool is_told;
};

struct jem_script_source {
	struct jem_script_options options;
	struct jem_script_peers *peers; /* owned; NULL: nobody can report */
	struct jem_places *places;      /* owned */
	struct jem_json_doc doc;
	struct running running[RUNNING_MAX];
	unsigned running_count;    /* places in use, from 0 */
	char notes[NOTES_MAX][32]; /* told already */
	unsigned note_count, faults;
	bool has_bash, has_python, is_stopped;
	uv_timer_t timer;
};

/* --- what people are told --------------------------------------------------------------------- */

static void tell(struct jem_script_source *source, const char *state, const char *level,
		 const char *text)
{
	struct jem_record *record =
		jem_batcher_begin(source->options.batcher, JEM_KIND_status, jem_now_ns());

	jem_record_word(record, "state", state);
	jem_record_word(record, "what", "scripts");
	if (level)
		jem_record_word(record, "level", level);
	jem_record_str(record, "text", text);
	jem_batcher_end(source->options.batcher, JEM_URGENT);
}

static void tell_first(struct jem_script_source *source, const char *lang)
{
	bool *has = *lang == 'b' ? &source->has_bash : &source->has_python;

	if (*has)
		return;
	*has = true;
	tell(source, "observing", lang,
	     *lang == 'b' ? "bash scripts are followed; " CANNOT_SEE
			  : "Python scripts are followed; " CANNOT_SEE);
}

static void tell_note(struct jem_script_source *source, const struct jem_script_line *line)
{
	uint32_t token = jem_json_member(&source->doc, 0, "text");
	char text[512];

	for (unsigned i = 0; i < source->note_count; i++)
		if (!strcmp(source->notes[i], line->what))
			return;
	if (source->note_count == NOTES_MAX || !token ||
	    jem_json_get_str(&source->doc, token, text, sizeof(text)) < 0)
		return;
	strcpy(source->notes[source->note_count++], line->what);
	tell(source, "degraded", NULL, text);
}

/* --- commands that run ------------------------------------------------------------------------ */

static void forget(struct jem_script_source *source, unsigned at)
{
	free(source->running[at].text);
	source->running[at] = source->running[--source->running_count];
}

static void begin_running(struct jem_script_source *source, const struct jem_script_line *line,
			  const char *text, size_t len)
{
	struct running *running;

	if (source->running_count == RUNNING_MAX)
		return;
	running = &source->running[source->running_count];
	*running = (struct running){ .pid = line->pid, .t = line->t, .len = len };
	running->text = malloc(len);
	if (!running->text)
		return;
	memcpy(running->text, text, len);
	source->running_count++;
}

static void forget_running(struct jem_script_source *source, uint64_t pid)
{
	for (unsigned i = 0; i < source->running_count; i++)
		if (source->running[i].pid == pid) {
			forget(source, i);
			return;
		}
}

static void record(struct jem_script_source *source, const struct jem_script_line *line)
{
	struct jem_record *record =
		jem_batcher_begin(source->options.batcher, JEM_KIND_script, line->t);

	jem_script_line_write(&source->doc, line, record);
	jem_batcher_end(source->options.batcher,
			line->event == JEM_SCRIPT_EXCEPTION ? JEM_URGENT : JEM_IN_TIME);
}

static void tell_one(struct jem_script_source *source, struct running *running)
{
	struct jem_script_line line;
	struct jem_err err;

	if (running->is_told)
		return;
	running->is_told = true;
	if (jem_json_read(&source->doc, running->text, running->len, &err) == 0 &&
	    jem_script_line_read(&source->doc, &line) == 0)
		record(source, &line);
}

/*
 * Something else comes from a process: what it ran has ended. If that is not what the line tells (`began_ns`: when what it
 * tells began), another program runs there now, and nobody will tell how it ended.
 */
static void end_running(struct jem_script_source *source, uint64_t pid, uint64_t began_ns)
{
	for (unsigned i = 0; i < source->running_count; i++)
		if (source->running[i].pid == pid) {
			if (source->running[i].t != began_ns)
				tell_one(source, &source->running[i]);
			forget(source, i);
			return;
		}
}

static void tell_running(struct jem_script_source *source, uint64_t before_ns)
{
	for (unsigned i = 0; i < source->running_count; i++) {
		if (source->running[i].t <= before_ns)
			tell_one(source, &source->running[i]);
	}
}

/* --- what comes ------------------------------------------------------------------------------- */

/* Before a line is used: the document is read anew where another one was told of meanwhile. */
static void end_others(struct jem_script_source *source, const struct jem_script_line *line,
		       const char *text, size_t len)
{
	struct jem_err err;

	end_running(source, line->pid, line->t - line->duration_ns);
	(void)jem_json_read(&source->doc, text, len, &err);
}

static void take_line(struct jem_script_source *source, const char *text, size_t len)
{
	struct jem_batcher *batcher = source->options.batcher;
	struct jem_script_line line;
	struct jem_err err;
	uint64_t now = jem_now_ns();

	if (jem_json_read(&source->doc, text, len, &err) < 0 ||
	    jem_script_line_read(&source->doc, &line) < 0) {
		jem_batcher_drop(batcher, JEM_KIND_script, JEM_CAUSE_invalid, 1);
		return;
	}
	tell_first(source, line.lang);
	/* A clock that is not ours would tear batches apart. */
	if (line.t > now || now - line.t > 600 * LONG_NS)
		line.t = now;
	switch (line.event) {
	case JEM_SCRIPT_LOST:
		jem_batcher_drop(batcher, JEM_KIND_script, JEM_CAUSE_queue_full, line.n);
		return;
	case JEM_SCRIPT_COUNT:
		jem_places_add(source->places, &line);
		jem_batcher_drop(batcher, JEM_KIND_script, JEM_CAUSE_rate_limited, line.n);
		return;
	case JEM_SCRIPT_NOTE:
		tell_note(source, &line);
		return;
	case JEM_SCRIPT_START:
		end_others(source, &line, text, len);
		begin_running(source, &line, text, len);
		return;
	default:
		break;
	}
	if (line.event == JEM_SCRIPT_CALL) /* what began turned out to be this */
		forget_running(source, line.pid);
	else if (line.event == JEM_SCRIPT_COMMAND)
		end_others(source, &line, text, len);
	if (jem_places_take(source->places, &line, now))
		record(source, &line);
	else
		jem_batcher_drop(batcher, JEM_KIND_script, JEM_CAUSE_rate_limited, 1);
}

static void on_packet(void *arg, const char *text, size_t len)
{
	struct jem_script_source *source = arg;
	const char *end = text + len;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;

		if (stop > text)
			take_line(source, text, (size_t)(stop - text));
		text = stop + 1;
	}
}

static void on_refused(void *arg, pid_t pid, const char *why)
{
	struct jem_script_source *source = arg;
	char text[256];

	snprintf(text, sizeof(text), "process %d is not followed: %s", (int)pid, why);
	log_warning("scripts: %s, ignoring", text);
	if (source->faults++ < FAULTS_MAX)
		tell(source, "degraded", NULL, text);
}

/* --- life ------------------------------------------------------------------------------------- */

bool jem_script_source_is_wanted(const struct jem_config *config)
{
	return jem_config_bool(config, JEM_OPTION_scripts_enabled);
}

static void on_tick(uv_timer_t *timer)
{
	struct jem_script_source *source = timer->data;
	uint64_t now = jem_now_ns();

	tell_running(source, now - LONG_NS);
	jem_places_publish(source->places, source->options.batcher, now);
}

int jem_script_source_create(const struct jem_script_options *options,
			     struct jem_script_source **ret)
{
	struct jem_script_source *source = calloc(1, sizeof(*source));
	struct jem_script_peers_events events = { on_packet, on_refused, source };
	struct jem_err err = { "" };
	int status = source ? jem_places_create(
				      jem_config_u64(options->config, JEM_OPTION_scripts_limit),
				      &source->places)
			    : -ENOMEM;

	if (status < 0) {
		free(source);
		return status;
	}
	source->options = *options;
	jem_json_doc_init(&source->doc);
	uv_timer_init(options->loop, &source->timer);
	source->timer.data = source;
	uv_timer_start(&source->timer, on_tick, TICK_MS, TICK_MS);
	if (!options->address ||
	    jem_script_peers_open(options->loop, options->address, options->pid, &events,
				  &source->peers, &err) < 0) {
		if (options->address)
			log_warning("scripts: %s, ignoring", err.text);
		tell(source, "observing", "none",
		     options->address ? "scripts are not followed: the socket for their reports "
					"cannot be opened"
				      : "scripts are not followed: only those of a job that jem "
					"run started are");
	}
	*ret = source;
	return 0;
}

void jem_script_source_settle(struct jem_script_source *source)
{
	if (!source->peers)
		return;
	jem_script_peers_take(source->peers);
	tell_running(source, UINT64_MAX);
	if (!source->has_bash && !source->has_python)
		tell(source, "observing", "none", "no script has reported; " CANNOT_SEE);
}

void jem_script_source_stop(struct jem_script_source *source)
{
	if (source->is_stopped)
		return;
	source->is_stopped = true;
	uv_timer_stop(&source->timer);
	jem_script_peers_close(source->peers);
	source->peers = NULL;
	jem_places_publish(source->places, source->options.batcher, jem_now_ns());
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void jem_script_source_destroy(struct jem_script_source *source)
{
	if (!source)
		return;
	if (!source->is_stopped) {
		source->is_stopped = true;
		jem_script_peers_close(source->peers);
	}
	while (source->running_count)
		forget(source, 0);
	jem_places_destroy(source->places);
	jem_json_doc_deinit(&source->doc);
	uv_close((uv_handle_t *)&source->timer, on_timer_closed);
}
