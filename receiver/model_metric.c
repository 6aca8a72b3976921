/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/model_internal.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum {
	INDEX_SIZE = 2 * JEM_MODEL_METRICS,
};

static uint32_t hash(enum jem_scope scope, const char *name, size_t len)
{
	uint32_t h = 2166136261u ^ (uint32_t)scope; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * 16777619u;
	return h;
}

/* The slot of the index that holds the metric, or the free one where it would be. */
static size_t find_slot(const struct jem_model_node *node, enum jem_scope scope, const char *name,
			size_t len)
{
	size_t slot = hash(scope, name, len) % INDEX_SIZE;

	while (node->index[slot]) {
		const struct jem_model_metric *metric = &node->metrics[node->index[slot] - 1];

		if (metric->scope == scope && !strncmp(metric->name, name, len) &&
		    !metric->name[len])
			break;
		slot = (slot + 1) % INDEX_SIZE; /* half of the slots stay free */
	}
	return slot;
}

static struct jem_model_metric *get_metric(const struct jem_feed *feed, enum jem_scope scope,
					   const char *name, size_t len)
{
	struct jem_model_node *node = feed->node;
	size_t slot = find_slot(node, scope, name, len);
	struct jem_model_metric *metric;

	if (node->index[slot])
		return &node->metrics[node->index[slot] - 1];
	if (node->metric_count == JEM_MODEL_METRICS) {
		feed->model->forgotten++;
		return NULL;
	}
	metric = &node->metrics[node->metric_count++];
	memcpy(metric->name, name, len);
	metric->scope = scope;
	node->index[slot] = (uint16_t)node->metric_count;
	return metric;
}

const struct jem_model_metric *jem_model_metric(const struct jem_model_node *node,
						enum jem_scope scope, const char *name)
{
	size_t slot = find_slot(node, scope, name, strlen(name));

	return node->index[slot] ? &node->metrics[node->index[slot] - 1] : NULL;
}

double jem_model_total(const struct jem_job_model *model, enum jem_scope scope, const char *name)
{
	double total = -1;

	for (size_t i = 0; i < model->node_count; i++) {
		const struct jem_model_metric *metric =
			jem_model_metric(model->nodes[i], scope, name);

		if (metric)
			total = (total < 0 ? 0 : total) + metric->last;
	}
	return total;
}

static void keep_value(const struct jem_feed *feed, enum jem_scope scope, const char *name,
		       size_t len, double value)
{
	struct jem_model_metric *metric = get_metric(feed, scope, name, len);

	if (!metric)
		return;
	metric->record = feed->model->records;
	metric->value = value;
	metric->min = metric->count ? fmin(metric->min, value) : value;
	metric->max = metric->count ? fmax(metric->max, value) : value;
	if (!metric->count++ || feed->t_ns >= metric->t_ns) {
		metric->last = value;
		metric->t_ns = feed->t_ns;
	}
}

/* What the record says of a series' sources; false when one of them is not in it. */
static bool read_sources(const struct jem_feed *feed, const struct jem_series_info *info,
			 double *ret)
{
	double sum = 0;

	for (int i = 0; i < 2 && info->sources[i]; i++) {
		const struct jem_model_metric *metric =
			jem_model_metric(feed->node, info->scope, info->sources[i]);

		if (!metric || metric->record != feed->model->records)
			return false;
		sum += metric->value;
	}
	*ret = sum;
	return true;
}

enum {
	FIRST_WALL_S = 10 /* a first reading this late may be of a job that began long before us */
};

/*
 * The rate since the reading before; of a job whose first reading it is, since its start, where
 * its counters were zero. None from another first reading, from one that is late, or when the
 * counter fell: it has begun anew (another epoch of the daemon).
 */
static bool rate_of(struct jem_counter *counter, double t_s, double value, double wall_s,
		    double *ret)
{
	double elapsed = t_s - counter->t_s;
	bool is_known = counter->t_s > 0 && elapsed > 0 && value >= counter->value;

	if (is_known)
		*ret = (value - counter->value) / elapsed;
	if (counter->t_s > 0 && elapsed <= 0)
		return false;
	if (counter->t_s <= 0 && wall_s > 0 && wall_s < FIRST_WALL_S) {
		*ret = value / wall_s;
		is_known = true;
	}
	counter->t_s = t_s;
	counter->value = value;
	return is_known;
}

/* What this record says the job has run for, 0: nothing. */
static double wall_of(const struct jem_feed *feed, enum jem_scope scope)
{
	const struct jem_model_metric *wall = jem_model_metric(feed->node, scope, "wall_s");

	return wall && wall->record == feed->model->records ? wall->value : 0;
}

