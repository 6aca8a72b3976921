/* SPDX-License-Identifier: Apache-2.0 */
/* value_internal: what the files of the value decoder share. */
#ifndef JEM_TRACER_SYMBOLS_VALUE_INTERNAL_H
#define JEM_TRACER_SYMBOLS_VALUE_INTERNAL_H

#include "common/cbor.h"
#include "tracer/symbols/value.h"

#define JEM_VALUE_SLOTS_MAX  256u
#define JEM_VALUE_CELLS_MAX  (JEM_RECORD_WORDS_MAX / 3)
#define JEM_VALUE_NAME_MAX   256u  /* bytes of a name or type shown */
#define JEM_VALUE_PREFIXES   1024u /* a power of two */
#define JEM_VALUE_PREFIX_MAX 112u  /* a multiple of 16 */

struct jem_value_cell {
	struct jem_ring_cell head; /* a copy; `len` is what is really there */
	const uint8_t *data;
	uint16_t next; /* of the same slot, plus 1; 0: the last */
};

/* A part, its cells by slot and its slots by parent. Numbers are places plus 1, 0: none. */
struct jem_value_index {
	struct jem_value_part part;
	uint64_t mask;
	uint32_t fixed_count; /* words that are there */
	uint32_t cell_count;
	bool is_built;
	bool has_children;
	uint16_t first_child[JEM_VALUE_SLOTS_MAX], next_child[JEM_VALUE_SLOTS_MAX];
	uint16_t first_cell[JEM_VALUE_SLOTS_MAX], last_cell[JEM_VALUE_SLOTS_MAX];
	struct jem_value_cell cells[JEM_VALUE_CELLS_MAX];
};

/* Bytes of a value, and where they belong. */
struct jem_value_at {
	const uint8_t *data;
	size_t len;
	uint64_t address; /* in the process; 0: not known */
	uint32_t slot;    /* place of the slot that has them */
	uint32_t offset;  /* in the slot's value, its elements, or one of its nodes */
	bool is_many;     /* in one of several nodes: children are told apart by address */
};

/* What stands before a value, ready to be copied, and whether it may be shown. */
struct jem_value_prefix {
	uint64_t key;  /* serial of the image and place in its table; 0: none yet */
	uint32_t slot; /* whether it is a slot's: name, type and so on; else a member's name */
	uint8_t len;   /* 0: too long to be kept */
	bool is_secret;
	uint8_t bytes[JEM_VALUE_PREFIX_MAX];
};

struct jem_value_pointee {
	uint64_t address;
	uint32_t type;
};

struct jem_value_decoder {
	struct jem_value_config config;
	struct jem_value_index site, entry, frame;
	struct jem_buf text, wide;         /* owned: scratch */
	struct jem_value_prefix *prefixes; /* owned: JEM_VALUE_PREFIXES */
	/* of the item at hand */
	struct jem_value_index *index;
	const struct jem_image *image;
	struct jem_buf *buf;
	size_t start; /* of the list */
	uint32_t steps;
	unsigned depth;
	unsigned pointers; /* in the chain */
	struct jem_value_pointee chain[JEM_VALUE_DEPTH_MAX + 1];
};

/* --- value.c --- */

static inline bool jem_value_is_full(const struct jem_value_decoder *d)
{
	return d->buf->len - d->start >= JEM_VALUE_BYTES_MAX || !d->steps;
}

void jem_value_missing(struct jem_value_decoder *d, enum jem_missing missing);
/* A name or type of the image: cut, made UTF-8. */
void jem_value_name(struct jem_value_decoder *d, uint32_t string);
/* A value of the type, one item. */
void jem_value_put(struct jem_value_decoder *d, uint32_t type, const struct jem_value_at *at);
/* `len` bytes at `offset` of a value; fewer where fewer are there. */
struct jem_value_at jem_value_sub(const struct jem_value_at *at, uint64_t offset, uint64_t len);

/* Lists and maps whose length is not known before they are written: `expected` saves a move. */
struct jem_value_list {
	size_t pos;
	size_t head;
	uint64_t expected;
	bool is_map;
};
struct jem_value_list jem_value_begin(struct jem_value_decoder *d, bool is_map, uint64_t expected);
void jem_value_end(struct jem_value_decoder *d, const struct jem_value_list *list, uint64_t count);

/* --- value_name.c --- */

/* Appends {"name":NAME,"type":TYPE,"value": of a slot, or the name of a member. Whether it is a secret. */
bool jem_value_slot_prefix(struct jem_value_decoder *d, const struct jem_image_slot *slot);
bool jem_value_member_prefix(struct jem_value_decoder *d, const struct jem_image_member *member);

