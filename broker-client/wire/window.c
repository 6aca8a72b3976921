/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-client/wire/window.h"

#include <stdlib.h>

enum {
	CAPACITY_FIRST = 64
};

void jem_window_init(struct jem_window *window, size_t max)
{
	*window = (struct jem_window){ .max = max, .oldest = 1, .next = 1 };
}

void jem_window_deinit(struct jem_window *window)
{
	free(window->slots);
	jem_window_init(window, window->max);
}

bool jem_window_is_full(const struct jem_window *window)
{
	return window->next - window->oldest == window->max;
}

static struct jem_window_slot *slot_of(struct jem_window *window, uint64_t number)
{
	return &window->slots[number & (window->capacity - 1)];
}

static bool grow(struct jem_window *window)
{
	struct jem_window grown = *window;

	grown.capacity = window->capacity ? window->capacity * 2 : CAPACITY_FIRST;
	if (grown.capacity > window->max)
		grown.capacity = window->max;
	grown.slots = calloc(grown.capacity, sizeof(*grown.slots));
	if (!grown.slots)
		return false;
	for (uint64_t number = window->oldest; number < window->next; number++)
		*slot_of(&grown, number) = *slot_of(window, number);
	free(window->slots);
	*window = grown;
	return true;
}

uint64_t jem_window_push(struct jem_window *window, struct jem_window_slot slot)
{
	if (jem_window_is_full(window))
		return 0;
	if (window->next - window->oldest == window->capacity && !grow(window))
		return 0;
	slot.is_waiting = true;
	*slot_of(window, window->next) = slot;
	window->count++;
	window->bytes += slot.bytes;
	return window->next++;
}

struct jem_window_slot *jem_window_find(struct jem_window *window, uint64_t number)
{
	struct jem_window_slot *slot;

	if (number < window->oldest || number >= window->next)
		return NULL;
	slot = slot_of(window, number);
	return slot->is_waiting ? slot : NULL;
}

bool jem_window_take(struct jem_window *window, uint64_t number, struct jem_window_slot *ret)
{
	struct jem_window_slot *slot = jem_window_find(window, number);

	if (!slot)
		return false;
	*ret = *slot;
	slot->is_waiting = false;
	slot->delivery = NULL;
	window->count--;
	window->bytes -= ret->bytes;
	while (window->oldest < window->next && !slot_of(window, window->oldest)->is_waiting)
		window->oldest++;
	return true;
}

bool jem_window_take_oldest(struct jem_window *window, struct jem_window_slot *ret)
{
	return jem_window_take(window, window->oldest, ret);
}
