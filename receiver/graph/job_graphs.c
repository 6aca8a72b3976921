/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/graph/job_graphs.h"

#include "common/cleanup.h"
#include "receiver/graph/timechart.h"
#include "receiver/graph/timeline.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

enum curve_flags {
	FILLED = 1,
	DASHED = 2,
	DOTTED = 4,
	LOWEST = 8,    /* its lowest value is what matters */
	IF_MOVED = 16, /* not shown while it is zero all the time */
};

struct curve {
	enum jem_series_id series;
	enum jem_colour colour;
	unsigned flags;
};

struct graph {
	const char *name;
	const char *title;
	const char *hint;
	struct curve curves[JEM_CURVES_MAX];
	int limit; /* a series, -1: none */
	const char *limit_label;
};

#define CURVE(series, colour, flags)                                                               \
	{                                                                                          \
		JEM_SERIES_##series, JEM_COLOUR_##colour, flags                                    \
	}
#define END                                                                                        \
	{                                                                                          \
		.series = JEM_SERIES_COUNT                                                         \
	}

static const struct graph graphs[] = {
	{ "cpu",
	  "Processors",
	  "Cores kept busy. Flat at a whole number: the job computes on so many; near zero: it "
	  "waits.",
	  { CURVE(job_cpu, C1, FILLED), CURVE(job_cpu_system, C2, 0), CURVE(node_cpu, C3, DASHED),
	    CURVE(node_steal, C4, IF_MOVED), END },
	  JEM_SERIES_node_cpu_count,
	  "processors" },
	{ "memory",
	  "Memory",
	  "Resident counts shared pages for each process, proportional only once. Above the limit "
	  "the job is killed.",
	  { CURVE(job_rss, C1, FILLED), CURVE(job_pss, C3, 0), CURVE(job_peak, C2, DASHED),
	    CURVE(job_cgroup, C5, 0), CURVE(job_cgroup_anon, C7, DASHED | IF_MOVED),
	    CURVE(job_swap, C4, IF_MOVED), END },
	  JEM_SERIES_job_limit,
	  "limit" },
	{ "io",
	  "Input and output",
	  "Calls count every byte read or written; storage only what the page cache did not have.",
	  { CURVE(job_rchar, C1, FILLED), CURVE(job_wchar, C2, 0), CURVE(job_read, C6, DASHED),
	    CURVE(job_write, C5, DASHED), END },
	  -1,
	  NULL },
	{ "pressure",
	  "Pressure",
	  "Part of the time in which tasks of the node waited for what they needed.",
	  { CURVE(psi_cpu, C1, 0), CURVE(psi_memory, C2, 0),
	    CURVE(psi_memory_full, C4, DASHED | IF_MOVED), CURVE(psi_io, C3, 0),
	    CURVE(psi_io_full, C5, DASHED | IF_MOVED), CURVE(job_throttled, C7, IF_MOVED), END },
	  -1,
	  NULL },
	{ "load",
	  "Load of the node",
	  "Threads that run or wait. Above the number of processors somebody waits.",
	  { CURVE(runnable, C6, 0), CURVE(load1, C1, 0), CURVE(load5, C7, DASHED), END },
	  JEM_SERIES_node_cpu_count,
	  "processors" },
	{ "space",
	  "Free space",
	  "What is left in the folders that the job writes to.",
	  { CURVE(work_free, C1, LOWEST), CURVE(tmp_free, C2, LOWEST | DASHED),
	    CURVE(home_free, C3, LOWEST | DOTTED), END },
	  -1,
	  NULL },
	{ "node_memory",
	  "Memory of the node",
	  "Available is what can be had without swapping.",
	  { CURVE(node_available, C1, FILLED | LOWEST), CURVE(node_cached, C6, 0),
	    CURVE(node_swap, C2, IF_MOVED), END },
	  JEM_SERIES_node_memory,
	  "memory of the node" },
	{ "traffic",
	  "Disks and network of the node",
	  "Of everything on the node, not of the job alone.",
	  { CURVE(node_disk_read, C1, 0), CURVE(node_disk_write, C2, 0),
	    CURVE(node_received, C3, 0), CURVE(node_sent, C5, DASHED), END },
	  -1,
	  NULL },
	{ "tasks",
	  "Processes, threads, files",
	  "Curves that only rise tell of a leak.",
	  { CURVE(job_processes, C1, 0), CURVE(job_threads, C2, 0),
	    CURVE(job_open_files, C3, DASHED), END },
	  -1,
	  NULL },
};

