/* SPDX-License-Identifier: Apache-2.0 */
#include "common/utf8.h"
#include "receiver/model_internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIELD_DEPTH = 4
};

/* Takes `text` over into a field of the model, unless there is none. */
static void replace(char **field, char *text)
{
	if (!text)
		return;
	free(*field);
	*field = text;
}

static void add_phase(struct jem_job_model *model, uint64_t t_ns, enum jem_job_state state)
{
	size_t at = model->phase_count;

	if (at == JEM_MODEL_PHASES) {
		model->forgotten++;
		model->phase_count--;
		memmove(&model->phases[JEM_MODEL_PHASES / 2],
			&model->phases[JEM_MODEL_PHASES / 2 + 1],
			(JEM_MODEL_PHASES - JEM_MODEL_PHASES / 2 - 1) * sizeof(*model->phases));
		at--;
	}
	for (; at && model->phases[at - 1].t_ns > t_ns; at--)
		model->phases[at] = model->phases[at - 1];
	model->phases[at] = (struct jem_model_phase){ t_ns, state };
	model->phase_count++;
}

static void read_end(const struct jem_feed *feed)
{
	struct jem_job_model *model = feed->model;
	uint32_t record = feed->record;
	uint32_t core = jem_json_member(feed->doc, record, "core");

	model->end_ns = feed->t_ns;
	model->exit_code = (int)jem_feed_number(feed, record, "exit_code", -1);
	model->signal = (int)jem_feed_number(feed, record, "signal", -1);
	if (core)
		jem_json_get_bool(feed->doc, core, &model->has_core);
	model->wall_s = jem_feed_number(feed, record, "wall_s", model->wall_s);
	model->cpu_user_s = jem_feed_number(feed, record, "cpu_user_s", model->cpu_user_s);
	model->cpu_system_s = jem_feed_number(feed, record, "cpu_system_s", model->cpu_system_s);
	model->peak_rss_bytes =
		jem_feed_number(feed, record, "peak_rss_bytes", model->peak_rss_bytes);
	model->memory_limit_bytes =
		jem_feed_number(feed, record, "memory_limit_bytes", model->memory_limit_bytes);
}

static int change_state(const struct jem_feed *feed, enum jem_job_state state, const char *word)
{
	struct jem_job_model *model = feed->model;
	enum jem_severity severity = JEM_SEVERITY_NONE;

	if (!strcmp(word, "running") || (state == JEM_JOB_STARTING && !model->start_ns))
		model->start_ns = feed->t_ns;
	add_phase(model, feed->t_ns, state);
	/* What came late does not undo what came after it, and an end is final. */
	if (model->state != JEM_JOB_ENDED &&
	    (feed->t_ns >= model->state_ns || state == JEM_JOB_ENDED)) {
		model->state = state;
		model->state_ns = feed->t_ns;
		replace(&model->state_text, jem_feed_member_text(feed, "text"));
	}
	replace(&model->command, jem_feed_member_text(feed, "command"));
	replace(&model->folder, jem_feed_member_text(feed, "folder"));
	model->pid = (int64_t)jem_feed_number(feed, feed->record, "pid", (double)model->pid);
	if (state == JEM_JOB_ENDED) {
		read_end(feed);
		if (model->exit_code > 0 || model->signal > 0)
			severity = JEM_SEVERITY_CRITICAL;
	}
	return jem_model_add_mark(model, feed->t_ns, severity, strdup(word),
				  jem_feed_member_text(feed, "text"));
}

/* Adds or replaces a field of the environment; takes the value over. */
static void set_field(struct jem_job_model *model, const char *name, char *value)
{
	char *copy;

	if (!value)
		return;
	for (size_t i = 0; i < model->field_count; i++)
		if (!strcmp(model->fields[i].name, name)) {
			replace(&model->fields[i].value, value);
			return;
		}
	copy = model->field_count < JEM_MODEL_FIELDS ? strdup(name) : NULL;
	if (!copy) {
		model->forgotten++;
		free(value);
		return;
	}
	model->fields[model->field_count++] = (struct jem_model_field){ copy, value };
}

/* Any value as text: a string as it is, everything else as it stands in the record. */
static char *value_text(const struct jem_feed *feed, uint32_t token)
{
	const struct jem_json_token *value = &feed->doc->tokens[token];
	const char *start = feed->doc->text + value->start;
	char *text = jem_feed_text(feed, token);
	size_t len;

	if (text || value->type == JEM_JSON_STRING)
		return text;
	len = jem_utf8_cut(start, value->end - value->start, JEM_MODEL_TEXT_MAX);
	text = malloc(len + 1); /* not strndup: a message's body has no NUL behind it */
	if (text) {
		memcpy(text, start, len);
		text[len] = '\0';
	}
	return text;
}

/* An object of a list as one line: path /tmp, type tmpfs. Its name is left out. */
static char *list_text(const struct jem_feed *feed, uint32_t object)
{
	uint32_t end = jem_json_end(feed->doc, object);
	struct jem_buf line;
	char *text;

	jem_buf_init(&line, JEM_MODEL_TEXT_MAX);
	for (uint32_t name = jem_json_first(feed->doc, object); name < end;) {
		uint32_t value = jem_json_next(feed->doc, name);
		char *word = jem_feed_text(feed, name);
		char *content = value_text(feed, value);

		name = jem_json_next(feed->doc, value);
		if (word && content && strcmp(word, "name") != 0)
			jem_buf_printf(&line, "%s%s %s", line.len ? ", " : "", word, content);
		free(word);
		free(content);
	}
	text = line.failed ? NULL : strdup(jem_buf_cstr(&line));
	jem_buf_deinit(&line);
	return text;
}

static void add_fields(const struct jem_feed *feed, uint32_t object, const char *prefix, int depth);

