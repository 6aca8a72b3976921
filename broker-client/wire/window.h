/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window: deliveries that wait for their outcome, found by number, kept in order.
 *
 * Numbers grow by one from 1 and are never used again, so that a number from a lost connection
 * finds nothing. Deliveries leave in any order. Ownership: the deliveries are borrowed.
 * Bound: `max` numbers from the oldest that waits to the newest.
 */
#ifndef JEM_BROKER_CLIENT_WIRE_WINDOW_H
#define JEM_BROKER_CLIENT_WIRE_WINDOW_H

#include <proton/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jem_window_slot {
	pn_delivery_t *delivery; /* borrowed; NULL: left, or without one */
	void *owner;             /* borrowed */
	uint64_t tag;
	size_t bytes;
	bool is_waiting;
};

struct jem_window {
	struct jem_window_slot *slots; /* owned */
	size_t capacity;               /* power of two */
	size_t max;                    /* power of two */
	uint64_t oldest;
	uint64_t next;
	size_t count;
	size_t bytes;
};

/* `max`: a power of two. */
void jem_window_init(struct jem_window *window, size_t max);
void jem_window_deinit(struct jem_window *window);

bool jem_window_is_full(const struct jem_window *window);

/* The number of the new entry, or 0 when the window is full or memory is short. */
uint64_t jem_window_push(struct jem_window *window, struct jem_window_slot slot);

/* NULL when it does not wait. Valid until the next push. */
struct jem_window_slot *jem_window_find(struct jem_window *window, uint64_t number);

/* Takes an entry out; false when it does not wait. */
bool jem_window_take(struct jem_window *window, uint64_t number, struct jem_window_slot *ret);

/* Takes the oldest one out; false when nothing waits. */
bool jem_window_take_oldest(struct jem_window *window, struct jem_window_slot *ret);

#endif
