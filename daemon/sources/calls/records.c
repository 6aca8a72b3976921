/* SPDX-License-Identifier: Apache-2.0 */
/* One record into a row: where it was, what belongs together, what the values are. */
#include "daemon/sources/calls/traced.h"

#include <errno.h>
#include <string.h>

enum {
	NOTE_MAX = 160,
	LOOK_EVERY = 16,    /* rows */
	FUNCTION_BITS = 22, /* of a pairing's function: the rest is the module */
};

#define LATE_NS     1000000000ull /* a pass may take its time */
#define AGE_MAX_NS  (1ull << 52)  /* 52 days */
#define NO_FUNCTION UINT32_MAX    /* of all sites without a name: paired by their frames alone */

/* What a record turned out to be. */
struct event {
	const struct jem_ring_entry *entry;
	struct jem_traced_known *known; /* of its site; NULL: it has none */
	struct jem_plan_found found;    /* image NULL: not known */
	bool is_exit;
	bool is_unknown; /* recorded before the plan was there */
	struct jem_pairing_event pairing;
	struct jem_pairing_result pair;
};

/*
 * When it was, as far as that can be: not later than now, nor so long ago that the distance to other rows
 * would be no number that every reader of JSON takes.
 */
uint64_t jem_traced_time(const struct jem_traced *traced, uint64_t ticks)
{
	uint64_t mono_ns = traced->rings.header.clock == JEM_RING_TSC
				   ? jem_ticks_to_ns(&traced->shared->ticks, ticks)
				   : ticks;
	uint64_t latest = traced->shared->now_ns + LATE_NS;
	uint64_t earliest = latest > AGE_MAX_NS ? latest - AGE_MAX_NS : 0;

	if (mono_ns > latest)
		return latest;
	return mono_ns < earliest ? earliest : mono_ns;
}

/* Whether the symbols of the module that has an address are still to come. */
static bool is_awaited(const struct jem_traced *traced, uint64_t address)
{
	for (uint32_t i = 0; i < traced->module_count; i++) {
		const struct jem_traced_module *module = &traced->modules[i];

		if (address >= module->info.start && address < module->info.end && !module->is_gone)
			return module->wait == JEM_MODULE_WAITS && !module->image;
	}
	/* A module that the process has not told of yet: it does so soon. */
	return traced->module_count == 0;
}

/* Whether the function of a site that was recorded in ignorance is one to be recorded. */
static bool is_selected(const struct jem_traced *traced, const struct jem_plan_found *found)
{
	const struct jem_calls_image *image = (const struct jem_calls_image *)found->image;

	return jem_calls_settings_select(traced->settings, image->path, found->image,
					 found->function);
}

/* Whether a place is of the key. If not, it is of it from now on, and empty. */
static bool is_known(const struct jem_traced *traced, uint64_t key, struct jem_traced_known *known)
{
	uint64_t change = traced->shared->changes + 1;

	if (known->key == key && known->token == traced->token && known->change == change)
		return true;
	*known = (struct jem_traced_known){ .token = traced->token, .key = key, .change = change };
	return false;
}

static uint32_t pairing_function(const struct jem_plan_found *found)
{
	return found->image ? found->module << FUNCTION_BITS ^ found->function : NO_FUNCTION;
}

static struct jem_traced_known *site_of(const struct jem_traced *traced, uint32_t site)
{
	struct jem_traced_known *known = jem_traced_known_site(traced->shared->sites, site);

	if (is_known(traced, site, known))
		return known;
	if (!jem_plan_file_find_site(traced->plan, site, &known->found) || !known->found.site ||
	    !known->found.function)
		memset(&known->found, 0, sizeof(known->found));
	known->function = pairing_function(&known->found);
	known->flags = known->found.site ? known->found.site->flags : 0;
	return known;
}

