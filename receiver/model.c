/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/model.h"

#include "common/utf8.h"
#include "receiver/model_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ONE(name)                                                                                  \
	{                                                                                          \
		name, NULL                                                                         \
	}
#define SUM(a, b)                                                                                  \
	{                                                                                          \
		a, b                                                                               \
	}
#define VALUE false
#define RATE  true
#define NODE  JEM_SCOPE_NODE
#define JOB   JEM_SCOPE_JOB

const struct jem_series_info jem_series_infos[JEM_SERIES_COUNT] = {
#define SERIES(id, scope, sources, transform, unit, label)                                         \
	[JEM_SERIES_##id] = { scope, sources, transform, JEM_UNIT_##unit, label },
#include "receiver/series.def"
#undef SERIES
};

static const char *const state_names[] = { "unknown", "starting", "running", "stopped", "ended" };

int jem_model_create(struct jem_job_model **ret)
{
	struct jem_job_model *model = calloc(1, sizeof(*model));

	if (!model)
		return -ENOMEM;
	jem_buf_init(&model->scratch, 0);
	jem_job_profile_init(&model->profile);
	jem_recent_init(&model->recent);
	model->pid = model->exit_code = model->signal = -1;
	model->wall_s = model->cpu_user_s = model->cpu_system_s = -1;
	model->peak_rss_bytes = model->memory_limit_bytes = -1;
	*ret = model;
	return 0;
}

static void free_line(struct jem_model_line *line)
{
	free(line->file);
	free(line->text);
	free(line->level);
	free(line->rule);
	*line = (struct jem_model_line){ 0 };
}

static void free_alert(struct jem_model_alert *alert)
{
	free(alert->rule);
	free(alert->text);
	*alert = (struct jem_model_alert){ 0 };
}

static void free_mark(struct jem_model_mark *mark)
{
	free(mark->label);
	free(mark->text);
}

void jem_model_node_destroy(struct jem_model_node *node)
{
	if (!node)
		return;
	for (int i = 0; i < JEM_SERIES_COUNT; i++)
		jem_series_deinit(&node->series[i]);
	free(node->metrics);
	free(node->processes);
	free(node);
}

void jem_model_destroy(struct jem_job_model *model)
{
	if (!model)
		return;
	for (size_t i = 0; i < model->node_count; i++)
		jem_model_node_destroy(model->nodes[i]);
	for (size_t i = 0; i < JEM_MODEL_LINES; i++)
		free_line(&model->lines[i]);
	free_line(&model->last_error);
	for (size_t i = 0; i < JEM_MODEL_ALERTS; i++)
		free_alert(&model->alerts[i]);
	for (size_t i = 0; i < model->mark_count; i++)
		free_mark(&model->marks[i]);
	for (size_t i = 0; i < model->field_count; i++) {
		free(model->fields[i].name);
		free(model->fields[i].value);
	}
	for (size_t i = 0; i < model->note_count; i++) {
		free(model->notes[i].what);
		free(model->notes[i].level);
		free(model->notes[i].text);
		free(model->notes[i].remedy);
	}
	free(model->state_text);
	free(model->command);
	free(model->folder);
	free(model->degraded);
	free(model->streams);
	jem_job_profile_deinit(&model->profile);
	jem_recent_deinit(&model->recent);
	jem_buf_deinit(&model->scratch);
	free(model);
}

void jem_model_set_identity(struct jem_job_model *model, const struct jem_identity *identity)
{
	model->identity = *identity;
}

char *jem_feed_text(const struct jem_feed *feed, uint32_t token)
{
	struct jem_buf *buf = &feed->model->scratch;
	size_t len;
	char *text;

	jem_buf_clear(buf);
	if (!token || jem_json_get_text(feed->doc, token, buf) < 0 || buf->failed)
		return NULL;
	len = jem_utf8_cut(buf->data ? buf->data : "", buf->len, JEM_MODEL_TEXT_MAX);
	text = malloc(len + sizeof("\u2026"));
	if (!text)
		return NULL;
	if (len)
		memcpy(text, buf->data, len);
	for (char *nul = text; (nul = memchr(nul, '\0', (size_t)(text + len - nul)));)
		*nul = 0x1a;
	strcpy(text + len, len < buf->len ? "\u2026" : "");
	return text;
}

char *jem_feed_member_text(const struct jem_feed *feed, const char *name)
{
	return jem_feed_text(feed, jem_json_member(feed->doc, feed->record, name));
}

double jem_feed_number(const struct jem_feed *feed, uint32_t object, const char *name,
		       double otherwise)
{
	uint32_t token = jem_json_member(feed->doc, object, name);
	double value;

	if (!token || jem_json_get_real(feed->doc, token, &value) < 0 || !isfinite(value))
		return otherwise;
	return value;
}

/* One mark for one event: a rule on a log line makes a record and an alert of the same time. */
static bool is_marked(struct jem_job_model *model, uint64_t t_ns, enum jem_severity severity,
		      const char *label)
{
	for (size_t i = model->mark_count; i-- > 0;) {
		struct jem_model_mark *mark = &model->marks[i];

		if (mark->t_ns == t_ns && !strcmp(mark->label, label)) {
			if (severity > mark->severity)
				mark->severity = severity;
			return true;
		}
	}
	return false;
}

int jem_model_add_mark(struct jem_job_model *model, uint64_t t_ns, enum jem_severity severity,
		       char *label, char *text)
{
	struct jem_model_mark mark = { t_ns, severity, label, text };
	size_t at;

	if (!label || !text || is_marked(model, t_ns, severity, label)) {
		free_mark(&mark);
		return label && text ? 0 : -ENOMEM;
	}
	if (model->mark_count == JEM_MODEL_MARKS) {
		/* How it began and how it goes on: the middle is what can be missed. */
		at = JEM_MODEL_MARKS / 2;
		free_mark(&model->marks[at]);
		model->mark_count--;
		memmove(&model->marks[at], &model->marks[at + 1],
			(model->mark_count - at) * sizeof(mark));
		model->marks_forgotten++;
	}
	for (at = model->mark_count; at && model->marks[at - 1].t_ns > t_ns; at--)
		model->marks[at] = model->marks[at - 1];
	model->marks[at] = mark;
	model->mark_count++;
	return 0;
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

static enum jem_severity severity_of_level(const char *level)
{
	if (level && (!strcmp(level, "error") || !strcmp(level, "fatal")))
		return JEM_SEVERITY_CRITICAL;
	if (level && !strcmp(level, "warning"))
		return JEM_SEVERITY_WARNING;
	return JEM_SEVERITY_INFO;
}

static int feed_log(const struct jem_feed *feed)
{
	struct jem_job_model *model = feed->model;
	struct jem_model_line *slot = &model->lines[model->line_count % JEM_MODEL_LINES];
	struct jem_model_line line = {
		.t_ns = feed->t_ns,
		.file = jem_feed_member_text(feed, "file"),
		.text = jem_feed_member_text(feed, "text"),
		.level = jem_feed_member_text(feed, "level"),
		.rule = jem_feed_member_text(feed, "rule"),
	};

	if (!line.text || !line.file) {
		free_line(&line);
		return -EBADMSG;
	}
	free_line(slot);
	*slot = line;
	model->line_count++;
	switch (severity_of_level(line.level)) {
	case JEM_SEVERITY_CRITICAL:
		model->error_lines++;
		free_line(&model->last_error);
		model->last_error =
			(struct jem_model_line){ line.t_ns, copy(line.file), copy(line.text),
						 copy(line.level), copy(line.rule) };
		break;
	case JEM_SEVERITY_WARNING:
		model->warning_lines++;
		break;
	default:
		break;
	}
	if (line.rule)
		return jem_model_add_mark(model, line.t_ns, severity_of_level(line.level),
					  copy(line.rule), copy(line.text));
	return 0;
}

static int feed_alert(const struct jem_feed *feed)
{
	static const char *const severities[] = { "info", "warning", "critical" };
	struct jem_job_model *model = feed->model;
	struct jem_model_alert *slot = &model->alerts[model->alert_count % JEM_MODEL_ALERTS];
	uint32_t severity = jem_json_member(feed->doc, feed->record, "severity");
	struct jem_model_alert alert = {
		.t_ns = feed->t_ns,
		.severity = JEM_SEVERITY_NONE,
		.rule = jem_feed_member_text(feed, "rule"),
		.text = jem_feed_member_text(feed, "text"),
	};

	for (int i = JEM_SEVERITY_INFO; i <= JEM_SEVERITY_CRITICAL; i++)
		if (severity && jem_json_equals(feed->doc, severity, severities[i]))
			alert.severity = (enum jem_severity)i;
	if (!alert.rule || !alert.text || alert.severity == JEM_SEVERITY_NONE) {
		free_alert(&alert);
		return -EBADMSG;
	}
	free_alert(slot);
	*slot = alert;
	model->alert_count++;
	model->alerts_by_severity[alert.severity]++;
	return jem_model_add_mark(model, alert.t_ns, alert.severity, copy(alert.rule),
				  copy(alert.text));
}

/* Memory for all a node can have: a node is rare, and feeding a metric never has to grow it. */
static struct jem_model_node *add_node(struct jem_job_model *model, const char *name)
{
	struct jem_model_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	for (int i = 0; i < JEM_SERIES_COUNT; i++)
		jem_series_init(&node->series[i]);
	node->metrics = calloc(JEM_MODEL_METRICS, sizeof(*node->metrics));
	node->processes = calloc(JEM_MODEL_PROCESSES, sizeof(*node->processes));
	if (!node->metrics || !node->processes) {
		jem_model_node_destroy(node);
		return NULL;
	}
	strncpy(node->name, name, sizeof(node->name) - 1);
	model->nodes[model->node_count++] = node;
	return node;
}

static int find_node(struct jem_job_model *model, const char *name, struct jem_model_node **ret)
{
	*ret = NULL;
	for (size_t i = 0; i < model->node_count; i++)
		if (!strncmp(model->nodes[i]->name, name, sizeof(model->nodes[i]->name) - 1))
			*ret = model->nodes[i];
	if (*ret)
		return 0;
	if (model->node_count == JEM_MODEL_NODES) {
		model->forgotten++;
		return 0;
	}
	*ret = add_node(model, name);
	return *ret ? 0 : -ENOMEM;
}

int jem_model_feed(struct jem_job_model *model, const char *node, enum jem_kind kind, uint64_t t_ns,
		   const struct jem_json_doc *doc, uint32_t record)
{
	struct jem_feed feed = { model, NULL, doc, record, t_ns };
	int rc = 0;

	model->records++;
	model->by_kind[kind]++;
	if (!model->first_ns || t_ns < model->first_ns)
		model->first_ns = t_ns;
	if (t_ns > model->last_ns)
		model->last_ns = t_ns;
	switch (kind) {
	case JEM_KIND_status:
		rc = jem_model_feed_status(&feed);
		break;
	case JEM_KIND_metric:
		rc = find_node(model, node, &feed.node);
		if (feed.node)
			rc = jem_model_feed_metric(&feed);
		break;
	case JEM_KIND_log:
		rc = feed_log(&feed);
		break;
	case JEM_KIND_alert:
		rc = feed_alert(&feed);
		break;
	default:
		break;
	}
	if (rc == -EBADMSG)
		model->malformed++;
	return rc;
}

int jem_model_set_stream(struct jem_job_model *model, const struct jem_model_stream *stream)
{
	struct jem_model_stream *streams;

	for (size_t i = 0; i < model->stream_count; i++) {
		struct jem_model_stream *known = &model->streams[i];

		if (known->kind == stream->kind && !strcmp(known->epoch, stream->epoch) &&
		    !strcmp(known->node, stream->node)) {
			*known = *stream;
			return 0;
		}
	}
	if (model->stream_count == JEM_MODEL_STREAMS) {
		model->forgotten++;
		return 0;
	}
	streams = realloc(model->streams, (model->stream_count + 1) * sizeof(*streams));
	if (!streams)
		return -ENOMEM;
	model->streams = streams;
	model->streams[model->stream_count++] = *stream;
	return 0;
}

const struct jem_model_line *jem_model_line(const struct jem_job_model *model, size_t i)
{
	uint64_t kept = model->line_count < JEM_MODEL_LINES ? model->line_count : JEM_MODEL_LINES;

	return i < kept ? &model->lines[(model->line_count - kept + i) % JEM_MODEL_LINES] : NULL;
}

const struct jem_model_alert *jem_model_alert(const struct jem_job_model *model, size_t i)
{
	uint64_t kept =
		model->alert_count < JEM_MODEL_ALERTS ? model->alert_count : JEM_MODEL_ALERTS;

	return i < kept ? &model->alerts[(model->alert_count - kept + i) % JEM_MODEL_ALERTS] : NULL;
}

const char *jem_model_job_name(const struct jem_job_model *model)
{
	return *model->identity.true_job ? model->identity.true_job : model->identity.names.job;
}

enum jem_severity jem_model_worst(const struct jem_job_model *model)
{
	for (int i = JEM_SEVERITY_CRITICAL; i >= JEM_SEVERITY_INFO; i--)
		if (model->alerts_by_severity[i])
			return (enum jem_severity)i;
	return JEM_SEVERITY_NONE;
}

/* Batches that the daemon lost after it had numbered them are missing here, too: once is enough. */
static uint64_t lost_of(const struct jem_model_stream *stream)
{
	uint64_t numbered = stream->dropped[JEM_CAUSE_evicted] +
			    stream->dropped[JEM_CAUSE_rejected] +
			    stream->dropped[JEM_CAUSE_undelivered];
	uint64_t lost = stream->missing_records;

	for (int cause = 0; cause < JEM_CAUSE_COUNT; cause++)
		if (cause != JEM_CAUSE_rate_limited)
			lost += stream->dropped[cause];
	return lost - (numbered < stream->missing_records ? numbered : stream->missing_records);
}

uint64_t jem_model_lost_records(const struct jem_job_model *model)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < model->stream_count; i++)
		lost += lost_of(&model->streams[i]);
	return lost;
}

uint64_t jem_model_limited_records(const struct jem_job_model *model)
{
	uint64_t limited = 0;

	for (size_t i = 0; i < model->stream_count; i++)
		limited += model->streams[i].dropped[JEM_CAUSE_rate_limited];
	return limited;
}

uint64_t jem_model_removed_records(const struct jem_job_model *model)
{
	uint64_t removed = 0;

	for (size_t i = 0; i < model->stream_count; i++)
		removed += model->streams[i].removed_records;
	return removed;
}

const char *jem_job_state_name(enum jem_job_state state)
{
	return state_names[state];
}
