/* SPDX-License-Identifier: Apache-2.0 */
#include "tracer/symbols/plan_file.h"

#include "tracer/symbols/plan_file_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where areas begin: after the header, and so that no plan has index 0, which means none. */
#define AREAS_FROM 128u
#define CODE_FROM  sizeof(struct jem_plan_header)

enum {
	SPREADS_MAX = 3
};

static struct jem_plan_header *header_of(struct jem_plan_file *file)
{
	return (struct jem_plan_header *)(void *)file->bytes;
}

static void store(uint32_t *shared, uint32_t value)
{
	__atomic_store_n(shared, value, __ATOMIC_RELAXED);
}

static void store_long(uint64_t *shared, uint64_t value)
{
	__atomic_store_n(shared, value, __ATOMIC_RELAXED);
}

/* A change: odd while it is under way. Pairs with the job, which reads it before and after the fields. */
static void begin_change(struct jem_plan_file *file)
{
	store(&header_of(file)->generation, ++file->generation);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void end_change(struct jem_plan_file *file)
{
	__atomic_store_n(&header_of(file)->generation, ++file->generation, __ATOMIC_RELEASE);
}

/* The header's fields as they are now; between begin_change and end_change. */
static void write_header(struct jem_plan_file *file)
{
	struct jem_plan_header *header = header_of(file);

	store(&header->state, file->settings.state);
	store(&header->process_limit, file->settings.process_limit);
	store(&header->guard, file->settings.guard);
	store(&header->record_bytes, file->settings.record_bytes);
	store(&header->function_count, file->functions.bytes ? file->function_count : 0);
	store_long(&header->functions_offset, file->functions.offset);
	store_long(&header->sites_offset, file->table.buckets ? file->table.area.offset : 0);
	store(&header->site_mask, file->table.buckets ? file->table.buckets - 1 : 0);
}

int jem_plan_file_create(void *bytes, size_t len, const struct jem_plan_settings *settings,
			 struct jem_plan_file **ret)
{
	struct jem_plan_file *file;
	struct jem_plan_header *header;

	if (len < AREAS_FROM + JEM_PLAN_SPACE_UNIT)
		return -EINVAL;
	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	*file = (struct jem_plan_file){
		.bytes = bytes,
		.len = len,
		.settings = *settings,
		.function_count = 1,
		.next_site = 1,
	};
	if (jem_plan_space_init(&file->space, AREAS_FROM, len) < 0) {
		free(file);
		return -ENOMEM;
	}
	header = header_of(file);
	begin_change(file);
	memcpy(header->magic, JEM_PLAN_MAGIC, sizeof(header->magic));
	store(&header->version, JEM_RING_VERSION);
	store_long(&header->file_bytes, len);
	store_long(&header->code_offset, CODE_FROM);
	store_long(&header->code_count, (len - CODE_FROM) / sizeof(struct jem_plan_op));
	write_header(file);
	end_change(file);
	*ret = file;
	return 0;
}

void jem_plan_file_destroy(struct jem_plan_file *file)
{
	if (!file)
		return;
	for (uint32_t i = 0; i < file->module_count; i++)
		free(file->modules[i].buckets);
	free(file->modules);
	jem_plan_table_deinit(&file->table);
	jem_plan_space_deinit(&file->space);
	free(file);
}

static bool is_included(const struct jem_plan_file *file, const struct jem_image *image,
			uint32_t function)
{
	if (file->select)
		return file->select(file->user, image, function);
	return image->functions[function].flags & JEM_FUNCTION_INCLUDED;
}

static uint32_t plan_index(const struct jem_plan_module *module, uint32_t code, uint32_t code_count)
{
	uint64_t first = (module->code.offset - CODE_FROM) / sizeof(struct jem_plan_op);

	return code_count && module->code.bytes ? (uint32_t)first + code : 0;
}

/* The entry of the i-th site, or call site beyond them. False: it needs none. */
static bool make_entry(const struct jem_plan_file *file, const struct jem_plan_module *module,
		       uint32_t i, struct jem_plan_site *ret)
{
	const struct jem_image *image = module->image;

	*ret = (struct jem_plan_site){ .site = module->first_site + i, .module = module->number };
	if (i < image->site_count) {
		const struct jem_image_site *site = &image->sites[i];

		ret->key = site->pc + module->bias;
		ret->function = site->function ? module->first_function + site->function - 1 : 0;
		ret->plan = plan_index(module, site->code, site->code_count);
		ret->fixed_words = ret->plan ? site->fixed_words : 0;
		ret->flags = site->flags & ~(uint32_t)JEM_SITE_INCLUDED;
		if (site->function && is_included(file, image, site->function))
			ret->flags |= JEM_SITE_INCLUDED;
		return true;
	}
	i -= (uint32_t)image->site_count;
	ret->key = image->callsites[i].pc + module->bias;
	ret->flags = JEM_SITE_CALLSITE;
	ret->plan = plan_index(module, image->callsites[i].code, image->callsites[i].code_count);
	ret->fixed_words = image->callsites[i].fixed_words;
	return ret->plan != 0;
}

/* How many found no bucket near enough to their place. */
static uint32_t put_entries(struct jem_plan_file *file, struct jem_plan_table *table,
			    struct jem_plan_module *module)
{
	uint32_t left_out = 0;

	for (uint32_t i = 0; i < jem_plan_entry_count(module->image); i++) {
		struct jem_plan_site entry;

		module->buckets[i] = JEM_PLAN_NO_BUCKET;
		if (!make_entry(file, module, i, &entry))
			continue;
		module->buckets[i] = jem_plan_table_put(table, &entry);
		left_out += module->buckets[i] == JEM_PLAN_NO_BUCKET;
	}
	return left_out;
}

static uint32_t put_all(struct jem_plan_file *file, struct jem_plan_table *table)
{
	uint32_t left_out = 0;

	for (uint32_t i = 0; i < file->module_count; i++)
		if (file->modules[i].is_open)
			left_out += put_entries(file, table, &file->modules[i]);
	return left_out;
}

static void copy_code(struct jem_plan_file *file, const struct jem_plan_module *module)
{
	const struct jem_image *image = module->image;
	struct jem_plan_op *to = (struct jem_plan_op *)(void *)(file->bytes + module->code.offset);

	for (size_t i = 0; i < image->code_count; i++) {
		to[i] = image->code[i];
		if (jem_plan_op_words(image->code[i].op) == 2 && i + 1 < image->code_count) {
			uint64_t value;

			memcpy(&value, &image->code[i + 1], sizeof(value));
			if (image->code[i].op == JEM_OP_CONST64 && image->code[i].b == 1)
				value += module->bias;
			memcpy(&to[++i], &value, sizeof(value));
		}
	}
}

/* What a change needs, taken before anything is written, so that it is all or nothing. */
struct change {
	struct jem_plan_area functions; /* 0 bytes: those there are large enough */
	struct jem_plan_area code;
	struct jem_plan_table table; /* no buckets: the one there is takes it in */
	uint32_t *buckets;
	bool lacks_code;
};

static void drop_change(struct jem_plan_file *file, struct change *change)
{
	jem_plan_space_give(&file->space, change->functions, 0);
	jem_plan_space_give(&file->space, change->code, 0);
	jem_plan_space_give(&file->space, change->table.area, 0);
	jem_plan_table_deinit(&change->table);
	free(change->buckets);
}

static uint64_t live_entries(const struct jem_plan_file *file,
			     const struct jem_plan_module *without)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < file->module_count; i++)
		if (file->modules[i].is_open && &file->modules[i] != without)
			sum += jem_plan_entry_count(file->modules[i].image);
	return sum;
}

