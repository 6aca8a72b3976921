/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/sched/known.h"

#include "common/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SLOTS_FIRST = 512,
	DEAD_MIN = 128,  /* fewer are not worth a sweep */
	LOOKS_MAX = 500, /* a second: 5 ms of it */
	FOREBEARS_MAX = 64,
};

#define KEEP_NS   INT64_C(2000000000)
#define SECOND_NS INT64_C(1000000000)

/* --- whose, by /proc -------------------------------------------------------------------------- */

struct status {
	pid_t pid, parent; /* of the process: proc(5), Tgid and PPid */
};

static bool read_status(const struct jem_known *known, pid_t tid, struct status *ret)
{
	char path[128];
	char text[1024];
	const char *pid;
	const char *parent;
	ssize_t len;

	snprintf(path, sizeof(path), "%s/%d/status", known->proc, (int)tid);
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (len <= 0)
		return false;
	text[len] = '\0';
	/* The name stands first, and newlines in it are escaped. */
	pid = strstr(text, "\nTgid:");
	parent = strstr(text, "\nPPid:");
	if (!pid || !parent)
		return false;
	ret->pid = atoi(pid + strlen("\nTgid:"));
	ret->parent = atoi(parent + strlen("\nPPid:"));
	return true;
}

static bool is_own(const struct jem_known *known, pid_t pid)
{
	for (size_t i = 0; i < known->own_count; i++)
		if (known->own[i] == pid)
			return true;
	return false;
}

/* By its process and the forebears of that. */
static enum jem_known_whose ask(const struct jem_known *known, const struct status *first)
{
	struct status at = *first;

	for (int i = 0; i < FOREBEARS_MAX; i++) {
		if (is_own(known, at.pid))
			return JEM_KNOWN_MONITOR;
		if (known->job && at.pid == known->job)
			return JEM_KNOWN_JOB;
		/* Handed to the sub-reaper: its parent has ended. */
		if (known->launcher && at.parent == known->launcher)
			return JEM_KNOWN_JOB;
		if (at.parent <= 1 || !read_status(known, at.parent, &at))
			break;
	}
	return JEM_KNOWN_FOREIGN;
}

static bool may_look(struct jem_known *known, int64_t now_ns)
{
	if (now_ns - known->looks_since_ns >= SECOND_NS) {
		known->looks_since_ns = now_ns;
		known->looks = 0;
	}
	return known->looks++ < LOOKS_MAX;
}

/* --- the table -------------------------------------------------------------------------------- */

static uint32_t slot_of(const struct jem_known *known, uint32_t task)
{
	uint32_t mask = known->slot_count - 1;
	uint32_t at = (task * 2654435769u) >> 7 & mask;

	while (known->slots[at].task != JEM_SCHED_NONE && known->slots[at].task != task)
		at = (at + 1) & mask;
	return at;
}

struct jem_known_task *jem_known_find(const struct jem_known *known, uint32_t task)
{
	struct jem_known_task *found;

	if (task == JEM_SCHED_NONE)
		return NULL;
	found = &known->slots[slot_of(known, task)];
	return found->task == task ? found : NULL;
}

static struct jem_known_task *make_slots(uint32_t count)
{
	struct jem_known_task *slots = calloc(count, sizeof(*slots));

	for (uint32_t i = 0; slots && i < count; i++)
		slots[i].task = JEM_SCHED_NONE;
	return slots;
}

/* Into another table, without those who died before `dead_ns`. */
static int rehash(struct jem_known *known, uint32_t slot_count, int64_t dead_ns)
{
	struct jem_known_task *old = known->slots;
	uint32_t old_count = known->slot_count;
	struct jem_known_task *slots = make_slots(slot_count);

	if (!slots)
		return -ENOMEM;
	known->slots = slots;
	known->slot_count = slot_count;
	known->count = known->dead = 0;
	for (uint32_t i = 0; i < old_count; i++) {
		if (old[i].task == JEM_SCHED_NONE || old[i].died_ns < dead_ns)
			continue;
		slots[slot_of(known, old[i].task)] = old[i];
		known->count++;
		known->dead += old[i].died_ns != INT64_MAX;
	}
	free(old);
	return 0;
}

