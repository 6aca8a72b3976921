/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/modules.h"

#include "tracer/preload/clock.h"
#include "tracer/preload/life.h"
#include "tracer/preload/missed.h"
#include "tracer/preload/next.h"
#include "tracer/preload/patch.h"
#include "tracer/preload/plan.h"
#include "tracer/preload/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>

enum {
	NOTE_BUILD_ID = 3,
};

/* What dl_iterate_phdr tells of an object. */
struct found {
	struct jem_module module;
	const char *name;
	const uint8_t *build_id;
	uint32_t build_id_len;
	uint64_t hash; /* of the name */
};

static struct jem_ring_module *shared_at(uint32_t entry)
{
	uint8_t *bytes = (uint8_t *)jem_state.rings + jem_state.rings->modules_offset;

	return (struct jem_ring_module *)(void *)bytes + entry % JEM_MODULES_MAX;
}

const struct jem_module *jem_modules_find(uint64_t pc)
{
	uint32_t count = __atomic_load_n(&jem_state.module_count, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < count; i++) {
		const struct jem_module *module = &jem_state.tables->modules[i];

		/* A hook call at the very end of the text returns behind it. */
		if (pc - 1 - module->start < module->end - module->start)
			return module;
	}
	return NULL;
}

static uint32_t protection_of(uint32_t flags)
{
	return ((flags & PF_R) ? PROT_READ : 0) | ((flags & PF_W) ? PROT_WRITE : 0) |
	       ((flags & PF_X) ? PROT_EXEC : 0);
}

static void add_segment(struct found *found, const ElfW(Phdr) * segment, uint64_t bias)
{
	struct jem_module *module = &found->module;
	uint64_t start = bias + segment->p_vaddr;
	uint64_t end = start + segment->p_memsz;

	if ((segment->p_flags & PF_R) && module->load_count < JEM_LOADS_MAX) {
		module->loads[module->load_count].start = start;
		module->loads[module->load_count++].end = end;
	}
	if (!(segment->p_flags & PF_X))
		return;
	if (!module->end || start < module->start)
		module->start = start;
	if (end > module->end)
		module->end = end;
	module->protection = protection_of(segment->p_flags);
}

static void find_build_id(struct found *found, const ElfW(Phdr) * segment, uint64_t bias)
{
	const uint8_t *at = (const uint8_t *)(uintptr_t)(bias + segment->p_vaddr);
	uint64_t left = segment->p_memsz;

	while (left >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *note = (const void *)at;
		uint64_t name = (note->n_namesz + 3ull) & ~3ull;
		uint64_t content = (note->n_descsz + 3ull) & ~3ull;

		if (name + content > left - sizeof(*note))
			return;
		if (note->n_type == NOTE_BUILD_ID && note->n_namesz == 4 &&
		    at[sizeof(*note)] == 'G' && note->n_descsz <= JEM_RING_BUILD_MAX) {
			found->build_id = at + sizeof(*note) + name;
			found->build_id_len = note->n_descsz;
			return;
		}
		at += sizeof(*note) + name + content;
		left -= sizeof(*note) + name + content;
	}
}

static bool is_readable(const struct jem_module *module, uint64_t start, uint64_t bytes)
{
	for (uint32_t i = 0; i < module->load_count; i++) {
		if (start >= module->loads[i].start && start < module->loads[i].end &&
		    bytes <= module->loads[i].end - start)
			return true;
	}
	return false;
}

static bool describe(const struct dl_phdr_info *info, struct found *ret)
{
	struct jem_module *module = &ret->module;
	uint64_t bias = info->dlpi_addr;

	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type == PT_LOAD)
			add_segment(ret, &info->dlpi_phdr[i], bias);
	}
	for (unsigned i = 0; i < info->dlpi_phnum && !ret->build_id_len; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type == PT_NOTE &&
		    is_readable(module, bias + segment->p_vaddr, segment->p_memsz))
			find_build_id(ret, segment, bias);
	}
	module->bias = bias;
	ret->name = info->dlpi_name ? info->dlpi_name : "";
	ret->hash = 14695981039346656037ull;
	for (const char *c = ret->name; *c; c++)
		ret->hash = (ret->hash ^ (uint8_t)*c) * 1099511628211ull;
	return module->end != 0;
}

