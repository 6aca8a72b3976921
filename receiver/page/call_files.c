/* SPDX-License-Identifier: Apache-2.0 */
/* call_files: graphs/flame.*, graphs/calls.* and profile.csv. */
#include "receiver/calls/call_chart.h"
#include "receiver/calls/flame.h"
#include "receiver/graph/job_graphs.h"
#include "receiver/page/file.h"
#include "receiver/page/graph_files.h"
#include "receiver/page/parts.h"

#include <stdio.h>

static const double picture_width = 1200;
static const double sheet_width = 842; /* a landscape A4 sheet */
static const uint32_t sheet_rows = 32; /* that fit on it */

void jem_call_graph_draw(struct jem_canvas *canvas, const struct jem_job_model *model,
			 enum jem_call_graph graph, const struct jem_call_graph_view *view)
{
	char title[JEM_TRUE_NAME_SIZE + 40];

	snprintf(title, sizeof(title), "%s of %s",
		 graph == JEM_CALL_GRAPH_FLAME ? "Time in functions" : "Calls",
		 jem_model_job_name(model));
	if (graph == JEM_CALL_GRAPH_FLAME) {
		const struct jem_flame_view flame = { .width = view->width,
						      .is_alone = view->is_alone,
						      .title = title,
						      .rows = view->rows };

		jem_flame_draw(canvas, &model->profile, &flame);
	} else {
		struct jem_call_chart_view chart = { .width = view->width,
						     .is_alone = view->is_alone,
						     .title = title,
						     .threads = view->threads };

		jem_job_span(model, &chart.from_s, &chart.to_s);
		jem_call_chart_draw(canvas, &model->recent, &chart);
	}
}

bool jem_call_graph_has_data(const struct jem_job_model *model, enum jem_call_graph graph)
{
	return graph == JEM_CALL_GRAPH_FLAME ? jem_flame_has_data(&model->profile)
					     : jem_call_chart_has_data(&model->recent);
}

static int write_picture(const struct jem_job_model *model, enum jem_call_graph graph,
			 unsigned format, int dirfd)
{
	static const char *const names[] = { "flame", "calls" };
	const struct jem_call_graph_view view = { picture_width, true, 0, JEM_CALL_CHART_THREADS };
	struct jem_svg_options options = { 0 };
	struct jem_canvas *canvas;
	struct jem_buf out;
	char name[32];
	int rc;

	if (graph == JEM_CALL_GRAPH_FLAME)
		options.script = jem_flame_script(&options.script_len);
	jem_buf_init(&out, 0);
	rc = format == JEM_GRAPH_SVG ? jem_svg_create(&out, &options, &canvas)
				     : jem_png_create(&out, 2, &canvas);
	if (rc < 0)
		return rc;
	jem_call_graph_draw(canvas, model, graph, &view);
	rc = jem_canvas_finish(canvas);
	jem_canvas_destroy(canvas);
	snprintf(name, sizeof(name), "%s.%s", names[graph],
		 format == JEM_GRAPH_SVG ? "svg" : "png");
	if (!rc)
		rc = jem_file_replace(dirfd, name, out.data, out.len);
	jem_buf_deinit(&out);
	return rc;
}

int jem_call_graphs_write(const struct jem_job_model *model, unsigned formats, int dirfd)
{
	int files = 0;

	for (int graph = 0; graph < JEM_CALL_GRAPH_COUNT; graph++)
		for (unsigned format = JEM_GRAPH_SVG; format <= JEM_GRAPH_PNG; format <<= 1) {
			int rc;

			if (!(formats & format) ||
			    !jem_call_graph_has_data(model, (enum jem_call_graph)graph))
				continue;
			rc = write_picture(model, (enum jem_call_graph)graph, format, dirfd);
			if (rc < 0)
				return rc;
			files++;
		}
	return files;
}

void jem_call_sheets_draw(struct jem_canvas *canvas, const struct jem_job_model *model)
{
	const struct jem_call_graph_view view = { sheet_width, true, sheet_rows,
						  JEM_CALL_CHART_THREADS };

	for (int graph = 0; graph < JEM_CALL_GRAPH_COUNT; graph++)
		if (jem_call_graph_has_data(model, (enum jem_call_graph)graph))
			jem_call_graph_draw(canvas, model, (enum jem_call_graph)graph, &view);
}

int jem_job_profile_csv(const struct jem_job_model *model, int dirfd)
{
	struct jem_buf csv;
	int rc;

	if (!model->profile.function_count)
		return 0;
	jem_buf_init(&csv, 0);
	rc = jem_job_profile_write_csv(&model->profile, &csv);
	if (!rc)
		rc = jem_file_replace(dirfd, "profile.csv", csv.data, csv.len);
	jem_buf_deinit(&csv);
	return rc;
}
