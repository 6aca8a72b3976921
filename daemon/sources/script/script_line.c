/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/script/script_line.h"

#include "common/utf8.h"

#include <errno.h>
#include <string.h>

/* Every reader of JSON holds these exactly. */
#define NUMBER_MAX ((1ull << 53) - 1)

static const char *const events[JEM_SCRIPT_EVENT_COUNT] = {
	"start", "command", "call", "return", "line", "exception", "lost", "count", "note",
};

/* Fields that pass as they are, but for bounds and the redactor. */
enum form {
	NUMBER,
	STATUS,
	FLAG,
	TEXT
};

static const struct {
	const char *name;
	enum form form;
} fields[] = {
	{ "tid", NUMBER },      { "line", NUMBER },   { "status", STATUS }, { "subshell", NUMBER },
	{ "background", FLAG }, { "pipeline", FLAG }, { "handled", FLAG },  { "text", TEXT },
	{ "expanded", TEXT },   { "type", TEXT },     { "message", TEXT },  { "note", TEXT },
};

static uint64_t number(const struct jem_json_doc *doc, const char *name)
{
	uint32_t token = jem_json_member(doc, 0, name);
	uint64_t value;

	if (!token || jem_json_get_u64(doc, token, &value) < 0 || value > NUMBER_MAX)
		return 0;
	return value;
}

/* The end of a text says more of a path than its beginning. */
static void tail(const struct jem_json_doc *doc, const char *name, char *ret, size_t size)
{
	uint32_t token = jem_json_member(doc, 0, name);
	struct jem_buf text;
	const char *from;

	*ret = '\0';
	jem_buf_init(&text, 0);
	if (token && jem_json_get_text(doc, token, &text) == 0 && !text.failed && text.len) {
		size_t len = text.len < size ? text.len : size - 1;

		from = text.data + text.len - len;
		while (len && len < text.len && ((unsigned char)*from & 0xc0) == 0x80) {
			from++;
			len--;
		}
		memcpy(ret, from, len);
		ret[len] = '\0';
	}
	jem_buf_deinit(&text);
}

int jem_script_line_read(const struct jem_json_doc *doc, struct jem_script_line *ret)
{
	uint32_t event = jem_json_member(doc, 0, "event");
	uint32_t lang = jem_json_member(doc, 0, "lang");
	uint32_t is_call = jem_json_member(doc, 0, "is_call");
	uint32_t duration = jem_json_member(doc, 0, "duration_ns");
	int which = 0;

	memset(ret, 0, sizeof(*ret));
	if (!event || !lang)
		return -EBADMSG;
	while (which < JEM_SCRIPT_EVENT_COUNT && !jem_json_equals(doc, event, events[which]))
		which++;
	if (which == JEM_SCRIPT_EVENT_COUNT)
		return -EBADMSG;
	if (jem_json_equals(doc, lang, "bash"))
		ret->lang = "bash";
	else if (jem_json_equals(doc, lang, "python"))
		ret->lang = "python";
	else
		return -EBADMSG;
	ret->event = (enum jem_script_event)which;
	tail(doc, "file", ret->file, sizeof(ret->file));
	tail(doc, "function", ret->function, sizeof(ret->function));
	tail(doc, "what", ret->what, sizeof(ret->what));
	ret->t = number(doc, "t");
	ret->pid = number(doc, "pid");
	ret->line = number(doc, "line");
	ret->n = number(doc, "n");
	ret->depth = number(doc, "depth");
	ret->has_duration = duration;
	ret->duration_ns = number(doc, which == JEM_SCRIPT_COUNT ? "total_ns" : "duration_ns");
	ret->self_ns =
		jem_json_member(doc, 0, "self_ns") ? number(doc, "self_ns") : ret->duration_ns;
	ret->min_ns = number(doc, "min_ns");
	ret->max_ns = number(doc, "max_ns");
	if (is_call && jem_json_get_bool(doc, is_call, &ret->is_call) < 0)
		ret->is_call = false;
	return 0;
}

static void write_text(struct jem_json *json, struct jem_redactor *redactor, const char *text,
		       size_t len)
{
	const char *shown = redactor ? jem_redact(redactor, text, &len) : text;
	size_t kept =
		len > JEM_SCRIPT_TEXT_MAX ? jem_utf8_cut(shown, len, JEM_SCRIPT_TEXT_MAX) : len;

	jem_json_text(json, shown, kept);
}

