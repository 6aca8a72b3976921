/* SPDX-License-Identifier: Apache-2.0 */
/* feeder: a receiver on a private folder, and batches for it; the ground of its tests. */
#ifndef JEM_TESTS_UNIT_FEEDER_H
#define JEM_TESTS_UNIT_FEEDER_H

#include "common/batch.h"
#include "common/config.h"
#include "receiver/receiver.h"

enum {
	FEEDER_TICKETS = 4096
};

struct feeder {
	uv_loop_t loop;
	struct jem_config *config;
	struct jem_receiver *receiver;
	bool is_live;
	bool is_single;
	struct jem_source_names names;
	char out[256];
	uint64_t next_ticket;
	int outcomes[FEEDER_TICKETS]; /* by ticket; -1: not settled */
	int settled[FEEDER_TICKETS];  /* how often */
};

/* Makes the config; options may then be set, and the receiver be opened. */
void feeder_init(struct feeder *feeder);
void feeder_set(struct feeder *feeder, const char *section, const char *key, const char *value);
void feeder_open(struct feeder *feeder);
/* Ends it in order, leaving nothing behind. */
void feeder_close(struct feeder *feeder);
void feeder_deinit(struct feeder *feeder);

/* The head of a batch with sensible fields. */
struct jem_head feeder_head(enum jem_kind kind, uint64_t seq, uint64_t first, uint64_t n);

/* Gives it a batch of these records: its ticket. */
uint64_t feeder_send(struct feeder *feeder, const struct jem_head *head, const char *records);
/* The same of `n` log records, whose texts are "line <first>" and so on. */
uint64_t feeder_send_lines(struct feeder *feeder, uint64_t seq, uint64_t first, uint64_t n);
uint64_t feeder_send_body(struct feeder *feeder, const char *topic, const char *body, size_t len);

/* Lets the loop pass until `ticket` is settled, at most 10 s: its outcome. */
int feeder_wait(struct feeder *feeder, uint64_t ticket);
/* One pass of the loop. */
void feeder_pass(struct feeder *feeder);

/* The content of a file below the folder, NUL-terminated, to be freed; NULL: there is none. */
char *feeder_read(const struct feeder *feeder, const char *name);
/* Replaces such a file. */
void feeder_write_back(const struct feeder *feeder, const char *name, const char *text);
unsigned feeder_count(const char *text, const char *part);

#endif
