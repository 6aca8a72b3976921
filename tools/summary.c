/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/summary.h"

#include "receiver/record_text.h"

#include <inttypes.h>
#include <string.h>

static void put_text(struct jem_buf *buf, const char *text)
{
	jem_text_escape(buf, text, strlen(text));
}

/* Pages set a narrow space before the unit; a terminal may not have it. */
static void make_plain(char *text)
{
	static const char narrow[] = "\xe2\x80\xaf";
	char *at;

	while ((at = strstr(text, narrow))) {
		*at = ' ';
		memmove(at + 1, at + 3, strlen(at + 3) + 1);
	}
}

void jem_summary_format(enum jem_unit unit, double value, char *ret, size_t size)
{
	jem_unit_format(unit, value, ret, size);
	make_plain(ret);
}

void jem_summary_duration(double seconds, char *ret, size_t size)
{
	jem_duration_format(seconds, ret, size);
	make_plain(ret);
}

/* Text in front, a value with its unit, text behind; nothing when it is not known. */
static bool put_value(struct jem_buf *buf, const char *before, enum jem_unit unit, double value,
		      const char *after)
{
	char text[32];

	if (!(value >= 0))
		return false;
	jem_summary_format(unit, value, text, sizeof(text));
	jem_buf_printf(buf, "%s%s%s", before, text, after);
	return true;
}

static bool put_seconds(struct jem_buf *buf, const char *before, double seconds, const char *after)
{
	char text[32];

	if (!(seconds >= 0))
		return false;
	jem_summary_duration(seconds, text, sizeof(text));
	jem_buf_printf(buf, "%s%s%s", before, text, after);
	return true;
}

double jem_summary_wall_s(const struct jem_job_model *model, uint64_t now_ns)
{
	if (model->wall_s >= 0)
		return model->wall_s;
	if (!model->start_ns || now_ns < model->start_ns)
		return -1;
	return (double)(now_ns - model->start_ns) * 1e-9;
}

static void put_name(struct jem_buf *buf, const char *truth, const char *name)
{
	put_text(buf, *truth ? truth : name);
}

void jem_summary_job(const struct jem_job_model *model, uint64_t now_ns, struct jem_buf *buf)
{
	const struct jem_identity *identity = &model->identity;
	double wall_s = jem_summary_wall_s(model, now_ns);

	put_text(buf, jem_model_job_name(model));
	if (*identity->names.user) {
		jem_buf_add_str(buf, " of ");
		put_name(buf, identity->true_user, identity->names.user);
		jem_buf_add_str(buf, " at ");
		put_name(buf, identity->true_site, identity->names.site);
	}
	if (model->node_count == 1 && *model->nodes[0]->name) {
		jem_buf_add_str(buf, " on ");
		put_text(buf, model->nodes[0]->name);
	} else if (model->node_count > 1) {
		jem_buf_printf(buf, " on %zu nodes", model->node_count);
	}
	jem_buf_add_str(buf, ": ");
	if (model->state == JEM_JOB_ENDED && *model->state_text)
		put_text(buf, model->state_text);
	else
		jem_buf_add_str(buf, jem_job_state_name(model->state));
	if (model->state == JEM_JOB_ENDED)
		put_seconds(buf, " after ", wall_s, "");
	else
		put_seconds(buf, " for ", wall_s, "");
	if (model->state != JEM_JOB_ENDED && model->monitor_ended)
		jem_buf_add_str(buf, ", but its monitor has ended");
}

void jem_summary_cpu(const struct jem_job_model *model, struct jem_buf *buf)
{
	const enum jem_scope job = JEM_SCOPE_JOB;
	double user_s = model->cpu_user_s;
	double system_s = model->cpu_system_s;
	double processors = jem_model_total(model, JEM_SCOPE_NODE, "cpu_count");
	double wall_s = jem_summary_wall_s(model, model->last_ns);

	if (user_s < 0)
		user_s = jem_model_total(model, job, "cpu_user_s");
	if (system_s < 0)
		system_s = jem_model_total(model, job, "cpu_system_s");
	if (user_s < 0 && system_s < 0) {
		jem_buf_add_str(buf, "not known yet");
		return;
	}
	if (model->state != JEM_JOB_ENDED)
		put_value(buf, "", JEM_UNIT_cores, jem_model_total(model, job, "cpu_cores"),
			  " now, ");
	put_seconds(buf, "", (user_s > 0 ? user_s : 0) + (system_s > 0 ? system_s : 0), " in all");
	put_seconds(buf, " (user ", user_s, "");
	put_seconds(buf, ", system ", system_s, ")");
	if (processors > 0 && wall_s > 0)
		jem_buf_printf(buf, ", %.0f %% of %.0f processor%s",
			       100 * (user_s + system_s) / wall_s / processors, processors,
			       processors > 1 ? "s" : "");
}

