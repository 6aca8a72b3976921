/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/record_text.h"

#include "common/utf8.h"
#include "receiver/calls/call_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Script records further in than this stand no further in. */
enum {
	NESTING_MAX = 16
};

/* One record on its way to a line. */
struct writer {
	struct jem_text_style *style; /* borrowed */
	struct jem_buf *buf;          /* borrowed */
	const struct jem_json_doc *doc;
	uint32_t record;
};

static void color(const struct writer *w, const char *code)
{
	if (w->style->is_colored)
		jem_buf_printf(w->buf, "\033[%sm", code);
}

/* U+0080 to U+009F, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069, U+FEFF. */
static bool is_hidden(const unsigned char *s, unsigned n)
{
	unsigned third = n == 3 ? s[2] : 0;

	if (n == 2)
		return s[0] == 0xc2 && s[1] < 0xa0;
	if (n != 3)
		return false;
	if (s[0] == 0xe2 && s[1] == 0x80)
		return third == 0x8e || third == 0x8f || (third >= 0xa8 && third <= 0xae);
	if (s[0] == 0xe2 && s[1] == 0x81)
		return third >= 0xa6 && third <= 0xa9;
	return s[0] == 0xef && s[1] == 0xbb && third == 0xbf;
}

static void escape_char(struct jem_buf *buf, const unsigned char *s, unsigned n)
{
	if (n <= 1) {
		if (*s >= '\a' && *s <= '\r')
			jem_buf_printf(buf, "\\%c", "abtnvfr"[*s - '\a']);
		else
			jem_buf_printf(buf, "\\x%02x", *s);
	} else if (n == 2) {
		jem_buf_printf(buf, "\\u%04x", (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu));
	} else {
		jem_buf_printf(buf, "\\u%04x",
			       (s[0] & 0xfu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu));
	}
}

void jem_text_escape(struct jem_buf *buf, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t plain = 0; /* where the text begins that was not copied yet */
	size_t i = 0;

	while (i < len) {
		unsigned n;

		if (s[i] >= 0x20 && s[i] < 0x7f) {
			i++;
			continue;
		}
		n = s[i] < 0x80 ? 1 : jem_utf8_char(s + i, len - i);
		if (n > 1 && !is_hidden(s + i, n)) {
			i += n;
			continue;
		}
		jem_buf_add(buf, text + plain, i - plain);
		escape_char(buf, s + i, n);
		i += n ? n : 1;
		plain = i;
	}
	jem_buf_add(buf, text + plain, len - plain);
}

void jem_text_number(struct jem_buf *buf, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	jem_buf_add(buf, digits + at, sizeof(digits) - at);
}

void jem_text_stamp(struct jem_text_style *style, struct jem_buf *buf, uint64_t t_us)
{
	uint64_t second = t_us / 1000000;
	unsigned ms = (unsigned)(t_us / 1000 % 1000);
	char fraction[4] = { '.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
			     (char)('0' + ms % 10) };

	if (second != style->second || !*style->stamp) {
		time_t t = (time_t)second;
		struct tm utc;

		style->second = second;
		if (!gmtime_r(&t, &utc) ||
		    !strftime(style->stamp, sizeof(style->stamp), "%Y-%m-%d %H:%M:%S", &utc))
			snprintf(style->stamp, sizeof(style->stamp), "%" PRIu64, second);
	}
	jem_buf_add_str(buf, style->stamp);
	jem_buf_add(buf, fraction, sizeof(fraction));
}

/* A string without quotes, any other value as its JSON text. */
static void put_value(const struct writer *w, uint32_t token)
{
	const struct jem_json_token *t = &w->doc->tokens[token];
	struct jem_buf text;

	if (t->type != JEM_JSON_STRING || !t->escaped) {
		jem_text_escape(w->buf, w->doc->text + t->start, t->end - t->start);
		return;
	}
	jem_buf_init(&text, 0);
	if (jem_json_get_text(w->doc, token, &text) == 0 && text.len)
		jem_text_escape(w->buf, text.data, text.len);
	jem_buf_deinit(&text);
}

static uint32_t member(const struct writer *w, const char *name)
{
	return jem_json_member(w->doc, w->record, name);
}

static bool put_member(const struct writer *w, const char *name)
{
	uint32_t token = member(w, name);

	if (token)
		put_value(w, token);
	return token;
}

