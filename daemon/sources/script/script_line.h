/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script_line: one line of JSON by which a shell or interpreter of the job tells what it does.
 *
 * The wire: packets (SOCK_SEQPACKET) of at most JEM_SCRIPT_PACKET_MAX bytes, each any number of JSON
 * objects, one a line. An object has `t` (CLOCK_MONOTONIC in nanoseconds, when it happened; a command and
 * a return: when they ended), `event`, `lang`, `pid`, and the fields of schemas/script.schema.json by
 * their names. Events beyond those of the schema:
 *   lost   n records were dropped before they were sent
 *   count  n commands or calls at a place were only counted: file, line, function, is_call,
 *          total_ns, self_ns, min_ns, max_ns
 *   note   `text`: what of scripts is not observable there, and why; `what`: a word, told once each
 *
 * The text is hostile: fields are taken by name and type, unknown ones are left out, texts are cut.
 */
#ifndef JEM_DAEMON_SOURCES_SCRIPT_SCRIPT_LINE_H
#define JEM_DAEMON_SOURCES_SCRIPT_SCRIPT_LINE_H

#include "common/json_reader.h"
#include "common/record.h"

#define JEM_SCRIPT_PACKET_MAX 65536u
#define JEM_SCRIPT_TEXT_MAX   4096u
#define JEM_SCRIPT_ITEMS_MAX  64u

enum jem_script_event {
	JEM_SCRIPT_START,
	JEM_SCRIPT_COMMAND,
	JEM_SCRIPT_CALL,
	JEM_SCRIPT_RETURN,
	JEM_SCRIPT_LINE,
	JEM_SCRIPT_EXCEPTION,
	JEM_SCRIPT_LOST,
	JEM_SCRIPT_COUNT,
	JEM_SCRIPT_NOTE,
	JEM_SCRIPT_EVENT_COUNT
};

struct jem_script_line {
	enum jem_script_event event;
	const char *lang;                /* "bash" or "python" */
	char file[512];                  /* "" not told; cut at the front, where it says least */
	char function[256];              /* the same */
	char what[32];                   /* of a note */
	uint64_t t, pid, line, depth, n; /* 0: not told */
	uint64_t duration_ns;            /* or total_ns */
	uint64_t self_ns;        /* of what was counted, or of a return: duration_ns if not told */
	uint64_t min_ns, max_ns; /* of what was counted */
	bool has_duration, is_call;
};

/* Reads the object in `doc`: 0, or -EBADMSG. */
int jem_script_line_read(const struct jem_json_doc *doc, struct jem_script_line *ret);

/* Adds all fields of the schema that the object has. */
void jem_script_line_write(const struct jem_json_doc *doc, const struct jem_script_line *line,
			   struct jem_record *record);

#endif
