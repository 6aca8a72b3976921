/* SPDX-License-Identifier: Apache-2.0 */
/* graph_files: the files in graphs/. */
#include "receiver/page/graph_files.h"
#include "common/cleanup.h"
#include "receiver/graph/job_graphs.h"
#include "receiver/page/file.h"
#include "receiver/page/page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
	PNG_SCALE = 2,
	NAME_SIZE = 64 + JEM_NAME_MAX,
};

/* A 16:7 picture for screens and mails; a landscape A4 sheet for paper. */
static const struct jem_graph_view picture = { 860, 380, true };
static const struct jem_graph_view sheet = { 842, 595, true };

static int create(unsigned format, struct jem_buf *out, const char *title, struct jem_canvas **ret)
{
	switch (format) {
	case JEM_GRAPH_SVG:
		return jem_svg_create(out, NULL, ret);
	case JEM_GRAPH_PNG:
		return jem_png_create(out, PNG_SCALE, ret);
	default:
		return jem_pdf_create(out, title, ret);
	}
}

/* cpu.svg; with several nodes, cpu-NODE.svg, where the name of the node is a valid name. */
static void name_file(const struct jem_job_model *model, size_t node, size_t i, const char *suffix,
		      char name[NAME_SIZE])
{
	char reduced[JEM_NAME_MAX + 1];

	jem_name_reduce(model->nodes[node]->name, reduced);
	snprintf(name, NAME_SIZE, "%s%s%s.%s", jem_job_graph_name(i),
		 model->node_count > 1 ? "-" : "", model->node_count > 1 ? reduced : "", suffix);
}

static int write_picture(const struct jem_job_model *model, size_t node, size_t i, unsigned format,
			 int dirfd)
{
	struct jem_canvas *canvas;
	struct jem_buf out;
	char name[NAME_SIZE];
	int rc;

	jem_buf_init(&out, 0);
	rc = create(format, &out, NULL, &canvas);
	if (rc < 0)
		return rc;
	jem_job_graph_draw(canvas, model, node, i, &picture);
	rc = jem_canvas_finish(canvas);
	jem_canvas_destroy(canvas);
	name_file(model, node, i, format == JEM_GRAPH_SVG ? "svg" : "png", name);
	if (!rc)
		rc = jem_file_replace(dirfd, name, out.data, out.len);
	jem_buf_deinit(&out);
	return rc;
}

static int write_sheets(const struct jem_job_model *model, int dirfd)
{
	struct jem_canvas *canvas;
	struct jem_buf out;
	unsigned pages;
	int rc;

	jem_buf_init(&out, 0);
	rc = create(JEM_GRAPH_PDF, &out, jem_model_job_name(model), &canvas);
	if (rc < 0)
		return rc;
	for (size_t node = 0; node < model->node_count; node++)
		for (size_t i = 0; i < jem_job_graph_count(); i++)
			if (jem_job_graph_has_data(model, node, i))
				jem_job_graph_draw(canvas, model, node, i, &sheet);
	jem_call_sheets_draw(canvas, model);
	rc = jem_canvas_finish(canvas);
	pages = canvas->pages;
	jem_canvas_destroy(canvas);
	if (!rc && pages)
		rc = jem_file_replace(dirfd, "graphs.pdf", out.data, out.len);
	jem_buf_deinit(&out);
	return rc < 0 ? rc : pages > 0;
}

int jem_graphs_write(const struct jem_job_model *model, unsigned formats, int dirfd)
{
	auto_close int graphs = -1;
	int files = 0;
	int rc;

	if (mkdirat(dirfd, "graphs", 0700) < 0 && errno != EEXIST)
		return -errno;
	graphs = openat(dirfd, "graphs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (graphs < 0)
		return -errno;
	for (unsigned format = JEM_GRAPH_SVG; format <= JEM_GRAPH_PNG; format <<= 1)
		for (size_t node = 0; node < model->node_count; node++)
			for (size_t i = 0; i < jem_job_graph_count(); i++) {
				if (!(formats & format) || !jem_job_graph_has_data(model, node, i))
					continue;
				rc = write_picture(model, node, i, format, graphs);
				if (rc < 0)
					return rc;
				files++;
			}
	rc = jem_call_graphs_write(model, formats, graphs);
	if (rc < 0)
		return rc;
	files += rc;
	if (!(formats & JEM_GRAPH_PDF))
		return files;
	rc = write_sheets(model, graphs);
	return rc < 0 ? rc : files + rc;
}
