/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value_text: values of calls as a person reads them: n=3, track={pt=41.2, hits=[1, 2]},
 * name="pi", next=0x55e0c8 -> {...}, last=<optimised out>.
 *
 * Flow:      CBOR items of a batch that was checked when it was decoded -> text
 * Bounds:    a value is cut at JEM_VALUE_DEPTH levels and JEM_VALUE_ITEMS elements, a list of values
 *            at the bytes that the caller gives; what is cut shows as ...
 * Invariant: as record_text, the text has no control character, whatever the values hold
 */
#ifndef JEM_RECEIVER_CALLS_VALUE_TEXT_H
#define JEM_RECEIVER_CALLS_VALUE_TEXT_H

#include "common/cbor.h"

enum {
	JEM_VALUE_DEPTH = 5,
	JEM_VALUE_ITEMS = 16,
	JEM_VALUE_STRING = 120, /* bytes of one text */
};

/* One value, which the reader stands before; at most about `max` bytes. */
void jem_value_text_write(struct jem_buf *buf, struct jem_cbor_reader value, size_t max);

/* A list of {name, type, value}: name=value, ...; what is none is passed over. */
void jem_value_text_list(struct jem_buf *buf, struct jem_cbor_reader list, size_t max);

/* Whether the next item is a map with a member of that name, and the reader before its value. */
bool jem_value_member(struct jem_cbor_reader map, const char *name, struct jem_cbor_reader *ret);

/*
 * The next of the `*left` elements of a list of {name, type, value}, the name as text. False: there are no
 * more.
 */
bool jem_value_next_named(struct jem_cbor_reader *list, uint64_t *left, struct jem_cbor_item *name,
			  struct jem_cbor_reader *value);

#endif
