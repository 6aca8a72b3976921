/* SPDX-License-Identifier: Apache-2.0 */
#include "common/sched/stats_json.h"

#include "common/sched/episodes.h"
#include "common/sched/latency.h"
#include "common/sched/stats.h"

#include <errno.h>

enum {
	NS_DIGITS = 9
};

static void add_u64(struct jem_json *json, const char *key, uint64_t value)
{
	jem_json_key(json, key);
	jem_json_u64(json, value);
}

static void add_str(struct jem_json *json, const char *key, const char *value)
{
	jem_json_key(json, key);
	jem_json_str(json, value);
}

static void add_length_s(struct jem_json *json, const char *key, uint64_t ns)
{
	jem_json_key(json, key);
	jem_json_fixed(json, ns, NS_DIGITS);
}

/* On the axis of the graphs. What is before its zero is seldom asked for. */
static void add_time_s(struct jem_json *json, const char *key,
		       const struct jem_sched_stats_source *source, int64_t ns)
{
	if (ns >= source->select->zero_ns) {
		add_length_s(json, key, (uint64_t)(ns - source->select->zero_ns));
		return;
	}
	jem_json_key(json, key);
	jem_json_real(json, (double)(ns - source->select->zero_ns) / 1e9);
}

static void add_source(struct jem_json *json, const struct jem_sched_stats_source *source)
{
	const struct jem_sched_model *model = source->model;

	add_str(json, "file", source->file);
	jem_json_key(json, "version");
	if (source->version)
		jem_json_u64(json, source->version);
	else
		jem_json_null(json);
	add_u64(json, "cpus", source->cpus ? source->cpus : model->cpu_count);
	add_u64(json, "events", model->events);
	add_u64(json, "switches", model->switches);
	add_u64(json, "lost_events", model->lost_events);
	add_u64(json, "inferred", model->inferred);
	add_u64(json, "gaps", model->gap_count);
	add_time_s(json, "start_s", source, source->select->from_ns);
	add_time_s(json, "end_s", source, source->select->to_ns);
}

static void add_tasks(struct jem_json *json, const struct jem_sched_model *model,
		      const struct jem_sched_stats *stats)
{
	jem_json_key(json, "tasks");
	jem_json_array_begin(json);
	for (size_t i = 0; i < stats->task_count; i++) {
		const struct jem_sched_task_stats *one = &stats->tasks[i];
		const struct jem_sched_task *task = &model->tasks[one->task];

		jem_json_object_begin(json);
		jem_json_key(json, "pid");
		jem_json_i64(json, task->tid);
		add_str(json, "comm", jem_sched_comm(model, task->comm));
		add_u64(json, "run_ns", one->run_ns);
		add_u64(json, "wait_ns", one->wait_ns);
		add_u64(json, "slices", one->slices);
		add_u64(json, "migrations", one->migrations);
		jem_json_object_end(json);
	}
	jem_json_array_end(json);
}

static void add_commands(struct jem_json *json, const struct jem_sched_stats_source *source,
			 const struct jem_sched_stats *stats)
{
	jem_json_key(json, "commands");
	jem_json_array_begin(json);
	for (size_t i = 0; i < stats->command_count; i++) {
		const struct jem_sched_command_stats *one = &stats->commands[i];

		jem_json_object_begin(json);
		add_str(json, "comm", jem_sched_comm(source->model, one->comm));
		add_time_s(json, "first_s", source, one->first_ns);
		add_time_s(json, "last_s", source, one->last_ns);
		add_length_s(json, "run_s", one->run_ns);
		add_u64(json, "switches", one->switches);
		add_u64(json, "pids", one->pids);
		jem_json_object_end(json);
	}
	jem_json_array_end(json);
}

static void add_cpu_list(struct jem_json *json, const char *key, const uint16_t *cpus, size_t count)
{
	jem_json_key(json, key);
	jem_json_array_begin(json);
	for (size_t i = 0; i < count; i++)
		jem_json_u64(json, cpus[i]);
	jem_json_array_end(json);
}

