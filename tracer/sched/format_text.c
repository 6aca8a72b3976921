/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/sched/format_text.h"

#include <errno.h>
#include <stdio.h>

enum {
	LINE_BYTES = 256,
	WORDS_MAX = 8,
	NUMBER_MAX = 65535
};

struct field {
	char declaration[LINE_BYTES];
	char name[LINE_BYTES]; /* without brackets */
	unsigned offset, size, is_signed;
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Goes over an identifier; NULL: there is none. */
static const char *identifier(const char *at)
{
	if (!is_letter(*at))
		return NULL;
	while (is_letter(*at) || is_digit(*at))
		at++;
	return at;
}

/* "unsigned short common_type", "char comm[16]", "__data_loc char[] comm". */
static bool read_declaration(struct field *field)
{
	const char *at = field->declaration;

	for (unsigned words = 1; words <= WORDS_MAX; words++) {
		const char *end = identifier(at);

		if (!end)
			return false;
		if (!strncmp(end, "[] ", 3) && words > 1) {
			at = end + 3;
			continue;
		}
		if (*end == ' ') {
			at = end + 1;
			continue;
		}
		snprintf(field->name, sizeof(field->name), "%.*s", (int)(end - at), at);
		if (*end == '[' && is_digit(end[1])) {
			for (end++; is_digit(*end); end++)
				;
			end = *end == ']' ? end + 1 : "?";
		}
		return words > 1 && !*end;
	}
	return false;
}

static bool read_field(const char *line, struct field *ret)
{
	unsigned numbers[3] = { 0, 0, 0 };
	size_t len = strcspn(line, "\n");
	char copy[LINE_BYTES];

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, line, len);
	copy[len] = '\0';
	/* Kernels before 2.6.32 say nothing of signs. */
	if (sscanf(copy, " field: %255[^;]; offset:%5u; size:%5u; signed:%1u;", ret->declaration,
		   &numbers[0], &numbers[1], &numbers[2]) < 3)
		return false;
	ret->offset = numbers[0];
	ret->size = numbers[1];
	ret->is_signed = numbers[2];
	return ret->offset <= NUMBER_MAX && ret->size <= NUMBER_MAX && read_declaration(ret);
}

static void add_field(const struct field *field, struct jem_buf *ret)
{
	jem_buf_printf(ret, "\tfield:%s;\toffset:%u;\tsize:%u;\tsigned:%u;\n", field->declaration,
		       field->offset, field->size, field->is_signed);
}

static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : line + strlen(line);
}

int jem_sched_format_name(const char *text, char ret[JEM_SCHED_EVENT_NAME])
{
	const char *end;

	if (strncmp(text, "name: ", 6))
		return -EBADMSG;
	text += 6;
	end = identifier(text);
	if (!end || *end != '\n' || end - text >= JEM_SCHED_EVENT_NAME)
		return -EBADMSG;
	memcpy(ret, text, (size_t)(end - text));
	ret[end - text] = '\0';
	return 0;
}

/* Fields whose names begin with common_, or the wanted ones of the others. */
static void add_fields(const char *text, bool is_common, jem_sched_wants_fn wants,
		       const void *context, struct jem_buf *ret)
{
	struct field field;

	for (const char *line = text; *line; line = next_line(line)) {
		if (!strncmp(line, "print fmt:", 10))
			return;
		if (!read_field(line, &field) || !strncmp(field.name, "common_", 7) != is_common)
			continue;
		if (is_common || wants(context, field.name))
			add_field(&field, ret);
	}
}

int jem_sched_format_reduce(const char *text, jem_sched_wants_fn wants, const void *context,
			    struct jem_buf *ret)
{
	char name[JEM_SCHED_EVENT_NAME];
	const char *number = next_line(text);
	unsigned id;

	if (jem_sched_format_name(text, name) < 0 || sscanf(number, "ID: %5u\n", &id) != 1 ||
	    id > NUMBER_MAX)
		return -EBADMSG;
	jem_buf_printf(ret, "name: %s\nID: %u\nformat:\n", name, id);
	add_fields(next_line(number), true, wants, context, ret);
	jem_buf_add_char(ret, '\n');
	add_fields(next_line(number), false, wants, context, ret);
	jem_buf_add_str(ret, "\nprint fmt: \"\"\n");
	return ret->failed ? -ENOMEM : 0;
}

int jem_sched_format_reduce_page(const char *text, struct jem_buf *ret, uint32_t *page_bytes)
{
	static const char *const wanted[] = { "timestamp", "commit", "data" };
	enum {
		WANTED = sizeof(wanted) / sizeof(*wanted)
	};
	struct field field = { .offset = 0 };
	unsigned found = 0;

	for (const char *line = text; *line && found < WANTED; line = next_line(line)) {
		if (!read_field(line, &field) || strcmp(field.name, wanted[found]))
			continue;
		found++;
		jem_buf_printf(ret, "\tfield: %s;\toffset:%u;\tsize:%u;\tsigned:%u;\n",
			       field.declaration, field.offset, field.size, field.is_signed);
	}
	*page_bytes = field.offset + field.size;
	if (ret->failed)
		return -ENOMEM;
	return found == WANTED ? 0 : -EBADMSG;
}
