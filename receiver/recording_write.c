/* SPDX-License-Identifier: Apache-2.0 */
/* How a recording's batches get into the files, and when they are settled: the order of writing. */
#include "common/log.h"
#include "receiver/data_line.h"
#include "receiver/recording_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	IN_FLIGHT_MAX = 4096, /* batches that a publisher has unsettled at most */
};

/* Settling */

static void count_outcome(struct jem_receiver_stats *stats, const struct jem_ticket *ticket,
			  bool is_written)
{
	if (!is_written)
		return; /* counted as it is given back */
	if (ticket->is_new) {
		stats->written++;
		stats->records += ticket->lines;
	} else {
		stats->duplicates++;
	}
}

static struct jem_tickets take(struct jem_tickets *tickets)
{
	struct jem_tickets taken = *tickets;

	*tickets = (struct jem_tickets){ 0 };
	return taken;
}

/* From the last to the first: each is the highest of its stream when it is taken back. */
static void unsee(const struct jem_tickets *tickets)
{
	for (size_t i = tickets->count; i-- > 0;)
		if (tickets->at[i].is_new) {
			jem_stream_unsee(tickets->at[i].stream, &tickets->at[i].mark);
			tickets->at[i].stream->records -= tickets->at[i].lines;
		}
}

/* Of tickets that were taken and, if they are not written, unseen. */
static void settle(struct jem_recording *recording, const struct jem_tickets *taken,
		   bool is_written)
{
	struct jem_recording_common *common = recording->common;

	for (size_t i = 0; i < taken->count; i++) {
		count_outcome(&common->stats, &taken->at[i], is_written);
		common->on_settle(common->arg, taken->at[i].ticket,
				  is_written ? JEM_OUTCOME_ACCEPTED : JEM_OUTCOME_RELEASED);
	}
}

/* The usual case: the memory is used again. */
static void give_back(struct jem_tickets *home, struct jem_tickets *taken)
{
	if (taken->cap && taken->cap <= 1024 && !home->at)
		*home = (struct jem_tickets){ .at = taken->at, .cap = taken->cap };
	else
		free(taken->at);
}

/* Joining */

static void add_joined(struct jem_recording *recording, const struct jem_joined *joined,
		       const struct jem_buf *text, struct jem_json_doc *doc, uint64_t now_ms)
{
	struct jem_stream *stream =
		jem_streams_find(&recording->streams, joined->epoch, joined->kind);
	struct jem_head head = { .kind = joined->kind,
				 .seq = joined->seq,
				 .t0_us = joined->t_us,
				 .mono_ns = joined->mono_ns };
	struct jem_data_writer writer;
	struct jem_err err;
	int status = jem_json_read(doc, text->data, text->len, &err);

	if (status == 0)
		status = jem_batch_check_record(doc, 0, &err);
	if (status < 0 || !stream) {
		jem_job_log_note(&recording->log, joined->t_us, now_ms,
				 "a %s record in parts is not valid (%s), left out",
				 jem_kinds[joined->kind].name, err.text);
		return;
	}
	memcpy(head.epoch, joined->epoch, sizeof(head.epoch));
	jem_data_writer_init(&writer, &head);
	if (recording->common->files & JEM_FILE_DATA)
		jem_data_writer_add(&writer, &recording->files[joined->kind].pending, joined->i, 0,
				    text->data + doc->tokens[0].start,
				    doc->tokens[0].end - doc->tokens[0].start);
	stream->records++;
	jem_recording_derive(recording, stream, joined->t_us, doc, 0, now_ms);
}

static void join_parts(struct jem_recording *recording, uint64_t now_ms)
{
	struct jem_json_doc doc;
	struct jem_joined joined;
	struct jem_buf text;

	if (!recording->parts.set_count)
		return;
	jem_buf_init(&text, 0);
	jem_json_doc_init(&doc);
	while (jem_parts_join(&recording->parts, recording->data, &text, &joined) > 0)
		add_joined(recording, &joined, &text, &doc, now_ms);
	jem_json_doc_deinit(&doc);
	jem_buf_deinit(&text);
}

