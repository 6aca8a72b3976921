/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/log/names.h"

#include "common/cleanup.h"
#include "daemon/sources/log/tell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int jem_log_names_init(struct jem_log_names *names, const struct jem_log_names_options *options)
{
	struct jem_file_info info;

	*names = (struct jem_log_names){ .options = *options, .from = JEM_FROM_END };
	names->options.folder = options->folder ? strdup(options->folder) : NULL;
	names->options.exclude = options->exclude ? strdup(options->exclude) : NULL;
	if ((options->folder && !names->options.folder) ||
	    (options->exclude && !names->options.exclude)) {
		jem_log_names_deinit(names);
		return -ENOMEM;
	}
	if (!jem_file_info(STDERR_FILENO, "", &info))
		names->our_stderr = info.id;
	return 0;
}

void jem_log_names_clear(struct jem_log_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		jem_follow_destroy(names->follows[i]);
	for (size_t i = 0; i < names->pattern_count; i++)
		jem_log_pattern_deinit(&names->patterns[i]);
	names->count = 0;
	names->pattern_count = 0;
}

void jem_log_names_deinit(struct jem_log_names *names)
{
	jem_log_names_clear(names);
	free((char *)names->options.folder);
	free((char *)names->options.exclude);
}

/* A name as it is to be opened; names are meant from the job's folder. */
static int full_path(const struct jem_log_names *names, const char *path, char ret[PATH_MAX])
{
	const char *folder = names->options.folder;
	int len = *path == '/' || !folder ? snprintf(ret, PATH_MAX, "%s", path)
					  : snprintf(ret, PATH_MAX, "%s/%s", folder, path);

	return len < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static const char *label_of(const struct jem_log_names *names, const char *path)
{
	const char *folder = names->options.folder;
	size_t len = folder ? strlen(folder) : 0;

	return len && !strncmp(path, folder, len) && path[len] == '/' ? path + len + 1 : path;
}

static bool is_ours(const struct jem_log_names *names, const char *path)
{
	const char *exclude = names->options.exclude;
	auto_free char *real = realpath(path, NULL);
	auto_free char *ours = exclude ? realpath(exclude, NULL) : NULL;
	size_t len = ours ? strlen(ours) : 0;
	struct jem_file_info info;

	if (real && len && !strncmp(real, ours, len) && (real[len] == '/' || !real[len]))
		return true;
	return !jem_file_info(AT_FDCWD, path, &info) &&
	       jem_file_id_equals(&info.id, &names->our_stderr);
}

/* Tells a name's fault when it changes; a file that is not there yet has none. */
static void look(struct jem_log_names *names, struct jem_follow *follow, enum jem_follow_from from)
{
	int before = follow->fault;
	int r = jem_follow_look(follow, from);
	char text[PATH_MAX + 100];

	if (r == before || r == 0 || r == -ENOENT || r == -ENOTDIR)
		return;
	snprintf(text, sizeof(text), "%s cannot be followed: %s", follow->label,
		 r == -EINVAL ? "it is no regular file" : strerror(-r));
	jem_log_tell_degraded(names->options.batcher, follow->label, text);
}

void jem_log_names_tell_unreadable(struct jem_log_names *names, struct jem_follow *follow)
{
	char text[PATH_MAX + 100];

	if (follow->read_fault == follow->told_fault)
		return;
	follow->told_fault = follow->read_fault;
	snprintf(text, sizeof(text), "%s cannot be read: %s", follow->label,
		 strerror(-follow->read_fault));
	jem_log_tell_degraded(names->options.batcher, follow->label, text);
}

static int add_follow(struct jem_log_names *names, const char *path, const char *label,
		      struct jem_follow **ret)
{
	struct jem_follow *follow;
	int r;

	if (names->count == JEM_LOG_FILES_MAX) {
		if (!names->has_told_full)
			jem_log_tell_degraded(names->options.batcher, label,
					      "512 files are followed, further ones are not");
		names->has_told_full = true;
		return -ENOSPC;
	}
	r = jem_follow_create(names->options.env, path, label, &follow);
	if (r)
		return r;
	jem_rules_scope_of(names->options.rules, label, &follow->scope);
	names->follows[names->count++] = follow;
	*ret = follow;
	return 0;
}

static int add_path(struct jem_log_names *names, const char *path, enum jem_follow_from from)
{
	struct jem_follow *follow;
	int r;

	for (size_t i = 0; i < names->count; i++)
		if (names->follows[i]->path && !strcmp(names->follows[i]->path, path))
			return 0;
	if (is_ours(names, path))
		return -EPERM;
	r = add_follow(names, path, label_of(names, path), &follow);
	if (!r)
		look(names, follow, from);
	return r;
}

static void on_expanded(void *arg, const char *path)
{
	struct jem_log_names *names = arg;

	add_path(names, path, names->from);
}

void jem_log_names_add_entry(struct jem_log_names *names, const char *entry)
{
	char path[PATH_MAX];
	struct jem_log_pattern *pattern = &names->patterns[names->pattern_count];

	if (full_path(names, entry, path)) {
		jem_log_tell_degraded(names->options.batcher, entry, "the name is too long");
		return;
	}
	if (!jem_log_pattern_is_magic(entry)) {
		add_path(names, path, names->from);
		return;
	}
	if (names->pattern_count == JEM_LOG_PATTERNS_MAX || jem_log_pattern_init(pattern, path))
		return;
	names->pattern_count++;
	jem_log_pattern_watch(pattern, names->options.env->watch);
	jem_log_pattern_expand(pattern, on_expanded, names);
}

void jem_log_names_on_event(struct jem_log_names *names, int wd, uint32_t mask, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		jem_follow_on_file_event(names->follows[i], wd);
		jem_follow_on_folder_event(names->follows[i], wd, mask, name);
	}
	for (size_t i = 0; i < names->pattern_count; i++)
		jem_log_pattern_on_event(&names->patterns[i], wd, mask, name);
}

