/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/metrics/procset.h"

#include "common/cleanup.h"

#include <errno.h>
#include <string.h>

enum {
	LOOK_AT_MIN = 32,   /* so many new pids are always looked at one by one */
	LOOK_AT_MAX = 1024, /* and never more than so many */
	CHILDREN_TEXT = 32 << 10,
	SESSIONS_MAX = 1024,
};
static const uint64_t WALK_NS = 30000000000u; /* a walk to be sure, whatever the hints say */

/* A session whose leader is in the set was made by the job: only it can have processes in it. */
static void note_session(struct jem_procset *set, const struct jem_process *process)
{
	pid_t *more;

	if (set->launcher || process->session != process->pid)
		return;
	for (size_t i = 0; i < set->session_count; i++)
		if (set->sessions[i] == process->session)
			return;
	if (set->session_count >= SESSIONS_MAX)
		return;
	more = realloc(set->sessions, (set->session_count + 1) * sizeof(*more));
	if (!more)
		return;
	set->sessions = more;
	set->sessions[set->session_count++] = process->session;
}

static bool is_session_of_job(const struct jem_procset *set, pid_t session)
{
	for (size_t i = 0; i < set->session_count; i++)
		if (set->sessions[i] == session)
			return true;
	return false;
}

static bool belongs(const struct jem_procset *set, const struct jem_proc_stat *stat)
{
	const struct jem_process *parent = jem_procset_find(set, stat->ppid);

	if (parent && !parent->end_ns)
		return true;
	if (set->launcher)
		return stat->ppid == set->launcher && set->exec_ns &&
		       !jem_procset_is_foreign(set, stat->pid) &&
		       jem_process_start_ns(&set->reader, stat->start_ticks) + set->reader.tick_ns >
			       set->exec_ns;
	return is_session_of_job(set, stat->session) ||
	       (set->cookie && jem_proc_has_environment(set->reader.root, stat->pid, set->cookie));
}

/* Takes the process in if it is the job's and not known; true if it was taken. */
static bool look_at(struct jem_procset *set, pid_t pid, bool is_certain)
{
	struct jem_process *process;
	struct jem_proc_stat stat;

	/* The monitor is not the job, even where the job started it. */
	if (pid == getpid() || jem_procset_find(set, pid) ||
	    jem_proc_read_stat(set->reader.root, pid, &stat) < 0 ||
	    (!is_certain && !belongs(set, &stat)))
		return false;
	process = jem_procset_add(set, pid, stat.ppid, 0);
	if (!process)
		return false;
	process->session = stat.session;
	process->threads = stat.threads;
	note_session(set, process);
	return true;
}

static void take_pids(struct jem_procset *set, char *text, ssize_t len, bool is_certain)
{
	const char *at = text;
	uint64_t pid;

	if (len <= 0)
		return;
	if (len == CHILDREN_TEXT - 1) { /* more than fits: the last number may be cut */
		while (len > 0 && text[len - 1] != ' ' && text[len - 1] != '\n')
			len--;
		text[len] = '\0';
	}
	for (;;) {
		while (*at == '\n')
			at++;
		if (!jem_proc_next(&at, &pid))
			return;
		(void)look_at(set, (pid_t)pid, is_certain);
	}
}

static void take_children(struct jem_procset *set, pid_t pid, pid_t tid, char *text,
			  bool is_certain)
{
	ssize_t len = jem_proc_read(set->reader.root, text, CHILDREN_TEXT,
				    "/proc/%d/task/%d/children", (int)pid, (int)tid);

	take_pids(set, text, len, is_certain);
}

/* proc(5): a thread's `children` are those that this thread made; a process has many threads. */
static void walk_process(struct jem_procset *set, const struct jem_process *process, char *text)
{
	auto_closedir DIR *tasks = NULL;
	pid_t pid = process->pid;
	int fd;

	if (process->threads <= 1) {
		take_children(set, pid, pid, text, true);
		return;
	}
	fd = jem_proc_open(set->reader.root, "/proc/%d/task", (int)pid);
	tasks = fd < 0 ? NULL : fdopendir(fd);
	for (struct dirent *entry; tasks && (entry = readdir(tasks));)
		if (entry->d_name[0] != '.')
			take_children(set, pid, (pid_t)strtol(entry->d_name, NULL, 10), text, true);
}

/* New ones are appended, so that one pass reaches the youngest. */
static void walk(struct jem_procset *set)
{
	auto_free char *text = malloc(CHILDREN_TEXT);

	if (!text)
		return;
	if (set->launcher)
		take_children(set, set->launcher, set->launcher, text, false);
	for (size_t i = 0; i < set->count; i++)
		walk_process(set, set->list[i], text);
	if (set->group_fd >= 0)
		take_pids(set, text, jem_proc_pread(set->group_fd, text, CHILDREN_TEXT), true);
}

static void scan(struct jem_procset *set)
{
	auto_closedir DIR *proc = NULL;
	int fd = jem_proc_open(set->reader.root, "/proc");
	bool found = true;

	proc = fd < 0 ? NULL : fdopendir(fd);
	/* A child may stand before its parent: again, until nothing new turns up. */
	for (int pass = 0; proc && found && pass < 4; pass++) {
		found = false;
		rewinddir(proc);
		for (struct dirent *entry; (entry = readdir(proc));) {
			char first = entry->d_name[0];

			if (first >= '1' && first <= '9')
				found |=
					look_at(set, (pid_t)strtol(entry->d_name, NULL, 10), false);
		}
	}
}

static size_t count_threads(const struct jem_procset *set)
{
	size_t threads = 0;

	for (size_t i = 0; i < set->count; i++)
		threads += set->list[i]->threads;
	return threads;
}

/* Looking at each pid made since the search before last finds all, if they are few. */
static bool look_at_new(struct jem_procset *set, pid_t last_pid)
{
	pid_t from = set->seen_pid_before;
	size_t few = LOOK_AT_MIN + 2 * count_threads(set);

	/* The search before last, because a pid is given a moment before its process shows. */
	if (!from || !last_pid || last_pid < from)
		return false; /* the first search, or pids began anew */
	if ((size_t)(last_pid - from) > (few < LOOK_AT_MAX ? few : LOOK_AT_MAX))
		return false;
	for (pid_t pid = from + 1; pid <= last_pid; pid++)
		(void)look_at(set, pid, false);
	return true;
}

void jem_procset_search(struct jem_procset *set, const struct jem_search *search)
{
	bool is_due = search->now_ns - set->walked_ns >= WALK_NS;
	bool has_forked = !search->forks || search->forks != set->seen_forks;

	for (size_t i = 0; i < set->count; i++)
		note_session(set, set->list[i]);
	if (!set->launcher &&
	    (!set->scanned_ns || search->now_ns - set->scanned_ns >= JEM_SCAN_NS)) {
		set->scanned_ns = search->now_ns;
		scan(set);
	}
	if (is_due ||
	    (has_forked && !search->is_announced && !look_at_new(set, search->last_pid))) {
		set->walked_ns = search->now_ns;
		walk(set);
	}
	set->seen_forks = search->forks;
	set->seen_pid_before = set->seen_pid;
	set->seen_pid = search->last_pid;
}
