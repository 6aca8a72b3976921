/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_script: a line that a process of the job sends; what is made of it is well-formed JSON. */
#include "daemon/sources/script/places.h"
#include "daemon/sources/script/script_line.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jem_redactor *redactor;
	struct jem_json_doc doc;
	struct jem_json_doc again;
	struct jem_script_line line;
	struct jem_places *places;
	struct jem_record record;
	struct jem_buf buf;
	struct jem_err err;

	jem_json_doc_init(&doc);
	if (jem_json_read(&doc, (const char *)data, size, &err) < 0 ||
	    jem_script_line_read(&doc, &line) < 0) {
		jem_json_doc_deinit(&doc);
		return 0;
	}
	if (jem_redactor_create(NULL, 0, &redactor, &err) < 0 || jem_places_create(1, &places) < 0)
		abort();
	jem_buf_init(&buf, 0);
	record = (struct jem_record){ jem_json_to(&buf), redactor };
	jem_json_object_begin(&record.json);
	jem_script_line_write(&doc, &line, &record);
	jem_json_object_end(&record.json);
	jem_json_doc_init(&again);
	if (buf.failed || jem_json_read(&again, buf.data, buf.len, &err) < 0)
		abort();
	if (!jem_places_take(places, &line, 1) && line.event != JEM_SCRIPT_RETURN)
		abort(); /* the first one of a place passes */
	jem_places_add(places, &line);
	jem_json_doc_deinit(&again);
	jem_json_doc_deinit(&doc);
	jem_buf_deinit(&buf);
	jem_places_destroy(places);
	jem_redactor_destroy(redactor);
	return 0;
}