/* A name=value whose value would be read wrongly without quotes gets them. */
static void put_pair(const struct writer *w, uint32_t name)
{
	const struct jem_json_token *value = &w->doc->tokens[name + 1];
	const char *text = w->doc->text + value->start;
	size_t len = value->end - value->start;
	bool is_quoted = value->type == JEM_JSON_STRING && (!len || memchr(text, ' ', len));

	jem_buf_add_char(w->buf, ' ');
	put_value(w, name);
	jem_buf_add_char(w->buf, '=');
	if (is_quoted)
		jem_buf_add_char(w->buf, '"');
	put_value(w, name + 1);
	if (is_quoted)
		jem_buf_add_char(w->buf, '"');
}

/* Every member whose name is not in `told`, which ends in NULL. */
static void put_others(const struct writer *w, uint32_t object, const char *const *told)
{
	const struct jem_json_doc *doc = w->doc;

	if (jem_json_type(doc, object) != JEM_JSON_OBJECT)
		return;
	for (uint32_t i = jem_json_first(doc, object); i < jem_json_end(doc, object);
	     i = jem_json_next(doc, i + 1)) {
		const char *const *name = told;

		while (*name && !jem_json_equals(doc, i, *name))
			name++;
		if (!*name)
			put_pair(w, i);
	}
}

/* What every line leaves out: it is in the stamp already, or nobody asks for it. */
#define ALWAYS "t", "epoch", "seq", "i", "mono_s", "dt_ns"

static void put_status(const struct writer *w)
{
	/* The environment's fields are a page of their own: data/status.jsonl has them. */
	static const char *const told[] = {
		ALWAYS, "state", "text", "what", "level", "fields", NULL
	};

	color(w, "1");
	put_member(w, "state");
	color(w, "0");
	if (member(w, "what")) {
		jem_buf_add_char(w->buf, ' ');
		put_member(w, "what");
		if (member(w, "level")) {
			jem_buf_add_str(w->buf, " (");
			put_member(w, "level");
			jem_buf_add_char(w->buf, ')');
		}
	}
	jem_buf_add_str(w->buf, ": ");
	put_member(w, "text");
	put_others(w, w->record, told);
}

static const char *severity_color(const struct writer *w, uint32_t token)
{
	if (token &&
	    (jem_json_equals(w->doc, token, "critical") ||
	     jem_json_equals(w->doc, token, "fatal") || jem_json_equals(w->doc, token, "error")))
		return "1;31";
	if (token && jem_json_equals(w->doc, token, "warning"))
		return "33";
	return "0";
}

static void put_upper(const struct writer *w, uint32_t token)
{
	size_t from = w->buf->len;

	put_value(w, token);
	for (size_t i = from; i < w->buf->len; i++)
		if (w->buf->data[i] >= 'a' && w->buf->data[i] <= 'z')
			w->buf->data[i] -= 'a' - 'A';
}

/* The last segment of a path. */
static void put_file(const struct writer *w, uint32_t token)
{
	const struct jem_json_token *t = &w->doc->tokens[token];
	const char *text = w->doc->text + t->start;
	const char *slash;

	if (t->type != JEM_JSON_STRING || t->escaped) {
		put_value(w, token);
		return;
	}
	slash = memrchr(text, '/', t->end - t->start);
	if (slash && slash + 1 < w->doc->text + t->end)
		jem_text_escape(w->buf, slash + 1, (size_t)(w->doc->text + t->end - slash - 1));
	else
		put_value(w, token);
}

/* Told at a glance: one pass over the members, because there may be many such records. */
static void put_log(const struct writer *w)
{
	const struct jem_json_doc *doc = w->doc;
	uint32_t file = 0;
	uint32_t text = 0;
	uint32_t level = 0;
	uint32_t length = 0;

	for (uint32_t i = jem_json_first(doc, w->record); i < jem_json_end(doc, w->record);
	     i = jem_json_next(doc, i + 1)) {
		if (!file && jem_json_equals(doc, i, "file"))
			file = i + 1;
		else if (!text && jem_json_equals(doc, i, "text"))
			text = i + 1;
		else if (!level && jem_json_equals(doc, i, "level"))
			level = i + 1;
		else if (!length && jem_json_equals(doc, i, "length"))
			length = i + 1;
	}
	color(w, severity_color(w, level));
	if (level) {
		put_upper(w, level);
		jem_buf_add_char(w->buf, ' ');
	}
	if (file)
		put_file(w, file);
	jem_buf_add_str(w->buf, ": ");
	color(w, level ? severity_color(w, level) : "0");
	if (text)
		put_value(w, text);
	if (length) {
		jem_buf_add_str(w->buf, "... (a line of ");
		put_value(w, length);
		jem_buf_add_str(w->buf, " bytes, cut)");
	}
	color(w, "0");
}

