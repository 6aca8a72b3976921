/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traced: one traced process: its rings, its plan, its modules and the stacks of its threads.
 *
 * Flow:      drain -> records -> names, pairs, values -> rows
 *            modules -> (symbols) -> image -> plan
 *            trees -> profile
 * Thread:    the drain thread
 * Ownership: owns the mappings of its hello and all it makes of them; images, rows, decoder and profile
 *            are borrowed and outlive it
 * Bound:     HELD_MAX bytes of records that wait for symbols; then the rings wait, and the process
 *            counts what finds no room
 * Invariant: records read == rows + not selected + held
 */
#ifndef JEM_DAEMON_SOURCES_CALLS_TRACED_H
#define JEM_DAEMON_SOURCES_CALLS_TRACED_H

#include "daemon/sources/calls/hello.h"
#include "daemon/sources/calls/pairing.h"
#include "daemon/sources/calls/profile.h"
#include "daemon/sources/calls/rows.h"
#include "daemon/sources/calls/symbols.h"
#include "daemon/sources/calls/ticks.h"
#include "tracer/symbols/plan_file.h"
#include "tracer/symbols/ring_read.h"
#include "tracer/symbols/value.h"

/* What the records of one site, or those called from one address, have in common: looked up once. */
struct jem_traced_known {
	uint64_t token;    /* of the process */
	uint64_t key;      /* id of the site, or the address */
	uint64_t change;   /* of the plans, that was the last one then; 0: nothing is here */
	uint32_t function; /* of a site: as its frames are paired by */
	uint32_t flags;    /* of a site */
	struct jem_row_places names;  /* of the site's function */
	struct jem_row_places caller; /* of what calls from there */
	struct jem_plan_found found;
};

#define JEM_TRACED_KNOWN_BITS 11u
#define JEM_TRACED_KNOWN      (1u << JEM_TRACED_KNOWN_BITS)

/* Ids of sites are dense: neighbours do not meet. */
static inline struct jem_traced_known *jem_traced_known_site(struct jem_traced_known *list,
							     uint32_t site)
{
	return &list[site & (JEM_TRACED_KNOWN - 1)];
}

static inline struct jem_traced_known *jem_traced_known_caller(struct jem_traced_known *list,
							       uint64_t address)
{
	return &list[address * 0x9e3779b97f4a7c15u >> (64 - JEM_TRACED_KNOWN_BITS)];
}

/* What all processes share, of the drain. */
struct jem_traced_shared {
	struct jem_traced_known sites[JEM_TRACED_KNOWN];   /* by their id */
	struct jem_traced_known callers[JEM_TRACED_KNOWN]; /* by a hash of their address */
	uint64_t changes; /* of any process's plan: what is known from before counts no more */
	struct jem_rows *rows;
	struct jem_value_decoder *values;
	struct jem_profile *profile;
	struct jem_ticks ticks;
	bool has_counter;
	bool is_crowded;               /* an eighth of a ring was full when it was read */
	uint64_t now_ns;               /* when the pass began */
	void (*on_full)(void *arg);    /* the rows are full: take them */
	bool (*is_held_up)(void *arg); /* leave records in the rings; or NULL */
	/* A module's symbols are wanted: the request's descriptor and reference are the callee's. */
	void (*on_module)(void *arg, const struct jem_symbols_request *request);
	void (*on_fault)(void *arg, const char *text);
	/* An include pattern takes nothing in any module of a process that runs this program. */
	void (*on_unmatched)(void *arg, const char *program, const char *pattern);
	void *arg;
};

enum jem_module_wait {
	JEM_MODULE_UNSEEN,
	JEM_MODULE_WAITS, /* its symbols are asked for */
	JEM_MODULE_READY,
	JEM_MODULE_FAILED, /* there are none, or it is not looked at */
};

struct jem_traced_module {
	struct jem_ring_module info;
	enum jem_module_wait wait;
	bool is_looked_at; /* not of the system */
	bool is_gone;      /* dlclose was seen */
	struct jem_calls_image *image;
};

struct jem_traced_thread {
	struct jem_pairing pairing;
	struct jem_buf held; /* records, as they were, that wait for symbols */
	size_t held_at;      /* first that is left */
	uint32_t tid;
	uint64_t seen;     /* as the account told it last */
	uint64_t moved_ns; /* when it last had something */
	struct jem_profile_seen profile;
};

