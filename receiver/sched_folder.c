/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/sched_folder.h"

#include "receiver/batches.h"
#include "receiver/sched_columns.h"

#include <errno.h>
#include <stdlib.h>

/* Columns of all events, in the order of their names below. */
enum column {
	DT_NS,
	CPU,
	TID,
	PID,
	COMM,
	RUN_NS,
	WAIT_NS,
	END,
	WAKER_TID,
	WAKER_CPU,
	FROM_CPU,
	MOVE,
	FLAGS,
	PARENT_TID,
	LIFE,
	GAP_NS,
	LOST,
	SCOPE,
	LEVEL,
	CORES,
	EVENTS,
	SWITCHES,
	INFERRED,
	COLUMN_COUNT
};

static const char *const column_names[] = {
	"dt_ns",     "cpu",       "tid",      "pid",   "comm",   "run_ns",     "wait_ns",  "end",
	"waker_tid", "waker_cpu", "from_cpu", "move",  "flags",  "parent_tid", "life",     "gap_ns",
	"lost",      "scope",     "level",    "cores", "events", "switches",   "inferred",
};

/* A thread number's latest life; earlier ones behind it. */
struct slot {
	int64_t tid; /* JEM_SCHED_NULL: free */
	uint32_t task;
};

struct reading {
	struct jem_sched_model *model;
	struct jem_sched_folder *info;
	uint64_t max_slices;
	struct jem_sched_column columns[COLUMN_COUNT];
	struct slot *slots; /* owned; a power of two */
	size_t slot_count, slot_used;
	uint32_t *before; /* owned; of a task: the life of the same number before, JEM_SCHED_NONE */
	size_t before_cap;
	char epoch[JEM_EPOCH_SIZE];
	int64_t base_ns;
};

/* --- words ------------------------------------------------------------------------------------ */

static int64_t name_word(void *arg, const char *text, size_t len)
{
	struct reading *reading = arg;
	char name[JEM_SCHED_COMM_BYTES] = "";
	uint32_t index;
	int status;

	memcpy(name, text, len < sizeof(name) - 1 ? len : sizeof(name) - 1);
	status = jem_sched_model_name(reading->model, name, &index);
	return status < 0 ? status : (int64_t)index;
}

static int64_t find_word(const char *const *words, size_t count, int64_t other, const char *text,
			 size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(words[i]) == len && !memcmp(words[i], text, len))
			return (int64_t)i;
	return other;
}

static int64_t end_word(void *arg, const char *text, size_t len)
{
	static const char *const words[] = {
#define SCHED_END(name, word, meaning) word,
#include "schemas/sched_ends.def"
#undef SCHED_END
	};

	(void)arg;
	return find_word(words, sizeof(words) / sizeof(*words), JEM_SCHED_UNKNOWN, text, len);
}

static int64_t move_word(void *arg, const char *text, size_t len)
{
	static const char *const words[] = { "stayed", "placed", "balanced", "numa", "moved" };

	(void)arg;
	return find_word(words, sizeof(words) / sizeof(*words), JEM_SCHED_MOVED, text, len);
}

static int begin_columns(struct reading *reading, const struct jem_columns *columns)
{
	static const jem_sched_word_fn words[COLUMN_COUNT] = {
		[COMM] = name_word, [END] = end_word, [MOVE] = move_word
	};
	int status = 0;

	for (int i = 0; i < COLUMN_COUNT && status == 0; i++)
		status = jem_sched_column_begin(&reading->columns[i], columns, column_names[i],
						words[i], reading);
	return status;
}

static int64_t at(const struct reading *reading, enum column column, uint64_t row)
{
	return jem_sched_column_at(&reading->columns[column], row);
}

/* The number, or `other` where it is null or out of 0 to max. */
static int64_t bounded(const struct reading *reading, enum column column, uint64_t row, int64_t max,
		       int64_t other)
{
	int64_t number = at(reading, column, row);

	return number < 0 || number > max ? other : number;
}

static int64_t time_of(const struct reading *reading, uint64_t row)
{
	int64_t dt_ns = bounded(reading, DT_NS, row, JEM_SCHED_TIME_MAX, 0);

	return reading->base_ns < JEM_SCHED_TIME_MAX - dt_ns ? reading->base_ns + dt_ns
							     : JEM_SCHED_TIME_MAX;
}

