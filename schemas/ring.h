/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring: the memory that the preloaded tracer and the daemon share, two sealed files a process.
 *
 * rings  made by the job, written by it: header, modules, and per thread a slot, a ring of records
 *        and a tree of calls. The daemon writes nothing but `tail`, and believes nothing: it
 *        copies, checks, then uses. One producer a ring: a thread of the job.
 * plan   made by the job, written by the daemon, mapped read-only in the job: which sites are
 *        recorded, and programs (plans) that say what to copy there. The daemon never reads it back.
 *
 * Both are memfds, sealed against resizing before they are sent with SCM_RIGHTS in one `jem_hello`
 * over a SOCK_SEQPACKET unix socket. No answer is waited for: an empty plan means that everything is
 * recorded without values until the daemon has written one. With JEM_CALLS_FILE the rings are a
 * regular file, whose ticks are those of CLOCK_MONOTONIC, and there is no plan.
 *
 * Everything is keyed by the hook's return address (a site). Numbers are little-endian, the layout
 * is that of x86-64 and AArch64; offsets are in bytes from the start of the file.
 */
#ifndef JEM_SCHEMAS_RING_H
#define JEM_SCHEMAS_RING_H

#include <stdint.h>

#define JEM_RING_MAGIC   "JEMRING1"
#define JEM_PLAN_MAGIC   "JEMPLAN1"
#define JEM_RING_VERSION 1u
#define JEM_RING_LINE    128u /* two cache lines: no false sharing with an adjacent prefetch */

#ifdef __cplusplus
#define JEM_RING_ASSERT static_assert
#else
#define JEM_RING_ASSERT _Static_assert
#endif

/* --- rings: written by the job ------------------------------------------------------------------ */

enum jem_ring_clock {
	JEM_RING_TSC = 1,       /* invariant time-stamp counter; the daemon knows its rate */
	JEM_RING_MONOTONIC = 2, /* ticks are nanoseconds of CLOCK_MONOTONIC */
};

struct jem_ring_header {
	char magic[8];
	uint32_t version;
	uint32_t pid;          /* as the process sees itself */
	uint32_t clock;        /* enum jem_ring_clock */
	uint32_t ring_bytes;   /* of each ring, a power of two */
	uint32_t edge_count;   /* of each table of edges, a power of two */
	uint32_t thread_count; /* slots */
	uint32_t module_max;
	uint32_t reserved;
	uint64_t file_bytes;
	uint64_t modules_offset; /* struct jem_ring_module[module_max] */
	uint64_t threads_offset; /* struct jem_ring_thread[thread_count] */
	uint64_t rings_offset;   /* thread_count rings */
	uint64_t edges_offset;   /* thread_count tables of struct jem_ring_edge */
	/* One instant on both clocks. Where ticks are those of CLOCK_MONOTONIC: on CLOCK_REALTIME. */
	uint64_t start_ticks;
	uint64_t start_mono_ns;
	uint32_t modules_seen; /* entries that hold something; release after the entry */
	uint32_t modules_lost; /* no room in the table */
	uint64_t
		calls_unslotted; /* hook calls of threads that found no slot: counted, not recorded */
	uint32_t guard;          /* enum jem_ring_guard in force */
	uint32_t patched;        /* call sites patched out so far */
	uint32_t
		unpatchable; /* excluded sites that stayed: text not writable, or 2 bytes not atomic */
	uint32_t plan_faults; /* plans refused by the machine (bad op, budget): should stay 0 */
};

enum jem_ring_guard {
	JEM_GUARD_NONE = 0,   /* no plan follows pointers yet */
	JEM_GUARD_FAULT = 1,  /* redirected fault */
	JEM_GUARD_READV = 2,  /* process_vm_readv */
	JEM_GUARD_VICTIM = 3, /* the paper's victim and watchdog threads */
};

#define JEM_RING_PATH_MAX  256
#define JEM_RING_BUILD_MAX 32

enum jem_module_state {
	JEM_MODULE_EMPTY = 0,
	JEM_MODULE_OPEN = 1,
	JEM_MODULE_CLOSED = 2, /* dlclose: its sites mean nothing any more */
};

