/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/metrics_csv.h"

#include "common/cleanup.h"
#include "receiver/folder.h"
#include "receiver/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SAME_TICK_US = 500000,
	NUMBER_MAX = 40,
	SEGMENT_BYTES = 64 << 20,
};

void jem_metrics_csv_init(struct jem_metrics_csv *csv, struct jem_packer *packer)
{
	*csv = (struct jem_metrics_csv){ 0 };
	jem_data_file_init(&csv->file, "metrics", "csv", packer);
	csv->file.segment_bytes = 0; /* finished here: every segment begins with the header */
	csv->segment_bytes = SEGMENT_BYTES;
}

void jem_metrics_csv_deinit(struct jem_metrics_csv *csv)
{
	for (int i = 0; csv->rows && i < JEM_CSV_ROWS; i++)
		jem_buf_deinit(&csv->rows[i].text);
	free(csv->rows);
	jem_data_file_deinit(&csv->file);
}

static void put_names(struct jem_buf *buf, unsigned scope, const char *prefix)
{
	for (int i = 0; i < JEM_METRIC_COUNT; i++)
		if (jem_metrics[i].scopes & scope)
			jem_buf_printf(buf, ",%s_%s", prefix, jem_metrics[i].name);
}

static void put_header(struct jem_buf *buf)
{
	jem_buf_add_str(buf, "t,node");
	put_names(buf, JEM_SCOPE_NODE, "node");
	put_names(buf, JEM_SCOPE_JOB, "job");
	jem_buf_add_char(buf, '\n');
}

static void put_cells(struct jem_buf *buf, unsigned scope, const struct jem_csv_row *row,
		      const struct jem_csv_cell *cells)
{
	for (int i = 0; i < JEM_METRIC_COUNT; i++) {
		if (!(jem_metrics[i].scopes & scope))
			continue;
		jem_buf_add_char(buf, ',');
		jem_buf_add(buf, row->text.data + cells[i].offset, cells[i].len);
	}
}

static void close_row(struct jem_metrics_csv *csv, struct jem_csv_row *row)
{
	struct jem_buf *out = &csv->file.pending;

	jem_buf_printf(out, "%" PRIu64 ".%06" PRIu64 ",%s", row->t_us / 1000000,
		       row->t_us % 1000000, row->node);
	put_cells(out, JEM_SCOPE_NODE, row, row->node_cells);
	put_cells(out, JEM_SCOPE_JOB, row, row->job_cells);
	jem_buf_add_char(out, '\n');
	row->scopes = 0;
}

/* The open row of the node, a free one, or that of the oldest sample, which is closed. */
static struct jem_csv_row *find_row(struct jem_metrics_csv *csv, const char *node, uint64_t t_us,
				    unsigned scope)
{
	struct jem_csv_row *row = NULL;

	for (int i = 0; i < JEM_CSV_ROWS; i++) {
		struct jem_csv_row *at = &csv->rows[i];

		if (at->scopes && !strcmp(at->node, node)) {
			row = at;
			break;
		}
		if (!row || (row->scopes && (!at->scopes || at->t_us < row->t_us)))
			row = at;
	}
	if (row->scopes && (strcmp(row->node, node) || (row->scopes & scope) ||
			    t_us > row->t_us + SAME_TICK_US || t_us + SAME_TICK_US < row->t_us))
		close_row(csv, row);
	if (!row->scopes) {
		jem_buf_clear(&row->text);
		memset(row->node_cells, 0, sizeof(row->node_cells));
		memset(row->job_cells, 0, sizeof(row->job_cells));
		snprintf(row->node, sizeof(row->node), "%s", node);
		row->t_us = t_us;
	}
	row->scopes |= scope;
	return row;
}

static void fill(struct jem_csv_row *row, struct jem_csv_cell *cells, unsigned scope,
		 const struct jem_json_doc *doc, uint32_t values)
{
	for (uint32_t i = jem_json_first(doc, values); i < jem_json_end(doc, values);
	     i = jem_json_next(doc, i + 1)) {
		const struct jem_json_token *name = &doc->tokens[i];
		const struct jem_json_token *value = &doc->tokens[i + 1];
		size_t len = value->end - value->start;
		int metric = jem_metric_find(doc->text + name->start, name->end - name->start);

		if (metric < 0 || !(jem_metrics[metric].scopes & scope) ||
		    value->type != JEM_JSON_NUMBER || len > NUMBER_MAX)
			continue;
		cells[metric] = (struct jem_csv_cell){ (uint32_t)row->text.len, (uint32_t)len };
		jem_buf_add(&row->text, doc->text + value->start, len);
	}
	if (row->text.failed)
		memset(cells, 0, JEM_METRIC_COUNT * sizeof(*cells));
}

void jem_metrics_csv_add(struct jem_metrics_csv *csv, const char *node, uint64_t t_us,
			 const struct jem_json_doc *doc, uint32_t record)
{
	uint32_t scope = jem_json_member(doc, record, "scope");
	uint32_t values = jem_json_member(doc, record, "values");
	struct jem_csv_row *row;
	bool is_node;

	if (!scope || !values || jem_json_type(doc, values) != JEM_JSON_OBJECT)
		return;
	is_node = jem_json_equals(doc, scope, "node");
	if (!is_node && !jem_json_equals(doc, scope, "job"))
		return;
	if (!csv->rows)
		csv->rows = calloc(JEM_CSV_ROWS, sizeof(*csv->rows));
	if (!csv->rows)
		return;
	row = find_row(csv, node, t_us, is_node ? JEM_SCOPE_NODE : JEM_SCOPE_JOB);
	if (is_node)
		fill(row, row->node_cells, JEM_SCOPE_NODE, doc, values);
	else
		fill(row, row->job_cells, JEM_SCOPE_JOB, doc, values);
}