static int make_table(struct jem_plan_file *file, uint32_t buckets, uint64_t now_ns,
		      struct jem_plan_table *ret)
{
	struct jem_plan_area area;
	int status = jem_plan_space_take(&file->space, buckets * sizeof(struct jem_plan_site),
					 now_ns, &area);

	if (status < 0)
		return status;
	status = jem_plan_table_init(ret, file->bytes, area, buckets);
	if (status < 0)
		jem_plan_space_give(&file->space, area, 0);
	return status;
}

/* A table for so many entries, with room for as many again where the file has it. */
static int take_table(struct jem_plan_file *file, uint64_t entries, uint64_t now_ns,
		      struct jem_plan_table *ret)
{
	uint32_t least = jem_plan_table_buckets(entries);
	int status = -ENOSPC;

	for (uint32_t buckets = jem_plan_table_buckets(entries * 2);
	     status == -ENOSPC && buckets >= least && buckets; buckets /= 2)
		status = make_table(file, buckets, now_ns, ret);
	return status;
}

static int take_functions(struct jem_plan_file *file, uint64_t count, uint64_t now_ns,
			  struct jem_plan_area *ret)
{
	uint64_t size = sizeof(struct jem_plan_function);

	if (count * size <= file->functions.bytes)
		return 0;
	if (jem_plan_space_take(&file->space, count * size * 2, now_ns, ret) == 0)
		return 0;
	return jem_plan_space_take(&file->space, count * size, now_ns, ret);
}

