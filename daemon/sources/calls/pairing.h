/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pairing: which enter an exit belongs to, in one thread: a shadow stack that heals itself.
 *
 * Frames are told apart by the stack pointer at the hook, and the function. The stack grows down: what
 * lies below the stack pointer of an enter is gone (longjmp, exceptions, lost records), unless one of
 * both is on another stack (signal handlers, coroutines), where addresses say nothing.
 *
 * Thread:    one
 * Ownership: owns its frames and the values it keeps
 * Bound:     JEM_PAIRING_FRAMES frames; deeper ones are counted only. JEM_PAIRING_KEPT_WORDS words of
 *            values at entry; frames beyond have none
 */
#ifndef JEM_DAEMON_SOURCES_CALLS_PAIRING_H
#define JEM_DAEMON_SOURCES_CALLS_PAIRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JEM_PAIRING_FRAMES     8192u
#define JEM_PAIRING_KEPT_WORDS 32768u

struct jem_frame {
	uint64_t frame; /* stack pointer before the call of the hook */
	uint64_t mono_ns;
	uint32_t function;
	uint32_t site;
	uint32_t node;     /* of the profile, where the process itself does not count it; else 0 */
	uint64_t inner_ns; /* time of calls in it that have ended */
	uint32_t kept;     /* first word of what is kept of its enter record */
	uint32_t kept_count; /* 0: none */
	bool is_elsewhere;   /* on another stack than the thread's own */
};

struct jem_pairing {
	struct jem_frame *frames; /* owned */
	uint32_t count, cap;
	uint32_t beyond; /* frames that found no room */
	uint64_t *kept;  /* owned */
	uint32_t kept_count, kept_cap;
	uint64_t unwound; /* frames that ended without an exit */
	uint32_t jumped;  /* of those that jumps left: not told of yet */
};

void jem_pairing_init(struct jem_pairing *pairing);
void jem_pairing_deinit(struct jem_pairing *pairing);
/* The thread is another one, or has lost records: no frame is known any more. */
void jem_pairing_clear(struct jem_pairing *pairing);

struct jem_pairing_event {
	uint64_t frame;
	uint64_t mono_ns;
	uint32_t function;
	uint32_t site;
	bool is_elsewhere;
	bool is_inlined;        /* stands in the physical frame of another function */
	bool is_tail;           /* exit by a jump: the frame is gone, the stack pointer above it */
	const uint64_t *values; /* of an enter: to be kept for its exit; or NULL */
	uint32_t value_count;
	uint32_t node; /* of an enter: as in the frame */
};

struct jem_pairing_result {
	uint32_t depth;   /* frames around it */
	uint32_t unwound; /* frames that were found to be gone */
	/* of an exit: its enter, valid until the next enter; NULL: it was not seen */
	const struct jem_frame *enter;
	const uint64_t *values; /* what was kept of it, or NULL */
};

/* A jump to where the stack pointer is `frame`: takes away what it leaves; the next result tells of it. */
void jem_pairing_jump(struct jem_pairing *pairing, uint64_t frame, bool is_elsewhere);

/* An enter, in two steps: what is gone is taken away, and the innermost frame is then its caller's; */
void jem_pairing_unwind(struct jem_pairing *pairing, const struct jem_pairing_event *event,
			struct jem_pairing_result *ret);
/* the frame itself. -ENOMEM: it is only counted. */
int jem_pairing_push(struct jem_pairing *pairing, const struct jem_pairing_event *event);
void jem_pairing_exit(struct jem_pairing *pairing, const struct jem_pairing_event *event,
		      struct jem_pairing_result *ret);

/* A call in the innermost frame has ended. */
void jem_pairing_add_inner(struct jem_pairing *pairing, uint64_t ns);

/* The innermost frame, NULL if there is none; its kept words are at kept + frame->kept. */
const struct jem_frame *jem_pairing_top(const struct jem_pairing *pairing);

#endif
