/* SPDX-License-Identifier: Apache-2.0 */
#include "receiver/streams_file.h"

#include "common/cleanup.h"
#include "receiver/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	FILE_MAX = 64 << 20
};

static const char file_name[] = "streams.json";
static const char unknown_node[] = "-"; /* found in data/, and not heard of since */

void jem_streams_deinit(struct jem_streams *streams)
{
	for (size_t i = 0; i < streams->count; i++) {
		jem_stream_deinit(streams->at[i]);
		free(streams->at[i]);
	}
	free(streams->at);
	*streams = (struct jem_streams){ 0 };
}

struct jem_stream *jem_streams_find(const struct jem_streams *streams, const char *epoch,
				    enum jem_kind kind)
{
	for (size_t i = streams->count; i-- > 0;)
		if (streams->at[i]->kind == kind && !strcmp(streams->at[i]->epoch, epoch))
			return streams->at[i];
	return NULL;
}

struct jem_stream *jem_streams_add(struct jem_streams *streams, const char *node, const char *epoch,
				   enum jem_kind kind)
{
	struct jem_stream *stream;

	if (streams->count == JEM_STREAMS_MAX)
		return NULL;
	if (streams->count == streams->cap) {
		size_t cap = streams->cap ? streams->cap * 2 : 8;
		struct jem_stream **at = realloc(streams->at, cap * sizeof(*at));

		if (!at)
			return NULL;
		streams->at = at;
		streams->cap = cap;
	}
	stream = malloc(sizeof(*stream));
	if (!stream)
		return NULL;
	jem_stream_init(stream, node, epoch, kind);
	return streams->at[streams->count++] = stream;
}

/* Writing */

static void put_str(struct jem_json *json, const char *key, const char *text)
{
	jem_json_key(json, key);
	jem_json_str(json, text);
}

static void put_u64(struct jem_json *json, const char *key, uint64_t value)
{
	jem_json_key(json, key);
	jem_json_u64(json, value);
}

static void put_ranges(struct jem_json *json, const char *key, const struct jem_ranges *ranges)
{
	jem_json_key(json, key);
	jem_json_array_begin(json);
	for (size_t i = 0; i < ranges->count; i++) {
		jem_json_array_begin(json);
		jem_json_u64(json, ranges->at[i].first);
		jem_json_u64(json, ranges->at[i].last);
		jem_json_array_end(json);
	}
	jem_json_array_end(json);
}

static void put_numbers(struct jem_json *json, const char *key, const uint64_t *numbers,
			size_t count)
{
	jem_json_key(json, key);
	jem_json_array_begin(json);
	for (size_t i = 0; i < count; i++)
		jem_json_u64(json, numbers[i]);
	jem_json_array_end(json);
}

static void put_dropped(struct jem_json *json, const struct jem_stream *stream)
{
	jem_json_key(json, "dropped");
	jem_json_object_begin(json);
	for (int i = 0; i < JEM_CAUSE_COUNT; i++)
		if (stream->dropped[i])
			put_u64(json, jem_causes[i], stream->dropped[i]);
	jem_json_object_end(json);
}

/* What only the next start needs, where there is something. */
static void put_state(struct jem_json *json, const struct jem_stream *stream)
{
	put_u64(json, "next_seq", stream->next_seq);
	if (stream->told_seq)
		put_u64(json, "told_seq", stream->told_seq);
	put_u64(json, "next_record", stream->next_record);
	put_u64(json, "first_record", stream->join_record);
	put_u64(json, "received", stream->received);
	if (stream->missing.given_up)
		put_u64(json, "missing_given_up", stream->missing.given_up);
	if (stream->evicted.given_up)
		put_u64(json, "evicted_given_up", stream->evicted.given_up);
	if (stream->thinned.given_up)
		put_u64(json, "thinned_given_up", stream->thinned.given_up);
	if (stream->doubtful.count)
		put_ranges(json, "doubtful", &stream->doubtful);
	if (stream->is_resuming)
		put_numbers(json, "resuming", (uint64_t[]){ stream->resume_seq, stream->resume_i },
			    2);
}

