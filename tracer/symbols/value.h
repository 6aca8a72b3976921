/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value: the bytes of a record into values as a person expects them, as CBOR of call.schema.json.
 *
 * Flow:      part of a record + its plan's slots -> cells by slot -> value by type -> CBOR items
 * Thread:    one decoder belongs to one thread
 * Ownership: image, words and redactor are borrowed; the decoder owns its index of a part
 * Bound:     JEM_VALUE_BYTES_MAX a list, JEM_VALUE_DEPTH_MAX levels, JEM_VALUE_STEPS_MAX members looked at;
 *            what is beyond says {"missing":"truncated"}
 * Invariant: reads nothing beyond the words of a part, whatever they hold, and always writes well-formed
 *            CBOR with UTF-8 text. The image was checked by jem_image_open.
 *
 * Shapes: null pointers null; others {"address":"0x..","to":VALUE}, without `to` where they were not
 * followed, with `cycle`: N instead where the object is the one N pointers further out. Pointers to
 * functions have the function's name in `to`, members {"offset":N}. A cut list ends in
 * {"missing":"truncated"}, a cut text is {"text","missing","length"}.
 */
#ifndef JEM_TRACER_SYMBOLS_VALUE_H
#define JEM_TRACER_SYMBOLS_VALUE_H

#include "common/buf.h"
#include "common/redact.h"
#include "tracer/symbols/image.h"

#define JEM_VALUE_BYTES_MAX 32768u
#define JEM_VALUE_DEPTH_MAX 16u
#define JEM_VALUE_STEPS_MAX 65536u

/* A part of a record and the plan that made it. All borrowed. */
struct jem_value_part {
	const struct jem_image *image;
	const struct jem_image_slot *slots;
	uint32_t slot_count;
	uint32_t fixed_words;
	const uint64_t *words; /* words[0]: mask; NULL: the record has no such part */
	uint32_t word_count;
};

/* The part of a site's or a call site's plan. */
struct jem_value_part jem_value_part_of_site(const struct jem_image *image,
					     const struct jem_image_site *site,
					     const uint64_t *words, uint32_t word_count);
struct jem_value_part jem_value_part_of_callsite(const struct jem_image *image,
						 const struct jem_image_callsite *callsite,
						 const uint64_t *words, uint32_t word_count);

/* The name of the function at an address of the process, NULL: not known. */
typedef const char *(*jem_value_function_fn)(void *user, uint64_t address);

struct jem_value_config {
	struct jem_redactor *redactor;       /* borrowed; NULL: texts are not looked at */
	jem_value_function_fn function_name; /* may be NULL */
	void *user;
};

struct jem_value_decoder;
int jem_value_create(const struct jem_value_config *config, struct jem_value_decoder **ret);
void jem_value_destroy(struct jem_value_decoder *decoder);

/*
 * What a list is made from. A value at entry comes from the part of the enter record of the same frame:
 * `entry` of the same function, `frame` of the function whose physical frame it is, where the part is of
 * an inlined instance (JEM_SLOT_ENTRY_OF_FRAME). NULL: it is optimised out.
 */
struct jem_value_request {
	const struct jem_value_part *part;
	const struct jem_value_part *entry;
	const struct jem_value_part *frame;
	/* Whose return value it is: get_token returns what may not be shown. NULL: not looked at. */
	const char *function;
	/* Of the call: what is declared after it is uninitialised; 0: nothing is. */
	uint32_t call_line;
};

/*
 * Appends one item: a list of {name, type, value} of the top-level slots with this role
 * (enum jem_slot_role), null when the record has no such part. Returns how many it has.
 */
unsigned jem_value_list(struct jem_value_decoder *decoder, const struct jem_value_request *request,
			unsigned role, struct jem_buf *buf);

/* Appends one item: {type, value} of the RETURN slot, or null if there is none. Whether there is. */
bool jem_value_return(struct jem_value_decoder *decoder, const struct jem_value_request *request,
		      struct jem_buf *buf);

#endif
