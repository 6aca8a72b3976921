/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state: what the library knows of this process, and of each of its threads.
 *
 * Flow:      life.c makes it at the first hook call; the hooks only read it; plan.c renews its copy of the
 *            plan's header when the generation moves
 * Thread:    jem_state by all, fields of 8 bytes at most stored whole; a jem_thread by its own thread
 * Fork:      jem_state is wiped in a child (MADV_WIPEONFORK), also in one of a raw clone(2), so that the
 *            child begins anew; jem_kept is not, and tells what the child has inherited
 * Invariant: counters, head and depth stand in the shared memory only, where the program may scribble: they
 *            are masked before they say where something is written
 */
#ifndef JEM_TRACER_PRELOAD_STATE_H
#define JEM_TRACER_PRELOAD_STATE_H

#include "tracer/preload/machine.h"

#include <stdbool.h>
#include <stddef.h>

#define JEM_HOT     __attribute__((hot))
#define JEM_COLD    __attribute__((cold, noinline))
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
/* Against reordering by the compiler: a signal handler on this thread must see the order. */
#define jem_barrier() __asm__ volatile("" ::: "memory")

/*
 * For what hot code calls seldom: it keeps the caller's registers, so that the hot code need not save its
 * own around a call that does not happen. Not with clang 14, which believes it of the callee and does
 * not do it there.
 */
#if defined(__clang__)
#define JEM_SAVES
#else
#define JEM_SAVES __attribute__((no_caller_saved_registers))
#endif
#define JEM_SELDOM JEM_SAVES __attribute__((cold, noinline))

#define JEM_PAGE        4096u
#define JEM_FRAMES_MAX  4096u /* open calls of a thread that are followed, and the root */
#define JEM_THREADS_MAX 4096u

enum jem_mode {
	JEM_MODE_NEW = 0, /* nothing yet: as the page is after a fork */
	JEM_MODE_ON = 1,
	JEM_MODE_OFF = 2,      /* for good */
	JEM_MODE_PAUSED = 3,   /* the plan says JEM_PLAN_OFF */
	JEM_MODE_STARTING = 4, /* some thread is in jem_life_start */
	JEM_MODE_WAITING = 5,  /* no daemon answered; tried again later */
};

/* What the hooks ask in one look. */
enum jem_hot {
	JEM_HOT_ON = 1, /* as mode; 0 in a fork's child */
	JEM_HOT_LIMITS = 2,
	JEM_HOT_ODD = 4, /* something below is unusual: the long way */
};

/* An open call. Written by few and whole stores: their number is much of what a hook costs. */
struct jem_frame {
	uint64_t sp;       /* before the call of the hook */
	uint64_t function; /* its address */
	uint64_t ticks;
	uint64_t children; /* ticks in calls from here */
	uint64_t site; /* of the enter: address of its entry, or its return address while unknown */
	uint32_t node; /* index + 1 in the tree, 0: none */
	uint32_t outcome; /* enum jem_outcome, a set */
	uint64_t beside;  /* of `site`, and of the frames below with the same sp: a bit each */
	uint64_t reserved;
};

/* Where a path of the tree goes on. */
struct jem_child {
	uint64_t key;      /* parent << 32 | function; 0: none */
	uint32_t node;     /* index + 1; 0: it has found no room */
	uint32_t reserved; /* a shift finds it */
};

#define JEM_CHILDREN_BITS 11u
#define JEM_CHILDREN      (1u << JEM_CHILDREN_BITS)

enum jem_outcome {
	JEM_RECORDED = 0,
	JEM_LIMITED = 1,
	JEM_DROPPED = 2,
	JEM_UNKNOWN = 4, /* with one of the above: no plan at its enter */
	JEM_UNNAMED = 8, /* of an unknown one: the plan has not been asked for its function yet */
};

struct jem_thread {
	uint64_t busy; /* stack pointer of the hook that is under way, 0: none */
	uint64_t
		flags; /* of the next record: JEM_RECORD_GAP, JEM_RECORD_LIVE_SP; not 0: the long way */
	uint64_t whole; /* up to here (of the ring's head) a record finds room in one piece */
	uint64_t low;   /* of the stack in use: 0, or where the alternate one begins */
	uint64_t high;  /* its end, or ~0 */
	struct jem_frame *base; /* on an alternate stack: the last frame before it, else NULL */
	uint64_t tail;          /* of the ring, as last seen */
	uint8_t *ring;
	uint64_t ring_mask;
	struct jem_ring_thread *slot;
	struct jem_ring_edge *edges;
	struct jem_child *children; /* JEM_CHILDREN, found by a hash of their key */
	uint32_t edge_mask;
	uint32_t edges_used;
	uint32_t above;          /* open calls above the last frame */
	uint32_t window, tokens; /* the limiter's share of this thread */
	uint32_t ending;         /* rounds of pthread's destructors so far */
	struct jem_frame frames[] __attribute__((aligned(64)));
};

/* Modules as this process has them; the shared table is only written. */
#define JEM_MODULES_MAX 512u
#define JEM_LOADS_MAX   6u