/* Those without a file of instrumented code: the kernel's own page, and ourselves. */
static bool is_of_no_interest(const struct found *found)
{
	uint64_t ours = (uint64_t)(uintptr_t)&jem_modules_scan;
	static const char kernel[] = "linux-";

	if (ours - found->module.start < found->module.end - found->module.start)
		return true;
	for (unsigned i = 0; kernel[i]; i++) {
		if (found->name[i] != kernel[i])
			return false;
	}
	return true;
}

/* The working directory and a slash: 0 where that is not to be had, or `name` would not fit behind it. */
static unsigned put_folder(struct jem_ring_module *to, const char *name)
{
	long count = jem_sys3(SYS_getcwd, (long)to->path, JEM_RING_PATH_MAX, 0);
	unsigned len = count > 1 && to->path[0] == '/' ? (unsigned)count - 1 : 0;
	unsigned more = 0;

	while (name[more])
		more++;
	if (!len || len + 1 + more >= JEM_RING_PATH_MAX)
		return 0;
	if (len > 1)
		to->path[len++] = '/';
	return len;
}

/* Of dlopen("./plugin.so") the loader has just that, which tells others nothing. */
static bool is_relative(const char *name)
{
	if (*name == '/')
		return false;
	while (*name && *name != '/')
		name++;
	return *name;
}

static void put_path(struct jem_ring_module *to, const char *name)
{
	unsigned len = 0;
	long count;

	if (is_relative(name))
		len = put_folder(to, name);
	if (!*name) {
		count = jem_sys4(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)to->path,
				 JEM_RING_PATH_MAX - 1);
		len = count < 0 ? 0 : (unsigned)count;
	}
	for (; *name && len < JEM_RING_PATH_MAX - 1; name++)
		to->path[len++] = *name;
	to->path[len] = '\0';
}

/* A place in the shared table: a new one, or that of the module that was closed first. */
static struct jem_ring_module *choose_entry(uint32_t *ret)
{
	struct jem_ring_header *rings = jem_state.rings;
	uint32_t oldest = JEM_MODULES_MAX;