static void note_own(struct jem_known *known, pid_t pid)
{
	if (known->own_count < JEM_KNOWN_OWN_MAX)
		known->own[known->own_count++] = pid;
}

/* The launcher, and what it has started besides the job. */
static void note_launcher(struct jem_known *known)
{
	char path[128];
	int pid;

	note_own(known, known->launcher);
	snprintf(path, sizeof(path), "%s/%d/task/%d/children", known->proc, (int)known->launcher,
		 (int)known->launcher);
	auto_fclose FILE *file = fopen(path, "re");

	while (file && fscanf(file, "%d", &pid) == 1)
		if (pid != known->job)
			note_own(known, pid);
}

int jem_known_init(struct jem_known *known, const char *proc, pid_t job, pid_t launcher)
{
	*known = (struct jem_known){ .proc = proc, .job = job, .launcher = launcher };
	known->slots = make_slots(SLOTS_FIRST);
	if (!known->slots)
		return -ENOMEM;
	known->slot_count = SLOTS_FIRST;
	note_own(known, getpid());
	if (launcher)
		note_launcher(known);
	return 0;
}

void jem_known_deinit(struct jem_known *known)
{
	free(known->slots);
	*known = (struct jem_known){ 0 };
}

static struct jem_known_task *add(struct jem_known *known, uint32_t task)
{
	struct jem_known_task *at;

	if (known->count * 2 >= known->slot_count &&
	    (known->count >= JEM_KNOWN_MAX ||
	     rehash(known, known->slot_count * 2, INT64_MIN) < 0)) {
		known->refused++;
		return NULL;
	}
	at = &known->slots[slot_of(known, task)];
	*at = (struct jem_known_task){ .task = task, .died_ns = INT64_MAX };
	known->count++;
	return at;
}

static void find_whose(struct jem_known *known, struct jem_known_task *task,
		       const struct jem_sched_task *now, int64_t now_ns)
{
	const struct jem_known_task *parent = jem_known_find(known, now->parent);
	struct status status;

	if (now->tid == known->job)
		task->whose = JEM_KNOWN_JOB;
	else if (parent)
		task->whose = parent->whose;
	if (parent && (now->pid || now->tid == known->job))
		return;
	if (!may_look(known, now_ns) || !read_status(known, now->tid, &status))
		return;
	if (!task->pid)
		task->pid = status.pid;
	if (!parent && task->whose == JEM_KNOWN_FOREIGN)
		task->whose = ask(known, &status);
}

struct jem_known_task *jem_known_tell(struct jem_known *known, uint32_t task,
				      const struct jem_sched_task *now, int64_t now_ns)
{
	struct jem_known_task *at = jem_known_find(known, task);
	bool is_new = !at;

	if (is_new)
		at = add(known, task);
	if (!at)
		return NULL;
	at->is_told = at->is_told && at->tid == now->tid && at->comm == now->comm &&
		      at->died_ns == now->died_ns && (!now->pid || at->pid == now->pid);
	at->tid = now->tid;
	if (now->pid)
		at->pid = now->pid;
	at->comm = now->comm;
	if (at->died_ns == INT64_MAX && now->died_ns != INT64_MAX)
		known->dead++;
	at->died_ns = now->died_ns;
	if (is_new || (now->parent != JEM_SCHED_NONE && at->whose == JEM_KNOWN_FOREIGN))
		find_whose(known, at, now, now_ns);
	return at;
}

void jem_known_sweep(struct jem_known *known, int64_t now_ns)
{
	uint32_t slot_count = SLOTS_FIRST;
	uint32_t living = known->count - known->dead;

	if (known->dead < DEAD_MIN || known->dead < living)
		return;
	while (slot_count < known->count * 2)
		slot_count *= 2;
	(void)rehash(known, slot_count, now_ns - KEEP_NS);
}