/* When all entries are used, that of the module closed first is used again, with a new number. */
struct jem_ring_module {
	uint32_t state;      /* release after the other fields */
	uint32_t number;     /* grows: a path opened again is a new entry */
	uint64_t bias;       /* what is added to the addresses of the ELF file (dlpi_addr) */
	uint64_t start, end; /* of its executable segments in memory */
	uint64_t open_ticks, close_ticks;
	uint32_t build_id_len; /* 0: it has none */
	uint8_t build_id[JEM_RING_BUILD_MAX];
	char path
		[JEM_RING_PATH_MAX]; /* as the dynamic loader has it, made absolute; NUL-terminated */
	uint8_t reserved[12];
};

enum jem_thread_state {
	JEM_THREAD_FREE = 0,
	JEM_THREAD_LIVE = 1,
	JEM_THREAD_ENDED = 2, /* the daemon frees it once it has read the rest */
};

/*
 * The account of a thread: seen == written + dropped + limited, at every instant but the current call: seen
 * is stored first, then the record, head, written. After a SIGKILL seen may be one more than the sum, and
 * only then may the ring hold one record more than written.
 *
 * A slot is used again by a later thread once the daemon has freed it. Counters, head and tree go on then,
 * they never begin anew.
 */
struct jem_ring_thread {
	/* written by the thread */
	uint64_t head; /* bytes ever put into the ring; release after the record */
	uint64_t seen; /* enters and exits of included sites, and unknown ones */
	uint64_t written;
	uint64_t dropped;    /* the ring was full */
	uint64_t limited;    /* over a limit: in the edges only */
	uint64_t unwound;    /* frames that ended without an exit (longjmp, exceptions) */
	uint64_t edges_lost; /* calls that found no node at all */
	uint32_t state;      /* enum jem_thread_state */
	uint32_t tid;
	uint32_t depth; /* frames open now */
	uint32_t reserved0;
	uint8_t reserved1[JEM_RING_LINE - 72];
	/* written by the daemon */
	uint64_t tail; /* bytes read; acquire */
	uint8_t reserved2[JEM_RING_LINE - 8];
};

/*
 * A node of the thread's calling context tree: a function, called on one path from the root. The table is
 * open addressing over (function, parent); a node never moves, so that its index is its name. Times in
 * ticks. Single writer, 8-byte stores. When there is no room the call is counted in a node of its function
 * with parent JEM_EDGE_ELSEWHERE (so keep a part of the table for those), else in edges_lost.
 */
#define JEM_EDGE_ROOT      0u          /* nothing included around it; a parent is index + 1 */
#define JEM_EDGE_ELSEWHERE 0xffffffffu /* the path was not kept */
/*
 * In `function`: a site that is not in the plan yet. The other bits are the low ones of its key, all of which is
 * in `recorded`: only calls that have no records are counted there.
 */
#define JEM_EDGE_UNNAMED 0x80000000u
struct jem_ring_edge {
	uint32_t function; /* id as in the plan; 0: free */
	uint32_t parent;   /* index + 1 of the node it is called from, or one of the above */
	uint64_t calls;    /* that have begun */
	uint64_t returns;  /* that have ended: times are of these */
	uint64_t total;
	uint64_t self;
	uint64_t min;
	uint64_t max;
	uint64_t recorded; /* of the calls: have records */
};

enum jem_ring_kind {
	JEM_RECORD_SKIP = 0, /* nothing up to the end of the ring */
	JEM_RECORD_ENTER = 1,
	JEM_RECORD_EXIT = 2,
	JEM_RECORD_UNKNOWN_ENTER = 3, /* no entry for this site yet: `site` is 0, payload has it */
	JEM_RECORD_UNKNOWN_EXIT = 4,
	JEM_RECORD_JUMP =
		5, /* a longjmp: calls below `frame` have ended; not counted in `written` */
};

enum jem_record_flags {
	JEM_RECORD_VALUES = 1,    /* a jem_ring_parts word follows the fixed part */
	JEM_RECORD_GAP = 2,       /* records of this thread were dropped just before */
	JEM_RECORD_TAIL_EXIT = 4, /* exit hook reached by a jump: the frame is gone already */
	JEM_RECORD_LIVE_SP = 8,   /* `frame` is on another stack than the thread's own */
};

/*
 * A record is `words` words of 8 bytes. EXIT and JUMP end after `frame`, ENTER after `callsite`, the UNKNOWN
 * kinds after `site_pc`; then, with JEM_RECORD_VALUES, the parts word and the parts.
 */
struct jem_ring_record {
	uint32_t site; /* id as in the plan */
	uint16_t words;
	uint8_t kind;  /* enum jem_ring_kind */
	uint8_t flags; /* enum jem_record_flags */
	uint64_t ticks;
	uint64_t frame;    /* stack pointer before the call of the hook */
	uint64_t callsite; /* return address of the physical frame, as the compiler passes it */
	uint64_t site_pc;  /* UNKNOWN kinds: the key of the site: the hook's return address, or
			    * with TAIL_EXIT the function's */
};

