/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_csv: metrics.csv, one row per sample.
 *
 * The columns are fixed by schemas/metrics.def: t (wall clock, seconds), node, then node_<metric> and
 * job_<metric>; the names end in their unit. What a sample did not tell is empty. Metrics outside the
 * table (single cores, further folders) and of single processes are in data/metric.jsonl only.
 *
 * Flow:      node and job record of one tick -> row -> metrics.csv
 *            -> metrics.0001.csv.zst and so on, as data files; each has the header
 * Bounds:    JEM_CSV_ROWS rows are open at a time (one per node)
 */
#ifndef JEM_RECEIVER_METRICS_CSV_H
#define JEM_RECEIVER_METRICS_CSV_H

#include "common/metric.h"
#include "receiver/data_file.h"

enum {
	JEM_CSV_ROWS = 16
};

/* A value's text in `text`; len 0: not told. */
struct jem_csv_cell {
	uint32_t offset;
	uint32_t len;
};

struct jem_csv_row {
	char node[JEM_NAME_MAX + 1];
	uint64_t t_us;
	unsigned scopes; /* enum jem_scope, told so far; 0: the row is free */
	struct jem_buf text;
	struct jem_csv_cell node_cells[JEM_METRIC_COUNT];
	struct jem_csv_cell job_cells[JEM_METRIC_COUNT];
};

struct jem_metrics_csv {
	struct jem_data_file file;
	uint64_t segment_bytes;
	struct jem_csv_row *rows; /* owned, JEM_CSV_ROWS; NULL until the first sample */
};

void jem_metrics_csv_init(struct jem_metrics_csv *csv, struct jem_packer *packer);
void jem_metrics_csv_deinit(struct jem_metrics_csv *csv);

/* Takes a metric record of scope node or job; others are passed over. */
void jem_metrics_csv_add(struct jem_metrics_csv *csv, const char *node, uint64_t t_us,
			 const struct jem_json_doc *doc, uint32_t record);

/*
 * After a crash, where nobody knows what was written: leaves the rows before `from_us`, from which
 * time on all will be added again. `node` is of all rows that were there, "" where they tell none or
 * several. 0 or negative errno.
 */
int jem_metrics_csv_rebuild(struct jem_metrics_csv *csv, int folder, uint64_t from_us,
			    char node[JEM_NAME_MAX + 1]);

/* Writes whole rows, or all: 0, or negative errno (the rows are left out). */
int jem_metrics_csv_write(struct jem_metrics_csv *csv, int folder, bool is_all);

/* What was added since the last write is not in data/. */
void jem_metrics_csv_drop(struct jem_metrics_csv *csv);

#endif
