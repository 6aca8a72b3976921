/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/log/publish.h"

#include "daemon/sources/log/tell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	ALERT_BURST = 10,
	LOST_BURST = 20,
	ALERT_TEXT_MAX = 2048,
	CAPTURE_MAX = 4096,
	PEM_LINES_MAX = 1000 /* a block that never ends is none */
};

static const char pem_begin[] = "-----BEGIN ";
static const char pem_end[] = "-----END ";

void jem_log_publisher_init(struct jem_log_publisher *publisher, struct jem_batcher *batcher,
			    struct jem_redactor *redactor, struct jem_rules *rules,
			    enum jem_log_policy policy)
{
	*publisher = (struct jem_log_publisher){
		.batcher = batcher,
		.redactor = redactor,
		.rules = rules,
		.policy = policy,
	};
	jem_buf_init(&publisher->copy, 0);
	jem_buf_init(&publisher->text, 0);
}

void jem_log_publisher_deinit(struct jem_log_publisher *publisher)
{
	jem_buf_deinit(&publisher->copy);
	jem_buf_deinit(&publisher->text);
}

void jem_log_publisher_begin_pass(struct jem_log_publisher *publisher, uint64_t now_ns)
{
	publisher->now_ns = now_ns;
}

void jem_log_publisher_end_pass(struct jem_log_publisher *publisher)
{
	if (!publisher->holds_match)
		return;
	publisher->holds_match = false;
	publisher->urgent_ns = publisher->now_ns;
	jem_batcher_flush(publisher->batcher, JEM_KIND_log);
}

static bool let_through(struct jem_log_bucket *bucket, uint64_t now_ns, unsigned burst)
{
	const uint64_t second = 1000000000u;

	if (bucket->full_at_ns < now_ns)
		bucket->full_at_ns = now_ns;
	if (bucket->full_at_ns + second > now_ns + burst * second) {
		bucket->suppressed++;
		return false;
	}
	bucket->full_at_ns += second;
	return true;
}

/* `file` and `file_id` are the same in every record of a file: made and redacted once. */
static void make_members(struct jem_log_publisher *publisher, const struct jem_follow *follow,
			 struct jem_follow_file *file)
{
	struct jem_buf *members = &file->members;
	struct jem_record text = { jem_json_to(members), publisher->redactor };

	if (members->len && file->members_cuts == file->tail.at.cuts)
		return;
	jem_buf_clear(members);
	jem_record_str(&text, "file", follow->label);
	jem_record_word(&text, "file_id", file->tail.id_text);
	file->members_cuts = file->tail.at.cuts;
	file->spooled = publisher->spooled
				? jem_spooled_find(publisher->spooled, file->tail.id_text)
				: NULL;
}

static void add_members(const struct jem_follow_file *file, struct jem_record *record)
{
	const struct jem_buf *members = &file->members;

	if (!members->failed)
		jem_json_raw(&record->json, members->data, members->len);
}

static void add_number(struct jem_record *record, const char *name, const char *value, size_t len)
{
	char text[48];
	char *end;
	double number;

	if (!len || len >= sizeof(text))
		return;
	memcpy(text, value, len);
	text[len] = '\0';
	number = strtod(text, &end);
	if (!*end && isfinite(number))
		jem_record_real(record, name, number);
}

/* All captures as text, or those that are numbers as numbers. */
static void add_captures(struct jem_record *record, const struct jem_log_rule *rule,
			 bool only_numbers)
{
	const char *name;
	const char *value;
	size_t len;

	for (size_t i = 0; jem_log_rule_capture(rule, i, &name, &value, &len); i++) {
		bool is_secret = jem_redact_name_is_secret(name, strlen(name));

		if (only_numbers) {
			if (!is_secret)
				add_number(record, name, value, len);
		} else if (is_secret) {
			jem_record_word(record, name, "***");
		} else {
			jem_record_text(record, name, value, len < CAPTURE_MAX ? len : CAPTURE_MAX);
		}
	}
}

/* What happened to one line on its way. */
struct verdict {
	struct jem_rules_result result;
	const char *text;
	size_t len;
	bool has_captures; /* the captures are of the text that is published */
};