#define JEM_RECORD_EXIT_WORDS    3u
#define JEM_RECORD_ENTER_WORDS   4u
#define JEM_RECORD_UNKNOWN_WORDS 5u
#define JEM_RECORD_WORDS_MAX     1024u

/*
 * Values come in two parts, of the site and of its caller. A part begins with a word whose bit i says
 * that fixed word i could not be read, then the fixed words in the order of the plan's EMIT ops, then
 * cells in any number.
 */
struct jem_ring_parts {
	uint16_t site_words; /* of the site's part, 0: no plan there */
	uint16_t caller_words;
	uint32_t caller_site; /* id of the entry of the caller's call site; 0: not planned */
};

enum jem_cell_status {
	JEM_CELL_OK = 0,
	JEM_CELL_UNREADABLE = 1, /* bad address; no bytes */
	JEM_CELL_TRUNCATED = 2,  /* more was there; `total` was meant */
	JEM_CELL_BUDGET = 3,     /* the record was full; no bytes */
};

struct jem_ring_cell {
	uint16_t slot;  /* of the plan: what it is */
	uint8_t status; /* enum jem_cell_status */
	uint8_t reserved;
	uint32_t len;     /* of the bytes that follow, padded to 8 */
	uint64_t total;   /* bytes that were meant; of elements of a container: their number */
	uint64_t address; /* where it was read */
};

/* --- plan: written by the daemon ---------------------------------------------------------------- */

enum jem_plan_state {
	JEM_PLAN_OFF = 1, /* record nothing, count nothing */
	JEM_PLAN_COMPLETE =
		2, /* modules_seen, looked at just before, are planned: a site not here is excluded */
	JEM_PLAN_VALUES = 4,       /* run the plans */
	JEM_PLAN_PATCH = 8,        /* excluded sites may be patched out */
	JEM_PLAN_PROFILE_OFF = 16, /* no edges */
};

struct jem_plan_header {
	char magic[8];
	uint32_t version;
	uint32_t state; /* enum jem_plan_state, a set */
	uint64_t file_bytes;
	uint32_t generation;   /* one more after every change; the job may cache until it moves */
	uint32_t site_mask;    /* buckets - 1; with sites_offset: 0 until there is a table */
	uint64_t sites_offset; /* struct jem_plan_site[site_mask + 1] */
	uint64_t functions_offset; /* struct jem_plan_function[function_count], id 0 unused */
	uint64_t code_offset;      /* struct jem_plan_op[] */
	uint64_t code_count;
	uint32_t function_count;
	uint32_t process_limit; /* records a second of this process, 0: none */
	uint32_t guard;         /* enum jem_ring_guard that is wanted */
	uint32_t record_bytes; /* most bytes of values a record, at most 8 * JEM_RECORD_WORDS_MAX */
};

enum jem_site_flags {
	JEM_SITE_INCLUDED = 1,
	JEM_SITE_EXIT = 2,     /* calls the exit hook */
	JEM_SITE_TAIL = 4,     /* jumps to it: see the key of jem_plan_site */
	JEM_SITE_CALLSITE = 8, /* not a hook: a call whose frame has a caller's plan */
	JEM_SITE_LIVE_REGS =
		16,        /* the plan reads rdx, rcx, r8, r9, r10, r11 as they are at the hook */
	JEM_SITE_XMM = 32, /* ... and xmm0 to xmm7 */
	JEM_SITE_INLINED = 64, /* the caller is in the same physical frame: `callsite` is not its */
	JEM_SITE_POINTERS = 128, /* the plan reads memory that is not its own stack */
};

/*
 * The key is the return address of the hook in this process. An exit hook that is reached by a jump has
 * none of its own: its return address is the call site's, and the library, which sees that the two are
 * equal, looks for the function's address (the hook's first argument) instead. Such an entry has
 * JEM_SITE_TAIL; the frame is gone, so it has arguments by entry values at most.
 *
 * Open addressing: bucket = jem_plan_hash(key) & mask, then the next ones, JEM_PLAN_PROBES in all or up
 * to a key of 0. The daemon writes an entry before its key (release), and takes one out by a key of ~0,
 * which is no address; flags may change in place. It never moves an entry, but writes a new table
 * elsewhere and then changes sites_offset and mask together by `generation`: an odd generation means that
 * a change is under way, use the old copy.
 */