static void put_stream(struct jem_json *json, const struct jem_stream *stream,
		       const struct jem_identity *identity)
{
	jem_json_object_begin(json);
	put_str(json, "site", identity->names.site);
	put_str(json, "user", identity->names.user);
	put_str(json, "job", identity->names.job);
	put_str(json, "node", *stream->node ? stream->node : unknown_node);
	if (*stream->true_node)
		put_str(json, "true_node", stream->true_node);
	put_str(json, "epoch", stream->epoch);
	put_str(json, "kind", jem_kinds[stream->kind].name);
	put_u64(json, "batches", stream->batches);
	put_u64(json, "heartbeats", stream->heartbeats);
	put_u64(json, "records", stream->records);
	put_u64(json, "duplicates", stream->duplicates);
	put_ranges(json, "missing", &stream->missing);
	put_u64(json, "records_missing", jem_stream_records_missing(stream));
	put_u64(json, "before_join", stream->join_seq);
	put_dropped(json, stream);
	put_ranges(json, "evicted", &stream->evicted);
	put_u64(json, "records_evicted", stream->records_evicted);
	if (stream->records_thinned) {
		put_ranges(json, "thinned", &stream->thinned);
		put_u64(json, "records_thinned", stream->records_thinned);
	}
	jem_json_key(json, "final");
	jem_json_bool(json, stream->is_final);
	put_state(json, stream);
	jem_json_object_end(json);
}

static void put_true_names(struct jem_json *json, const struct jem_identity *identity)
{
	jem_json_key(json, "names");
	jem_json_object_begin(json);
	if (*identity->true_site)
		put_str(json, "site", identity->true_site);
	if (*identity->true_user)
		put_str(json, "user", identity->true_user);
	if (*identity->true_job)
		put_str(json, "job", identity->true_job);
	jem_json_object_end(json);
}

static void put_checkpoint(struct jem_json *json, const struct jem_checkpoint *checkpoint)
{
	jem_json_key(json, "checkpoint");
	jem_json_object_begin(json);
	for (int i = 0; i < JEM_KIND_COUNT; i++) {
		const struct jem_data_place *at = &checkpoint->at[i];
		const struct jem_data_place *from = &checkpoint->from[i];

		if (at->segment > 1 || at->bytes)
			put_numbers(
				json, jem_kinds[i].name,
				(uint64_t[]){ at->segment, at->bytes, from->segment, from->bytes },
				4);
	}
	put_numbers(json, "job_log",
		    (uint64_t[]){ checkpoint->job_log.segment, checkpoint->job_log.bytes,
				  checkpoint->job_log_us },
		    3);
	put_numbers(json, "metrics_csv",
		    (uint64_t[]){ checkpoint->metrics_csv.segment, checkpoint->metrics_csv.bytes },
		    2);
	put_numbers(json, "calls_log",
		    (uint64_t[]){ checkpoint->calls_log.segment, checkpoint->calls_log.bytes }, 2);
	put_u64(json, "metric_thinned", checkpoint->metric_thinned);
	if (checkpoint->prmon.prmon.samples || *checkpoint->prmon.hardware.model) {
		jem_json_key(json, "prmon");
		jem_prmon_state_put(&checkpoint->prmon, json);
	}
	jem_json_object_end(json);
}

int jem_streams_save(const struct jem_streams *streams, const struct jem_checkpoint *checkpoint,
		     const struct jem_identity *identity, int folder)
{
	struct jem_buf buf;
	struct jem_json json;
	int status;

	jem_buf_init(&buf, FILE_MAX);
	json = jem_json_to(&buf);
	jem_json_object_begin(&json);
	jem_json_key(&json, "streams");
	jem_json_array_begin(&json);
	for (size_t i = 0; i < streams->count; i++) {
		jem_buf_add_str(&buf, i ? "" : "\n");
		put_stream(&json, streams->at[i], identity);
		jem_buf_add_char(&buf, '\n');
	}
	jem_json_array_end(&json);
	put_true_names(&json, identity);
	put_checkpoint(&json, checkpoint);
	jem_json_object_end(&json);
	jem_buf_add_char(&buf, '\n');
	status = buf.failed ? -ENOMEM : jem_folder_replace(folder, file_name, buf.data, buf.len);
	jem_buf_deinit(&buf);
	return status;
}

/* Reading. A missing number is 0; what is there must be right. */

struct reader {
	struct jem_json_doc doc;
	bool is_bad;
};

static uint64_t get_u64(struct reader *reader, uint32_t object, const char *key)
{
	uint32_t token = jem_json_member(&reader->doc, object, key);
	uint64_t value = 0;

	if (token && (jem_json_get_u64(&reader->doc, token, &value) < 0 || value > JEM_NUMBER_MAX))
		reader->is_bad = true;
	return reader->is_bad ? 0 : value;
}

static void get_str(struct reader *reader, uint32_t object, const char *key, char *ret, size_t size)
{
	uint32_t token = jem_json_member(&reader->doc, object, key);

	ret[0] = '\0';
	if (token && jem_json_get_str(&reader->doc, token, ret, size) < 0)
		reader->is_bad = true;
}

