/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/log/follow.h"

#include "common/clock.h"
#include "daemon/sources/log/past.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

int jem_follow_create(const struct jem_follow_env *env, const char *path, const char *label,
		      struct jem_follow **ret)
{
	struct jem_follow *follow = calloc(1, sizeof(*follow));

	if (!follow)
		return -ENOMEM;
	follow->env = env;
	follow->folder_wd = -1;
	follow->is_polled = path != NULL;
	follow->path = path ? strdup(path) : NULL;
	follow->label = strdup(label);
	if (!follow->label || (path && !follow->path)) {
		jem_follow_destroy(follow);
		return -ENOMEM;
	}
	*ret = follow;
	return 0;
}

static void close_file(struct jem_follow *follow, struct jem_follow_file *file)
{
	struct jem_follow_file **at = &follow->files;

	while (*at != file)
		at = &(*at)->next;
	*at = file->next;
	if (follow->current == file)
		follow->current = NULL;
	if (file->wd >= 0)
		jem_watch_remove(follow->env->watch, file->wd);
	file->seen->position = file->tail.safe;
	file->seen->is_open = false;
	jem_tail_close(&file->tail);
	jem_buf_deinit(&file->members);
	free(file);
}

void jem_follow_destroy(struct jem_follow *follow)
{
	if (!follow)
		return;
	while (follow->files)
		close_file(follow, follow->files);
	free(follow->label);
	free(follow->path);
	free(follow);
}

static size_t count_files(const struct jem_follow *follow)
{
	size_t count = 0;

	for (const struct jem_follow_file *file = follow->files; file; file = file->next)
		count++;
	return count;
}

/* Room for one more: a renamed file that is read to its end goes before its time. */
static bool make_room(struct jem_follow *follow)
{
	if (count_files(follow) < JEM_FOLLOW_OPEN_MAX)
		return true;
	for (struct jem_follow_file *file = follow->files; file; file = file->next)
		if (file != follow->current && !file->is_in_use && file->tail.is_at_end &&
		    !file->tail.line_len) {
			close_file(follow, file);
			return true;
		}
	return false;
}

static void seek(struct jem_follow *follow, struct jem_follow_file *file, bool is_known,
		 const struct jem_file_info *info, enum jem_follow_from from)
{
	if (is_known)
		jem_tail_seek(&file->tail, &file->seen->position);
	else if (from == JEM_FROM_END ||
		 (from == JEM_FROM_RESTART && !jem_seen_is_new(follow->env->seen, info)))
		jem_tail_seek_end(&file->tail);
}

/* Opens one file and puts it last. `info` tells which one is expected there. */
static int open_file(struct jem_follow *follow, const char *path, const struct jem_file_info *info,
		     enum jem_follow_from from, struct jem_follow_file **ret)
{
	const struct jem_follow_env *env = follow->env;
	struct jem_follow_file *file;
	struct jem_follow_file **last = &follow->files;
	bool is_known;
	int r;

	if (!make_room(follow))
		return -EAGAIN;
	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	r = jem_tail_open(&file->tail, path, env->line_max);
	if (r) {
		free(file);
		return r;
	}
	if (!jem_file_id_equals(&file->tail.id, &info->id))
		r = -EAGAIN; /* renamed since we looked */
	file->seen = r ? NULL : jem_seen_find(env->seen, &info->id);
	is_known = file->seen && !file->seen->is_foreign;
	if (!r && !file->seen)
		file->seen = jem_seen_add(env->seen, &info->id);
	if (!file->seen) {
		jem_tail_close(&file->tail);
		free(file);
		return r ? r : -ENOMEM;
	}
	seek(follow, file, is_known, info, from);
	file->seen->is_open = true;
	file->seen->is_foreign = false;
	file->tail.moved_ns = jem_now_ns();
	file->is_ready = true;
	file->wd = env->watch ? jem_watch_file(env->watch, file->tail.fd) : -1;
	file->is_polled = file->wd < 0 || !jem_watch_can_see_file(file->tail.fd);
	jem_buf_init(&file->members, 0);
	while (*last)
		last = &(*last)->next;
	*last = file;
	*ret = file;
	return 0;
}

static void watch_folder(struct jem_follow *follow)
{
	char *copy;

	if (!follow->env->watch || follow->folder_wd >= 0)
		return;
	copy = strdup(follow->path);
	if (!copy)
		return;
	follow->folder_wd = jem_watch_folder(follow->env->watch, dirname(copy));
	follow->is_polled = follow->folder_wd < 0 || !jem_watch_can_see(copy);
	free(copy);
}