static void put_alert(const struct writer *w)
{
	static const char *const told[] = { ALWAYS, "rule", "severity", "text", "values", NULL };
	static const char *const none[] = { NULL };
	uint32_t severity = member(w, "severity");
	uint32_t values = member(w, "values");

	color(w, severity_color(w, severity));
	if (severity)
		put_upper(w, severity);
	jem_buf_add_char(w->buf, ' ');
	put_member(w, "rule");
	jem_buf_add_str(w->buf, ": ");
	put_member(w, "text");
	color(w, "0");
	if (values)
		put_others(w, values, none);
	put_others(w, w->record, told);
}

static void put_metric(const struct writer *w)
{
	static const char *const told[] = { ALWAYS, "scope", "pid", "comm", "values", NULL };
	static const char *const none[] = { NULL };
	uint32_t values = member(w, "values");

	put_member(w, "scope");
	if (member(w, "pid")) {
		jem_buf_add_char(w->buf, ' ');
		put_member(w, "pid");
	}
	if (member(w, "comm")) {
		jem_buf_add_str(w->buf, " (");
		put_member(w, "comm");
		jem_buf_add_char(w->buf, ')');
	}
	if (values)
		put_others(w, values, none);
	put_others(w, w->record, told);
}

/* Two columns for each function around it. */
static void put_nesting(const struct writer *w, uint32_t depth)
{
	uint64_t n = 0;

	if (depth && jem_json_get_u64(w->doc, depth, &n) == 0 && n > NESTING_MAX)
		n = NESTING_MAX;
	for (uint64_t i = 0; i < n; i++)
		jem_buf_add_str(w->buf, "  ");
}

static void put_script(const struct writer *w)
{
	static const char *const told[] = { ALWAYS,     "lang",      "event",       "file",
					    "line",     "text",      "expanded",    "depth",
					    "function", "traceback", "duration_ns", "status",
					    NULL };
	uint32_t event = member(w, "event");
	uint32_t status = member(w, "status");
	uint32_t duration = member(w, "duration_ns");
	bool is_bad = event && jem_json_equals(w->doc, event, "exception");
	uint64_t ns;
	uint64_t code;

	if (status && jem_json_get_u64(w->doc, status, &code) == 0 && code)
		is_bad = true;
	put_member(w, "lang");
	jem_buf_add_char(w->buf, ' ');
	put_nesting(w, member(w, "depth"));
	if (member(w, "file"))
		put_file(w, member(w, "file"));
	jem_buf_add_char(w->buf, ':');
	put_member(w, "line");
	jem_buf_add_char(w->buf, ' ');
	color(w, is_bad ? "31" : "0");
	put_member(w, "event");
	if (member(w, "function")) {
		jem_buf_add_char(w->buf, ' ');
		put_member(w, "function");
	}
	jem_buf_add_str(w->buf, ": ");
	if (!put_member(w, "expanded"))
		put_member(w, "text");
	color(w, "0");
	if (status) {
		jem_buf_add_str(w->buf, " = ");
		put_member(w, "status");
	}
	if (duration && jem_json_get_u64(w->doc, duration, &ns) == 0)
		jem_buf_printf(w->buf, " (%.6f s)", (double)ns * 1e-9);
	put_others(w, w->record, told);
}

/* As in calls.log. */
static void put_call(const struct writer *w)
{
	struct jem_buf scratch;
	struct jem_call call;

	jem_buf_init(&scratch, 0);
	if (jem_call_read_json(w->doc, w->record, &scratch, &call))
		jem_call_write(w->buf, &call);
	jem_buf_deinit(&scratch);
}