static void add_episode(struct jem_json *json, const struct jem_sched_stats_source *source,
			const struct jem_sched_episode *episode)
{
	struct jem_buf text;

	jem_buf_init(&text, 0);
	jem_sched_episode_text(source->model, episode, &text);
	jem_json_object_begin(json);
	add_time_s(json, "start_s", source, episode->from_ns);
	add_time_s(json, "end_s", source, episode->to_ns);
	add_u64(json, "violated_ns", episode->violated_ns);
	add_u64(json, "wasted_ns", episode->wasted_ns);
	add_u64(json, "tasks", episode->tasks);
	add_u64(json, "wait_max_ns", episode->wait_max_ns);
	jem_json_key(json, "pid");
	jem_json_i64(json, source->model->tasks[episode->worst.task].tid);
	add_cpu_list(json, "wait_cpus", episode->wait_cpus, episode->wait_cpu_count);
	add_cpu_list(json, "idle_cpus", episode->idle_cpus, episode->idle_cpu_count);
	add_str(json, "text", jem_buf_cstr(&text));
	jem_json_object_end(json);
	jem_buf_deinit(&text);
}

static void add_overload(struct jem_json *json, const struct jem_sched_stats_source *source,
			 const struct jem_sched_episodes *episodes)
{
	jem_json_key(json, "overload");
	jem_json_object_begin(json);
	add_length_s(json, "runnable_while_idle_s", episodes->violated_ns);
	add_u64(json, "episodes", episodes->count);
	add_length_s(json, "wasted_core_s", episodes->wasted_ns);
	jem_json_key(json, "worst");
	jem_json_array_begin(json);
	for (size_t i = 0; i < episodes->worst_count; i++)
		add_episode(json, source, &episodes->worst[i]);
	jem_json_array_end(json);
	jem_json_object_end(json);
}

static void add_latency(struct jem_json *json, const struct jem_sched_stats_source *source)
{
	struct jem_sched_latency latency;
	unsigned used = JEM_SCHED_LATENCIES;

	jem_sched_latency_make(source->model, source->select, &latency);
	while (used && !latency.buckets[used - 1])
		used--;
	jem_json_key(json, "wakeup_latency");
	jem_json_object_begin(json);
	add_u64(json, "count", latency.count);
	add_u64(json, "unknown", latency.unknown);
	add_u64(json, "sum_ns", latency.sum_ns);
	add_u64(json, "max_ns", latency.max_ns);
	add_u64(json, "p50_ns", jem_sched_latency_quantile(&latency, 0.5));
	add_u64(json, "p99_ns", jem_sched_latency_quantile(&latency, 0.99));
	jem_json_key(json, "log2_ns");
	jem_json_array_begin(json);
	for (unsigned i = 0; i < used; i++)
		jem_json_u64(json, latency.buckets[i]);
	jem_json_array_end(json);
	jem_json_object_end(json);
}

static void add_moves(struct jem_json *json, const struct jem_sched_stats_source *source)
{
	struct jem_sched_moves moves;

	jem_sched_moves_make(source->model, source->select, source->topology, &moves);
	jem_json_key(json, "moves");
	jem_json_object_begin(json);
	for (int move = JEM_SCHED_PLACED; move <= JEM_SCHED_MOVED; move++) {
		jem_json_key(json, jem_sched_move_name((enum jem_sched_move)move));
		jem_json_object_begin(json);
		for (int far = 0; far < JEM_CPU_DISTANCES; far++) {
			const char *name = jem_topology_distance_name((enum jem_cpu_distance)far);

			/* Either all distances are known, or none is. */
			if (moves.counts[move][far] ||
			    (source->topology ? far != JEM_CPU_FAR_UNKNOWN
					      : far == JEM_CPU_FAR_UNKNOWN))
				add_u64(json, name, moves.counts[move][far]);
		}
		jem_json_object_end(json);
	}
	jem_json_object_end(json);
}

int jem_sched_stats_json(struct jem_json *json, const struct jem_sched_stats_source *source)
{
	struct jem_sched_stats stats = { 0 };
	struct jem_sched_episodes episodes = { 0 };
	int rc = jem_sched_stats_make(source->model, source->select, &stats);

	if (rc == 0)
		rc = jem_sched_episodes_make(source->model, source->select, &episodes);
	if (rc == 0) {
		jem_json_object_begin(json);
		add_source(json, source);
		add_tasks(json, source->model, &stats);
		add_commands(json, source, &stats);
		add_overload(json, source, &episodes);
		add_latency(json, source);
		add_moves(json, source);
		jem_json_object_end(json);
		rc = json->buf->failed ? -ENOMEM : 0;
	}
	jem_sched_stats_deinit(&stats);
	jem_sched_episodes_deinit(&episodes);
	return rc;
}