/* Records joined in this pass count only once they are written. */
static void uncount_joined(struct jem_recording *recording, enum jem_kind kind)
{
	for (size_t i = 0; i < recording->parts.set_count; i++) {
		const struct jem_part_set *set = &recording->parts.sets[i];
		struct jem_stream *stream;

		if (!set->is_joined || set->kind != kind)
			continue;
		stream = jem_streams_find(&recording->streams, set->epoch, kind);
		if (stream)
			stream->records--;
	}
}

/* Writing */

static void note_failure(struct jem_recording *recording, int status, uint64_t now_ms)
{
	const struct jem_source_names *names = &recording->identity.names;

	if (!recording->failed_ms)
		log_warning("cannot write the files of job %s/%s/%s: %s, retrying every second",
			    names->site, names->user, names->job, strerror(-status));
	recording->failed_ms = now_ms;
}

static void note_success(struct jem_recording *recording)
{
	const struct jem_source_names *names = &recording->identity.names;

	if (recording->failed_ms)
		log_info("job %s/%s/%s is written again", names->site, names->user, names->job);
	recording->failed_ms = 0;
}

/* Writes each kind's lines: a mask of the kinds that failed. */
static uint32_t write_kinds(struct jem_recording *recording, int status, uint64_t now_ms)
{
	uint32_t failed = 0;

	for (int kind = 0; kind < JEM_KIND_COUNT; kind++) {
		struct jem_data_file *file = &recording->files[kind];
		size_t len = file->pending.len;
		int result = status;

		if (result == 0)
			result = jem_data_file_write(file, recording->data);
		if (kind == JEM_KIND_call)
			jem_recording_calls_written(recording, len, result == 0);
		if (result < 0) {
			failed |= 1u << kind;
			note_failure(recording, result, now_ms);
			uncount_joined(recording, (enum jem_kind)kind);
			jem_buf_clear(&file->pending);
		}
		jem_parts_commit(&recording->parts, (enum jem_kind)kind, result == 0);
	}
	return failed;
}

static bool wants_checkpoint(const struct jem_recording *recording, uint64_t now_ms)
{
	if (!recording->is_changed)
		return false;
	return recording->wants_checkpoint ||
	       recording->parts.file.size > recording->parts.max_bytes ||
	       (recording->noted.count && now_ms - recording->noted_ms >= 1000) ||
	       now_ms - recording->checkpoint_ms >= JEM_CHECKPOINT_MS;
}

/* Where the lines begin that records in parts.jsonl may have become. */
static void note_parts(struct jem_recording *recording)
{
	if (recording->parts.file.size || !recording->parts.file.pending.len)
		return;
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++)
		recording->parts_from[kind] = jem_data_file_place(&recording->files[kind]);
}

/* What is made from data/ and not settled by anything: job.log, calls.log, metrics.csv, prmon.txt. */
static void write_derived(struct jem_recording *recording, bool is_all, uint64_t now_ms)
{
	unsigned files = recording->common->files;

	if (files & JEM_FILE_LOG)
		jem_job_log_emit(&recording->log, recording->folder, now_ms, false);
	if (files & JEM_FILE_CALLS)
		jem_calls_log_write(&recording->calls, recording->folder);
	if (files & JEM_FILE_METRICS)
		jem_metrics_csv_write(&recording->csv, recording->folder, is_all);
	if (files & JEM_FILE_PRMON)
		jem_job_prmon_write(&recording->prmon, recording->folder);
}

/* Usually a tick writes these; in a flood that would be much at a time. */
static void write_crowded(struct jem_recording *recording, uint64_t now_ms)
{
	if (jem_job_log_is_crowded(&recording->log) ||
	    recording->calls.file.pending.len > recording->common->write_bytes ||
	    recording->csv.file.pending.len > recording->common->write_bytes ||
	    recording->prmon.file.pending.len > recording->common->write_bytes)
		write_derived(recording, false, now_ms);
}

/*
 * Settles what was written and what was not. Callbacks may bring in the next batches, which are seen
 * but not written: so the lists are taken, and streams.json is written, before the first of them.
 */