/* Objects become paths, {"system":{"kernel":"6.1"}} is system.kernel; lists are told by name. */
static void add_field(const struct jem_feed *feed, const char *path, uint32_t value, int depth)
{
	const struct jem_json_doc *doc = feed->doc;
	enum jem_json_type type = jem_json_type(doc, value);

	if (depth < FIELD_DEPTH && type == JEM_JSON_OBJECT) {
		add_fields(feed, value, path, depth + 1);
		return;
	}
	if (type != JEM_JSON_ARRAY || jem_json_first(doc, value) == jem_json_end(doc, value) ||
	    jem_json_type(doc, jem_json_first(doc, value)) != JEM_JSON_OBJECT) {
		set_field(feed->model, path, value_text(feed, value));
		return;
	}
	for (uint32_t i = jem_json_first(doc, value); i < jem_json_end(doc, value);
	     i = jem_json_next(doc, i)) {
		uint32_t token = jem_json_member(doc, i, "name");
		char *name = token ? jem_feed_text(feed, token) : NULL;
		char item[256];

		snprintf(item, sizeof(item), "%.120s.%.120s", path, name ? name : "");
		free(name);
		if (jem_json_type(doc, i) == JEM_JSON_OBJECT)
			set_field(feed->model, item, list_text(feed, i));
	}
}

static void add_fields(const struct jem_feed *feed, uint32_t object, const char *prefix, int depth)
{
	uint32_t end = jem_json_end(feed->doc, object);

	for (uint32_t name = jem_json_first(feed->doc, object); name < end;) {
		uint32_t value = jem_json_next(feed->doc, name);
		char *word = jem_feed_text(feed, name);
		char path[256];

		name = jem_json_next(feed->doc, value);
		snprintf(path, sizeof(path), "%.120s%s%.120s", prefix, *prefix ? "." : "",
			 word ? word : "");
		free(word);
		add_field(feed, path, value, depth);
	}
}

static int read_environment(const struct jem_feed *feed)
{
	uint32_t fields = jem_json_member(feed->doc, feed->record, "fields");

	if (!fields || jem_json_type(feed->doc, fields) != JEM_JSON_OBJECT)
		return -EBADMSG;
	add_fields(feed, fields, "", 0);
	return 0;
}

static int read_credential(const struct jem_feed *feed)
{
	char *name = jem_feed_member_text(feed, "name");
	double remaining_s = jem_feed_number(feed, feed->record, "remaining_s", NAN);
	char path[160];
	char *value = NULL;

	if (!name)
		return -EBADMSG;
	snprintf(path, sizeof(path), "credential.%.120s", name);
	free(name);
	if (isnan(remaining_s))
		value = jem_feed_member_text(feed, "text");
	else if (asprintf(&value, remaining_s < 0 ? "ended %.1f h ago" : "%.1f h left",
			  fabs(remaining_s) / 3600) < 0)
		value = NULL;
	set_field(feed->model, path, value);
	return value ? 0 : -EBADMSG;
}

static int read_note(const struct jem_feed *feed)
{
	struct jem_job_model *model = feed->model;
	struct jem_model_note note = {
		.what = jem_feed_member_text(feed, "what"),
		.level = jem_feed_member_text(feed, "level"),
		.text = jem_feed_member_text(feed, "text"),
		.remedy = jem_feed_member_text(feed, "remedy"),
	};
	struct jem_model_note *at = NULL;
	bool is_whole = note.what && note.text;

	for (size_t i = 0; is_whole && i < model->note_count; i++)
		if (!strcmp(model->notes[i].what, note.what))
			at = &model->notes[i];
	if (is_whole && !at && model->note_count < JEM_MODEL_NOTES)
		at = &model->notes[model->note_count++];
	else if (is_whole && !at)
		model->forgotten++;
	if (at) {
		struct jem_model_note old = *at;

		*at = note;
		note = old;
	}
	free(note.what);
	free(note.level);
	free(note.text);
	free(note.remedy);
	return is_whole ? 0 : -EBADMSG;
}

static int mark(const struct jem_feed *feed, const char *word, enum jem_severity severity)
{
	return jem_model_add_mark(feed->model, feed->t_ns, severity, strdup(word),
				  jem_feed_member_text(feed, "text"));
}

int jem_model_feed_status(const struct jem_feed *feed)
{
	static const struct {
		const char *word;
		enum jem_job_state state;
	} states[] = {
		{ "starting", JEM_JOB_STARTING }, { "running", JEM_JOB_RUNNING },
		{ "stopped", JEM_JOB_STOPPED },   { "continued", JEM_JOB_RUNNING },
		{ "ended", JEM_JOB_ENDED },
	};
	uint32_t token = jem_json_member(feed->doc, feed->record, "state");
	char word[32];

	if (!token || jem_json_get_str(feed->doc, token, word, sizeof(word)) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (!strcmp(word, states[i].word))
			return change_state(feed, states[i].state, word);
	if (!strcmp(word, "environment"))
		return read_environment(feed);
	if (!strcmp(word, "credential"))
		return read_credential(feed);
	if (!strcmp(word, "observing"))
		return read_note(feed);
	if (!strcmp(word, "degraded")) {
		replace(&feed->model->degraded, jem_feed_member_text(feed, "text"));
		return mark(feed, "monitor degraded", JEM_SEVERITY_WARNING);
	}
	if (!strcmp(word, "clock"))
		return mark(feed, "clock stepped", JEM_SEVERITY_WARNING);
	if (!strcmp(word, "epoch"))
		return mark(feed, "monitor restarted", JEM_SEVERITY_WARNING);
	if (!strcmp(word, "monitor_ended"))
		feed->model->monitor_ended = true;
	return 0; /* states of later versions are not an error */
}