/* By its time stamp, which is coarse: a folder that changed just now may change again unseen. */
static bool has_folder_changed(struct jem_follow *follow)
{
	const uint64_t coarse_ns = 100000000u;
	const char *slash = strrchr(follow->path, '/');
	struct jem_file_info info;
	char *folder;
	bool is_same;

	folder = slash ? strndup(follow->path, (size_t)(slash - follow->path) + 1) : strdup(".");
	if (!folder || jem_file_info(AT_FDCWD, folder, &info))
		info.mtime_ns = 0;
	free(folder);
	is_same = info.mtime_ns == follow->folder_mtime_ns;
	follow->folder_mtime_ns = info.mtime_ns + coarse_ns < jem_wall_ns() ? info.mtime_ns : 0;
	return !is_same || !info.mtime_ns;
}

static struct jem_follow_file *find_open(const struct jem_follow *follow,
					 const struct jem_file_id *id)
{
	struct jem_follow_file *file = follow->files;

	while (file && !jem_file_id_equals(&file->tail.id, id))
		file = file->next;
	return file;
}

/* Opens what stood under the name before what stands there now. */
static void open_past(struct jem_follow *follow, struct jem_past *past,
		      const struct jem_file_info *now, bool is_older, enum jem_follow_from from)
{
	for (size_t i = 0; i < past->count; i++) {
		struct jem_past_file *one = &past->files[i];
		struct jem_follow_file *file;
		const struct jem_seen_file *seen;

		if (!one->path || (now && (one->info.id.birth_ns > now->id.birth_ns) == is_older))
			continue;
		seen = jem_seen_find(follow->env->seen, &one->info.id);
		/* The scan may have met a file under two names. */
		if (!(seen && seen->is_open) &&
		    open_file(follow, one->path, &one->info, from, &file)) {
			/* Renamed on, or too many: look again, and know it after a restart. */
			follow->scans_left = 2;
			jem_seen_add(follow->env->seen, &one->info.id);
		}
		free(one->path);
		one->path = NULL;
	}
}

static int open_current(struct jem_follow *follow, const struct jem_file_info *info,
			enum jem_follow_from from)
{
	struct jem_follow_file *file = find_open(follow, &info->id);
	const struct jem_seen_file *seen = jem_seen_find(follow->env->seen, &info->id);
	int r = 0;

	if (!file && seen && seen->is_open)
		return 0; /* another name of a file that is followed already */
	if (!file)
		r = open_file(follow, follow->path, info, from, &file);
	if (r == -EAGAIN) { /* as for past files */
		follow->scans_left = 2;
		jem_seen_add(follow->env->seen, &info->id);
	}
	if (r)
		return r == -EAGAIN ? 0 : r;
	follow->current = file;
	follow->had_file = true;
	return 0;
}

static int look(struct jem_follow *follow, enum jem_follow_from from)
{
	struct jem_file_info info;
	struct jem_past past = { 0 };
	bool is_first = !follow->has_looked;
	bool is_new;
	int r;

	follow->has_looked = true;
	watch_folder(follow);
	r = jem_file_info(AT_FDCWD, follow->path, &info);
	if (!r && !info.is_regular)
		r = -EINVAL;
	is_new =
		!r && !(follow->current && jem_file_id_equals(&follow->current->tail.id, &info.id));
	if (is_first)
		follow->scans_left = 1;
	else if (is_new)
		follow->scans_left = 2; /* a rename during a scan may hide a name from it */
	else if (r && !follow->scans_left && has_folder_changed(follow))
		follow->scans_left = 1; /* it may have come and gone since the last look */
	if (follow->scans_left) {
		follow->scans_left--;
		jem_past_collect(follow->env->seen, follow->path, r ? NULL : &info.id,
				 is_first && from != JEM_FROM_RESTART, &past);
	}
	open_past(follow, &past, is_new ? &info : NULL, true, from);
	if (is_new)
		r = open_current(follow, &info, from);
	open_past(follow, &past, NULL, false, from);
	jem_past_free(&past);
	return r;
}

int jem_follow_look(struct jem_follow *follow, enum jem_follow_from from)
{
	follow->wants_look = false;
	follow->fault = follow->path ? look(follow, from) : 0;
	return follow->fault;
}

