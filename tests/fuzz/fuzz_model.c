/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_model: any lines as records of a job, {"kind","t",...}. The model stays within its bounds,
 * and the page made of it has one script, ours, and no byte that could do something.
 */
#include "receiver/model.h"
#include "receiver/page/parts.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed_line(struct jem_job_model *model, const char *line, size_t len)
{
	struct jem_json_doc doc;
	char word[32];
	double t_s = 0;
	uint32_t token;

	jem_json_doc_init(&doc);
	if (jem_json_read(&doc, line, len, NULL) == 0 &&
	    (token = jem_json_member(&doc, 0, "kind")) &&
	    jem_json_get_str(&doc, token, word, sizeof(word)) == 0) {
		int kind = jem_kind_find(word, strlen(word));

		token = jem_json_member(&doc, 0, "t");
		if (!token || jem_json_get_real(&doc, token, &t_s) < 0 || !(t_s >= 0 && t_s < 1e10))
			t_s = 1.7e9;
		if (kind >= 0)
			jem_model_feed(model, "n", (enum jem_kind)kind, (uint64_t)(t_s * 1e9), &doc,
				       0);
	}
	jem_json_doc_deinit(&doc);
}

static void check_model(const struct jem_job_model *model)
{
	if (model->node_count > JEM_MODEL_NODES || model->mark_count > JEM_MODEL_MARKS ||
	    model->phase_count > JEM_MODEL_PHASES || model->field_count > JEM_MODEL_FIELDS ||
	    model->note_count > JEM_MODEL_NOTES)
		abort();
	for (size_t i = 1; i < model->mark_count; i++)
		if (model->marks[i - 1].t_ns > model->marks[i].t_ns)
			abort();
}

static void check_page(const struct jem_job_model *model)
{
	struct jem_page_options options = { .now_ns = 1700000000000000000u };
	const char *script;
	struct jem_buf page;

	jem_buf_init(&page, 0);
	if (jem_job_page_make(model, &options, -1, &page) < 0)
		abort();
	for (size_t i = 0; i < page.len; i++) {
		unsigned char c = (unsigned char)page.data[i];

		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			abort();
	}
	script = strstr(jem_buf_cstr(&page), "<script");
	if (!script || strstr(script + 1, "<script") || strstr(page.data, "onerror=\""))
		abort();
	jem_buf_deinit(&page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *end = text + size;
	struct jem_job_model *model;

	if (jem_model_create(&model) < 0)
		return 0;
	while (text < end) {
		const char *line_end = memchr(text, '\n', (size_t)(end - text));

		if (!line_end)
			line_end = end;
		feed_line(model, text, (size_t)(line_end - text));
		text = line_end + 1;
	}
	check_model(model);
	check_page(model);
	jem_model_destroy(model);
	return 0;
}
