/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sources/calls/pairing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	FRAMES_FIRST = 64,
	KEPT_FIRST = 256
};

void jem_pairing_init(struct jem_pairing *pairing)
{
	memset(pairing, 0, sizeof(*pairing));
}

void jem_pairing_deinit(struct jem_pairing *pairing)
{
	free(pairing->frames);
	free(pairing->kept);
	jem_pairing_init(pairing);
}

void jem_pairing_clear(struct jem_pairing *pairing)
{
	pairing->count = 0;
	pairing->beyond = 0;
	pairing->kept_count = 0;
	pairing->jumped = 0;
}

/* Takes the frames from `count` on away; what they kept goes with them. */
static void cut(struct jem_pairing *pairing, uint32_t count)
{
	if (count >= pairing->count)
		return;
	pairing->kept_count = pairing->frames[count].kept;
	pairing->count = count;
	pairing->beyond = 0;
}

/* Whether a frame cannot be there any more when another runs at `frame`. */
static bool is_gone(const struct jem_frame *frame, const struct jem_pairing_event *event,
		    bool is_equal_gone)
{
	if (frame->is_elsewhere || event->is_elsewhere)
		return false;
	return is_equal_gone ? frame->frame <= event->frame : frame->frame < event->frame;
}

static int grow(void **list, uint32_t *cap, uint32_t needed, uint32_t first, size_t size)
{
	uint32_t larger = *cap ? *cap : first;
	void *moved;

	if (needed <= *cap)
		return 0;
	while (larger < needed)
		larger *= 2;
	moved = reallocarray(*list, larger, size);
	if (!moved)
		return -ENOMEM;
	*list = moved;
	*cap = larger;
	return 0;
}

static void keep(struct jem_pairing *pairing, struct jem_frame *frame,
		 const struct jem_pairing_event *event)
{
	uint32_t count = event->values ? event->value_count : 0;

	frame->kept = pairing->kept_count;
	if (!count || count > JEM_PAIRING_KEPT_WORDS - pairing->kept_count ||
	    grow((void **)&pairing->kept, &pairing->kept_cap, pairing->kept_count + count,
		 KEPT_FIRST, sizeof(*pairing->kept)) < 0)
		return;
	memcpy(pairing->kept + frame->kept, event->values, count * sizeof(*event->values));
	frame->kept_count = count;
	pairing->kept_count += count;
}

void jem_pairing_jump(struct jem_pairing *pairing, uint64_t frame, bool is_elsewhere)
{
	uint32_t count = pairing->count;

	while (count) {
		const struct jem_frame *top = &pairing->frames[count - 1];

		/* On the thread's own stack all that ran on another is over. */
		if (is_elsewhere ? !top->is_elsewhere || top->frame >= frame
				 : !top->is_elsewhere && top->frame >= frame)
			break;
		count--;
	}
	pairing->jumped += pairing->count - count + (count < pairing->count ? pairing->beyond : 0);
	cut(pairing, count);
}

/* What was left by jumps before is told with the next event. */
static void take_jumped(struct jem_pairing *pairing, struct jem_pairing_result *ret)
{
	ret->unwound += pairing->jumped;
	pairing->jumped = 0;
}

void jem_pairing_unwind(struct jem_pairing *pairing, const struct jem_pairing_event *event,
			struct jem_pairing_result *ret)
{
	uint32_t count = pairing->count;

	memset(ret, 0, sizeof(*ret));
	/* A function of its own cannot have the stack pointer of one that calls it. */
	while (count && is_gone(&pairing->frames[count - 1], event, !event->is_inlined))
		count--;
	ret->unwound = pairing->count - count + (count < pairing->count ? pairing->beyond : 0);
	take_jumped(pairing, ret);
	pairing->unwound += ret->unwound;
	cut(pairing, count);
	ret->depth = pairing->count + pairing->beyond;
}

int jem_pairing_push(struct jem_pairing *pairing, const struct jem_pairing_event *event)
{
	struct jem_frame *frame;

	if (pairing->count == JEM_PAIRING_FRAMES ||
	    grow((void **)&pairing->frames, &pairing->cap, pairing->count + 1, FRAMES_FIRST,
		 sizeof(*pairing->frames)) < 0) {
		pairing->beyond++;
		return pairing->count == JEM_PAIRING_FRAMES ? 0 : -ENOMEM;
	}
	frame = &pairing->frames[pairing->count++];
	*frame = (struct jem_frame){
		.frame = event->frame,
		.mono_ns = event->mono_ns,
		.function = event->function,
		.site = event->site,
		.node = event->node,
		.is_elsewhere = event->is_elsewhere,
	};
	keep(pairing, frame, event);
	return 0;
}

/*
 * Ends of functions that were inlined into one are sometimes one piece of code, which has the name of one of
 * them only. Where that one is not open in this frame, it is the end of the one that is.
 */
static bool is_shared(const struct jem_pairing *pairing, const struct jem_pairing_event *event)
{
	const struct jem_frame *top = pairing->count ? &pairing->frames[pairing->count - 1] : NULL;

	if (!event->is_inlined || event->is_tail || !top || top->frame != event->frame)
		return false;
	for (const struct jem_frame *frame = top; frame >= pairing->frames; frame--) {
		if (frame->frame != event->frame)
			break;
		if (frame->function == event->function)
			return false;
	}
	return true;
}

/*
 * The innermost frame of the function that may still be there; else, because a stack pointer may differ
 * between enter and exit (alloca, arguments on the stack), the innermost at all. -1: none.
 */
static int64_t find(const struct jem_pairing *pairing, const struct jem_pairing_event *event)
{
	int64_t any = -1;

	if (is_shared(pairing, event))
		return (int64_t)pairing->count - 1;
	for (int64_t i = (int64_t)pairing->count - 1; i >= 0; i--) {
		const struct jem_frame *frame = &pairing->frames[i];

		if (frame->function != event->function)
			continue;
		if (event->is_tail || !is_gone(frame, event, false))
			return i;
		if (any < 0)
			any = i;
	}
	return any;
}

void jem_pairing_exit(struct jem_pairing *pairing, const struct jem_pairing_event *event,
		      struct jem_pairing_result *ret)
{
	int64_t at;

	memset(ret, 0, sizeof(*ret));
	if (pairing->beyond) {
		/* Which of them it is, is not known: they end in order. */
		pairing->beyond--;
		ret->depth = pairing->count + pairing->beyond;
		return;
	}
	at = find(pairing, event);
	if (at < 0) {
		ret->depth = pairing->count;
		return;
	}
	ret->unwound = pairing->count - (uint32_t)at - 1;
	take_jumped(pairing, ret);
	pairing->unwound += ret->unwound;
	ret->depth = (uint32_t)at;
	ret->enter = &pairing->frames[at];
	if (ret->enter->kept_count)
		ret->values = pairing->kept + ret->enter->kept;
	cut(pairing, (uint32_t)at);
}

void jem_pairing_add_inner(struct jem_pairing *pairing, uint64_t ns)
{
	if (pairing->count)
		pairing->frames[pairing->count - 1].inner_ns += ns;
}

const struct jem_frame *jem_pairing_top(const struct jem_pairing *pairing)
{
	return pairing->count && !pairing->beyond ? &pairing->frames[pairing->count - 1] : NULL;
}