static void put_ns(const struct writer *w, const char *name)
{
	uint64_t ns;

	if (jem_json_get_u64(w->doc, member(w, name), &ns) < 0)
		jem_buf_add_char(w->buf, '?');
	else if (ns < 1000000)
		jem_buf_printf(w->buf, "%.4g us", (double)ns * 1e-3);
	else if (ns < 1000000000)
		jem_buf_printf(w->buf, "%.4g ms", (double)ns * 1e-6);
	else
		jem_buf_printf(w->buf, "%.4g s", (double)ns * 1e-9);
}

static void put_word(const struct writer *w, const char *before, const char *name)
{
	jem_buf_add_str(w->buf, before);
	put_member(w, name);
}

static bool is_event(const struct writer *w, const char *event)
{
	return jem_json_equals(w->doc, member(w, "event"), event);
}

/* comm tid on cpu 0: ran 1.5 ms, waited 20 us, sleep waker_tid=... */
static void put_sched(const struct writer *w)
{
	static const char *const told[] = { ALWAYS,    "event",  "comm",    "tid",
					    "cpu",     "run_ns", "wait_ns", "end",
					    "life",    "scope",  "running", "waiting",
					    "span_ns", "gap_ns", "lost",    NULL };

	uint64_t lost;

	if (is_event(w, "slice")) {
		put_word(w, "", "comm");
		put_word(w, " ", "tid");
		put_word(w, " on cpu ", "cpu");
		jem_buf_add_str(w->buf, ": ran ");
		put_ns(w, "run_ns");
		jem_buf_add_str(w->buf, ", waited ");
		put_ns(w, "wait_ns");
		put_word(w, ", ", "end");
	} else if (is_event(w, "task")) {
		put_word(w, "", "comm");
		put_word(w, " ", "tid");
		put_word(w, ": ", "life");
	} else if (is_event(w, "gap")) {
		put_word(w, "cpu ", "cpu");
		put_word(w, ": ", "lost");
		jem_buf_add_str(w->buf, " events lost within ");
		put_ns(w, "gap_ns");
	} else {
		put_word(w, "", "scope");
		put_word(w, ": running ", "running");
		put_word(w, ", waiting ", "waiting");
		if (jem_json_get_u64(w->doc, member(w, "lost"), &lost) == 0)
			jem_buf_printf(w->buf, ", events lost %" PRIu64, lost);
	}
	put_others(w, w->record, told);
}

static void put_any(const struct writer *w)
{
	static const char *const told[] = { ALWAYS, NULL };

	put_others(w, w->record, told);
}

static void (*const writers[JEM_KIND_COUNT])(const struct writer *) = {
	[JEM_KIND_status] = put_status, [JEM_KIND_log] = put_log,
	[JEM_KIND_alert] = put_alert,   [JEM_KIND_metric] = put_metric,
	[JEM_KIND_script] = put_script, [JEM_KIND_call] = put_call,
	[JEM_KIND_sched] = put_sched,
};

static void cut(struct jem_buf *buf, size_t start, size_t width, bool is_colored)
{
	size_t len = buf->len - start;
	char mark[48];
	int n = snprintf(mark, sizeof(mark), "... (%zu bytes)", len);

	if (!width || len <= width || buf->failed)
		return;
	buf->len = start +
		   jem_utf8_cut(buf->data + start, len, width > (size_t)n ? width - (size_t)n : 0);
	jem_buf_add(buf, mark, (size_t)n);
	if (is_colored)
		jem_buf_add_str(buf, "\033[0m");
}

void jem_record_write_text(struct jem_text_style *style, struct jem_buf *buf, enum jem_kind kind,
			   uint64_t t_us, const char *node, const struct jem_json_doc *doc,
			   uint32_t record)
{
	struct writer w = { .style = style, .buf = buf, .doc = doc, .record = record };
	size_t start = buf->len;

	color(&w, "2");
	jem_text_stamp(style, buf, t_us);
	color(&w, "0");
	jem_buf_add_char(buf, ' ');
	color(&w, "36");
	jem_buf_add_str(buf, jem_kinds[kind].name);
	jem_buf_add(buf, "        ", 8 - strlen(jem_kinds[kind].name));
	color(&w, "0");
	if (*node) {
		jem_buf_add_str(buf, node);
		jem_buf_add_char(buf, ' ');
	}
	if (writers[kind])
		writers[kind](&w);
	else
		put_any(&w);
	cut(buf, start, style->width, style->is_colored);
}
