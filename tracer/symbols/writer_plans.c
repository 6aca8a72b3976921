/* SPDX-License-Identifier: Apache-2.0 */
/* writer_plans: plans of the sites that are traced, and of the calls that lead to them. */
#include "tracer/symbols/writer_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What a plan became in the image. */
struct placed {
	uint32_t code, code_count, slot, slot_count, fixed_words, flags;
};

struct plans {
	struct jem_build *build;
	struct jem_plan *scratch; /* owned */
	size_t count;
	uint64_t unsound_count;      /* variables, in all plans */
	struct jem_plan_reach reach; /* of the last plan, and what became of it */
	struct placed last;
	bool is_full;
};

static void place(struct plans *plans, struct placed *ret)
{
	struct jem_build *build = plans->build;
	const struct jem_plan *plan = plans->scratch;
	struct placed placed = { .code_count = plan->op_count,
				 .slot_count = plan->slot_count,
				 .fixed_words = plan->fixed_words,
				 .flags = plan->site_flags };

	if (!plan->op_count || plan->op_count > JEM_PLAN_OPS_MAX ||
	    plan->slot_count > JEM_PLAN_SLOTS_MAX)
		return;
	if (jem_pool_add(&build->code, plan->ops, plan->op_count, &placed.code) < 0 ||
	    (plan->slot_count &&
	     jem_pool_add(&build->slots, plan->slots, plan->slot_count, &placed.slot) < 0)) {
		plans->is_full = true;
		return;
	}
	*ret = placed;
}

/* The plan at `pc`, whose instruction has `inside`; false: there is none. */
static bool compile(struct plans *plans, enum jem_plan_kind kind, bool is_tail, uint64_t pc,
		    uint64_t inside, uint32_t scope, uint32_t line, struct placed *ret)
{
	struct jem_build *build = plans->build;
	uint32_t physical = jem_index_physical(build->index, scope);
	uint32_t parent;
	Dwarf_Die die, physical_die, caller;
	struct jem_plan_request request = { .debug = (struct jem_debug *)build->debug,
					    .types = build->types,
					    .limits = &build->options->limits,
					    .kind = kind,
					    .is_tail = is_tail,
					    .pc = pc,
					    .call_line = line,
					    .scope = &die,
					    .physical = &physical_die };
	int rc;

	if (!scope || plans->is_full)
		return false;
	parent = jem_index_scope(build->index, scope)->parent;
	die = jem_index_die(build->index, scope);
	physical_die = jem_index_die(build->index, physical);
	if (parent && kind == JEM_PLAN_ENTER) {
		caller = jem_index_die(build->index, parent);
		request.caller = &caller;
	}
	if (!jem_index_part(build->index, physical, inside, &request.function_start,
			    &request.function_end))
		return false;
	if (jem_plan_reaches(&plans->reach, &request)) {
		*ret = plans->last;
		return ret->code_count > 0;
	}
	if (plans->count++ == JEM_WRITER_PLANS) {
		plans->is_full = true;
		return false;
	}
	plans->scratch->op_count = plans->scratch->slot_count = 0;
	plans->scratch->fixed_words = plans->scratch->site_flags = 0;
	plans->reach.scope = NULL;
	rc = build->options->compile(&request, plans->scratch);
	if (rc < 0)
		return false;
	plans->unsound_count += (uint64_t)rc;
	*ret = (struct placed){ .code = 0 };
	place(plans, ret);
	plans->reach = plans->scratch->reach;
	plans->last = *ret;
	return ret->code_count > 0;
}

static void compile_site(struct plans *plans, size_t number)
{
	struct jem_build *build = plans->build;
	struct jem_image_site *site = &build->sites[number];
	uint32_t hook = build->site_hooks[number];
	const struct jem_hook *there = &build->hooks->list[hook];
	struct placed placed;

	if (!(build->functions[site->function].flags & JEM_FUNCTION_INCLUDED) ||
	    !compile(plans, there->is_exit ? JEM_PLAN_EXIT : JEM_PLAN_ENTER, there->is_jump,
		     there->is_jump ? there->inside : site->pc, there->inside,
		     build->hook_scopes[hook], 0, &placed))
		return;
	site->code = placed.code;
	site->code_count = placed.code_count;
	site->slot = placed.slot;
	site->slot_count = placed.slot_count;
	site->fixed_words = placed.fixed_words;
	site->flags |= placed.flags;
	build->functions[site->function].flags |= JEM_FUNCTION_VALUES;
}

static void compile_callsite(struct plans *plans, struct jem_image_callsite *callsite)
{
	struct jem_build *build = plans->build;
	struct placed placed;

	if (!compile(plans, JEM_PLAN_CALLSITE, false, callsite->pc, callsite->pc - 1,
		     jem_index_find(build->index, callsite->pc - 1), callsite->line, &placed))
		return;
	callsite->code = placed.code;
	callsite->code_count = placed.code_count;
	callsite->slot = placed.slot;
	callsite->slot_count = placed.slot_count;
	callsite->fixed_words = placed.fixed_words;
}

/* Hooks come first: with too little room for all it is the callers' values that are missing. */
int jem_build_plans(struct jem_build *build)
{
	struct plans plans = { .build = build, .scratch = malloc(sizeof(*plans.scratch)) };

	if (!plans.scratch)
		return -ENOMEM;
	for (size_t i = 0; i < build->site_count; i++)
		compile_site(&plans, i);
	for (size_t i = 0; i < build->callsite_count; i++)
		compile_callsite(&plans, &build->callsites[i]);
	free(plans.scratch);
	if (plans.unsound_count) {
		char text[96];

		snprintf(text, sizeof(text),
			 "%" PRIu64 " locations of variables are not to be understood",
			 plans.unsound_count);
		jem_build_note(build, 0, text);
	}
	if (plans.is_full)
		jem_build_note(
			build, JEM_IMAGE_INCOMPLETE,
			"too many traced functions for all values: name fewer in calls.include");
	return 0;
}
