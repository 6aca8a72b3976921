/* SPDX-License-Identifier: Apache-2.0 */
/* kind: the kinds of records and the causes of loss, from schemas/kinds.def and causes.def. */
#ifndef JEM_COMMON_KIND_H
#define JEM_COMMON_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JEM_CONTRACT_VERSION 1 /* `v` in every head */

enum jem_kind {
#define KIND(name, encoding, flush_ms, human, what) JEM_KIND_##name,
#include "schemas/kinds.def"
#undef KIND
	JEM_KIND_COUNT
};

enum jem_cause {
#define CAUSE(name, what) JEM_CAUSE_##name,
#include "schemas/causes.def"
#undef CAUSE
	JEM_CAUSE_COUNT
};

enum jem_encoding {
	JEM_ENCODING_JSON,
	JEM_ENCODING_CBOR
};

struct jem_kind_info {
	const char *name;
	const char *what;
	enum jem_encoding encoding;
	uint32_t flush_ms;
	uint32_t schema; /* version of the kind's schema */
	bool is_human;
};

extern const struct jem_kind_info jem_kinds[JEM_KIND_COUNT];
extern const char *const jem_causes[JEM_CAUSE_COUNT];

/* The kind or cause of a name of `len` bytes, or -1. */
int jem_kind_find(const char *name, size_t len);
int jem_cause_find(const char *name, size_t len);

#endif
