/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/dump.h"

#include "tracer/symbols/image.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const char *name_of(const struct jem_image *image, uint32_t function)
{
	return function < image->function_count
		       ? jem_image_string(image, image->functions[function].name)
		       : "?";
}

static void dump_head(const struct jem_image *image, FILE *out)
{
	static const char *const flags[] = { "no debug data", "not traced", "incomplete",
					     "foreign debug data" };
	const struct jem_image_header *header = image->header;

	fprintf(out, "build-id\t");
	for (uint32_t i = 0; i < header->build_id_len; i++)
		fprintf(out, "%02x", header->build_id[i]);
	fprintf(out, "\nflags\t");
	for (unsigned i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (header->flags & 1u << i)
			fprintf(out, "[%s]", flags[i]);
	fprintf(out, "\nnote\t%s\n", jem_image_string(image, header->note));
	fprintf(out, "count\tfunctions %zu sites %zu callsites %zu ops %zu slots %zu types %zu\n",
		image->function_count, image->site_count, image->callsite_count, image->code_count,
		image->slot_count, image->type_count);
}

static void dump_functions(const struct jem_image *image, FILE *out)
{
	for (size_t i = 1; i < image->function_count; i++) {
		const struct jem_image_function *f = &image->functions[i];

		fprintf(out, "function\t%zu\t%#" PRIx64 "\t%s%s\t%s\t%s\t%s\t%s:%u\n", i,
			f->address, f->flags & JEM_FUNCTION_INCLUDED ? "included" : "excluded",
			f->flags & JEM_FUNCTION_METHOD ? ",method" : "",
			jem_image_string(image, f->name), jem_image_string(image, f->signature),
			jem_image_string(image, f->linkage_name), jem_image_string(image, f->file),
			f->line);
	}
}

/* Of each variable why it has no value, or where its value is. */
static void dump_slots(const struct jem_image *image, uint32_t first, uint32_t count, FILE *out)
{
	static const char *const roles[] = { "", "argument", "local", "return", "caller's" };
	static const char *const reasons[] = {
#define MISSING(name, word) word,
		JEM_MISSING_REASONS(MISSING)
#undef MISSING
	};

	for (uint32_t i = 0; i < count; i++) {
		const struct jem_image_slot *slot = &image->slots[first + i];

		if (slot->parent || slot->role >= sizeof(roles) / sizeof(*roles))
			continue;
		fprintf(out, "slot\t%s\t%s\t%s\t%s\n", roles[slot->role],
			jem_image_string(image, slot->name),
			jem_image_string(image, image->types[slot->type].name),
			slot->missing                     ? reasons[slot->missing]
			: slot->fixed == JEM_SLOT_IN_CELL ? "[cell]"
							  : "[words]");
	}
}

static void dump_sites(const struct jem_image *image, FILE *out)
{
	for (size_t i = 0; i < image->site_count; i++) {
		const struct jem_image_site *s = &image->sites[i];

		fprintf(out, "site\t%#" PRIx64 "\t%s%s%s\t%u\t%s\tops %u slots %u\t%s\t%s:%u\n",
			s->pc, s->flags & JEM_SITE_EXIT ? "exit" : "enter",
			s->flags & JEM_SITE_TAIL ? ",tail" : "",
			s->flags & JEM_SITE_INLINED ? ",inlined" : "", s->function,
			name_of(image, s->function), s->code_count, s->slot_count,
			s->caller ? name_of(image, s->caller) : "-",
			jem_image_string(image, s->caller_file), s->caller_line);
		dump_slots(image, s->slot, s->slot_count, out);
	}
	for (size_t i = 0; i < image->callsite_count; i++) {
		const struct jem_image_callsite *c = &image->callsites[i];

		fprintf(out, "callsite\t%#" PRIx64 "\t%u\t%s\tops %u slots %u\t%s:%u\n", c->pc,
			c->function, name_of(image, c->function), c->code_count, c->slot_count,
			jem_image_string(image, c->file), c->line);
		dump_slots(image, c->slot, c->slot_count, out);
	}
}

static void dump_types(const struct jem_image *image, FILE *out)
{
	for (size_t i = 1; i < image->type_count; i++) {
		const struct jem_image_type *t = &image->types[i];

		fprintf(out, "type\t%zu\t%s\tkind %u size %u target %u count %u where %d%s\n", i,
			jem_image_string(image, t->name), t->kind, t->size, t->target, t->count,
			(int)t->where, t->is_incomplete ? " incomplete" : "");
		for (uint32_t m = 0; m < t->member_count; m++) {
			const struct jem_image_member *member = &image->members[t->members + m];

			fprintf(out, "member\t%zu\t%s\ttype %u at %" PRIi64 " bits %u flags %u\n",
				i, jem_image_string(image, member->name), member->type,
				member->value, member->bits, member->flags);
		}
	}
}

int jem_dump_image(int fd, FILE *out, struct jem_err *err)
{
	struct jem_image image;
	struct stat st;
	void *bytes;
	int rc;

	if (fstat(fd, &st) < 0 || !st.st_size)
		return jem_err_set(err, -EIO, "no image");
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return jem_err_set(err, -errno, "the image cannot be mapped");
	rc = jem_image_open(&image, bytes, (size_t)st.st_size, err);
	if (!rc) {
		dump_head(&image, out);
		dump_functions(&image, out);
		dump_sites(&image, out);
		dump_types(&image, out);
	}
	munmap(bytes, (size_t)st.st_size);
	return rc;
}