void jem_summary_memory(const struct jem_job_model *model, struct jem_buf *buf)
{
	const enum jem_scope job = JEM_SCOPE_JOB;
	double now = jem_model_total(model, job, "rss_bytes");
	double peak = model->peak_rss_bytes;
	double limit = model->memory_limit_bytes;

	if (peak < 0)
		peak = jem_model_total(model, job, "peak_rss_bytes");
	if (limit < 0)
		limit = jem_model_total(model, job, "memory_limit_bytes");
	if (now < 0 && peak < 0) {
		jem_buf_add_str(buf, "not known yet");
		return;
	}
	if (model->state != JEM_JOB_ENDED)
		put_value(buf, "", JEM_UNIT_bytes, now, " resident, ");
	put_value(buf, "peak ", JEM_UNIT_bytes, peak, "");
	if (put_value(buf, ", limit ", JEM_UNIT_bytes, limit, "") && limit > 0 && peak >= 0)
		jem_buf_printf(buf, " (%.0f %%)", 100 * peak / limit);
}

void jem_summary_files(const struct jem_job_model *model, struct jem_buf *buf)
{
	const enum jem_scope job = JEM_SCOPE_JOB;
	bool is_running = model->state != JEM_JOB_ENDED;

	if (!put_value(buf, "read ", JEM_UNIT_bytes, jem_model_total(model, job, "rchar_bytes"),
		       "")) {
		jem_buf_add_str(buf, "not known yet");
		return;
	}
	if (is_running)
		put_value(buf, " (", JEM_UNIT_bytes_per_s,
			  jem_model_total(model, job, "rchar_bytes_per_s"), ")");
	put_value(buf, ", written ", JEM_UNIT_bytes, jem_model_total(model, job, "wchar_bytes"),
		  "");
	if (is_running)
		put_value(buf, " (", JEM_UNIT_bytes_per_s,
			  jem_model_total(model, job, "wchar_bytes_per_s"), ")");
	put_value(buf, ", work folder ", JEM_UNIT_bytes,
		  jem_model_total(model, JEM_SCOPE_NODE, "work_free_bytes"), " free");
}

static void put_count(struct jem_buf *buf, const char *before, uint64_t count, const char *after)
{
	put_value(buf, before, JEM_UNIT_count, (double)count, after);
}

void jem_summary_calls(const struct jem_job_model *model, uint64_t now_ns, struct jem_buf *buf)
{
	const char *before = "; no record of: ";
	struct jem_model_calls calls;

	if (jem_model_get_calls(model, now_ns, &calls) < 0)
		return;
	if (calls.per_s >= 0)
		put_count(buf, "", (uint64_t)(calls.per_s + 0.5), "/s, ");
	put_count(buf, "", calls.calls, " in all");
	put_count(buf, " of ", calls.functions, calls.functions == 1 ? " function" : " functions");
	if (calls.hottest) {
		jem_buf_add_str(buf, ", most time in ");
		put_text(buf, calls.hottest);
		jem_buf_printf(buf, " (%.0f %%)", 100 * calls.hottest_part);
	}
	for (int cause = 0; cause < JEM_CAUSE_COUNT; cause++)
		if (calls.dropped[cause]) {
			put_count(buf, before, calls.dropped[cause], " ");
			jem_buf_add_str(buf, jem_causes[cause]);
			before = ", ";
		}
}

static const char *severity_name(enum jem_severity severity)
{
	static const char *const names[] = { "info", "warning", "critical" };

	return severity >= JEM_SEVERITY_INFO && severity <= JEM_SEVERITY_CRITICAL ? names[severity]
										  : "alert";
}

static void put_alert(struct jem_buf *buf, const struct jem_model_alert *alert)
{
	jem_buf_printf(buf, "%s ", severity_name(alert->severity));
	put_text(buf, alert->rule ? alert->rule : "");
	jem_buf_add_str(buf, ": ");
	put_text(buf, alert->text ? alert->text : "");
}

