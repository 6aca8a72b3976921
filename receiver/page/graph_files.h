/* SPDX-License-Identifier: Apache-2.0 */
/* graph_files: the drawings of calls, for files and pages. */
#ifndef JEM_RECEIVER_PAGE_GRAPH_FILES_H
#define JEM_RECEIVER_PAGE_GRAPH_FILES_H

#include "receiver/graph/canvas.h"
#include "receiver/model.h"

enum jem_call_graph {
	JEM_CALL_GRAPH_FLAME,
	JEM_CALL_GRAPH_CHART,
	JEM_CALL_GRAPH_COUNT,
};

struct jem_call_graph_view {
	double width;
	bool is_alone;
	uint32_t rows;    /* of the flame graph at most, 0: as many as it has */
	unsigned threads; /* of the chart at most */
};

bool jem_call_graph_has_data(const struct jem_job_model *model, enum jem_call_graph graph);

/* Draws it as a page of the canvas. */
void jem_call_graph_draw(struct jem_canvas *canvas, const struct jem_job_model *model,
			 enum jem_call_graph graph, const struct jem_call_graph_view *view);

/* Writes flame and calls into the folder graphs/: how many files, or negative errno. */
int jem_call_graphs_write(const struct jem_job_model *model, unsigned formats, int dirfd);

/* The same as pages of a document. */
void jem_call_sheets_draw(struct jem_canvas *canvas, const struct jem_job_model *model);

#endif
