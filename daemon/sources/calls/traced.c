/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/calls/traced.h"

#include "common/cleanup.h"
#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

enum {
	HELD_MAX = 8 << 20,
	RECORD_BYTES = 4096, /* most of values */
	LOSS_MAX = 1 << 30,
	RELEASE_EVERY =
		1024,     /* records: a pass over a full ring takes as long as half a ring lasts */
	CROWDED_PART = 8, /* of a ring */
	IDLE_NS = 1000000000, /* then a thread is asked whether it lives */
};

/* --- life ------------------------------------------------------------------------------------- */

static void plan_settings(const struct jem_traced *traced, struct jem_plan_settings *ret)
{
	const struct jem_calls_settings *settings = traced->settings;

	*ret = (struct jem_plan_settings){
		.state = (settings->is_off ? JEM_PLAN_OFF : 0) |
			 (traced->is_complete ? JEM_PLAN_COMPLETE : 0) |
			 (settings->has_values ? JEM_PLAN_VALUES : 0) |
			 (settings->may_patch ? JEM_PLAN_PATCH : 0),
		.process_limit = settings->process_limit,
		.function_limit = settings->limit,
		.guard = settings->guard,
		.record_bytes = RECORD_BYTES,
	};
}

static bool select_function(void *user, const struct jem_image *image, uint32_t function)
{
	const struct jem_traced *traced = user;
	const struct jem_calls_image *whole = (const struct jem_calls_image *)image;

	return jem_calls_settings_select(traced->settings, whole->path, image, function);
}

static int open_files(struct jem_traced *traced, struct jem_err *err)
{
	struct jem_plan_settings settings;
	int status = jem_ring_read_open(&traced->rings, traced->in.rings, traced->in.rings_bytes,
					true, err);

	if (status < 0)
		return status;
	if (traced->rings.header.clock == JEM_RING_TSC && !traced->shared->has_counter)
		return jem_err_set(err, -ENOTSUP, "its clock is not known on this machine");
	traced->modules = calloc(traced->rings.header.module_max + 1, sizeof(*traced->modules));
	traced->threads = calloc(traced->rings.header.thread_count + 1, sizeof(*traced->threads));
	if (!traced->modules || !traced->threads)
		return jem_err_set(err, -ENOMEM, "no memory");
	for (uint32_t i = 0; i < traced->rings.header.thread_count; i++) {
		jem_pairing_init(&traced->threads[i].pairing);
		jem_buf_init(&traced->threads[i].held, 0);
	}
	plan_settings(traced, &settings);
	status = jem_plan_file_create(traced->in.plan, traced->in.plan_bytes, &settings,
				      &traced->plan);
	return status < 0 ? jem_err_set(err, status, "no plan: %s", strerror(-status)) : 0;
}

int jem_traced_create(struct jem_traced_shared *shared, uint64_t token, struct jem_hello_in *in,
		      struct jem_calls_settings *settings, struct jem_traced **ret,
		      struct jem_err *err)
{
	struct jem_traced *traced = calloc(1, sizeof(*traced));
	int status;

	if (!traced) {
		jem_hello_deinit(in);
		jem_calls_settings_unref(settings);
		return jem_err_set(err, -ENOMEM, "no memory");
	}
	traced->shared = shared;
	traced->token = token;
	traced->in = *in;
	traced->settings = settings;
	traced->pid_fd = in->pid > 0 ? (int)syscall(SYS_pidfd_open, in->pid, 0) : -1;
	/* Only a process that is gone has no descriptor: its rings are all that is left. */
	traced->has_ended = in->pid > 0 && traced->pid_fd < 0 && errno == ESRCH;
	status = open_files(traced, err);
	if (status < 0) {
		jem_traced_destroy(traced);
		return status;
	}
	*ret = traced;
	return 0;
}