static void add_rule(struct jem_log_publisher *publisher, struct jem_record *record,
		     const struct verdict *verdict)
{
	const struct jem_log_rule *rule;

	if (verdict->result.level)
		jem_record_word(record, "level", verdict->result.level);
	if (verdict->result.rule < 0)
		return;
	rule = jem_rules_at(publisher->rules, (size_t)verdict->result.rule);
	jem_record_str(record, "rule", jem_log_rule_source(rule)->name);
	if (!verdict->has_captures)
		return;
	jem_record_object_begin(record, "fields");
	add_captures(record, rule, false);
	jem_record_object_end(record);
}

static bool is_error(const char *level)
{
	return level && (!strcmp(level, "error") || !strcmp(level, "fatal"));
}

static void publish_record(struct jem_log_publisher *publisher, const struct jem_follow_file *file,
			   const struct jem_line *line, const struct verdict *verdict)
{
	bool is_matched = verdict->result.rule >= 0;
	bool is_urgent =
		is_matched && publisher->now_ns - publisher->urgent_ns >= JEM_PUBLISH_GATHER_NS;
	struct jem_record *record =
		jem_batcher_begin(publisher->batcher, JEM_KIND_log, publisher->now_ns);

	add_members(file, record);
	jem_record_u64(record, "offset", line->offset);
	jem_json_key(&record->json, "text");
	jem_json_text(&record->json, verdict->text, verdict->len); /* redacted by now */
	if (line->full_len > line->len) {
		jem_record_u64(record, "length", line->full_len);
		publisher->account.cut++;
	}
	add_rule(publisher, record, verdict);
	jem_batcher_end(publisher->batcher, is_urgent ? JEM_URGENT : JEM_IN_TIME);
	if (publisher->job && is_error(verdict->result.level))
		jem_job_note_error_line(publisher->job, verdict->text, verdict->len);
	publisher->account.records++;
	if (is_urgent)
		publisher->urgent_ns = publisher->now_ns;
	publisher->holds_match |= is_matched && !is_urgent;
}

static void publish_alert(struct jem_log_publisher *publisher, const struct jem_follow *follow,
			  const struct jem_line *line, const struct verdict *verdict, uint8_t i)
{
	const struct jem_log_rule *rule = jem_rules_at(publisher->rules, i);
	const struct jem_rule *source = jem_log_rule_source(rule);
	struct jem_log_bucket *bucket = &publisher->alerts[i];
	struct jem_record *record;

	if (!let_through(bucket, publisher->now_ns, ALERT_BURST)) {
		jem_batcher_drop(publisher->batcher, JEM_KIND_alert, JEM_CAUSE_rate_limited, 1);
		return;
	}
	jem_buf_clear(&publisher->text);
	if (verdict->has_captures)
		jem_log_rule_alert_text(rule, verdict->text, verdict->len, &publisher->text);
	else
		jem_buf_add(&publisher->text, verdict->text, verdict->len);
	record = jem_batcher_begin(publisher->batcher, JEM_KIND_alert, publisher->now_ns);
	jem_record_str(record, "rule", source->name);
	jem_record_word(record, "severity", source->severity);
	jem_record_text(record, "text", publisher->text.data,
			publisher->text.len < ALERT_TEXT_MAX ? publisher->text.len
							     : ALERT_TEXT_MAX);
	jem_record_object_begin(record, "values");
	if (verdict->has_captures)
		add_captures(record, rule, true);
	jem_record_object_end(record);
	jem_record_str(record, "file", follow->label);
	jem_record_u64(record, "offset", line->offset);
	if (bucket->suppressed)
		jem_record_u64(record, "suppressed", bucket->suppressed);
	bucket->suppressed = 0;
	jem_batcher_end(publisher->batcher, JEM_URGENT);
	publisher->account.alerts++;
	if (publisher->job)
		jem_job_note_alert(publisher->job, source->severity, publisher->text.data,
				   publisher->text.len);
}

/* The inside of a key is in lines of its own, where no pattern for one line can know it. */
static bool is_in_pem(struct jem_log_publisher *publisher, struct jem_follow_file *file,
		      const struct jem_line *line)
{
	const char *end = line->text + line->len;

	if (file->pem_lines) {
		file->pem_lines--;
		if (memmem(line->text, line->len, pem_end, sizeof(pem_end) - 1))
			file->pem_lines = 0;
		return true;
	}
	while (publisher->pem && publisher->pem < line->text)
		publisher->pem = memmem(line->text, (size_t)(publisher->region_end - line->text),
					pem_begin, sizeof(pem_begin) - 1);
	if (!publisher->pem || publisher->pem >= end)
		return false;
	if (!memmem(publisher->pem, (size_t)(end - publisher->pem), pem_end, sizeof(pem_end) - 1))
		file->pem_lines = PEM_LINES_MAX;
	return false; /* the redactor knows the first line itself */
}

