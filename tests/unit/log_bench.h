/* SPDX-License-Identifier: Apache-2.0 */
/* log_bench: a log source on a real loop with a real batcher, whose records are collected. */
#ifndef JEM_TESTS_UNIT_LOG_BENCH_H
#define JEM_TESTS_UNIT_LOG_BENCH_H

#include "daemon/sources/log/log_source.h"

/* One record as it went out; texts are owned, NULL where absent. */
struct log_bench_record {
	enum jem_kind kind;
	char *file;
	char *file_id;
	char *text;
	size_t text_len;
	char *level;
	char *rule;
	char *state;
	char *what;
	char *json; /* the whole record */
	uint64_t offset;
	uint64_t length;
	uint64_t from;
	uint64_t to;
};

struct log_bench {
	uv_loop_t loop;
	struct jem_config *config;
	struct jem_identity identity;
	struct jem_clock clock;
	struct jem_redactor *redactor;
	struct jem_batcher *batcher;
	struct jem_log_source *source;
	struct jem_log_options options;
	struct log_bench_record *records;
	size_t count;
	size_t batches;
	struct jem_json_doc doc;
	struct jem_buf joined; /* parts of a split record */
	void (*on_record)(void *arg, const struct log_bench_record *record); /* or NULL */
	void (*on_body)(void *arg, const char *body, size_t len);            /* or NULL */
	void (*on_created)(struct log_bench *bench); /* before the source starts; or NULL */
	void *arg;
	bool keeps_none; /* on_record only */
};

/* The options' folder is the case's own. */
void log_bench_open(struct log_bench *bench);
void log_bench_set(struct log_bench *bench, const char *key, const char *value);
void log_bench_start(struct log_bench *bench);
/* As a daemon that ends: stops and destroys the source, and what it held leaves. */
void log_bench_stop(struct log_bench *bench);
void log_bench_close(struct log_bench *bench);

/* Turns the loop until the condition holds; fails after 30 s. */
void log_bench_wait(struct log_bench *bench, bool (*is_met)(struct log_bench *bench, size_t n),
		    size_t n, const char *what);
bool log_bench_has_lines(struct log_bench *bench, size_t n);
/* Turns the loop for a time: for what must not happen. */
void log_bench_turn(struct log_bench *bench, unsigned ms);

size_t log_bench_count(const struct log_bench *bench, enum jem_kind kind);
/* Record number i of a kind, from 0; fails if there is none. */
const struct log_bench_record *log_bench_get(const struct log_bench *bench, enum jem_kind kind,
					     size_t i);
const struct log_bench_record *log_bench_status(const struct log_bench *bench, const char *state,
						const char *what);

/* Files in the case's folder. */
void log_bench_write(const char *name, const char *mode, const char *text);
void log_bench_rename(const char *from, const char *to);
const char *log_bench_path(const char *name);

#endif