/* A string member, its escapes resolved; `name` of a value, or NULL. */
static void put_string(const struct jem_json_doc *doc, uint32_t token, const char *name,
		       struct jem_record *record)
{
	struct jem_buf text;

	jem_buf_init(&text, 0);
	if (jem_json_get_text(doc, token, &text) < 0 || text.failed)
		jem_json_text(&record->json, "", 0);
	else if (name && jem_redact_name_is_secret(name, strlen(name)))
		jem_json_text(&record->json, "***", 3);
	else
		write_text(&record->json, record->redactor, text.len ? text.data : "", text.len);
	jem_buf_deinit(&text);
}

static void put_traceback(const struct jem_json_doc *doc, struct jem_record *record)
{
	uint32_t list = jem_json_member(doc, 0, "traceback");
	unsigned count = 0;

	if (!list || jem_json_type(doc, list) != JEM_JSON_ARRAY)
		return;
	jem_record_array_begin(record, "traceback");
	for (uint32_t i = jem_json_first(doc, list);
	     i < jem_json_end(doc, list) && count < JEM_SCRIPT_ITEMS_MAX;
	     i = jem_json_next(doc, i)) {
		if (jem_json_type(doc, i) != JEM_JSON_STRING)
			continue;
		put_string(doc, i, NULL, record);
		count++;
	}
	jem_record_array_end(record);
}

static void put_local(const struct jem_json_doc *doc, uint32_t local, struct jem_record *record)
{
	uint32_t name = jem_json_member(doc, local, "name");
	uint32_t type = jem_json_member(doc, local, "type");
	uint32_t value = jem_json_member(doc, local, "value");
	char text[128];

	if (!name || !value || jem_json_get_str(doc, name, text, sizeof(text)) < 0 ||
	    jem_json_type(doc, value) != JEM_JSON_STRING)
		return;
	jem_json_object_begin(&record->json);
	jem_record_str(record, "name", text);
	if (type && jem_json_type(doc, type) == JEM_JSON_STRING) {
		jem_json_key(&record->json, "type");
		put_string(doc, type, NULL, record);
	}
	jem_json_key(&record->json, "value");
	put_string(doc, value, text, record);
	jem_json_object_end(&record->json);
}

static void put_locals(const struct jem_json_doc *doc, struct jem_record *record)
{
	uint32_t list = jem_json_member(doc, 0, "locals");
	unsigned count = 0;

	if (!list || jem_json_type(doc, list) != JEM_JSON_ARRAY)
		return;
	jem_record_array_begin(record, "locals");
	for (uint32_t i = jem_json_first(doc, list);
	     i < jem_json_end(doc, list) && count < JEM_SCRIPT_ITEMS_MAX;
	     i = jem_json_next(doc, i), count++)
		if (jem_json_type(doc, i) == JEM_JSON_OBJECT)
			put_local(doc, i, record);
	jem_record_array_end(record);
}

static void put_field(const struct jem_json_doc *doc, const char *name, enum form form,
		      struct jem_record *record)
{
	uint32_t token = jem_json_member(doc, 0, name);
	uint64_t value;
	bool flag;

	if (!token)
		return;
	if (form == TEXT && jem_json_type(doc, token) == JEM_JSON_STRING) {
		jem_json_key(&record->json, name);
		put_string(doc, token, NULL, record);
	} else if (form == FLAG && jem_json_get_bool(doc, token, &flag) == 0) {
		jem_record_bool(record, name, flag);
	} else if ((form == NUMBER || form == STATUS) &&
		   jem_json_get_u64(doc, token, &value) == 0 &&
		   value <= (form == STATUS ? 255 : NUMBER_MAX)) {
		jem_record_u64(record, name, value);
	}
}

void jem_script_line_write(const struct jem_json_doc *doc, const struct jem_script_line *line,
			   struct jem_record *record)
{
	jem_record_u64(record, "pid", line->pid);
	jem_record_word(record, "lang", line->lang);
	jem_record_word(record, "event", events[line->event]);
	jem_record_u64(record, "depth", line->depth);
	if (*line->file)
		jem_record_str(record, "file", line->file);
	if (*line->function)
		jem_record_str(record, "function", line->function);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		put_field(doc, fields[i].name, fields[i].form, record);
	if (line->has_duration)
		jem_record_u64(record, "duration_ns", line->duration_ns);
	put_traceback(doc, record);
	put_locals(doc, record);
}
