/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/sched/feed.h"

#include "common/cleanup.h"
#include "daemon/sources/sched/idle.h"
#include "daemon/sources/sched/known.h"
#include "daemon/sources/sched/summary.h"
#include "daemon/sources/sched/tree.h"
#include "tracer/sched/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A shorter wait than this is the scheduler at work; nobody could have used the idle core sooner. */
#define IDLE_WAIT_MIN_NS 50000
/* Slices that go on are told so far when they are older. */
#define OPEN_NS INT64_C(200000000)

static const char *const task_columns[] = { "tid", "pid", "comm", "parent_tid", "life", "of_job" };
static const char *const gap_columns[] = { "cpu", "gap_ns", "lost" };

enum scope {
	SCOPE_NODE,
	SCOPE_JOB,
	SCOPE_COUNT
};

struct jem_sched_feed {
	struct jem_sched_feed_options options;
	enum jem_sched_level level;
	struct jem_sched_machine *machine; /* owned; NULL: sampling */
	struct jem_sched_names names;
	struct jem_known known;
	struct jem_idle *idle; /* owned; NULL where cores are not seen */
	struct jem_slice_rows *slices;
	struct jem_item_rows *tasks, *gaps, *summaries; /* owned */
	struct jem_sched_summary sums[SCOPE_COUNT];
	struct jem_sched_tally told; /* of the machine, up to the last summary */
	uint64_t lost, monitor_ns;
	uint64_t homeless; /* slices of tasks that are not known, not told yet */
	int64_t begin_ns, second_ns, last_ns;
	unsigned cores;
};

/* --- batches ---------------------------------------------------------------------------------- */

static void hand_over(struct jem_sched_feed *feed, int status, uint64_t base_ns, uint64_t n,
		      struct jem_buf *map)
{
	const struct jem_column_rows rows = { base_ns, n, map->data, map->len };

	if (status == 0) {
		feed->options.on_rows(feed->options.arg, &rows);
		return;
	}
	jem_buf_deinit(map);
	feed->options.on_lost(feed->options.arg, JEM_CAUSE_no_memory, n);
}

static void flush_items(struct jem_sched_feed *feed, struct jem_item_rows *rows)
{
	uint64_t base_ns;
	uint64_t n;
	struct jem_buf map;
	int status;

	if (!rows->n)
		return;
	jem_buf_init(&map, 0);
	status = jem_item_rows_take(rows, &base_ns, &n, &map);
	hand_over(feed, status, base_ns, n, &map);
}

static void flush_slices(struct jem_sched_feed *feed)
{
	uint64_t base_ns;
	uint64_t n;
	struct jem_buf map;
	int status;

	if (!feed->slices->n)
		return;
	jem_buf_init(&map, 0);
	status = jem_slice_rows_take(feed->slices, &base_ns, &n, &map);
	hand_over(feed, status, base_ns, n, &map);
}

/* Tasks first: a reader knows of each whose slices follow. */
void jem_sched_feed_flush(struct jem_sched_feed *feed)
{
	flush_items(feed, feed->tasks);
	flush_slices(feed);
	flush_items(feed, feed->gaps);
}

/* --- what the machine tells ------------------------------------------------------------------- */

static bool is_selected(const struct jem_sched_feed *feed, const struct jem_known_task *task)
{
	return task->whose == JEM_KNOWN_JOB ||
	       (feed->options.is_node && task->whose == JEM_KNOWN_FOREIGN);
}

static const char *comm_of(const struct jem_sched_feed *feed, const struct jem_known_task *task,
			   uint32_t comm)
{
	if (task->whose != JEM_KNOWN_JOB && !feed->options.shows_comm)
		return "other";
	return comm < feed->names.count ? feed->names.text[comm] : "?";
}

