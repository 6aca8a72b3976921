/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_cbor: any bytes as an item of the JSON shape. Checking and converting agree on where it
 * ends, and what is converted is JSON that becomes CBOR and the same JSON again.
 */
#include "common/cbor_json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_back(const struct jem_buf *text)
{
	struct jem_cbor_reader reader;
	struct jem_json_doc doc;
	struct jem_json json;
	struct jem_buf cbor;
	struct jem_buf again;

	jem_json_doc_init(&doc);
	jem_buf_init(&cbor, 0);
	jem_buf_init(&again, 0);
	json = jem_json_to(&again);
	if (jem_json_read(&doc, text->data, text->len, NULL) < 0)
		abort();
	jem_cbor_from_json(&cbor, &doc, 0);
	reader = (struct jem_cbor_reader){ (const uint8_t *)cbor.data, cbor.len, 0 };
	if (jem_cbor_to_json(&reader, &json, NULL) < 0 || reader.pos != cbor.len)
		abort();
	if (again.len != text->len || memcmp(again.data, text->data, text->len) != 0)
		abort();
	jem_json_doc_deinit(&doc);
	jem_buf_deinit(&cbor);
	jem_buf_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jem_cbor_reader reader = { data, size, 0 };
	struct jem_cbor_reader skipped = reader;
	struct jem_cbor_reader array = reader;
	struct jem_err err = { "" };
	enum jem_cbor_array type;
	const uint8_t *elements;
	struct jem_json json;
	struct jem_buf text;
	size_t count;
	int ret;

	jem_buf_init(&text, 0);
	json = jem_json_to(&text);
	ret = jem_cbor_to_json(&reader, &json, &err);
	if (ret != jem_cbor_skip_json(&skipped, NULL) || (ret < 0 && !err.text[0]))
		abort();
	if (ret == 0) {
		if (skipped.pos != reader.pos)
			abort();
		check_back(&text);
	}
	if (jem_cbor_next_typed_array(&array, &type, &elements, &count, NULL) == 0 &&
	    (elements < data || count * jem_cbor_array_width(type) > size))
		abort();
	jem_buf_deinit(&text);
	return 0;
}