/* 0: known; -EAGAIN: not yet; -ENOENT: not to be recorded. */
static int resolve(const struct jem_traced *traced, struct event *event, bool may_wait)
{
	const struct jem_ring_record *record = &event->entry->record;

	event->is_exit = record->kind == JEM_RECORD_EXIT || record->kind == JEM_RECORD_UNKNOWN_EXIT;
	event->is_unknown =
		record->kind == JEM_RECORD_UNKNOWN_ENTER || record->kind == JEM_RECORD_UNKNOWN_EXIT;
	if (!event->is_unknown) {
		event->known = site_of(traced, record->site);
		event->found = event->known->found;
		return 0;
	}
	if (jem_plan_file_find_address(traced->plan, record->site_pc, &event->found) &&
	    event->found.site && event->found.function)
		return is_selected(traced, &event->found) ? 0 : -ENOENT;
	memset(&event->found, 0, sizeof(event->found));
	return may_wait && is_awaited(traced, record->site_pc) ? -EAGAIN : 0;
}

/* Code that several functions share has the name of one; what its plan says is of that one's variables. */
static void name_by_enter(struct event *event)
{
	const struct jem_frame *enter = event->pair.enter;

	if (!enter || !event->found.image || enter->function == event->pairing.function ||
	    enter->function == NO_FUNCTION)
		return;
	event->found.function = (enter->function ^ event->found.module << FUNCTION_BITS) &
				((1u << FUNCTION_BITS) - 1);
	event->found.site = NULL;
}

/* An exit is taken from its thread's stack; an enter is put there when its row is done. */
static void pair(struct jem_traced_thread *thread, struct event *event)
{
	const struct jem_ring_record *record = &event->entry->record;
	const struct jem_plan_found *found = &event->found;
	uint32_t site_flags = found->site ? found->site->flags : 0;

	event->pairing.frame = record->frame;
	event->pairing.function = pairing_function(found);
	event->pairing.site = record->site;
	event->pairing.is_elsewhere = record->flags & JEM_RECORD_LIVE_SP;
	event->pairing.is_inlined = site_flags & JEM_SITE_INLINED;
	event->pairing.is_tail = record->flags & JEM_RECORD_TAIL_EXIT;
	event->pairing.values = event->entry->site_words ? event->entry->site : NULL;
	event->pairing.value_count = event->entry->site_words;
	if (event->is_exit) {
		jem_pairing_exit(&thread->pairing, &event->pairing, &event->pair);
		name_by_enter(event);
	} else {
		jem_pairing_unwind(&thread->pairing, &event->pairing, &event->pair);
	}
}

/* --- who called ------------------------------------------------------------------------------- */

/* The call site of an enter of a physical function, where the caller is instrumented. */
static const struct jem_image_callsite *callsite_of(const struct jem_traced *traced,
						    const struct event *event,
						    struct jem_plan_found *found,
						    struct jem_row_places **names)
{
	const struct jem_ring_entry *entry = event->entry;
	struct jem_traced_known *known =
		jem_traced_known_caller(traced->shared->callers, entry->record.callsite);

	if (entry->caller_site &&
	    jem_plan_file_find_site(traced->plan, entry->caller_site, found) && found->callsite)
		return found->callsite;
	if (!is_known(traced, entry->record.callsite, known) &&
	    !jem_plan_file_find_address(traced->plan, entry->record.callsite, &known->found))
		memset(&known->found, 0, sizeof(known->found));
	*found = known->found;
	*names = &known->caller;
	return found->callsite;
}

static void add_caller(const struct jem_traced *traced, const struct event *event,
		       struct jem_plan_found *found, struct jem_row *row)
{
	const struct jem_image_site *site = event->found.site;
	const struct jem_image_callsite *callsite;

	memset(found, 0, sizeof(*found));
	if (event->is_exit)
		return;
	if (site && (site->flags & JEM_SITE_INLINED)) {
		if (!site->caller)
			return;
		row->caller_image = event->found.image;
		row->caller_key = site;
		row->caller_function = site->caller;
		row->caller_file = site->caller_file;
		row->caller_line = site->caller_line;
		row->caller_names = event->known ? &event->known->caller : NULL;
		return;
	}
	callsite = callsite_of(traced, event, found, &row->caller_names);
	if (!callsite || !callsite->function) {
		memset(found, 0, sizeof(*found));
		return;
	}
	row->caller_image = found->image;
	row->caller_key = callsite;
	row->caller_function = callsite->function;
	row->caller_file = callsite->file;
	row->caller_line = callsite->line;
}

