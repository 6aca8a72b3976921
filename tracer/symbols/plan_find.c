/* SPDX-License-Identifier: Apache-2.0 */
/* plan_find: from the ids in records and edges back to the image (plan_file.h). */
#include "tracer/symbols/plan_file_internal.h"

/* The last module whose first site is not after the id: modules stand in the order of their ids. */
static const struct jem_plan_module *module_of_site(const struct jem_plan_file *file, uint32_t site)
{
	uint32_t low = 0;
	uint32_t high = file->module_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (file->modules[middle].first_site <= site)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &file->modules[low - 1] : NULL;
}

static void fill(const struct jem_plan_module *module, uint32_t entry, struct jem_plan_found *ret)
{
	const struct jem_image *image = module->image;

	*ret = (struct jem_plan_found){
		.image = image,
		.bias = module->bias,
		.module = module->number,
	};
	if (entry < image->site_count) {
		ret->site = &image->sites[entry];
		ret->function = ret->site->function;
	} else {
		ret->callsite = &image->callsites[entry - image->site_count];
		ret->function = ret->callsite->function;
	}
}

bool jem_plan_file_find_site(const struct jem_plan_file *file, uint32_t site,
			     struct jem_plan_found *ret)
{
	const struct jem_plan_module *module = module_of_site(file, site);

	if (!site || !module || site - module->first_site >= jem_plan_entry_count(module->image))
		return false;
	fill(module, site - module->first_site, ret);
	return true;
}

bool jem_plan_file_find_function(const struct jem_plan_file *file, uint32_t function,
				 struct jem_plan_found *ret)
{
	const struct jem_plan_module *module;
	uint32_t low = 0;
	uint32_t high = file->module_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (file->modules[middle].first_function <= function)
			low = middle + 1;
		else
			high = middle;
	}
	if (!function || !low)
		return false;
	module = &file->modules[low - 1];
	if (function - module->first_function + 1 >= module->image->function_count)
		return false;
	*ret = (struct jem_plan_found){
		.image = module->image,
		.bias = module->bias,
		.module = module->number,
		.function = function - module->first_function + 1,
	};
	return true;
}

bool jem_plan_file_find_address(const struct jem_plan_file *file, uint64_t address,
				struct jem_plan_found *ret)
{
	for (uint32_t i = 0; i < file->module_count; i++) {
		const struct jem_plan_module *module = &file->modules[i];
		const struct jem_image_site *site = NULL;
		const struct jem_image_callsite *callsite = NULL;
		uint64_t pc = address - module->bias;

		if (!module->is_open)
			continue;
		site = jem_image_find_site(module->image, pc);
		if (!site)
			callsite = jem_image_find_callsite(module->image, pc);
		if (!site && !callsite)
			continue;
		fill(module,
		     site ? (uint32_t)(site - module->image->sites)
			  : (uint32_t)(module->image->site_count +
				       (size_t)(callsite - module->image->callsites)),
		     ret);
		return true;
	}
	return false;
}

void jem_plan_file_usage(const struct jem_plan_file *file, struct jem_plan_usage *ret)
{
	struct jem_plan_usage usage = {
		.bytes = file->len,
		.free_bytes = jem_plan_space_free_bytes(&file->space),
		.buckets = file->table.buckets,
	};

	for (uint32_t i = 0; i < file->module_count; i++) {
		const struct jem_plan_module *module = &file->modules[i];

		if (!module->is_open)
			continue;
		usage.modules++;
		for (uint32_t n = 0; n < jem_plan_entry_count(module->image); n++)
			usage.sites += module->buckets[n] != JEM_PLAN_NO_BUCKET;
	}
	*ret = usage;
}