static bool has_same_rules(const struct jem_rules_result *a, const struct jem_rules_result *b)
{
	return a->rule == b->rule && a->alert_count == b->alert_count &&
	       !memcmp(a->alerts, b->alerts, a->alert_count);
}

static void begin_region(struct jem_log_publisher *publisher, const char *start, const char *end)
{
	publisher->region_end = end;
	publisher->pem = memmem(start, (size_t)(end - start), pem_begin, sizeof(pem_begin) - 1);
	jem_rules_region(publisher->rules, start, (size_t)(end - start));
}

/* The text as it is published; captures are taken from that text, never from the raw one. */
static void redact(struct jem_log_publisher *publisher, struct jem_follow *follow,
		   const struct jem_line *line, bool is_hidden, struct verdict *verdict)
{
	const char *region_end = publisher->region_end;
	struct jem_rules_result result;

	verdict->text = is_hidden ? "***" : line->text;
	verdict->len = is_hidden ? 3 : line->len;
	verdict->has_captures = true;
	if (!is_hidden)
		verdict->text = jem_redact(publisher->redactor, line->text, &verdict->len);
	if (verdict->text == line->text)
		return;
	jem_buf_clear(&publisher->copy);
	jem_buf_add(&publisher->copy, verdict->text, verdict->len);
	verdict->text = jem_buf_cstr(&publisher->copy);
	verdict->len = publisher->copy.failed ? 0 : publisher->copy.len;
	if (verdict->result.rule < 0)
		return;
	jem_rules_region(publisher->rules, verdict->text, verdict->len);
	jem_rules_match(publisher->rules, &follow->scope, verdict->text, verdict->len, &result);
	verdict->has_captures = has_same_rules(&result, &verdict->result);
	jem_rules_region(publisher->rules, line->text, (size_t)(region_end - line->text));
}

static void on_region(void *arg, const char *start, size_t len)
{
	begin_region(arg, start, start + len);
}

static void on_line(void *arg, struct jem_follow *follow, struct jem_follow_file *file,
		    const struct jem_line *line)
{
	struct jem_log_publisher *publisher = arg;
	struct jem_log_account *account = &publisher->account;
	struct verdict verdict;
	bool is_hidden = is_in_pem(publisher, file, line);
	bool is_matched;

	account->lines++;
	account->bytes += line->full_len;
	jem_rules_match(publisher->rules, &follow->scope, line->text, line->len, &verdict.result);
	is_matched = verdict.result.rule >= 0;
	account->matched += is_matched;
	if (publisher->policy != JEM_LOG_ALL && !is_matched) {
		account->filtered++;
		return;
	}
	redact(publisher, follow, line, is_hidden, &verdict);
	make_members(publisher, follow, file);
	if (file->spooled && jem_spooled_has(file->spooled, line, verdict.text, verdict.len)) {
		account->known++;
		return;
	}
	for (unsigned i = 0; i < verdict.result.alert_count; i++)
		publish_alert(publisher, follow, line, &verdict, verdict.result.alerts[i]);
	if (publisher->policy == JEM_LOG_OFF)
		account->filtered++;
	else
		publish_record(publisher, file, line, &verdict);
}

static void on_lost(void *arg, struct jem_follow *follow, struct jem_follow_file *file,
		    uint64_t from, uint64_t to)
{
	struct jem_log_publisher *publisher = arg;
	struct jem_log_bucket *bucket = &publisher->lost;

	if (to > from) {
		publisher->account.ranges_lost++;
		publisher->account.bytes_lost += to - from;
		jem_batcher_drop(publisher->batcher, JEM_KIND_log, JEM_CAUSE_truncated, 1);
	}
	if (!let_through(bucket, publisher->now_ns, LOST_BURST)) {
		jem_batcher_drop(publisher->batcher, JEM_KIND_status, JEM_CAUSE_rate_limited, 1);
		return;
	}
	jem_log_tell_cut(publisher->batcher, follow, file, from, to, bucket->suppressed);
	bucket->suppressed = 0;
}

struct jem_follow_sink jem_log_publisher_sink(struct jem_log_publisher *publisher)
{
	return (struct jem_follow_sink){ on_region, on_line, on_lost, publisher };
}