int jem_follow_stream(struct jem_follow *follow, const char *path, enum jem_follow_from from)
{
	const struct jem_seen_file *seen;
	struct jem_file_info info;
	int r;

	r = jem_file_info(AT_FDCWD, path, &info);
	if (r)
		return r;
	if (!info.is_regular)
		return -EINVAL;
	seen = jem_seen_find(follow->env->seen, &info.id);
	if (seen && seen->is_open)
		return -EEXIST;
	r = open_file(follow, path, &info, from, &follow->current);
	follow->had_file = !r;
	return r;
}

void jem_follow_release(struct jem_follow *follow, uint64_t from)
{
	follow->is_held = false;
	if (follow->current)
		jem_tail_seek_on(&follow->current->tail, from);
}

void jem_follow_on_file_event(struct jem_follow *follow, int wd)
{
	for (struct jem_follow_file *file = follow->files; file; file = file->next)
		if (file->wd == wd)
			file->is_ready = true;
}

void jem_follow_on_folder_event(struct jem_follow *follow, int wd, uint32_t mask, const char *name)
{
	const char *base;

	if (!follow->path || follow->folder_wd != wd)
		return;
	base = strrchr(follow->path, '/');
	base = base ? base + 1 : follow->path;
	if (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) {
		if (mask & IN_MOVE_SELF)
			jem_watch_remove(follow->env->watch, wd);
		follow->folder_wd = -1;
		follow->is_polled = true;
		follow->wants_look = true;
	} else if (!strcmp(base, name)) {
		follow->wants_look = true;
	} else if ((mask & IN_CREATE) && jem_past_is_name(base, name)) {
		/* Made under that name, so never renamed from ours. */
		jem_past_note_foreign(follow->env->seen, follow->path, name);
	}
}

/* A call into the tail: its sink knows no follow. */
struct call {
	struct jem_follow *follow;
	struct jem_follow_file *file;
	const struct jem_follow_sink *sink;
	struct jem_follow_file *copy; /* opened meanwhile, to be read before `file` goes on */
};

static void on_region(void *arg, const char *start, size_t len)
{
	const struct call *call = arg;

	call->sink->on_region(call->sink->arg, start, len);
}

static void on_line(void *arg, const struct jem_line *line)
{
	const struct call *call = arg;

	call->sink->on_line(call->sink->arg, call->follow, call->file, line);
}

/*
 * copytruncate leaves a copy of what it cuts: what we had not read is read from there, before what
 * is new in the file itself. Returns NULL when there is no copy.
 */
static struct jem_follow_file *open_copy(struct jem_follow *follow, struct jem_follow_file *cut)
{
	const struct jem_tail_position position = cut->tail.safe;
	struct jem_follow_file **at = &follow->files;
	struct jem_follow_file *file = NULL;
	struct jem_past_file copy;

	if (!follow->path || !jem_past_find_copy(follow->env->seen, follow->path, &position, &copy))
		return NULL;
	if (!open_file(follow, copy.path, &copy.info, JEM_FROM_BEGINNING, &file)) {
		jem_tail_seek(&file->tail, &position);
		while (*at != file)
			at = &(*at)->next;
		*at = file->next;
		for (at = &follow->files; *at != cut;)
			at = &(*at)->next;
		file->next = cut;
		*at = file;
	}
	free(copy.path);
	return file;
}

static bool on_lost(void *arg, uint64_t from, uint64_t to)
{
	struct call *call = arg;

	call->copy = open_copy(call->follow, call->file);
	if (call->copy && call->copy->tail.seen_size > from)
		from = call->copy->tail.seen_size;
	call->sink->on_lost(call->sink->arg, call->follow, call->file, from, to > from ? to : from);
	return call->copy != NULL;
}

static struct jem_tail_sink sink_of(struct call *call)
{
	return (struct jem_tail_sink){ on_region, on_line, on_lost, call };
}

static void end_line(struct jem_follow *follow, struct jem_follow_file *file,
		     const struct jem_follow_sink *sink)
{
	struct call call = { follow, file, sink, NULL };
	struct jem_tail_sink tail_sink = sink_of(&call);

	jem_tail_end_line(&file->tail, &tail_sink);
}

static bool has_ready(const struct jem_follow *follow)
{
	for (const struct jem_follow_file *file = follow->files; file; file = file->next)
		if (file->is_ready)
			return true;
	return false;
}

