/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/sched/sheets.h"

#include "common/cleanup.h"
#include "receiver/sched/cores_graph.h"
#include "receiver/sched/counts_graph.h"
#include "receiver/sched/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PNG_SCALE = 2,
	PICTURE_WIDTH = 1100,
	SHEET_WIDTH = 842, /* A4, landscape */
	SHEET_HEIGHT = 595,
	PDF_COLUMNS = 1200, /* each as wide as a thin line on such a sheet */
};

int jem_sheet_format(const char *path, enum jem_sheet_format *ret, struct jem_err *err)
{
	static const struct {
		const char *suffix;
		enum jem_sheet_format format;
	} formats[] = {
		{ ".pdf", JEM_SHEET_PDF },   { ".svg", JEM_SHEET_SVG },  { ".png", JEM_SHEET_PNG },
		{ ".html", JEM_SHEET_HTML }, { ".htm", JEM_SHEET_HTML },
	};
	size_t len = strlen(path);

	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		size_t suffix = strlen(formats[i].suffix);

		if (len > suffix && !strcasecmp(path + len - suffix, formats[i].suffix)) {
			*ret = formats[i].format;
			return 0;
		}
	}
	return jem_err_set(err, -EINVAL, "%s ends in none of .pdf, .svg, .png and .html", path);
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Under another name first: who looks at the path sees the whole file or the one before. */
static int put_file(const char *path, const struct jem_buf *bytes, struct jem_err *err)
{
	auto_free char *beside = NULL;
	struct stat info;
	bool is_special = stat(path, &info) == 0 && !S_ISREG(info.st_mode);
	auto_close int fd = -1;
	int rc;

	if (asprintf(&beside, "%s%s", path, is_special ? "" : ".new") < 0) {
		beside = NULL;
		return jem_err_set(err, -ENOMEM, "no memory");
	}
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return jem_err_set(err, -errno, "%s cannot be written: %s", beside,
				   strerror(errno));
	rc = write_all(fd, bytes->data, bytes->len);
	if (rc == 0 && !is_special && rename(beside, path) < 0)
		rc = -errno;
	if (rc < 0 && !is_special)
		unlink(beside);
	return rc < 0 ? jem_err_set(err, rc, "%s cannot be written: %s", path, strerror(-rc)) : 0;
}

static void draw(struct jem_canvas *canvas, enum jem_sched_graph graph,
		 const struct jem_sched_view *view)
{
	if (graph == JEM_SCHED_CORES)
		jem_cores_graph_draw(canvas, view);
	else
		jem_counts_graph_draw(canvas, view);
}

static void set_size(enum jem_sched_graph graph, enum jem_sheet_format format,
		     struct jem_sched_view *view)
{
	bool is_sheet = format == JEM_SHEET_PDF;

	if (view->width <= 0)
		view->width = is_sheet ? SHEET_WIDTH : PICTURE_WIDTH;
	if (view->height <= 0 && is_sheet)
		view->height = SHEET_HEIGHT;
	else if (view->height <= 0)
		view->height = graph == JEM_SCHED_CORES
				       ? jem_cores_graph_height(
						 view, view->select.cpus ? view->select.cpu_count
									 : view->model->cpu_count)
				       : 420 + 13 * (double)view->mark_count;
	if (view->columns)
		return;
	/* Of a picture in pixels, each is a column. */
	view->columns =
		is_sheet ? PDF_COLUMNS
			 : (unsigned)(view->width - 68) * (format == JEM_SHEET_PNG ? PNG_SCALE : 1);
}

static int create(enum jem_sheet_format format, const char *title, struct jem_buf *out,
		  struct jem_canvas **ret)
{
	if (format == JEM_SHEET_PDF)
		return jem_pdf_create(out, title, ret);
	return format == JEM_SHEET_SVG ? jem_svg_create(out, NULL, ret)
				       : jem_png_create(out, PNG_SCALE, ret);
}

static int make(enum jem_sheet_format format, const char *title, enum jem_sched_graph graph,
		const struct jem_sched_view *views, size_t count, struct jem_buf *out)
{
	struct jem_canvas *canvas;
	int rc;

	if (format == JEM_SHEET_HTML)
		return jem_sched_page_make(title, graph, views, count, out);
	rc = create(format, title, out, &canvas);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++)
		draw(canvas, graph, &views[i]);
	rc = jem_canvas_finish(canvas);
	jem_canvas_destroy(canvas);
	return rc;
}

static int write_one(const char *path, enum jem_sheet_format format, const char *title,
		     enum jem_sched_graph graph, const struct jem_sched_view *views, size_t count,
		     struct jem_err *err)
{
	struct jem_buf out;
	int rc;

	jem_buf_init(&out, 0);
	rc = make(format, title, graph, views, count, &out);
	if (rc == -E2BIG && format == JEM_SHEET_HTML)
		jem_err_set(
			err, rc,
			"%s: a page holds %d million slices; choose a part by --min and --max, or "
			"another format",
			path, JEM_PACK_SLICES_MAX / 1000000);
	else if (rc < 0)
		jem_err_set(err, rc, "%s cannot be drawn: %s", path, strerror(-rc));
	else
		rc = put_file(path, &out, err);
	jem_buf_deinit(&out);
	return rc;
}

int jem_sheets_write(const char *path, const char *title, enum jem_sched_graph graph,
		     struct jem_sched_view *views, size_t count, void (*on_file)(const char *path),
		     struct jem_err *err)
{
	enum jem_sheet_format format;
	const char *suffix = strrchr(path, '.');
	bool is_numbered;
	int rc = jem_sheet_format(path, &format, err);

	if (rc < 0)
		return rc;
	is_numbered = count > 1 && (format == JEM_SHEET_SVG || format == JEM_SHEET_PNG);
	for (size_t i = 0; i < count; i++)
		set_size(graph, format, &views[i]);
	for (size_t i = 0; i < (is_numbered ? count : 1); i++) {
		auto_free char *numbered = NULL;
		const char *to = path;

		if (is_numbered) {
			if (asprintf(&numbered, "%.*s-%zu%s", (int)(suffix - path), path, i + 1,
				     suffix) < 0) {
				numbered = NULL;
				return jem_err_set(err, -ENOMEM, "no memory");
			}
			to = numbered;
		}
		rc = write_one(to, format, title, graph, views + i, is_numbered ? 1 : count, err);
		if (rc < 0)
			return rc;
		if (on_file)
			on_file(to);
	}
	return is_numbered ? (int)count : 1;
}