/* `function_count`: ids that there will be. */
static int take_change(struct jem_plan_file *file, const struct jem_image *image,
		       uint32_t function_count, const struct jem_plan_module *old, uint64_t now_ns,
		       struct change *ret)
{
	struct change change = { 0 };
	uint32_t entries = jem_plan_entry_count(image);
	int status = 0;

	change.buckets = calloc(entries ? entries : 1, sizeof(*change.buckets));
	if (!change.buckets)
		return -ENOMEM;
	/* What replaces another takes its place at one instant, so in a new table. */
	if (old || !jem_plan_table_has_room(&file->table, entries))
		status = take_table(file, live_entries(file, old) + entries, now_ns, &change.table);
	if (status == 0)
		status = take_functions(file, function_count, now_ns, &change.functions);
	if (status < 0) {
		drop_change(file, &change);
		return status;
	}
	change.lacks_code =
		jem_plan_space_take(&file->space, image->code_count * sizeof(*image->code), now_ns,
				    &change.code) < 0;
	*ret = change;
	return 0;
}

static struct jem_plan_module *find_module(struct jem_plan_file *file, uint32_t number)
{
	for (uint32_t i = 0; i < file->module_count; i++)
		if (file->modules[i].is_open && file->modules[i].number == number)
			return &file->modules[i];
	return NULL;
}

/* Room for one module more: 0, -EOVERFLOW, -ENOMEM. Moves them. */
static int make_module_room(struct jem_plan_file *file, const struct jem_image *image)
{
	uint32_t cap = file->module_cap ? file->module_cap * 2 : 16;
	struct jem_plan_module *modules;

	if (file->module_count == JEM_PLAN_FILE_MODULES_MAX ||
	    image->site_count + image->callsite_count > UINT32_MAX - file->next_site ||
	    image->function_count > UINT32_MAX - file->function_count)
		return -EOVERFLOW;
	if (file->module_count < file->module_cap)
		return 0;
	modules = realloc(file->modules, cap * sizeof(*modules));
	if (!modules)
		return -ENOMEM;
	file->modules = modules;
	file->module_cap = cap;
	return 0;
}

/* Its entries are in no table any more. */
static void close_module(struct jem_plan_file *file, struct jem_plan_module *module,
			 uint64_t now_ns)
{
	jem_plan_space_give(&file->space, module->code, now_ns + JEM_PLAN_FILE_GRACE_NS);
	module->code = (struct jem_plan_area){ 0, 0 };
	free(module->buckets);
	module->buckets = NULL;
	module->is_open = false;
}

/* The same module at the same place, taken out and not yet forgotten: programs that open and close
 * a library in a loop. */
static bool revive(struct jem_plan_file *file, uint32_t number, const struct jem_image *image,
		   uint64_t bias)
{
	struct jem_plan_module *module = NULL;

	for (uint32_t i = 0; i < file->module_count && !module; i++) {
		struct jem_plan_module *one = &file->modules[i];

		if (!one->is_open && one->buckets && one->image == image && one->bias == bias)
			module = one;
	}
	if (!module || (image->code_count && !module->code.bytes))
		return false;
	begin_change(file);
	module->number = number;
	module->is_open = true;
	for (uint32_t i = 0; i < jem_plan_entry_count(image); i++) {
		struct jem_plan_site entry;

		if (module->buckets[i] != JEM_PLAN_NO_BUCKET && make_entry(file, module, i, &entry))
			jem_plan_table_restore(&file->table, module->buckets[i], &entry);
	}
	end_change(file);
	return true;
}

