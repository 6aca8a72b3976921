/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_call_views: any bytes as a batch of calls, or as a profile record of each line: whatever is taken
 * can be shown as lines, table, tree and drawings, and no control character is in the lines.
 */
#include "receiver/calls/call_chart.h"
#include "receiver/calls/call_lines.h"
#include "receiver/calls/call_tree.h"
#include "receiver/calls/flame.h"

#include <math.h>
#include <stdlib.h>

enum {
	LINE_MAX_BYTES = 4096, /* of a line of text: call_text.h, and its time */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(const struct jem_buf *text)
{
	size_t start = 0;

	for (size_t i = 0; i < text->len; i++) {
		unsigned char c = (unsigned char)text->data[i];

		if (c == '\n') {
			if (i - start > LINE_MAX_BYTES)
				abort();
			start = i + 1;
		} else if (c < 0x20 || c == 0x7f) {
			abort();
		}
	}
	if (start != text->len)
		abort();
}

static void finish(struct jem_canvas *canvas)
{
	if (jem_canvas_finish(canvas) < 0)
		abort();
	jem_canvas_destroy(canvas);
}

static void draw_chart(const struct jem_recent *recent)
{
	const struct jem_call_chart_view view = {
		.width = 900,
		.is_alone = true,
		.title = "calls",
		.from_s = (double)recent->from_us * 1e-6,
		.to_s = (double)recent->last_us * 1e-6,
		.threads = JEM_CALL_CHART_THREADS,
	};
	struct jem_canvas *canvas;
	struct jem_buf out;

	if (!jem_call_chart_has_data(recent))
		return;
	jem_buf_init(&out, 0);
	if (jem_svg_create(&out, NULL, &canvas) < 0)
		abort();
	jem_call_chart_draw(canvas, recent, &view);
	finish(canvas);
	jem_buf_deinit(&out);
}

static void take_batch(const struct jem_columns *columns, const struct jem_head *head)
{
	struct jem_call_lines lines;
	struct jem_call_rows rows;
	struct jem_recent recent;
	struct jem_buf text;

	jem_call_lines_init(&lines);
	jem_recent_init(&recent);
	jem_buf_init(&text, 0);
	jem_call_rows_begin(&rows, columns, head);
	jem_call_lines_add(&lines, head, "", &rows, 0, &text);
	if (lines.calls != head->n)
		abort();
	check_lines(&text);
	if (jem_recent_add(&recent, &rows, 0) < 0 || recent.records != head->n)
		abort();
	draw_chart(&recent);
	jem_buf_deinit(&text);
	jem_recent_deinit(&recent);
	jem_call_lines_deinit(&lines);
}

/* Children together are never wider than what is above them, whatever the numbers. */
static void check_tree(const struct jem_job_profile *profile)
{
	struct jem_call_tree tree;
	double *sums;

	if (jem_call_tree_make(&tree, profile, JEM_CALL_TREE_BY_TIME) < 0)
		abort();
	sums = calloc(tree.count, sizeof(*sums));
	if (!sums)
		abort();
	for (uint32_t i = 1; i < tree.count; i++) {
		if (tree.nodes[i].parent >= i || tree.nodes[i].depth > JEM_CALL_TREE_DEPTH)
			abort();
		sums[tree.nodes[i].parent] += (double)tree.nodes[i].width_ns;
	}
	for (uint32_t i = 0; i < tree.count; i++)
		if (tree.nodes[i].width_ns < UINT64_MAX && /* the end of the range */
		    sums[i] > 1.0001 * (double)tree.nodes[i].width_ns + 1)
			abort();
	free(sums);
	jem_call_tree_deinit(&tree);
}

static void show_profile(const struct jem_job_profile *profile)
{
	const struct jem_flame_view view = { .width = 900, .is_alone = true, .title = "flame" };
	struct jem_canvas *canvas;
	struct jem_buf out;

	check_tree(profile);
	jem_buf_init(&out, 0);
	if (jem_job_profile_write_csv(profile, &out) < 0)
		abort();
	jem_buf_clear(&out);
	if (jem_flame_has_data(profile)) {
		if (jem_svg_create(&out, NULL, &canvas) < 0)
			abort();
		jem_flame_draw(canvas, profile, &view);
		finish(canvas);
	}
	jem_buf_deinit(&out);
}

static void take_profile(const char *data, size_t size)
{
	static const char *const epochs[] = { "0123456789abcdef", "fedcba9876543210" };
	struct jem_job_profile profile;
	struct jem_json_doc doc;
	unsigned line = 0;

	jem_job_profile_init(&profile);
	jem_json_doc_init(&doc);
	while (size) {
		const char *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) : size;

		if (jem_json_read(&doc, data, len, NULL) == 0)
			jem_job_profile_add(&profile, epochs[line++ % 2], &doc, 0);
		len += end != NULL;
		data += len;
		size -= len;
	}
	show_profile(&profile);
	jem_json_doc_deinit(&doc);
	jem_job_profile_deinit(&profile);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jem_columns columns;
	struct jem_head head;

	jem_columns_init(&columns);
	if (jem_columns_decode(&columns, (const char *)data, size, &head, NULL) == 0)
		take_batch(&columns, &head);
	else
		take_profile((const char *)data, size);
	jem_columns_deinit(&columns);
	return 0;
}
