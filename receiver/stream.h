/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream: what came of one stream (node, epoch, job, kind), to remove duplicates and name gaps.
 *
 * A stream's batches are numbered from 0 without holes. Kept are the number after the highest one
 * seen or told of and the ranges missing below it, so the answer to "seen before?" is exact however late a
 * batch comes; a bitmap of a window would guess beyond its edge, and costs 512 bytes a stream.
 *
 * Bounds:    JEM_RANGES_MAX ranges each; the oldest is then given up: counted, and what still comes
 *            of it is taken for a duplicate
 * Invariant: batches == next_seq - join_seq - (length of missing ranges) - given_up
 */
#ifndef JEM_RECEIVER_STREAM_H
#define JEM_RECEIVER_STREAM_H

#include "common/batch.h"

enum {
	JEM_RANGES_MAX = 1024
};

struct jem_range {
	uint64_t first;
	uint64_t last;
};

/* What is kept of a batch until it is in the files. */
struct jem_batch_mark {
	uint64_t seq;
	uint64_t first;
	uint64_t n;
	uint64_t skip; /* of jem_stream_see */
};

/* Ranges in ascending order that do not touch. */
struct jem_ranges {
	struct jem_range *at; /* owned */
	size_t count;
	size_t cap;
	uint64_t given_up; /* numbers in ranges beyond the bound, which are forgotten */
};

struct jem_stream {
	char node[JEM_NAME_MAX + 1]; /* "" after a crash, until the stream is heard of again */
	char true_node[JEM_TRUE_NAME_SIZE];
	char epoch[JEM_EPOCH_SIZE];
	enum jem_kind kind;
	uint64_t join_seq;    /* what came before we listened is no loss */
	uint64_t join_record; /* `first` of that batch */
	uint64_t next_seq;    /* one after the highest seen, or told of; 0: nothing */
	uint64_t told_seq;    /* one after the last batch, as a later epoch told; 0: nobody did */
	uint64_t next_record; /* one after the highest record announced */
	struct jem_ranges missing;
	uint64_t batches;          /* seen, each once; heartbeats too */
	uint64_t heartbeats;       /* of them, without a record */
	uint64_t received;         /* records in them, parts of records counted singly */
	uint64_t records;          /* lines in data/ */
	uint64_t duplicates;       /* batches that came again */
	struct jem_ranges evicted; /* batches removed again to keep the folder within its bound */
	uint64_t records_evicted;
	struct jem_ranges thinned; /* batches whose records of processes were removed for that */
	uint64_t records_thinned;
	uint64_t dropped[JEM_CAUSE_COUNT]; /* by the daemon, as the latest head says */
	bool is_final;
	/* After a crash: of this batch only the lines before `resume_i` are in data/, for sure. */
	bool is_resuming;
	uint64_t resume_seq;
	uint64_t resume_i;
	/* After a crash: batches of which parts of records are there, and no line is. */
	struct jem_ranges doubtful;
};

void jem_stream_init(struct jem_stream *stream, const char *node, const char *epoch,
		     enum jem_kind kind);
void jem_stream_deinit(struct jem_stream *stream);

bool jem_stream_has_seen(const struct jem_stream *stream, uint64_t seq);

/*
 * Notes a batch: true when it is new, false for a duplicate (counted). `is_live`: of a stream that
 * was never heard of, the batches before this one are no loss. The first *skip records of a new
 * batch are in data/ already (it was cut short by a crash).
 */
bool jem_stream_see(struct jem_stream *stream, const struct jem_head *head, bool is_live,
		    uint64_t *skip);

/* The batch could not be written after all: it is missing until it comes again. */
void jem_stream_unsee(struct jem_stream *stream, const struct jem_batch_mark *mark);

/* `seq` was the last batch of the stream: what has not come before it, and itself, is missing. */
void jem_stream_tell(struct jem_stream *stream, uint64_t seq);

/*
 * After a crash: notes the line (seq, i) of data/ that streams.json does not know of. Only the batch
 * of a file's last line may be cut short: for all other streams `is_resuming` is then cleared.
 */
void jem_stream_find(struct jem_stream *stream, uint64_t seq, uint64_t i);
/* The same for a whole batch, which data/ has as it came. */
void jem_stream_find_batch(struct jem_stream *stream, const struct jem_head *head);
/* The same for a part of a record, before all lines. */
void jem_stream_find_part(struct jem_stream *stream, uint64_t seq);
void jem_stream_resume(struct jem_stream *stream, uint64_t seq, uint64_t i);

/* Records announced by `first` and `n` that did not come. */
uint64_t jem_stream_records_missing(const struct jem_stream *stream);

/* Numbers in all ranges, forgotten ones included. */
uint64_t jem_ranges_length(const struct jem_ranges *ranges);
bool jem_ranges_contain(const struct jem_ranges *ranges, uint64_t number);
void jem_ranges_add(struct jem_ranges *ranges, uint64_t first, uint64_t last);
void jem_ranges_remove(struct jem_ranges *ranges, uint64_t number);
void jem_ranges_deinit(struct jem_ranges *ranges);

#endif