static void add_task(struct jem_sched_feed *feed, struct jem_known_task *task,
		     const struct jem_sched_task *now, int64_t at_ns)
{
	const struct jem_known_task *parent = jem_known_find(&feed->known, now->parent);
	const char *life = "seen";
	struct jem_item_rows *rows = feed->tasks;

	if (now->died_ns != INT64_MAX) {
		life = "died";
		at_ns = now->died_ns;
	} else if (now->born_ns >= feed->begin_ns) {
		life = "born";
		at_ns = now->born_ns;
	}
	if (jem_item_rows_is_full(rows))
		flush_items(feed, rows);
	jem_item_rows_begin(rows, at_ns > 0 ? (uint64_t)at_ns : 0);
	jem_cbor_i64(jem_item_rows_next(rows), task->tid);
	jem_cbor_i64(jem_item_rows_next(rows), task->pid);
	jem_sched_put_text(feed->options.redactor, comm_of(feed, task, task->comm),
			   jem_item_rows_next(rows));
	if (parent)
		jem_cbor_i64(jem_item_rows_next(rows), parent->tid);
	else
		jem_cbor_null(jem_item_rows_next(rows));
	jem_cbor_str(jem_item_rows_next(rows), life);
	jem_cbor_bool(jem_item_rows_next(rows), task->whose == JEM_KNOWN_JOB);
	task->is_told = true;
}

static int on_task(void *context, uint32_t index, const struct jem_sched_task *now)
{
	struct jem_sched_feed *feed = context;
	struct jem_known_task *task = jem_known_tell(&feed->known, index, now, feed->last_ns);

	if (task && !task->is_told && is_selected(feed, task))
		add_task(feed, task, now, feed->last_ns);
	return 0;
}

static void add_row(struct jem_sched_feed *feed, const struct jem_sched_slice *slice,
		    struct jem_known_task *task)
{
	struct jem_known_task *waker = jem_known_find(&feed->known, slice->waker);
	const struct jem_slice_who who = {
		.tid = task->tid,
		.pid = task->pid,
		.comm = comm_of(feed, task, slice->comm),
		.place = &task->place,
		.waker_tid = waker ? waker->tid : 0,
		.waker_place = waker ? &waker->waker_place : NULL,
	};

	jem_slice_rows_add(feed->slices, slice, &who);
	if (jem_slice_rows_is_full(feed->slices)) {
		flush_items(feed, feed->tasks);
		flush_slices(feed);
	}
}

static int on_slice(void *context, const struct jem_sched_slice *slice)
{
	struct jem_sched_feed *feed = context;
	struct jem_known_task *task = jem_known_find(&feed->known, slice->task);
	uint64_t idle_wait_ns = 0;

	if (!task) { /* there is no room for more tasks */
		feed->homeless++;
		return 0;
	}
	if (task->whose == JEM_KNOWN_MONITOR) {
		feed->monitor_ns += slice->run_ns;
		return 0;
	}
	if (feed->idle && slice->wait_ns >= IDLE_WAIT_MIN_NS)
		idle_wait_ns = jem_idle_within(
			feed->idle, slice->start_ns - (int64_t)slice->wait_ns, slice->start_ns);
	jem_sched_summary_add(&feed->sums[SCOPE_NODE], slice, idle_wait_ns);
	if (task->whose == JEM_KNOWN_JOB)
		jem_sched_summary_add(&feed->sums[SCOPE_JOB], slice, idle_wait_ns);
	if (is_selected(feed, task))
		add_row(feed, slice, task);
	return 0;
}

static int on_gap(void *context, const struct jem_sched_gap *gap)
{
	struct jem_sched_feed *feed = context;
	struct jem_item_rows *rows = feed->gaps;

	if (jem_item_rows_is_full(rows))
		flush_items(feed, rows);
	jem_item_rows_begin(rows, gap->from_ns > 0 ? (uint64_t)gap->from_ns : 0);
	jem_cbor_u64(jem_item_rows_next(rows), gap->cpu);
	jem_cbor_u64(jem_item_rows_next(rows),
		     gap->to_ns > gap->from_ns ? (uint64_t)(gap->to_ns - gap->from_ns) : 0);
	jem_cbor_u64(jem_item_rows_next(rows), gap->lost);
	return 0;
}

/* --- events ----------------------------------------------------------------------------------- */

int jem_sched_feed_events(struct jem_sched_feed *feed, const struct jem_sched_event *events,
			  size_t count)
{
	int status = 0;

	for (size_t i = 0; i < count && status == 0; i++) {
		const struct jem_sched_event *event = &events[i];

		feed->last_ns = event->ns;
		/* First: the slice that ends here is asked for its wait at once. */
		if (feed->idle && event->type == JEM_SCHED_SWITCH)
			jem_idle_set(feed->idle, event->cpu, !event->other, event->ns);
		status = jem_sched_machine_event(feed->machine, event);
	}
	return status;
}