/* --- values ----------------------------------------------------------------------------------- */

static void add_list(struct jem_traced *traced, const struct jem_value_request *request,
		     unsigned role, enum jem_row_item item)
{
	struct jem_traced_shared *shared = traced->shared;

	(void)jem_value_list(shared->values, request, role, jem_rows_item(shared->rows, item));
}

static void add_caller_values(struct jem_traced *traced, const struct jem_pairing *pairing,
			      const struct jem_ring_entry *entry,
			      const struct jem_plan_found *caller)
{
	const struct jem_frame *outer = jem_pairing_top(pairing);
	struct jem_value_part part;
	struct jem_value_part kept;
	struct jem_value_request request = { .part = &part };
	struct jem_plan_found found;

	if (!entry->caller_words || !caller->callsite)
		return;
	part = jem_value_part_of_callsite(caller->image, caller->callsite, entry->caller,
					  entry->caller_words);
	request.call_line = caller->callsite->line;
	/* Its own arguments at its entry, where we have seen that. */
	if (outer && outer->kept_count &&
	    jem_plan_file_find_site(traced->plan, outer->site, &found) && found.site &&
	    found.image == caller->image && found.function == caller->callsite->function) {
		kept = jem_value_part_of_site(found.image, found.site, pairing->kept + outer->kept,
					      outer->kept_count);
		request.entry = &kept;
	}
	add_list(traced, &request, JEM_SLOT_CALLER_LOCAL, JEM_ROW_CALLER_LOCALS);
}

static void add_exit_values(struct jem_traced *traced, const struct event *event,
			    struct jem_value_request *request)
{
	struct jem_traced_shared *shared = traced->shared;
	const struct jem_image *image = event->found.image;
	struct jem_value_part kept;
	struct jem_plan_found found;

	/* What it is called tells whether its return value may be shown. */
	if (event->found.function)
		request->function =
			jem_image_string(image, image->functions[event->found.function].name);
	if (event->pair.enter && event->pair.values &&
	    jem_plan_file_find_site(traced->plan, event->pair.enter->site, &found) && found.site) {
		kept = jem_value_part_of_site(found.image, found.site, event->pair.values,
					      event->pair.enter->kept_count);
		request->entry = &kept;
	}
	add_list(traced, request, JEM_SLOT_ARGUMENT, JEM_ROW_ARGS);
	add_list(traced, request, JEM_SLOT_LOCAL, JEM_ROW_LOCALS);
	(void)jem_value_return(shared->values, request,
			       jem_rows_item(shared->rows, JEM_ROW_RETURN));
	request->entry = NULL;
}

static void add_values(struct jem_traced *traced, const struct jem_pairing *pairing,
		       const struct event *event, const struct jem_plan_found *caller)
{
	const struct jem_ring_entry *entry = event->entry;
	struct jem_value_part part;
	struct jem_value_request request = { .part = &part };

	if (!event->is_exit)
		add_caller_values(traced, pairing, entry, caller);
	if (!entry->site_words || !event->found.site)
		return;
	part = jem_value_part_of_site(event->found.image, event->found.site, entry->site,
				      entry->site_words);
	if (event->is_exit) {
		add_exit_values(traced, event, &request);
		return;
	}
	add_list(traced, &request, JEM_SLOT_ARGUMENT, JEM_ROW_ARGS);
	if (event->found.site->flags & JEM_SITE_INLINED) {
		request.call_line = event->found.site->caller_line;
		add_list(traced, &request, JEM_SLOT_CALLER_LOCAL, JEM_ROW_CALLER_LOCALS);
	}
}

