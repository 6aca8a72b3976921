/* SPDX-License-Identifier: Apache-2.0 */
/* job_tables: the sections of a job's page that are tables: lines, processes, delivery, folds. */
#include "common/cleanup.h"
#include "receiver/graph/axis.h"
#include "receiver/page/parts.h"
#include "receiver/page/tables.h"

#include <inttypes.h>
#include <math.h>

enum {
	PROCESSES_SHOWN = 40
};

static void put_number(struct jem_html *html, const char *class, enum jem_unit unit, double value)
{
	char text[48] = "\u2013";

	if (value >= 0)
		jem_unit_format(unit, value, text, sizeof(text));
	jem_html_text_in(html, "td", class, text);
}

static void put_count(struct jem_html *html, const char *class, uint64_t value)
{
	char text[32];

	jem_part_count(value, text, sizeof(text));
	jem_html_text_in(html, "td", class, text);
}

/* The line without terminal colours and other control sequences (ECMA-48): job.log has it whole. */
static void put_line_text(struct jem_html *html, const char *text)
{
	auto_free char *plain = strdup(text);
	char *to = plain;

	for (const char *at = text; plain && *at;) {
		if (at[0] == '\x1b' && at[1] == '[') {
			at += 2;
			while (*at >= 0x20 && *at <= 0x3f)
				at++;
			if (*at >= 0x40 && *at <= 0x7e)
				at++;
			continue;
		}
		*to++ = *at++;
	}
	if (plain)
		*to = '\0';
	html_cell(html, "td", "text", plain ? plain : "");
}

static void put_line(struct jem_html *html, const struct jem_model_line *line)
{
	char clock[16];
	const char *class = NULL;

	if (line->level && (!strcmp(line->level, "error") || !strcmp(line->level, "fatal")))
		class = "error";
	else if ((line->level && !strcmp(line->level, "warning")) || line->rule)
		class = "warning";
	html_open(html, "tr");
	if (class)
		html_attr(html, "class", class);
	jem_part_clock(line->t_ns, clock, sizeof(clock));
	html_cell(html, "td", "t", clock);
	html_cell(html, "td", "file", line->file);
	put_line_text(html, line->text);
	jem_html_close(html);
}

static void put_line_tools(struct jem_html *html)
{
	static const struct jem_search_tools tools = { "search", "search these lines",
						       "search these lines", "levels" };

	jem_search_tools_begin(html, &tools);
	html_attr(html, "aria-pressed", "false");
	jem_html_text(html, "only warnings and errors");
	jem_html_close(html);
	jem_html_close(html);
}

void jem_job_lines(struct jem_html *html, const struct jem_job_model *model)
{
	char kept[32];
	char all[32];
	size_t count = 0;

	jem_section_begin(html, "log", "Last lines");
	while (jem_model_line(model, count))
		count++;
	if (!count) {
		html_cell(html, "p", "muted", "No line of a log has come.");
		jem_html_close(html);
		return;
	}
	put_line_tools(html);
	html_open(html, "div");
	html_class(html, "log card");
	html_attr(html, "id", "lines");
	html_attr(html, "role", "region");
	html_attr(html, "aria-label", "Last lines of the logs");
	html_attr(html, "tabindex", "0");
	html_open(html, "table");
	html_open(html, "thead");
	html_open(html, "tr");
	jem_table_head(html, NULL, "Time (UTC)");
	jem_table_head(html, NULL, "File");
	jem_table_head(html, NULL, "Line");
	jem_table_rows(html);
	for (size_t i = 0; i < count; i++)
		put_line(html, jem_model_line(model, i));
	jem_table_end(html);
	jem_part_count(count, kept, sizeof(kept));
	jem_part_count(model->line_count, all, sizeof(all));
	html_open(html, "p");
	html_class(html, "note");
	jem_html_textf(html, "The last %s of %s lines; job.log has all of them.", kept, all);
	jem_html_close(html);
	jem_html_close(html);
}

struct listed_process {
	const struct jem_model_process *process;
	const char *node;
};

static int by_cpu(const void *a, const void *b)
{
	const struct listed_process *left = a;
	const struct listed_process *right = b;

	if (left->process->cpu_s != right->process->cpu_s)
		return left->process->cpu_s > right->process->cpu_s ? -1 : 1;
	return left->process->pid < right->process->pid ? -1 : 1;
}

