/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings: what is traced and how, for the processes that ask for the same.
 *
 * Flow:      daemon's configuration < what the process itself was told (JEM_CALLS variables of its
 *            hello) < what `jem control` has set since -> one checked set of values
 * Thread:    made on the loop thread, then only read
 * Ownership: shared; the last to leave frees it
 * Bound:     a hello's 3.5 KB, a configuration's 256 patterns
 */
#ifndef JEM_DAEMON_SOURCES_CALLS_SETTINGS_H
#define JEM_DAEMON_SOURCES_CALLS_SETTINGS_H

#include "common/buf.h"
#include "common/config.h"
#include "common/patterns.h"
#include "tracer/symbols/image.h"

#include <stdatomic.h>

struct jem_calls_settings {
	atomic_uint refs;
	struct jem_patterns *patterns; /* owned */
	struct jem_buf include;        /* the patterns, each ended by a NUL */
	struct jem_buf exclude;
	bool is_off;
	bool has_values;
	bool may_patch;
	uint32_t depth, string_bytes, items;
	uint32_t limit, process_limit;
	uint32_t guard; /* enum jem_ring_guard */
	uint64_t key;   /* of all that an image depends on */
};

/* What `jem control` has set; later wins. */
struct jem_calls_changes {
	struct jem_config *config; /* owned; only what is set there counts */
	bool is_exclude_cleared;
};

int jem_calls_changes_init(struct jem_calls_changes *changes);
void jem_calls_changes_deinit(struct jem_calls_changes *changes);

/*
 * Takes the assignments of one request, "calls.KEY=VALUE", each ended by a NUL: all of them or none.
 * -EINVAL and the like with the reason.
 */
int jem_calls_changes_take(struct jem_calls_changes *changes, const char *assignments, size_t len,
			   struct jem_err *err);

/*
 * The settings of a process. `told` is the config of its hello (NAME=VALUE, a NUL after each), len 0: none.
 * Faults in it go to on_fault, and leave the values of the daemon. 0, -ENOMEM, or -EINVAL: a pattern.
 */
int jem_calls_settings_make(const struct jem_config *config,
			    const struct jem_calls_changes *changes, const char *told, size_t len,
			    jem_fault_fn on_fault, void *arg, struct jem_calls_settings **ret,
			    struct jem_err *err);

struct jem_calls_settings *jem_calls_settings_ref(struct jem_calls_settings *settings);
void jem_calls_settings_unref(struct jem_calls_settings *settings);

/* Whether a function of an image is to be recorded; `module` is the path of its file. */
bool jem_calls_settings_select(const struct jem_calls_settings *settings, const char *module,
			       const struct jem_image *image, uint32_t function);

#endif
