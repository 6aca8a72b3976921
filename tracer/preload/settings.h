/* SPDX-License-Identifier: Apache-2.0 */
/* settings: what the environment says (JEM_CALLS*), read once a process without libc. */
#ifndef JEM_TRACER_PRELOAD_SETTINGS_H
#define JEM_TRACER_PRELOAD_SETTINGS_H

#include "schemas/ring.h"

#include <stdbool.h>

struct jem_settings {
	const char *socket; /* borrowed from the environment; NULL: none */
	const char *file;
	bool is_off;
	uint64_t ring_bytes;
	uint64_t memory;
	uint64_t wait_ns;
	uint64_t process_limit; /* until there is a plan: then by that */
	uint32_t config_len;
	char config[JEM_HELLO_CONFIG]; /* as in the hello; what does not fit whole is left out */
};

/* False: nothing is asked for, or it is off. A value that cannot be understood leaves the default. */
bool jem_settings_read(struct jem_settings *ret, char *const *environment);

/* 512KiB, 16MiB, 1GiB, plain, also KB, k, M. False: not a number of bytes. */
bool jem_settings_bytes(const char *text, uint64_t *ret);

#endif