size_t jem_job_graph_count(void)
{
	return sizeof(graphs) / sizeof(*graphs);
}

const char *jem_job_graph_name(size_t i)
{
	return graphs[i].name;
}

const char *jem_job_graph_title(size_t i)
{
	return graphs[i].title;
}

const char *jem_job_graph_hint(size_t i)
{
	return graphs[i].hint;
}

static bool is_shown(const struct jem_series *series, unsigned flags)
{
	double min;
	double max;

	return jem_series_range(series, &min, &max) && (!(flags & IF_MOVED) || max > 0);
}

bool jem_job_graph_has_data(const struct jem_job_model *model, size_t node, size_t i)
{
	if (node >= model->node_count)
		return false;
	for (const struct curve *curve = graphs[i].curves; curve->series != JEM_SERIES_COUNT;
	     curve++)
		if (is_shown(&model->nodes[node]->series[curve->series], curve->flags))
			return true;
	return false;
}

void jem_job_span(const struct jem_job_model *model, double *from_s, double *to_s)
{
	uint64_t from = model->start_ns ? model->start_ns : model->first_ns;
	uint64_t to = model->end_ns > from ? model->end_ns : model->last_ns;

	*from_s = (double)from * 1e-9;
	*to_s = fmax((double)to * 1e-9, *from_s + 1);
}

static double last_value(const struct jem_series *series)
{
	for (uint32_t i = series->count; i-- > 0;)
		if (series->buckets[i].count)
			return (double)series->buckets[i].last;
	return 0;
}

/*
 * Folders on one file system have one curve: free space that is read one after the other may
 * differ a little while somebody writes, the size does not.
 */
static bool is_same_space(const struct jem_model_node *node, const char *a, const char *b)
{
	char name[32];
	double values[2][2];
	const char *const folders[] = { a, b };

	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 2; k++) {
			const struct jem_model_metric *metric;

			snprintf(name, sizeof(name), "%s_%s_bytes", folders[i],
				 k ? "total" : "free");
			metric = jem_model_metric(node, JEM_SCOPE_NODE, name);
			if (!metric)
				return false;
			values[i][k] = metric->last;
		}
	return values[0][1] == values[1][1] &&
	       fabs(values[0][0] - values[1][0]) <= 1e-3 * values[0][1];
}

/* Leaves the folders that have a file system of their own; the rest goes into the first label. */
static void join_spaces(const struct jem_model_node *node, struct jem_timechart *chart)
{
	bool tmp = is_same_space(node, "work", "tmp");
	bool home = is_same_space(node, "work", "home");
	size_t n = 0;

	for (size_t i = 0; i < chart->curve_count; i++) {
		const struct jem_series *series = chart->curves[i].series;

		if ((tmp && series == &node->series[JEM_SERIES_tmp_free]) ||
		    (home && series == &node->series[JEM_SERIES_home_free]))
			continue;
		chart->curves[n] = chart->curves[i];
		if (series == &node->series[JEM_SERIES_work_free] && (tmp || home))
			chart->curves[n].label = !home  ? "work and temporary folder"
						 : !tmp ? "work and home folder"
							: "work, temporary and home folder";
		n++;
	}
	chart->curve_count = n;
}

