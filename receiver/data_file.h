/* SPDX-License-Identifier: Apache-2.0 */
/*
 * data_file: a file that is appended to, in segments: STEM.EXT, and STEM.0001.EXT.zst and so on for
 * the finished ones.
 *
 * Flow:      pending -> jem_data_file_write -> STEM.EXT -> (full) STEM.NNNN.EXT -> packer -> .zst
 * Thread:    loop thread; writes to the page cache only
 * Ownership: owns its descriptor and what is pending; the folder's descriptor is lent per call,
 *            because a recording may give up its descriptors between two calls
 * Invariant: after a failed write the file is as it was; what was pending is the caller's to drop.
 *            Segment numbers rise without a hole from `oldest` to the current one.
 */
#ifndef JEM_RECEIVER_DATA_FILE_H
#define JEM_RECEIVER_DATA_FILE_H

#include "receiver/packer.h"

/* A place in the whole file: the number of a segment, and bytes of its text. */
struct jem_data_place {
	uint32_t segment;
	uint64_t bytes;
};

struct jem_data_file {
	const char *stem; /* borrowed: a literal */
	const char *ext;
	uint64_t segment_bytes;    /* the current one is finished beyond this */
	struct jem_packer *packer; /* borrowed, outlives us; NULL: finished segments stay plain */

	struct jem_buf pending;
	int fd;                  /* owned; -1: not open */
	bool is_scanned;         /* the fields below are known */
	uint32_t oldest;         /* segment; equals `current` where none is finished */
	uint32_t current;        /* segment that is appended to */
	uint32_t packed;         /* segments below this one are compressed */
	uint32_t thinned;        /* segments below this one were thinned out */
	bool is_working;         /* the packer has one of our segments */
	uint64_t size;           /* of the current segment */
	uint64_t finished_bytes; /* on disk, of the finished segments */
	uint64_t working_bytes;  /* of the segment that the packer has */
};

void jem_data_file_init(struct jem_data_file *file, const char *stem, const char *ext,
			struct jem_packer *packer);

/* A file of data/: KIND.jsonl, or KIND.cbors.zst, whose segments are compressed as they are. */
void jem_data_file_init_kind(struct jem_data_file *file, enum jem_kind kind,
			     struct jem_packer *packer);

/* Finds what is there and changes nothing: for readers. 0 or negative errno. */
int jem_data_file_look(struct jem_data_file *file, int folder);

/* Finds what is there and mends what a crash left: 0 or negative errno. */
int jem_data_file_scan(struct jem_data_file *file, int folder);

/* Opens the current segment, made if need be. jem_data_file_write does it too. */
int jem_data_file_open(struct jem_data_file *file, int folder);

/* Writes what is pending at once: 0, or negative errno. Clears it only on success. */
int jem_data_file_write(struct jem_data_file *file, int folder);

/* Cuts the current segment back (a torn line, lines that will come again). */
int jem_data_file_cut(struct jem_data_file *file, int folder, uint64_t bytes);

/*
 * After a crash: what stands behind `place` will come again, and goes, with the segments that were
 * begun since; what is before becomes the current segment. Safe against another crash within.
 */
int jem_data_file_cut_back(struct jem_data_file *file, int folder, struct jem_data_place place);

/* Gives up the descriptor; the next write opens it again. */
void jem_data_file_suspend(struct jem_data_file *file);

/* Forgets pending text and running work. */
void jem_data_file_deinit(struct jem_data_file *file);

/* The current segment has at least this number: all before it were removed. */
void jem_data_file_resume_at(struct jem_data_file *file, uint32_t segment);

/* Finishes the current segment if anything is in it: 0 or negative errno. */
int jem_data_file_finish(struct jem_data_file *file, int folder);

/* Removes the oldest finished segment at once: 0 or negative errno, and it is passed over. */
int jem_data_file_drop_oldest(struct jem_data_file *file, int folder);

/* The thinned-out text of a finished segment takes its place. */
int jem_data_file_thin_end(struct jem_data_file *file, int folder, const char *name);

/* The packer lets go of our segments; what it has of one is thrown away. */
void jem_data_file_recall(struct jem_data_file *file);

struct jem_data_place jem_data_file_place(const struct jem_data_file *file);
uint64_t jem_data_file_bytes(const struct jem_data_file *file);
uint64_t jem_data_file_segment_bytes(const struct jem_data_file *file, int folder,
				     uint32_t segment);

/* The name of a segment: how it stands on disk, or "" when it is not there. */
void jem_data_file_name(const struct jem_data_file *file, int folder, uint32_t segment,
			char ret[64]);

#endif
