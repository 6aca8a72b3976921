/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracee: a program with libjemtrace.so preloaded, and a daemon for it that is all in the test's hand.
 *
 * The program is started with pipes at descriptors 3 (go on) and 4 (arrived), which it may use to wait for
 * the test, and JEM_CALLS_SOCKET. Each of its processes that says hello is a view: its rings and plan,
 * mapped here. Everything is bounded: what takes more than 30 s fails the case.
 */
#ifndef JEM_TESTS_UNIT_TRACEE_H
#define JEM_TESTS_UNIT_TRACEE_H

#include "schemas/ring.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tracee {
	pid_t pid;
	int listener;
	int go, arrived;
	char program[256];
	char socket[108];
};

/* A symbol of a file, by its address there. */
struct tracee_symbol {
	char name[48];
	uint64_t address, size;
};

enum {
	TRACEE_SYMBOLS_MAX = 512,
	TRACEE_SITES_MAX = 512,
	TRACEE_RECORDS_MAX = 1 << 17,
	TRACEE_WORDS_MAX = 1 << 16,
	TRACEE_OPS_MAX = 256,
};

struct tracee_site {
	uint64_t pc;  /* in the function */
	uint64_t key; /* in the table: the same, or the function's address for its tail exits */
	bool is_tail;
	char function[48];
	bool is_exit;
	bool is_inlined; /* an enter in the text of another function */
};

struct view {
	struct jem_hello hello;
	uint8_t *rings;
	size_t rings_bytes;
	struct jem_plan_header *plan;
	size_t plan_bytes;
	int rings_fd, plan_fd; /* closed by view_close */
	struct tracee_symbol symbols[TRACEE_SYMBOLS_MAX];
	unsigned symbol_count;
	uint64_t bias;
	struct tracee_site sites[TRACEE_SITES_MAX]; /* that unknown records have told */
	unsigned site_count;
	struct jem_ring_record *records; /* of view_read */
	unsigned *threads;               /* slot of each */
	unsigned record_count;
	uint64_t read_count; /* records that were ever read */
	unsigned tables;     /* that were published */
	/* What follows the fixed part of a record, of view_read: from values_at on, up to the next one's. */
	uint64_t words[TRACEE_WORDS_MAX];
	unsigned *values_at;
	unsigned word_count;
	/* For view_plan, if not NULL: may change what is published of a site, and add one of its own. */
	void (*adjust)(struct view *view, const struct tracee_site *from,
		       struct jem_plan_site *site);
	struct jem_plan_site callsite; /* without a key: none */
	struct jem_plan_op ops[TRACEE_OPS_MAX];
	unsigned op_count; /* from 1: 0 is no plan */
	uint32_t guard;
};

/* `words`: arguments; `environment`: NAME=VALUE, up to a NULL each. */
void tracee_start(struct tracee *tracee, const char *program, const char *const *words,
		  const char *const *environment);
/* Waits until the program is at its next meeting; lets it go on. */
void tracee_meet(struct tracee *tracee);
void tracee_go(struct tracee *tracee);
/* Its wait status. */
int tracee_end(struct tracee *tracee);

void view_accept(struct view *view, struct tracee *tracee);
/* Whether another hello comes within so many milliseconds. */
bool tracee_has_hello(struct tracee *tracee, int ms);
void view_close(struct view *view);

struct jem_ring_header *view_header(struct view *view);
struct jem_ring_thread *view_thread(struct view *view, unsigned index);
struct jem_ring_edge *view_edges(struct view *view, unsigned index);
struct jem_ring_module *view_modules(struct view *view);

/* Reads what is in all rings since the last time, and frees the room. Fails on a malformed record. */
void view_read(struct view *view);
/* Only frees the room. */
void view_discard(struct view *view);

/* Name of the program's function around an address, or "". */
const char *view_function(struct view *view, uint64_t pc);
/* Sites of unknown records that were read are noted; these are of `function`. */
unsigned view_sites(struct view *view, const char *function, struct tracee_site *ret, unsigned max);
/* Records of a kind and a function; of known ones by the ids of view_plan. */
unsigned view_count(struct view *view, unsigned kind, const char *function);

/*
 * Publishes a table of all sites that are known: those of the functions in `included` (up to a NULL) as
 * such, function ids from 1 in that order, the others excluded. Site ids are indices + 1.
 */
void view_plan(struct view *view, const char *const *included, uint32_t state, uint32_t limit,
	       uint32_t process_limit);

/* Puts ops behind the others, for view_plan; where they begin. */
uint32_t view_code(struct view *view, const struct jem_plan_op *ops, unsigned count);
/* The words of values of a record. */
unsigned view_values(struct view *view, unsigned record, const uint64_t **ret);

/* seen == written + dropped + limited in every thread; the ring's records are what was written. */
void view_check_accounts(struct view *view);

/* The one node of a function in all trees; fails when there are several. */
struct jem_ring_edge *view_edge(struct view *view, uint32_t function);
uint64_t view_calls(struct view *view, uint32_t function);

#endif