struct jem_traced {
	struct jem_traced *next;
	struct jem_traced_shared *shared; /* borrowed */
	uint64_t token;                   /* of the process, for the loop */
	struct jem_hello_in in;
	struct jem_calls_settings *settings; /* a reference */
	int pid_fd;                          /* owned, -1: not to be watched */
	bool has_ended;
	bool is_complete; /* every module's symbols are there, or will not be */
	struct jem_ring_read rings;
	struct jem_plan_file *plan;
	struct jem_traced_module *modules; /* owned, header.module_max */
	uint32_t module_count;
	struct jem_traced_thread *threads; /* owned, header.thread_count */
	size_t held_bytes;
	uint32_t helds;               /* threads that hold something */
	struct jem_ring_account told; /* what was counted as lost already */
	uint64_t unselected;
	uint64_t rows;
	bool was_broken_told;
	bool was_unmatched_told; /* of these settings */
};

/* Takes the hello and the reference, whatever happens. -EBADMSG and the like with the reason. */
int jem_traced_create(struct jem_traced_shared *shared, uint64_t token, struct jem_hello_in *in,
		      struct jem_calls_settings *settings, struct jem_traced **ret,
		      struct jem_err *err);
void jem_traced_destroy(struct jem_traced *traced);

/* Reads what is there. How many bytes there were. */
uint64_t jem_traced_drain(struct jem_traced *traced);

/* New modules and those that are gone; asks for symbols. */
void jem_traced_look_at_modules(struct jem_traced *traced);

/* The answer for a module; NULL: there are none. What waited for it goes on. */
void jem_traced_take_image(struct jem_traced *traced, uint32_t module,
			   struct jem_calls_image *image);

/* Other settings (a reference, taken): in force at once; images are asked for anew where they change. */
void jem_traced_set(struct jem_traced *traced, struct jem_calls_settings *settings);

/* No symbols will come any more: what waits is published with addresses for names. */
void jem_traced_give_up(struct jem_traced *traced);

/* Adds what is new in the trees of its threads; all: also of threads whose calls do not move. */
void jem_traced_profile(struct jem_traced *traced, bool all);

/* Frees the slots of threads that are gone. */
void jem_traced_sweep(struct jem_traced *traced, uint64_t now_ns);

/* What was lost since the last time: told in *ret, counts only. */
struct jem_traced_losses {
	uint64_t dropped, limited, broken, unslotted;
};
void jem_traced_losses(struct jem_traced *traced, struct jem_traced_losses *ret);

/* The process's number; of one that never had one, what it calls itself. */
static inline uint32_t jem_traced_pid(const struct jem_traced *traced)
{
	return traced->in.pid > 0 ? (uint32_t)traced->in.pid : traced->rings.header.pid;
}

/* Whether anything is held. */
static inline bool jem_traced_holds(const struct jem_traced *traced)
{
	return traced->helds > 0;
}

/* The place of an image's function in the profile, plus 1; 0: no room. */
uint32_t jem_traced_profile_place(const struct jem_traced *traced, const struct jem_image *image,
				  uint32_t function);

/* Symbols are still to come that decide whether a pattern takes anything. (unmatched.c) */
bool jem_traced_is_in_doubt(const struct jem_traced *traced);

/* Once all symbols are there: tells of patterns that take nothing. */
void jem_traced_tell_unmatched(struct jem_traced *traced);

/* One record into a row: 0, or -EAGAIN: symbols have to come first. (records.c) */
int jem_traced_record(struct jem_traced *traced, struct jem_traced_thread *thread,
		      const struct jem_ring_entry *entry, bool may_wait);

/* When a record of such ticks was made. (records.c) */
uint64_t jem_traced_time(const struct jem_traced *traced, uint64_t ticks);

/*
 * The short way of the same, for what most records are: no values, of a site whose names and caller this
 * batch has already, with its frame where it is expected. How many records were taken, at most `max`; the next
 * one needs the long way, or there is none. (records_plain.c)
 */
uint32_t jem_traced_plain(struct jem_traced *traced, uint32_t thread, uint32_t max);

#endif