/* Returns the copy that is to be read first, when the file turns out to be cut. */
static struct jem_follow_file *read_file(struct jem_follow *follow, struct jem_follow_file *file,
					 uint64_t now_ns, const struct jem_follow_sink *sink)
{
	struct call call = { follow, file, sink, NULL };
	struct jem_tail_sink tail_sink = sink_of(&call);
	ssize_t n;

	file->is_in_use = true;
	n = jem_tail_read(&file->tail, follow->env->chunk, now_ns, &tail_sink);
	file->is_in_use = false;
	follow->read_fault = n < 0 ? (int)n : 0;
	if (n <= 0 || file->tail.is_at_end)
		file->is_ready = false;
	return call.copy;
}

bool jem_follow_read(struct jem_follow *follow, uint64_t now_ns, const struct jem_follow_sink *sink)
{
	struct jem_follow_file *file = follow->files;

	while (file && !file->is_ready)
		file = file->next;
	if (!file || follow->is_held)
		return false;
	read_file(follow, file, now_ns, sink);
	if (has_ready(follow))
		return true;
	/* There may be more past files than could be open at a time. */
	follow->wants_look |= follow->scans_left > 0;
	return false;
}

/* Whether nobody will write to it any more, as far as one can tell. */
static bool is_over(const struct jem_follow *follow, const struct jem_follow_file *file,
		    uint64_t now_ns)
{
	uint64_t quiet_ns = now_ns - file->tail.moved_ns;

	if (!file->tail.is_at_end || file->is_ready)
		return false;
	if (!file->tail.links)
		return quiet_ns >= JEM_FOLLOW_DELETED_NS;
	return file != follow->current && quiet_ns >= JEM_FOLLOW_RETIRE_NS;
}

void jem_follow_tick(struct jem_follow *follow, uint64_t now_ns, const struct jem_follow_sink *sink)
{
	for (struct jem_follow_file *file = follow->files, *next; file; file = next) {
		bool is_still = file->tail.is_at_end && !file->is_ready;

		next = file->next;
		if (is_over(follow, file, now_ns)) {
			end_line(follow, file, sink);
			close_file(follow, file);
		} else if (is_still && now_ns - file->tail.moved_ns >= JEM_TAIL_QUIET_NS) {
			end_line(follow, file, sink);
		}
	}
}

/* The name is to be looked at though nothing may tell: no file bears it, or not all is known. */
static bool is_name_polled(const struct jem_follow *follow)
{
	return follow->path &&
	       (follow->is_polled || follow->scans_left || (follow->had_file && !follow->current));
}

void jem_follow_poll(struct jem_follow *follow)
{
	for (struct jem_follow_file *file = follow->files; file; file = file->next)
		file->is_ready |= file->is_polled;
	follow->wants_look |= is_name_polled(follow);
}

bool jem_follow_needs_tick(const struct jem_follow *follow)
{
	if (is_name_polled(follow))
		return true;
	for (const struct jem_follow_file *file = follow->files; file; file = file->next)
		if (file->is_polled || file->tail.line_len || !file->tail.links ||
		    file != follow->current)
			return true;
	return false;
}

/*
 * What an endless writer adds from now on is not waited for. `next` is what to go on with: the copy
 * of a file that was cut, behind which the file stands again.
 */
static bool finish_file(struct jem_follow *follow, struct jem_follow_file *file,
			uint64_t deadline_ns, const struct jem_follow_sink *sink,
			struct jem_follow_file **next)
{
	struct jem_file_info info = { 0 };
	struct jem_follow_file *copy;

	jem_file_info(file->tail.fd, "", &info);
	file->is_ready = true;
	*next = file->next;
	do {
		uint64_t now_ns = jem_now_ns();

		if (now_ns >= deadline_ns)
			return false;
		copy = read_file(follow, file, now_ns, sink);
		if (copy) {
			*next = copy;
			return true;
		}
	} while (file->is_ready && file->tail.at.offset < info.size);
	end_line(follow, file, sink);
	return true;
}

bool jem_follow_finish(struct jem_follow *follow, uint64_t deadline_ns,
		       const struct jem_follow_sink *sink)
{
	bool is_all = true;

	if (follow->is_held)
		return true;
	do {
		jem_follow_look(follow, JEM_FROM_BEGINNING);
		for (struct jem_follow_file *file = follow->files, *next; file; file = next)
			is_all &= finish_file(follow, file, deadline_ns, sink, &next);
	} while (follow->scans_left && is_all && jem_now_ns() < deadline_ns);
	return is_all;
}

void jem_follow_note_positions(struct jem_follow *follow)
{
	for (struct jem_follow_file *file = follow->files; file; file = file->next)
		file->seen->position = file->tail.safe;
}
