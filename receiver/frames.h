/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frames: reads a file of CBOR batches, data/KIND.cbors.zst, from front to end: each batch its own
 * zstd frame, so that together they are a CBOR sequence (RFC 8742) in zstd (RFC 8878).
 *
 * Ownership: owns its descriptor and buffers; a body is valid until the next call
 * Bounds:    frames of JEM_FRAME_MAX, bodies of JEM_BATCH_MAX
 * A last frame without its end is none: it is still being written, or was cut short. What is no
 * frame is passed over up to the next one.
 */
#ifndef JEM_RECEIVER_FRAMES_H
#define JEM_RECEIVER_FRAMES_H

#include "common/batch.h"
#include "common/cleanup.h"

#define JEM_FRAME_MAX (JEM_BATCH_MAX + (64u << 10))

struct jem_frames;

int jem_frames_open(int folder, const char *name, uint64_t offset, struct jem_frames **ret);
void jem_frames_close(struct jem_frames *frames);

JEM_DEFINE_AUTO(jem_auto_frames, struct jem_frames, jem_frames_close)
#define auto_frames __attribute__((cleanup(jem_auto_frames)))

/* 1 and a body; 0 at the end; -EIO, -ENOMEM. */
int jem_frames_next(struct jem_frames *frames, const char **body, size_t *len);

/* Where the last whole frame ends. */
uint64_t jem_frames_offset(const struct jem_frames *frames);

/* Places at which something was passed over that is no frame, with a frame behind. */
uint64_t jem_frames_damaged(const struct jem_frames *frames);

/* Whether the bytes are one whole frame, as one may be stored that came over the wire. */
bool jem_frames_is_one(const char *bytes, size_t len);

#endif
