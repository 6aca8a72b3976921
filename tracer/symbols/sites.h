/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sites: finds calls of the hooks, and calls of functions, in a module's code.
 *
 * The hooks are known by what they are bound to: a slot that a relocation fills with the hook, a PLT entry
 * that jumps through such a slot, a hook in the module itself. A call is E8 or E9 to one of those, or FF 15
 * or FF 25 through a slot (-fno-plt), with whatever prefixes (notrack, bnd, addr32).
 *
 * Ownership: the lists own their arrays
 * Bound:     JEM_SITES_MAX hooks, JEM_CALLS_MAX calls; `is_cut` tells
 */
#ifndef JEM_TRACER_SYMBOLS_SITES_H
#define JEM_TRACER_SYMBOLS_SITES_H

#include "tracer/symbols/debug.h"

#define JEM_SITES_MAX (2u << 20)
#define JEM_CALLS_MAX (256u << 10)

struct jem_hook {
	uint64_t pc;     /* return address; of a jump: its own address */
	uint64_t inside; /* an address in the instruction: what to look up */
	uint8_t is_exit;
	uint8_t is_jump;
};

#define JEM_HOOK_TARGETS 64

struct jem_hook_target {
	uint64_t address;
	bool is_exit;
};

struct jem_hooks {
	struct jem_hook *list; /* by pc */
	size_t count;
	bool is_cut;
	bool has_own; /* the module defines the hooks: the library may never see them */
	struct jem_hook_target slots[JEM_HOOK_TARGETS]; /* what calls of a hook go through, or to */
	struct jem_hook_target entries[JEM_HOOK_TARGETS];
	size_t slot_count, entry_count;
};

int jem_sites_find(const struct jem_debug *debug, struct jem_hooks *ret);
void jem_sites_deinit(struct jem_hooks *hooks);

/* Is there a hook in [low, high)? */
bool jem_sites_between(const struct jem_hooks *hooks, uint64_t low, uint64_t high);

struct jem_calls {
	uint64_t *list; /* return addresses, by number, each once after jem_calls_sort */
	size_t count, room;
	bool is_cut;
};

void jem_calls_deinit(struct jem_calls *calls);

/* Adds the direct calls, anywhere in the code, of the functions at `entries` (sorted). */
int jem_calls_find_direct(const struct jem_debug *debug, const uint64_t *entries, size_t count,
			  struct jem_calls *calls);

/*
 * Adds the calls through pointers and PLT entries between two addresses, the first of which begins an
 * instruction. Calls of the hooks are none of them.
 */
int jem_calls_find_indirect(const struct jem_debug *debug, const struct jem_hooks *hooks,
			    uint64_t low, uint64_t high, struct jem_calls *calls);

void jem_calls_sort(struct jem_calls *calls);

#endif