/* --- value_slot.c --- */

void jem_value_index_build(struct jem_value_index *index, const struct jem_value_part *part);
/* The bytes of a top-level slot, or why there are none. */
enum jem_missing jem_value_slot_at(const struct jem_value_index *index, uint32_t slot,
				   struct jem_value_at *ret);

struct jem_value_child {
	bool exists; /* a slot for it; without a cell there was no room for it in the record */
	uint32_t slot;
	const struct jem_value_cell *cell;
};

/* What stands behind the pointer at `at`, or in the container there; `roles` is a set of 1 << role. */
struct jem_value_child jem_value_find_child(const struct jem_value_decoder *d,
					    const struct jem_value_at *at, uint32_t where,
					    unsigned roles, uint64_t address);
/* The bytes of a child's cell. */
struct jem_value_at jem_value_child_at(const struct jem_value_child *child, bool is_many);

/* --- value_scalar.c --- */

/* The first 8 bytes at most, little-endian. */
static inline uint64_t jem_value_load(const uint8_t *data, size_t len)
{
	uint64_t value = 0;
	uint32_t half;

	if (len >= sizeof(value)) {
		memcpy(&value, data, sizeof(value));
		return value;
	}
	if (len == sizeof(half)) {
		memcpy(&half, data, sizeof(half));
		return half;
	}
	for (size_t i = len; i-- > 0;)
		value = value << 8 | data[i];
	return value;
}

uint64_t jem_value_widen(uint64_t value, unsigned bits, bool is_signed);
bool jem_value_type_is_signed(const struct jem_image *image, const struct jem_image_type *type);
void jem_value_integer(struct jem_value_decoder *d, uint64_t value, bool is_signed);
/* Integers, bool, char and enum, from a number that was widened already. */
void jem_value_number(struct jem_value_decoder *d, const struct jem_image_type *type,
		      uint64_t value);
void jem_value_scalar(struct jem_value_decoder *d, const struct jem_image_type *type,
		      const struct jem_value_at *at);
void jem_value_float(struct jem_value_decoder *d, const struct jem_image_type *type,
		     const struct jem_value_at *at);

/* --- value_text.c --- */

/* Bytes of characters of `unit` bytes. `total`: characters there are, UINT64_MAX: not known. */
void jem_value_text(struct jem_value_decoder *d, const uint8_t *data, size_t len, unsigned unit,
		    bool is_cut, uint64_t total);
void jem_value_char_array(struct jem_value_decoder *d, const struct jem_image_type *type,
			  const struct jem_image_type *element, const struct jem_value_at *at);
/* Whether arrays of it are text. */
bool jem_value_is_text(const struct jem_value_decoder *d, const struct jem_image_type *type);
void jem_value_string(struct jem_value_decoder *d, const struct jem_image_type *type,
		      const struct jem_value_at *at);
/* A single character. */
void jem_value_character(struct jem_value_decoder *d, uint64_t value, unsigned unit);

/* --- value_struct.c --- */

void jem_value_struct(struct jem_value_decoder *d, const struct jem_image_type *type,
		      const struct jem_value_at *at);
/* As many of `total` elements as are there. */
void jem_value_elements(struct jem_value_decoder *d, uint32_t element, uint64_t total,
			const struct jem_value_at *at);
void jem_value_array(struct jem_value_decoder *d, const struct jem_image_type *type,
		     const struct jem_value_at *at);

/* --- value_pointer.c --- */

void jem_value_address(struct jem_value_decoder *d, uint64_t address);
void jem_value_pointer(struct jem_value_decoder *d, const struct jem_image_type *type,
		       const struct jem_value_at *at);
void jem_value_reference(struct jem_value_decoder *d, const struct jem_image_type *type,
			 const struct jem_value_at *at);
void jem_value_member_pointer(struct jem_value_decoder *d, const struct jem_image_type *type,
			      const struct jem_value_at *at);

/* --- value_container.c --- */

void jem_value_vector(struct jem_value_decoder *d, const struct jem_image_type *type,
		      const struct jem_value_at *at);
void jem_value_nodes(struct jem_value_decoder *d, const struct jem_image_type *type,
		     const struct jem_value_at *at);
void jem_value_optional(struct jem_value_decoder *d, const struct jem_image_type *type,
			const struct jem_value_at *at);
void jem_value_bits(struct jem_value_decoder *d, const struct jem_image_type *type,
		    const struct jem_value_at *at);

#endif