static void put_process(struct jem_html *html, const struct jem_job_model *model,
			const struct listed_process *listed)
{
	const struct jem_model_process *process = listed->process;
	char text[48] = "\u2013";

	html_open(html, "tr");
	snprintf(text, sizeof(text), "%" PRId64, process->pid);
	html_cell(html, "td", "n", text);
	html_cell(html, "td", "any", process->comm);
	if (model->node_count > 1)
		html_cell(html, "td", "any", listed->node);
	if (process->cpu_s >= 0)
		jem_duration_format(process->cpu_s, text, sizeof(text));
	html_cell(html, "td", "n", text);
	put_number(html, "n", JEM_UNIT_bytes, process->rss_bytes);
	put_number(html, "n minor", JEM_UNIT_bytes, process->pss_bytes);
	put_number(html, "n minor", JEM_UNIT_bytes, process->peak_rss_bytes);
	put_number(html, "n minor", JEM_UNIT_count, process->threads);
	put_number(html, "n minor", JEM_UNIT_bytes, process->read_bytes);
	put_number(html, "n minor", JEM_UNIT_bytes, process->write_bytes);
	jem_part_clock(process->last_ns, text, sizeof(text));
	html_cell(html, "td", "t minor muted", text);
	jem_html_close(html);
}

static void put_process_head(struct jem_html *html, const struct jem_job_model *model)
{
	static const char *const heads[][2] = {
		{ "n", "CPU time" },      { "n", "Memory" },        { "n minor", "PSS" },
		{ "n minor", "Peak" },    { "n minor", "Threads" }, { "n minor", "Read" },
		{ "n minor", "Written" }, { "minor", "Last seen" },
	};

	jem_table_head(html, "n", "PID");
	jem_table_head(html, NULL, "Name");
	if (model->node_count > 1)
		jem_table_head(html, NULL, "Node");
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		jem_table_head(html, heads[i][0], heads[i][1]);
}

void jem_job_processes(struct jem_html *html, const struct jem_job_model *model)
{
	auto_free struct listed_process *list =
		calloc(JEM_MODEL_NODES * JEM_MODEL_PROCESSES, sizeof(*list));
	uint64_t others = 0;
	size_t count = 0;

	jem_section_begin(html, "processes", "Processes");
	for (size_t i = 0; list && i < model->node_count; i++) {
		others += model->nodes[i]->processes_forgotten;
		for (size_t k = 0; k < model->nodes[i]->process_count; k++)
			list[count++] = (struct listed_process){ &model->nodes[i]->processes[k],
								 model->nodes[i]->name };
	}
	if (!count) {
		html_cell(html, "p", "muted", "No process has been reported yet.");
		jem_html_close(html);
		return;
	}
	qsort(list, count, sizeof(*list), by_cpu);
	jem_table_begin(html, "Processes");
	put_process_head(html, model);
	jem_table_rows(html);
	for (size_t i = 0; i < count && i < PROCESSES_SHOWN; i++)
		put_process(html, model, &list[i]);
	jem_table_end(html);
	others += count > PROCESSES_SHOWN ? count - PROCESSES_SHOWN : 0;
	html_open(html, "p");
	html_class(html, "note");
	if (others)
		jem_html_textf(html,
			       "%" PRIu64
			       " more that used less, or ended long ago, are in metrics.csv "
			       "and data/metric.jsonl. ",
			       others);
	jem_html_text(html, "A process is reported when something moved, at least once a minute.");
	jem_html_close(html);
	jem_html_close(html);
}

static void put_causes(struct jem_html *html, const struct jem_model_stream *stream)
{
	bool is_first = true;

	html_open(html, "td");
	for (int cause = 0; cause < JEM_CAUSE_COUNT; cause++) {
		if (!stream->dropped[cause])
			continue;
		jem_html_textf(html, "%s%" PRIu64 " %s", is_first ? "" : ", ",
			       stream->dropped[cause], jem_causes[cause]);
		is_first = false;
	}
	if (is_first)
		jem_html_text(html, "0");
	jem_html_close(html);
}

/* How many, and of how many batches; which ones is in streams.json. */
static void put_of_batches(struct jem_html *html, uint64_t records, uint64_t batches)
{
	char text[96] = "0";

	if (batches)
		snprintf(text, sizeof(text), "%" PRIu64 " in %" PRIu64 " batches", records,
			 batches);
	html_cell(html, "td", "n wrap", text);
}