#define JEM_PLAN_PROBES 64u
struct jem_plan_site {
	uint64_t key;      /* see above */
	uint32_t site;     /* id, from 1 */
	uint32_t function; /* id, from 1; of a CALLSITE: 0 */
	uint32_t flags;    /* enum jem_site_flags */
	uint32_t plan;     /* first op, index into the code; 0: none */
	uint32_t module;   /* number of the module */
	uint32_t fixed_words;
};

struct jem_plan_function {
	uint32_t limit; /* records a second, 0: none */
	uint32_t flags; /* 0 */
};

static inline uint64_t jem_plan_hash(uint64_t key)
{
	return (key * 0x9e3779b97f4a7c15ull) >> 32;
}

/* --- the machine -------------------------------------------------------------------------------- */

/*
 * 64 registers of 8 bytes: 0 to 15 are those of the hook's frame by their DWARF numbers (x86-64 psABI
 * figure 3.36: 0 rax, 1 rdx, 2 rcx, 3 rbx, 4 rsi, 5 rdi, 6 rbp, 7 rsp, 8 to 15), 16 the return address of
 * the hook, 17 the call site, 18 the function's address; 19 to 31 temporaries. Known: 3, 6, 7, 12 to 15;
 * with JEM_SITE_LIVE_REGS also 1, 2, 8 to 11; the others are 0. rsp is as before the call of the hook.
 * 32 to 48 are where a plan puts the same registers of its caller before CALLER; 49 to 63 temporaries.
 *
 * An op is a word. Reads of memory are guarded. A plan runs at most JEM_PLAN_STEPS ops; a fault of the
 * plan itself (op, register, jump out of it) ends it and is counted in plan_faults.
 */
#define JEM_PLAN_REGISTERS 64
#define JEM_PLAN_CALLER    32
#define JEM_PLAN_STEPS     4096
#define JEM_PLAN_FIXED_MAX 64

/*
 * The word behind UNWIND: a byte for each of these registers, the lowest first: 0, the caller's is the same,
 * or how many words below the CFA it is saved. The return address is one word below it.
 */
#define JEM_PLAN_SAVED                                                                             \
	{                                                                                          \
		3, 6, 12, 13, 14, 15                                                               \
	}

struct jem_plan_op {
	uint8_t op;
	uint8_t a, b, c;
	int32_t imm;
};

/*
 * PLAN_OP(name, meaning)
 *   r[x] register, imm signed 32 bits, size 1, 2, 4 or 8; `slot` of cells is in imm >> 16 & 0xffff of ops
 *   that say so, their length in imm & 0xffff.
 */
