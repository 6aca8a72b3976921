/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/log_bench.h"

#include "common/json_reader.h"
#include "tests/unit/check.h"

static char *get_str(const struct log_bench *bench, uint32_t object, const char *name, size_t *len)
{
	uint32_t token = jem_json_member(&bench->doc, object, name);
	struct jem_buf text;
	char *copy;

	if (!token)
		return NULL;
	jem_buf_init(&text, 0);
	CHECK_OK(jem_json_get_text(&bench->doc, token, &text));
	jem_buf_add_char(&text, '\0');
	CHECK(!text.failed);
	if (len)
		*len = text.len - 1;
	copy = malloc(text.len);
	memcpy(copy, text.data, text.len);
	jem_buf_deinit(&text);
	return copy;
}

static uint64_t get_u64(const struct log_bench *bench, uint32_t object, const char *name)
{
	uint64_t value = 0;
	uint32_t token = jem_json_member(&bench->doc, object, name);

	if (token)
		CHECK_OK(jem_json_get_u64(&bench->doc, token, &value));
	return value;
}

static void free_record(struct log_bench_record *record)
{
	free(record->file);
	free(record->file_id);
	free(record->text);
	free(record->level);
	free(record->rule);
	free(record->state);
	free(record->what);
	free(record->json);
}

static void take(struct log_bench *bench, enum jem_kind kind, uint32_t object)
{
	const struct jem_json_token *token = &bench->doc.tokens[object];
	struct log_bench_record record = { .kind = kind };

	record.file = get_str(bench, object, "file", NULL);
	record.file_id = get_str(bench, object, "file_id", NULL);
	record.text = get_str(bench, object, "text", &record.text_len);
	record.level = get_str(bench, object, "level", NULL);
	record.rule = get_str(bench, object, "rule", NULL);
	record.state = get_str(bench, object, "state", NULL);
	record.what = get_str(bench, object, "what", NULL);
	record.offset = get_u64(bench, object, "offset");
	record.length = get_u64(bench, object, "length");
	record.from = get_u64(bench, object, "from");
	record.to = get_u64(bench, object, "to");
	record.json = calloc(1, token->end - token->start + 1);
	CHECK(record.json != NULL);
	memcpy(record.json, bench->doc.text + token->start, token->end - token->start);
	if (bench->on_record)
		bench->on_record(bench->arg, &record);
	if (bench->keeps_none) {
		free_record(&record);
		return;
	}
	bench->records = reallocarray(bench->records, bench->count + 1, sizeof(record));
	CHECK(bench->records != NULL);
	bench->records[bench->count++] = record;
}

/* Joins the parts of a split record (common/batch.h), then takes the whole. */
static void take_part(struct log_bench *bench, enum jem_kind kind, uint32_t object)
{
	uint64_t part = get_u64(bench, object, "part");
	uint64_t parts = get_u64(bench, object, "parts");
	struct jem_json_doc outer = bench->doc;
	struct jem_err err;

	if (!part)
		jem_buf_clear(&bench->joined);
	CHECK_OK(jem_json_get_text(&bench->doc, jem_json_member(&bench->doc, object, "json"),
				   &bench->joined));
	if (part + 1 < parts)
		return;
	jem_json_doc_init(&bench->doc);
	CHECK_OK(jem_json_read(&bench->doc, bench->joined.data, bench->joined.len, &err));
	take(bench, kind, 0);
	jem_json_doc_deinit(&bench->doc);
	bench->doc = outer;
}

static void on_batch(void *arg, struct jem_batch *batch)
{
	struct log_bench *bench = arg;
	struct jem_head head;
	struct jem_err err;
	uint32_t records;

	if (jem_batch_decode_json(batch->body, batch->len, &bench->doc, &head, &records, &err) < 0)
		check_fail(__FILE__, __LINE__, "batch: %s", err.text);
	bench->batches++;
	if (bench->on_body)
		bench->on_body(bench->arg, batch->body, batch->len);
	for (uint32_t i = jem_json_first(&bench->doc, records);
	     i < jem_json_end(&bench->doc, records); i = jem_json_next(&bench->doc, i)) {
		if (jem_json_member(&bench->doc, i, "parts"))
			take_part(bench, head.kind, i);
		else
			take(bench, head.kind, i);
	}
	free(batch);
}

void log_bench_open(struct log_bench *bench)
{
	static const char *const hidden[] = { "planted1" };
	struct jem_batcher_options options = {
		.loop = &bench->loop,
		.identity = &bench->identity,
		.clock = &bench->clock,
		.epoch = "0123456789abcdef",
		.boot_id = "00000000-0000-0000-0000-000000000000",
		.on_batch = on_batch,
		.arg = bench,
	};

	*bench = (struct log_bench){ 0 };
	CHECK_OK(uv_loop_init(&bench->loop));
	strcpy(bench->identity.names.site, "site");
	strcpy(bench->identity.names.user, "user");
	strcpy(bench->identity.names.job, "job");
	strcpy(bench->identity.names.node, "node");
	jem_clock_init(&bench->clock);
	jem_json_doc_init(&bench->doc);
	jem_buf_init(&bench->joined, 0);
	CHECK_OK(jem_redactor_create(hidden, 1, &bench->redactor, NULL));
	CHECK_OK(jem_config_create(&bench->config));
	options.redactor = bench->redactor;
	CHECK_OK(jem_batcher_create(&options, &bench->batcher));
	bench->options = (struct jem_log_options){
		.loop = &bench->loop,
		.batcher = bench->batcher,
		.redactor = bench->redactor,
		.config = bench->config,
		.folder = check_folder(),
	};
}

