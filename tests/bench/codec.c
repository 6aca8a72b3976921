/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec: what a record costs on its way, in nanoseconds of one core.
 *
 * Each row runs for about half a second, five times; the median is printed.
 */
#include "common/batch.h"
#include "common/clock.h"
#include "common/columns.h"
#include "common/compress.h"
#include "common/record.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	ROUNDS = 5,
	ROUND_NS = 100000000,
	RECORDS = 400, /* of a log batch: about 64 KiB */
	ROWS = 2048,   /* of a batch of columns: about 48 KiB */
};

static const char clean_line[] =
	"2024-05-01 12:34:56.789 INFO  EventLoop: event 48213 run 356124, 12 tracks, pt = 31.4 GeV";
static const char dirty_line[] =
	"2024-05-01 12:34:56.789 INFO  Upload: PUT https://u:p@se.site.org/x token=abcdef n=5";

struct slices {
	uint32_t dt_ns[ROWS];
	uint32_t tid[ROWS];
	uint32_t run_ns[ROWS];
	uint32_t wait_ns[ROWS];
	uint32_t waker_tid[ROWS];
	uint16_t cpu[ROWS];
	uint8_t comm[ROWS];
};

struct bench {
	struct slices slices;
	struct jem_columns columns;
	struct jem_buf packed;
	struct jem_redactor *redactor;
	struct jem_buf records;
	struct jem_buf body;
	struct jem_json_doc doc;
	struct jem_head head;
};

static void redact_clean(struct bench *bench)
{
	size_t len = sizeof(clean_line) - 1;

	jem_redact(bench->redactor, clean_line, &len);
}

static void redact_dirty(struct bench *bench)
{
	size_t len = sizeof(dirty_line) - 1;

	jem_redact(bench->redactor, dirty_line, &len);
}

/* What the log source does for a line. */
static void add_log_record(struct bench *bench, uint64_t i)
{
	struct jem_record record = { jem_json_to(&bench->records), bench->redactor };

	record.json.need_comma = i > 0;
	jem_json_object_begin(&record.json);
	jem_record_u64(&record, "dt_ns", i * 10000);
	jem_record_str(&record, "file", "analysis.log");
	jem_record_u64(&record, "offset", i * sizeof(clean_line));
	jem_record_text(&record, "text", clean_line, sizeof(clean_line) - 1);
	jem_json_object_end(&record.json);
}

static void encode_batch(struct bench *bench)
{
	jem_buf_clear(&bench->records);
	jem_buf_clear(&bench->body);
	for (uint64_t i = 0; i < RECORDS; i++)
		add_log_record(bench, i);
	bench->head.n = RECORDS;
	jem_batch_encode_json(&bench->head, bench->records.data, bench->records.len, &bench->body);
}

static void decode_batch(struct bench *bench)
{
	struct jem_head head;
	uint32_t records;

	if (jem_batch_decode_json(bench->body.data, bench->body.len, &bench->doc, &head, &records,
				  NULL) < 0)
		abort();
}

/* A batch of run slices as the sched source would send them. */
static void encode_columns(struct bench *bench)
{
	static const char dict[] = "\x67"
				   "python3\x64"
				   "bash";
	struct slices *slices = &bench->slices;
	struct jem_column columns[] = {
		{ .name = "dt_ns", .type = JEM_CBOR_U32, .data = slices->dt_ns },
		{ .name = "cpu", .type = JEM_CBOR_U16, .data = slices->cpu },
		{ .name = "tid", .type = JEM_CBOR_U32, .data = slices->tid },
		{ .name = "comm",
		  .shape = JEM_COLUMN_DICT,
		  .type = JEM_CBOR_U8,
		  .data = slices->comm,
		  .dict = dict,
		  .dict_len = sizeof(dict) - 1,
		  .dict_count = 2 },
		{ .name = "run_ns", .type = JEM_CBOR_U32, .data = slices->run_ns },
		{ .name = "wait_ns", .type = JEM_CBOR_U32, .data = slices->wait_ns },
		{ .name = "waker_tid", .type = JEM_CBOR_U32, .data = slices->waker_tid },
	};

	jem_buf_clear(&bench->body);
	/* What a source does an event: seven stores. */
	for (uint32_t i = 0; i < ROWS; i++) {
		slices->dt_ns[i] = i * 977;
		slices->cpu[i] = (uint16_t)(i & 1);
		slices->tid[i] = 4711 + (i & 7);
		slices->comm[i] = (uint8_t)(i & 1);
		slices->run_ns[i] = 500000 + i * 31;
		slices->wait_ns[i] = i * 17;
		slices->waker_tid[i] = 4711;
	}
	bench->head.n = ROWS;
	jem_columns_encode(&bench->head, columns, sizeof(columns) / sizeof(*columns), &bench->body);
}

