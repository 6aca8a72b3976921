/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_file: the daemon's hand on the plan file of one process (ring.h).
 *
 * Flow:      add (image, bias) -> ids, relocated code, entries of the table -> generation;
 *            a record's ids -> lookup -> image and index, for names and values
 * Thread:    one thread writes a file
 * Ownership: the mapping and the images are borrowed; an image outlives the file, also after its module
 *            was removed, because records of its sites may come late
 * Invariant: the file is never read back: the process may have scribbled in it. An id means one site
 *            of one image for ever; a module that comes back has its ids again. A reader that follows
 *            ring.h finds a site of a module that stays at every instant.
 * Bound:     JEM_PLAN_FILE_MODULES_MAX modules since the start; the file's size. What does not fit is
 *            said by the return value.
 *
 * Space of old tables and of removed code is used again JEM_PLAN_FILE_GRACE_NS after, when no thread
 * should be in the middle of them; one that is (stopped just there) makes at worst a wrong record.
 */
#ifndef JEM_TRACER_SYMBOLS_PLAN_FILE_H
#define JEM_TRACER_SYMBOLS_PLAN_FILE_H

#include "common/err.h"
#include "tracer/symbols/image.h"

#define JEM_PLAN_FILE_MODULES_MAX 4096u
#define JEM_PLAN_FILE_GRACE_NS    1000000000ull

struct jem_plan_file;

struct jem_plan_settings {
	uint32_t state;          /* enum jem_plan_state, a set */
	uint32_t process_limit;  /* records a second, 0: none */
	uint32_t function_limit; /* of every function */
	uint32_t guard;          /* enum jem_ring_guard */
	uint32_t record_bytes;
};

/* Writes an empty plan over whatever is there. -EINVAL: too small; -ENOMEM. */
int jem_plan_file_create(void *bytes, size_t len, const struct jem_plan_settings *settings,
			 struct jem_plan_file **ret);
void jem_plan_file_destroy(struct jem_plan_file *file);

/* State, limits and guard as they shall be now; in force with the next hook call. */
void jem_plan_file_set(struct jem_plan_file *file, const struct jem_plan_settings *settings);

/*
 * Adds a module; its functions are included as the image says. A module that is there already (same
 * number) is replaced, without an instant where its sites are missing. 0; 1: without values, the code
 * did not fit; -ENOSPC: not added, -EOVERFLOW: too many modules, -ENOMEM; `err` says what to do.
 * `now_ns` is any monotonic clock.
 */
int jem_plan_file_add(struct jem_plan_file *file, uint32_t module, const struct jem_image *image,
		      uint64_t bias, uint64_t now_ns, struct jem_err *err);

/* Its sites are not found any more. -ENOENT: not there. */
int jem_plan_file_remove(struct jem_plan_file *file, uint32_t module, uint64_t now_ns);

/* Whether the function (index in the image) is recorded. */
typedef bool (*jem_plan_select_fn)(void *user, const struct jem_image *image, uint32_t function);

/* Chooses anew for all modules, and for those that are added later; NULL: as their images say. */
void jem_plan_file_select(struct jem_plan_file *file, jem_plan_select_fn select, void *user);

/* What an id in a record or an edge stands for. */
struct jem_plan_found {
	const struct jem_image *image;
	uint64_t bias; /* of a module that is gone: the last */
	uint32_t module;
	uint32_t function;                         /* index in the image, 0: none */
	const struct jem_image_site *site;         /* NULL: not a hook's */
	const struct jem_image_callsite *callsite; /* NULL: not a call site's */
};

bool jem_plan_file_find_site(const struct jem_plan_file *file, uint32_t site,
			     struct jem_plan_found *ret);
bool jem_plan_file_find_function(const struct jem_plan_file *file, uint32_t function,
				 struct jem_plan_found *ret);
/* By an address of the process, in the modules that are there now: a hook's or a call's return address. */
bool jem_plan_file_find_address(const struct jem_plan_file *file, uint64_t address,
				struct jem_plan_found *ret);

struct jem_plan_usage {
	uint64_t bytes, free_bytes; /* free: at once or after the grace */
	uint32_t sites;             /* entries in the table now */
	uint32_t buckets;
	uint32_t modules;
};

void jem_plan_file_usage(const struct jem_plan_file *file, struct jem_plan_usage *ret);

#endif