/* Up to `count` numbers of an array; the others stay 0. */
static void get_numbers(struct reader *reader, uint32_t array, uint64_t *ret, size_t count)
{
	const struct jem_json_doc *doc = &reader->doc;
	size_t n = 0;

	memset(ret, 0, count * sizeof(*ret));
	if (!array)
		return;
	if (jem_json_type(doc, array) != JEM_JSON_ARRAY) {
		reader->is_bad = true;
		return;
	}
	for (uint32_t i = jem_json_first(doc, array); i < jem_json_end(doc, array) && n < count;
	     i = jem_json_next(doc, i), n++)
		if (jem_json_get_u64(doc, i, &ret[n]) < 0 || ret[n] > (1ull << 62))
			reader->is_bad = true;
}

static void get_ranges(struct reader *reader, uint32_t object, const char *key,
		       struct jem_ranges *ret)
{
	const struct jem_json_doc *doc = &reader->doc;
	uint32_t array = jem_json_member(doc, object, key);

	if (!array || jem_json_type(doc, array) != JEM_JSON_ARRAY)
		return;
	for (uint32_t i = jem_json_first(doc, array); i < jem_json_end(doc, array);
	     i = jem_json_next(doc, i)) {
		uint64_t pair[2];

		get_numbers(reader, i, pair, 2);
		if (pair[1] < pair[0])
			reader->is_bad = true;
		if (reader->is_bad)
			return;
		jem_ranges_add(ret, pair[0], pair[1]);
	}
}

static void get_dropped(struct reader *reader, uint32_t object, struct jem_stream *stream)
{
	uint32_t dropped = jem_json_member(&reader->doc, object, "dropped");

	for (int i = 0; dropped && i < JEM_CAUSE_COUNT; i++)
		stream->dropped[i] = get_u64(reader, dropped, jem_causes[i]);
}

static void get_state(struct reader *reader, uint32_t object, struct jem_stream *stream)
{
	uint32_t resuming = jem_json_member(&reader->doc, object, "resuming");
	uint64_t pair[2];

	stream->next_seq = get_u64(reader, object, "next_seq");
	stream->told_seq = get_u64(reader, object, "told_seq");
	stream->next_record = get_u64(reader, object, "next_record");
	stream->join_record = get_u64(reader, object, "first_record");
	stream->received = get_u64(reader, object, "received");
	stream->missing.given_up = get_u64(reader, object, "missing_given_up");
	stream->evicted.given_up = get_u64(reader, object, "evicted_given_up");
	stream->thinned.given_up = get_u64(reader, object, "thinned_given_up");
	get_ranges(reader, object, "doubtful", &stream->doubtful);
	get_numbers(reader, resuming, pair, 2);
	stream->is_resuming = resuming != 0;
	stream->resume_seq = pair[0];
	stream->resume_i = pair[1];
	if (stream->join_seq > stream->next_seq || stream->told_seq > stream->next_seq ||
	    stream->join_record > stream->next_record)
		reader->is_bad = true;
}

static void get_stream(struct reader *reader, uint32_t object, struct jem_streams *streams)
{
	char node[JEM_NAME_MAX + 1];
	char epoch[JEM_EPOCH_SIZE];
	char name[16];
	struct jem_stream *stream;
	uint32_t final = jem_json_member(&reader->doc, object, "final");
	int kind;

	get_str(reader, object, "node", node, sizeof(node));
	if (!strcmp(node, unknown_node))
		*node = '\0';
	get_str(reader, object, "epoch", epoch, sizeof(epoch));
	get_str(reader, object, "kind", name, sizeof(name));
	kind = jem_kind_find(name, strlen(name));
	if (kind < 0 || strlen(epoch) != JEM_EPOCH_SIZE - 1 ||
	    (*node && !jem_name_is_valid(node, strlen(node))))
		reader->is_bad = true;
	stream = reader->is_bad ? NULL : jem_streams_add(streams, node, epoch, (enum jem_kind)kind);
	if (!stream) {
		reader->is_bad = true;
		return;
	}
	get_str(reader, object, "true_node", stream->true_node, sizeof(stream->true_node));
	stream->batches = get_u64(reader, object, "batches");
	stream->heartbeats = get_u64(reader, object, "heartbeats");
	stream->records = get_u64(reader, object, "records");
	stream->duplicates = get_u64(reader, object, "duplicates");
	stream->join_seq = get_u64(reader, object, "before_join");
	stream->records_evicted = get_u64(reader, object, "records_evicted");
	get_ranges(reader, object, "missing", &stream->missing);
	get_ranges(reader, object, "evicted", &stream->evicted);
	stream->records_thinned = get_u64(reader, object, "records_thinned");
	get_ranges(reader, object, "thinned", &stream->thinned);
	get_dropped(reader, object, stream);
	if (final)
		jem_json_get_bool(&reader->doc, final, &stream->is_final);
	get_state(reader, object, stream);
}

