/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/procset.h"

#include "common/cleanup.h"
#include "common/clock.h"

#include <errno.h>
#include <string.h>

enum {
	SLOTS_INITIAL = 64, /* a power of two; kept at least half free */
	FOREIGN_MAX = 64,
	CHILDREN_TEXT = 4096,
	RECENT = sizeof(((struct jem_procset *)0)->recent) / sizeof(pid_t),
};

/* The first of these in the job's environment names the job: a process that has it too is its. */
static const char *const cookie_names[] = { "JEM_JOB=",   "PandaID=",   "SLURM_JOB_ID=",
					    "PBS_JOBID=", "LSB_JOBID=", "_CONDOR_JOB_AD=" };

static size_t slot_of(const struct jem_procset *set, pid_t pid)
{
	return (size_t)((uint32_t)pid * 2654435761u) & (set->slot_count - 1);
}

static void fill_slot(struct jem_procset *set, size_t index)
{
	size_t slot = slot_of(set, set->list[index]->pid);

	while (set->slots[slot])
		slot = (slot + 1) & (set->slot_count - 1);
	set->slots[slot] = (uint32_t)index + 1;
}

static void fill_slots(struct jem_procset *set)
{
	memset(set->slots, 0, set->slot_count * sizeof(*set->slots));
	for (size_t i = 0; i < set->count; i++)
		fill_slot(set, i);
}

/* Room for one more in list and slots. */
static int grow(struct jem_procset *set)
{
	if (set->count == set->cap) {
		size_t cap = set->cap ? set->cap * 2 : 16;
		struct jem_process **list = realloc(set->list, cap * sizeof(*list));

		if (!list)
			return -ENOMEM;
		set->list = list;
		set->cap = cap;
	}
	if (2 * (set->count + 1) > set->slot_count) {
		size_t slot_count = set->slot_count ? set->slot_count * 2 : SLOTS_INITIAL;
		uint32_t *slots = malloc(slot_count * sizeof(*slots));

		if (!slots)
			return -ENOMEM;
		free(set->slots);
		set->slots = slots;
		set->slot_count = slot_count;
		fill_slots(set);
	}
	return 0;
}

struct jem_process *jem_procset_find(const struct jem_procset *set, pid_t pid)
{
	if (!set->slot_count)
		return NULL;
	for (size_t slot = slot_of(set, pid); set->slots[slot];
	     slot = (slot + 1) & (set->slot_count - 1)) {
		struct jem_process *process = set->list[set->slots[slot] - 1];

		if (process->pid == pid)
			return process;
	}
	return NULL;
}

struct jem_process *jem_procset_add(struct jem_procset *set, pid_t pid, pid_t ppid,
				    uint64_t start_ns)
{
	struct jem_process *parent = jem_procset_find(set, ppid);
	struct jem_process *process;

	if (set->count >= JEM_PROCESSES_MAX || grow(set) < 0 ||
	    !(process = calloc(1, sizeof(*process)))) {
		set->refused++;
		return NULL;
	}
	process->pid = pid;
	process->ppid = ppid;
	process->start_ns = start_ns;
	process->stat_fd = process->status_fd = process->io_fd = -1;
	process->keeps_open = set->count < JEM_KEPT_OPEN;
	if (parent) {
		memcpy(process->comm, parent->comm, sizeof(process->comm));
		parent->has_children = true;
	}
	set->list[set->count++] = process;
	fill_slot(set, set->count - 1);
	set->seen++;
	return process;
}

bool jem_procset_knows(const struct jem_procset *set, pid_t pid)
{
	for (size_t i = 0; i < RECENT; i++)
		if (set->recent[i] == pid)
			return true;
	return jem_procset_find(set, pid) != NULL;
}

void jem_procset_sweep(struct jem_procset *set)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->count; i++) {
		struct jem_process *process = set->list[i];

		if (!process->is_gone) {
			set->list[kept++] = process;
			continue;
		}
		set->recent[set->recent_count++ % RECENT] = process->pid;
		jem_process_close(process);
		free(process);
	}
	if (kept == set->count)
		return;
	set->count = kept;
	fill_slots(set);
}

/* NULL when the job's parent or we have the same: then it does not tell the job from others. */
static char *find_cookie(const char *root, const struct jem_process *job)
{
	auto_fclose FILE *file = NULL;
	auto_free char *variable = NULL;
	int fd = jem_proc_open(root, "/proc/%d/environ", (int)job->pid);
	char *found = NULL;
	size_t best = sizeof(cookie_names) / sizeof(*cookie_names);
	size_t size = 0;

	file = fd < 0 ? NULL : fdopen(fd, "r");
	while (file && getdelim(&variable, &size, '\0', file) > 0) {
		for (size_t i = 0; i < best; i++) {
			if (strncmp(variable, cookie_names[i], strlen(cookie_names[i])))
				continue;
			free(found);
			found = strdup(variable);
			best = i;
		}
	}
	if (found && (jem_proc_has_environment(root, job->ppid, found) ||
		      jem_proc_has_environment("", getpid(), found))) {
		free(found);
		return NULL;
	}
	return found;
}

int jem_procset_init(struct jem_procset *set, const char *root, pid_t job, pid_t launcher)
{
	struct jem_process *process;

	*set = (struct jem_procset){ .job = job, .launcher = launcher, .group_fd = -1 };
	jem_process_reader_init(&set->reader, root);
	process = jem_procset_add(set, job, launcher, 0);
	if (!process || jem_process_read(process, &set->reader, NULL) < 0) {
		jem_procset_deinit(set);
		return -ESRCH;
	}
	if (!launcher)
		set->cookie = find_cookie(root, process);
	return 0;
}

void jem_procset_deinit(struct jem_procset *set)
{
	for (size_t i = 0; i < set->count; i++) {
		jem_process_close(set->list[i]);
		free(set->list[i]);
	}
	if (set->group_fd >= 0)
		close(set->group_fd);
	free(set->list);
	free(set->slots);
	free(set->foreign);
	free(set->sessions);
	free(set->cookie);
	*set = (struct jem_procset){ .group_fd = -1 };
}

void jem_procset_note_foreign(struct jem_procset *set)
{
	char text[CHILDREN_TEXT];
	const char *at = text;
	uint64_t pid;

	if (!set->foreign)
		set->foreign = calloc(FOREIGN_MAX, sizeof(*set->foreign));
	if (!set->foreign || !set->launcher)
		return;
	set->foreign_count = 0;
	set->foreign[set->foreign_count++] = getpid();
	if (jem_proc_read(set->reader.root, text, sizeof(text), "/proc/%d/task/%d/children",
			  (int)set->launcher, (int)set->launcher) < 0)
		return;
	while (set->foreign_count < FOREIGN_MAX && jem_proc_next(&at, &pid))
		if ((pid_t)pid != set->job)
			set->foreign[set->foreign_count++] = (pid_t)pid;
}

bool jem_procset_is_foreign(const struct jem_procset *set, pid_t pid)
{
	for (size_t i = 0; i < set->foreign_count; i++)
		if (set->foreign[i] == pid)
			return true;
	return false;
}

void jem_procset_released(struct jem_procset *set, uint64_t exec_ns)
{
	/* start times are rounded down to ticks */
	set->exec_ns = exec_ns - exec_ns % set->reader.tick_ns;
}
