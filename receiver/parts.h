/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts: joins records that travel in parts (common/batch.h).
 *
 * A part is written to data/parts.jsonl before its batch is settled, so a crash loses none, and
 * memory holds only where it stands. Once all parts of a record are there, its text is read back.
 *
 * Flow:      jem_parts_add -> write -> jem_parts_join -> line of data/KIND.jsonl -> commit
 * Ownership: owns its file and index
 * Bounds:    JEM_PART_SETS records and JEM_PARTS_KEPT parts at a time, JEM_PARTS_BYTES of file;
 *            beyond them the record waited for longest is given up, counted. (Its missing batch is
 *            named in streams.json already.)
 */
#ifndef JEM_RECEIVER_PARTS_H
#define JEM_RECEIVER_PARTS_H

#include "receiver/data_file.h"

enum {
	JEM_PART_SETS = 32,
	JEM_PARTS_KEPT = 4096,
	JEM_PARTS_BYTES = 32 << 20,
};

/* A record whose parts are being collected. */
struct jem_part_set {
	char epoch[JEM_EPOCH_SIZE];
	enum jem_kind kind;
	uint64_t base; /* number of the record that is part 0 */
	uint32_t parts;
	uint32_t have;
	uint64_t seq; /* of the part that came last: the joined record bears its number */
	uint64_t i;
	bool is_joined; /* its line is pending in data/ */
	bool is_done;   /* its line is in data/: parts that come again are known */
};

/* Where one part stands. */
struct jem_part_at {
	uint64_t offset;
	uint32_t len;
	uint32_t part;
	uint16_t set;
};

struct jem_parts {
	struct jem_data_file file;
	struct jem_part_set sets[JEM_PART_SETS];
	size_t set_count;
	struct jem_part_at *at; /* owned */
	size_t count;
	size_t cap;
	uint64_t max_bytes; /* of the file; JEM_PARTS_BYTES at most */
	uint64_t given_up;  /* records of which parts came, but not all */
	uint64_t told;      /* of them, told to a person */
	struct jem_json_doc doc;
};

/* A joined record's place in its stream; its text is given apart. */
struct jem_joined {
	char epoch[JEM_EPOCH_SIZE];
	enum jem_kind kind;
	uint64_t t_us; /* of part 0, as mono_ns */
	uint64_t mono_ns;
	uint64_t seq;
	uint64_t i;
};

void jem_parts_init(struct jem_parts *parts);
void jem_parts_deinit(struct jem_parts *parts);

/* Takes the i-th record of a batch, which is a part; `text` is its object. 0, -ENOMEM. */
int jem_parts_add(struct jem_parts *parts, const struct jem_head *head, uint64_t i, uint64_t dt_ns,
		  const struct jem_record_part *part, const char *text, size_t len);

/* Writes what is pending: 0, or negative errno, and the parts added since are forgotten. */
int jem_parts_write(struct jem_parts *parts, int folder);

/* The text of a record whose parts are all there: 1; 0: none. Damaged ones are given up. */
int jem_parts_join(struct jem_parts *parts, int folder, struct jem_buf *text,
		   struct jem_joined *ret);

/* The joined records of `kind` are in the files now, or are not and will be joined again. */
void jem_parts_commit(struct jem_parts *parts, enum jem_kind kind, bool is_written);

/* Empties file and index unless something is waited for. For when streams.json is written. */
void jem_parts_trim(struct jem_parts *parts, int folder);

/*
 * After a crash: takes up the file; then every line of data/ that it may have become is shown, and
 * the answer is whether the line is a joined record.
 */
int jem_parts_recover(struct jem_parts *parts, int folder,
		      void (*on_part)(void *arg, enum jem_kind kind, const char *epoch,
				      uint64_t seq, uint64_t i),
		      void *arg);
bool jem_parts_note_line(struct jem_parts *parts, enum jem_kind kind, const char *epoch,
			 uint64_t seq, uint64_t i);

#endif