static void end_write(struct jem_recording *recording, int status, uint32_t failed, uint64_t now_ms)
{
	struct jem_tickets taken[JEM_KIND_COUNT];
	struct jem_tickets noted = { 0 };
	int saved = 0;

	for (int kind = 0; kind < JEM_KIND_COUNT; kind++) {
		taken[kind] = take(&recording->written[kind]);
		if (failed & 1u << kind)
			unsee(&taken[kind]);
	}
	/* A part that was lost with a failed write is unseen with its batch. */
	if (status < 0) {
		noted = take(&recording->noted);
		unsee(&noted);
	} else {
		if (wants_checkpoint(recording, now_ms)) {
			saved = jem_recording_save(recording, now_ms);
			noted = take(&recording->noted);
			if (saved < 0)
				unsee(&noted);
		}
		jem_recording_keep_budget(recording, now_ms);
	}
	settle(recording, &noted, status == 0 && saved == 0);
	give_back(&recording->noted, &noted);
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++) {
		settle(recording, &taken[kind], !(failed & 1u << kind));
		give_back(&recording->written[kind], &taken[kind]);
	}
}

int jem_recording_write(struct jem_recording *recording, uint64_t now_ms)
{
	int status = jem_recording_resume(recording);
	uint32_t failed;

	note_parts(recording);
	if (status == 0)
		status = jem_parts_write(&recording->parts, recording->data);
	else
		jem_buf_clear(&recording->parts.file.pending);
	if (status == 0)
		join_parts(recording, now_ms);
	failed = write_kinds(recording, status, now_ms);
	jem_job_log_commit(&recording->log, failed);
	jem_calls_log_commit(&recording->calls, !(failed & 1u << JEM_KIND_call));
	if (failed & 1u << JEM_KIND_metric)
		jem_metrics_csv_drop(&recording->csv);
	jem_job_prmon_commit(&recording->prmon, !(failed & 1u << JEM_KIND_metric));
	if (!failed)
		note_success(recording);
	if (status == 0)
		write_crowded(recording, now_ms);
	end_write(recording, status, failed, now_ms);
	return failed ? -EIO : 0;
}

/* Checkpoints */

void jem_recording_note_history(struct jem_recording *recording, uint64_t now_ms)
{
	struct jem_history *entry = &recording->history[recording->history_next++ % JEM_HISTORY];

	entry->ms = now_ms;
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++)
		entry->at[kind] = jem_data_file_place(&recording->files[kind]);
}

/* The latest noted places before the longest waiting line of job.log came. */
static const struct jem_history *find_history(const struct jem_recording *recording,
					      uint64_t oldest_ms)
{
	const struct jem_history *found = NULL;

	for (int i = 0; i < JEM_HISTORY; i++) {
		const struct jem_history *entry = &recording->history[i];

		/* Unused places are all zero: from the very beginning. */
		if (entry->ms <= oldest_ms && (!found || entry->ms > found->ms))
			found = entry;
	}
	return found;
}

static bool is_before(const struct jem_data_place *a, const struct jem_data_place *b)
{
	return a->segment < b->segment || (a->segment == b->segment && a->bytes < b->bytes);
}

static void fill_checkpoint(struct jem_recording *recording, struct jem_checkpoint *ret)
{
	uint64_t oldest_ms = jem_job_log_oldest_ms(&recording->log);
	const struct jem_history *from = find_history(recording, oldest_ms);

	*ret = (struct jem_checkpoint){
		.job_log = jem_data_file_place(&recording->log.file),
		.job_log_us = recording->log.emitted_us,
		.calls_log = jem_data_file_place(&recording->calls.file),
		.metrics_csv = jem_data_file_place(&recording->csv.file),
		.metric_thinned = recording->files[JEM_KIND_metric].thinned,
		.prmon = jem_job_prmon_state(&recording->prmon),
	};
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++) {
		const struct jem_data_place *parts = &recording->parts_from[kind];

		ret->at[kind] = ret->from[kind] = jem_data_file_place(&recording->files[kind]);
		if (from && oldest_ms != UINT64_MAX)
			ret->from[kind] = from->at[kind];
		if (recording->parts.file.size && is_before(parts, &ret->from[kind]))
			ret->from[kind] = *parts;
		/* What is derived from columns is not read for job.log's sake. */
		if (jem_kinds[kind].encoding == JEM_ENCODING_CBOR)
			ret->from[kind] = ret->at[kind];
	}
	ret->from[JEM_KIND_call] = jem_recording_calls_from(recording);
}