static void decode_columns(struct bench *bench)
{
	struct jem_head head;

	if (jem_columns_decode(&bench->columns, bench->body.data, bench->body.len, &head, NULL) < 0)
		abort();
}

static void compress_columns(struct bench *bench)
{
	jem_buf_clear(&bench->packed);
	jem_compress(bench->body.data, bench->body.len, &bench->packed);
}

static void print_rows(struct bench *bench)
{
	jem_buf_clear(&bench->records);
	for (uint64_t i = 0; i < ROWS; i++)
		jem_columns_row(&bench->columns, i, &bench->records);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double cpu_ns_of(void (*run)(struct bench *), struct bench *bench)
{
	double results[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start = jem_clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
		uint64_t end = start;
		uint64_t runs = 0;

		while (end - start < ROUND_NS) {
			for (int i = 0; i < 16; i++, runs++)
				run(bench);
			end = jem_clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
		}
		results[round] = (double)(end - start) / (double)runs;
	}
	qsort(results, ROUNDS, sizeof(*results), by_value);
	return results[ROUNDS / 2];
}

static void row(const char *what, double ns, double bytes)
{
	printf("%-44s %9.1f ns  %8.1f bytes  %7.3f ns/byte\n", what, ns, bytes, ns / bytes);
}

static void bench_json(struct bench *bench)
{
	double encode;
	double size;

	row("redact a clean line", cpu_ns_of(redact_clean, bench), sizeof(clean_line) - 1);
	row("redact a line with two secrets", cpu_ns_of(redact_dirty, bench),
	    sizeof(dirty_line) - 1);
	encode = cpu_ns_of(encode_batch, bench) / RECORDS;
	size = (double)bench->body.len / RECORDS;
	row("JSON: encode a log record, redacted", encode, size);
	row("JSON: decode and check a log record", cpu_ns_of(decode_batch, bench) / RECORDS, size);
}

static void bench_columns(struct bench *bench)
{
	double encode = cpu_ns_of(encode_columns, bench) / ROWS;
	double size = (double)bench->body.len / ROWS;

	row("CBOR columns: encode an event", encode, size);
	row("CBOR columns: decode and check an event", cpu_ns_of(decode_columns, bench) / ROWS,
	    size);
	row("CBOR columns: an event as JSON", cpu_ns_of(print_rows, bench) / ROWS, size);
	double packed = cpu_ns_of(compress_columns, bench) / ROWS;

	row("CBOR columns: zstd of an event", packed, (double)bench->packed.len / ROWS);
}

int main(void)
{
	static struct bench bench = {
		.head = { .kind = JEM_KIND_log,
			  .schema = 1,
			  .source.names = { "local", "jane", "job7", "node1" },
			  .epoch = "0123456789abcdef" },
	};

	if (jem_redactor_create(NULL, 0, &bench.redactor, NULL) < 0)
		return EXIT_FAILURE;
	jem_json_doc_init(&bench.doc);
	jem_columns_init(&bench.columns);
	bench_json(&bench);
	bench_columns(&bench);
	jem_columns_deinit(&bench.columns);
	jem_json_doc_deinit(&bench.doc);
	jem_buf_deinit(&bench.body);
	jem_buf_deinit(&bench.records);
	jem_buf_deinit(&bench.packed);
	jem_redactor_destroy(bench.redactor);
	return EXIT_SUCCESS;
}
