/* SPDX-License-Identifier: Apache-2.0 */
/*
 * symbols: images of modules, made by jem-symbols, one process a module and configuration.
 *
 * Flow:      want (module's file, settings) -> known already, or jem-symbols -> on_image
 * Thread:    loop thread
 * Ownership: owns helper and images; an image lives until destroy, so that whoever got it may keep it
 * Bound:     one helper at a time, SECONDS_MAX and MEMORY_MAX for it; IMAGES_MAX images of together
 *            IMAGE_BYTES_MAX; REQUESTS_MAX that wait
 * Invariant: what a helper leaves is sealed and checked before anybody looks at it; a module that breaks
 *            its helper costs that module only
 */
#ifndef JEM_DAEMON_SOURCES_CALLS_SYMBOLS_H
#define JEM_DAEMON_SOURCES_CALLS_SYMBOLS_H

#include "common/dead_end.h"
#include "daemon/sources/calls/settings.h"

#include <uv.h>

struct jem_calls_image {
	struct jem_image view; /* first: who has it has the image */
	char *path;            /* owned: of the module */
	uint64_t settings;     /* key of those that it was made for */
	uint32_t
		*profile; /* owned: by function, its place in the profile plus 1; the drain's own */
	void *bytes;      /* owned mapping */
	size_t len;
};

struct jem_symbols_request {
	uint64_t process; /* of the caller */
	uint32_t module;
	int fd; /* of the module's file; taken */
	bool is_program;
	char path[JEM_RING_PATH_MAX];
	uint32_t build_id_len;
	uint8_t build_id[JEM_RING_BUILD_MAX];
	struct jem_calls_settings *settings; /* a reference, taken */
};

struct jem_symbols;

struct jem_symbols_options {
	uv_loop_t *loop;
	const char *program; /* path of jem-symbols, NULL: looked for */
	/*
	 * The answer to each request. `image` NULL: there is none, and `why`. Else `why` is
	 * JEM_DEAD_END_COUNT or what the image lacks. is_first: nobody has been told of it before.
	 */
	void (*on_image)(void *arg, const struct jem_symbols_request *request,
			 struct jem_calls_image *image, enum jem_dead_end why, bool is_first);
	void *arg;
};

int jem_symbols_create(const struct jem_symbols_options *options, struct jem_symbols **ret);

/* Takes the request's descriptor and reference. The answer may come before this returns. */
void jem_symbols_want(struct jem_symbols *symbols, const struct jem_symbols_request *request);

/* Whether any request waits for its answer. */
bool jem_symbols_are_busy(const struct jem_symbols *symbols);

/* Ends the helper; no answers any more. Images stay until destroy. */
void jem_symbols_stop(struct jem_symbols *symbols);

/* After stop, and when nobody looks at an image any more. Freed in the loop's next passes. Takes NULL. */
void jem_symbols_destroy(struct jem_symbols *symbols);

#endif