void jem_traced_destroy(struct jem_traced *traced)
{
	if (!traced)
		return;
	for (uint32_t i = 0; traced->threads && i < traced->rings.header.thread_count; i++) {
		jem_pairing_deinit(&traced->threads[i].pairing);
		jem_buf_deinit(&traced->threads[i].held);
		jem_profile_seen_deinit(&traced->threads[i].profile);
	}
	free(traced->threads);
	free(traced->modules);
	jem_plan_file_destroy(traced->plan);
	jem_ring_read_close(&traced->rings);
	jem_hello_deinit(&traced->in);
	jem_calls_settings_unref(traced->settings);
	if (traced->pid_fd >= 0)
		close(traced->pid_fd);
	free(traced);
}

/* --- records ---------------------------------------------------------------------------------- */

/* Puts the record behind those that wait. False: no memory. */
static bool hold(struct jem_traced *traced, struct jem_traced_thread *thread,
		 const struct jem_ring_entry *entry)
{
	size_t before = thread->held.len;

	jem_buf_add(&thread->held, entry, sizeof(*entry));
	jem_buf_add(&thread->held, entry->site, entry->site_words * sizeof(*entry->site));
	jem_buf_add(&thread->held, entry->caller, entry->caller_words * sizeof(*entry->caller));
	if (thread->held.failed) {
		thread->held.failed = false;
		thread->held.len = before;
		return false;
	}
	traced->held_bytes += thread->held.len - before;
	if (!before)
		traced->helds++;
	return true;
}

/* Gives what is held on, up to one that still has to wait. */
static void go_on(struct jem_traced *traced, struct jem_traced_thread *thread, bool may_wait)
{
	if (!thread->held.len)
		return;
	while (thread->held_at < thread->held.len) {
		struct jem_ring_entry entry;
		const char *at = thread->held.data + thread->held_at;

		memcpy(&entry, at, sizeof(entry));
		entry.site = (const uint64_t *)(at + sizeof(entry));
		entry.caller = entry.site + entry.site_words;
		if (jem_traced_record(traced, thread, &entry, may_wait) == -EAGAIN)
			return;
		thread->held_at += sizeof(entry) +
				   (entry.site_words + entry.caller_words) * sizeof(*entry.site);
	}
	traced->held_bytes -= thread->held.len;
	traced->helds--;
	jem_buf_deinit(&thread->held);
	jem_buf_init(&thread->held, 0);
	thread->held_at = 0;
}

static void begin_thread(struct jem_traced *traced, uint32_t index)
{
	struct jem_traced_thread *thread = &traced->threads[index];
	struct jem_ring_slot slot;

	jem_ring_read_slot(&traced->rings, index, &slot);
	if (slot.tid == thread->tid)
		return;
	thread->tid = slot.tid;
	jem_pairing_clear(&thread->pairing);
}

static void tell_broken(struct jem_traced *traced)
{
	char text[128];

	if (traced->was_broken_told)
		return;
	traced->was_broken_told = true;
	snprintf(text, sizeof(text),
		 "process %d has overwritten the records of its calls, what they held is lost",
		 (int)traced->in.pid);
	traced->shared->on_fault(traced->shared->arg, text);
}

static bool is_held_up(const struct jem_traced *traced)
{
	const struct jem_traced_shared *shared = traced->shared;

	return shared->is_held_up && shared->is_held_up(shared->arg);
}

