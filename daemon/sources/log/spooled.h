/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spooled: the last line of each file that an earlier daemon had put on disk before it was killed.
 *
 * Flow:      late log batches of the spool -> last record of each file -> publish, which leaves out
 *            the lines up to there
 * Ownership: owns its entries
 * Bound:     JEM_SPOOLED_MAX files; then the one noted first gives way, and its lines may come twice
 *
 * How far files were read is saved twice a second; only the spool knows what left since. A record does not tell
 * where its line ends (text may be hidden or mended in it), so the last line of a file is known again by
 * the length of its text as it was published.
 */
#ifndef JEM_DAEMON_SOURCES_LOG_SPOOLED_H
#define JEM_DAEMON_SOURCES_LOG_SPOOLED_H

#include "common/json_reader.h"
#include "common/json_writer.h"
#include "daemon/sources/log/tail.h"

#define JEM_SPOOLED_MAX 256

struct jem_spooled_file {
	char id[JEM_TAIL_ID_SIZE]; /* of file and cut, as in records; "": none */
	uint64_t offset;           /* of its last line */
	uint64_t text_len;         /* of the text, as JSON */
	uint64_t full_len;         /* of a line that was cut, else 0 */
};

struct jem_spooled {
	struct jem_spooled_file *files; /* owned */
	size_t count;
	size_t next; /* to give way */
};

void jem_spooled_deinit(struct jem_spooled *spooled);

/* Notes the lines of a batch; batches come in their order. Takes any bytes. */
struct jem_spooled_reader;
int jem_spooled_reader_create(struct jem_spooled *spooled, struct jem_spooled_reader **ret);
void jem_spooled_reader_destroy(struct jem_spooled_reader *reader);
void jem_spooled_read(struct jem_spooled_reader *reader, const char *body, size_t len);

/* NULL: nothing is known of that file. */
const struct jem_spooled_file *jem_spooled_find(const struct jem_spooled *spooled, const char *id);

/* Whether the line, whose text is published as `text`, was on disk already. */
bool jem_spooled_has(const struct jem_spooled_file *file, const struct jem_line *line,
		     const char *text, size_t len);

/* As an array of objects, and back: 0, -EBADMSG. */
void jem_spooled_write(const struct jem_spooled *spooled, struct jem_json *json);
int jem_spooled_load(struct jem_spooled *spooled, const struct jem_json_doc *doc, uint32_t array);

#endif