/* --- tasks ------------------------------------------------------------------------------------ */

static struct slot *slot_of(const struct reading *reading, int64_t tid)
{
	size_t mask = reading->slot_count - 1;
	size_t place = ((uint64_t)tid * 0x9e3779b97f4a7c15u) >> 32 & mask;

	while (reading->slots[place].tid != JEM_SCHED_NULL && reading->slots[place].tid != tid)
		place = (place + 1) & mask;
	return &reading->slots[place];
}

static int grow_slots(struct reading *reading)
{
	struct slot *old = reading->slots;
	size_t old_count = reading->slot_count;
	size_t count = old_count ? old_count * 2 : 1024;

	if (old_count && reading->slot_used * 2 < old_count)
		return 0;
	reading->slots = calloc(count, sizeof(*reading->slots));
	if (!reading->slots) {
		reading->slots = old;
		return -ENOMEM;
	}
	reading->slot_count = count;
	for (size_t i = 0; i < count; i++)
		reading->slots[i].tid = JEM_SCHED_NULL;
	for (size_t i = 0; i < old_count; i++)
		if (old[i].tid != JEM_SCHED_NULL)
			*slot_of(reading, old[i].tid) = old[i];
	free(old);
	return 0;
}

static int add_task(struct reading *reading, struct slot *slot, const struct jem_sched_task *task)
{
	uint32_t index;
	int status = jem_sched_model_task(reading->model, task, &index);

	if (status < 0)
		return status;
	if (index >= reading->before_cap) {
		size_t cap = (size_t)index * 2 + 64;
		uint32_t *more = reallocarray(reading->before, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		reading->before = more;
		reading->before_cap = cap;
	}
	reading->before[index] = slot->tid == JEM_SCHED_NULL ? JEM_SCHED_NONE : slot->task;
	reading->slot_used += slot->tid == JEM_SCHED_NULL;
	*slot = (struct slot){ task->tid, index };
	return 0;
}

/* The life of a thread number at a time; made if there is none. */
static int find_task(struct reading *reading, int64_t tid, int64_t ns, uint32_t *ret)
{
	struct jem_sched_task task = { .tid = (int32_t)tid,
				       .parent = JEM_SCHED_NONE,
				       .comm = JEM_SCHED_NONE,
				       .born_ns = INT64_MIN,
				       .died_ns = INT64_MAX };
	struct slot *slot;
	int status = grow_slots(reading);

	if (status < 0)
		return status;
	slot = slot_of(reading, tid);
	if (slot->tid == JEM_SCHED_NULL && (status = add_task(reading, slot, &task)) < 0)
		return status;
	*ret = slot->task;
	while (reading->model->tasks[*ret].born_ns > ns && reading->before[*ret] != JEM_SCHED_NONE)
		*ret = reading->before[*ret];
	return 0;
}

/* A life that begins at `ns`, unless it has been told before. */
static int find_born(struct reading *reading, int64_t tid, int64_t ns, uint32_t *ret)
{
	struct jem_sched_task task = { .tid = (int32_t)tid,
				       .parent = JEM_SCHED_NONE,
				       .comm = JEM_SCHED_NONE,
				       .born_ns = ns,
				       .died_ns = INT64_MAX };
	struct slot *slot;
	int status = find_task(reading, tid, ns, ret);
	const struct jem_sched_task *found;

	if (status < 0)
		return status;
	found = &reading->model->tasks[*ret];
	if (found->born_ns == ns)
		return 0;
	if (found->born_ns == INT64_MIN && found->comm == JEM_SCHED_NONE) {
		reading->model->tasks[*ret].born_ns = ns; /* made by find_task just now */
		return 0;
	}
	slot = slot_of(reading, tid);
	status = add_task(reading, slot, &task);
	*ret = slot->task;
	return status;
}

static int take_task(struct reading *reading, uint64_t row)
{
	int64_t tid = bounded(reading, TID, row, INT32_MAX, 0);
	int64_t parent = bounded(reading, PARENT_TID, row, INT32_MAX, 0);
	int64_t ns = time_of(reading, row);
	struct jem_sched_task *task;
	char comm[JEM_SCHED_COMM_BYTES];
	uint32_t parent_index = JEM_SCHED_NONE;
	uint32_t index;
	char life[8];
	int status;

	if (!tid)
		return 0;
	jem_sched_column_text(&reading->columns[LIFE], row, life, sizeof(life));
	status = strcmp(life, "born") ? find_task(reading, tid, ns, &index)
				      : find_born(reading, tid, ns, &index);
	if (status == 0 && parent)
		status = find_task(reading, parent, ns, &parent_index);
	if (status < 0)
		return status;
	jem_sched_column_text(&reading->columns[COMM], row, comm, sizeof(comm));
	task = &reading->model->tasks[index];
	task->pid = (int32_t)bounded(reading, PID, row, INT32_MAX, task->pid);
	if (parent_index != index)
		task->parent = parent_index;
	if (!strcmp(life, "died"))
		task->died_ns = ns;
	return jem_sched_model_name(reading->model, comm, &task->comm);
}

/* --- slices and gaps -------------------------------------------------------------------------- */

static int find_who(struct reading *reading, uint64_t row, struct jem_sched_slice *slice)
{
	int64_t tid = bounded(reading, TID, row, INT32_MAX, 0);
	int64_t waker = bounded(reading, WAKER_TID, row, INT32_MAX, 0);
	int64_t pid = bounded(reading, PID, row, INT32_MAX, 0);
	int status = find_task(reading, tid, slice->start_ns, &slice->task);

	if (status < 0)
		return status;
	if (pid)
		reading->model->tasks[slice->task].pid = (int32_t)pid;
	if (slice->comm != JEM_SCHED_NONE)
		reading->model->tasks[slice->task].comm = slice->comm;
	return waker ? find_task(reading, waker, slice->start_ns, &slice->waker) : 0;
}

static int take_slice(struct reading *reading, uint64_t row)
{
	int64_t start_ns = time_of(reading, row);
	int64_t wait_ns = bounded(reading, WAIT_NS, row, start_ns, 0);
	int64_t comm = at(reading, COMM, row);
	struct jem_sched_slice slice = {
		.start_ns = start_ns,
		.run_ns = (uint64_t)bounded(reading, RUN_NS, row, JEM_SCHED_TIME_MAX - start_ns, 0),
		.wait_ns = (uint64_t)wait_ns,
		.comm = comm < 0 ? JEM_SCHED_NONE : (uint32_t)comm,
		.waker = JEM_SCHED_NONE,
		.cpu = (uint16_t)bounded(reading, CPU, row, UINT16_MAX - 1, 0),
		.from_cpu =
			(uint16_t)bounded(reading, FROM_CPU, row, UINT16_MAX - 1, JEM_SCHED_NO_CPU),
		.waker_cpu = (uint16_t)bounded(reading, WAKER_CPU, row, UINT16_MAX - 1,
					       JEM_SCHED_NO_CPU),
		.end = (uint8_t)bounded(reading, END, row, JEM_SCHED_END_COUNT - 1,
					JEM_SCHED_UNKNOWN),
		.move = (uint8_t)bounded(reading, MOVE, row, JEM_SCHED_MOVED, JEM_SCHED_STAYED),
		.flags = (uint8_t)bounded(reading, FLAGS, row, UINT8_MAX, 0),
	};
	int status;

	if (reading->max_slices && reading->info->slices >= reading->max_slices) {
		reading->info->left_out++;
		return 0;
	}
	status = find_who(reading, row, &slice);
	if (status == 0)
		status = jem_sched_model_slice(reading->model, &slice);
	if (status == 0)
		reading->info->slices++;
	return status == -EINVAL ? 0 : status; /* out of what a model takes */
}

static int take_gap(struct reading *reading, uint64_t row)
{
	int64_t from_ns = time_of(reading, row);
	const struct jem_sched_gap gap = {
		.from_ns = from_ns,
		.to_ns = from_ns + bounded(reading, GAP_NS, row, JEM_SCHED_TIME_MAX - from_ns, 0),
		.lost = (uint64_t)bounded(reading, LOST, row, INT64_MAX, 0),
		.cpu = (uint16_t)bounded(reading, CPU, row, UINT16_MAX - 1, 0),
	};
	int status = jem_sched_model_gap(reading->model, &gap);

	return status == -EINVAL ? 0 : status;
}

/* Of a node's events the node's summary counts; of the job's switches the job's. */
static int take_summary(struct reading *reading, uint64_t row)
{
	struct jem_sched_model *model = reading->model;
	struct jem_sched_folder *info = reading->info;

	jem_sched_column_text(&reading->columns[LEVEL], row, info->level, sizeof(info->level));
	info->cores = (uint32_t)bounded(reading, CORES, row, UINT16_MAX - 1, info->cores);
	model->events += (uint64_t)bounded(reading, EVENTS, row, INT64_MAX / 2, 0);
	model->switches += (uint64_t)bounded(reading, SWITCHES, row, INT64_MAX / 2, 0);
	model->lost_events += (uint64_t)bounded(reading, LOST, row, INT64_MAX / 2, 0);
	model->inferred += (uint64_t)bounded(reading, INFERRED, row, INT64_MAX / 2, 0);
	return 0;
}

/* --- batches ---------------------------------------------------------------------------------- */

/* Which event a batch has is told by its columns, of which the others lack at least one. */
static int take_batch(struct reading *reading, const struct jem_columns *columns)
{
	int (*take)(struct reading *, uint64_t) = NULL;
	int status = begin_columns(reading, columns);

	if (jem_columns_find(columns, "run_ns"))
		take = take_slice;
	else if (jem_columns_find(columns, "life"))
		take = take_task;
	else if (jem_columns_find(columns, "gap_ns"))
		take = take_gap;
	else if (jem_columns_find(columns, "scope"))
		take = take_summary;
	for (uint64_t row = 0; take && row < columns->n && status == 0; row++)
		status = take(reading, row);
	return status;
}

/* The first batch says whose clock it is. */
static bool is_ours(struct reading *reading, const struct jem_head *head)
{
	struct jem_sched_folder *info = reading->info;

	if (!info->batches) {
		snprintf(info->node, sizeof(info->node), "%s", head->source.names.node);
		snprintf(reading->epoch, sizeof(reading->epoch), "%s", head->epoch);
		info->wall_ns = (int64_t)(head->t0_us * 1000) - (int64_t)head->mono_ns;
	}
	return !strcmp(info->node, head->source.names.node) && !strcmp(reading->epoch, head->epoch);
}

/* A core of the node that never ran anything was idle; where numbers have holes it is not known which. */
static int add_idle_cores(struct reading *reading)
{
	struct jem_sched_cpu *cpu;
	int status = 0;

	if (strcmp(reading->info->level, "tracefs"))
		return 0;
	for (size_t i = 0; i < reading->model->cpu_count; i++)
		if (reading->model->cpus[i].number >= reading->info->cores)
			return 0;
	for (uint32_t i = 0; i < reading->info->cores && status == 0; i++)
		status = jem_sched_model_cpu(reading->model, (uint16_t)i, &cpu);
	return status;
}

static int read_all(struct reading *reading, struct jem_batches *batches)
{
	const struct jem_columns *columns;
	const struct jem_head *head;
	int status;

	while ((status = jem_batches_next(batches, &columns, &head)) > 0) {
		if (!is_ours(reading, head)) {
			reading->info->foreign++;
			continue;
		}
		reading->info->batches++;
		reading->base_ns = head->mono_ns < JEM_SCHED_TIME_MAX ? (int64_t)head->mono_ns
								      : JEM_SCHED_TIME_MAX;
		status = take_batch(reading, columns);
		if (status < 0)
			return status;
	}
	reading->info->damaged = jem_batches_damaged(batches);
	return status;
}

int jem_sched_folder_read(int data, const struct jem_sched_folder_options *options,
			  struct jem_sched_model *model, struct jem_sched_folder *ret)
{
	struct reading reading = { .model = model, .info = ret, .max_slices = options->max_slices };
	auto_batches struct jem_batches *batches = NULL;
	int status;
	int sealed;

	*ret = (struct jem_sched_folder){ 0 };
	status = jem_batches_open(data, JEM_KIND_sched, options->keep_bytes, &batches);
	if (status == 0)
		status = read_all(&reading, batches);
	if (status == 0)
		status = add_idle_cores(&reading);
	for (int i = 0; i < COLUMN_COUNT; i++)
		jem_sched_column_deinit(&reading.columns[i]);
	free(reading.slots);
	free(reading.before);
	sealed = jem_sched_model_seal(model);
	return status < 0 ? status : sealed;
}