static void get_checkpoint(struct reader *reader, uint32_t object, struct jem_checkpoint *ret)
{
	uint64_t numbers[4];

	for (int i = 0; i < JEM_KIND_COUNT; i++) {
		get_numbers(reader, jem_json_member(&reader->doc, object, jem_kinds[i].name),
			    numbers, 4);
		ret->at[i] = (struct jem_data_place){ (uint32_t)numbers[0], numbers[1] };
		ret->from[i] = (struct jem_data_place){ (uint32_t)numbers[2], numbers[3] };
	}
	get_numbers(reader, jem_json_member(&reader->doc, object, "job_log"), numbers, 3);
	ret->job_log = (struct jem_data_place){ (uint32_t)numbers[0], numbers[1] };
	ret->job_log_us = numbers[2];
	get_numbers(reader, jem_json_member(&reader->doc, object, "metrics_csv"), numbers, 2);
	ret->metrics_csv = (struct jem_data_place){ (uint32_t)numbers[0], numbers[1] };
	get_numbers(reader, jem_json_member(&reader->doc, object, "calls_log"), numbers, 2);
	ret->calls_log = (struct jem_data_place){ (uint32_t)numbers[0], numbers[1] };
	ret->metric_thinned = (uint32_t)get_u64(reader, object, "metric_thinned");
	jem_prmon_state_get(&reader->doc, jem_json_member(&reader->doc, object, "prmon"),
			    &ret->prmon);
}

static void get_file(struct reader *reader, struct jem_streams *streams,
		     struct jem_checkpoint *checkpoint, struct jem_identity *identity)
{
	const struct jem_json_doc *doc = &reader->doc;
	uint32_t array = jem_json_member(doc, 0, "streams");
	uint32_t names = jem_json_member(doc, 0, "names");

	if (!array || jem_json_type(doc, array) != JEM_JSON_ARRAY) {
		reader->is_bad = true;
		return;
	}
	for (uint32_t i = jem_json_first(doc, array);
	     i < jem_json_end(doc, array) && !reader->is_bad; i = jem_json_next(doc, i)) {
		get_str(reader, i, "site", identity->names.site, JEM_NAME_MAX + 1);
		get_str(reader, i, "user", identity->names.user, JEM_NAME_MAX + 1);
		get_str(reader, i, "job", identity->names.job, JEM_NAME_MAX + 1);
		get_stream(reader, i, streams);
	}
	if (names) {
		get_str(reader, names, "site", identity->true_site, JEM_TRUE_NAME_SIZE);
		get_str(reader, names, "user", identity->true_user, JEM_TRUE_NAME_SIZE);
		get_str(reader, names, "job", identity->true_job, JEM_TRUE_NAME_SIZE);
	}
	get_checkpoint(reader, jem_json_member(doc, 0, "checkpoint"), checkpoint);
}

static int read_whole(int folder, struct jem_buf *buf)
{
	auto_close int fd = jem_folder_open_file(folder, file_name, O_RDONLY);
	struct stat st;
	char *text;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0 || st.st_size > FILE_MAX)
		return -EBADMSG;
	text = jem_buf_extend(buf, (size_t)st.st_size);
	if (!text)
		return -ENOMEM;
	return read(fd, text, (size_t)st.st_size) == (ssize_t)st.st_size ? 0 : -EIO;
}

int jem_streams_load(struct jem_streams *streams, struct jem_checkpoint *checkpoint,
		     struct jem_identity *identity, int folder, struct jem_err *err)
{
	struct reader reader = { .is_bad = false };
	struct jem_buf buf;
	int status;

	*checkpoint = (struct jem_checkpoint){ 0 };
	jem_buf_init(&buf, FILE_MAX);
	jem_json_doc_init(&reader.doc);
	status = read_whole(folder, &buf);
	if (status == 0)
		status = jem_json_read(&reader.doc, buf.data, buf.len, err);
	if (status == 0) {
		get_file(&reader, streams, checkpoint, identity);
		if (reader.is_bad)
			status = jem_err_set(err, -EBADMSG, "it is not as a receiver writes it");
	}
	if (status < 0) {
		jem_streams_deinit(streams);
		*checkpoint = (struct jem_checkpoint){ 0 };
	}
	jem_json_doc_deinit(&reader.doc);
	jem_buf_deinit(&buf);
	return status;
}
