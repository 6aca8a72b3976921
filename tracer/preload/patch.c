/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/preload/patch.h"

#include "tracer/preload/life.h"
#include "tracer/preload/missed.h"
#include "tracer/preload/modules.h"
#include "tracer/preload/site.h"
#include "tracer/preload/sys.h"

#include <linux/futex.h>
#include <sys/mman.h>

enum {
	CALL_BYTES = 5,
	CALL_MEMORY_BYTES = 6,
	FAILURES_MAX =
		8, /* pages that could not be written, in a row: then it is not tried any more */
	PLT_BYTES = 12,
};

void __cyg_profile_func_enter(void *function, void *callsite);
void __cyg_profile_func_exit(void *function, void *callsite);

static uint64_t word_at(uint64_t address, unsigned bytes)
{
	const uint8_t *at = (const uint8_t *)(uintptr_t)address;
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

static uint64_t relative(uint64_t address)
{
	return address + 4 + (uint64_t)(int64_t)(int32_t)word_at(address, 4);
}

static bool is_readable(const struct jem_module *module, uint64_t address, uint64_t bytes)
{
	for (uint32_t i = 0; i < module->load_count; i++) {
		if (address >= module->loads[i].start && address < module->loads[i].end &&
		    bytes <= module->loads[i].end - address)
			return true;
	}
	return false;
}

/* What the pointer of an indirect jump or call holds, 0: not to be had. */
static uint64_t pointer_at(const struct jem_module *module, uint64_t slot)
{
	return is_readable(module, slot, 8) ? word_at(slot, 8) : 0;
}

/* Where a call's target leads: through a PLT entry (endbr64, bnd or not) to what its slot holds. */
static uint64_t follow(const struct jem_module *module, uint64_t target)
{
	uint64_t at = target;

	if (!is_readable(module, at, PLT_BYTES))
		return target;
	if (word_at(at, 4) == 0xfa1e0ff3) /* endbr64 */
		at += 4;
	if (word_at(at, 1) == 0xf2) /* bnd */
		at++;
	if (word_at(at, 2) == 0x25ff) /* jmp *disp(%rip) */
		return pointer_at(module, relative(at + 2));
	return target;
}

/* The byte to change and what to; 0: the instruction before `pc` is no call of `hook`. */
static uint64_t decode(const struct jem_module *module, uint64_t pc, uint64_t hook, uint8_t *ret)
{
	if (!is_readable(module, pc - CALL_MEMORY_BYTES, CALL_MEMORY_BYTES))
		return 0;
	if (word_at(pc - CALL_BYTES, 1) == 0xe8) {
		uint64_t target = relative(pc - 4);

		*ret = 0xa9;
		if (target == hook || follow(module, target) == hook)
			return pc - CALL_BYTES;
	}
	if (word_at(pc - CALL_MEMORY_BYTES, 2) == 0x15ff) {
		*ret = 0x3b;
		if (pointer_at(module, relative(pc - 4)) == hook)
			return pc - CALL_MEMORY_BYTES;
	}
	return 0;
}

/* Whether the program itself has made this text writable: then its rights are left alone. */
static bool is_writable(uint64_t address)
{
	/* Adds nothing to the word, which fails where it must not be written. */
	long status =
		jem_raw(SYS_futex, (long)&jem_kept.patch_lock, FUTEX_WAKE_OP_PRIVATE, 0, 0,
			(long)(address & ~3ull), FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_LT, 0));

	return status >= 0;
}

static bool write_byte(const struct jem_module *module, uint64_t address, uint8_t byte)
{
	uint64_t page = address & ~(uint64_t)(JEM_PAGE - 1);
	uint8_t *at = (uint8_t *)(uintptr_t)address;
	bool is_open = is_writable(address);

	if (!is_open &&
	    jem_sys3(SYS_mprotect, (long)page, JEM_PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) < 0)
		return false;
	__atomic_store_n(at, byte, __ATOMIC_RELEASE);
	if (!is_open)
		jem_sys3(SYS_mprotect, (long)page, JEM_PAGE, (long)module->protection);
	return true;
}