#define JEM_PLAN_OPS(PLAN_OP)                                                                      \
	PLAN_OP(END, "the plan ends")                                                              \
	PLAN_OP(EMIT, "fixed word <- r[a]")                                                        \
	PLAN_OP(EMIT_MEMORY, "fixed word <- c bytes at r[b] + imm, zero-extended")                 \
	PLAN_OP(EMIT_XMM, "fixed word <- half c (0 low, 1 high) of xmm[a]")                        \
	PLAN_OP(EMIT_NONE, "fixed word <- 0, marked as not read")                                  \
	PLAN_OP(CONST, "r[a] <- imm")                                                              \
	PLAN_OP(CONST64, "r[a] <- the next word; b = 1: an address of the module, bias added")     \
	PLAN_OP(LEA, "r[a] <- r[b] + imm")                                                         \
	PLAN_OP(LOAD, "r[a] <- c bytes at r[b] + imm, zero-extended; 0 and FAILED if unreadable")  \
	PLAN_OP(LOAD_SIGNED, "the same, sign-extended")                                            \
	PLAN_OP(ADD, "r[a] <- r[b] + r[c]")                                                        \
	PLAN_OP(SUB, "r[a] <- r[b] - r[c]")                                                        \
	PLAN_OP(MUL, "r[a] <- r[b] * r[c]")                                                        \
	PLAN_OP(DIV, "r[a] <- r[b] / r[c], signed; 0 by 0")                                        \
	PLAN_OP(MOD, "r[a] <- r[b] % r[c], unsigned; 0 by 0")                                      \
	PLAN_OP(AND, "r[a] <- r[b] & r[c]")                                                        \
	PLAN_OP(OR, "r[a] <- r[b] | r[c]")                                                         \
	PLAN_OP(XOR, "r[a] <- r[b] ^ r[c]")                                                        \
	PLAN_OP(SHL, "r[a] <- r[b] << r[c]; 0 from 64 on")                                         \
	PLAN_OP(SHR, "r[a] <- r[b] >> r[c], logical; 0 from 64 on")                                \
	PLAN_OP(SAR, "r[a] <- r[b] >> r[c], arithmetic; the sign from 63 on")                      \
	PLAN_OP(NEG, "r[a] <- -r[b]")                                                              \
	PLAN_OP(NOT, "r[a] <- ~r[b]")                                                              \
	PLAN_OP(EQ, "r[a] <- r[b] == r[c]")                                                        \
	PLAN_OP(LT, "r[a] <- r[b] < r[c], signed")                                                 \
	PLAN_OP(BELOW, "r[a] <- r[b] < r[c], unsigned")                                            \
	PLAN_OP(JUMP, "go on imm ops after the next one")                                          \
	PLAN_OP(JUMP_ZERO, "the same if r[a] == 0")                                                \
	PLAN_OP(JUMP_NONZERO, "the same if r[a] != 0")                                             \
	PLAN_OP(JUMP_FAILED, "the same if a read has failed since the last such jump")             \
	PLAN_OP(CELL, "cell of a slot: the length's bytes at r[b] (imm: slot, length)")            \
	PLAN_OP(CELL_COUNT,                                                                        \
		"cell: r[c] elements of 1 << a bytes at r[b], at most the length's bytes")         \
	PLAN_OP(CELL_ARRAY,                                                                        \
		"cell: r[c] elements of r[a] bytes at r[b], at most the length's bytes")           \
	PLAN_OP(CELL_STRING, "cell: bytes at r[b] up to a NUL, at most the length's bytes")        \
	PLAN_OP(CELL_VALUE, "cell: the 8 bytes of r[b] (imm: slot)")                               \
	PLAN_OP(CALLER,                                                                            \
		"the plan of the call site in r[48], with r[32 + n] as its r[n]; ends this one")   \
	PLAN_OP(EMIT_BLOCK, "a fixed words <- 8 * a bytes at r[b] + imm; those not there marked")  \
	PLAN_OP(UNWIND,                                                                            \
		"CALLER of the frame whose CFA is r[b] + imm; the next word: JEM_PLAN_SAVED")

enum jem_plan_opcode {
#define PLAN_OP(name, meaning) JEM_OP_##name,
	JEM_PLAN_OPS(PLAN_OP)
#undef PLAN_OP
	JEM_OP_COUNT
};

/* Words of the code that an op takes. */
static inline uint32_t jem_plan_op_words(uint8_t op)
{
	return op == JEM_OP_CONST64 || op == JEM_OP_UNWIND ? 2 : 1;
}

/* --- hello -------------------------------------------------------------------------------------- */

#define JEM_HELLO_MAGIC  0x4a454d48u
#define JEM_HELLO_CONFIG 3584

/* One packet, with two descriptors: rings, plan. */
struct jem_hello {
	uint32_t magic;
	uint32_t version;
	uint32_t pid;    /* as the process sees itself; SO_PEERCRED tells the truth */
	uint32_t parent; /* the process that forked it with the library inside, or 0 */
	uint64_t ticks;  /* of the first hook call */
	uint32_t config_len;
	uint32_t reserved;
	char config[JEM_HELLO_CONFIG]; /* NAME=VALUE of the JEM_CALLS variables, a NUL after each */
};

JEM_RING_ASSERT(sizeof(struct jem_ring_header) == 128, "layout");
JEM_RING_ASSERT(sizeof(struct jem_ring_module) == 352, "layout");
JEM_RING_ASSERT(sizeof(struct jem_ring_thread) == 2 * JEM_RING_LINE, "layout");
JEM_RING_ASSERT(sizeof(struct jem_ring_edge) == 64, "layout");
JEM_RING_ASSERT(sizeof(struct jem_ring_record) == 40, "layout");
JEM_RING_ASSERT(sizeof(struct jem_ring_parts) == 8, "layout");
JEM_RING_ASSERT(sizeof(struct jem_ring_cell) == 24, "layout");
JEM_RING_ASSERT(sizeof(struct jem_plan_header) == 80, "layout");
JEM_RING_ASSERT(sizeof(struct jem_plan_site) == 32, "layout");
JEM_RING_ASSERT(sizeof(struct jem_plan_op) == 8, "layout");
JEM_RING_ASSERT(sizeof(struct jem_hello) == 3616, "layout");

#endif