static uint64_t drain_thread(struct jem_traced *traced, uint32_t index)
{
	struct jem_traced_thread *thread = &traced->threads[index];
	uint64_t bytes = jem_ring_read_begin(&traced->rings, index);
	struct jem_ring_entry entry;
	unsigned count = 0;

	if (!bytes)
		return 0;
	traced->shared->is_crowded |= bytes > traced->rings.header.ring_bytes / CROWDED_PART;
	/* A module is told of before the first record of its code: now, not at the next regular look. */
	if (jem_ring_read_module_count(&traced->rings) > traced->module_count)
		jem_traced_look_at_modules(traced);
	begin_thread(traced, index);
	/* Records that wait fill the rings in the end: then their process counts what it drops. */
	while (!(thread->held.len && traced->held_bytes > HELD_MAX)) {
		/* What is held comes first. */
		if (!thread->held.len)
			count += jem_traced_plain(traced, index, RELEASE_EVERY);
		if (count >= RELEASE_EVERY) {
			jem_ring_read_release(&traced->rings, index);
			count = 0;
			if (is_held_up(traced))
				break;
		}
		if (jem_ring_read_next(&traced->rings, index, &entry) <= 0)
			break;
		count++;
		if (!thread->held.len && jem_traced_record(traced, thread, &entry, true) != -EAGAIN)
			continue;
		if (!hold(traced, thread, &entry))
			(void)jem_traced_record(traced, thread, &entry, false);
	}
	jem_ring_read_release(&traced->rings, index);
	thread->moved_ns = 0;
	return bytes;
}

uint64_t jem_traced_drain(struct jem_traced *traced)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < traced->rings.header.thread_count; i++)
		bytes += drain_thread(traced, i);
	return bytes;
}

void jem_traced_give_up(struct jem_traced *traced)
{
	for (uint32_t i = 0; i < traced->rings.header.thread_count; i++)
		go_on(traced, &traced->threads[i], false);
}

/* --- threads ---------------------------------------------------------------------------------- */

/* Whether a thread of the process is there; in doubt it is. */
static bool lives(const struct jem_traced *traced, uint32_t tid)
{
	if (traced->has_ended)
		return false;
	/* In a name space of its own the process knows its threads by other numbers. */
	if (traced->in.pid != (pid_t)traced->rings.header.pid || !tid)
		return true;
	return !syscall(SYS_tgkill, traced->in.pid, (pid_t)tid, 0) || errno != ESRCH;
}

void jem_traced_sweep(struct jem_traced *traced, uint64_t now_ns)
{
	for (uint32_t i = 0; i < traced->rings.header.thread_count; i++) {
		struct jem_traced_thread *thread = &traced->threads[i];
		struct jem_ring_slot slot;

		jem_ring_read_slot(&traced->rings, i, &slot);
		/* Records that wait for symbols are still its own. */
		if (slot.state == JEM_THREAD_FREE || thread->held.len)
			continue;
		if (!thread->moved_ns)
			thread->moved_ns = now_ns;
		if (slot.state != JEM_THREAD_ENDED &&
		    (now_ns - thread->moved_ns < IDLE_NS || lives(traced, slot.tid)))
			continue;
		if (jem_ring_read_free(&traced->rings, i) == 0) {
			jem_pairing_clear(&thread->pairing);
			thread->tid = 0;
		}
		thread->moved_ns = now_ns;
	}
}

void jem_traced_losses(struct jem_traced *traced, struct jem_traced_losses *ret)
{
	struct jem_ring_account *told = &traced->told;
	struct jem_ring_account now;

	jem_ring_read_account(&traced->rings, &now);
	if (now.broken)
		tell_broken(traced);
		/* More than any process can lose since the last look is not a loss, but a lie. */
#define MORE(field) (now.field - told->field <= LOSS_MAX ? now.field - told->field : 0)
	*ret = (struct jem_traced_losses){
		.dropped = MORE(dropped),
		.limited = MORE(limited),
		.broken = MORE(lost),
		.unslotted = MORE(unslotted),
	};
#undef MORE
	*told = now;
}

/* --- profile ---------------------------------------------------------------------------------- */

struct tree_of {
	struct jem_traced *traced;
	uint32_t thread;
};

static bool read_edge(void *arg, uint32_t index, struct jem_ring_edge *ret)
{
	const struct tree_of *of = arg;

	return jem_ring_read_edge(&of->traced->rings, of->thread, index, ret);
}