static void tell_homeless(struct jem_sched_feed *feed)
{
	if (feed->homeless)
		feed->options.on_lost(feed->options.arg, JEM_CAUSE_no_memory, feed->homeless);
	feed->homeless = 0;
}

void jem_sched_feed_lost(struct jem_sched_feed *feed, uint64_t n)
{
	feed->lost += n;
	if (n)
		feed->options.on_lost(feed->options.arg, JEM_CAUSE_truncated, n);
}

/* --- seconds ---------------------------------------------------------------------------------- */

static void tell_second(struct jem_sched_feed *feed, enum scope scope, int64_t now_ns)
{
	static const char *const words[] = { "node", "job" };
	static const struct jem_sched_tally none;
	const struct jem_sched_tally *tally =
		feed->machine ? jem_sched_machine_tally(feed->machine) : &none;
	bool is_traced = feed->level == JEM_SCHED_LEVEL_TRACEFS;
	bool is_all = scope == SCOPE_NODE || !is_traced;
	struct jem_sched_second second = {
		.scope = words[scope],
		.level = jem_sched_levels[feed->level].word,
		.from_ns = (uint64_t)feed->second_ns,
		.to_ns = (uint64_t)now_ns,
		/* Of the node's events the machine does not tell whose they are. */
		.switches = is_all ? tally->switches - feed->told.switches : UINT64_MAX,
		.events = is_all ? tally->events - feed->told.events : UINT64_MAX,
		.lost = is_all ? feed->lost : UINT64_MAX,
		.inferred = is_all ? tally->inferred - feed->told.inferred : UINT64_MAX,
		.monitor_ns = scope == SCOPE_NODE ? feed->monitor_ns : UINT64_MAX,
		.cores = feed->cores,
		.pressure = -1,
		.has_runs = true,
		.has_slices = true,
		.has_waits = is_traced,
		.has_moves = is_traced,
		.has_idle = is_traced,
	};

	if (jem_item_rows_is_full(feed->summaries))
		flush_items(feed, feed->summaries);
	jem_sched_summary_take(&feed->sums[scope], &second, feed->summaries);
}

static void tell_summaries(struct jem_sched_feed *feed, int64_t now_ns)
{
	if (now_ns <= feed->second_ns)
		return;
	if (feed->options.job)
		tell_second(feed, SCOPE_JOB, now_ns);
	if (feed->level == JEM_SCHED_LEVEL_TRACEFS)
		tell_second(feed, SCOPE_NODE, now_ns);
	feed->told = *jem_sched_machine_tally(feed->machine);
	feed->lost = feed->monitor_ns = 0;
	feed->second_ns = now_ns;
	flush_items(feed, feed->summaries);
}

void jem_sched_feed_second(struct jem_sched_feed *feed, int64_t now_ns)
{
	(void)jem_sched_machine_flush(feed->machine, now_ns, OPEN_NS);
	jem_known_sweep(&feed->known, now_ns);
	tell_homeless(feed);
	jem_sched_feed_flush(feed);
	tell_summaries(feed, now_ns);
}

void jem_sched_feed_finish(struct jem_sched_feed *feed, int64_t now_ns)
{
	(void)jem_sched_machine_finish(feed->machine, now_ns);
	tell_homeless(feed);
	jem_sched_feed_flush(feed);
	tell_summaries(feed, now_ns);
}

void jem_sched_feed_sampled(struct jem_sched_feed *feed, const struct jem_sched_sampled *sampled,
			    int64_t now_ns)
{
	struct jem_sched_second second = {
		.scope = feed->options.job ? "job" : "node",
		.level = jem_sched_levels[JEM_SCHED_LEVEL_SAMPLING].word,
		.from_ns = (uint64_t)feed->second_ns,
		.to_ns = (uint64_t)now_ns,
		.switches = UINT64_MAX,
		.events = UINT64_MAX,
		.lost = UINT64_MAX,
		.inferred = UINT64_MAX,
		.monitor_ns = UINT64_MAX,
		.cores = feed->cores,
		.pressure = sampled->pressure,
		.has_runs = sampled->has_tasks,
	};

	if (now_ns <= feed->second_ns)
		return;
	feed->sums[SCOPE_JOB].run_ns = sampled->run_ns;
	feed->sums[SCOPE_JOB].wait_ns = sampled->wait_ns;
	jem_sched_summary_take(&feed->sums[SCOPE_JOB], &second, feed->summaries);
	feed->second_ns = now_ns;
	flush_items(feed, feed->summaries);
}