static void keep_series(const struct jem_feed *feed, enum jem_scope scope)
{
	double t_s = (double)feed->t_ns * 1e-9;
	double wall_s = wall_of(feed, scope);

	for (int i = 0; i < JEM_SERIES_COUNT; i++) {
		const struct jem_series_info *info = &jem_series_infos[i];
		double value;

		if (info->scope != scope || !read_sources(feed, info, &value))
			continue;
		if (info->is_rate && !rate_of(&feed->node->counters[i], t_s, value, wall_s, &value))
			continue;
		jem_series_add(&feed->node->series[i], t_s, value); /* counts what it refuses */
	}
}

/* The process of a pid; a new one takes the place of the one not heard of for longest. */
static struct jem_model_process *get_process(const struct jem_feed *feed, int64_t pid)
{
	struct jem_model_node *node = feed->node;
	size_t oldest = 0;

	for (size_t i = 0; i < node->process_count; i++) {
		if (node->processes[i].pid == pid)
			return &node->processes[i];
		if (node->processes[i].last_ns < node->processes[oldest].last_ns)
			oldest = i;
	}
	if (node->process_count == JEM_MODEL_PROCESSES) {
		node->processes_forgotten++;
		node->process_count--;
		memmove(&node->processes[oldest], &node->processes[oldest + 1],
			(node->process_count - oldest) * sizeof(*node->processes));
	}
	node->processes[node->process_count] = (struct jem_model_process){
		.pid = pid,
		.first_ns = feed->t_ns,
		.cpu_s = -1,
		.cores = -1,
		.rss_bytes = -1,
		.peak_rss_bytes = -1,
		.pss_bytes = -1,
		.threads = -1,
		.read_bytes = -1,
		.write_bytes = -1,
	};
	return &node->processes[node->process_count++];
}

static int feed_process(const struct jem_feed *feed, uint32_t values)
{
	double pid = jem_feed_number(feed, feed->record, "pid", -1);
	struct jem_model_process *process;
	struct {
		const char *name;
		double *to;
	} fields[7];
	double cpu_s;
	uint32_t comm;

	if (pid < 0 || pid > INT32_MAX)
		return -EBADMSG;
	process = get_process(feed, (int64_t)pid);
	if (feed->t_ns < process->last_ns)
		return 0;
	comm = jem_json_member(feed->doc, feed->record, "comm");
	if (comm)
		jem_json_get_str(feed->doc, comm, process->comm, sizeof(process->comm));
	memcpy(fields,
	       &(typeof(fields)){ { "cpu_cores", &process->cores },
				  { "rss_bytes", &process->rss_bytes },
				  { "peak_rss_bytes", &process->peak_rss_bytes },
				  { "pss_bytes", &process->pss_bytes },
				  { "threads", &process->threads },
				  { "read_bytes", &process->read_bytes },
				  { "write_bytes", &process->write_bytes } },
	       sizeof(fields));
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		*fields[i].to = jem_feed_number(feed, values, fields[i].name, *fields[i].to);
	cpu_s = jem_feed_number(feed, values, "cpu_user_s", 0) +
		jem_feed_number(feed, values, "cpu_system_s", 0);
	process->cpu_s = fmax(process->cpu_s, cpu_s);
	process->last_ns = feed->t_ns;
	return 0;
}

int jem_model_feed_metric(const struct jem_feed *feed)
{
	const struct jem_json_doc *doc = feed->doc;
	uint32_t token = jem_json_member(doc, feed->record, "scope");
	uint32_t values = jem_json_member(doc, feed->record, "values");
	enum jem_scope scope;
	uint32_t end;

	if (!token || !values || jem_json_type(doc, values) != JEM_JSON_OBJECT)
		return -EBADMSG;
	if (jem_json_equals(doc, token, "process"))
		return feed_process(feed, values);
	if (jem_json_equals(doc, token, "node"))
		scope = JEM_SCOPE_NODE;
	else if (jem_json_equals(doc, token, "job"))
		scope = JEM_SCOPE_JOB;
	else if (jem_json_equals(doc, token, "monitor"))
		scope = JEM_SCOPE_MONITOR;
	else
		return -EBADMSG;
	end = jem_json_end(doc, values);
	for (uint32_t name = jem_json_first(doc, values); name < end;) {
		uint32_t value = jem_json_next(doc, name);
		const struct jem_json_token *text = &doc->tokens[name];
		double number;

		name = jem_json_next(doc, value);
		if (text->escaped || text->end - text->start > JEM_NAME_MAX ||
		    text->end == text->start || jem_json_get_real(doc, value, &number) < 0 ||
		    !isfinite(number)) {
			feed->model->forgotten++;
			continue;
		}
		keep_value(feed, scope, doc->text + text->start, text->end - text->start, number);
	}
	keep_series(feed, scope);
	return 0;
}