static void put_stream(struct jem_html *html, const struct jem_model_stream *stream,
		       bool has_removed)
{

	html_open(html, "tr");
	html_text_in(html, "td", jem_kinds[stream->kind].name);
	html_cell(html, "td", "any minor", stream->node);
	html_open(html, "td");
	html_class(html, "minor");
	html_text_in(html, "code", stream->epoch);
	jem_html_close(html);
	put_count(html, "n minor", stream->batches);
	put_count(html, "n", stream->records);
	put_count(html, "n minor", stream->duplicates);
	put_of_batches(html, stream->missing_records, stream->missing_batches);
	if (has_removed)
		put_of_batches(html, stream->removed_records, stream->removed_batches);
	put_causes(html, stream);
	jem_html_close(html);
}

static void put_streams(struct jem_html *html, const struct jem_job_model *model, bool has_removed)
{
	static const char *const heads[][2] = {
		{ NULL, "Stream" },       { "minor", "Node" }, { "minor", "Epoch" },
		{ "n minor", "Batches" }, { "n", "Records" },  { "n minor", "Duplicates removed" },
		{ "n", "Missing" },
	};

	jem_table_begin(html, "Streams");
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		jem_table_head(html, heads[i][0], heads[i][1]);
	if (has_removed)
		jem_table_head(html, "n", "Removed");
	jem_table_head(html, NULL, "Dropped by the monitor");
	jem_table_rows(html);
	for (size_t i = 0; i < model->stream_count; i++)
		put_stream(html, &model->streams[i], has_removed);
	jem_table_end(html);
}

static void put_removed(struct jem_html *html, uint64_t removed)
{
	char number[32];

	jem_part_count(removed, number, sizeof(number));
	html_open(html, "p");
	html_class(html, "verdict notice");
	jem_html_textf(
		html,
		"%s records came and were removed again, the oldest of what is most first, to "
		"keep the folder within its bound (report.max_bytes, and a twentieth of the "
		"free space): streams.json names their batches. This page was drawn "
		"from all that came.",
		number);
	jem_html_close(html);
}

void jem_job_delivery(struct jem_html *html, const struct jem_job_model *model)
{
	uint64_t removed = jem_model_removed_records(model);
	uint64_t lost = jem_model_lost_records(model);
	uint64_t limited = jem_model_limited_records(model);
	uint64_t records = 0;
	char number[32];

	jem_section_begin(html, "delivery", "Delivery");
	for (size_t i = 0; i < model->stream_count; i++)
		records += model->streams[i].records;
	jem_part_count(lost ? lost : records, number, sizeof(number));
	html_open(html, "p");
	html_attr(html, "class", lost ? "verdict warning" : "verdict good");
	if (!model->stream_count)
		jem_html_text(html, "No stream has been accounted for yet.");
	else if (lost)
		jem_html_textf(html, "%s records were lost; the table says where and why.", number);
	else
		jem_html_textf(html, "Nothing was lost: %s records in %zu streams, none missing.",
			       number, model->stream_count);
	jem_html_close(html);
	if (limited) {
		jem_part_count(limited, number, sizeof(number));
		html_open(html, "p");
		jem_html_textf(html,
			       "%s were over a limit (rate_limited) and are counted, not recorded; "
			       "calls among them are in the profile.",
			       number);
		jem_html_close(html);
	}
	if (removed)
		put_removed(html, removed);
	if (model->stream_count)
		put_streams(html, model, removed > 0);
	if (model->malformed)
		jem_html_textf(html, "%" PRIu64 " records were not as their kind promises.",
			       model->malformed);
	jem_html_close(html);
}

static void begin_fold(struct jem_html *html, const char *id, const char *title, size_t count)
{
	html_open(html, "details");
	html_class(html, "card");
	html_attr(html, "id", id);
	html_open(html, "summary");
	html_text_in(html, "h2", title);
	html_open(html, "span");
	html_class(html, "muted small");
	jem_html_textf(html, "%zu", count);
	jem_html_close(html);
	jem_html_close(html);
	html_open(html, "div");
	html_class(html, "scroll");
	html_open(html, "table");
	html_open(html, "thead");
	html_open(html, "tr");
}

static void end_fold(struct jem_html *html)
{
	jem_table_end(html);  /* up to the scrolling div */
	jem_html_close(html); /* details */
}