/* A file with other columns is of another version: it stays under another name. */
static int begin_file(struct jem_metrics_csv *csv, int folder)
{
	struct jem_buf header;
	auto_free char *text = NULL;
	ssize_t n = 0;
	int status = jem_data_file_open(&csv->file, folder);

	if (status < 0)
		return status;
	jem_buf_init(&header, 0);
	put_header(&header);
	text = malloc(header.len + 1);
	if (text && csv->file.size)
		n = pread(csv->file.fd, text, header.len, 0);
	if (csv->file.size && (n != (ssize_t)header.len || memcmp(text, header.data, header.len))) {
		jem_data_file_suspend(&csv->file);
		if (renameat(folder, "metrics.csv", folder, "metrics.old.csv") < 0)
			status = -errno;
		csv->file.size = 0;
		if (status == 0)
			status = jem_data_file_open(&csv->file, folder);
	}
	if (status == 0 && !csv->file.size) {
		status = jem_folder_write_at(csv->file.fd, header.data, header.len, 0);
		if (status == 0)
			csv->file.size = header.len;
	}
	jem_buf_deinit(&header);
	if (status < 0)
		jem_data_file_suspend(&csv->file);
	return status;
}

struct rebuild {
	uint64_t from_us;
	char node[JEM_NAME_MAX + 1]; /* of the rows so far */
	bool has_nodes;              /* more than one */
};

/* "seconds.micros,node,": false when a row does not begin like one of ours. */
static bool read_row(struct rebuild *rebuild, const char *line, size_t len, uint64_t *t_us)
{
	char text[32 + JEM_NAME_MAX];
	char node[JEM_NAME_MAX + 1] = "";
	uint64_t seconds = 0;
	uint64_t micros = 0;
	int n = 0;

	snprintf(text, sizeof(text), "%.*s", len < sizeof(text) ? (int)len : (int)sizeof(text) - 1,
		 line);
	if (sscanf(text, "%" SCNu64 ".%6" SCNu64 ",%n", &seconds, &micros, &n) != 2 || !n)
		return false;
	*t_us = seconds * 1000000 + micros;
	sscanf(text + n, "%48[A-Za-z0-9_-],", node);
	if (*node && *rebuild->node && strcmp(rebuild->node, node))
		rebuild->has_nodes = true;
	if (*node)
		strcpy(rebuild->node, node);
	return true;
}

/* The header, and rows before the time. */
static bool is_before(void *arg, const char *line, size_t len)
{
	struct rebuild *rebuild = arg;
	uint64_t t_us;

	if (!len || line[0] < '0' || line[0] > '9')
		return true;
	return read_row(rebuild, line, len, &t_us) && t_us < rebuild->from_us;
}

/* A row that was cut short would stand in the middle of the file. */
static int cut_torn_row(struct jem_metrics_csv *csv, int folder)
{
	auto_lines struct jem_lines *lines = NULL;
	const char *line;
	size_t len;
	int status = csv->file.size ? jem_lines_open(folder, "metrics.csv", 0, &lines) : 0;

	while (lines && (status = jem_lines_next(lines, &line, &len)) > 0)
		;
	if (status == 0 && lines && jem_lines_offset(lines) < csv->file.size)
		status = jem_data_file_cut(&csv->file, folder, jem_lines_offset(lines));
	return status;
}

int jem_metrics_csv_rebuild(struct jem_metrics_csv *csv, int folder, uint64_t from_us,
			    char node[JEM_NAME_MAX + 1])
{
	struct rebuild rebuild = { .from_us = from_us };
	struct jem_data_file *file = &csv->file;
	int status = cut_torn_row(csv, folder);

	*node = '\0';
	if (status < 0 || from_us == UINT64_MAX)
		return status;
	status = jem_data_file_finish(file, folder);
	for (uint32_t segment = file->oldest; status == 0 && segment < file->current; segment++) {
		uint64_t kept;
		int64_t left_out;
		char name[64];

		jem_data_file_name(file, folder, segment, name);
		left_out = *name ? jem_pack_filter(folder, name, is_before, &rebuild, &kept) : 0;
		if (left_out < 0)
			status = (int)left_out;
		else if (left_out && kept > 1) /* than the header */
			status = jem_pack_replace(folder, name);
		else if (*name)
			jem_pack_discard(folder, name);
		if (left_out > 0 && kept <= 1 && unlinkat(folder, name, 0) < 0)
			status = -errno;
	}
	if (!rebuild.has_nodes)
		strcpy(node, rebuild.node);
	return status < 0 ? status : jem_data_file_scan(file, folder);
}

int jem_metrics_csv_write(struct jem_metrics_csv *csv, int folder, bool is_all)
{
	const unsigned whole = JEM_SCOPE_NODE | JEM_SCOPE_JOB;
	int status = 0;

	for (int i = 0; csv->rows && i < JEM_CSV_ROWS; i++)
		if (csv->rows[i].scopes && (is_all || csv->rows[i].scopes == whole))
			close_row(csv, &csv->rows[i]);
	if (!csv->file.pending.len)
		return 0;
	if (csv->file.size + csv->file.pending.len > csv->segment_bytes)
		status = jem_data_file_finish(&csv->file, folder);
	if (status == 0 && csv->file.fd < 0)
		status = begin_file(csv, folder);
	if (status == 0)
		status = jem_data_file_write(&csv->file, folder);
	jem_buf_clear(&csv->file.pending);
	return status;
}

void jem_metrics_csv_drop(struct jem_metrics_csv *csv)
{
	jem_buf_clear(&csv->file.pending);
	for (int i = 0; csv->rows && i < JEM_CSV_ROWS; i++)
		csv->rows[i].scopes = 0;
}
