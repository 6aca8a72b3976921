/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment: one file of a spool: a header and frames, each with its own checksums (CRC32C).
 *
 *	header  512 bytes: what the file is, the number of its first frame, and by kind the last batch that was
 *	        spooled before it
 *	frame   64 bytes and the batch's body, filled up to a multiple of 8 with zeroes
 *
 * Numbers are little-endian. Nothing else is kept about a frame anywhere: there is no index that could be
 * wrong. A frame that is damaged is stepped over by looking for the next that is whole.
 *
 * Ownership: owns its descriptor
 * Errors:    negative errno of the system call; -EBADMSG for what is not a segment
 */
#ifndef JEM_BROKER_CLIENT_SPOOL_SEGMENT_H
#define JEM_BROKER_CLIENT_SPOOL_SEGMENT_H

#include "common/batch.h"

#define JEM_SEGMENT_HEADER_BYTES 512
#define JEM_FRAME_HEADER_BYTES   64

/* The last batch of a kind, in the epoch that wrote it; n = 0 and seq = 0 with epoch 0: none. */
struct jem_spool_last {
	uint64_t epoch;
	uint64_t seq;
};

struct jem_segment_header {
	uint64_t first_id;   /* of its first frame */
	uint64_t created_us; /* wall clock */
	struct jem_spool_last last[JEM_KIND_COUNT];
};

/* What a frame says of the batch in it. */
struct jem_frame {
	uint64_t id; /* in its lane, from 1, without holes but for damage */
	uint64_t epoch;
	uint64_t seq;
	uint64_t first;
	uint64_t time_us;
	uint32_t n;
	uint32_t len; /* of the body */
	enum jem_kind kind;
};

struct jem_segment {
	int fd; /* -1: closed */
	struct jem_segment_header header;
	uint64_t end; /* offset after the last whole frame that was written or scanned */
};

/* Bytes that a frame with a body of `len` takes. */
uint64_t jem_frame_bytes(uint64_t len);

/* A new file, which must not be there; -EEXIST. */
int jem_segment_create(int folder, const char *name, const struct jem_segment_header *header,
		       struct jem_segment *ret);
/* -EBADMSG if its header is not whole: where its frames begin is known all the same, first_id is not. */
int jem_segment_open(int folder, const char *name, bool is_writable, struct jem_segment *ret);
void jem_segment_close(struct jem_segment *segment);

/* Appends at `end`. Nothing of it stays in the file when it fails. */
int jem_segment_append(struct jem_segment *segment, const struct jem_frame *frame,
		       const void *body);

/* What a scan met. */
struct jem_segment_scan {
	uint64_t offset;  /* in: where to look; out: after the frame */
	uint64_t at;      /* out: where the frame begins */
	uint64_t damaged; /* bytes that were stepped over to find it */
	uint64_t next_id; /* kept for the reader: of what follows the frames it has seen */
};

/*
 * The next frame whose header is whole, at scan->offset or after it: 1, 0 at the end of the file (a torn
 * tail counts as damaged), or a negative errno.
 */
int jem_segment_next(const struct jem_segment *segment, struct jem_segment_scan *scan,
		     struct jem_frame *ret);

/* The body of the frame at `at`; -EBADMSG if its checksum is wrong. */
int jem_segment_body(const struct jem_segment *segment, uint64_t at, const struct jem_frame *frame,
		     struct jem_buf *ret);

#endif