void log_bench_set(struct log_bench *bench, const char *key, const char *value)
{
	struct jem_err err;

	if (jem_config_set(bench->config, JEM_RANK_FILE, "test", "log", key, value, &err) < 0)
		check_fail(__FILE__, __LINE__, "%s", err.text);
}

void log_bench_start(struct log_bench *bench)
{
	CHECK_OK(jem_log_source_create(&bench->options, &bench->source));
	if (bench->on_created)
		bench->on_created(bench);
	CHECK_OK(jem_log_source_start(bench->source));
}

void log_bench_stop(struct log_bench *bench)
{
	const struct jem_log_account *account = jem_log_source_account(bench->source);

	CHECK_EQ(account->lines, account->records + account->filtered + account->known);
	jem_log_source_destroy(bench->source);
	bench->source = NULL;
	uv_run(&bench->loop, UV_RUN_NOWAIT);
	jem_batcher_flush_all(bench->batcher);
}

void log_bench_close(struct log_bench *bench)
{
	if (bench->source)
		log_bench_stop(bench);
	jem_batcher_destroy(bench->batcher);
	uv_run(&bench->loop, UV_RUN_DEFAULT);
	CHECK_EQ(uv_loop_close(&bench->loop), 0);
	uv_library_shutdown(); /* its pipe for signals is a descriptor too */
	jem_redactor_destroy(bench->redactor);
	jem_config_destroy(bench->config);
	jem_json_doc_deinit(&bench->doc);
	jem_buf_deinit(&bench->joined);
	for (size_t i = 0; i < bench->count; i++)
		free_record(&bench->records[i]);
	free(bench->records);
}

static void on_waited(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

static void close_timer(struct log_bench *bench, uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, NULL);
	uv_run(&bench->loop, UV_RUN_NOWAIT);
}

void log_bench_wait(struct log_bench *bench, bool (*is_met)(struct log_bench *bench, size_t n),
		    size_t n, const char *what)
{
	bool is_over = false;
	uv_timer_t timer;

	uv_timer_init(&bench->loop, &timer);
	timer.data = &is_over;
	uv_timer_start(&timer, on_waited, 30000, 0);
	while (!is_met(bench, n)) {
		uv_run(&bench->loop, UV_RUN_ONCE);
		if (is_over)
			check_fail(__FILE__, __LINE__, "waited 30 s for %s: %zu log records", what,
				   log_bench_count(bench, JEM_KIND_log));
	}
	close_timer(bench, &timer);
}

bool log_bench_has_lines(struct log_bench *bench, size_t n)
{
	return log_bench_count(bench, JEM_KIND_log) >= n;
}

void log_bench_turn(struct log_bench *bench, unsigned ms)
{
	bool is_over = false;
	uv_timer_t timer;

	uv_timer_init(&bench->loop, &timer);
	timer.data = &is_over;
	uv_timer_start(&timer, on_waited, ms, 0);
	while (!is_over)
		uv_run(&bench->loop, UV_RUN_ONCE);
	close_timer(bench, &timer);
}

size_t log_bench_count(const struct log_bench *bench, enum jem_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < bench->count; i++)
		count += bench->records[i].kind == kind;
	return count;
}

const struct log_bench_record *log_bench_get(const struct log_bench *bench, enum jem_kind kind,
					     size_t n)
{
	for (size_t i = 0, k = 0; i < bench->count; i++)
		if (bench->records[i].kind == kind && k++ == n)
			return &bench->records[i];
	check_fail(__FILE__, __LINE__, "no %s record number %zu", jem_kinds[kind].name, n);
}

const struct log_bench_record *log_bench_status(const struct log_bench *bench, const char *state,
						const char *what)
{
	for (size_t i = 0; i < bench->count; i++) {
		const struct log_bench_record *record = &bench->records[i];

		if (record->kind == JEM_KIND_status && !strcmp(record->state, state) &&
		    record->what && !strcmp(record->what, what))
			return record;
	}
	return NULL;
}

const char *log_bench_path(const char *name)
{
	static char paths[4][300];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", check_folder(), name);
	return path;
}

void log_bench_write(const char *name, const char *mode, const char *text)
{
	FILE *file = fopen(log_bench_path(name), mode);

	CHECK(file != NULL);
	fputs(text, file);
	CHECK_EQ(fclose(file), 0);
}

void log_bench_rename(const char *from, const char *to)
{
	CHECK_EQ(rename(log_bench_path(from), log_bench_path(to)), 0);
}