static void add_curves(const struct jem_model_node *node, const struct graph *graph,
		       struct jem_timechart *chart)
{
	for (const struct curve *curve = graph->curves; curve->series != JEM_SERIES_COUNT;
	     curve++) {
		const struct jem_series_info *info = &jem_series_infos[curve->series];
		const struct jem_series *series = &node->series[curve->series];

		if (!is_shown(series, curve->flags))
			continue;
		chart->unit = info->unit;
		chart->curves[chart->curve_count++] = (struct jem_curve){
			.series = series,
			.label = info->label,
			.colour = curve->colour,
			.dash = curve->flags & DASHED   ? JEM_DASHED
				: curve->flags & DOTTED ? JEM_DOTTED
							: JEM_SOLID,
			.is_filled = curve->flags & FILLED,
			.shows_min = curve->flags & LOWEST,
		};
	}
	if (!strcmp(graph->name, "space"))
		join_spaces(node, chart);
	if (graph->limit >= 0)
		chart->limit = last_value(&node->series[graph->limit]);
	chart->limit_label = graph->limit_label;
}

static enum jem_colour colour_of(enum jem_severity severity)
{
	static const enum jem_colour colours[] = { JEM_COLOUR_notice, JEM_COLOUR_warning,
						   JEM_COLOUR_critical };

	return severity == JEM_SEVERITY_NONE ? JEM_COLOUR_muted : colours[severity];
}

static struct jem_mark *get_marks(const struct jem_job_model *model)
{
	struct jem_mark *marks = calloc(JEM_MODEL_MARKS, sizeof(*marks));

	for (size_t i = 0; marks && i < model->mark_count; i++)
		marks[i] = (struct jem_mark){
			.t_s = (double)model->marks[i].t_ns * 1e-9,
			.rank = model->marks[i].severity - JEM_SEVERITY_NONE,
			.colour = colour_of(model->marks[i].severity),
			.label = model->marks[i].label,
			.text = model->marks[i].text,
		};
	return marks;
}

void jem_job_graph_draw(struct jem_canvas *canvas, const struct jem_job_model *model, size_t node,
			size_t i, const struct jem_graph_view *view)
{
	auto_free struct jem_mark *marks = get_marks(model);
	struct jem_timechart chart = {
		.title = graphs[i].title,
		.is_alone = view->is_alone,
		.marks = marks,
		.mark_count = model->mark_count,
	};
	char subtitle[2 * JEM_TRUE_NAME_SIZE + 16];

	if (!marks) {
		canvas->error = -ENOMEM;
		return;
	}
	snprintf(subtitle, sizeof(subtitle), "%s on %s", jem_model_job_name(model),
		 model->nodes[node]->name);
	chart.subtitle = subtitle;
	jem_job_span(model, &chart.from_s, &chart.to_s);
	chart.origin_s = chart.from_s;
	add_curves(model->nodes[node], &graphs[i], &chart);
	jem_timechart_draw(canvas, &chart, view->width, view->height);
}

void jem_job_timeline_draw(struct jem_canvas *canvas, const struct jem_job_model *model,
			   double width)
{
	static const enum jem_colour colours[] = {
		[JEM_JOB_UNKNOWN] = JEM_COLOUR_shade, [JEM_JOB_STARTING] = JEM_COLOUR_axis,
		[JEM_JOB_RUNNING] = JEM_COLOUR_good,  [JEM_JOB_STOPPED] = JEM_COLOUR_warning,
		[JEM_JOB_ENDED] = JEM_COLOUR_shade,
	};
	auto_free struct jem_mark *marks = get_marks(model);
	struct jem_phase phases[JEM_MODEL_PHASES];
	struct jem_timeline timeline = {
		.phases = phases,
		.phase_count = model->phase_count,
		.marks = marks,
		.mark_count = model->mark_count,
	};

	if (!marks) {
		canvas->error = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < model->phase_count; i++)
		phases[i] = (struct jem_phase){
			.t_s = (double)model->phases[i].t_ns * 1e-9,
			.colour = colours[model->phases[i].state],
			.label = jem_job_state_name(model->phases[i].state),
		};
	jem_job_span(model, &timeline.from_s, &timeline.to_s);
	timeline.origin_s = timeline.from_s;
	jem_timeline_draw(canvas, &timeline, width);
}