	if (jem_state.entries_used < JEM_MODULES_MAX) {
		*ret = jem_state.entries_used++;
		return shared_at(*ret);
	}
	for (uint32_t i = 0; i < JEM_MODULES_MAX; i++) {
		const struct jem_ring_module *entry = shared_at(i);

		if (entry->state == JEM_MODULE_CLOSED &&
		    (oldest == JEM_MODULES_MAX ||
		     entry->close_ticks < shared_at(oldest)->close_ticks))
			oldest = i;
	}
	if (oldest == JEM_MODULES_MAX) {
		__atomic_fetch_add(&rings->modules_lost, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	*ret = oldest;
	return shared_at(oldest);
}

static void publish(const struct found *found, uint32_t *entry)
{
	struct jem_ring_module *to = choose_entry(entry);

	if (!to) {
		*entry = JEM_MODULES_MAX;
		return;
	}
	__atomic_store_n(&to->state, JEM_MODULE_EMPTY, __ATOMIC_SEQ_CST);
	to->number = ++jem_state.module_number;
	to->bias = found->module.bias;
	to->start = found->module.start;
	to->end = found->module.end;
	to->open_ticks = jem_ticks();
	to->close_ticks = 0;
	to->build_id_len = found->build_id_len;
	for (uint32_t i = 0; i < found->build_id_len; i++)
		to->build_id[i] = found->build_id[i];
	put_path(to, found->name);
	/* Pair with the daemon, which looks at count and state before the rest. */
	__atomic_store_n(&to->state, JEM_MODULE_OPEN, __ATOMIC_RELEASE);
	__atomic_store_n(&jem_state.rings->modules_seen, jem_state.entries_used, __ATOMIC_RELEASE);
}

static struct jem_module *free_place(void)
{
	for (uint32_t i = 0; i < jem_state.module_count; i++) {
		if (!jem_state.tables->modules[i].end)
			return &jem_state.tables->modules[i];
	}
	return jem_state.module_count < JEM_MODULES_MAX
		       ? &jem_state.tables->modules[jem_state.module_count]
		       : NULL;
}

static void enter_module(struct found *found)
{
	struct jem_module *place = free_place();
	uint64_t end = found->module.end;

	if (!place)
		return;
	publish(found, &found->module.entry);
	found->module.hash = found->hash;
	found->module.mark = jem_state.scans;
	found->module.generation = jem_state.generation;
	found->module.end = 0; /* nobody finds it before it is whole */
	*place = found->module;
	__atomic_store_n(&place->end, end, __ATOMIC_RELEASE);
	if (place == &jem_state.tables->modules[jem_state.module_count])
		__atomic_store_n(&jem_state.module_count, jem_state.module_count + 1,
				 __ATOMIC_RELEASE);
}

static int see_object(struct dl_phdr_info *info, size_t size, void *unused)
{
	struct found found = { .name = NULL };

	(void)unused;
	if (size >= offsetof(struct dl_phdr_info, dlpi_tls_modid)) {
		jem_state.dl_adds = info->dlpi_adds;
		jem_state.dl_subs = info->dlpi_subs;
	}
	if (!describe(info, &found) || is_of_no_interest(&found))
		return 0;
	for (uint32_t i = 0; i < jem_state.module_count; i++) {
		struct jem_module *known = &jem_state.tables->modules[i];

		if (known->end == found.module.end && known->start == found.module.start &&
		    known->hash == found.hash) {
			known->mark = jem_state.scans;
			return 0;
		}
	}
	enter_module(&found);
	return 0;
}

/* Its sites may be in the plan yet; and other code may come to stand there before that is changed. */
static void note_stale(const struct jem_module *module)
{
	uint32_t count = jem_state.stale_count;

	if (count == JEM_STALE_MAX) {
		/* Nothing is known, then, until the daemon has caught up. */
		jem_store(&jem_state.mask, 0);
		__atomic_store_n(&jem_state.sites, jem_no_sites, __ATOMIC_RELEASE);
		return;
	}
	jem_state.stale[count].start = module->start;
	jem_state.stale[count].end = module->end;
	__atomic_store_n(&jem_state.stale_count, count + 1, __ATOMIC_RELEASE);
	jem_plan_settle();
}

static bool close_gone(void)
{
	bool any = false;

	for (uint32_t i = 0; i < jem_state.module_count; i++) {
		struct jem_module *module = &jem_state.tables->modules[i];

		if (!module->end || module->mark == jem_state.scans)
			continue;
		note_stale(module);
		if (module->entry < JEM_MODULES_MAX) {
			struct jem_ring_module *entry = shared_at(module->entry);

			entry->close_ticks = jem_ticks();
			__atomic_store_n(&entry->state, JEM_MODULE_CLOSED, __ATOMIC_RELEASE);
		}
		__atomic_store_n(&module->end, 0, __ATOMIC_RELEASE);
		module->start = 0;
		any = true;
	}
	return any;
}

static bool try_lock(void)
{
	return !__atomic_exchange_n(&jem_state.modules_lock, 1, __ATOMIC_ACQUIRE);
}

static void unlock(void)
{
	__atomic_store_n(&jem_state.modules_lock, 0, __ATOMIC_RELEASE);
}

static void scan_locked(void)
{
	int saved = errno;

	do {
		__atomic_store_n(&jem_state.modules_again, 0, __ATOMIC_RELAXED);
		jem_state.scans++;
		dl_iterate_phdr(see_object, NULL);
		if (close_gone())
			jem_patch_renew();
	} while (__atomic_load_n(&jem_state.modules_again, __ATOMIC_RELAXED));
	errno = saved;
}

JEM_COLD void jem_modules_scan(void)
{
	if (!jem_life_may_call())
		return;
	/* Whoever scans now will do so once more. */
	__atomic_store_n(&jem_state.modules_again, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&jem_state.modules_again, __ATOMIC_RELAXED) && try_lock()) {
		scan_locked();
		unlock();
	}
}

static int see_counts(struct dl_phdr_info *info, size_t size, void *is_changed)
{
	*(bool *)is_changed = size < offsetof(struct dl_phdr_info, dlpi_tls_modid) ||
			      info->dlpi_adds != jem_state.dl_adds ||
			      info->dlpi_subs != jem_state.dl_subs;
	return 1;
}

JEM_COLD const struct jem_module *jem_modules_look_again(uint64_t pc)
{
	bool is_changed = false;
	int saved = errno;

	if (!jem_life_may_call() || !try_lock())
		return NULL;
	dl_iterate_phdr(see_counts, &is_changed);
	if (is_changed)
		scan_locked();
	unlock();
	errno = saved;
	return jem_modules_find(pc);
}

int dlclose(void *handle);

__attribute__((visibility("default"))) int dlclose(void *handle)
{
	static int (*next)(void *);
	int result;

	if (!next)
		next = (int (*)(void *))jem_next("dlclose");
	if (!next)
		return -1;
	result = next(handle);
	if (jem_state.mode == JEM_MODE_ON || jem_state.mode == JEM_MODE_PAUSED)
		jem_modules_scan();
	return result;
}