/* --- notes ------------------------------------------------------------------------------------ */

static void add_note(struct jem_traced *traced, const struct event *event)
{
	char text[NOTE_MAX] = "";
	size_t len = 0;

	if (event->entry->record.flags & JEM_RECORD_GAP)
		len += (size_t)snprintf(text, sizeof(text), "records before it were dropped");
	if (event->pair.unwound)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%s%u calls around it ended without an exit",
					len ? "; " : "", event->pair.unwound);
	if (event->is_unknown && traced->settings->has_values)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%svalues are not yet planned", len ? "; " : "");
	if (len)
		jem_cbor_text(jem_rows_item(traced->shared->rows, JEM_ROW_NOTE), text, len);
}

/*
 * A process counts the calls of functions that it knows, or knows by the time they end. Those that it
 * recorded in ignorance from enter to exit are counted here, on the path of those around them.
 */
static void count_unknown(struct jem_traced *traced, struct jem_traced_thread *thread,
			  struct event *event, uint64_t duration_ns)
{
	struct jem_profile *profile = traced->shared->profile;
	const struct jem_frame *frame =
		event->is_exit ? event->pair.enter : jem_pairing_top(&thread->pairing);

	if (event->is_exit) {
		jem_pairing_add_inner(&thread->pairing, duration_ns);
		if (event->is_unknown && frame && frame->node)
			jem_profile_count(
				profile, frame->node, duration_ns,
				duration_ns > frame->inner_ns ? duration_ns - frame->inner_ns : 0);
	} else if (event->is_unknown && event->found.image) {
		event->pairing.node = jem_profile_node(
			profile,
			jem_traced_profile_place(traced, event->found.image, event->found.function),
			frame ? frame->node : 0);
	}
}

int jem_traced_record(struct jem_traced *traced, struct jem_traced_thread *thread,
		      const struct jem_ring_entry *entry, bool may_wait)
{
	struct jem_traced_shared *shared = traced->shared;
	struct event event = { .entry = entry };
	struct jem_plan_found caller;
	struct jem_row row;
	uint64_t duration_ns = 0;
	int status;

	if (entry->record.kind == JEM_RECORD_JUMP) {
		jem_pairing_jump(&thread->pairing, entry->record.frame,
				 entry->record.flags & JEM_RECORD_LIVE_SP);
		return 0;
	}
	status = resolve(traced, &event, may_wait);
	if (status == -EAGAIN)
		return status;
	if (status < 0) {
		traced->unselected++;
		return 0;
	}
	event.pairing.mono_ns = jem_traced_time(traced, entry->record.ticks);
	pair(thread, &event);
	row = (struct jem_row){
		.mono_ns = event.pairing.mono_ns,
		.pid = jem_traced_pid(traced),
		.tid = thread->tid,
		.depth = event.pair.depth,
		.is_exit = event.is_exit,
		.image = event.found.image,
		.function = event.found.function,
		.address = entry->record.site_pc,
		.names = event.found.image && event.known ? &event.known->names : NULL,
	};
	add_caller(traced, &event, &caller, &row);
	jem_rows_add(shared->rows, &row);
	traced->rows++;
	if (event.is_exit && event.pair.enter && row.mono_ns >= event.pair.enter->mono_ns) {
		duration_ns = row.mono_ns - event.pair.enter->mono_ns;
		jem_rows_set_duration(shared->rows, duration_ns);
	}
	count_unknown(traced, thread, &event, duration_ns);
	add_values(traced, &thread->pairing, &event, &caller);
	add_note(traced, &event);
	if (!event.is_exit)
		(void)jem_pairing_push(&thread->pairing, &event.pairing);
	/* Rows without values are all alike: their bytes are looked at now and then. */
	if (shared->rows->n % LOOK_EVERY && shared->rows->n < JEM_ROWS_MAX && !entry->site_words &&
	    !entry->caller_words)
		return 0;
	if (jem_rows_is_full(shared->rows))
		shared->on_full(shared->arg);
	return 0;
}