/* What is older than anything a publisher may still have unsettled comes no more. */
static void settle_doubts(struct jem_recording *recording)
{
	for (size_t i = 0; i < recording->streams.count; i++) {
		struct jem_stream *stream = recording->streams.at[i];
		struct jem_ranges *doubtful = &stream->doubtful;

		while (doubtful->count && doubtful->at[0].first + IN_FLIGHT_MAX < stream->next_seq)
			jem_ranges_remove(doubtful, doubtful->at[0].first);
	}
}

static bool has_doubts(const struct jem_recording *recording)
{
	for (size_t i = 0; i < recording->streams.count; i++)
		if (recording->streams.at[i]->doubtful.count)
			return true;
	return false;
}

bool jem_recording_is_settled(const struct jem_recording *recording)
{
	for (int kind = 0; kind < JEM_KIND_COUNT; kind++)
		if (recording->written[kind].count)
			return false;
	return !recording->parts.file.pending.len;
}

/* It grows by what is removed and missing: the bound on the folder has to know at once. */
static uint64_t streams_bytes(const struct jem_recording *recording)
{
	struct stat st;

	if (fstatat(recording->folder, "streams.json", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return (uint64_t)st.st_size;
}

int jem_recording_save(struct jem_recording *recording, uint64_t now_ms)
{
	struct jem_checkpoint checkpoint;
	int status = jem_recording_resume(recording);

	if (status == 0) {
		write_derived(recording, true, now_ms);
		if (recording->common->files & JEM_FILE_PRMON)
			jem_job_prmon_save(&recording->prmon, recording->folder);
		settle_doubts(recording);
		fill_checkpoint(recording, &checkpoint);
		status = jem_streams_save(&recording->streams, &checkpoint, &recording->identity,
					  recording->folder);
	}
	recording->checkpoint_ms = now_ms;
	recording->wants_checkpoint = status < 0;
	if (status < 0) {
		note_failure(recording, status, now_ms);
		return status;
	}
	recording->is_changed = false;
	recording->streams_bytes = streams_bytes(recording);
	if (!has_doubts(recording))
		jem_parts_trim(&recording->parts, recording->data);
	return 0;
}

int jem_recording_checkpoint(struct jem_recording *recording, uint64_t now_ms)
{
	int status = jem_recording_save(recording, now_ms);
	struct jem_tickets noted = take(&recording->noted);

	if (status < 0)
		unsee(&noted);
	else
		note_success(recording);
	settle(recording, &noted, status == 0);
	give_back(&recording->noted, &noted);
	return status;
}

void jem_recording_tick(struct jem_recording *recording, uint64_t now_ms)
{
	if (recording->failed_ms && now_ms - recording->failed_ms < JEM_RETRY_MS)
		return;
	if (!recording->is_changed && !recording->log.count && !recording->calls.file.pending.len)
		return;
	if (jem_recording_resume(recording) < 0)
		return;
	/* What a callback brought in meanwhile is written first, at the end of the pass. */
	if (!jem_recording_is_settled(recording))
		return;
	jem_recording_note_history(recording, now_ms);
	write_derived(recording, true, now_ms);
	jem_recording_keep_budget(recording, now_ms);
	if (wants_checkpoint(recording, now_ms))
		jem_recording_checkpoint(recording, now_ms);
}

void jem_recording_finish(struct jem_recording *recording, uint64_t now_ms)
{
	jem_recording_write(recording, now_ms);
	jem_recording_catch_up(recording, 0);
	if (recording->folder < 0)
		return;
	recording->is_changed |= recording->log.count > 0;
	for (int i = 0; i < 2; i++) { /* what made room is told, and told within the bound */
		if (recording->common->files & JEM_FILE_LOG)
			jem_job_log_emit(&recording->log, recording->folder, now_ms, true);
		if (!jem_recording_is_settled(recording))
			return;
		jem_recording_keep_budget(recording, now_ms);
	}
	if (recording->is_changed || recording->noted.count)
		jem_recording_checkpoint(recording, now_ms);
}