static void fill_functions(struct jem_plan_file *file, uint32_t from)
{
	struct jem_plan_function *functions =
		(struct jem_plan_function *)(void *)(file->bytes + file->functions.offset);

	for (uint32_t i = from; i < file->function_count && file->functions.bytes; i++) {
		store(&functions[i].limit, file->settings.function_limit);
		store(&functions[i].flags, 0);
	}
}

/*
 * Entries that crowd find no bucket near their place; in a table twice as large they do, unless somebody
 * has made debug data of that kind, which then loses those sites.
 */
static void spread(struct jem_plan_file *file, struct jem_plan_table *table, uint32_t left_out,
		   uint64_t now_ns)
{
	for (unsigned i = 0; i < SPREADS_MAX && left_out; i++) {
		struct jem_plan_table larger;

		if (table->buckets >= JEM_PLAN_TABLE_MAX ||
		    make_table(file, table->buckets * 2, now_ns, &larger) < 0)
			break;
		jem_plan_space_give(&file->space, table->area, 0); /* nobody has seen it */
		jem_plan_table_deinit(table);
		*table = larger;
		left_out = put_all(file, table);
	}
}

/* The new table with all that is there, or the module put into the old one. What is left of the old. */
static struct jem_plan_area fill_table(struct jem_plan_file *file, struct change *change,
				       struct jem_plan_module *module, uint64_t now_ns)
{
	struct jem_plan_area none = { 0, 0 };
	struct jem_plan_area old = file->table.area;

	if (!change->table.buckets && !put_entries(file, &file->table, module))
		return none;
	/* It crowds: a new table, if there is room for one. */
	if (!change->table.buckets &&
	    (file->table.buckets >= JEM_PLAN_TABLE_MAX ||
	     make_table(file, file->table.buckets * 2, now_ns, &change->table) < 0))
		return none;
	for (uint32_t i = 0; i < file->module_count; i++)
		if (!file->modules[i].is_open)
			close_module(file, &file->modules[i], now_ns);
	spread(file, &change->table, put_all(file, &change->table), now_ns);
	jem_plan_table_deinit(&file->table);
	file->table = change->table;
	return old;
}

/* All that was taken comes into force. `known`: function ids that were there; `old` is closed by it. */
static void apply_change(struct jem_plan_file *file, struct change *change, uint32_t known,
			 struct jem_plan_module *module, struct jem_plan_module *old,
			 uint64_t now_ns)
{
	uint64_t ready_ns = now_ns + JEM_PLAN_FILE_GRACE_NS;
	struct jem_plan_area old_functions = { 0, 0 };
	struct jem_plan_area old_table = { 0, 0 };

	module->buckets = change->buckets;
	module->code = change->code;
	if (change->code.bytes)
		copy_code(file, module);
	if (change->functions.bytes) {
		old_functions = file->functions;
		file->functions = change->functions;
		known = 0;
	}
	fill_functions(file, known);
	if (old)
		close_module(file, old, now_ns);
	old_table = fill_table(file, change, module, now_ns);
	begin_change(file);
	write_header(file);
	end_change(file);
	jem_plan_space_give(&file->space, old_functions, ready_ns);
	jem_plan_space_give(&file->space, old_table, ready_ns);
}

/* A module with this image that is not there any more: its ids are used on, wherever it lies now. */
static struct jem_plan_module *find_closed(struct jem_plan_file *file,
					   const struct jem_image *image)
{
	for (uint32_t i = 0; i < file->module_count; i++)
		if (!file->modules[i].is_open && file->modules[i].image == image)
			return &file->modules[i];
	return NULL;
}