/* --- life ------------------------------------------------------------------------------------- */

static struct jem_item_rows *make_items(const char *event, const char *const *names, size_t count)
{
	struct jem_item_rows *rows = calloc(1, sizeof(*rows));

	if (rows)
		jem_item_rows_init(rows, event, names, (uint32_t)count);
	return rows;
}

static void destroy_items(struct jem_item_rows *rows)
{
	if (rows)
		jem_item_rows_deinit(rows);
	free(rows);
}

int jem_sched_feed_create(const struct jem_sched_feed_options *options, struct jem_sched_feed **ret)
{
	struct jem_sched_feed *feed = calloc(1, sizeof(*feed));
	int status;

	if (!feed)
		return -ENOMEM;
	feed->options = *options;
	feed->summaries = make_items("summary", jem_summary_columns, jem_summary_column_count);
	status = feed->summaries
			 ? jem_known_init(&feed->known, "/proc", options->job, options->launcher)
			 : -ENOMEM;
	if (status < 0) {
		jem_sched_feed_destroy(feed);
		return status;
	}
	*ret = feed;
	return 0;
}

void jem_sched_feed_destroy(struct jem_sched_feed *feed)
{
	if (!feed)
		return;
	jem_sched_machine_destroy(feed->machine);
	jem_sched_names_deinit(&feed->names);
	jem_known_deinit(&feed->known);
	jem_idle_destroy(feed->idle);
	jem_slice_rows_destroy(feed->slices);
	destroy_items(feed->tasks);
	destroy_items(feed->gaps);
	destroy_items(feed->summaries);
	free(feed);
}

struct jem_sched_names *jem_sched_feed_names(struct jem_sched_feed *feed)
{
	return &feed->names;
}

static int make_machine(struct jem_sched_feed *feed, const char *const *states)
{
	const struct jem_sched_sink sink = {
		.context = feed, .task = on_task, .slice = on_slice, .gap = on_gap
	};
	int status = jem_sched_machine_create(&sink, states, &feed->machine);

	if (status == 0)
		status = jem_slice_rows_create(feed->options.redactor, &feed->slices);
	if (status == 0 && feed->level == JEM_SCHED_LEVEL_TRACEFS)
		status = jem_idle_create(&feed->idle);
	feed->tasks =
		make_items("task", task_columns, sizeof(task_columns) / sizeof(*task_columns));
	feed->gaps = make_items("gap", gap_columns, sizeof(gap_columns) / sizeof(*gap_columns));
	return status < 0 || (feed->tasks && feed->gaps) ? status : -ENOMEM;
}

/* The job's tasks that are there already: their switches do not tell what they are called. */
static int seed(struct jem_sched_feed *feed, int64_t now_ns)
{
	struct jem_sched_tree tree;
	char path[64];
	int status = jem_sched_tree_walk("/proc", feed->options.job, &tree);

	for (size_t i = 0; i < tree.count && status == 0; i++) {
		char comm[JEM_SCHED_COMM_BYTES] = "";
		struct jem_sched_task task = { .tid = tree.tids[i],
					       .pid = tree.pids[i],
					       .parent = JEM_SCHED_NONE,
					       .born_ns = INT64_MIN,
					       .died_ns = INT64_MAX };

		snprintf(path, sizeof(path), "/proc/%d/comm", (int)task.tid);
		auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || read(fd, comm, sizeof(comm) - 1) <= 0)
			continue;
		comm[strcspn(comm, "\n")] = '\0';
		task.comm = jem_sched_names_add(&feed->names, comm);
		status = jem_sched_machine_seed(feed->machine, &task, JEM_SCHED_NO_CPU, now_ns);
	}
	jem_sched_tree_deinit(&tree);
	return status == -ENOMEM ? status : 0;
}

int jem_sched_feed_begin(struct jem_sched_feed *feed, enum jem_sched_level level,
			 const char *const *states, int64_t now_ns)
{
	int status = 0;

	feed->level = level;
	feed->cores = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	feed->begin_ns = feed->second_ns = feed->last_ns = now_ns;
	if (level != JEM_SCHED_LEVEL_SAMPLING)
		status = make_machine(feed, states);
	if (status == 0 && level == JEM_SCHED_LEVEL_SWITCHES)
		status = seed(feed, now_ns);
	return status;
}
