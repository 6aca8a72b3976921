/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/metric_records.h"

#include "daemon/sources/metrics/job_values.h"

#include <math.h>
#include <string.h>

/* Movements below these are noise, whatever share of a small number they are. */
static const double TIME_MIN_S = 0.05;
static const double BYTES_MIN = 1 << 20;

static void add_value(struct jem_record *record, const char *name, double value)
{
	if (value >= 0 && value < 9e15 && value == floor(value))
		jem_record_u64(record, name, (uint64_t)value);
	else
		jem_record_real(record, name, value);
}

static struct jem_record *begin(struct jem_batcher *batcher, uint64_t mono_ns, enum jem_scope scope)
{
	struct jem_record *record = jem_batcher_begin(batcher, JEM_KIND_metric, mono_ns);

	jem_record_word(record, "scope", jem_scope_name(scope));
	return record;
}

static void add_values(struct jem_record *record, enum jem_scope scope, const double *values)
{
	for (int i = 0; i < JEM_METRIC_COUNT; i++)
		if (jem_metrics[i].scopes & scope && !isnan(values[i]))
			add_value(record, jem_metrics[i].name, values[i]);
}

void jem_metric_records_sample(struct jem_batcher *batcher, const struct jem_sample *sample)
{
	struct jem_record *record = begin(batcher, sample->mono_ns, JEM_SCOPE_NODE);

	jem_record_object_begin(record, "values");
	add_values(record, JEM_SCOPE_NODE, sample->node);
	for (size_t i = 0; i < sample->extra_count; i++)
		if (!isnan(sample->extras[i].value))
			add_value(record, sample->extras[i].name, sample->extras[i].value);
	jem_record_object_end(record);
	jem_batcher_end(batcher, JEM_IN_TIME);
	if (!sample->has_job)
		return;
	record = begin(batcher, sample->mono_ns, JEM_SCOPE_JOB);
	jem_record_object_begin(record, "values");
	add_values(record, JEM_SCOPE_JOB, sample->job);
	jem_record_object_end(record);
	jem_batcher_end(batcher, JEM_IN_TIME);
}

static bool moved(double before, double now, double share, double least)
{
	double by = fabs(now - before);

	return by > least && by >= share * fabs(before);
}

bool jem_process_has_moved(const struct jem_procset *set, const struct jem_process *process,
			   const struct jem_process_rule *rule, uint64_t now_ns)
{
	const struct jem_tally *own = &process->own;
	const struct jem_tally *told = &process->told;
	uint64_t pss = 0;

	if (!process->told_ns || now_ns - process->told_ns >= rule->every_ns)
		return true;
	(void)(process->pss.is_known && jem_pss_value(set, process, &pss));
	return moved((double)(told->user_ns + told->system_ns) / 1e9,
		     (double)(own->user_ns + own->system_ns) / 1e9, rule->change, TIME_MIN_S) ||
	       moved((double)process->told_rss_bytes, (double)process->memory.rss_bytes,
		     rule->change, BYTES_MIN) ||
	       moved((double)process->told_pss_bytes, (double)pss, rule->change, BYTES_MIN) ||
	       moved((double)(told->io.rchar + told->io.wchar),
		     (double)(own->io.rchar + own->io.wchar), rule->change, BYTES_MIN) ||
	       moved((double)(told->io.read_bytes + told->io.write_bytes),
		     (double)(own->io.read_bytes + own->io.write_bytes), rule->change, BYTES_MIN) ||
	       moved((double)process->told_threads, (double)process->threads, rule->change, 0) ||
	       moved((double)process->told_open_files, (double)process->open_files, rule->change,
		     1);
}

static void keep_told(const struct jem_procset *set, struct jem_process *process, uint64_t now_ns)
{
	process->told = process->own;
	process->told_ns = now_ns;
	process->told_rss_bytes = process->memory.rss_bytes;
	process->told_threads = process->threads;
	process->told_open_files = process->open_files;
	process->told_pss_bytes = 0;
	(void)(process->pss.is_known && jem_pss_value(set, process, &process->told_pss_bytes));
}

void jem_metric_records_process(struct jem_batcher *batcher, const struct jem_procset *set,
				struct jem_process *process, uint64_t now_ns)
{
	struct jem_record *record = begin(batcher, now_ns, JEM_SCOPE_PROCESS);
	char state[2] = { process->state ? process->state : 'X', '\0' };
	double values[JEM_METRIC_COUNT];
	char wchan[64];

	jem_process_values(set, process, now_ns, values);
	jem_record_i64(record, "pid", process->pid);
	jem_record_i64(record, "ppid", process->ppid);
	jem_record_text(record, "comm", process->comm, strlen(process->comm));
	jem_record_word(record, "state", state);
	if (state[0] == 'S' || state[0] == 'D') {
		jem_proc_wchan(set->reader.root, process->pid, wchan, sizeof(wchan));
		if (*wchan)
			jem_record_str(record, "wchan", wchan);
	}
	jem_record_object_begin(record, "values");
	add_values(record, JEM_SCOPE_PROCESS, values);
	jem_record_object_end(record);
	jem_batcher_end(batcher, JEM_IN_TIME);
	keep_told(set, process, now_ns);
}