uint32_t jem_traced_profile_place(const struct jem_traced *traced, const struct jem_image *image,
				  uint32_t function)
{
	const struct jem_calls_image *whole = (const struct jem_calls_image *)image;
	const struct jem_image_function *info = &image->functions[function];
	uint32_t *place = &whole->profile[function];

	if (!*place)
		*place = jem_profile_function(traced->shared->profile,
					      jem_image_string(image, info->name),
					      jem_image_string(image, info->file), info->line);
	return *place;
}

static uint32_t profile_function(void *arg, const struct jem_ring_edge *edge)
{
	const struct tree_of *of = arg;
	struct jem_plan_found found;

	if (edge->function & JEM_EDGE_UNNAMED) {
		/* counted in ignorance; perhaps of a function that nobody asks for */
		if (!jem_plan_file_find_address(of->traced->plan, edge->recorded, &found) ||
		    !found.site || !found.function ||
		    !select_function((void *)of->traced, found.image, found.function))
			return 0;
	} else if (!jem_plan_file_find_function(of->traced->plan, edge->function, &found) ||
		   !found.function) {
		return 0;
	}
	return jem_traced_profile_place(of->traced, found.image, found.function);
}

void jem_traced_profile(struct jem_traced *traced, bool all)
{
	struct tree_of of = { .traced = traced };
	struct jem_profile_tree tree = {
		.count = traced->rings.header.edge_count,
		.rate = traced->rings.header.clock == JEM_RING_TSC
				? jem_ticks_rate(&traced->shared->ticks)
				: 1,
		.read = read_edge,
		.function = profile_function,
		.arg = &of,
	};

	for (uint32_t i = 0; i < traced->rings.header.thread_count; i++) {
		struct jem_traced_thread *thread = &traced->threads[i];
		struct jem_ring_account account;

		jem_ring_read_thread_account(&traced->rings, i, &account);
		if (!account.seen || (!all && account.seen == thread->seen))
			continue;
		thread->seen = account.seen;
		of.thread = i;
		jem_profile_add_tree(traced->shared->profile, &thread->profile, &tree);
	}
}

/* --- settings and images ---------------------------------------------------------------------- */

static void write_settings(struct jem_traced *traced)
{
	struct jem_plan_settings settings;

	plan_settings(traced, &settings);
	jem_plan_file_set(traced->plan, &settings);
}

/* Once nothing is waited for, a site that is not in the table is of no interest. */
static void maybe_complete(struct jem_traced *traced)
{
	bool is_complete = traced->module_count > 0;

	for (uint32_t i = 0; i < traced->module_count; i++)
		if (traced->modules[i].wait == JEM_MODULE_WAITS ||
		    traced->modules[i].wait == JEM_MODULE_UNSEEN)
			is_complete = false;
	if (is_complete == traced->is_complete)
		return;
	traced->is_complete = is_complete;
	write_settings(traced);
	if (is_complete)
		jem_traced_tell_unmatched(traced);
}

void jem_traced_take_image(struct jem_traced *traced, uint32_t number,
			   struct jem_calls_image *image)
{
	struct jem_traced_module *module = traced->modules;
	struct jem_err err = { "" };
	uint32_t i = 0;

	while (i < traced->module_count && module[i].info.number != number)
		i++;
	if (i == traced->module_count)
		return;
	module += i;
	/* An earlier image stays when a later one fails. */
	if (!module->image)
		module->wait = image ? JEM_MODULE_READY : JEM_MODULE_FAILED;
	else
		module->wait = JEM_MODULE_READY;
	if (image && !module->is_gone) {
		int status = jem_plan_file_add(traced->plan, number, &image->view,
					       module->info.bias, jem_now_ns(), &err);

		traced->shared->changes++;
		if (status != 0)
			traced->shared->on_fault(traced->shared->arg, err.text);
		if (status < 0 && !module->image)
			module->wait = JEM_MODULE_FAILED;
		else if (status >= 0)
			module->image = image;
	}
	for (i = 0; i < traced->rings.header.thread_count; i++)
		go_on(traced, &traced->threads[i], true);
	maybe_complete(traced);
}