void jem_log_names_want_look(struct jem_log_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		names->follows[i]->wants_look = true;
	for (size_t i = 0; i < names->pattern_count; i++)
		names->patterns[i].wants_scan = true;
}

void jem_log_names_on_overflow(struct jem_log_names *names)
{
	jem_log_names_want_look(names);
	for (size_t i = 0; i < names->count; i++) {
		struct jem_follow *follow = names->follows[i];

		follow->scans_left = 2;
		for (struct jem_follow_file *file = follow->files; file; file = file->next)
			file->is_ready = true;
	}
}

int jem_log_names_add(struct jem_log_names *names, const char *path, enum jem_follow_from from)
{
	char full[PATH_MAX];
	int r = full_path(names, path, full);

	return r ? r : add_path(names, full, from);
}

static void note_stderr(struct jem_log_names *names, const char *path)
{
	struct jem_file_info info;

	if (jem_file_info(AT_FDCWD, path, &info))
		return;
	for (size_t i = 0; i < names->count; i++) {
		const struct jem_follow_file *file = names->follows[i]->current;

		names->follows[i]->is_stderr |=
			file && jem_file_id_equals(&file->tail.id, &info.id);
	}
}

int jem_log_names_add_stream(struct jem_log_names *names, pid_t pid, int stream, const char *copy)
{
	const char *label = stream == STDOUT_FILENO ? "stdout" : "stderr";
	char target[PATH_MAX] = "";
	struct jem_follow *follow = NULL;
	char path[PATH_MAX];
	int r;

	if (copy) {
		snprintf(path, sizeof(path), "%s", copy);
		snprintf(target, sizeof(target), "%s", copy);
	} else {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, stream);
	}
	if (!copy && readlink(path, target, sizeof(target) - 1) < 0)
		r = -errno;
	else if (!copy && is_ours(names, path))
		r = -EPERM;
	else
		r = add_follow(names, NULL, label, &follow);
	if (!r) {
		r = jem_follow_stream(follow, path, copy ? JEM_FROM_BEGINNING : JEM_FROM_END);
		if (r) {
			names->count--;
			jem_follow_destroy(follow);
		}
	}
	if (stream == STDERR_FILENO && (!r || r == -EEXIST))
		note_stderr(names, path);
	jem_log_tell_stream(names->options.batcher, label, target, r);
	return r;
}

void jem_log_names_hold_streams(struct jem_log_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		names->follows[i]->is_held |= !names->follows[i]->path;
}

void jem_log_names_release_streams(struct jem_log_names *names, uint64_t from)
{
	for (size_t i = 0; i < names->count; i++)
		if (names->follows[i]->is_held)
			jem_follow_release(names->follows[i],
					   names->follows[i]->is_stderr ? from : 0);
}

void jem_log_names_look(struct jem_log_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		if (names->follows[i]->wants_look)
			look(names, names->follows[i], JEM_FROM_BEGINNING);
	for (size_t i = 0; i < names->pattern_count; i++) {
		struct jem_log_pattern *pattern = &names->patterns[i];

		if (!pattern->wants_scan)
			continue;
		jem_log_pattern_watch(pattern, names->options.env->watch);
		jem_log_pattern_expand(pattern, on_expanded, names);
	}
}

void jem_log_names_look_at(struct jem_log_names *names, struct jem_follow *follow)
{
	look(names, follow, JEM_FROM_BEGINNING);
}

void jem_log_names_poll(struct jem_log_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		jem_follow_poll(names->follows[i]);
	for (size_t i = 0; i < names->pattern_count; i++)
		names->patterns[i].wants_scan |= jem_log_pattern_is_polled(&names->patterns[i]);
}

bool jem_log_names_needs_tick(const struct jem_log_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		if (jem_follow_needs_tick(names->follows[i]))
			return true;
	for (size_t i = 0; i < names->pattern_count; i++)
		if (jem_log_pattern_is_polled(&names->patterns[i]))
			return true;
	return false;
}