static void put_line(struct jem_buf *buf, const struct jem_model_line *line)
{
	if (line->file) {
		put_text(buf, line->file);
		jem_buf_add_str(buf, ": ");
	}
	put_text(buf, line->text ? line->text : "");
}

void jem_summary_last(const struct jem_job_model *model, struct jem_buf *buf)
{
	const struct jem_model_alert *worst = NULL;
	const struct jem_model_alert *alert;
	const struct jem_model_line *line = NULL;
	const struct jem_model_line *next;

	for (size_t i = 0; (alert = jem_model_alert(model, i)); i++)
		if (!worst || alert->severity >= worst->severity)
			worst = alert;
	for (size_t i = 0; (next = jem_model_line(model, i)); i++)
		line = next;
	if (worst && worst->severity >= JEM_SEVERITY_WARNING) {
		put_alert(buf, worst);
	} else if (model->last_error.text) {
		jem_buf_add_str(buf, "error ");
		put_line(buf, &model->last_error);
	} else if (line) {
		put_line(buf, line);
	} else {
		jem_buf_add_str(buf, "no log line, no alert");
	}
}

void jem_summary_all(const struct jem_job_model *model, uint64_t now_ns, struct jem_buf *buf)
{
	jem_buf_add_str(buf, "job     ");
	jem_summary_job(model, now_ns, buf);
	jem_buf_add_str(buf, "\ncpu     ");
	jem_summary_cpu(model, buf);
	jem_buf_add_str(buf, "\nmemory  ");
	jem_summary_memory(model, buf);
	jem_buf_add_str(buf, "\nfiles   ");
	jem_summary_files(model, buf);
	if (jem_model_has_calls(model)) {
		jem_buf_add_str(buf, "\ncalls   ");
		jem_summary_calls(model, now_ns, buf);
	}
	jem_buf_add_str(buf, "\nlast    ");
	jem_summary_last(model, buf);
	jem_buf_add_char(buf, '\n');
}

static void put_alerts(const struct jem_job_model *model, struct jem_buf *buf)
{
	struct jem_text_style style = { 0 };
	const struct jem_model_alert *alert;

	jem_buf_printf(buf, "\nalerts: %" PRIu64 "\n", model->alert_count);
	for (size_t i = 0; (alert = jem_model_alert(model, i)); i++) {
		jem_buf_add_str(buf, "  ");
		jem_text_stamp(&style, buf, alert->t_ns / 1000);
		jem_buf_add_char(buf, ' ');
		put_alert(buf, alert);
		jem_buf_add_char(buf, '\n');
	}
}

static void put_notes(const struct jem_job_model *model, struct jem_buf *buf)
{
	if (model->note_count)
		jem_buf_add_str(buf, "\nwhat is observed:\n");
	for (size_t i = 0; i < model->note_count; i++) {
		const struct jem_model_note *note = &model->notes[i];

		jem_buf_add_str(buf, "  ");
		put_text(buf, note->what ? note->what : "");
		jem_buf_add_str(buf, " (");
		put_text(buf, note->level ? note->level : "");
		jem_buf_add_str(buf, "): ");
		put_text(buf, note->text ? note->text : "");
		if (note->remedy) {
			jem_buf_add_str(buf, "; ");
			put_text(buf, note->remedy);
		}
		jem_buf_add_char(buf, '\n');
	}
}

static void put_streams(const struct jem_job_model *model, struct jem_buf *buf)
{
	jem_buf_printf(buf,
		       "\nrecords: %" PRIu64 ", known to be lost: %" PRIu64
		       ", over a limit and only counted: %" PRIu64 "\n",
		       model->records, jem_model_lost_records(model),
		       jem_model_limited_records(model));
	for (size_t i = 0; i < model->stream_count; i++) {
		const struct jem_model_stream *stream = &model->streams[i];

		jem_buf_printf(buf,
			       "  %-8s %s %s: %" PRIu64 " records in %" PRIu64 " batches, %" PRIu64
			       " missing, %" PRIu64 " duplicates%s\n",
			       jem_kinds[stream->kind].name, stream->node, stream->epoch,
			       stream->records, stream->batches, stream->missing_records,
			       stream->duplicates, stream->is_final ? "" : ", not ended");
	}
}

void jem_summary_details(const struct jem_job_model *model, struct jem_buf *buf)
{
	put_alerts(model, buf);
	put_notes(model, buf);
	put_streams(model, buf);
}