/* The file of a module, as the process sees it; its name there may be another file's by now. */
static int open_module(const struct jem_traced *traced, const struct jem_ring_module *module,
		       bool is_program)
{
	char path[JEM_RING_PATH_MAX + 64];
	int fd = -1;

	if (traced->in.pid > 0) {
		if (is_program)
			snprintf(path, sizeof(path), "/proc/%d/exe", (int)traced->in.pid);
		else
			snprintf(path, sizeof(path), "/proc/%d/root/%.*s", (int)traced->in.pid,
				 JEM_RING_PATH_MAX, module->path);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	}
	if (fd < 0 && module->path[0] == '/')
		fd = open(module->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd;
}

static void ask(struct jem_traced *traced, uint32_t index)
{
	struct jem_traced_module *module = &traced->modules[index];
	struct jem_symbols_request request = {
		.process = traced->token,
		.module = module->info.number,
		.is_program = index == 0,
		.build_id_len = module->info.build_id_len <= JEM_RING_BUILD_MAX
					? module->info.build_id_len
					: 0,
		.settings = jem_calls_settings_ref(traced->settings),
	};

	memcpy(request.path, module->info.path, sizeof(request.path));
	memcpy(request.build_id, module->info.build_id, sizeof(request.build_id));
	request.fd = open_module(traced, &module->info, request.is_program);
	module->wait = JEM_MODULE_WAITS;
	traced->shared->on_module(traced->shared->arg, &request);
}

/* Never built with the hooks, but in every process: it is not worth a helper to find out. */
static bool is_of_system(const char *path)
{
	static const char *const names[] = { "libc.so.",       "libm.so.",      "libdl.so.",
					     "libpthread.so.", "librt.so.",     "libgcc_s.so.",
					     "libstdc++.so.",  "ld-linux",      "linux-vdso",
					     "linux-gate",     "libjemtrace.so" };
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(base, names[i], strlen(names[i])))
			return true;
	return !*base;
}

static void close_module(struct jem_traced *traced, struct jem_traced_module *module)
{
	module->is_gone = true;
	traced->shared->changes++;
	if (module->image)
		(void)jem_plan_file_remove(traced->plan, module->info.number, jem_now_ns());
}

void jem_traced_look_at_modules(struct jem_traced *traced)
{
	uint32_t count = jem_ring_read_module_count(&traced->rings);

	for (uint32_t i = 0; i < count && i < traced->rings.header.module_max; i++) {
		struct jem_traced_module *module = &traced->modules[i];
		struct jem_ring_module info;
		int state;

		if (i < traced->module_count && module->is_gone)
			continue;
		state = jem_ring_read_module(&traced->rings, i, &info);
		if (i >= traced->module_count) {
			if (state != JEM_MODULE_OPEN && state != JEM_MODULE_CLOSED)
				break; /* not written yet */
			*module = (struct jem_traced_module){ .info = info };
			traced->module_count = i + 1;
			module->is_looked_at = !is_of_system(info.path);
			module->wait = JEM_MODULE_FAILED;
			if (module->is_looked_at)
				ask(traced, i);
		}
		if (state == JEM_MODULE_CLOSED)
			close_module(traced, module);
	}
	maybe_complete(traced);
}

void jem_traced_set(struct jem_traced *traced, struct jem_calls_settings *settings)
{
	bool is_image_another = settings->key != traced->settings->key;

	jem_calls_settings_unref(traced->settings);
	traced->settings = settings;
	write_settings(traced);
	if (!is_image_another)
		return;
	/* Which functions are recorded is known at once; their plans take a helper's run. */
	traced->was_unmatched_told = false;
	jem_plan_file_select(traced->plan, select_function, traced);
	for (uint32_t i = 0; i < traced->module_count; i++)
		if (traced->modules[i].is_looked_at && !traced->modules[i].is_gone)
			ask(traced, i);
	maybe_complete(traced);
}