struct jem_module {
	uint64_t start, end; /* executable */
	struct {
		uint64_t start, end; /* readable segments: where a word may be read */
	} loads[JEM_LOADS_MAX];
	uint64_t bias;
	uint32_t load_count;
	uint32_t entry;      /* in the shared table */
	uint32_t generation; /* of the plan when it was found */
	uint32_t mark;       /* scan that has seen it last */
	uint32_t protection; /* of the text */
	uint32_t reserved;
	uint64_t hash; /* of its name */
};

struct jem_patch {
	uint64_t address; /* of the byte that was changed */
	uint64_t key;     /* of its site; 0: given up */
	uint64_t original;
};

#define JEM_PATCHES_MAX  131072u
#define JEM_COUNTERS_MAX 65536u
#define JEM_FAILURES_MAX 256u

/* The bigger tables of a process, zero at first; pages that are not used cost nothing. */
struct jem_tables {
	struct jem_module modules[JEM_MODULES_MAX];
	uint64_t counters[JEM_COUNTERS_MAX]; /* of functions: window << 32 | records in it */
	uint64_t failures[JEM_FAILURES_MAX]; /* sites that could not be patched, by hash */
	struct jem_thread *threads[JEM_THREADS_MAX];
};

struct jem_range {
	uint64_t start, end;
};

#define JEM_STALE_MAX 16u

/* What the hooks need. The first line is read by every call. */
struct jem_process {
	uint32_t mode;       /* enum jem_mode */
	uint32_t generation; /* of the plan that the rest is a copy of */
	const struct jem_plan_site
		*sites;  /* never NULL when on: jem_no_sites when there are none */
	uint64_t mask;   /* of a distance in bytes from `sites` */
	uint32_t patch;  /* excluded sites are patched out */
	uint32_t values; /* plans are run: all bits, to be masked with a site's plan; else 0 */
	uint32_t hot;    /* enum jem_hot, a set made of the rest by jem_plan_settle */
	uint32_t has_limits;
	uint32_t is_tsc;
	uint32_t has_tsc;    /* the rings' ticks are the counter's, also once it is forbidden */
	uint32_t plan_state; /* enum jem_plan_state */
	uint32_t stale_count;
	struct jem_tables *tables;

	/* of the plan */
	const struct jem_plan_function *functions;
	struct jem_machine machine;
	uint32_t function_count;
	uint32_t guard_wanted, guard;
	uint32_t process_limit;

	/* the limiter */
	uint64_t window_end __attribute__((aligned(128)));
	uint64_t window_ticks;
	uint32_t window;
	uint32_t window_shift; /* of a second's records: those of a window */
	uint64_t process_used; /* window << 32 | records in it */
	uint64_t start_ticks, start_mono_ns;

	/* seldom changed */
	struct jem_ring_header *rings __attribute__((aligned(128)));
	size_t rings_bytes;
	struct jem_plan_header *plan; /* the whole mapping; NULL: a file without a plan */
	size_t plan_bytes;
	uint32_t thread_count;
	uint32_t pid;
	uint32_t slot_hint;
	uint32_t is_file;
	uint32_t module_count; /* of tables->modules */
	uint32_t entries_used; /* of the shared table */
	uint32_t modules_lock, modules_again;
	uint32_t scans; /* of the modules */
	uint64_t dl_adds, dl_subs;
	uint32_t module_number;
	uint32_t plan_lock;
	struct jem_range stale[JEM_STALE_MAX]; /* closed modules, until the generation moves */

	/* before it is on */
	uint32_t tries, countdown;
	uint64_t retry_ns;
	uint64_t early; /* hook calls while starting */
};

/* What outlives a fork. */
struct jem_kept {
	void *rings, *plan, *tables;
	void *old_plan; /* of the parent: a hook that was under way may look at it yet */
	size_t rings_bytes, plan_bytes, old_plan_bytes, tables_bytes, thread_bytes;
	uint32_t pid;
	uint32_t thread_count;
	struct jem_patch *patches; /* of the text, which a child shares */
	uint32_t patch_count;
	uint32_t patch_lock, patch_again;
	uint32_t patch_allowed;
	uint32_t patch_failures;
	int32_t key; /* of pthread, plus 1; 0: none */
};

extern union jem_state_page {
	struct jem_process state;
	uint8_t bytes[JEM_PAGE];
} jem_state_page;
#define jem_state (jem_state_page.state)

/* The plan's header is mapped over this page, so that the hooks find its generation without a pointer. */
extern union jem_plan_page {
	struct jem_plan_header header;
	uint8_t bytes[JEM_PAGE];
} jem_plan_page;

extern struct jem_kept jem_kept;
extern const struct jem_plan_site jem_no_sites[1];

extern __thread struct jem_thread *jem_self;

JEM_RING_ASSERT(sizeof(struct jem_process) <= JEM_PAGE, "one page");
JEM_RING_ASSERT(sizeof(struct jem_frame) == 64, "a line");

static inline uint64_t jem_load(const uint64_t *shared)
{
	return __atomic_load_n(shared, __ATOMIC_RELAXED);
}

static inline void jem_store(uint64_t *shared, uint64_t value)
{
	__atomic_store_n(shared, value, __ATOMIC_RELAXED);
}

#endif