static struct jem_plan_module *append_module(struct jem_plan_file *file,
					     const struct jem_image *image)
{
	struct jem_plan_module *module = &file->modules[file->module_count++];

	*module = (struct jem_plan_module){
		.image = image,
		.first_site = file->next_site,
		.first_function = file->function_count,
	};
	file->function_count += (uint32_t)image->function_count;
	file->next_site += jem_plan_entry_count(image);
	return module;
}

static int add_module(struct jem_plan_file *file, uint32_t number, const struct jem_image *image,
		      uint64_t bias, uint64_t now_ns)
{
	struct jem_plan_module *module = find_closed(file, image);
	uint32_t known = file->function_count;
	uint32_t more = module ? 0 : (uint32_t)image->function_count;
	struct jem_plan_module *old;
	struct change change;
	int status = module ? 0 : make_module_room(file, image);

	if (status < 0)
		return status;
	old = find_module(file, number);
	status = take_change(file, image, known + more, old, now_ns, &change);
	if (status < 0)
		return status;
	if (module)
		close_module(file, module, now_ns);
	else
		module = append_module(file, image);
	module->bias = bias;
	module->number = number;
	module->is_open = true;
	apply_change(file, &change, known, module, old, now_ns);
	return change.lacks_code;
}

int jem_plan_file_add(struct jem_plan_file *file, uint32_t number, const struct jem_image *image,
		      uint64_t bias, uint64_t now_ns, struct jem_err *err)
{
	int status;

	if (!find_module(file, number) && revive(file, number, image, bias))
		return 0;
	status = add_module(file, number, image, bias, now_ns);
	switch (status) {
	case -EOVERFLOW:
		return jem_err_set(err, status, "more modules than can be told apart");
	case -ENOSPC:
		return jem_err_set(err, status,
				   "no room in the plan file of %zu bytes for %u sites; include "
				   "fewer functions",
				   file->len, jem_plan_entry_count(image));
	case -ENOMEM:
		return jem_err_set(err, status, "no memory for %u sites",
				   jem_plan_entry_count(image));
	case 1:
		return jem_err_set(err, status,
				   "no room in the plan file of %zu bytes for %zu steps: no "
				   "values; include fewer functions",
				   file->len, image->code_count);
	default:
		return status;
	}
}

/* Closed modules keep their code for when they come back, but not more than an eighth of the file. */
static void forget_removed(struct jem_plan_file *file, uint64_t now_ns)
{
	uint64_t kept = 0;

	for (uint32_t i = file->module_count; i-- > 0;) {
		struct jem_plan_module *module = &file->modules[i];

		if (module->is_open || !module->buckets)
			continue;
		kept += module->code.bytes;
		if (kept > file->len / 8)
			close_module(file, module, now_ns);
	}
}

int jem_plan_file_remove(struct jem_plan_file *file, uint32_t number, uint64_t now_ns)
{
	struct jem_plan_module *module = find_module(file, number);

	if (!module)
		return -ENOENT;
	begin_change(file);
	for (uint32_t i = 0; i < jem_plan_entry_count(module->image); i++)
		if (module->buckets[i] != JEM_PLAN_NO_BUCKET)
			jem_plan_table_remove(&file->table, module->buckets[i]);
	end_change(file);
	module->is_open = false;
	forget_removed(file, now_ns);
	return 0;
}

void jem_plan_file_set(struct jem_plan_file *file, const struct jem_plan_settings *settings)
{
	begin_change(file);
	file->settings = *settings;
	fill_functions(file, 0);
	write_header(file);
	end_change(file);
}

void jem_plan_file_select(struct jem_plan_file *file, jem_plan_select_fn select, void *user)
{
	file->select = select;
	file->user = user;
	begin_change(file);
	for (uint32_t m = 0; m < file->module_count; m++) {
		struct jem_plan_module *module = &file->modules[m];

		for (uint32_t i = 0; module->is_open && i < module->image->site_count; i++) {
			struct jem_plan_site entry;

			if (module->buckets[i] == JEM_PLAN_NO_BUCKET)
				continue;
			make_entry(file, module, i, &entry);
			jem_plan_table_set_flags(&file->table, module->buckets[i], entry.flags);
		}
	}
	end_change(file);
}
