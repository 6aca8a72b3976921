/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire: lines of JSON on their way to the daemon (daemon/sources/script/script_line.h has their form).
 *
 * Flow:   begin .. fields .. end -> buffer -> one packet when it is full or flushed
 * Bound:  the buffer; when the daemon does not keep up, lines that find no room are dropped and counted, and the
 *         count is told when there is room again. Sending never blocks.
 * Memory: static; nothing is allocated. errno is the caller's to keep.
 */
#ifndef JEM_TRACER_SCRIPT_BASH_WIRE_H
#define JEM_TRACER_SCRIPT_BASH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where to: 0, or -1 when nobody listens there. `address` is kept by the caller. */
int wire_open(const char *address);

uint64_t wire_now_ns(void);

/* A line about `event`, of this process. */
void wire_begin(const char *event, uint64_t t);
void wire_text(const char *name, const char *text, size_t max);
void wire_number(const char *name, uint64_t value);
void wire_flag(const char *name);
void wire_end(void);

/* Sends what is there. */
void wire_flush(void);
/* The same, when the oldest line waits for longer than a twentieth of a second. */
void wire_flush_old(uint64_t now_ns);

/* In a child after a fork: what is in the buffer is the parent's. */
void wire_forked(void);

#endif