static uint64_t *failure_of(uint64_t pc)
{
	return &jem_state.tables->failures[jem_plan_hash(pc) % JEM_FAILURES_MAX];
}

static struct jem_patch *patches(void)
{
	if (!jem_kept.patches)
		jem_kept.patches = jem_sys_mmap(NULL, JEM_PATCHES_MAX * sizeof(struct jem_patch),
						PROT_READ | PROT_WRITE,
						MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	return jem_kept.patches;
}

static void count(uint32_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void patch(uint64_t pc, bool is_exit)
{
	void (*hook)(void *, void *) = is_exit ? __cyg_profile_func_exit : __cyg_profile_func_enter;
	const struct jem_module *module = jem_modules_find(pc);
	uint64_t address = 0;
	uint8_t byte = 0;

	if (!module || jem_kept.patch_count == JEM_PATCHES_MAX || !patches())
		return;
	address = decode(module, pc, (uint64_t)(uintptr_t)hook, &byte);
	if (!address || !is_readable(module, address & ~3ull, 4)) {
		*failure_of(pc) = pc;
		count(&jem_state.rings->unpatchable);
		return;
	}

	struct jem_patch *entry = &jem_kept.patches[jem_kept.patch_count];

	entry->address = address;
	entry->key = pc;
	entry->original = word_at(address, 1);
	if (write_byte(module, address, byte)) {
		jem_kept.patch_count++;
		jem_kept.patch_failures = 0;
		count(&jem_state.rings->patched);
		return;
	}
	*failure_of(pc) = pc;
	count(&jem_state.rings->unpatchable);
	if (++jem_kept.patch_failures >= FAILURES_MAX)
		jem_state.patch = 0;
}

static void restore(struct jem_patch *entry, const struct jem_module *module)
{
	if (!write_byte(module, entry->address, (uint8_t)entry->original))
		return;
	entry->key = 0;
	__atomic_fetch_sub(&jem_state.rings->patched, 1, __ATOMIC_RELAXED);
}

static void renew(void)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < jem_kept.patch_count; i++) {
		struct jem_patch *entry = &jem_kept.patches[i];
		const struct jem_module *module = jem_modules_find(entry->key);
		const struct jem_plan_site *site = jem_site_find(entry->key);

		if (!module)
			continue;
		if (site && (site->flags & JEM_SITE_INCLUDED))
			restore(entry, module);
		if (entry->key)
			jem_kept.patches[kept++] = *entry;
	}
	jem_kept.patch_count = kept;
}

static bool try_lock(void)
{
	return !__atomic_exchange_n(&jem_kept.patch_lock, 1, __ATOMIC_ACQUIRE);
}

/* Before letting go, does what another one wanted meanwhile; it did not wait: we may be under it. */
static void unlock(void)
{
	do {
		if (__atomic_exchange_n(&jem_kept.patch_again, 0, __ATOMIC_ACQ_REL))
			renew();
		__atomic_store_n(&jem_kept.patch_lock, 0, __ATOMIC_SEQ_CST);
	} while (__atomic_load_n(&jem_kept.patch_again, __ATOMIC_SEQ_CST) && try_lock());
}

JEM_COLD void jem_patch_site(const struct jem_plan_site *site, bool is_exit)
{
	uint64_t pc = site->key;

	if (*failure_of(pc) == pc || (jem_self && jem_self->busy) || !jem_life_may_call() ||
	    jem_missed_is_stale(pc) || !try_lock())
		return;
	/* The plan may have changed since the probe: what is included now stays. */
	site = jem_site_find(pc);
	if (site && !(site->flags & JEM_SITE_INCLUDED))
		patch(pc, is_exit);
	unlock();
}

void jem_patch_renew(void)
{
	if (!jem_life_may_call())
		return;
	__atomic_store_n(&jem_kept.patch_again, 1, __ATOMIC_SEQ_CST);
	if (try_lock())
		unlock();
}

void jem_patch_allow(bool is_allowed)
{
	jem_state.patch =
		is_allowed && jem_life_may_call() && jem_kept.patch_failures < FAILURES_MAX;
	jem_patch_renew();
}
