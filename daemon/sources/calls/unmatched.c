/* SPDX-License-Identifier: Apache-2.0 */
/* Include patterns that take no function of a process: most often a name that is not what was meant. */
#include "daemon/sources/calls/traced.h"

enum gathered {
	ALL,
	SOME, /* others are still to come */
	NEVER /* of one of them it will not be known */
};

/* What the images of all modules have between them. */
static enum gathered gather(const struct jem_traced *traced, uint8_t marks[JEM_IMAGE_MARKS])
{
	enum gathered found = traced->module_count ? ALL : SOME;

	memset(marks, 0, JEM_IMAGE_MARKS);
	for (uint32_t i = 0; i < traced->module_count; i++) {
		const struct jem_traced_module *module = &traced->modules[i];
		const struct jem_image_header *header;

		if (!module->is_looked_at)
			continue;
		if (module->wait == JEM_MODULE_WAITS) {
			found = SOME;
			continue;
		}
		if (!module->image || module->image->settings != traced->settings->key)
			return NEVER;
		header = module->image->view.header;
		if (header->flags & JEM_IMAGE_INCOMPLETE)
			return NEVER;
		for (unsigned k = 0; k < JEM_IMAGE_MARKS; k++)
			marks[k] |= header->marks[k];
	}
	return found;
}

/* The next pattern from *at on that has no mark; NULL: none. *place counts the patterns. */
static const char *next_unmatched(const struct jem_traced *traced,
				  const uint8_t marks[JEM_IMAGE_MARKS], size_t *at, unsigned *place)
{
	const struct jem_buf *include = &traced->settings->include;

	while (*at < include->len && *place < 8 * JEM_IMAGE_MARKS) {
		const char *pattern = include->data + *at;
		unsigned bit = (*place)++;

		*at += strlen(pattern) + 1;
		if (!(marks[bit / 8] >> bit % 8 & 1))
			return pattern;
	}
	return NULL;
}

bool jem_traced_is_in_doubt(const struct jem_traced *traced)
{
	uint8_t marks[JEM_IMAGE_MARKS];
	size_t at = 0;
	unsigned place = 0;

	return !traced->was_unmatched_told && gather(traced, marks) == SOME &&
	       next_unmatched(traced, marks, &at, &place);
}

void jem_traced_tell_unmatched(struct jem_traced *traced)
{
	uint8_t marks[JEM_IMAGE_MARKS];
	const char *pattern;
	size_t at = 0;
	unsigned place = 0;

	if (traced->was_unmatched_told || gather(traced, marks) != ALL)
		return;
	traced->was_unmatched_told = true;
	while ((pattern = next_unmatched(traced, marks, &at, &place)))
		traced->shared->on_unmatched(traced->shared->arg, traced->modules[0].info.path,
					     pattern);
}