static void put_fields(struct jem_html *html, const struct jem_job_model *model)
{
	begin_fold(html, "environment", "Environment", model->field_count);
	jem_table_head(html, NULL, "Name");
	jem_table_head(html, NULL, "Value");
	jem_table_rows(html);
	for (size_t i = 0; i < model->field_count; i++) {
		html_open(html, "tr");
		html_cell(html, "td", "any", model->fields[i].name);
		html_open(html, "td");
		html_class(html, "any");
		html_text_in(html, "code", model->fields[i].value);
		jem_html_close(html);
		jem_html_close(html);
	}
	end_fold(html);
}

static void put_notes(struct jem_html *html, const struct jem_job_model *model)
{
	begin_fold(html, "observed", "What is observed, and what is not", model->note_count);
	jem_table_head(html, NULL, "What");
	jem_table_head(html, NULL, "How well");
	jem_table_head(html, NULL, "In words");
	jem_table_rows(html);
	for (size_t i = 0; i < model->note_count; i++) {
		const struct jem_model_note *note = &model->notes[i];

		html_open(html, "tr");
		html_cell(html, "td", "any", note->what);
		html_cell(html, "td", "any", note->level ? note->level : "");
		html_open(html, "td");
		html_class(html, "any");
		jem_html_text(html, note->text);
		if (note->remedy && *note->remedy) {
			jem_html_text(html, " ");
			html_cell(html, "span", "muted", "To have it: ");
			html_cell(html, "span", "muted", note->remedy);
		}
		jem_html_close(html);
		jem_html_close(html);
	}
	end_fold(html);
}

static void put_metric_value(struct jem_html *html, const char *class, const char *unit,
			     double value)
{
	char text[48];

	if (!strcmp(unit, "bytes"))
		jem_unit_format(JEM_UNIT_bytes, value, text, sizeof(text));
	else if (!strcmp(unit, "bytes/s"))
		jem_unit_format(JEM_UNIT_bytes_per_s, value, text, sizeof(text));
	else if (value == floor(value) && fabs(value) < 1e15)
		snprintf(text, sizeof(text), "%.0f", value);
	else
		snprintf(text, sizeof(text), "%.3f", value);
	jem_html_text_in(html, "td", class, text);
}

static void put_metric(struct jem_html *html, const struct jem_model_metric *metric)
{
	int known = jem_metric_find(metric->name, strlen(metric->name));
	const char *unit = known >= 0 ? jem_metrics[known].unit : "";

	html_open(html, "tr");
	html_text_in(html, "td", jem_scope_name(metric->scope));
	html_open(html, "td");
	html_class(html, "any");
	html_text_in(html, "code", metric->name);
	jem_html_close(html);
	put_metric_value(html, "n", unit, metric->last);
	put_metric_value(html, "n minor", unit, metric->min);
	put_metric_value(html, "n", unit, metric->max);
	html_cell(html, "td", "muted minor", known >= 0 ? jem_metrics[known].meaning : "");
	jem_html_close(html);
}

static void put_metrics(struct jem_html *html, const struct jem_model_node *node, size_t i,
			bool has_several)
{
	char id[32];
	char title[JEM_TRUE_NAME_SIZE + 32];

	snprintf(id, sizeof(id), "metrics-%zu", i);
	snprintf(title, sizeof(title), "All metrics%s%s", has_several ? " of " : "",
		 has_several ? node->name : "");
	begin_fold(html, id, title, node->metric_count);
	jem_table_head(html, NULL, "Of");
	jem_table_head(html, NULL, "Metric");
	jem_table_head(html, "n", "Last");
	jem_table_head(html, "n minor", "Lowest");
	jem_table_head(html, "n", "Highest");
	jem_table_head(html, "minor", "Meaning");
	jem_table_rows(html);
	for (size_t k = 0; k < node->metric_count; k++)
		put_metric(html, &node->metrics[k]);
	end_fold(html);
}

void jem_job_folds(struct jem_html *html, const struct jem_job_model *model)
{
	jem_section_begin(html, "more", "Environment and details");
	html_open(html, "div");
	html_class(html, "folds");
	if (model->field_count)
		put_fields(html, model);
	if (model->note_count)
		put_notes(html, model);
	for (size_t i = 0; i < model->node_count; i++)
		put_metrics(html, model->nodes[i], i, model->node_count > 1);
	jem_html_close(html);
	if (!model->field_count && !model->note_count && !model->node_count)
		html_cell(html, "p", "muted", "Nothing has been told yet.");
	jem_html_close(html);
}
